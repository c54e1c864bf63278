"""The life of one message in the server: read, authenticated, held against the rules, answered, remembered.

The order is a promise: nothing of a transaction is read or changed before the message is authentic, and no answer
leaves before what it says is in the store. No sockets, threads, clocks or logs; what they need stands in `Answer`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, cast

from ..asn1 import Limits
from ..cmp import PKIBody, PKIFailureInfo, PKIMessage, PKIStatus
from ..errors import CMPError, DecodeError, InvalidProtection, ProtectionError
from ..messages import fresh_octets
from ..protection import Protector, verify
from . import confirmation, polling, requests
from .answers import build, error_body, has_mac, pki_conf, statuses
from .certificates import check_signer
from .crl import current_crl
from .parties import Claimant, Party, SharedSecretParty
from .ports import Answer, Change, Conflict, Refused, StatusMove, Store, Transaction, TransactionKey, TransactionState
from .profile import Profile
from .rules import check_header, check_recip_nonce, check_transaction_id, check_version
from .transactions import MOST_STEPS, NEW, TABLE, Action, Outcome, Received, Refusal, Summary

_ATTEMPTS: Final = 8
"""How often a message is tried that meets another request's change in the store each time."""

_EXPLAINED: Final = 8 * 1024
"""Longest unreadable message, in bytes, whose fault is looked for: that takes longer than to refuse it."""

_SWEPT: Final = 200
"""How many certificates are revoked by one change of the store."""
_SWEPT_AT_ONCE: Final = 10_000
"""When a round of sweeping ends, though more is due: the next one goes on."""
_OWN: Final = Limits(max_size=1 << 30, max_depth=64, max_nodes=1 << 24, max_repeat=1 << 24)
"""For our own answers, which may be larger than what we accept."""
_FAILED: Final = "the server failed; nothing was changed"
_TOO_DEAR: Final = "too much was spent on messages from there that nobody had sent: fewer iterations, or try later"

