"""The clients' transports, the blocking one and its asyncio twin, against servers that do what servers should not.

Each server is a raw socket in a thread that follows a script: what the transport sends is seen byte for byte, what it gets is
chosen byte for byte. Every test runs for both transports.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import cmpcodec as cmp
from cmpcodec.adapters.driving import run, run_async
from cmpcodec.client import Confirmation
from cmpcodec.errors import TransportError
from cmpcodec.http.async_transport import AsyncHttpTransport
from cmpcodec.http.transport import HttpTransport
from tests.client.peer import Peer, Reports
from tests.client.test_enrolment import ask

PATIENCE = 60.0
REQUEST = next(ask("ir"))
LAST = REQUEST.replace(body=cmp.PKIBody(cert_conf=cmp.CertConfirmContent([])))
ANSWER = Peer().message(REQUEST, cmp.PKIBody(pkiconf=cmp.PKIConfirmContent()))

Script = Callable[["Line"], None]


class Line:
    """The server's end of a connection."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.reads: list[bytes] = []

    def request(self) -> tuple[str, dict[str, str], bytes]:
        """One request: its first line, fields and body. ConnectionError if there is none."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._read()
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        while len(body) < int(fields.get("content-length", "0")):
            body += self._read()
        return first, fields, body

    def _read(self) -> bytes:
        data = self.connection.recv(2**20)
        if not data:
            raise ConnectionResetError
        self.reads.append(data)
        return data

    def send(self, *parts: bytes) -> None:
        self.connection.sendall(b"".join(parts))

    def gone(self) -> bool:
        """Wait until the client has closed; False if it sends something instead."""
        try:
            return not self.connection.recv(1)
        except ConnectionError:
            return True


def http(
    body: bytes = ANSWER.der, status: str = "200 OK", version: str = "1.1", kind: str | None = "application/pkixcmp", **more: str
) -> bytes:
    """An answer of HTTP with a Content-Length."""
    lines = [f"HTTP/{version} {status}", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {kind}"] if kind is not None else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def answering(*answers: bytes) -> Script:
    """Read a request, send an answer, and so on; then close."""

    def script(line: Line) -> None:
        for answer in answers:
            line.request()
            line.send(answer)

    return script


class Server:
    """Plays a script for each connection, one after the other; the last one again and again."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.scripts = list(scripts)
        self.lines: list[Line] = []
        self.failures: list[BaseException] = []
        self._tls = tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family)
        self._listener.bind((host, 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{self.port}/cmp"
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if not self.scripts:
                    return
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                connection.settimeout(PATIENCE)
                try:
                    if self._tls is not None:
                        connection = self._tls.wrap_socket(connection, server_side=True)
                    with connection:
                        self.lines.append(Line(connection))
                        script(self.lines[-1])
                except (ConnectionError, ssl.SSLError):
                    pass  # the client has had enough
                except BaseException as error:
                    self.failures.append(error)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.scripts = []
        with contextlib.suppress(OSError), socket.create_connection(self._listener.getsockname()[:2], PATIENCE):
            self._thread.join(PATIENCE)
        self._listener.close()
        assert not self._thread.is_alive()
        assert not self.failures


class Both:
    """Sends messages by one of the two transports."""

    def __init__(self, kind: str) -> None:
        self.is_async = kind == "async"

    def __call__(self, url: str, *messages: cmp.PKIMessage, after: Callable[[int], None] | None = None, **options: Any) -> Any:
        """The answers to those messages, on one transport; `after` is called after each."""
        options = {"timeout": PATIENCE} | options
        return asyncio.run(self._async(url, messages, after, options)) if self.is_async else self._sync(url, messages, after, options)

    def _sync(self, url: str, messages: Any, after: Any, options: Any) -> Any:
        answers = []
        with HttpTransport(url, **options) as send:
            for number, message in enumerate(messages):
                answers.append(send(message))
                if after:
                    after(number)
        return answers

    async def _async(self, url: str, messages: Any, after: Any, options: Any) -> Any:
        answers = []
        async with AsyncHttpTransport(url, **options) as send:
            for number, message in enumerate(messages):
                answers.append(await send(message))
                if after:
                    await asyncio.to_thread(after, number)
        return answers

    def transaction(self, url: str, **options: Any) -> Any:
        """A whole ir."""
        if not self.is_async:
            with HttpTransport(url, **options) as send:
                return run(ask(), send)

        async def program() -> Any:
            async with AsyncHttpTransport(url, **options) as send:
                return await run_async(ask(), send)

        return asyncio.run(program())


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
    [(0, REQUEST, "close"), (1, REQUEST, "keep-alive"), (2, REQUEST, "keep-alive"), (1, LAST, "close"), (2, LAST, "close")],
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


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "400 Bad Request", "404 Not Found", "500 Internal Server Error", "200"])
def test_message_on_any_status(post: Both, status: str) -> None:
    """RFC 9811: the server's words are read on errors, too."""
    with Server(answering(http(status=status))) as server:
        assert post(server.url, REQUEST) == [ANSWER]


