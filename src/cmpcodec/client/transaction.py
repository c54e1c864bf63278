"""One transaction as the client sees it: makes its messages, and believes an answer only when everything about it fits.

It knows headers, nonces, protection and polling; not what a request is about. It does no I/O: generators yield what
is to be sent (or for how long to wait), and are sent the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Final, NamedTuple

from ..cmp import (
    CMPCertificate,
    ErrorMsgContent,
    ExtraCerts,
    GeneralInfo,
    InfoTypeAndValue,
    PKIBody,
    PKIFailureInfo,
    PKIHeader,
    PKIMessage,
    PKIStatus,
    PollReq,
    PollReqContent,
)
from ..errors import CMPError, MissingProtection, ProtectionError, RemoteProtocolError, RequestRejected
from ..messages import NULL_DN, fresh_octets, status_info
from ..pkix import GeneralName, Name
from ..protection import Protector, Signer, protect, verify
from .answers import manner, verifier_of
from .reading import (
    as_name,
    is_waiting_error,
    joined,
    kind,
    kind_of,
    may_lack_protection,
    negative_status,
    printable,
    same_name,
)
from .settings import Flow, Settings, Wait

WHOLE_MESSAGE: Final = -1
"""certReqId of a pollReq for an answer as a whole, and of p10cr, which has no certReqId. RFC 9810, 5.3.22."""

MAX_CHECK_AFTER: Final = 2**31 - 1
"""Longest checkAfter that is taken seriously, in seconds: 68 years."""


class Answer(NamedTuple):
    """An answer that may be read. Unless `authenticated`, it is a pkiConf that anybody may have sent."""

    message: PKIMessage
    authenticated: bool
    signer: Signer | None
    """Who signed it, None if nobody did."""


class Transaction:
    """Speaks for a client in one transaction: fresh nonces, protection, and the checks of RFC 9810, 5.1.1.

    `sender` and `recipient` stand in the header where the settings name nobody; whoever signs is named by the
    certificate instead of `sender`. Raises LocalProtocolError if nothing could verify the answers to a signature.
    """

    def __init__(
        self, credential: Protector | None, settings: Settings, sender: Name | None, recipient: Name | None
    ) -> None:
        self.settings = settings
        self.report = settings.report
        self.id = fresh_octets() if settings.transaction_id is None else settings.transaction_id
        self._credential = credential
        self._verifier = verifier_of(credential, settings.answers)
        signs = credential is not None and bool(credential.certificates)
        self._sender = _general_name(settings.sender, None if signs else sender)
        self._recipient = _general_name(settings.recipient, recipient)
        self._expected_sender = None if settings.expected_sender is None else as_name(settings.expected_sender)
        certificates = [CMPCertificate(one.der) for one in settings.extra_certs]
        self._extra_certs = ExtraCerts(certificates) if certificates else None
        self._sent_nonce = b""
        self._delayed_nonce: bytes | None = None
        self._peer_nonce: bytes | None = None
        self._begun = False

    # --- what we send ---

    def message(self, body: PKIBody, pvno: int = 2, general_info: Sequence[InfoTypeAndValue] = ()) -> PKIMessage:
        """The next message of the transaction, protected."""
        self._sent_nonce = fresh_octets()
        message = PKIMessage(
            header=PKIHeader(
                pvno=pvno,
                sender=self._sender,
                recipient=self._recipient,
                message_time=self.settings.clock().astimezone(UTC).replace(microsecond=0),
                sender_kid=self.settings.sender_kid,
                transaction_id=self.id,
                sender_nonce=self._sent_nonce,
                recip_nonce=self._peer_nonce,
                general_info=GeneralInfo(general_info) if general_info else None,
            ),
            body=body,
            extra_certs=self._extra_certs,
        )
        return message if self._credential is None else protect(message, self._credential)

    def exchange(
        self, body: PKIBody, expected: str, pvno: int = 2, general_info: Sequence[InfoTypeAndValue] = ()
    ) -> Flow[Answer]:
        """Send `body`, poll if the answer as a whole is late, and return an answer of the kind `expected`.

        Raises RequestRejected if an error comes back, RemoteProtocolError or ProtectionError if the answer must not be
        believed. An answer to a certificate request may still say that the certificate is late: see `poll`.
        """
        answer = yield from self._round_trip(body, pvno, general_info)
        if is_waiting_error(answer.message):
            return (yield from self.poll(WHOLE_MESSAGE, expected))
        return (yield from self._of_kind(answer, expected))

    def give_up(self, fail_info: PKIFailureInfo, text: str) -> Flow[RemoteProtocolError]:
        """Tell the server, which has sent authentic nonsense, that the transaction is over; return what to raise.

        RFC 9810, 5.3.21. Whatever the server says to that, it changes nothing.
        """
        info = status_info(PKIStatus.REJECTION, text, fail_info)
        yield from self.last_word(PKIBody(error=ErrorMsgContent(pki_status_info=info)))
        return RemoteProtocolError(text)

    def last_word(self, body: PKIBody, pvno: int = 2) -> Flow[None]:
        """Send a message whose answer does not matter any more, nor whether there is one."""
        self.report("info", f"sending {kind(body)}")
        try:
            answer = yield self.message(body, pvno)
        except CMPError as error:
            self.report("warning", f"{kind(body)} may not have arrived: {printable(str(error))}")
        else:
            self.report("info", f"received {kind(_message(answer).body)}")

    # --- late answers ---

    def poll(self, cert_req_id: int, expected: str) -> Flow[Answer]:
        """Ask for the answer that is late, as often as it takes, and return it. RFC 9810, 5.3.22.

        Raises as `exchange` does, and RemoteProtocolError if checkAfter makes no sense or if it takes more than the
        settings allow.
        """
        settings = self.settings
        self.report("info", "received 'waiting' PKIStatus, starting to poll for response")
        self._delayed_nonce = self._sent_nonce  # RFC 9483, 4.4: the late answer may repeat the nonce of the request
        waited = 0
        for _ in range(settings.max_polls):
            answer = yield from self._round_trip(PKIBody(poll_req=PollReqContent([PollReq(cert_req_id=cert_req_id)])))
            if is_waiting_error(answer.message):
                raise (
                    yield from self.give_up(PKIFailureInfo.BAD_REQUEST, "'waiting' again, although polling has begun")
                )
            content = answer.message.body.poll_rep
            if content is None:
                self.report("info", "received final response after polling")
                self._delayed_nonce = None
                return (yield from self._of_kind(answer, expected))
            if len(content) != 1 or content[0].cert_req_id != cert_req_id:
                raise (yield from self.give_up(PKIFailureInfo.BAD_REQUEST, "pollRep is not about what was asked for"))
            seconds, reason = content[0].check_after, joined(content[0].reason) or None
            if not 0 <= seconds <= MAX_CHECK_AFTER:
                raise (yield from self.give_up(PKIFailureInfo.BAD_REQUEST, "checkAfter is negative or absurdly long"))
            said = f" with reason = '{reason}'" if reason else ""
            self.report("info", f"received polling response{said}; checkAfter = {seconds} seconds")
            waited += seconds
            if waited > settings.max_wait:
                text = f"polling aborted: the answer would take longer than {settings.max_wait} seconds"
                raise (yield from self.give_up(PKIFailureInfo.SYSTEM_UNAVAIL, text))
            yield Wait(seconds, reason)
        text = f"polling aborted: no answer after asking {settings.max_polls} times"
        raise (yield from self.give_up(PKIFailureInfo.SYSTEM_UNAVAIL, text))

    # --- what we receive ---

    def _round_trip(self, body: PKIBody, pvno: int = 2, general_info: Sequence[InfoTypeAndValue] = ()) -> Flow[Answer]:
        """Send one message and return its verified answer, of whatever kind."""
        if not self._begun:
            self._begun = True
            self.report("debug", f"Starting new transaction with ID={self.id.hex(':').upper()}")
            general_info = (*general_info, *self.settings.general_info)
        message = self.message(body, pvno, general_info)
        self.report("info", f"sending {kind(body)}")
        received = _message((yield message))
        self.report("info", f"received {kind(received.body)}{' (waiting)' if is_waiting_error(received) else ''}")
        return self._verified(received)

    def _verified(self, message: PKIMessage) -> Answer:
        """Everything that has to hold before an answer is believed, in this order: protection, transaction, nonce.

        Raises a ProtectionError or RemoteProtocolError; RequestRejected for a negative answer that nobody has
        authenticated, if the settings allow to show it.
        """
        header = message.header
        self.report("debug", "validating CMP message")
        authenticated, signer = self._protected(message)
        rejection = negative_status(message)
        if not authenticated and rejection is not None:
            raise RequestRejected(rejection, authenticated=False)
        if header.pvno not in (2, 3) and rejection is None:
            raise RemoteProtocolError("the answer is of a version of CMP (pvno) that was not asked for")
        expected_sender = self._expected_sender
        if expected_sender is not None and not same_name(header.sender, expected_sender):
            raise RemoteProtocolError(f"the answer is not from the expected sender {expected_sender.rfc4514()}")
        if header.transaction_id != self.id:
            raise RemoteProtocolError("the answer belongs to another transaction (transactionID)")
        nonces = {self._sent_nonce}
        if self._delayed_nonce is not None and message.body.poll_rep is None:
            nonces.add(self._delayed_nonce)
        if header.recip_nonce not in nonces:
            raise RemoteProtocolError("the answer is to another message (recipNonce)")
        self._peer_nonce = header.sender_nonce
        return Answer(message, authenticated, signer)

    def _protected(self, message: PKIMessage) -> tuple[bool, Signer | None]:
        """Whether the protection holds, and who signed; False if it may be ignored, else raises a ProtectionError."""
        how = manner(message.header.protection_alg)
        try:
            if self._verifier is None:
                raise MissingProtection("no credential is there that could verify the answer")
            signer = verify(message, self._verifier, self.settings.policy, time=self.settings.clock())
        except ProtectionError as error:
            missing = isinstance(error, MissingProtection)
            if not missing:
                self.report("warning", f"verifying {how}-based CMP message protection failed")
            what = may_lack_protection(message)
            if what is None:
                raise
            if not self.settings.unprotected_errors:
                error.add_note(f"It is negative ({what}): unprotected_errors would show it, whoever has sent it.")
                raise
            self.report("warning", f"ignoring {'missing' if missing else 'invalid'} protection of {what}")
            return False, None
        self.report("debug", f"successfully validated {how}-based CMP message protection")
        return True, signer

    def _of_kind(self, answer: Answer, expected: str) -> Flow[Answer]:
        """The answer, if it is of that kind; RequestRejected for an error, RemoteProtocolError for anything else."""
        body = answer.message.body
        if body.error is not None:
            raise RequestRejected(body.error.pki_status_info, answer.authenticated)
        if body.name == expected:
            return answer
        text = f"expected {kind_of(expected)}, received {kind(body)}"
        if answer.authenticated:
            raise (yield from self.give_up(PKIFailureInfo.BAD_REQUEST, text))
        raise RemoteProtocolError(text)


def _general_name(chosen: Name | str | None, otherwise: Name | None) -> GeneralName:
    name = otherwise if chosen is None else as_name(chosen)
    return NULL_DN if name is None else GeneralName(directory_name=name)


def _message(received: object) -> PKIMessage:
    if not isinstance(received, PKIMessage):
        raise TypeError(f"a flow has to be sent the PKIMessage that answers, not {type(received).__name__}")
    return received
