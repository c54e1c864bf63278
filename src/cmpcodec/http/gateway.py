"""CMP over HTTP without a socket: which requests are served, and what each is answered. RFC 9811.

Every adapter (WSGI, ASGI, the runner) asks `admit` before it reads a body and `answer` when it has it, so that all
answer alike. It knows HTTP's words, not its bytes; nothing in a URL decides about a CMP
message: the operation in a path is a label for the log, the body says what is asked.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ..server.ports import Answer
from .background import SingleFlight
from .limits import CHEAP, ServerLimits
from .logs import Journal
from .paths import BadTarget, Kind, Paths, Place
from .sources import FailureBudget

PKIXCMP: Final = "application/pkixcmp"
MAX_BODY: Final = 256 * 1024
"""Octets of a request's body, by default: the same as `Limits.max_size` of a decode."""

FRESH_CRL: Final = 60.0
"""Seconds for which a CRL that was the newest may still be given out, while a newer one is being made."""

_NUMBER = re.compile(r"[0-9]+")
_NO_CODING = ("", "identity")


class CMPServer(Protocol):
    """What a gateway serves: `cmpcodec.server.Responder`, or anything with its methods."""

    @property
    def profiles(self) -> Mapping[str, Any]:
        """The profiles, by name."""
        ...

    def respond(self, request: bytes, profile: str, hashes: int | None = None) -> Answer:
        """Answer any bytes; refuse to compute more than so many hashes for somebody who is not authenticated yet."""
        ...

    def crl(self, profile: str) -> bytes:
        """The DER of the newest CRL."""
        ...

    def sweep(self) -> int:
        """Do what is due; return how much was done."""
        ...


class Meter(Protocol):
    """What counts requests: `cmpcodec.http.metrics.Metrics`."""

    def answered(self, profile: str, answer: Answer, seconds: float) -> None:
        """A CMP message was answered."""
        ...

    def replied(self, kind: str, status: int) -> None:
        """An HTTP answer was made."""
        ...

    def connection(self, event: str) -> None:
        """Something happened to a connection: see `cmpcodec.http.metrics.EVENTS`."""
        ...

    def exposition(self) -> tuple[str, bytes]:
        """Content type and text of all counts."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, complete but for what the connection adds (Date, Connection)."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may go on: read its body, of at most `max_body` octets, and call `Gateway.answer`."""

    place: Place
    profile: str = ""
    max_body: int = 0
    length: int | None = None
    """Content-Length, if the request has one."""
    head: bool = False
    """Whether it is a HEAD request: the answer's body is not to be sent."""

    @property
    def blocking(self) -> bool:
        """Whether answering takes long (hashes, signatures, disks): an event loop should leave it to a thread."""
        return self.place.kind in (Kind.CMP, Kind.CRL)


