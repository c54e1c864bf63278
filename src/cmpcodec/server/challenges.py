"""popdecc and popdecr: a requester proves by reading a number that he has the private key. RFC 9810, 5.2.8.3.3.

Nothing is decided on before his answer is right. Nothing secret is kept meanwhile: the numbers are compared with the
witnesses in the popdecc that is stored as the answer to his first message, whose certReqIds wait.
"""

from __future__ import annotations

import hashlib

from ..asn1 import Limits
from ..cmp import ErrorMsgContent, PKIBody, PKIFailureInfo, PKIMessage, PKIStatus, POPODecKeyRespContent
from ..crmf import CertReqMsg, SubsequentMessage
from ..errors import PopError, UnsupportedAlgorithm
from ..messages import status_info
from ..pkix import SubjectPublicKeyInfo
from ..pop import challenge, check_response, verify_proof
from .answers import sender_of
from .ports import Refused, TransactionState
from .requests import check_challengeable, decide, enroll, follows, outcome, requests_of
from .transactions import Outcome, Received, Summary

_OWN = Limits(max_size=1 << 24, max_nodes=1 << 20)
"""For the popdecc that we made ourselves."""


def challenge_or_enroll(received: Received) -> Outcome:
    """Answer an ir, cr, kur or p10cr: by challenges for the requests that ask for one, else at once."""
    message = received.message
    keys = _challenged(received, message)
    if not keys:
        return enroll(received)
    sender = sender_of(received.profile, received.party.answering(message.header))
    try:
        content = challenge(keys.values(), sender, legacy=message.header.pvno < 3)
    except UnsupportedAlgorithm as error:
        raise Refused(PKIFailureInfo.BAD_POP, f"no challenge can be made: {error}") from error
    return Outcome(
        body=PKIBody(popdecc=content),
        summary=Summary(),
        state=TransactionState.CHALLENGED,
        waiting=tuple(keys),
    )


def prove(received: Received) -> Outcome:
    """Answer a popdecr: the requests are decided on if it is right, else the transaction is over."""
    transaction, response = received.transaction, received.message.body.popdecr
    assert transaction is not None  # the state table lets no popdecr through without one
    assert transaction.request is not None
    assert transaction.asked_at is not None
    assert isinstance(response, POPODecKeyRespContent)
    stored = received.store.answer(received.key, hashlib.sha256(transaction.request).digest())
    assert stored is not None
    challenges = PKIMessage.decode(stored, limits=_OWN).body.popdecc
    assert challenges is not None
    summary = Summary()
    try:
        check_response(challenges, response)
    except PopError as error:
        return _failed(str(error), summary)
    first = PKIMessage.decode(transaction.request, limits=received.profile.limits)
    decisions = decide(received, first, requests_of(received, first), transaction.asked_at, summary)
    return outcome(received, first, decisions, summary)


def _challenged(received: Received, message: PKIMessage) -> dict[int, SubjectPublicKeyInfo]:
    """The keys to send challenges for, by certReqId. What else is wrong with a request is told when it is decided."""
    if message.body.name == "p10cr" or not any(map(_asks, message.body.value)):
        return {}
    found = {}
    for number, request in requests_of(received, message).items():
        assert isinstance(request, CertReqMsg)
        if not _asks(request):
            continue
        try:
            proof = verify_proof(request, policy=received.profile.policy)
            check_challengeable(received, proof.public_key, message.header.pvno)
        except PopError:
            continue
        found[number] = proof.public_key
    return found


def _asks(request: CertReqMsg) -> bool:
    return follows(request) == SubsequentMessage.CHALLENGE_RESP


def _failed(text: str, summary: Summary) -> Outcome:
    """End the transaction with an error: no other answer is looked at."""
    summary.add(PKIStatus.REJECTION, text, PKIFailureInfo.BAD_POP)
    info = status_info(PKIStatus.REJECTION, text, PKIFailureInfo.BAD_POP)
    return Outcome(
        body=PKIBody(error=ErrorMsgContent(pki_status_info=info)), summary=summary, state=TransactionState.FINISHED
    )
