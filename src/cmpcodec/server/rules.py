"""The header of a message that is authentic: may it be answered at all? RFC 9483, 3.1 and 3.5; RFC 9810, 5.1.1.

Pure rules: a header, a profile and the time go in, Refused comes out. Nothing here knows of transactions but the nonce
that the next message has to bring back.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from .. import oids
from ..asn1 import Null
from ..cmp import PKIFailureInfo, PKIHeader
from ..messages import find_info
from ..pkix import DirectoryString, Name
from .ports import Refused
from .profile import Profile

OLDEST_PVNO: Final = 2
NEWEST_PVNO: Final = 3
SHORTEST_NONCE: Final = 16
"""RFC 9483, 3.1: 128 bits."""
LONGEST_ID: Final = 64
"""Most octets of a nonce or transactionID: they go into our answers and our database."""


def check_version(header: PKIHeader) -> None:
    """Refuse what is neither CMP version 2 nor 3. RFC 9810, 7."""
    if not OLDEST_PVNO <= header.pvno <= NEWEST_PVNO:
        raise Refused(PKIFailureInfo.UNSUPPORTED_VERSION, "only CMP versions 2 and 3 are supported")


def nearest_version(header: PKIHeader) -> int:
    """The version to answer with: the request's, or the nearest that is supported. RFC 9810, 7."""
    return min(max(header.pvno, OLDEST_PVNO), NEWEST_PVNO)


def check_transaction_id(header: PKIHeader, profile: Profile) -> bytes:
    """Return the transactionID. RFC 9810 leaves it to clients, but what we keep has to be found again."""
    transaction_id = header.transaction_id
    if not transaction_id:
        raise Refused(PKIFailureInfo.BAD_DATA_FORMAT, "transactionID is missing")
    if len(transaction_id) > LONGEST_ID:
        raise Refused(PKIFailureInfo.BAD_DATA_FORMAT, f"transactionID is longer than {LONGEST_ID} octets")
    if profile.strict and len(transaction_id) < SHORTEST_NONCE:
        raise Refused(PKIFailureInfo.BAD_DATA_FORMAT, f"transactionID is shorter than {SHORTEST_NONCE} octets")
    return transaction_id


def check_header(header: PKIHeader, profile: Profile, now: datetime, *, signed: bool) -> None:
    """The rules that hold for every message, in whatever state its transaction is; `signed`: not by a MAC."""
    _check_origin(header, profile)
    if profile.strict:
        _check_sender(header, signed=signed)
    _check_time(header, profile, now)
    if header.sender_nonce is None or not SHORTEST_NONCE <= len(header.sender_nonce) <= LONGEST_ID:
        raise Refused(
            PKIFailureInfo.BAD_SENDER_NONCE, f"senderNonce has to have {SHORTEST_NONCE} to {LONGEST_ID} octets"
        )
    _check_confirmation(header, profile)


def check_recip_nonce(header: PKIHeader, expected: bytes | None) -> None:
    """A first message answers nothing (`expected` is None); a later one brings our last senderNonce back."""
    if expected is None and header.recip_nonce is not None:
        raise Refused(PKIFailureInfo.BAD_RECIPIENT_NONCE, "recipNonce in the first message of a transaction")
    if expected is not None and header.recip_nonce is None:
        raise Refused(PKIFailureInfo.BAD_RECIPIENT_NONCE, "recipNonce is missing")
    if header.recip_nonce != expected:
        raise Refused(PKIFailureInfo.BAD_RECIPIENT_NONCE, "recipNonce is not the senderNonce of our last message")


def _check_origin(header: PKIHeader, profile: Profile) -> None:
    """A MAC does not tell who of the two made it: refuse what we ourselves sent, and somebody sends back."""
    name = header.sender.directory_name
    if name is not None and name.der == profile.authority.name.der:
        raise Refused(PKIFailureInfo.BAD_REQUEST, "the sender is this server itself")


def _check_sender(header: PKIHeader, *, signed: bool) -> None:
    """RFC 9483, 3.1: senderKID is there. With a MAC, sender is a directoryName whose commonName it is.

    With a signature both were held against the signer's certificate when it was verified.
    """
    if not header.sender_kid:
        raise Refused(PKIFailureInfo.BAD_MESSAGE_CHECK, "senderKID is missing")
    if signed:
        return
    name = header.sender.directory_name
    if name is None or header.sender_kid not in _common_names(name):
        raise Refused(PKIFailureInfo.BAD_MESSAGE_CHECK, "the commonName of sender is not the senderKID")


def _common_names(name: Name) -> set[bytes]:
    values = (one.value for rdn in name for one in rdn if one.type == oids.COMMON_NAME)
    return {value.value.encode() for value in values if isinstance(value, DirectoryString)}


def _check_time(header: PKIHeader, profile: Profile, now: datetime) -> None:
    if header.message_time is None:
        if profile.message_time_required:
            raise Refused(PKIFailureInfo.MISSING_TIME_STAMP, "messageTime is missing")
    elif profile.message_time_window is not None and abs(header.message_time - now) > profile.message_time_window:
        raise Refused(PKIFailureInfo.BAD_TIME, f"messageTime is too far from our time, {now:%Y-%m-%d %H:%M:%S} UTC")


def _check_confirmation(header: PKIHeader, profile: Profile) -> None:
    implicit = find_info(header, oids.ID_IT_IMPLICIT_CONFIRM)
    if implicit is None:
        return
    if not isinstance(implicit.info_value, Null) and (profile.strict or implicit.info_value is not None):
        raise Refused(PKIFailureInfo.BAD_REQUEST, "the value of implicitConfirm is not NULL")
    if profile.strict and find_info(header, oids.ID_IT_CONFIRM_WAIT_TIME) is not None:
        raise Refused(PKIFailureInfo.BAD_REQUEST, "implicitConfirm together with confirmWaitTime")
