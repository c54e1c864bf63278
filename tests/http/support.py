"""What the tests of HTTP share: a Responder that needs no CA, a server in a thread, and a client that sends bytes as given."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cmpcodec.http.gateway import Admitted, Gateway, Reply
from cmpcodec.http.limits import ServerLimits
from cmpcodec.http.runner import Server
from cmpcodec.server.ports import Answer

PATH = "/.well-known/cmp/p/device"
PATIENCE = 60.0
"""Seconds after which something that should have happened will not."""
MEDIA = (b"Content-Type", b"application/pkixcmp")


@dataclass
class FakeResponder:
    """Answers with the request backwards; `during` runs inside respond()."""

    profiles: dict[str, object] = field(default_factory=lambda: {"device": None, "other": None})
    during: Callable[[bytes], None] | None = None
    answer: Answer | None = None
    seen: list[tuple[bytes, str]] = field(default_factory=list)
    granted: list[int | None] = field(default_factory=list)
    crl_der: bytes = b"the CRL"
    sweeps: int = 0

    def respond(self, request: bytes, profile: str, hashes: int | None = None) -> Answer:
        self.seen.append((request, profile))
        self.granted.append(hashes)
        if self.during is not None:
            self.during(request)
        return self.answer if self.answer is not None else Answer(der=request[::-1], request="ir", body="ip", status=0)

    def crl(self, profile: str) -> bytes:
        return self.crl_der

    def sweep(self) -> int:
        self.sweeps += 1
        return 0


@contextlib.contextmanager
def running(
    gateway: Gateway | FakeResponder | None = None,
    limits: ServerLimits | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Server]:
    """A server on a free port, stopped at the end."""
    ready = threading.Event()
    server = Server(FakeResponder() if gateway is None else gateway, port=0, limits=limits, tls=tls)
    thread = threading.Thread(target=server.run, args=(lambda _: ready.set(),))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.listening.port), timeout=PATIENCE)


def post(
    body: bytes = b"request", path: str = PATH, version: str = "1.1", *fields: str, media: str = "application/pkixcmp"
) -> bytes:
    """A POST as bytes."""
    lines = [f"POST {path} HTTP/{version}", "Host: localhost", f"Content-Type: {media}", f"Content-Length: {len(body)}"]
    return "\r\n".join((*lines, *fields, "", "")).encode() + body


@dataclass
class Response:
    """One answer as it was read."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.fields.get("connection") == "close"


class Reader:
    """Reads answers from a connection, one after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data = b""

    def _more(self) -> bool:
        part = self._connection.recv(65536)
        self._data += part
        return bool(part)

    def response(self, head: bool = False) -> Response:
        while b"\r\n\r\n" not in self._data:
            assert self._more(), f"the connection ended after {self._data!r}"
        block, _, self._data = self._data.partition(b"\r\n\r\n")
        line, *lines = block.decode("latin-1").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", line)
        assert found, line
        fields = {}
        for one in lines:
            name, _, value = one.partition(": ")
            assert name.lower() not in fields, f"{name} twice"
            fields[name.lower()] = value
        if found[1] == "100":
            return Response(100, fields, b"")
        length = 0 if head else int(fields["content-length"])
        while len(self._data) < length:
            assert self._more(), "the connection ended inside a body"
        body, self._data = self._data[:length], self._data[length:]
        return Response(int(found[1]), fields, body)

    def rest(self) -> bytes:
        """All until the server ends the connection; a reset is an end too."""
        with contextlib.suppress(ConnectionResetError):
            while self._more():
                pass
        return self._data


def exchange(server: Server, data: bytes) -> list[Response]:
    """Send bytes, and read answers until the server closes or all that was sent is answered and we close."""
    with connect(server) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        reader, responses = Reader(connection), []
        while reader._data or reader._more():
            responses.append(reader.response())
        return responses


def one(server: Server, data: bytes) -> Response:
    """Send bytes that get exactly one answer; it may keep the connection open."""
    with connect(server) as connection:
        connection.sendall(data)
        return Reader(connection).response(head=data.startswith(b"HEAD "))


def tls_connect(server: Server, certificates: dict[str, Path], client: bool = False) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(certificates["server"]))
    if client:
        context.load_cert_chain(certificates["client"])
    return context.wrap_socket(connect(server), server_hostname="127.0.0.1")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def until(condition: Callable[[], object]) -> None:
    """Wait for something that is about to happen."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.001)


def admit(gateway: Gateway, source: str, path: str = PATH) -> Admitted | Reply:
    return gateway.admit(
        "POST" if path in (PATH, "/.well-known/cmp/p/p") else "GET", path.encode(), [MEDIA], source=source
    )