@pytest.mark.parametrize("kind", ["application/pkixcmp", "Application/PKIXCMP", "application/pkixcmp; charset=utf-8", "application/pkixcmp;x"])
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


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/pkixcmp\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks) + end


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
    with Server(answering(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000 + http())) as server:
        with pytest.raises(TransportError, match="1xx"):
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
    lambda line: (line.request(), line.gone(), None)[-1],
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
    with Server(SLOW[3]) as server, HttpTransport(server.url, timeout=None) as send:
        with pytest.raises(TransportError, match="in time"):
            send.send_within(REQUEST, 0.05)


def test_total_timeout_of_a_transaction() -> None:
    """`run` hands the time that is left to the transport."""
    with Server(SLOW[3]) as server, HttpTransport(server.url, timeout=None) as send:
        with pytest.raises(TransportError, match="in time"):
            run(ask(), send, total_timeout=0.1)


def test_peer_that_does_not_read(post: Both) -> None:
    """A request larger than all buffers, and nobody who takes it."""

    def script(line: Line) -> None:
        done.wait(PATIENCE)

    done = threading.Event()
    large = REQUEST.replace(extra_certs=[cmp.CMPCertificate(b"\x30\x84\x01\x00\x00\x00" + bytes(2**24))] )
    try:
        with Server(script) as server:
            try:
                with pytest.raises(TransportError, match="in time"):
                    post(server.url, large, timeout=0.3)
            finally:
                done.set()
    finally:
        done.set()


# --- connections ---


def test_nobody_there(post: Both) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(TransportError, match="127.0.0.1"):
            post(f"127.0.0.1:{taken.getsockname()[1]}", REQUEST)


def test_no_such_host(post: Both) -> None:
    with pytest.raises(TransportError, match="nowhere.invalid"):
        post("http://nowhere.invalid", REQUEST)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_connection_is_kept(post: Both, version: str) -> None:
    more = {"Connection": "keep-alive"} if version == "1.0" else {}
    with Server(answering(*[http(version=version, **more)] * 3)) as server:
        assert post(server.url, REQUEST, REQUEST, REQUEST, keep_alive=2) == [ANSWER] * 3
    assert len(server.lines) == 1


CLOSING = [
    http(version="1.0"),
    http(Connection="close"),
    http(version="1.0", Connection="close"),
    http() + b"left over",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Type: application/pkixcmp\r\n\r\n" + ANSWER.der,
]


@pytest.mark.parametrize("answer", CLOSING)
def test_connection_is_not_kept(post: Both, answer: bytes) -> None:
    reports = Reports()
    with Server(answering(answer)) as server:
        assert post(server.url, REQUEST, REQUEST, report=reports) == [ANSWER] * 2
    assert len(server.lines) == 2
    assert reports.lines == [
        f"debug connecting to CMP server 127.0.0.1:{server.port}",
        "debug disconnected from CMP server",
        "debug finished reading response from CMP server",
    ] * 2


