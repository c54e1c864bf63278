"""Which extensions a certificate gets: the rules, held against those that the request asks for. RFC 5280, 4.2.

It decides about values; it signs nothing and knows no clock.
"""

from __future__ import annotations

from typing import Final

from .. import oids
from ..asn1 import TLV, ObjectIdentifier
from ..cmp import PKIFailureInfo
from ..errors import DecodeError
from ..pkix import EXTENSION_VALUES, BasicConstraints, Extension, Extensions, ExtKeyUsageSyntax, GeneralNames, KeyUsage
from ..server.ports import Refused
from .names import Unaccepted, check_alt_names
from .rules import CertificateRules
from .schema import extension

END_ENTITY: Final = extension(oids.ID_CE_BASIC_CONSTRAINTS, BasicConstraints(), critical=True)
"""basicConstraints with CA:FALSE, in every certificate."""

_SIGNING: Final = KeyUsage.DIGITAL_SIGNATURE | KeyUsage.NON_REPUDIATION
_AGREEING: Final = KeyUsage.KEY_AGREEMENT | KeyUsage.ENCIPHER_ONLY | KeyUsage.DECIPHER_ONLY
_FITS: Final = {
    "rsa": _SIGNING | KeyUsage.KEY_ENCIPHERMENT | KeyUsage.DATA_ENCIPHERMENT,
    "ec-p256": _SIGNING | _AGREEING,
    "ec-p384": _SIGNING | _AGREEING,
    "ec-p521": _SIGNING | _AGREEING,
    "ed25519": _SIGNING,
    "ed448": _SIGNING,
    "x25519": _AGREEING,
    "x448": _AGREEING,
    "ml-dsa-44": _SIGNING,
    "ml-dsa-65": _SIGNING,
    "ml-dsa-87": _SIGNING,
    "ml-kem-768": KeyUsage.KEY_ENCIPHERMENT,
    "ml-kem-1024": KeyUsage.KEY_ENCIPHERMENT,
}
"""What each kind of key can do: RFC 4055, 1.2; RFC 8813, 3; RFC 9295, 3; RFC 9881, 5; RFC 9935, 5."""
_MADE_FOR: Final = KeyUsage.KEY_AGREEMENT | KeyUsage.KEY_ENCIPHERMENT
"""What a key is used for that cannot sign."""


class Chooser:
    """Chooses extensions by the rules of one authority.

    The constant ones are encoded once. `authority_key` is the authorityKeyIdentifier of all certificates.
    """

    __slots__ = ("_added", "_authority_key", "_default_purposes", "_default_usage", "_rules")

    def __init__(self, rules: CertificateRules, authority_key: Extension) -> None:
        self._rules = rules
        self._authority_key = authority_key
        self._added = list(rules.added)
        self._default_usage = {
            kind: extension(oids.ID_CE_KEY_USAGE, KeyUsage(usage), critical=True)
            for kind, fits in _FITS.items()
            if rules.key_usage is not None
            and (usage := rules.key_usage & fits or (_MADE_FOR & fits if not _SIGNING & fits else 0))
        }
        purposes = [ObjectIdentifier(oid) for oid in rules.extended_key_usage]
        self._default_purposes = [extension(oids.ID_CE_EXT_KEY_USAGE, ExtKeyUsageSyntax(purposes))] if purposes else []

    def choose(
        self, asked: Extensions | None, kind: str, subject_key: Extension, nameless: bool
    ) -> tuple[list[Extension], bool]:
        """The extensions for a key of that kind (see `KEY_KINDS`), and whether they differ from what was asked for.

        `subject_key` is the subjectKeyIdentifier; `nameless` means that the subject is empty. Raises Refused:
        unacceptedExtension for what the rules do not allow, unless they say to leave it out; badCertTemplate if the
        certificate would name nobody.
        """
        wanted = _by_oid(asked)
        granted: dict[str, Extension] = {}
        modified = False
        for oid, one in wanted.items():
            try:
                self._check(one, kind)
            except Unaccepted as error:
                if not self._rules.drop_unaccepted:
                    text = f"extension {oids.name(oid) or oid}: {error}"
                    raise Refused(PKIFailureInfo.UNACCEPTED_EXTENSION, text) from None
                modified = True
            else:
                granted[oid] = one
        for own in (subject_key, self._authority_key):
            other = granted.pop(own.extn_id, own)
            modified = modified or other.extn_value != own.extn_value
        granted.pop(oids.ID_CE_BASIC_CONSTRAINTS, None)
        alt_name = granted.get(oids.ID_CE_SUBJECT_ALT_NAME)
        if nameless:
            if alt_name is None:
                raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, "neither a subject nor a subjectAltName")
            if not alt_name.critical:  # RFC 5280, 4.2.1.6 demands it
                granted[alt_name.extn_id] = alt_name.replace(critical=True)
                modified = True
        if oids.ID_CE_KEY_USAGE not in granted and kind in self._default_usage:
            granted[oids.ID_CE_KEY_USAGE] = self._default_usage[kind]
        if oids.ID_CE_EXT_KEY_USAGE not in granted:
            granted |= {one.extn_id: one for one in self._default_purposes}
        return [END_ENTITY, subject_key, self._authority_key, *granted.values(), *self._added], modified

    def _check(self, one: Extension, kind: str) -> None:
        """Return if a requested extension may be granted; raise Unaccepted if not."""
        rules, value = self._rules, _value(one)
        match value:
            case BasicConstraints(ca=True):
                raise Unaccepted("certificates of CAs are not issued here")
            case BasicConstraints(path_len_constraint=int()):
                raise Unaccepted("a path length is for CAs only")
            case KeyUsage():
                if not value:
                    raise Unaccepted("no bit is set")
                excess = int(value) & ~(int(rules.allowed_key_usage) & int(_FITS[kind]))
                if excess:
                    raise Unaccepted(f"not granted for this key: {', '.join(KeyUsage(excess).names[:9])}")
            case ExtKeyUsageSyntax():
                for purpose in value:
                    if purpose not in rules.allowed_extended_key_usage:
                        raise Unaccepted(f"{oids.name(purpose) or purpose} is not granted here")
            case GeneralNames() if one.extn_id == oids.ID_CE_SUBJECT_ALT_NAME:
                check_alt_names(value, rules)
            case _ if one.extn_id not in _GIVEN_BY_US and one.extn_id not in rules.copied:
                raise Unaccepted("not granted here")


_GIVEN_BY_US: Final = frozenset(
    (oids.ID_CE_BASIC_CONSTRAINTS, oids.ID_CE_SUBJECT_KEY_IDENTIFIER, oids.ID_CE_AUTHORITY_KEY_IDENTIFIER)
)


def _by_oid(asked: Extensions | None) -> dict[str, Extension]:
    wanted: dict[str, Extension] = {}
    for one in asked or ():
        if one.extn_id in wanted:
            text = f"extension {oids.name(one.extn_id) or one.extn_id} is there twice"
            raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, text)
        wanted[one.extn_id] = one
    return wanted


def _value(one: Extension) -> object:
    """What the extension holds; Unaccepted if that is not of the type that the extension has."""
    try:
        value = one.opened()
    except DecodeError:
        raise Unaccepted("it does not hold one DER value") from None
    if isinstance(value, TLV) and one.extn_id in EXTENSION_VALUES:
        raise Unaccepted("its value is malformed")
    return value
