"""Counts for Prometheus, by the client library of that project (the extra `server`).

Each server has a registry of its own. A label takes one of a fixed set of values: names of our profiles, of kinds of
bodies, of statuses and of failInfo bits. What a stranger writes is never a label, so nobody can make the counts grow.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from ..cmp import PKIBody, PKIFailureInfo, PKIStatus
from ..server.ports import Answer
from .logs import failure_names, status_name
from .paths import Kind

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the histogram of durations, in seconds."""

EVENTS: Final = (
    "accepted",
    "evicted",
    "abandoned",
    "bad_tls",
    "timeout_header",
    "timeout_body",
    "timeout_idle",
    "timeout_send",
    "timeout_linger",
    "timeout_closing",
)
"""What can happen to a connection; "closed" is not counted but taken from those that are open."""

OTHER: Final = "other"
"""The value of a label whose own value is not in its fixed set; it should never be seen."""

_BODIES: Final = frozenset(PKIBody.__annotations__) | {"unreadable"}
_STATUSES: Final = frozenset((*(str(status_name(status)) for status in PKIStatus), "none"))
_FAILURES: Final = frozenset(failure_names(PKIFailureInfo((1 << 27) - 1)))
_KINDS: Final = frozenset((*(kind.value for kind in Kind), "refused"))


class Metrics:
    """All counts of one server. Methods may be called by several threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._messages = Counter(
            "cmp_messages",
            "CMP messages answered, by profile, kind of request and answer, and PKIStatus.",
            ("profile", "request", "answer", "status"),
            registry=self.registry,
        )
        self._failures = Counter(
            "cmp_failures",
            "Bits of failInfo in answers; an answer may have several.",
            ("profile", "fail_info"),
            registry=self.registry,
        )
        self._repeated = Counter(
            "cmp_repeated_answers",
            "Stored answers that were given again to a message that came again.",
            ("profile",),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "cmp_answer_seconds",
            "Time from the whole message to its answer, without HTTP.",
            ("request",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._replies = Counter(
            "cmp_http_replies",
            "HTTP answers by what was asked for (refused: nothing that is served) and status.",
            ("kind", "status"),
            registry=self.registry,
        )
        self._connections = Counter(
            "cmp_connections",
            "Connections, by what happened to them: accepted, evicted (to make room), timeout_<phase>, bad_tls, "
            "abandoned (by the client, before a thread was free for its request).",
            ("event",),
            registry=self.registry,
        )
        self._open = Gauge("cmp_connections_open", "Connections open now.", registry=self.registry)
        for event in EVENTS:
            self._connections.labels(event)

    def answered(self, profile: str, answer: Answer, seconds: float) -> None:
        """Count an answered message. `profile` is the name of one of ours; `seconds` what it took."""
        request = _one_of(_BODIES, answer.request)
        status = _one_of(_STATUSES, status_name(answer.status) or "none")
        self._messages.labels(profile, request, _one_of(_BODIES, answer.body), status).inc()
        for name in failure_names(answer.fail_info):
            self._failures.labels(profile, _one_of(_FAILURES, name)).inc()
        if answer.repeated:
            self._repeated.labels(profile).inc()
        self._seconds.labels(request).observe(seconds)

    def replied(self, kind: str, status: int) -> None:
        """Count an HTTP answer."""
        self._replies.labels(_one_of(_KINDS, kind), str(status)).inc()

    def connection(self, event: str) -> None:
        """Count something that happened to a connection: one of `EVENTS`, or "closed"."""
        if event == "accepted":
            self._open.inc()
        if event == "closed":
            self._open.dec()
        else:
            self._connections.labels(event if event in EVENTS else OTHER).inc()

    def exposition(self) -> tuple[str, bytes]:
        """Content type and text, in the exposition format 0.0.4."""
        return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self.registry)


def _one_of(known: frozenset[str], value: str) -> str:
    return value if value in known else OTHER