@pytest.mark.parametrize("answer", CLOSING)
def test_connection_that_had_to_be_kept(post: Both, answer: bytes) -> None:
    with Server(answering(answer)) as server, pytest.raises(TransportError, match="does not keep the connection"):
        post(server.url, REQUEST, keep_alive=2)


def test_keep_alive_0(post: Both) -> None:
    with Server(answering(http())) as server:
        assert post(server.url, REQUEST, REQUEST, keep_alive=0) == [ANSWER] * 2
    assert len(server.lines) == 2
    for wrong in (3, -1):
        with pytest.raises(ValueError, match="keep_alive"):
            post(server.url, keep_alive=wrong)


def test_kept_connection_that_was_closed_is_opened_again(post: Both) -> None:
    """The server closes after its answer, without a word; the same octets are sent once more."""
    with Server(answering(http())) as server:
        assert post(server.url, REQUEST, REQUEST, after=lambda _: time.sleep(0.05)) == [ANSWER] * 2
    assert len(server.lines) == 2


def test_closed_when_the_second_request_arrives(post: Both) -> None:
    """The race: the request is read, the connection closed. It is sent once more, the same octets."""
    seen: list[Any] = []

    def racing(line: Line) -> None:
        seen.append(line.request())
        line.send(http())
        seen.append(line.request())

    def good(line: Line) -> None:
        seen.append(line.request())
        line.send(http())

    with Server(racing, good) as server:
        assert post(server.url, REQUEST, REQUEST) == [ANSWER] * 2
    assert seen[1] == seen[2]


def test_sent_again_only_once(post: Both) -> None:
    with Server(answering(http()), lambda line: (line.request(), None)[-1]) as server:
        with pytest.raises(TransportError, match=r"closed the connection|reset"):
            post(server.url, REQUEST, REQUEST, after=lambda _: time.sleep(0.05))
    assert len(server.lines) == 2


def test_not_sent_again_when_an_answer_has_begun(post: Both) -> None:
    def script(line: Line) -> None:
        line.request()
        line.send(http())
        line.request()
        line.send(b"HTTP/1.1 2")

    with Server(script) as server, pytest.raises(TransportError, match=r"closed the connection|reset"):
        post(server.url, REQUEST, REQUEST)
    assert len(server.lines) == 1


def test_transport_goes_on_after_an_error() -> None:
    with Server(answering(b"garbage\r\n\r\n"), answering(http())) as server, HttpTransport(server.url) as send:
        with pytest.raises(TransportError):
            send(REQUEST)
        assert send(REQUEST) == ANSWER
        send.close()
        send.close()
        assert send(REQUEST) == ANSWER


def test_cancelled_in_a_loop() -> None:
    async def program(url: str) -> None:
        async with AsyncHttpTransport(url) as send:
            task = asyncio.create_task(send(REQUEST))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with Server(SLOW[3]) as server:
        asyncio.run(program(server.url))


def test_transaction(post: Both) -> None:
    peer, reports = Peer(delays=2, check_after=0), Reports()

    def script(line: Line) -> None:
        while True:
            request = cmp.decode(line.request()[2])
            line.send(http(peer(request).der))

    with Server(script) as server:
        assert post.transaction(server.url, report=reports).confirmation is Confirmation.CONFIRMED
    assert len(server.lines) == 1
    assert reports.lines == [
        f"debug connecting to CMP server 127.0.0.1:{server.port}",
        *["debug finished reading response from CMP server"] * 3,
        "debug disconnected from CMP server",
        "debug finished reading response from CMP server",
    ]


# --- TLS ---


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A context for servers named localhost and 127.0.0.1, and the file of its self-signed certificate."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    alternatives = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file = folder / "server.key"
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return context, file


