"""A certificate as trust is decided about: names, key identifiers, validity, usages, and whether it issued another.

RFC 5280, 4.1 and 4.2. `cryptography` reads; one that cannot be read is a ValueError here. Whom to trust is not decided.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from ..asn1 import TLV, BitString, Limits, Sequence
from ..errors import DecodeError, InvalidProtection, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, Certificate, Name
from .keys import UNREADABLE, PublicKey, usable
from .policy import ProtectionPolicy
from .signatures import admit, admit_key, read, verify_with

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

# What is looked at here, and what can only widen what a path is good for: policies count for nothing as long as nobody
# demands one (RFC 5280, 6.1.1), and names beside the subject are not asked for.
_UNDERSTOOD: Final = frozenset(
    (
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    )
)


class _Signed(Sequence):
    """A Certificate as a signature over octets. RFC 5280, 4.1.1."""

    tbs_certificate: TLV
    signature_algorithm: AlgorithmIdentifier
    signature: BitString


class Opened:
    """One certificate, read. Reading an attribute never fails; `public_key` and `issued` do, in words."""

    __slots__ = (
        "authority_key",
        "certificate",
        "constraints",
        "issuer",
        "key_identifier",
        "not_after",
        "not_before",
        "obstacle",
        "purposes",
        "subject",
        "usage",
        "x509",
    )

    def __init__(self, certificate: Certificate) -> None:
        read = self.x509 = certificate.load()
        self.certificate = certificate
        self.subject = Name.decode(read.subject.public_bytes())
        self.issuer = Name.decode(read.issuer.public_bytes())
        self.not_before: datetime = read.not_valid_before_utc
        self.not_after: datetime = read.not_valid_after_utc
        extensions = read.extensions
        self.obstacle = _obstacle(extensions)
        self.constraints = _value(extensions, x509.BasicConstraints)
        self.usage = _value(extensions, x509.KeyUsage)
        purposes = _value(extensions, x509.ExtendedKeyUsage)
        self.purposes = None if purposes is None else frozenset(one.dotted_string for one in purposes)
        own, above = (
            _value(extensions, x509.SubjectKeyIdentifier),
            _value(extensions, x509.AuthorityKeyIdentifier),
        )
        self.key_identifier = None if own is None else own.digest
        self.authority_key = None if above is None else above.key_identifier

    @property
    def der(self) -> bytes:
        """The certificate as it came: what tells certificates apart."""
        return self.certificate.der

    @property
    def self_issued(self) -> bool:
        """Whether it names itself as its issuer."""
        return self.subject == self.issuer

    @property
    def text(self) -> str:
        """The subject, as text that is safe to show."""
        return repr(self.subject.rfc4514())

    def public_key(self, policy: ProtectionPolicy) -> PublicKey:
        """The public key, if signatures can be verified with it and the policy admits it; else UnsupportedAlgorithm."""
        try:
            key = usable(self.x509.public_key())
        except UNREADABLE as error:
            raise UnsupportedAlgorithm(f"the public key of {self.text} cannot be read") from error
        admit_key(key, policy)
        return key

    def issued(self, other: Opened, policy: ProtectionPolicy) -> bool:
        """Whether the key of this certificate made the signature of the other one; one signature is computed.

        Raises UnsupportedAlgorithm if the policy admits the key or the signature not.
        """
        signed = _Signed.decode(other.der, limits=Limits(max_size=len(other.der)))
        scheme = read(signed.signature_algorithm)
        admit(scheme, policy)
        try:
            verify_with(self.public_key(policy), scheme, signed.tbs_certificate.der, signed.signature)
        except InvalidProtection:
            return False
        return True


def opened(certificate: Certificate) -> Opened:
    """Read a certificate; ValueError if it is none, or not in strict DER."""
    try:
        _Signed.decode(certificate.der, limits=Limits(max_size=len(certificate.der)))
        return Opened(certificate)
    except DecodeError:
        raise
    except (*UNREADABLE, KeyError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:  # KeyError: 42
        raise ValueError(f"a certificate cannot be read: {error}") from error


def _value(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _obstacle(extensions: x509.Extensions) -> str | None:
    """Why no path may lead over a certificate with these extensions, None if nothing is in the way."""
    for one in extensions:
        if one.oid == ExtensionOID.NAME_CONSTRAINTS:
            return "has name constraints, which are not evaluated here"
        if one.critical and one.oid not in _UNDERSTOOD:
            return f"has the critical extension {one.oid.dotted_string[:80]}, which is not known here"
    return None
