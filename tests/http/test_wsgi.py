"""The WSGI application: under the validator of wsgiref, in wsgiref's server, and in granian with what gets lost there."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from cmpcodec.http.gateway import Gateway
from cmpcodec.http.wsgi import WSGIApp
from tests.http.support import PATH, PATIENCE, FakeResponder, Reader, post

APP = WSGIApp(Gateway(FakeResponder(), max_body=1000))


class Bites(io.BytesIO):
    """An input that gives little at a time, and tells how much was read."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert 0 < size <= 1001
        return super().read(min(size, 7))


def call(
    body: bytes = b"", path: str = PATH, method: str = "POST", app: WSGIApp = APP, **environ: Any
) -> tuple[int, dict[str, str], bytes, Bites]:
    """Call the application as a server does, under the validator."""
    source = Bites(body)
    full: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "wsgi.input": source,
        "REMOTE_ADDR": "192.0.2.1",
    }
    if method == "POST":
        full |= {"CONTENT_TYPE": "application/pkixcmp", "CONTENT_LENGTH": str(len(body))}
    full |= environ
    full = {key: value for key, value in full.items() if value is not None}
    setup_testing_defaults(full)
    full["QUERY_STRING"] = environ.get("QUERY_STRING", "")
    said: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        said.append((status, headers))
        return lambda data: None

    answer = validator(app)(full, start_response)
    try:
        content = b"".join(answer)
    finally:
        answer.close()  # type: ignore[attr-defined]
    ((status, headers),) = said
    assert len({name.lower() for name, _ in headers}) == len(headers)
    return int(status[:3]), dict(headers), content, source


def test_post() -> None:
    status, headers, content, _ = call(b"0123456789" * 5)
    assert (status, content) == (200, b"9876543210" * 5)
    assert headers == {"Content-Type": "application/pkixcmp", "Content-Length": "50"}


def test_refusals_leave_the_body_unread() -> None:
    for environ, expected in (
        ({"CONTENT_LENGTH": "1001"}, 413),
        ({"CONTENT_TYPE": "text/plain"}, 415),
        ({"CONTENT_TYPE": ""}, 415),
        ({"PATH_INFO": "/nowhere"}, 404),
        ({"QUERY_STRING": "x=y"}, 404),
        ({"PATH_INFO": PATH + "\x00"}, 400),
        ({"PATH_INFO": PATH + "/../device"}, 404),
        ({"PATH_INFO": "/\xff"}, 400),
        ({"CONTENT_LENGTH": ""}, 411),
        ({"CONTENT_LENGTH": None}, 411),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, 415),
    ):
        status, _, _, source = call(b"x" * 100, **environ)  # type: ignore[arg-type]
        assert (status, source.tell()) == (expected, 0), environ


def test_without_a_length() -> None:
    """Chunked bodies come decoded; only where the server promises that it ends is the input read to its end."""
    extra = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert call(b"abc", CONTENT_LENGTH=None, **extra)[2] == b"cba"
    assert call(b"x" * 1000, CONTENT_LENGTH=None, **extra)[0] == 200
    status, _, _, source = call(b"x" * 2000, CONTENT_LENGTH=None, **extra)
    assert (status, source.tell()) == (413, 1001)
    status, _, _, source = call(b"1\r\na\r\n0\r\n\r\n", CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked")
    assert (status, source.tell()) == (411, 0)


def test_truncated() -> None:
    assert call(b"abc", CONTENT_LENGTH="4")[0] == 400


@pytest.mark.parametrize("name", ["Gerät", "a b", "50%"])
def test_escapes_are_decoded_by_the_server_already(name: str) -> None:
    app = WSGIApp(Gateway(FakeResponder(profiles={name: None})))
    path = f"/.well-known/cmp/p/{name}/crl".encode().decode("latin-1")
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": path}
    setup_testing_defaults(environ)
    said: list[str] = []

    def start_response(status: str, headers: object, exc_info: object = None) -> Any:
        said.append(status)

    assert b"".join(app(environ, start_response)) == b"the CRL"
    assert said == ["200 OK"]


def test_get_and_head() -> None:
    assert call(method="GET", path=PATH + "/crl")[2] == b"the CRL"
    status, headers, content, _ = call(method="HEAD", path=PATH + "/crl")
    assert (status, headers["Content-Length"], content) == (200, "7", b"")
    assert call(method="GET")[0] == 405
    assert call(method="GET", path="/healthz")[2] == b"ok\n"


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


CHUNKED = post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "line", "body"),
    [(post(b"abc"), b"HTTP/1.0 200 OK", b"cba"), (CHUNKED, b"HTTP/1.0 411 Length Required", b"missing.\n")],
    ids=["plain", "chunked"],
)
def test_in_wsgiref(sent: bytes, line: bytes, body: bytes) -> None:
    """It decodes no chunks and has one thread: a body whose end it does not know must not keep that waiting."""
    with make_server("127.0.0.1", 0, validator(APP), WSGIServer, Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with socket.create_connection(server.server_address[:2], timeout=PATIENCE) as connection:
                connection.sendall(sent)
                data = b""
                while part := connection.recv(65536):
                    data += part
        finally:
            server.shutdown()
            thread.join(PATIENCE)
    assert data.startswith(line)
    assert data.endswith(body)


@contextlib.contextmanager
def command(*arguments: str) -> Iterator[int]:
    """A server program on a free port, given as {port} in its arguments; its port, once it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-m", *(one.format(port=port) for one in arguments)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            until = time.monotonic() + PATIENCE
            while process.poll() is None and time.monotonic() < until:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.05)
            yield port
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def converse(port: int) -> None:
    """What every server has to carry: a message, a chunked one, refusals."""
    for data, status, body in (
        (post(b"x" * 900), 200, b"x" * 900),
        (CHUNKED, 200, b"cba"),
        (post(b"x" * 1001), 413, None),
        (post(path="/nowhere"), 404, None),
        (post(media="text/plain"), 415, None),
        (b"GET " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n", 405, None),
        (b"GET " + PATH.encode() + b"/crl HTTP/1.1\r\nHost: x\r\n\r\n", 200, b"the CRL"),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(data)
            response = Reader(connection).response()
            assert response.status == status
            assert body is None or response.body == body
            if response.status == 200:
                assert response.fields["content-type"] in ("application/pkixcmp", "application/pkix-crl")


@pytest.mark.parametrize("interface", ["wsgi", "asginl", "asgi"])
def test_in_granian(interface: str) -> None:
    pytest.importorskip("granian")
    target = f"tests.http.programs:{interface[:4]}"
    with warnings.catch_warnings(), command(
        "granian", "--interface", interface, "--host", "127.0.0.1", "--port", "{port}", "--factory", target
    ) as port:  # fmt: skip
        converse(port)
