"""The state table: which message may come in which state of its transaction, and what is to be done with it.

Data, and the values that pass between the flow (`responder`) and the subjects (`requests`, `confirmation`, ...). It
does nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from ..cmp import InfoTypeAndValue, PKIBody, PKIFailureInfo, PKIMessage, PKIStatus
from .parties import Party
from .ports import IssuedCertificate, StatusMove, Store, Transaction, TransactionKey, TransactionState
from .profile import Profile


class Action(Enum):
    """What is done with a message that may come."""

    ENROLL = "issue certificates"
    PROVE = "look at the answer to a challenge"
    REVOKE = "revoke certificates"
    CONFIRM = "settle unconfirmed certificates"
    POLL = "try again what is delayed"
    ABORT = "end the transaction"
    ACKNOWLEDGE = "answer pkiConf, change nothing"


class Refusal(NamedTuple):
    """Why a message may not come."""

    fail_info: PKIFailureInfo
    text: str


NEW: Final = None
"""The state of a transaction that the server does not know (yet, or any more)."""

_UNKNOWN: Final = Refusal(PKIFailureInfo.BAD_REQUEST, "there is no transaction of that transactionID")
_IN_USE: Final = Refusal(PKIFailureInfo.TRANSACTION_ID_IN_USE, "the transactionID is in use by another request")
_NOT_WAITING: Final = Refusal(PKIFailureInfo.BAD_REQUEST, "no answer of this transaction is delayed")
_NOT_CHALLENGED: Final = Refusal(PKIFailureInfo.BAD_REQUEST, "no challenge of this transaction is open")
_CHALLENGED: Final = Refusal(PKIFailureInfo.BAD_REQUEST, "the challenge has to be answered first")
_CONFIRMED: Final = Refusal(PKIFailureInfo.CERT_CONFIRMED, "the transaction is finished: nothing is left to confirm")

TABLE: Final[Mapping[tuple[TransactionState | None, str], Action | Refusal]] = {
    (NEW, "ir"): Action.ENROLL,
    (NEW, "cr"): Action.ENROLL,
    (NEW, "kur"): Action.ENROLL,
    (NEW, "p10cr"): Action.ENROLL,
    (NEW, "rr"): Action.REVOKE,
    (NEW, "cert_conf"): _UNKNOWN,
    (NEW, "poll_req"): _UNKNOWN,
    (NEW, "popdecr"): _UNKNOWN,
    (NEW, "error"): Action.ACKNOWLEDGE,
    (TransactionState.CHALLENGED, "ir"): _IN_USE,
    (TransactionState.CHALLENGED, "cr"): _IN_USE,
    (TransactionState.CHALLENGED, "kur"): _IN_USE,
    (TransactionState.CHALLENGED, "p10cr"): _IN_USE,
    (TransactionState.CHALLENGED, "rr"): _IN_USE,
    (TransactionState.CHALLENGED, "cert_conf"): _CHALLENGED,
    (TransactionState.CHALLENGED, "poll_req"): _NOT_WAITING,
    (TransactionState.CHALLENGED, "popdecr"): Action.PROVE,
    (TransactionState.CHALLENGED, "error"): Action.ABORT,
    (TransactionState.WAITING, "ir"): _IN_USE,
    (TransactionState.WAITING, "cr"): _IN_USE,
    (TransactionState.WAITING, "kur"): _IN_USE,
    (TransactionState.WAITING, "p10cr"): _IN_USE,
    (TransactionState.WAITING, "rr"): _IN_USE,
    (TransactionState.WAITING, "cert_conf"): Action.CONFIRM,  # for those that were issued, while others are delayed
    (TransactionState.WAITING, "poll_req"): Action.POLL,
    (TransactionState.WAITING, "popdecr"): _NOT_CHALLENGED,
    (TransactionState.WAITING, "error"): Action.ABORT,
    (TransactionState.UNCONFIRMED, "ir"): _IN_USE,
    (TransactionState.UNCONFIRMED, "cr"): _IN_USE,
    (TransactionState.UNCONFIRMED, "kur"): _IN_USE,
    (TransactionState.UNCONFIRMED, "p10cr"): _IN_USE,
    (TransactionState.UNCONFIRMED, "rr"): _IN_USE,
    (TransactionState.UNCONFIRMED, "cert_conf"): Action.CONFIRM,
    (TransactionState.UNCONFIRMED, "poll_req"): _NOT_WAITING,
    (TransactionState.UNCONFIRMED, "popdecr"): _NOT_CHALLENGED,
    (TransactionState.UNCONFIRMED, "error"): Action.ABORT,
    (TransactionState.FINISHED, "ir"): _IN_USE,
    (TransactionState.FINISHED, "cr"): _IN_USE,
    (TransactionState.FINISHED, "kur"): _IN_USE,
    (TransactionState.FINISHED, "p10cr"): _IN_USE,
    (TransactionState.FINISHED, "rr"): _IN_USE,
    (TransactionState.FINISHED, "cert_conf"): _CONFIRMED,
    (TransactionState.FINISHED, "poll_req"): _NOT_WAITING,
    (TransactionState.FINISHED, "popdecr"): _NOT_CHALLENGED,
    (TransactionState.FINISHED, "error"): Action.ACKNOWLEDGE,
}
"""State and kind of body -> what to do. Kinds of body that are missing here are never served."""

MOST_STEPS: Final = 10_000
"""Most messages of one transaction that change it (polls, that is): their answers are all kept."""

Serials: TypeAlias = tuple[tuple[int, int], ...]
"""Pairs of certReqId and serial number."""


class Received(NamedTuple):
    """An authentic message whose header is in order, and what it meets."""

    profile: Profile
    store: Store
    now: datetime
    party: Party
    message: PKIMessage
    key: TransactionKey
    transaction: Transaction | None


@dataclass(slots=True)
class Summary:
    """What one may log or count of an answer; see `ports.Answer`."""

    status: int | None = None
    fail_info: PKIFailureInfo | None = None
    texts: list[str] = field(default_factory=list)
    serials: list[int] = field(default_factory=list)

    def add(self, status: PKIStatus, text: str | None = None, fail_info: PKIFailureInfo | None = None) -> None:
        """Take note of one status: the worst one counts."""
        if self.status is None or _BADNESS[status] > _BADNESS[PKIStatus(self.status)]:
            self.status = status
        if fail_info is not None:
            self.fail_info = fail_info if self.fail_info is None else self.fail_info | fail_info
        if text:
            self.texts.append(text)


_BADNESS: Final = {
    PKIStatus.ACCEPTED: 0,
    PKIStatus.GRANTED_WITH_MODS: 1,
    PKIStatus.REVOCATION_NOTIFICATION: 2,
    PKIStatus.REVOCATION_WARNING: 3,
    PKIStatus.KEY_UPDATE_WARNING: 4,
    PKIStatus.WAITING: 5,
    PKIStatus.REJECTION: 6,
}


class Outcome(NamedTuple):
    """What an authentic message leads to: the body of the answer, and what changes in the store with it.

    `state` is that of the transaction from now on, `serials` and `waiting` what is still open in it.
    """

    body: PKIBody
    summary: Summary
    state: TransactionState
    serials: Serials = ()
    waiting: tuple[int, ...] = ()
    replaces: int | None = None
    issued: Sequence[IssuedCertificate] = ()
    moves: Sequence[StatusMove] = ()
    general_info: tuple[InfoTypeAndValue, ...] = ()
    chain: bool = False
    """Whether the answer may carry the CA's chain in extraCerts."""
    newest: bool = False
    """Whether the answer takes CMP version 3, whatever the request says."""


def state_of(serials: Serials, waiting: tuple[int, ...]) -> TransactionState:
    """The state of a transaction in which these certificates are unconfirmed and these answers delayed."""
    if waiting:
        return TransactionState.WAITING
    return TransactionState.UNCONFIRMED if serials else TransactionState.FINISHED
