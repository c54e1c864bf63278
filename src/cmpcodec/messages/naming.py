"""The text in names: whether the value of an attribute is one, and which. RFC 5280, appendix A.1.

An attribute may hold anything, and software that reads all of a name at once (OpenSSL does) reads none of a message in
which a text is malformed. It knows names; whether one is wanted is for others to say.
"""

from __future__ import annotations

from typing import Final

from ..asn1 import TLV
from ..pkix import ATTRIBUTE_VALUES, AttributeTypeAndValue, DirectoryString, GeneralName

_CODECS: Final = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1E: "utf-16-be",
}
"""How the string types are written, by tag, that a value of an attribute unknown to us may have."""
_PLAIN: Final = frozenset(("rfc822_name", "dns_name", "uniform_resource_identifier", "ip_address", "registered_id"))
"""Forms of a GeneralName with nothing inside that a decode leaves unread."""


def attribute_text(attribute: AttributeTypeAndValue) -> str | None:
    """The text of an attribute; None if it is none, or not of the string type that the attribute has to have."""
    value = attribute.value
    if isinstance(value, DirectoryString):
        value = value.value
    if isinstance(value, str):
        return value
    if isinstance(value, TLV) and attribute.type not in ATTRIBUTE_VALUES and value.tag in _CODECS:
        try:
            return value.content.decode(_CODECS[value.tag])
        except UnicodeDecodeError:
            return None
    return None


def is_readable(name: GeneralName) -> bool:
    """Whether everybody can read a name: a directoryName all of whose attributes are texts, or a form that is plain."""
    if name.directory_name is None:
        return name.name in _PLAIN
    return all(attribute_text(attribute) is not None for rdn in name.directory_name for attribute in rdn)
