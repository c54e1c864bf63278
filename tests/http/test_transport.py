"""The clients' transports, the blocking one and its asyncio twin: what they send, which answers they take, how long they wait."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec.adapters.driving import run
from cmpcodec.errors import TransportError
from cmpcodec.http.exchange import Endpoint
from cmpcodec.http.transport import HttpTransport
from tests.client.test_enrolment import ask
from tests.http.scripted import ANSWER, LAST, PATIENCE, REQUEST, Both, Line, Script, Server, answering, chunked, http


@pytest.fixture(params=["sync", "async"])
def post(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


# --- what goes out ---


def test_request(post: Both) -> None:
    seen: list[Any] = []

    def script(line: Line) -> None:
        seen.append(line.request())
        line.send(http())

    with Server(script) as server:
        assert post(server.url, REQUEST) == [ANSWER]
        [(first, fields, body)] = seen
        assert first == "POST /cmp HTTP/1.1"
        assert fields == {
            "host": f"127.0.0.1:{server.port}",
            "content-type": "application/pkixcmp",
            "content-length": str(len(REQUEST.der)),
            "cache-control": "no-cache",
            "connection": "keep-alive",
        }
        assert body == REQUEST.der


def test_one_write(post: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """Header and body leave in one piece: with two, Nagle waits for the server's delayed ACK."""
    writes: list[bytes] = []
    send = socket.socket.send

    def counted(self: socket.socket, data: Any, *flags: int) -> int:
        if b"POST" in bytes(data) or REQUEST.der[-20:] in bytes(data):
            writes.append(bytes(data))
        return send(self, data, *flags)

    monkeypatch.setattr(socket.socket, "send", counted)
    with Server(answering(http())) as server:
        post(server.url, REQUEST)
    assert len(writes) == 1
    assert writes[0].startswith(b"POST ")
    assert writes[0].endswith(REQUEST.der)


@pytest.mark.parametrize(
    ("keep_alive", "message", "field"),
    [
        (0, REQUEST, "close"),
        (1, REQUEST, "keep-alive"),
        (2, REQUEST, "keep-alive"),
        (1, LAST, "close"),
        (2, LAST, "close"),
    ],
)
def test_keep_alive_is_asked_for(post: Both, keep_alive: int, message: cmp.PKIMessage, field: str) -> None:
    seen: list[Any] = []

    def script(line: Line) -> None:
        seen.append(line.request())
        line.send(http())
        assert (field == "keep-alive") or line.gone()

    with Server(script) as server:
        post(server.url, message, keep_alive=keep_alive)
    assert seen[0][1]["connection"] == field


def test_path_and_query(post: Both) -> None:
    seen: list[str] = []

    def script(line: Line) -> None:
        seen.append(line.request()[0])
        line.send(http())

    with Server(script) as server:
        base = f"127.0.0.1:{server.port}"
        for url, path in [
            (base, None),
            (f"http://user:secret@{base}/a/b?c=d#e", None),
            (f"http://{base}/a", "other"),
            (f"http://{base}?x", None),
            (f"http://{base}", "/p?q=1"),
        ]:
            post(url, REQUEST, path=path)
    assert [one.split()[1] for one in seen] == ["/", "/a/b?c=d", "/other", "/?x", "/p?q=1"]


def test_ipv6(post: Both) -> None:
    try:
        server = Server(answering(http()), host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        assert post(server.url, REQUEST) == [ANSWER]


# --- answers ---


@pytest.mark.parametrize(
    "status", ["200 OK", "201 Created", "400 Bad Request", "404 Not Found", "500 Internal Server Error", "200"]
)
def test_message_on_any_status(post: Both, status: str) -> None:
    """RFC 9811: the server's words are read on errors, too."""
    with Server(answering(http(status=status))) as server:
        assert post(server.url, REQUEST) == [ANSWER]


@pytest.mark.parametrize(
    "kind",
    ["application/pkixcmp", "Application/PKIXCMP", "application/pkixcmp; charset=utf-8", "application/pkixcmp;x"],
)
def test_media_type(post: Both, kind: str) -> None:
    with Server(answering(http(kind=kind))) as server:
        assert post(server.url, REQUEST) == [ANSWER]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(kind="text/html"), "text/html instead of application/pkixcmp"),
        (http(kind=None), "no Content-Type"),
        (http(b"", "404 Not Found", kind="text/plain"), "HTTP status 404 Not Found"),
        (http(b"<html>", "503 Busy\x1b[31m", kind="text/html"), r"HTTP status 503 Busy\?\[31m"),
        (http(b"garbage", "500 No"), "HTTP status 500 No, and its body is no PKIMessage"),
        (http(b"", "302 Found", Location="http://other.example/\x1b"), r"redirects to http://other.example/\?, and redirects are not"),
        (http(b"", "301 Moved"), "the server redirects, and"),
        (http(status="307 Temporary Redirect", Location="/x"), "redirects to /x"),
        (http(b"", "304 Not Modified"), "redirects"),
        (b"garbage\r\n\r\n", "no HTTP"),
        (b"\x16\x03\x01\x00\x05hello\r\n\r\n", "no HTTP"),
        (http(version="1.1", Transfer_Encoding="gzip"), "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "no HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "no HTTP"),
    ],
)  # fmt: skip
def test_answers_that_are_none(post: Both, answer: bytes, words: str) -> None:
    with Server(answering(answer)) as server, pytest.raises(TransportError, match=words) as caught:
        post(server.url, REQUEST)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("body", [b"", b"garbage", ANSWER.der[:-1], ANSWER.der + b"\0"])
