"""What a body says, as far as the rules of a transaction depend on it, and how it is named in reports.

Functions of one message; nothing here remembers anything, and nothing believes anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cryptography import x509

from ..cmp import PKIBody, PKIMessage, PKIStatus, PKIStatusInfo
from ..pkix import GeneralName, Name

CERTIFICATE_RESPONSES: Final = ("ip", "cp", "kup")
_SHOWN: Final = 500


def kind_of(name: str) -> str:
    """The kind of a body as reports name it, from its attribute name: CERTCONF for cert_conf."""
    return name.replace("_", "").upper()


def kind(body: PKIBody) -> str:
    """The kind of a body as reports name it."""
    return kind_of(body.name)


def printable(text: str) -> str:
    r"""Text that somebody else wrote, safe to print: control and format characters as \xNN, and not endless."""
    shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text[:_SHOWN])
    return shown if len(text) <= _SHOWN else shown + "..."


def joined(texts: Iterable[str] | None) -> str:
    """The strings of a PKIFreeText as one printable text."""
    return printable(", ".join(text for _, text in zip(range(32), texts or (), strict=False)))


def status_name(status: int) -> str:
    """A PKIStatus by its name, or its number: a large one in hexadecimal, as Python refuses to print it in decimal."""
    if isinstance(status, PKIStatus):
        return status.name
    return str(status) if status.bit_length() <= 64 else printable(hex(status))


def described(info: PKIStatusInfo) -> str:
    """A PKIStatusInfo in one printable line."""
    said = [f"PKIStatus {status_name(info.status)}"]
    if info.fail_info:
        said.append(f"failInfo {', '.join(info.fail_info.names)}")
    if info.status_string:
        said.append(f"'{joined(info.status_string)}'")
    return "; ".join(said)


def is_waiting_error(message: PKIMessage) -> bool:
    """Whether it is an error that says that the answer as a whole is late. RFC 9810, 5.3.22."""
    error = message.body.error
    return error is not None and error.pki_status_info.status == PKIStatus.WAITING


def negative_status(message: PKIMessage) -> PKIStatusInfo | None:
    """The PKIStatusInfo of a message that says no and nothing else, None for any other."""
    body = message.body
    if body.error is not None:
        return None if is_waiting_error(message) else body.error.pki_status_info
    if body.name in CERTIFICATE_RESPONSES:
        responses = body.value.response
        if len(responses) == 1 and responses[0].status.status == PKIStatus.REJECTION:
            return responses[0].status  # type: ignore[no-any-return]  # PKIBody.value is of any type
    if body.rp is not None and all(one.status == PKIStatus.REJECTION for one in body.rp.status):
        return body.rp.status[0]
    return None


def may_lack_protection(message: PKIMessage) -> str | None:
    """Name the message if its protection may be ignored where the user says so, None if never.

    Those are the negative answers, and pkiConf: none of them delivers anything.
    """
    if negative_status(message) is None:
        return "PKI Confirmation message" if message.body.pkiconf is not None else None
    if message.body.error is not None:
        return "error response"
    if message.body.rp is not None:
        return "revocation response message with rejection status"
    return "CertRepMessage with rejection status"


def as_name(name: Name | str) -> Name:
    """A Name, from text after RFC 4514 if need be; ValueError if the text is none."""
    if isinstance(name, Name):
        return name
    if not isinstance(name, str):
        raise TypeError(f"expected a Name or its text after RFC 4514, not {type(name).__name__}")
    try:
        return Name.decode(x509.Name.from_rfc4514_string(name).public_bytes())
    except ValueError as error:
        raise ValueError(f"{name!r} is no distinguished name after RFC 4514, such as CN=device-1,O=Example") from error


def same_name(name: GeneralName, expected: Name) -> bool:
    """Whether a GeneralName is that directoryName; upper and lower case are the same. RFC 5280, 7.1."""
    found = name.directory_name
    return found is not None and found.matches(expected)