def test_tls(post: Both, tls: tuple[ssl.SSLContext, Path]) -> None:
    trusting, reports = ssl.create_default_context(cafile=str(tls[1])), Reports()
    with Server(answering(http(), http()), tls=tls[0]) as server:
        assert post(server.url, REQUEST, REQUEST, tls=trusting, report=reports) == [ANSWER] * 2
        assert reports.lines[0] == f"debug connecting to CMP server 127.0.0.1:{server.port} using TLS"
        assert len(server.lines) == 1
        plain = server.url.replace("https://", "http://")  # a context means TLS, as -tls_used does
        assert post(plain, REQUEST, tls=trusting, tls_host="localhost") == [ANSWER]
        with pytest.raises(TransportError, match="certificate does not verify"):
            post(server.url, REQUEST, tls=trusting, tls_host="other.example")
        with pytest.raises(TransportError, match="certificate does not verify"):
            post(server.url, REQUEST)


def test_tls_with_somebody_who_speaks_none(post: Both) -> None:
    with Server(lambda line: line.send(http())) as server:
        with pytest.raises(TransportError, match="127.0.0.1"):
            post(server.url.replace("http:", "https:"), REQUEST)
    with Server(lambda line: (line.gone(), None)[-1]) as server:
        with pytest.raises(TransportError, match="in time"):
            post(server.url.replace("http:", "https:"), REQUEST, timeout=0.3)


# --- proxies ---


def test_proxy_for_http(post: Both) -> None:
    seen: list[Any] = []

    def script(line: Line) -> None:
        seen.append(line.request())
        line.send(http())

    with Server(script) as proxy:
        assert post("http://ca.example:8080/cmp?x", REQUEST, proxy=f"127.0.0.1:{proxy.port}") == [ANSWER]
    assert seen[0][0] == "POST http://ca.example:8080/cmp?x HTTP/1.1"
    assert seen[0][1]["host"] == "ca.example:8080"


def test_proxy_is_left_out(post: Both) -> None:
    with Server(answering(http())) as server:
        assert post(server.url, REQUEST, proxy="http://127.0.0.1:9", no_proxy=["127.0.0.1"]) == [ANSWER]


def tunnelling(first: bytes, port: int, seen: list[Any]) -> Script:
    """A proxy that grants a tunnel."""

    def script(line: Line) -> None:
        seen.append(line.request())
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as server:
            line.send(first)

            def back() -> None:
                with contextlib.suppress(OSError):
                    while data := server.recv(2**16):
                        line.connection.sendall(data)

            thread = threading.Thread(target=back)
            thread.start()
            with contextlib.suppress(OSError):
                while data := line.connection.recv(2**16):
                    server.sendall(data)
                server.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)

    return script


def test_tunnel_for_https(post: Both, tls: tuple[ssl.SSLContext, Path]) -> None:
    trusting, seen = ssl.create_default_context(cafile=str(tls[1])), []
    with Server(answering(http(), http()), tls=tls[0]) as server:
        with Server(tunnelling(b"HTTP/1.1 200 Connected\r\n\r\n", server.port, seen)) as proxy:
            url = f"https://localhost:{server.port}/cmp"
            assert post(url, REQUEST, REQUEST, tls=trusting, proxy=f"http://127.0.0.1:{proxy.port}") == [ANSWER] * 2
    assert seen[0][0] == f"CONNECT localhost:{server.port} HTTP/1.1"
    assert len(server.lines) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(b"no", "407 Proxy Authentication Required", kind="text/plain"), "refuses the tunnel: HTTP status 407"),
        (b"HTTP/1.1 200 OK\r\n\r\nalready", "refuses the tunnel"),
        (b"garbage\r\n\r\n", "no HTTP"),
        (b"", r"closed the connection|reset"),
    ],
)
def test_no_tunnel(post: Both, answer: bytes, words: str) -> None:
    with Server(answering(answer)) as proxy, pytest.raises(TransportError, match=words):
        post("https://ca.example/cmp", REQUEST, proxy=f"http://127.0.0.1:{proxy.port}")


@pytest.fixture(autouse=True)
def no_sockets_left() -> Iterator[None]:
    """What a test leaves open would be a ResourceWarning, later and in another test: it is one here."""
    yield
    import gc

    gc.collect()
