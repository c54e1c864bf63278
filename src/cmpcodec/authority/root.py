"""Makes the self-signed certificate of a new CA, and those that sign its messages and the keys that it generates.

RFC 5280, 4.1 and 4.2.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .. import oids
from ..asn1 import ObjectIdentifier
from ..enveloping.generating import SIGNING
from ..pkix import (
    AuthorityKeyIdentifier,
    BasicConstraints,
    Certificate,
    ExtKeyUsageSyntax,
    KeyUsage,
    Name,
    SubjectPublicKeyInfo,
    Version,
)
from ..protection.signatures import PrivateKey, algorithm_for, digest_for
from .building import fresh_serial, key_identifier, opened, signed, time_for, time_of
from .schema import TBSCertificate, extension
from .trust import find

GENERATORS: Final = SIGNING
"""Kinds of keys that `create_ca` makes."""


class Role(NamedTuple):
    """What a CA's helper signs."""

    name: str
    """The commonName of its certificate."""
    purpose: ObjectIdentifier
    """The extended key usage that entitles it."""


MESSAGES: Final = Role("CMP", ObjectIdentifier(oids.ID_KP_CMC_CA))
"""Signs the CA's messages: RFC 9483, 3.6.4."""
KEY_GENERATION: Final = Role("KGA", ObjectIdentifier(oids.ID_KP_CM_KGA))
"""Signs the private keys that are generated for requesters: RFC 9483, 4.1.6."""


def create_ca(
    subject: Name | str,
    algorithm: str = "ec-p256",
    *,
    days: int = 3650,
    now: datetime | None = None,
) -> tuple[PrivateKey, Certificate]:
    """A new key of that kind (of `GENERATORS`) and its self-signed CA certificate, valid for `days`.

    `subject` is a Name, or text after RFC 4514 such as ``CN=Device CA,O=Example``. The CA may issue certificates to end
    entities only (pathLenConstraint 0), and sign CRLs. Raises ValueError for an unknown algorithm, an empty or
    malformed subject, or days that are not 1 to 36525.
    """
    if algorithm not in GENERATORS:
        raise ValueError(f"algorithm: {algorithm!r} is none of {', '.join(GENERATORS)}")
    if not 1 <= days <= 36_525:
        raise ValueError("days: expected 1 to 36525")
    name = _name(subject) if isinstance(subject, str) else subject
    if not len(name):
        raise ValueError("subject: a CA needs a name")
    key = GENERATORS[algorithm]()
    info = _info(key)
    start = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    content = TBSCertificate.from_plain(
        {
            "version": Version.V3,
            "serial_number": fresh_serial(),
            "signature": algorithm_for(key, digest_for(key)),
            "issuer": name,
            "validity": {
                "not_before": time_for(start - timedelta(hours=1)),
                "not_after": time_for(start + timedelta(days=days)),
            },
            "subject": name,
            "subject_public_key_info": info,
            "extensions": [
                extension(
                    oids.ID_CE_BASIC_CONSTRAINTS, BasicConstraints(ca=True, path_len_constraint=0), critical=True
                ),
                extension(oids.ID_CE_KEY_USAGE, KeyUsage.KEY_CERT_SIGN | KeyUsage.CRL_SIGN, critical=True),
                extension(oids.ID_CE_SUBJECT_KEY_IDENTIFIER, key_identifier(info)),
            ],
        }
    )
    return key, signed(content, key)


def create_signer(
    ca_key: PrivateKey, ca: Certificate, *, role: Role = MESSAGES, now: datetime | None = None
) -> tuple[PrivateKey, Certificate]:
    """A new EC key (P-256) for the CA's messages, or in another `role`, and its certificate, valid as long as the CA's.

    The CA's own key signs certificates and CRLs only (RFC 9810, 8.6). The certificate's subject is the CA's with the
    name of the role before it, its extKeyUsage that of the role. ValueError if the CA has expired.
    """
    parent = opened(ca).tbs_certificate
    start = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    end = time_of(parent.validity.not_after)
    if end <= start:
        raise ValueError("the certificate of the CA has expired")
    key = GENERATORS["ec-p256"]()
    info = _info(key)
    own = find(parent, oids.ID_CE_SUBJECT_KEY_IDENTIFIER)
    identifier = own if isinstance(own, bytes) else key_identifier(parent.subject_public_key_info)
    content = TBSCertificate.from_plain(
        {
            "version": Version.V3,
            "serial_number": fresh_serial(),
            "signature": algorithm_for(ca_key, digest_for(ca_key)),
            "issuer": parent.subject,
            "validity": {
                "not_before": time_for(max(start - timedelta(hours=1), time_of(parent.validity.not_before))),
                "not_after": time_for(end),
            },
            "subject": Name([*parent.subject, *_name(f"CN={role.name}")]),
            "subject_public_key_info": info,
            "extensions": [
                extension(oids.ID_CE_KEY_USAGE, KeyUsage.DIGITAL_SIGNATURE, critical=True),
                extension(oids.ID_CE_EXT_KEY_USAGE, ExtKeyUsageSyntax([role.purpose])),
                extension(oids.ID_CE_SUBJECT_KEY_IDENTIFIER, key_identifier(info)),
                extension(oids.ID_CE_AUTHORITY_KEY_IDENTIFIER, AuthorityKeyIdentifier(key_identifier=identifier)),
            ],
        }
    )
    return key, signed(content, ca_key)


def _info(key: PrivateKey) -> SubjectPublicKeyInfo:
    return SubjectPublicKeyInfo.decode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _name(text: str) -> Name:
    try:
        return Name.decode(x509.Name.from_rfc4514_string(text).public_bytes())
    except ValueError as error:
        raise ValueError(f"subject: {text!r} is no name after RFC 4514, such as CN=Device CA,O=Example") from error