def test_success_without_a_message(post: Both, body: bytes) -> None:
    with Server(answering(http(body))) as server, pytest.raises(cmp.DecodeError):
        post(server.url, REQUEST)


def test_redirect_is_not_followed(post: Both) -> None:
    with Server(answering(http())) as target:
        redirect = answering(http(b"", "307 Temporary Redirect", Location=target.url))
        with Server(redirect) as server, pytest.raises(TransportError, match=f"redirects to {target.url}"):
            post(server.url, REQUEST)
        assert target.lines == []


@pytest.mark.parametrize("cut", [0, 5, 40, 90, -1])
def test_closed_within_the_answer(post: Both, cut: int) -> None:
    """A connection that was not kept is not tried again."""
    with Server(answering(http()[:cut])) as server, pytest.raises(TransportError, match=r"closed the connection|reset"):
        post(server.url, REQUEST)
    assert len(server.lines) == 1


def test_body_until_the_end_of_the_connection(post: Both) -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: application/pkixcmp\r\n\r\n"
    with Server(answering(head + ANSWER.der)) as server:
        assert post(server.url, REQUEST) == [ANSWER]


def test_chunks(post: Both) -> None:
    answer = chunked(ANSWER.der[:10], ANSWER.der[10:11], ANSWER.der[11:])
    with Server(answering(answer, answer)) as server:
        assert post(server.url, REQUEST, REQUEST) == [ANSWER] * 2
    assert len(server.lines) == 1


def test_byte_by_byte(post: Both) -> None:
    def script(line: Line) -> None:
        line.request()
        for octet in http():
            line.send(bytes((octet,)))

    with Server(script) as server:
        assert post(server.url, REQUEST) == [ANSWER]


def test_informational_answers(post: Both) -> None:
    with Server(answering(b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + http())) as server:
        assert post(server.url, REQUEST) == [ANSWER]
    many = answering(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000 + http())
    with Server(many) as server, pytest.raises(TransportError, match="1xx"):
        post(server.url, REQUEST)


# --- limits ---


def endless(head: bytes, piece: bytes) -> Script:
    def script(line: Line) -> None:
        line.request()
        line.send(head)
        while True:
            line.send(piece * 100)

    return script


@pytest.mark.parametrize(
    ("head", "piece", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"x", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", "no HTTP"),
        (b"", b"x", "no HTTP"),
        (b"HTTP/1.0 200 OK\r\nContent-Type: application/pkixcmp\r\n\r\n", b"x", "larger than 1000 bytes"),
        (chunked(end=b""), b"5\r\nhello\r\n", "larger than 1000 bytes"),
        (chunked(end=b""), b"0" * 100, "no HTTP"),
        (chunked(end=b"0\r\n"), b"X: y\r\n", "no HTTP"),
    ],
)
def test_endless_answers(post: Both, head: bytes, piece: bytes, words: str) -> None:
    with Server(endless(head, piece)) as server, pytest.raises(TransportError, match=words):
        post(server.url, REQUEST, limits=cmp.Limits(max_size=1000))


def test_announced_size(post: Both) -> None:
    """Too much is refused before it comes."""

    def script(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/pkixcmp\r\nContent-Length: 1001\r\n\r\n")
        assert line.gone()

    with Server(script) as server, pytest.raises(TransportError, match="larger than 1000 bytes"):
        post(server.url, REQUEST, limits=cmp.Limits(max_size=1000))


def test_size_at_the_limit(post: Both) -> None:
    size = len(ANSWER.der)
    with Server(answering(http())) as server:
        assert post(server.url, REQUEST, limits=cmp.Limits(max_size=size)) == [ANSWER]
        with pytest.raises(TransportError, match=f"larger than {size - 1} bytes"):
            post(server.url, REQUEST, limits=cmp.Limits(max_size=size - 1))


def test_header_fields_are_counted(post: Both) -> None:
    many = {f"X{number}": "y" for number in range(62)}
    with Server(answering(http(**many))) as server:
        assert post(server.url, REQUEST) == [ANSWER]
    with Server(answering(http(**many, More="z"))) as server, pytest.raises(TransportError, match="header fields"):
        post(server.url, REQUEST)


# --- time ---


def dribbling(data: bytes, pause: float = 0.01) -> Script:
    def script(line: Line) -> None:
        line.request()
        for octet in data:
            line.send(bytes((octet,)))
            time.sleep(pause)

    return script


SLOW = [
    dribbling(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000),
    dribbling(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000)),
    dribbling(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000),
    Line.silent,
]


