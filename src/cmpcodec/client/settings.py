"""How a client talks: names, credentials, limits, whom to tell what happens. And what a flow is.

Plain data for all kinds of requests alike; it knows no rule of the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar

from ..cmp import InfoTypeAndValue, PKIMessage
from ..pkix import Certificate, Name
from ..protection import ProtectionPolicy, Verifier

ResultT = TypeVar("ResultT")
Level: TypeAlias = Literal["error", "warning", "info", "debug"]
Report: TypeAlias = Callable[[Level, str], None]
"""Is told the milestones of a transaction. The text is safe to print: it holds no secret and no control character."""


class Wait(NamedTuple):
    """Yielded by a flow: go on after so many seconds. `reason` is what the server said, if it did (printable)."""

    seconds: int
    reason: str | None = None


Step: TypeAlias = PKIMessage | Wait
Flow: TypeAlias = Generator[Step, PKIMessage | None, ResultT]
"""A flow yields a PKIMessage to send, and is sent the answer; or a Wait, and is sent None when it is over.

What goes wrong while sending is to be thrown into it, so that it can clean up. Its return value is the result.
"""


_DEFAULT_POLICY: Final = ProtectionPolicy()


def _now() -> datetime:
    return datetime.now(UTC)


def _silent(level: Level, text: str) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a client talks, whatever it wants. The defaults are those of `openssl cmp`.

    Names are Names, or text after RFC 4514 (``CN=device-1,O=Example``).
    """

    sender: Name | str | None = None
    """Who we are; by default the subject of the certificate that signs, else the requested subject, else the subject of
    the certificate in question, else nobody."""
    recipient: Name | str | None = None
    """Whom we talk to; by default the wanted issuer, else the issuer of the certificate in question, else nobody."""
    expected_sender: Name | str | None = None
    """Who has to have sent the answers."""
    sender_kid: bytes | None = None
    """senderKID, where the credential has none of its own."""
    answers: Verifier | None = None
    """Verifies answers, if the credential that protects requests does not: a Signature cannot, so that it takes
    TrustedSigners here, or `SecretOrSignature` where both kinds of answers are believed."""
    policy: ProtectionPolicy = _DEFAULT_POLICY
    """What the protection of answers may be."""
    unprotected_errors: bool = False
    """Show negative answers whose protection is missing or wrong (as RequestRejected with authenticated=False), and
    take such a pkiConf for one. Anybody may have made them."""
    general_info: Sequence[InfoTypeAndValue] = ()
    """What else the header of the first message says."""
    extra_certs: Sequence[Certificate] = ()
    """Certificates to send along with every message."""
    untrusted: Sequence[Certificate] = ()
    """Certificates that help to build the chain of a new one."""
    max_polls: int = 1000
    """How often to ask for one late answer before giving up."""
    max_wait: int = 30 * 24 * 3600
    """How long to wait for one late answer in all, in seconds, before giving up."""
    transaction_id: bytes | None = None
    """The transactionID, if it is not to be a fresh random one."""
    clock: Callable[[], datetime] = _now
    """Tells messageTime, when a requested validity begins, and when signed answers are judged: an aware datetime."""
    report: Report = _silent
    """Is told what happens."""


DEFAULTS = Settings()
