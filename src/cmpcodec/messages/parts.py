"""Small parts of messages that both client and server make or look for."""

from __future__ import annotations

import os
from typing import Final

from .. import oids
from ..asn1 import Null
from ..cmp import InfoTypeAndValue, PKIFailureInfo, PKIFreeText, PKIHeader, PKIStatus, PKIStatusInfo
from ..pkix import GeneralName, Name

NONCE_OCTETS: Final = 16
"""Length of our nonces and transactionIDs: RFC 9483, 3.1 demands 128 bits."""

NULL_DN: Final = GeneralName(directory_name=Name([]))
"""The name of one who has none, or does not tell: RFC 9810, 5.1.1."""

IMPLICIT_CONFIRM: Final = InfoTypeAndValue(info_type=oids.ID_IT_IMPLICIT_CONFIRM, info_value=Null())
"""In generalInfo: no certConf will follow. RFC 9810, 5.1.1.1."""


def fresh_octets() -> bytes:
    """A new nonce or transactionID from the system's random generator."""
    return os.urandom(NONCE_OCTETS)


def status_info(
    status: PKIStatus | int, text: str | None = None, fail_info: PKIFailureInfo | None = None
) -> PKIStatusInfo:
    """A PKIStatusInfo with at most one text."""
    return PKIStatusInfo(
        status=status, status_string=PKIFreeText([text]) if text else None, fail_info=fail_info or None
    )


def find_info(header: PKIHeader, info_type: str) -> InfoTypeAndValue | None:
    """The first generalInfo of that type."""
    for info in header.general_info or ():
        if info.info_type == info_type:
            return info
    return None


def asks_implicit_confirm(header: PKIHeader) -> bool:
    """Whether generalInfo has implicitConfirm; its value is NULL, or absent as some peers send it."""
    return find_info(header, oids.ID_IT_IMPLICIT_CONFIRM) is not None
