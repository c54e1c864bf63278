"""Messages that the server sends: header, body, protection in kind. RFC 9810, 5.1.1; RFC 9483, 3.1 and 3.6.

It knows how an answer is made, not what is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..cmp import (
    CMPCertificate,
    ErrorMsgContent,
    ExtraCerts,
    InfoTypeAndValue,
    PKIBody,
    PKIConfirmContent,
    PKIFailureInfo,
    PKIHeader,
    PKIMessage,
    PKIStatus,
    PKIStatusInfo,
)
from ..messages import NULL_DN, is_readable, status_info
from ..pkix import GeneralName
from ..protection import Protector, protect
from .parties import MAC_ALGORITHMS
from .profile import Profile
from .rules import OLDEST_PVNO, nearest_version

_LONGEST_TEXT = 500


def pki_conf() -> PKIBody:
    """A body of kind pkiconf."""
    return PKIBody(pkiconf=PKIConfirmContent())


def error_body(fail_info: PKIFailureInfo, text: str) -> PKIBody:
    """A body of kind error: status rejection, and why."""
    info = status_info(PKIStatus.REJECTION, text[:_LONGEST_TEXT], fail_info)
    return PKIBody(error=ErrorMsgContent(pki_status_info=info))


def build(
    profile: Profile,
    header: PKIHeader | None,
    body: PKIBody,
    *,
    nonce: bytes,
    now: datetime,
    credential: Protector | None,
    general_info: Sequence[InfoTypeAndValue] = (),
    chain: bool = False,
) -> bytes:
    """The answer to a message with that header (None: it could not be read), protected if there is a credential."""
    signs = credential is not None and bool(credential.certificates)
    plain = {
        "pvno": OLDEST_PVNO if header is None else nearest_version(header),
        "sender": NULL_DN if signs else GeneralName(directory_name=profile.authority.name),  # else its own subject
        # A sender that the requester itself could not read would make the answer unreadable.
        "recipient": header.sender if header is not None and is_readable(header.sender) else NULL_DN,
        "message_time": now.replace(microsecond=0),
        "sender_kid": None if header is None or signs else header.sender_kid,
        "transaction_id": None if header is None else header.transaction_id,
        "sender_nonce": nonce,
        "recip_nonce": None if header is None else header.sender_nonce,
        "general_info": general_info or None,
    }
    certificates = [CMPCertificate(one.der) for one in profile.authority.chain] if chain else []
    extra = ExtraCerts(certificates) if certificates else None
    message = PKIMessage(header=PKIHeader.from_plain(plain), body=body, extra_certs=extra)
    return (message if credential is None else protect(message, credential)).der


def has_mac(message: PKIMessage) -> bool:
    """Whether a message is protected by a shared secret, rightly or wrongly."""
    algorithm = message.header.protection_alg
    return message.protection is not None and algorithm is not None and algorithm.algorithm in MAC_ALGORITHMS


def statuses(body: PKIBody) -> list[PKIStatusInfo]:
    """Every PKIStatusInfo in an answer."""
    response = body.ip or body.cp or body.kup
    if response is not None:
        return [one.status for one in response.response]
    if body.rp is not None:
        return list(body.rp.status)
    return [] if body.error is None else [body.error.pki_status_info]
