"""Between the flow and the server: -reqin, -reqout, -rspin, -rspout, for tests and for looking at messages.

A message from a file belongs to another transaction than the flow's: what a flow checks, transactionID and nonces, is
put right in it: a request is protected anew, an answer verified as it was in its file. It knows no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ...cmp import PKIMessage
from ...errors import CMPError, TransportError
from ...protection import ProtectionPolicy, Protector, Signer, Verifier, protect, protected_part
from .files import load_message, write_file
from .log import Log


class Server(Protocol):
    """What sends a message and brings the answer, such as `cmpcodec.http.transport.HttpTransport`."""

    def send_within(self, message: PKIMessage, seconds: float | None) -> PKIMessage:
        """Send and return the answer, within so many seconds. TransportError, DecodeError."""
        ...


class OnlySaved(CMPError):
    """The first request was saved, and more was not wanted (-reqout_only)."""


class Originals:
    """Verifies answers; one that was made to fit another transaction, as it was before."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._changed: PKIMessage | None = None
        self._original: PKIMessage | None = None

    def remember(self, changed: PKIMessage, original: PKIMessage) -> None:
        """`changed` is the answer that comes next, and `original` what it was."""
        self._changed, self._original = changed, original

    def authenticate(
        self, message: PKIMessage, octets: bytes, policy: ProtectionPolicy, time: datetime | None
    ) -> Signer | None:
        """As the verifier that is behind it."""
        if self._original is not None and message is self._changed:
            message, octets = self._original, protected_part(self._original)
        return self._verifier.authenticate(message, octets, policy, time)


class Exchange:
    """A `send` for `cmpcodec.adapters.driving.run`, with the files of four options. OptionError for those.

    `credential` protects requests that are changed, or is None; `originals` verifies the answers.
    """

    def __init__(
        self,
        server: Server | None,
        log: Log,
        credential: Protector | None,
        originals: Originals,
        *,
        requests_in: Sequence[str] = (),
        fresh_id: bool = False,
        requests_out: Sequence[str] | None = None,
        only_out: str | None = None,
        answers_in: Sequence[str] = (),
        answers_out: Sequence[str] | None = None,
    ) -> None:
        self._server = server
        self._log = log
        self._credential = credential
        self._originals = originals
        self._requests_in = [] if answers_in else list(requests_in)
        self._fresh_id = fresh_id
        self._requests_out = None if requests_out is None else list(requests_out)
        self._only_out = only_out
        self._answers_in = list(answers_in)
        self._answers_out = None if answers_out is None else list(answers_out)
        self._from_files = bool(requests_in or answers_in)
        self._real_id: bytes | None = None
        self._peer_nonce: bytes | None = None

    def begin(self) -> None:
        """Begin another transaction; the lists of files go on."""
        self._real_id = self._peer_nonce = None

    def __call__(self, message: PKIMessage) -> PKIMessage:
        """Send a message of the flow, and return an answer that fits it."""
        return self.send_within(message, None)

    def send_within(self, message: PKIMessage, seconds: float | None) -> PKIMessage:
        """The same, within so many seconds."""
        if self._only_out is not None:
            self._write("reqout_only", self._only_out, message)
            raise OnlySaved
        if self._requests_out is not None:
            self._save("reqout", self._requests_out, message)
        answer = self._answer(message, seconds)
        if self._answers_out is not None:
            self._save("rspout", self._answers_out, answer)
        self._peer_nonce = answer.header.sender_nonce
        return self._fitting(answer, message) if self._from_files else answer

    def _answer(self, message: PKIMessage, seconds: float | None) -> PKIMessage:
        if self._answers_in:
            path = self._answers_in.pop(0)
            answer = load_message("rspin", path)
            self._log.info(f"actually using {path}")
            return answer
        sent = self._request(message)
        if self._server is None:
            raise TransportError("there is no -server to send to, and no file of -rspin is left")
        return self._server.send_within(sent, seconds)

    def _request(self, message: PKIMessage) -> PKIMessage:
        """What is sent for a message of the flow."""
        if not self._requests_in:
            return message if self._real_id is None else self._changed(message, transaction_id=self._real_id)
        path = self._requests_in.pop(0)
        request = load_message("reqin", path)
        self._log.info(f"actually sending {path}")
        changes: dict[str, bytes] = {}
        if self._fresh_id and message.header.transaction_id is not None:
            changes["transaction_id"] = message.header.transaction_id
        if self._peer_nonce is not None:
            changes["recip_nonce"] = self._peer_nonce
        return self._changed(request, **changes) if changes else request

    def _fitting(self, answer: PKIMessage, message: PKIMessage) -> PKIMessage:
        """The answer as if it were one to `message`."""
        ours, theirs = message.header, answer.header
        if (theirs.transaction_id, theirs.recip_nonce) == (ours.transaction_id, ours.sender_nonce):
            return answer
        self._real_id = theirs.transaction_id
        changes = {"transaction_id": ours.transaction_id, "recip_nonce": ours.sender_nonce}
        fitting = answer.replace(header=theirs.replace(**changes))
        self._originals.remember(fitting, answer)
        return fitting

    def _changed(self, message: PKIMessage, **changes: bytes | None) -> PKIMessage:
        message = message.replace(header=message.header.replace(**changes))
        return message if message.protection is None or self._credential is None else protect(message, self._credential)

    def _save(self, option: str, paths: list[str], message: PKIMessage) -> None:
        if not paths:
            self._log.warning(f"too few file names for -{option}: a message is not saved")
            return
        self._write(option, paths.pop(0), message)

    def _write(self, option: str, path: str, message: PKIMessage) -> None:
        try:
            write_file(path, message.der)
        except OSError as error:
            raise TransportError(f"-{option}: {path} cannot be written: {error.strerror or error}") from None