_PERFORM: Final[Mapping[Action, Callable[[Received], Outcome]]] = {
    Action.ENROLL: requests.enroll,
    Action.REVOKE: polling.revoke_or_wait,
    Action.CONFIRM: confirmation.confirm,
    Action.POLL: polling.poll,
    Action.ABORT: confirmation.abort,
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Responder:
    """A CMP server: bytes in, bytes out, for any bytes. Threads may share it.

    `profiles` are the kinds of clients that are served, by name. `store` keeps all state, so that several processes
    with the same store are one server; a profile may stand under several names. `clock` returns the time as an aware
    datetime.

    Raises ValueError if two different profiles have the same `name`.
    """

    def __init__(
        self,
        profiles: Mapping[str, Profile] | Iterable[Profile],
        store: Store,
        *,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        if isinstance(profiles, Mapping):
            named = list(cast("Mapping[str, Profile]", profiles).items())
        else:
            named = [(one.name, one) for one in profiles]
        if len({one.name for _, one in named}) != len({id(one) for _, one in named}):
            raise ValueError("profiles: two of them have the same name")
        self._profiles: Mapping[str, Profile] = MappingProxyType(dict(named))
        self._store = store
        self._clock = clock
        # Stands in for parties that are not known, so that they cost and get what a wrong secret costs and gets.
        self._nobody = SharedSecretParty("nobody", os.urandom(32))

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """The profiles by name; it cannot be changed."""
        return self._profiles

    def handle(self, request: bytes, profile: str | None = None) -> bytes:
        """The answer to a message, as `respond` has it; without a name, for the only profile (ValueError if not)."""
        if profile is None:
            if len(self._profiles) != 1:
                raise ValueError("there is more than one profile: name it")
            (profile,) = self._profiles
        return self.respond(request, profile).der

    def respond(self, request: bytes, profile: str, hashes: int | None = None) -> Answer:
        """The answer to a message, and what to log of it; whatever the bytes are, it is a PKIMessage.

        `hashes`: the most, of SHA-256, that its PasswordBasedMac may cost, though never less than what the profile's
        policy has for its least; dearer messages are answered systemUnavail. None leaves it to the policy.

        Raises KeyError for the name of no profile, and nothing else: failures of store or authority make an answer of
        systemFailure, with the reason in `detail`.
        """
        settings = self._profiles[profile]
        now = self._clock()
        try:
            return self._respond(bytes(request), settings, now, hashes)
        except Exception as error:  # whatever failed, the requester gets an answer
            return self._failed(settings, now, error, None)

    def crl(self, profile: str) -> bytes:
        """The DER of the current CRL of a profile's authority, made anew if need be.

        Raises KeyError for the name of no profile, else what store and authority raise.
        """
        return current_crl(self._profiles[profile], self._store, self._clock())

    def sweep(self) -> int:
        """Revoke certificates that were not confirmed in time, and forget expired transactions; to be called regularly.

        Returns how many certificates it revoked. Raises what the store raises.
        """
        now = self._clock()
        revoked = 0
        while True:
            overdue = self._store.unconfirmed(now, _SWEPT)
            moved = self._revoke([confirmation.never_confirmed(one, now) for one in overdue])
            revoked += moved
            if len(overdue) < _SWEPT or not moved or revoked >= _SWEPT_AT_ONCE:
                break
        self._store.forget(now)
        return revoked

    def _revoke(self, moves: list[StatusMove]) -> int:
        """Make these moves together or, if somebody else moved one of them at this moment, those that still can be."""
        moved = 0
        for part in (moves, *([one] for one in moves if len(moves) > 1)) if moves else ():
            try:
                self._store.apply(Change(moves=part))
            except Conflict:
                continue
            moved += len(part)
            if part is moves:
                break
        return moved

    # --- One message ---

    def _respond(self, request: bytes, profile: Profile, now: datetime, hashes: int | None) -> Answer:
        try:
            message = PKIMessage.decode(request, limits=profile.limits)
        except DecodeError as error:
            text = str(error) if len(request) <= _EXPLAINED else "not a PKIMessage in DER, or beyond our limits"
            return self._unprotected(profile, now, PKIFailureInfo.BAD_DATA_FORMAT, text)
        price = 0
        if message.protection is not None:
            price = self._nobody.credential.cost(message.header, profile.policy)
        if hashes is not None and price > max(hashes, profile.policy.min_iterations):
            return self._unprotected(profile, now, PKIFailureInfo.SYSTEM_UNAVAIL, _TOO_DEAR, message)
        claimant = None
        try:
            claimant = profile.lookup(message.header)
            signer = verify(message, (claimant or self._nobody).credential, profile.policy, time=now)
            if claimant is None:  # somebody guessed 256 random bits
                raise InvalidProtection
            party = claimant.authenticated(signer)
        except ProtectionError as error:
            answer = self._turn_away(message, profile, now, error, claimant)
            return replace(answer, vain_hashes=price) if isinstance(error, InvalidProtection) else answer
        except Exception as error:  # the lookup failed: nobody was authenticated
            return self._failed(profile, now, error, message)
        try:
            return self._converse(request, message, party, profile, now)
        except Refused as refused:
            fail_info, text, detail = refused.fail_info, refused.text, ""
        except Exception as error:  # the requester is known: it gets a protected answer
            fail_info, text = _own_fault(error), _FAILED
            detail = _described(error)
        header = message.header
        der = build(
            profile,
            header,
            error_body(fail_info, text),
            nonce=fresh_octets(),
            now=now,
            credential=party.answering(header),
        )
        return _failure(der, fail_info, text, message=message, requester=party.identity, detail=detail)

    def _failed(self, profile: Profile, now: datetime, error: Exception, message: PKIMessage | None) -> Answer:
        """An unprotected systemFailure: something failed before anybody was authenticated."""
        return self._unprotected(profile, now, _own_fault(error), _FAILED, message, detail=_described(error))

    def _unprotected(
        self,
        profile: Profile,
        now: datetime,
        fail_info: PKIFailureInfo,
        text: str,
        message: PKIMessage | None = None,
        detail: str = "",
    ) -> Answer:
        der = build(
            profile,
            None if message is None else message.header,
            error_body(fail_info, text),
            nonce=fresh_octets(),
            now=now,
            credential=None,
        )
        return _failure(der, fail_info, text, message=message, detail=detail)

    def _turn_away(
        self,
        message: PKIMessage,
        profile: Profile,
        now: datetime,
        error: ProtectionError,
        claimant: Claimant | None,
    ) -> Answer:
        """Answer somebody who was not authenticated, known or not at the same cost; nothing is read or changed.

        An error message is answered by pkiConf, which asks for no answer, everything else by an error. Which of the
        two it is, and what it says, depends on the message alone, not on whether its senderKID is known.
        """
        header = message.header
        credential: Protector | None = None
        if has_mac(message):
            if not profile.unprotected_errors:
                credential = self._nobody.answering(header)
        elif claimant is not None and message.protection is not None:
            credential = claimant.refusing
        fail_info: PKIFailureInfo = getattr(PKIFailureInfo, error.fail_info)
        text = str(error) if not isinstance(error, InvalidProtection) else "the protection does not fit"
        try:
            check_version(header)
        except Refused as refused:
            fail_info, text = refused.fail_info, refused.text
        body = pki_conf() if message.body.name == "error" else error_body(fail_info, text)
        der = build(profile, header, body, nonce=fresh_octets(), now=now, credential=credential)
        detail = "nobody of that senderKID is known" if claimant is None else ""
        if body.error is None:
            return Answer(
                der=der,
                request="error",
                body="pkiconf",
                text=text,
                detail=detail,
                transaction_id=header.transaction_id,
            )
        return _failure(der, fail_info, text, message=message, detail=detail)

    def _converse(self, request: bytes, message: PKIMessage, party: Party, profile: Profile, now: datetime) -> Answer:
        """Answer an authentic message, once: the store decides between those that come at the same moment."""
        check_version(message.header)
        key = TransactionKey(profile.name, party.identity, check_transaction_id(message.header, profile))
        digest = hashlib.sha256(request).digest()
        for _ in range(_ATTEMPTS):
            transaction = self._store.transaction(key)
            if transaction is not None:
                stored = self._store.answer(key, digest)
                if stored is not None:
                    return _repeated(stored, message, party)
            check_signer(self._store, party)
            received = Received(
                profile=profile,
                store=self._store,
                now=now,
                party=party,
                message=message,
                key=key,
                transaction=transaction,
            )
            action = _admitted(received)
            nonce = fresh_octets()
            if action is Action.ACKNOWLEDGE:
                return self._answer(received, pki_conf(), Summary(), nonce)
            outcome = _PERFORM[action](received)
            answer = self._answer(received, outcome.body, outcome.summary, nonce, outcome)
            change = Change(
                transaction=_after(received, outcome, nonce, request),
                request_digest=digest,
                answer=answer.der,
                issued=outcome.issued,
                moves=outcome.moves,
            )
            try:
                self._store.apply(change)
            except Conflict:  # read again: the same message may be answered by now, its certificates thrown away here
                continue
            return answer
        raise Refused(PKIFailureInfo.SYSTEM_UNAVAIL, "too many requests change the same at this moment: try again")

    def _answer(
        self, received: Received, body: PKIBody, summary: Summary, nonce: bytes, outcome: Outcome | None = None
    ) -> Answer:
        header = received.message.header
        der = build(
            received.profile,
            header,
            body,
            nonce=nonce,
            now=received.now,
            credential=received.party.answering(header),
            general_info=() if outcome is None else outcome.general_info,
            chain=outcome is not None and outcome.chain and received.profile.extra_certs,
        )
        return Answer(
            der=der,
            request=received.message.body.name,
            body=body.name,
            status=summary.status,
            fail_info=summary.fail_info,
            text="; ".join(summary.texts),
            requester=received.party.identity,
            transaction_id=header.transaction_id,
            serials=tuple(summary.serials),
        )


def _admitted(received: Received) -> Action:
    """What is to be done with a message; Refused if its header, its kind or its moment is wrong."""
    header, kind, transaction = received.message.header, received.message.body.name, received.transaction
    check_header(header, received.profile, received.now, signed=received.party.certificate is not None)
    if (NEW, kind) not in TABLE:
        raise Refused(PKIFailureInfo.BAD_REQUEST, f"this server does not serve {kind}")
    if kind not in received.profile.bodies:
        raise Refused(PKIFailureInfo.NOT_AUTHORIZED, f"{kind} is not allowed here")
    entry = TABLE[NEW if transaction is None else transaction.state, kind]
    if isinstance(entry, Refusal):
        raise Refused(entry.fail_info, entry.text)
    if transaction is None:
        if entry is not Action.ACKNOWLEDGE:
            check_recip_nonce(header, None)
    elif entry in (Action.CONFIRM, Action.POLL) or (entry is Action.ABORT and received.profile.strict):
        # An error may speak of an answer that its sender could not read, so OpenSSL's has an older nonce, or none.
        check_recip_nonce(header, transaction.nonce)
    if transaction is not None and transaction.version >= MOST_STEPS:
        raise Refused(PKIFailureInfo.BAD_REQUEST, "the transaction has too many messages")
    return entry


def _after(received: Received, outcome: Outcome, nonce: bytes, request: bytes) -> Transaction:
    """The transaction as the message leaves it."""
    before, profile, now = received.transaction, received.profile, received.now
    keep = profile.remember
    if outcome.serials:
        keep += profile.confirm_wait
    waits = outcome.state is TransactionState.WAITING
    if waits:
        keep = max(keep, profile.poll_within)
    return Transaction(
        key=received.key,
        version=1 if before is None else before.version + 1,
        state=outcome.state,
        nonce=nonce,
        expires=now + keep,
        request=(request if before is None else before.request) if waits else None,
        asked_at=now if before is None else before.asked_at,
        serials=outcome.serials,
        waiting=outcome.waiting,
        replaces=outcome.replaces,
    )


def _repeated(stored: bytes, message: PKIMessage, party: Party) -> Answer:
    """The answer that was given before, as it was."""
    body = PKIMessage.decode(stored, limits=_OWN).body
    summary = Summary()
    for info in statuses(body):
        texts = "; ".join(info.status_string or ())
        summary.add(PKIStatus(info.status), texts, info.fail_info)
    return Answer(
        der=stored,
        request=message.body.name,
        body=body.name,
        status=summary.status,
        fail_info=summary.fail_info,
        text="; ".join(summary.texts),
        requester=party.identity,
        transaction_id=message.header.transaction_id,
        repeated=True,
    )


def _failure(
    der: bytes,
    fail_info: PKIFailureInfo,
    text: str,
    *,
    message: PKIMessage | None = None,
    requester: str | None = None,
    detail: str = "",
) -> Answer:
    return Answer(
        der=der,
        request="unreadable" if message is None else message.body.name,
        status=PKIStatus.REJECTION,
        fail_info=fail_info,
        text=text,
        detail=detail,
        requester=requester,
        transaction_id=None if message is None else message.header.transaction_id,
    )


def _own_fault(error: Exception) -> PKIFailureInfo:
    """What to answer when store or authority failed: some of their errors say that it will pass."""
    passes = isinstance(error, CMPError) and error.fail_info == "SYSTEM_UNAVAIL"
    return PKIFailureInfo.SYSTEM_UNAVAIL if passes else PKIFailureInfo.SYSTEM_FAILURE


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