@pytest.mark.parametrize("script", SLOW, ids=["header", "body", "informational", "silent"])
def test_deadline_is_exact_however_slowly_octets_come(post: Both, script: Script) -> None:
    """Each octet comes in time, all of them would take minutes: the deadline is of the whole message."""
    with Server(script) as server:
        begin = time.monotonic()
        with pytest.raises(TransportError, match="in time"):
            post(server.url, REQUEST, timeout=0.3)
        assert 0.3 <= time.monotonic() - begin < PATIENCE / 2


def test_send_within() -> None:
    with (
        Server(Line.silent) as server,
        HttpTransport(server.url, timeout=None) as send,
        pytest.raises(TransportError, match="in time"),
    ):
        send.send_within(REQUEST, 0.05)


def test_total_timeout_of_a_transaction() -> None:
    """`run` hands the time that is left to the transport."""
    with (
        Server(Line.silent) as server,
        HttpTransport(server.url, timeout=None) as send,
        pytest.raises(TransportError, match="in time"),
    ):
        run(ask(), send, total_timeout=0.1)


def test_peer_that_does_not_read(post: Both) -> None:
    """A request larger than all buffers, and nobody who takes it."""

    def script(line: Line) -> None:
        done.wait(PATIENCE)

    done = threading.Event()
    large = REQUEST.replace(extra_certs=[cmp.CMPCertificate(b"\x30\x84\x01\x00\x00\x00" + bytes(2**24))])
    with Server(script) as server:
        try:
            with pytest.raises(TransportError, match="in time"):
                post(server.url, large, timeout=0.3)
        finally:
            done.set()


# --- URLs ---


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        ("ca.example", {}, "http://ca.example:80/"),
        ("ca.example:8080", {}, "http://ca.example:8080/"),
        ("HTTPS://CA.example/x", {}, "https://ca.example:443/x"),
        ("http://ca.example/x", {"tls": True}, "https://ca.example:443/x"),
        ("http://[::1]/", {}, "http://[::1]:80/"),
        ("[::1]:8080/x", {"path": "y"}, "http://[::1]:8080/y"),
        ("http://u:p@ca.example:81/x?y#z", {}, "http://ca.example:81/x?y"),
        ("http://b\u00fccher.example", {}, "http://xn--bcher-kva.example:80/"),
        ("ca.example", {"path": ""}, "http://ca.example:80/"),
    ],
)
def test_endpoint(url: str, options: dict[str, Any], expected: str) -> None:
    assert Endpoint.parse(url, options.pop("path", None), **options).url == expected


@pytest.mark.parametrize(
    "url",
    ["", "ftp://ca.example", "http://", "http://:80", "http://a:0", "http://a:99999", "http://a:x", "http://[::1", "http://a b",
     "http://a\r\nX: y", "http://" + "\u0131" * 80],
)  # fmt: skip
def test_no_endpoint(url: str) -> None:
    with pytest.raises(ValueError, match="server"):
        Endpoint.parse(url, None)


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/\u00fc", "/\x00"])
def test_no_path(path: str) -> None:
    """Nothing gets into the request line that does not belong there."""
    with pytest.raises(ValueError, match="path"):
        Endpoint.parse("http://ca.example", path)


def test_passwords_in_urls_stay_there() -> None:
    for url in ("http://user:canary@[::1", "ftp://user:canary@x", "http://user:canary@x:99999", "http://user:canary@"):
        with pytest.raises(ValueError, match="server") as caught:
            Endpoint.parse(url, None)
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("host", "no_proxy", "used"),
    [
        ("ca.example", [], True),
        ("ca.example", ["ca.example"], False),
        ("ca.example", ["CA.Example "], False),
        ("ca.example", ["example"], False),
        ("ca.example", [".example"], False),
        ("ca.example", ["a.example", "xample", ""], True),
        ("ca.example", ["*"], False),
        ("[::1]", ["::1"], False),
        ("[::1]", ["[::1]"], False),
    ],
)
def test_no_proxy(host: str, no_proxy: list[str], used: bool) -> None:
    endpoint = Endpoint.parse(f"http://{host}/", None, proxy="http://proxy.example:3128/ignored", no_proxy=no_proxy)
    assert str(endpoint.address) == ("proxy.example:3128" if used else f"{host}:80")


def test_proxy_by_tls_is_not_supported() -> None:
    with pytest.raises(ValueError, match="only http:// proxies"):
        Endpoint.parse("http://ca.example", None, proxy="https://proxy.example")
