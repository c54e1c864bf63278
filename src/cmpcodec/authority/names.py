"""Which subjects and alternative names may stand in a certificate. RFC 5280, 4.1.2.6, 4.2.1.6 and appendix A.1.

Names come from whoever asks; they are taken as they are or refused, never mended. It knows nothing of who may have
which name: that is for the operator's profiles.
"""

from __future__ import annotations

import re
from typing import Final

from .. import oids
from ..asn1 import Record
from ..cmp import PKIFailureInfo
from ..messages import attribute_text
from ..pkix import AttributeTypeAndValue, DirectoryString, GeneralName, GeneralNames, Name
from ..server.ports import Refused
from .rules import CertificateRules

_UPPER_BOUNDS: Final = {
    oids.COMMON_NAME: 64,
    oids.LOCALITY_NAME: 128,
    oids.STATE_OR_PROVINCE_NAME: 128,
    oids.ORGANIZATION_NAME: 64,
    oids.ORGANIZATIONAL_UNIT_NAME: 64,
    oids.TITLE: 64,
    oids.SERIAL_NUMBER: 64,
    oids.PSEUDONYM: 128,
    oids.SURNAME: 64,
    oids.GIVEN_NAME: 64,
    oids.EMAIL_ADDRESS: 255,
}
"""Characters that an attribute may have: the ub- constants of RFC 5280, appendix A.1, as far as they are in use."""
_LONGEST: Final = 256
"""Characters of any other attribute."""

_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_MAILBOX: Final = re.compile(r"[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,253}")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")


class Unaccepted(Exception):
    """A requested value that the rules do not allow; the text says which and why."""


def check_subject(subject: Name, rules: CertificateRules) -> None:
    """Return if a certificate may have that (not empty) subject; raise Refused (badCertTemplate) if not."""
    try:
        _check_name(subject, rules)
    except Unaccepted as error:
        raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, f"subject: {error}") from None


def check_alt_names(names: GeneralNames, rules: CertificateRules) -> None:
    """Return if a certificate may have that subjectAltName; raise Unaccepted if not."""
    if len(names) > rules.max_alt_names:
        raise Unaccepted(f"more than {rules.max_alt_names} names")
    for name in names:
        if name.name not in rules.alt_names:
            raise Unaccepted(f"{name.name} is not granted here")
        _check_general_name(name, rules)


def _check_name(name: Name, rules: CertificateRules) -> None:
    if len(name.der) > rules.max_subject:
        raise Unaccepted(f"longer than {rules.max_subject} octets")
    for rdn in name:
        for attribute in rdn:
            _check_attribute(attribute)


def _check_attribute(attribute: AttributeTypeAndValue) -> None:
    kind = oids.name(attribute.type) or attribute.type
    text = attribute_text(attribute)
    if text is None:
        raise Unaccepted(f"the value of {kind} is not of its type")
    most = _UPPER_BOUNDS.get(attribute.type, _LONGEST)
    if not 1 <= len(text) <= most:
        raise Unaccepted(f"{kind} has {len(text)} characters, not 1 to {most}")
    if not text.isprintable():
        raise Unaccepted(f"{kind} contains characters that do not print")
    if isinstance(attribute.value, DirectoryString) and attribute.value.name == "teletex_string" and not text.isascii():
        # What such octets mean is a matter of opinion, and other software cannot read the certificate.
        raise Unaccepted(f"{kind} is a TeletexString with characters beyond ASCII: use UTF8String")


def _check_general_name(name: GeneralName, rules: CertificateRules) -> None:
    value = name.value
    match name.name:
        case "dns_name":
            good = _is_host(value, rules.wildcards)
        case "ip_address":
            good = len(value) in (4, 16)
        case "rfc822_name":
            good = _MAILBOX.fullmatch(value) is not None and _is_host(value.rpartition("@")[2], wildcards=False)
        case "uniform_resource_identifier":
            good = len(value) <= 2048 and _URI.fullmatch(value) is not None
        case "directory_name":
            _check_name(value, rules)
            good = len(value) > 0
        case "other_name":
            good = len(value.der) <= rules.max_subject and isinstance(value, Record)
        case _:
            good = True
    if not good:
        raise Unaccepted(f"the value of a {name.name} is malformed")


def _is_host(text: str, wildcards: bool) -> bool:
    """Whether it is a host name in preferred name syntax (RFC 1034, 3.5; RFC 1123, 2.1), without a dot at its end."""
    if wildcards and text.startswith("*."):
        text = text[2:]
        if "." not in text:
            return False
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))
