"""A certificate as trust is decided about: names, key identifiers, validity, usages, and whether it issued another.

RFC 5280, 4.1 and 4.2. `cryptography` reads; one that cannot be read is a ValueError here. Whom to trust is not decided.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from .. import oids
from ..asn1 import TLV, BitString, Explicit, Implicit, Limits, Sequence
from ..errors import DecodeError, InvalidProtection, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, Certificate, Name, RSASSA_PSS_params, SubjectPublicKeyInfo
from .keys import UNREADABLE, PublicKey, usable
from .policy import ProtectionPolicy
from .signatures import admit, admit_key, read, verify_with
from .spending import Spending

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


class Signed(Sequence):
    """A Certificate as a signature over octets. RFC 5280, 4.1.1."""

    tbs_certificate: TLV
    signature_algorithm: AlgorithmIdentifier
    signature: BitString


class _Content(Sequence):
    """A TBSCertificate, of which the algorithms lie open. RFC 5280, 4.1.2."""

    version: Annotated[int | None, Explicit(0)] = None
    serial_number: int
    signature: AlgorithmIdentifier
    issuer: TLV
    validity: TLV
    subject: TLV
    subject_public_key_info: SubjectPublicKeyInfo
    issuer_unique_id: Annotated[BitString | None, Implicit(1)] = None
    subject_unique_id: Annotated[BitString | None, Implicit(2)] = None
    extensions: Annotated[TLV | None, Explicit(3)] = None


def outside(certificate: Certificate) -> Signed:
    """What is signed in a certificate, how, and the signature; DecodeError if that is not strict DER."""
    return Signed.decode(certificate.der, limits=Limits(max_size=len(certificate.der)))


def signed_part(certificate: Certificate) -> bytes:
    """What the issuer signed: what a certificate is told apart by where others must not be able to make it anew.

    Of a signature by ECDSA anybody can make a second one. Raises DecodeError as `outside`.
    """
    return outside(certificate).tbs_certificate.der


class Opened:
    """One certificate, read. Reading an attribute never fails; `public_key` and `issued` do, in words."""

    __slots__ = (
        "authority_key",
        "certificate",
        "constraints",
        "issuer",
        "key_algorithm",
        "key_identifier",
        "not_after",
        "not_before",
        "obstacle",
        "purposes",
        "signed",
        "subject",
        "usage",
        "x509",
    )

    def __init__(self, certificate: Certificate) -> None:
        self.signed = outside(certificate)
        read = self.x509 = certificate.load()
        self.certificate = certificate
        self.key_algorithm = _content(self.signed).subject_public_key_info.algorithm
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

    def admit(self, algorithm: AlgorithmIdentifier) -> None:
        """Return if the key is for signatures of that algorithm; else UnsupportedAlgorithm. RFC 4055, 1.2 and 3.1."""
        own = self.key_algorithm
        if own.algorithm != oids.ID_RSASSA_PSS:
            return
        bounds, asked = own.parameters, algorithm.parameters
        if algorithm.algorithm != oids.ID_RSASSA_PSS or not isinstance(asked, RSASSA_PSS_params):
            raise UnsupportedAlgorithm(f"the key of {self.text} is for RSASSA-PSS only")
        if bounds is None:
            return
        if not isinstance(bounds, RSASSA_PSS_params):
            raise UnsupportedAlgorithm(f"the parameters of the key of {self.text} are no RSASSA-PSS-params")
        functions = (bounds.hash_algorithm.algorithm, _mask(bounds))
        if functions != (asked.hash_algorithm.algorithm, _mask(asked)) or asked.salt_length < bounds.salt_length:
            raise UnsupportedAlgorithm(f"the key of {self.text} is for another hash or a longer salt of RSASSA-PSS")

    def issued(self, other: Opened, policy: ProtectionPolicy, spending: Spending) -> bool:
        """Whether the key of this certificate made the signature of the other one; one signature is computed.

        Raises UnsupportedAlgorithm if the policy admits the key or the signature not, TooCostly as `spending` says.
        """
        signed = other.signed
        if _content(signed).signature != signed.signature_algorithm:  # RFC 5280, 4.1.1.2
            raise UnsupportedAlgorithm(f"the certificate of {other.text} names two algorithms of its signature")
        scheme = read(signed.signature_algorithm)
        admit(scheme, policy)
        self.admit(signed.signature_algorithm)
        key = self.public_key(policy)
        spending.verify(key)
        try:
            verify_with(key, scheme, signed.tbs_certificate.der, signed.signature)
        except InvalidProtection:
            return False
        return True


def opened(certificate: Certificate) -> Opened:
    """Read a certificate; ValueError if it is none, or not in strict DER."""
    try:
        return Opened(certificate)
    except DecodeError:
        raise
    except (*UNREADABLE, KeyError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:  # KeyError: 42
        raise ValueError(f"a certificate cannot be read: {error}") from error


def _content(signed: Signed) -> _Content:
    der = signed.tbs_certificate.der
    return _Content.decode(der, limits=Limits(max_size=len(der)))


def _mask(parameters: RSASSA_PSS_params) -> tuple[object, object]:
    """The mask generation function, and the hash inside."""
    mask = parameters.mask_gen_algorithm
    inner = mask.parameters
    return mask.algorithm, inner.algorithm if isinstance(inner, AlgorithmIdentifier) else inner


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
