"""What a certificate may contain: immutable data, chosen by the operator. The deciding is done by its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from .. import oids
from ..pkix import Extension, KeyUsage

KEY_KINDS: Final = (
    "rsa",
    "ec-p256",
    "ec-p384",
    "ec-p521",
    "ed25519",
    "ed448",
    "x25519",
    "x448",
    "ml-dsa-44",
    "ml-dsa-65",
    "ml-dsa-87",
    "ml-kem-768",
    "ml-kem-1024",
)
"""Kinds of keys that can be certified."""

SAN_KINDS: Final = (
    "dns_name",
    "ip_address",
    "rfc822_name",
    "uniform_resource_identifier",
    "directory_name",
    "registered_id",
    "other_name",
)
"""Forms of names that a subjectAltName can be allowed to have, as GeneralName calls them."""

OWN: Final = frozenset(
    (
        oids.ID_CE_BASIC_CONSTRAINTS,
        oids.ID_CE_KEY_USAGE,
        oids.ID_CE_EXT_KEY_USAGE,
        oids.ID_CE_SUBJECT_KEY_IDENTIFIER,
        oids.ID_CE_AUTHORITY_KEY_IDENTIFIER,
        oids.ID_CE_SUBJECT_ALT_NAME,
    )
)
"""Extensions that have rules of their own."""

_FOR_CAS: Final = frozenset(
    (
        oids.ID_CE_NAME_CONSTRAINTS,
        oids.ID_CE_POLICY_CONSTRAINTS,
        oids.ID_CE_POLICY_MAPPINGS,
        oids.ID_CE_INHIBIT_ANY_POLICY,
    )
)
_FOR_CA_KEYS: Final = KeyUsage.KEY_CERT_SIGN | KeyUsage.CRL_SIGN
_CENTURY: Final = timedelta(days=36_525)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRules:
    """What an authority grants. Raises ValueError for rules that would break RFC 5280, or that contradict each other.

    A certificate is always one of an end entity: whatever is asked for, basicConstraints says CA:FALSE.
    """

    validity: timedelta = timedelta(days=365)
    """How long a certificate is valid whose request does not say."""
    max_validity: timedelta = timedelta(days=1095)
    """How long one may be valid at most; never beyond the CA's own certificate."""
    backdate: timedelta = timedelta(minutes=5)
    """How far notBefore lies before now, for those whose clocks are slow; a request may not name an earlier time."""
    max_delay: timedelta = timedelta(days=30)
    """How far ahead of now a request may put notBefore."""
    keys: frozenset[str] = frozenset(KEY_KINDS)
    """Kinds of keys that are certified, of `KEY_KINDS`."""
    min_rsa_bits: int = 2048
    """Shortest RSA modulus; the longest is 8192 bits, for the cost of using it."""
    key_usage: KeyUsage | None = KeyUsage.DIGITAL_SIGNATURE
    """keyUsage of a certificate whose request does not ask for one; None leaves it out. Where the key can do nothing of
    it, as X25519 and ML-KEM, what that is made for: keyAgreement or keyEncipherment."""
    allowed_key_usage: KeyUsage = (
        KeyUsage.DIGITAL_SIGNATURE
        | KeyUsage.NON_REPUDIATION
        | KeyUsage.KEY_ENCIPHERMENT
        | KeyUsage.DATA_ENCIPHERMENT
        | KeyUsage.KEY_AGREEMENT
    )
    """Bits that a request may ask for, as far as they fit its key."""
    extended_key_usage: tuple[str, ...] = ()
    """extKeyUsage of a certificate whose request does not ask for one; empty leaves it out."""
    allowed_extended_key_usage: frozenset[str] = frozenset(
        (oids.ID_KP_SERVER_AUTH, oids.ID_KP_CLIENT_AUTH, oids.ID_KP_EMAIL_PROTECTION)
    )
    """Purposes that a request may ask for. Some mean power: id-kp-cmcRA makes a registration authority."""
    alt_names: frozenset[str] = frozenset(("dns_name", "ip_address", "rfc822_name", "uniform_resource_identifier"))
    """Forms of names that a requested subjectAltName may have, of `SAN_KINDS`."""
    wildcards: bool = False
    """Whether a dNSName may begin with ``*.``."""
    copied: frozenset[str] = frozenset()
    """Further extensions, by OID, that are taken from the request as they are."""
    added: tuple[Extension, ...] = ()
    """Extensions that every certificate gets, such as cRLDistributionPoints."""
    drop_unaccepted: bool = False
    """What to do with a requested extension that is not allowed: leave it out and say grantedWithMods, or (False)
    refuse the request with unacceptedExtension."""
    max_subject: int = 2048
    """Longest DER of a subject, in octets."""
    max_alt_names: int = 100
    """Most names in a subjectAltName."""
    crl_validity: timedelta = timedelta(days=7)
    """From a CRL's thisUpdate to its nextUpdate."""

    def __post_init__(self) -> None:
        for name in ("validity", "max_validity", "crl_validity"):
            if not timedelta(seconds=1) <= getattr(self, name) <= _CENTURY:
                raise ValueError(f"{name}: expected a second or more, at most a hundred years")
        for name in ("backdate", "max_delay"):
            if not timedelta() <= getattr(self, name) <= _CENTURY:
                raise ValueError(f"{name}: expected 0 or more, at most a hundred years")
        if self.validity > self.max_validity:
            raise ValueError("validity is longer than max_validity")
        if not self.keys <= frozenset(KEY_KINDS):
            raise ValueError(f"keys: expected some of {', '.join(KEY_KINDS)}")
        if not 1024 <= self.min_rsa_bits <= 8192:
            raise ValueError("min_rsa_bits: expected 1024 to 8192")
        if (self.allowed_key_usage | (self.key_usage or 0)) & _FOR_CA_KEYS:
            raise ValueError("keyCertSign and cRLSign are for CAs: no rule can grant them")
        if self.key_usage is not None and not self.key_usage:
            raise ValueError(
                "key_usage: a keyUsage without any bit is forbidden (RFC 5280, 4.2.1.3); None leaves it out"
            )
        if not self.alt_names <= frozenset(SAN_KINDS):
            raise ValueError(f"alt_names: expected some of {', '.join(SAN_KINDS)}")
        for oid in self.copied:
            if oid in OWN | _FOR_CAS:
                raise ValueError(f"copied: {oids.name(oid)} cannot be left to the requester")
        given = [extension.extn_id for extension in self.added]
        if len(set(given)) != len(given) or OWN & set(given) or self.copied & set(given):
            raise ValueError("added: each extension once, and none that has a rule of its own or is copied")
