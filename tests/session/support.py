"""A server as its users start it, `python -m cmpcodec serve` on a free port, and the programs that talk to it.

Knows processes and files; what is right and wrong stands in the tests.
"""

from __future__ import annotations

import http.client
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import cmpcodec as cmp
from cmpcodec.server import Answer
from tests.server.support import Device

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join((str(Path(cmp.__file__).parents[1]), str(ROOT)))}
"""For processes that run in other folders: they get this cmpcodec, and the tests."""
OPENSSL = ("openssl", "cmp")
OURS = (sys.executable, "-m", "cmpcodec", "cmp")
PATIENCE = 120


@dataclass
class Served:
    """A running server; use it in a `with`. Its standard output ends when it is ready, its log goes to a file."""

    folder: Path
    arguments: tuple[str, ...] = ("--secret", "pass:mySecret")
    program: tuple[str, ...] = (sys.executable, "-m", "cmpcodec", "serve")
    expect: int | None = 0
    """Its exit code after SIGTERM; None: it is killed by the test."""
    process: subprocess.Popen[str] = field(init=False)
    said: list[str] = field(init=False, default_factory=list)
    url: str = ""

    def __enter__(self) -> Served:
        self.folder.mkdir(exist_ok=True)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*self.program, "--port", "0", *self.arguments],
                cwd=self.folder,
                env=ENVIRONMENT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        watchdog = threading.Timer(PATIENCE, self.process.kill)
        watchdog.start()
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if found := re.search(r" at (https?://\S+)", line):
                self.url = found[1]
            if line.startswith("Ctrl-C"):
                break
        watchdog.cancel()
        if not self.url:
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"the server does not start: {self.said} {self.log()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        if kind is None and self.expect is not None:
            assert code == self.expect, self.log()

    @property
    def log_file(self) -> Path:
        return self.folder / "server.log"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One HTTP request: status, header fields with lower-case names, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def post(self, body: bytes, profile: str = "czertainly") -> bytes:
        """Send a CMP message; the answer's body, which has to come with status 200."""
        path = f"/api/v1/protocols/cmp/raProfile/{profile}"
        status, headers, answer = self.request("POST", path, body, Content_Type="application/pkixcmp")
        assert (status, headers["content-type"]) == (200, "application/pkixcmp"), (status, headers, answer[:200])
        return answer

    def crl(self, profile: str = "czertainly") -> bytes:
        status, headers, body = self.request("GET", f"/api/v1/protocols/cmp/raProfile/{profile}/crl")
        assert (status, headers["content-type"]) == (200, "application/pkix-crl")
        return body


class Gone(Exception):
    """The server ended, or closed the connection, before an answer was complete."""


class Wire:
    """One connection to a profile of a running server, kept open between messages; opened anew after `Gone`.

    It stands where a `Device` (tests/server/support.py) expects a server.
    """

    def __init__(self, port: int, profile: str = "czertainly") -> None:
        self.port = port
        path = f"/api/v1/protocols/cmp/raProfile/{profile}"
        self._head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkixcmp\r\nContent-Length: "
        self._socket: socket.socket | None = None

    def exchange(self, body: bytes) -> tuple[int, str, bytes]:
        """POST a body: status, content type, answer. Raises Gone."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
            self._socket.sendall(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
            received = b""
            while (end := received.find(b"\r\n\r\n")) < 0:
                received += self._more()
            first, *lines = received[:end].decode().split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            answer = received[end + 4 :]
            while len(answer) < int(fields["content-length"]):
                answer += self._more()
        except OSError as error:
            self.close()
            raise Gone from error
        if fields.get("connection") == "close":
            self.close()
        return int(first.split()[1]), fields.get("content-type", ""), answer

    def _more(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        return data

    def post(self, body: bytes) -> bytes:
        """The answer to a message, which has to be one. Raises Gone."""
        status, media, answer = self.exchange(body)
        assert (status, media) == (200, "application/pkixcmp"), (status, media, answer[:200])
        return answer

    def respond(self, request: bytes) -> Answer:
        """What `Device.send` calls."""
        der = self.post(request)
        body = cmp.decode(der).body
        info = None if body.error is None else body.error.pki_status_info
        return Answer(der=der, body=body.name, status=info and info.status, fail_info=info.fail_info if info else None)

    def clock(self) -> datetime:
        """What `Device.message` puts into messageTime."""
        return datetime.now(UTC).replace(microsecond=0)

    def device(self, secret: bytes = b"mySecret", kid: bytes | None = None) -> Device:
        """A requester at the other end of this connection, in a new transaction."""
        return Device(self, secret, kid)  # type: ignore[arg-type]  # it needs no more of a server than is here

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def run(command: tuple[str, ...] | list[str] | str, folder: Path, code: int | None = 0) -> str:
    """Run a command in a folder; what a terminal would show. `code` is what it has to return, None for anything.

    Both outputs go to a pseudo-terminal, else the order of their lines would depend on buffers.
    """
    words = shlex.split(command) if isinstance(command, str) else list(command)
    ours, its = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            process = subprocess.Popen(
                words, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=its, stderr=its
            )
        finally:
            os.close(its)
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        shown = bytearray()
        with suppress(OSError):  # the end of a terminal: nobody holds its other side any more
            while piece := terminal.read(65536):
                shown += piece
        returned = process.wait()
        watchdog.cancel()
    output = shown.decode().replace("\r\n", "\n")
    assert code is None or returned == code, (words, returned, output)
    return output


def in_order(wanted: list[str], output: str) -> None:
    """Every pattern is found in a line of the output, each behind the one before."""
    lines = output.splitlines()
    at = 0
    for pattern in wanted:
        for number in range(at, len(lines)):
            if re.search(pattern, lines[number]):
                at = number + 1
                break
        else:
            raise AssertionError(f"no line {pattern!r} behind line {at} of\n{output}")
