"""A server as its users start it, `python -m cmpcodec serve` on a free port, and the programs that talk to it.

Knows processes and files; what is right and wrong stands in the tests.
"""

from __future__ import annotations

import http.client
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

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
        assert self.url, (self.said, self.log())
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


def run(command: tuple[str, ...] | list[str] | str, folder: Path, code: int | None = 0) -> str:
    """Run a command in a folder; what a terminal would show. `code` is what it has to return, None for anything.

    Both outputs go to a pseudo-terminal, else the order of their lines would depend on buffers.
    """
    words = shlex.split(command) if isinstance(command, str) else list(command)
    ours, its = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            process = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=its, stderr=its)
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