def plain(status: int, text: str, *more: tuple[str, str]) -> Reply:
    """A short text for whoever reads it, and no cache keeps it."""
    body = text.encode() + b"\n"
    fields = (("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))))
    return Reply(status, (*fields, ("Cache-Control", "no-store"), *more), body)


class Gateway:
    """Routes requests to the profiles of a Responder.

    * `default_profile` serves the paths that name none; if there is only one profile, that does.
    * `aliases` are further paths, `{"/pkix/": "profile"}`; with "/crl" behind it each gives the CRL.
    * `max_body`: octets of the largest message that is read; anything longer is refused, 413, without being read.
    * `metrics` counts, and serves /metrics (404 without it); `journal` writes a line per request.
    * `health` says what is wrong, or None; /healthz answers 503 then. The text is shown to whoever asks.
    * `failures` bounds the hashes that are computed for a source whose requests cannot be authenticated; beyond, only
      its `CHEAP` requests are served. The runner and the ASGI application bring one (`limit`); without it there is no
      bound.
    """

    def __init__(
        self,
        responder: CMPServer,
        *,
        default_profile: str | None = None,
        aliases: Mapping[str, str] | None = None,
        max_body: int = MAX_BODY,
        metrics: Meter | None = None,
        journal: Journal | None = None,
        health: Callable[[], str | None] | None = None,
        failures: FailureBudget | None = None,
        retry_after: int = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.responder = responder
        self.metrics = metrics
        self.journal = Journal() if journal is None else journal
        self.max_body = max_body
        self.health = health
        self.failures = failures
        self._retry_after = retry_after
        self._clock = clock
        self._paths = Paths(aliases)
        self._crls: SingleFlight[bytes] = SingleFlight(FRESH_CRL, clock)
        names = list(responder.profiles)
        for wanted in (*(aliases or {}).values(), *([default_profile] if default_profile is not None else [])):
            if wanted not in names:
                raise ValueError(f"there is no profile {wanted!r}: there are {', '.join(sorted(names)) or 'none'}")
        self._default = names[0] if default_profile is None and len(names) == 1 else default_profile

    def limit(self, limits: ServerLimits) -> None:
        """Take the budget of failures from a server's limits, unless there is one already."""
        if self.failures is None and limits.vain_hashes_per_second:
            self.failures = FailureBudget(limits.vain_hashes_per_second, limits.vain_hashes_burst)

    def admit(
        self, method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], *, source: str = ""
    ) -> Admitted | Reply:
        """Decide about a request from its line and header fields alone: the answer if it is refused.

        `target` is the request target as received, not decoded; names of header fields in any case. `source` is the
        peer's address, for the log.
        """
        decision = self._decide(method, target, headers)
        if isinstance(decision, Reply):
            self._count("refused", decision.status)
            self.journal.refused(decision.status, method=method, target=target, source=source)
        return decision

    def _decide(self, method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Admitted | Reply:
        try:
            place = self._paths.find(target)
        except BadTarget as error:
            return plain(400, str(error))
        profile = "" if place is None else place.profile or self._default or ""
        if place is None or (place.kind in (Kind.CMP, Kind.CRL) and profile not in self.responder.profiles):
            return plain(404, "There is nothing here. CMP is at /.well-known/cmp/p/<profile>.")
        if place.kind is Kind.METRICS and self.metrics is None:
            return plain(404, "Metrics are switched off.")
        if place.kind is not Kind.CMP:
            if method not in ("GET", "HEAD"):
                return plain(405, "Only GET is served here.", ("Allow", "GET, HEAD"))
            return Admitted(place, profile, head=method == "HEAD")
        if method != "POST":
            return plain(405, "CMP messages are sent by POST.", ("Allow", "POST"))
        return self._measure(place, profile, headers)

    def _measure(self, place: Place, profile: str, headers: Iterable[tuple[bytes, bytes]]) -> Admitted | Reply:
        found: dict[bytes, str] = {}
        for name, value in headers:
            name = name.lower()
            if name in (b"content-type", b"content-length", b"content-encoding"):
                if name in found:
                    return plain(400, f"{name.decode()} stands there twice.")
                found[name] = value.decode("latin-1").strip(" \t")
        media = found.get(b"content-type", "").partition(";")[0].rstrip(" \t").lower()
        if media != PKIXCMP:
            return plain(415, f"Content-Type must be {PKIXCMP}.", ("Accept", PKIXCMP))
        if found.get(b"content-encoding", "").lower() not in _NO_CODING:
            return plain(415, "The body must not be encoded.", ("Accept-Encoding", "identity"))
        length = found.get(b"content-length")
        if length is None:
            return Admitted(place, profile, self.max_body)
        if not _NUMBER.fullmatch(length):
            return plain(400, "Content-Length is no number of octets.")
        if len(length) > 18 or int(length) > self.max_body:
            return self.too_large()
        return Admitted(place, profile, self.max_body, int(length))

    def too_large(self) -> Reply:
        """The answer to a body that turns out longer than `max_body`."""
        return plain(413, f"A message has at most {self.max_body} octets here.")

    def overloaded(self) -> Reply:
        """The answer where no thread is free and too many requests wait, all together or of one source."""
        return plain(503, "Too many requests at the moment.", ("Retry-After", str(self._retry_after)))

    def refuse(self, reply: Reply, *, method: str = "", target: bytes = b"", source: str = "") -> Reply:
        """Count and log an answer that the adapter itself found, and return it."""
        self._count("refused", reply.status)
        self.journal.refused(reply.status, method=method, target=target, source=source)
        return reply

    def answer(self, admitted: Admitted, body: bytes = b"", *, source: str = "") -> Reply:
        """Answer an admitted request. It may take long: see `Admitted.blocking`. It raises nothing.

        Whatever the body holds, CMP answers with status 200 and a PKIMessage; 500 means a bug, which is in the log.
        `source` is the peer's address, for the log and the budget of failures.
        """
        kind = admitted.place.kind
        try:
            reply = self._answer(admitted, body, source)
        except (KeyboardInterrupt, SystemExit):  # the program is to end
            raise
        except BaseException:  # a panic of an extension module is no Exception, and must not cost a thread
            logging.getLogger(__name__).exception("a request could not be answered")
            reply = plain(500, "The server failed. Its log says why.")
        self._count(kind.value, reply.status)
        return reply

    def _answer(self, admitted: Admitted, body: bytes, source: str) -> Reply:
        match admitted.place.kind:
            case Kind.CMP:
                return self._respond(admitted, body, source)
            case Kind.CRL:
                der = self._crls.get(admitted.profile, lambda: self.responder.crl(admitted.profile))
                return Reply(200, (("Content-Type", "application/pkix-crl"), ("Content-Length", str(len(der)))), der)
            case Kind.METRICS:
                assert self.metrics is not None
                media, text = self.metrics.exposition()
                fields = (("Content-Type", media), ("Content-Length", str(len(text))), ("Cache-Control", "no-store"))
                return Reply(200, fields, text)
            case Kind.HEALTH:
                problem = self.health() if self.health is not None else None
                return plain(200, "ok") if problem is None else plain(503, problem)

    def _respond(self, admitted: Admitted, body: bytes, source: str) -> Reply:
        began = self._clock()
        spent = self.failures is not None and self.failures.spent(source)
        answer = self.responder.respond(body, admitted.profile, CHEAP if spent else None)
        seconds = self._clock() - began
        if self.failures is not None and answer.vain_hashes > CHEAP:
            self.failures.failed(source, answer.vain_hashes)
        if self.metrics is not None:
            self.metrics.answered(admitted.profile, answer, seconds)
        self.journal.answered(
            answer,
            profile=admitted.profile,
            operation=admitted.place.operation,
            octets=len(body),
            source=source,
            seconds=seconds,
        )
        # Exactly this type: OpenSSL 3.0 refuses parameters behind it, and any status but 200.
        return Reply(200, (("Content-Type", PKIXCMP), ("Content-Length", str(len(answer.der)))), answer.der)

    def _count(self, kind: str, status: int) -> None:
        if self.metrics is not None:
            self.metrics.replied(kind, status)
