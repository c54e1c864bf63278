"""Every exception of the package.

    CMPError
    |-- DecodeError (ValueError)      the bytes are not what they should be
    |   `-- LimitExceeded             ... or cost more than the caller allows
    |-- EncodeError (ValueError)      a Python value does not fit its ASN.1 type
    |-- ProtectionError               the message is not authentic
    |   |-- MissingProtection         it carries no protection at all
    |   |-- InvalidProtection         secret, message or protection do not match
    |   |-- UntrustedSigner           the signature fits, but nobody vouches for who made it
    |   |   `-- TooCostly             ... within what finding that out may cost
    |   `-- UnsupportedAlgorithm      refused before any computation
    |-- DecryptionError               what was encrypted for us cannot be read
    |-- PopError                      nobody has shown to possess the private key
    |-- ProtocolError                 a message that must not come here or now
    |   |-- LocalProtocolError        ... by our own doing
    |   `-- RemoteProtocolError       ... by the peer's
    |-- RequestRejected               the peer said no, authentically, and why
    `-- TransportError (OSError)      no answer came; raised by adapters only

Each class carries `fail_info`, the name of the PKIFailureInfo bit that a server answers with (RFC 9810, 5.2.3).
This file knows no ASN.1 and imports nothing of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar


def counted(number: int, what: str) -> str:
    """How a number of things reads in a text: ``1 octet``, ``2 octets``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


class CMPError(Exception):
    """Base of everything that cmpcodec raises on purpose."""

    fail_info: ClassVar[str] = "SYSTEM_FAILURE"


class DecodeError(CMPError, ValueError):
    """Bytes that are not strict DER of the expected type.

    `path` is a Python expression on the record that was to be decoded (``body.ir[0].cert_req``), or the name of its
    class where the record as a whole is wrong; `problem` says what is wrong, `offset` where (bytes from the start of
    the input).

    The compiled engine refuses without a word. The reference engine then finds the words when somebody reads them,
    so that refusing hostile input stays cheap: see `deferred`.
    """

    fail_info: ClassVar[str] = "BAD_DATA_FORMAT"

    def __init__(self, path: str, problem: str, offset: int) -> None:
        super().__init__(path, problem, offset)
        self._details: tuple[str, str, int] | None = (path, problem, offset)
        self._explain: Callable[[], tuple[str, str, int]] | None = None

    @classmethod
    def deferred(cls, explain: Callable[[], tuple[str, str, int]]) -> DecodeError:
        """An error whose (path, problem, offset) are computed by `explain` when first read."""
        error = cls.__new__(cls)
        error._details = None
        error._explain = explain
        return error

    @property
    def args(self) -> tuple[str, str, int]:  # type: ignore[override]  # read-only: the same for both engines
        """Path, problem and offset."""
        return self._read()

    def _read(self) -> tuple[str, str, int]:
        if self._details is None:
            assert self._explain is not None
            self._details = self._explain()
            self._explain = None
        return self._details

    @property
    def path(self) -> str:
        """Where in the record: a Python expression on it, or its class name for the whole."""
        return self._read()[0]

    @property
    def problem(self) -> str:
        """What is wrong, without path and offset."""
        return self._read()[1]

    @property
    def offset(self) -> int:
        """Where in the input, in bytes from its start."""
        return self._read()[2]

    def __str__(self) -> str:
        path, problem, offset = self._read()
        return f"{path}: {problem}, at byte {offset}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._read()!r}"

    def __reduce__(self) -> tuple[type[DecodeError], tuple[str, str, int]]:
        return type(self), self._read()


class LimitExceeded(DecodeError):
    """Bytes that would cost more than `Limits` allow: too long, too deep, too many elements, too large a number."""


class EncodeError(CMPError, ValueError):
    """A Python value that its ASN.1 type cannot hold. `path` names the component, `problem` says why."""

    fail_info: ClassVar[str] = "SYSTEM_FAILURE"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class ProtectionError(CMPError):
    """The protection of a message could not be confirmed: treat the message as not authentic.

    `hashes` is what signatures and certificates cost until that was known, in hashes of SHA-256; 0 for a MAC.
    """

    fail_info: ClassVar[str] = "BAD_MESSAGE_CHECK"
    hashes: int = 0


class MissingProtection(ProtectionError):
    """A message without protection, where protection is required."""


class InvalidProtection(ProtectionError):
    """Protection that does not fit. One wording for every cause, so that nobody learns which part was wrong."""


class UntrustedSigner(ProtectionError):
    """A signature that fits, by somebody whose certificate leads to no trust anchor or may not be used for it."""

    fail_info: ClassVar[str] = "SIGNER_NOT_TRUSTED"


class TooCostly(UntrustedSigner):
    """Signatures that cost more than the policy admits; the rest of them was not verified."""


class UnsupportedAlgorithm(ProtectionError):
    """An algorithm or its parameters that the policy refuses; nothing was computed."""

    fail_info: ClassVar[str] = "BAD_ALG"


class DecryptionError(CMPError):
    """What was encrypted cannot be decrypted, or is not what it should be then: another key, or altered octets.

    One wording for every cause, so that nobody who sends us altered octets learns what became of them.
    """

    fail_info: ClassVar[str] = "BAD_DATA_FORMAT"

    def __str__(self) -> str:
        return "what was encrypted cannot be read: another key, or octets that were altered"


class PopError(CMPError):
    """No proof, or no sufficient proof, that the requester has the private key. RFC 9810, 5.2.8."""

    fail_info: ClassVar[str] = "BAD_POP"


class ProtocolError(CMPError):
    """A message that breaks the rules of the conversation: the wrong kind, or not of this transaction."""

    fail_info: ClassVar[str] = "BAD_REQUEST"


class LocalProtocolError(ProtocolError):
    """We asked for something that the protocol does not allow; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that the protocol does not allow; nothing in it was acted upon."""


class RequestRejected(CMPError):
    """The peer said no. `status_info` is its PKIStatusInfo (status, statusString, failInfo).

    `authenticated` is False where the answer was not protected and the caller had allowed that: then anybody may
    have said it.
    """

    def __init__(self, status_info: Any, authenticated: bool = True) -> None:
        super().__init__(status_info, authenticated)
        self.status_info = status_info
        self.authenticated = authenticated

    def __str__(self) -> str:
        info = self.status_info
        # A peer may send a number that is too long to be printed.
        known = getattr(info.status, "name", None) or (info.status if info.status.bit_length() <= 64 else "unknown")
        said = [f"PKIStatus {known}"]
        if info.fail_info:
            said.append("failInfo " + ", ".join(info.fail_info.names))
        said += [repr(text) for text in info.status_string or ()]
        return ("" if self.authenticated else "not authenticated: ") + "; ".join(said)


class TransportError(CMPError, OSError):
    """The message could not be sent, or no CMP message came back: connection, TLS, HTTP, a deadline."""
