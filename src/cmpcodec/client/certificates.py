"""What the client reads in certificates: names, serial number, key, extensions, octet by octet; and which issued which.

Certificates come from anywhere: nothing here makes one trusted. It knows X.509, not CMP.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.exceptions import UnsupportedAlgorithm as NotInThisOpenSSL

from .. import oids
from ..asn1 import TLV, SequenceOf
from ..errors import CMPError, DecodeError
from ..pkix import AuthorityKeyIdentifier, Certificate, Extension, Extensions, Name, SubjectPublicKeyInfo
from ..protection.signatures import load_public_key

_VERSION_TAG: Final = 0xA0
_EXTENSIONS_TAG: Final = 0xA3
_INTEGER_TAG: Final = 0x02
_MAX_CHAIN: Final = 10
_MAX_SIGNATURES: Final = 64
"""Signatures verified for one chain: extraCerts are anybody's, and shall not cost us more."""


class _Elements(SequenceOf[TLV]):
    """Any SEQUENCE, as the elements that it has."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """The parts of a certificate that a request repeats, exactly as they are encoded there. RFC 5280, 4.1."""

    serial_number: int
    issuer: Name
    subject: Name
    public_key: SubjectPublicKeyInfo
    extensions: tuple[Extension, ...]

    @property
    def self_issued(self) -> bool:
        """Whether issuer and subject are the same."""
        return self.issuer == self.subject

    def extension(self, oid: str) -> Extension | None:
        """The extension of that type."""
        return next((one for one in self.extensions if one.extn_id == oid), None)


def facts(certificate: Certificate) -> CertificateFacts:
    """Take a certificate apart; DecodeError if it is none."""
    try:
        elements = _Elements.decode(_Elements.decode(certificate.der)[0].der)[:]
        if elements[0].tag == _VERSION_TAG:
            elements = elements[1:]
        serial, _, issuer, _, subject, key = elements[:6]
        if serial.tag != _INTEGER_TAG:
            raise ValueError("no serial number")
        extensions: tuple[Extension, ...] = ()
        if elements[-1].tag == _EXTENSIONS_TAG:
            extensions = Extensions.decode(elements[-1].content)[:]
        return CertificateFacts(
            serial_number=int.from_bytes(serial.content, signed=True),
            issuer=Name.decode(issuer.der),
            subject=Name.decode(subject.der),
            public_key=SubjectPublicKeyInfo.decode(key.der),
            extensions=extensions,
        )
    except (ValueError, IndexError) as error:  # a DecodeError is a ValueError
        raise DecodeError(type(certificate).__name__, f"not an X.509 certificate ({error})", 0) from error


def same_key(one: SubjectPublicKeyInfo, other: SubjectPublicKeyInfo) -> bool:
    """Whether both are the same public key, even if one has NULL parameters where the other has none."""
    if one == other:
        return True
    try:
        return load_public_key(one) == load_public_key(other)
    except CMPError:
        return False


def build_chain(certificate: Certificate, candidates: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """The issuer of `certificate`, then that one's issuer, and so on, as far as `candidates` reach.

    Each is there because it has the name and the key that the certificate before it was signed with; none is trusted
    for that. Self-signed certificates are left out, as a chain that is sent to others needs none. Candidates that
    cannot be read are passed over.
    """
    known: dict[bytes, tuple[Certificate, CertificateFacts]] = {}
    for candidate in candidates:
        try:
            known[candidate.der] = candidate, facts(candidate)
        except DecodeError:
            continue
    chain: list[Certificate] = []
    attempts = _MAX_SIGNATURES
    last = certificate
    while len(chain) < _MAX_CHAIN:
        try:
            wanted = facts(last)
        except DecodeError:
            break
        if wanted.self_issued:
            break
        for candidate, found in known.values():
            if found.subject != wanted.issuer or not _key_identifiers_fit(wanted, found):
                continue
            if not attempts:
                return tuple(chain)
            attempts -= 1
            if _signed(last, candidate, found):
                break
        else:
            break
        del known[candidate.der]
        last = candidate
        if not found.self_issued:
            chain.append(candidate)
    return tuple(chain)


def _key_identifiers_fit(certificate: CertificateFacts, issuer: CertificateFacts) -> bool:
    """False if both name the issuer's key and name it differently. RFC 5280, 4.2.1.1."""
    authority = certificate.extension(oids.ID_CE_AUTHORITY_KEY_IDENTIFIER)
    subject = issuer.extension(oids.ID_CE_SUBJECT_KEY_IDENTIFIER)
    if authority is None or subject is None:
        return True
    try:
        wanted, there = authority.opened(), subject.opened()
    except DecodeError:
        return True
    if not isinstance(wanted, AuthorityKeyIdentifier) or wanted.key_identifier is None:
        return True
    return wanted.key_identifier == there


def _signed(certificate: Certificate, issuer: Certificate, found: CertificateFacts) -> bool:
    """Whether the issuer's key signed the certificate; keys that cost too much did not."""
    try:
        load_public_key(found.public_key)
        certificate.load().verify_directly_issued_by(issuer.load())
    except (CMPError, ValueError, TypeError, InvalidSignature, NotInThisOpenSSL):
        return False
    return True
