"""What is written down and counted: complete, escaped, bounded, and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cmpcodec.cmp import PKIFailureInfo, PKIStatus
from cmpcodec.http import logs
from cmpcodec.http.gateway import Admitted, Gateway
from cmpcodec.http.metrics import EVENTS, Metrics
from cmpcodec.server.ports import Answer
from tests.http.support import PATH, FakeResponder, exchange, post, running

HOSTILE = 'a\r\nFAKE line\x1b[2J\x00%s%n{0}\x7f\x85\u2028"\\ Ä\ud800'
FAILED = Answer(
    der=b"CANARY bytes",
    request="cert_conf",
    body="error",
    status=2,
    fail_info=PKIFailureInfo.BAD_CERT_ID | PKIFailureInfo.BAD_POP,
    text=HOSTILE,
    detail="x" * 10_000,
    requester="kid:00ff",
    transaction_id=bytes(16),
    serials=(255, 2**160),
    repeated=True,
)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    logger = logging.getLogger("cmpcodec")
    before = logger.handlers[:], logger.level, logger.propagate
    stream = io.StringIO()
    yield stream
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def serve(answer: Answer | None, **settings: object) -> None:
    gateway = Gateway(FakeResponder(answer=answer), **settings)  # type: ignore[arg-type]
    path = PATH + "/revocation"
    admitted = gateway.admit("POST", path.encode(), [(b"content-type", b"application/pkixcmp")], source="192.0.2.1")
    assert isinstance(admitted, Admitted)
    gateway.answer(admitted, b"CANARY request", source="192.0.2.1")


def test_json(lines: io.StringIO) -> None:
    logs.configure(style="json", stream=lines)
    serve(FAILED)
    (line,) = lines.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line)
    assert found["level"] == "WARNING"
    assert found["event"] == "cert_conf answered with error"
    assert found["transactionID"] == "00" * 16
    assert (found["profile"], found["operation"], found["requester"]) == ("device", "revocation", "kid:00ff")
    assert (found["request"], found["answer"], found["status"]) == ("cert_conf", "error", "rejection")
    assert found["failInfo"] == ["badCertId", "badPOP"]
    assert (found["serials"], found["repeated"], found["octets"]) == (["ff", "1" + "0" * 40], True, 14)
    assert found["source"] == "192.0.2.1"
    assert found["milliseconds"] >= 0
    assert found["text"] == HOSTILE
    assert len(found["detail"]) < 400
    assert "CANARY" not in line


def test_key_value(lines: io.StringIO) -> None:
    logs.configure(stream=lines)
    serve(FAILED)
    (line,) = lines.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    assert " WARNING cert_conf answered with error transactionID=" + "00" * 16 + " profile=device " in line
    assert "failInfo=badCertId,badPOP" in line
    assert r'text="a\r\nFAKE line\u001b[2J\u0000%s%n{0}\u007f' in line
    assert "CANARY" not in line


def test_success_and_refusals_are_info(lines: io.StringIO) -> None:
    logs.configure(style="json", stream=lines)
    serve(None)
    gateway = Gateway(FakeResponder())
    gateway.admit("GET\n", b"/\xff\r\n" + b"x" * 1000, [], source="::1")
    answered, refused = map(json.loads, lines.getvalue().splitlines())
    assert (answered["level"], answered["status"], answered["answer"]) == ("INFO", "accepted", "ip")
    assert "failInfo" not in answered
    assert (refused["level"], refused["http"], refused["method"], refused["source"]) == ("INFO", 400, "GET\n", "::1")
    assert len(refused["target"]) < 400


def test_levels(lines: io.StringIO) -> None:
    logs.configure(stream=lines, level=logging.WARNING)
    serve(None)
    Gateway(FakeResponder()).admit("GET", b"/", [])
    assert lines.getvalue() == ""
    serve(FAILED)
    assert lines.getvalue()


def test_configured_twice_writes_once(lines: io.StringIO) -> None:
    logs.configure(stream=io.StringIO())
    logs.configure(stream=lines, style="json")
    serve(FAILED)
    assert len(lines.getvalue().splitlines()) == 1
    with pytest.raises(ValueError, match="keyvalue or json"):
        logs.configure(style="xml")


def test_traceback_is_one_line(lines: io.StringIO) -> None:
    logs.configure(stream=lines, style="json")
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logging.getLogger("cmpcodec.x").exception("failed")
    (line,) = lines.getvalue().splitlines()
    assert "ValueError" in json.loads(line)["traceback"]


def test_status_names() -> None:
    assert [logs.status_name(status) for status in PKIStatus][:2] == ["accepted", "grantedWithMods"]
    assert logs.status_name(None) is None
    assert logs.status_name(99) == "unknown"
    assert logs.failure_names(PKIFailureInfo(1 << 40)) == ["bit 40"]
    assert len(logs.failure_names(PKIFailureInfo((1 << 27) - 1))) == 27


def counts(metrics: Metrics) -> dict[str, float]:
    """Every sample, by its name and labels as they are written."""
    media, text = metrics.exposition()
    assert media == "text/plain; version=0.0.4; charset=utf-8"
    return {
        sample.name + json.dumps(sample.labels, sort_keys=True): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_metrics() -> None:
    metrics = Metrics()
    serve(FAILED, metrics=metrics)
    serve(None, metrics=metrics)
    found = counts(metrics)
    labels = {"profile": "device", "request": "cert_conf", "answer": "error", "status": "rejection"}
    assert found["cmp_messages_total" + json.dumps(labels, sort_keys=True)] == 1
    assert found['cmp_failures_total{"fail_info": "badPOP", "profile": "device"}'] == 1
    assert found['cmp_repeated_answers_total{"profile": "device"}'] == 1
    assert found['cmp_http_replies_total{"kind": "cmp", "status": "200"}'] == 2
    assert found['cmp_answer_seconds_count{"request": "ir"}'] == 1


def test_labels_are_bounded() -> None:
    """Whatever an Answer should hold one day, the number of time series has a bound."""
    metrics = Metrics()
    for number in range(200):
        metrics.answered(
            "device",
            Answer(
                der=b"",
                request=f"r{number}",
                body=HOSTILE + str(number),
                status=number + 7,
                fail_info=PKIFailureInfo(1 << (27 + number)),
                text=str(number),
                requester=str(number),
            ),
            0.1,
        )
        metrics.replied(f"k{number}", 200)
        metrics.connection(f"e{number}")
    assert len(counts(metrics)) < 60
    assert "FAKE" not in metrics.exposition()[1].decode()


def test_metrics_over_http() -> None:
    metrics = Metrics()
    with running(Gateway(FakeResponder(), metrics=metrics)) as server:
        exchange(server, post() + b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        last = exchange(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")[0]
    assert last.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b'cmp_http_replies_total{kind="refused",status="404"} 1.0' in last.body
    assert b'cmp_http_replies_total{kind="metrics",status="200"} 1.0' in last.body
    assert b"cmp_connections_open 1.0" in last.body
    found = counts(metrics)
    assert found["cmp_connections_open{}"] == 0
    assert found['cmp_connections_total{"event": "accepted"}'] == 2
    assert {f'cmp_connections_total{{"event": "{event}"}}' for event in EVENTS} <= set(found)
