"""Connections of the clients' transports: kept, closed, opened again; TLS; proxies."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
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
from cmpcodec.client import Confirmation
from cmpcodec.errors import TransportError
from cmpcodec.http.async_transport import AsyncHttpTransport
from cmpcodec.http.transport import HttpTransport
from tests.client.peer import Peer, Reports
from tests.http.scripted import ANSWER, PATIENCE, REQUEST, Both, Line, Script, Server, answering, http


@pytest.fixture(params=["sync", "async"])
def post(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


# --- connections ---


def test_nobody_there(post: Both) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(TransportError, match=r"127\.0\.0\.1"):
            post(f"127.0.0.1:{taken.getsockname()[1]}", REQUEST)


def test_no_such_host(post: Both) -> None:
    with pytest.raises(TransportError, match=r"nowhere\.invalid"):
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
    assert (
        reports.lines
        == [
            f"debug connecting to CMP server 127.0.0.1:{server.port}",
            "debug disconnected from CMP server",
            "debug finished reading response from CMP server",
        ]
        * 2
    )


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
    def deaf(line: Line) -> None:
        line.request()

    closed = pytest.raises(TransportError, match=r"closed the connection|reset")
    with Server(answering(http()), deaf) as server, closed:
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

    with Server(Line.silent) as server:
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
    with Server(lambda line: line.send(http())) as server, pytest.raises(TransportError, match=r"127\.0\.0\.1"):
        post(server.url.replace("http:", "https:"), REQUEST)
    with Server(Line.silent) as server, pytest.raises(TransportError, match="in time"):
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
    granted = b"HTTP/1.1 200 Connected\r\n\r\n"
    with (
        Server(answering(http(), http()), tls=tls[0]) as server,
        Server(tunnelling(granted, server.port, seen)) as proxy,
    ):
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
