"""HTTP servers that follow a script, and one way to use both of the clients' transports against them.

A server is a raw socket in a thread: what a transport sends is seen byte for byte, what it gets is chosen byte for byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import cmpcodec as cmp
from cmpcodec.adapters.driving import run, run_async
from cmpcodec.http.async_transport import AsyncHttpTransport
from cmpcodec.http.transport import HttpTransport
from tests.client.peer import Peer
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

    def silent(self) -> None:
        """Read until the client closes, and say nothing."""
        while self.connection.recv(2**16):
            pass

    def gone(self) -> bool:
        """Wait until the client has closed; False if it sends something instead."""
        try:
            return not self.connection.recv(1)
        except ConnectionError:
            return True


def http(
    body: bytes = ANSWER.der,
    status: str = "200 OK",
    version: str = "1.1",
    kind: str | None = "application/pkixcmp",
    **more: str,
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


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/pkixcmp\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks) + end


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

    def __call__(
        self, url: str, *messages: cmp.PKIMessage, after: Callable[[int], None] | None = None, **options: Any
    ) -> Any:
        """The answers to those messages, on one transport; `after` is called after each."""
        options = {"timeout": PATIENCE} | options
        return (
            asyncio.run(self._async(url, messages, after, options))
            if self.is_async
            else self._sync(url, messages, after, options)
        )

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
