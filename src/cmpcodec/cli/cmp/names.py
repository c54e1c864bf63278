"""Names as OpenSSL's commands take them: ``/C=DE/O=Example/CN=device-1``, and the words of -sans.

The values get the string types that OpenSSL gives them; tests hold both against the `openssl` that is installed.
Knows the syntax of arguments; nothing of what a name is for.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...asn1 import TLV, ObjectIdentifier
from ...pkix import AttributeTypeAndValue, GeneralName, Name, RelativeDistinguishedName


class BadName(ValueError):
    """Text that is no name; the message says where and why."""


class _Text(NamedTuple):
    """A string type: its tag, what it is called, what it may hold, how it is encoded."""

    tag: int
    name: str
    pattern: re.Pattern[str]
    encoding: str


_UTF8 = _Text(0x0C, "UTF8String", re.compile(r".*", re.DOTALL), "utf-8")
_PRINTABLE = _Text(0x13, "PrintableString", re.compile(r"[A-Za-z0-9 '()+,./:=?-]*"), "ascii")
_IA5 = _Text(0x16, "IA5String", re.compile(r"[\x00-\x7f]*"), "ascii")
_NUMERIC = _Text(0x12, "NumericString", re.compile(r"[0-9 ]*"), "ascii")

_ANY = (1, 32768)
_ARC = "2.5.4."
_PILOT = "0.9.2342.19200300.100.1."

# short name, long name, OID, string type, fewest and most characters
_TABLE: tuple[tuple[str, str, str, _Text, tuple[int, int]], ...] = (
    ("C", "countryName", _ARC + "6", _PRINTABLE, (2, 2)),
    ("ST", "stateOrProvinceName", _ARC + "8", _UTF8, (1, 128)),
    ("L", "localityName", _ARC + "7", _UTF8, (1, 128)),
    ("O", "organizationName", _ARC + "10", _UTF8, (1, 64)),
    ("OU", "organizationalUnitName", _ARC + "11", _UTF8, (1, 64)),
    ("CN", "commonName", _ARC + "3", _UTF8, (1, 64)),
    ("serialNumber", "serialNumber", _ARC + "5", _PRINTABLE, (1, 64)),
    ("emailAddress", "emailAddress", "1.2.840.113549.1.9.1", _IA5, (1, 128)),
    ("DC", "domainComponent", _PILOT + "25", _IA5, _ANY),
    ("UID", "userId", _PILOT + "1", _UTF8, _ANY),
    ("SN", "surname", _ARC + "4", _UTF8, _ANY),
    ("GN", "givenName", _ARC + "42", _UTF8, _ANY),
    ("initials", "initials", _ARC + "43", _UTF8, _ANY),
    ("generationQualifier", "generationQualifier", _ARC + "44", _UTF8, _ANY),
    ("name", "name", _ARC + "41", _UTF8, _ANY),
    ("title", "title", _ARC + "12", _UTF8, _ANY),
    ("description", "description", _ARC + "13", _UTF8, _ANY),
    ("street", "streetAddress", _ARC + "9", _UTF8, _ANY),
    ("businessCategory", "businessCategory", _ARC + "15", _UTF8, _ANY),
    ("postalAddress", "postalAddress", _ARC + "16", _UTF8, _ANY),
    ("postalCode", "postalCode", _ARC + "17", _UTF8, _ANY),
    ("postOfficeBox", "postOfficeBox", _ARC + "18", _UTF8, _ANY),
    ("telephoneNumber", "telephoneNumber", _ARC + "20", _UTF8, _ANY),
    ("x500UniqueIdentifier", "x500UniqueIdentifier", _ARC + "45", _UTF8, _ANY),
    ("dnQualifier", "dnQualifier", _ARC + "46", _PRINTABLE, _ANY),
    ("pseudonym", "pseudonym", _ARC + "65", _UTF8, _ANY),
    ("role", "role", _ARC + "72", _UTF8, _ANY),
    ("organizationIdentifier", "organizationIdentifier", _ARC + "97", _UTF8, _ANY),
    ("c3", "countryCode3c", _ARC + "98", _PRINTABLE, (3, 3)),
    ("n3", "countryCode3n", _ARC + "99", _NUMERIC, (3, 3)),
    ("mail", "rfc822Mailbox", _PILOT + "3", _IA5, (1, 256)),
    ("info", "info", _PILOT + "4", _UTF8, _ANY),
    ("roomNumber", "roomNumber", _PILOT + "6", _UTF8, _ANY),
    ("userClass", "userClass", _PILOT + "8", _UTF8, _ANY),
    ("host", "host", _PILOT + "9", _UTF8, _ANY),
    ("associatedDomain", "associatedDomain", _PILOT + "37", _UTF8, _ANY),
    ("uid", "uniqueIdentifier", _PILOT + "44", _UTF8, _ANY),
    ("unstructuredName", "unstructuredName", "1.2.840.113549.1.9.2", _UTF8, _ANY),
    ("unstructuredAddress", "unstructuredAddress", "1.2.840.113549.1.9.8", _UTF8, _ANY),
    ("jurisdictionL", "jurisdictionLocalityName", "1.3.6.1.4.1.311.60.2.1.1", _UTF8, _ANY),
    ("jurisdictionST", "jurisdictionStateOrProvinceName", "1.3.6.1.4.1.311.60.2.1.2", _UTF8, _ANY),
    ("jurisdictionC", "jurisdictionCountryName", "1.3.6.1.4.1.311.60.2.1.3", _PRINTABLE, (2, 2)),
    ("INN", "INN", "1.2.643.3.131.1.1", _NUMERIC, (1, 12)),
    ("OGRN", "OGRN", "1.2.643.100.1", _NUMERIC, (1, 13)),
    ("SNILS", "SNILS", "1.2.643.100.3", _NUMERIC, (1, 11)),
)
_BY_NAME = {name: row for row in _TABLE for name in row[:2]}
_BY_OID = {row[2]: row for row in _TABLE}
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]{0,38})){1,63}")
_SAN_PREFIX = re.compile(r"(DNS|IP|IP Address|URI|email|RID|dirName|otherName):(.*)", re.IGNORECASE)


def parse_name(text: str, warn: Callable[[str], None] = lambda text: None) -> Name:
    r"""The Name that ``/type=value/type=value`` means; BadName.

    ``/`` alone is the empty name. ``+`` in place of a slash adds to the same RDN; a backslash takes away the meaning
    of the character behind it. A type is a name that OpenSSL knows or dotted decimal. An attribute without a value is
    left out, and `warn` is told.
    """
    if not text.startswith("/"):
        raise BadName(f"has to be of the form /type=value/type=value, not {text[:60]!a}")
    rdns: list[list[AttributeTypeAndValue]] = []
    joins = False
    at = 1
    while at < len(text):
        end = text.find("=", at)
        kind = text[at:] if end < 0 else text[at:end]
        if end < 0:
            raise BadName(f"{kind[:40]!a} has no '='" + (_PLUS_HINT if joins else ""))
        value, at, separator = _value(text, end + 1)
        attribute = _attribute(kind, value, joins, warn)
        if attribute is not None and joins and rdns:
            rdns[-1].append(attribute)
        elif attribute is not None:
            rdns.append([attribute])
        joins = separator == "+"
    return Name([RelativeDistinguishedName(rdn) for rdn in rdns])


_PLUS_HINT = "; write \\+ for a plus sign in the value before it"


def _value(text: str, at: int) -> tuple[str, int, str]:
    """A value without its backslashes, where the text goes on, and what ended the value."""
    value: list[str] = []
    while at < len(text) and text[at] not in "/+":
        at += text[at] == "\\"
        if at == len(text):
            raise BadName("ends in a backslash that belongs to no character")
        value.append(text[at])
        at += 1
    return "".join(value), at + 1, text[at : at + 1]


def _attribute(kind: str, value: str, joins: bool, warn: Callable[[str], None]) -> AttributeTypeAndValue | None:
    row = _BY_NAME.get(kind) or _BY_OID.get(kind)
    if row is None and not is_oid(kind):
        near = difflib.get_close_matches(kind, _BY_NAME, 1)
        upper = [name for name in _BY_NAME if name.lower() == kind.lower()] or near
        raise BadName(
            f"has an attribute of unknown type {kind[:40]!a}"
            + (f"; did you mean {upper[0]}?" if upper else "; dotted decimal may stand there, too")
            + (_PLUS_HINT if joins else "")
        )
    if not value:
        warn(f"no value provided for name attribute {kind[:40]!a}, skipped")
        return None
    oid, text_type, (least, most) = (kind, _UTF8, _ANY) if row is None else row[2:]
    if not least <= len(value) <= most:
        length = str(least) if least == most else f"at most {most}"
        raise BadName(f"{kind} takes {length} characters, not {len(value)}")
    try:
        encoded = value.encode(text_type.encoding) if text_type.pattern.fullmatch(value) else None
    except UnicodeEncodeError:  # octets of the command line that are no UTF-8
        encoded = None
    if encoded is None:
        raise BadName(f"{kind} has a character that its type {text_type.name} does not have: {value[:40]!a}")
    return AttributeTypeAndValue(type=ObjectIdentifier(oid), value=tlv(text_type.tag, encoded))


def is_oid(text: str) -> bool:
    """Whether text is an OBJECT IDENTIFIER in dotted decimal."""
    first, _, rest = text.partition(".")
    return _OID.fullmatch(text) is not None and (first == "2" or int(rest.partition(".")[0]) < 40)


def tlv(tag: int, content: bytes) -> TLV:
    """A value of a universal type from its content octets."""
    length = len(content)
    octets = b"" if length < 0x80 else length.to_bytes((length.bit_length() + 7) // 8, "big")
    header = bytes((tag, 0x80 | len(octets))) + octets if octets else bytes((tag, length))
    return TLV.decode(header + content)


def integer_octets(number: int) -> bytes:
    """The content octets of an INTEGER."""
    return number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, "big", signed=True)


class AlternativeNames(NamedTuple):
    """What -sans asks for."""

    names: list[GeneralName]
    critical: bool


def parse_sans(words: Sequence[str]) -> AlternativeNames:
    """The names that the words of -sans mean, ``critical`` among them or not; BadName.

    An IP address is an iPAddress, something with a colon a URI, with an @ an email address, all else a dNSName.
    """
    names = [_general_name(word) for word in words if word != "critical"]
    return AlternativeNames(names, "critical" in words)


def _general_name(word: str) -> GeneralName:
    try:
        return GeneralName(ip_address=ipaddress.ip_address(word).packed)
    except ValueError:
        pass
    prefixed = _SAN_PREFIX.fullmatch(word)
    if prefixed:
        raise BadName(f"{word[:60]!a}: what kind of name it is shows by itself; write {prefixed[2][:60]!a} alone")
    if not word.isascii():
        raise BadName(f"{word[:60]!a} has characters beyond ASCII; write a host in its xn-- form")
    if ":" in word:
        return GeneralName(uniform_resource_identifier=word)
    if "@" in word:
        return GeneralName(rfc822_name=word)
    return GeneralName(dns_name=word)
