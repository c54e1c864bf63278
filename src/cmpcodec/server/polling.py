"""Answers that are delayed: pollReq and pollRep. RFC 9810, 5.3.22; RFC 9483, 4.4.

A delayed request is kept as it came and decided upon anew with each pollReq, until the authority has an answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ..cmp import ErrorMsgContent, PKIBody, PKIFailureInfo, PKIMessage, PKIStatus, PollReqContent
from ..messages import status_info
from .ports import NotYet, Refused, TransactionState
from .requests import decide, outcome, requests_of
from .revocation import revoke
from .transactions import Outcome, Received, Summary

WHOLE: Final = -1
"""certReqId that stands for the whole message: RFC 9810, 5.3.22."""


def revoke_or_wait(received: Received) -> Outcome:
    """Answer an rr; if that takes time, by an error with status waiting: an rp has no such status for itself."""
    try:
        return revoke(received, received.message, received.now)
    except NotYet as delay:
        summary = Summary()
        summary.add(PKIStatus.WAITING, delay.reason)
        waiting = ErrorMsgContent(pki_status_info=status_info(PKIStatus.WAITING, delay.reason))
        return Outcome(body=PKIBody(error=waiting), summary=summary, state=TransactionState.WAITING, waiting=(WHOLE,))


def poll(received: Received) -> Outcome:
    """Answer a pollReq: by the answer that was delayed, if it is there by now, else by a pollRep."""
    transaction = received.transaction
    assert transaction is not None  # the state table lets no pollReq through without one
    assert transaction.request is not None
    assert transaction.asked_at is not None
    asked = _asked(received, transaction.waiting)
    numbers = list(transaction.waiting) if asked == [WHOLE] else asked
    first = PKIMessage.decode(transaction.request, limits=received.profile.limits)
    if first.body.name == "rr":
        try:
            return revoke(received, first, transaction.asked_at)
        except NotYet as delay:
            return _later(received, {WHOLE: delay})
    return _enroll(received, first, transaction.asked_at, asked, numbers)


def _enroll(received: Received, first: PKIMessage, asked_at: datetime, asked: list[int], numbers: list[int]) -> Outcome:
    transaction = received.transaction
    assert transaction is not None
    requests = requests_of(received, first)
    summary = Summary()
    decisions = decide(received, first, {number: requests[number] for number in numbers}, asked_at, summary)
    delays = {number: one.delay for number, one in decisions.items() if one.delay is not None}
    if len(delays) == len(decisions):
        if asked == [WHOLE]:
            soonest = min(delays.values(), key=lambda delay: delay.check_after)
            return _later(received, {WHOLE: soonest})
        return _later(received, delays)
    others = tuple(number for number in transaction.waiting if number not in decisions)
    return outcome(received, first, decisions, summary, transaction.serials, others)


def _asked(received: Received, waiting: tuple[int, ...]) -> list[int]:
    """The certReqIds that a pollReq asks for: of delayed requests, each once, or -1 for all of them."""
    content = received.message.body.poll_req
    assert isinstance(content, PollReqContent)
    numbers = [one.cert_req_id for one in content]
    if not 1 <= len(numbers) <= received.profile.max_requests or len(set(numbers)) != len(numbers):
        raise Refused(PKIFailureInfo.BAD_REQUEST, f"a pollReq with {len(numbers)} certReqIds, or one of them twice")
    if numbers != [WHOLE] and not set(numbers) <= set(waiting):
        raise Refused(PKIFailureInfo.BAD_REQUEST, "a pollReq with a certReqId whose answer is not delayed")
    return numbers


def _later(received: Received, delays: dict[int, NotYet]) -> Outcome:
    transaction = received.transaction
    assert transaction is not None
    longest = int(received.profile.poll_within.total_seconds())  # afterwards, the request may be forgotten
    summary = Summary()
    entries: list[dict[str, Any]] = []
    for number, delay in delays.items():
        summary.add(PKIStatus.WAITING, delay.reason)
        entry: dict[str, Any] = {"cert_req_id": number, "check_after": min(max(delay.check_after, 0), longest)}
        entries.append(entry | ({"reason": [delay.reason]} if delay.reason else {}))
    return Outcome(
        body=PKIBody.from_plain({"poll_rep": entries}),
        summary=summary,
        state=transaction.state,
        serials=transaction.serials,
        waiting=transaction.waiting,
        replaces=transaction.replaces,
    )
