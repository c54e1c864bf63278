"""What an HTTP server costs per CMP message, and how it treats OpenSSL's client: `python -m benchmarks.http_servers`.

Each candidate serves the same gateway with a Responder that does nothing, in a process of its own, all in the same
run. Candidates that are not installed are left out. Columns:

* CPU: microseconds of the server's processor time (user and system, all its threads and children) per POST of 1 kB on a
  kept HTTP/1.1 connection, the least of some interleaved rounds; "x" relative to our runner.
* 1.0: whether `Connection: keep-alive` of HTTP/1.0 is honoured, as OpenSSL's client needs it.
* two writes: how much longer a POST takes on a kept connection if header and body come in two segments from a client
  with Nagle's algorithm, in milliseconds (median): 40 is the delayed acknowledgement.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

BODY = bytes(1000)
PATH = "/.well-known/cmp/p/bench"

CANDIDATES = {
    "cmpcodec runner": ("httptools", "runner"),
    "granian, WSGI": ("granian", "granian-wsgi"),
    "granian, ASGI": ("granian", "granian-asgi"),
    "uvicorn (httptools), ASGI": ("uvicorn", "uvicorn-httptools"),
    "uvicorn, subclass of its protocol, ASGI": ("uvicorn", "uvicorn-subclass"),
    "uvicorn, default, ASGI": ("uvicorn", "uvicorn"),
    "waitress, WSGI": ("waitress", "waitress"),
    "waitress, channel subclass, WSGI": ("waitress", "waitress-subclass"),
    "hypercorn, ASGI": ("hypercorn", "hypercorn"),
    "gunicorn gthread, WSGI": ("gunicorn", "gunicorn"),
    "cheroot, WSGI": ("cheroot", "cheroot"),
    "aiohttp, handler": ("aiohttp", "aiohttp"),
}


def gateway():  # type: ignore[no-untyped-def]
    """The gateway that all candidates serve."""
    from cmpcodec.http.gateway import Gateway
    from cmpcodec.server.ports import Answer

    class Nothing:
        """Answers 1 kB to everything."""

        profiles = {"bench": None}  # noqa: RUF012
        answer = Answer(der=BODY, body="ip")

        def respond(self, request: bytes, profile: str, hashes: int | None = None) -> Answer:
            return self.answer

        def crl(self, profile: str) -> bytes:
            return b""

        def sweep(self) -> int:
            return 0

    return Gateway(Nothing())  # type: ignore[arg-type]


def wsgi():  # type: ignore[no-untyped-def]
    """Made by granian and gunicorn in their workers."""
    from cmpcodec.http.wsgi import WSGIApp

    return WSGIApp(gateway())


def asgi():  # type: ignore[no-untyped-def]
    """Made by granian and hypercorn in their workers."""
    from cmpcodec.http.asgi import ASGIApp

    return ASGIApp(gateway())


def serve(kind: str, port: int) -> None:
    """Run one candidate in this process."""
    match kind:
        case "runner":
            from cmpcodec.http import runner

            runner.serve(gateway(), port=port)
        case "granian-wsgi" | "granian-asgi":
            from granian import Granian  # type: ignore[attr-defined]

            name = kind.partition("-")[2]
            Granian(
                f"benchmarks.http_servers:{name}", port=port, interface=name, workers=1, factory=True, log_enabled=False
            ).serve()
        case "uvicorn" | "uvicorn-httptools" | "uvicorn-subclass":
            import uvicorn

            protocol = {"uvicorn": "auto", "uvicorn-httptools": "httptools"}.get(kind) or _uvicorn_subclass()
            uvicorn.run(asgi(), port=port, http=protocol, log_config=None, access_log=False)  # type: ignore[arg-type]
        case "waitress" | "waitress-subclass":
            import waitress.server

            server = waitress.server.create_server(wsgi(), host="127.0.0.1", port=port)
            if kind == "waitress-subclass":
                server.channel_class = _waitress_subclass()
            server.run()
        case "hypercorn":
            import asyncio

            from hypercorn.asyncio import serve as run
            from hypercorn.config import Config

            config = Config()
            config.bind = [f"127.0.0.1:{port}"]
            asyncio.run(run(asgi(), config))
        case "gunicorn":
            os.execv(
                sys.executable,
                [
                    *(sys.executable, "-m", "gunicorn", "-k", "gthread", "--threads", "8"),
                    *("-b", f"127.0.0.1:{port}", "--log-level", "critical", "benchmarks.http_servers:wsgi()"),
                ],
            )
        case "cheroot":
            from cheroot.wsgi import Server

            Server(("127.0.0.1", port), wsgi()).start()
        case "aiohttp":
            _aiohttp(port)


def _uvicorn_subclass():  # type: ignore[no-untyped-def]
    """The httptools protocol of uvicorn with the two remedies, by its internals."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Remedied(HttpToolsProtocol):
        def data_received(self, data: bytes) -> None:
            self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            super().data_received(data)

        def on_headers_complete(self) -> None:
            super().on_headers_complete()
            if self.parser.get_http_version() == "1.0" and self.parser.should_keep_alive():
                self.cycle.keep_alive = True
                self.cycle.default_headers = [*self.cycle.default_headers, (b"connection", b"keep-alive")]

    return Remedied


def _waitress_subclass():  # type: ignore[no-untyped-def]
    from waitress.channel import HTTPChannel

    class Remedied(HTTPChannel):  # type: ignore[misc]
        def recv(self, size: int) -> bytes:
            data: bytes = super().recv(size)
            if data:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            return data

    return Remedied


def _aiohttp(port: int) -> None:
    import asyncio

    from aiohttp import web

    door = gateway()

    async def handle(request: web.Request) -> web.Response:
        admitted = door.admit(request.method, request.raw_path.encode(), request.raw_headers)
        reply = await asyncio.to_thread(door.answer, admitted, await request.read())
        return web.Response(status=reply.status, body=reply.body, content_type="application/pkixcmp")

    app = web.Application()
    app.router.add_post(PATH, handle)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


def request(version: str, *fields: str) -> bytes:
    """The header of a POST of BODY."""
    lines = [f"POST {PATH} HTTP/{version}", "Host: localhost", "Content-Type: application/pkixcmp"]
    return "\r\n".join((*lines, f"Content-Length: {len(BODY)}", *fields, "", "")).encode()


def answer(connection: socket.socket) -> bytes:
    """Read one answer; its header."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: *(\d+)", head)
    left = (int(found[1]) if found else 0) - len(rest)
    while left > 0:
        left -= len(connection.recv(65536))
    return head


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def cpu(pid: int) -> float:
    """Seconds of processor time of a process, its threads and its children so far."""
    files = [file for one in family(pid) for file in Path(f"/proc/{one}/task").glob("*/schedstat")]
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


class Candidate:
    """A server that runs."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.http_servers", "--serve", kind, str(self.port)],
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        self.costs: list[float] = []

    def connect(self, patience: float = 30.0) -> socket.socket:
        """A connection, with Nagle's algorithm as it is by default."""
        until = time.monotonic() + patience
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=20)
            except ConnectionRefusedError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def round(self, posts: int) -> None:
        """Measure the processor time of some POSTs."""
        for count in (100, posts):
            before = cpu(self.process.pid)
            self._post(count)
            spent = cpu(self.process.pid) - before
        self.costs.append(spent / posts * 1e6)

    def _post(self, count: int) -> None:
        """So many POSTs; some servers end a connection after so many requests, and get another."""
        head = request("1.1")
        done = 0
        while done < count:
            with self.connect() as connection:
                try:
                    while done < count:
                        connection.sendall(head + BODY)
                        if not answer(connection):
                            break
                        done += 1
                except (BrokenPipeError, ConnectionResetError):
                    continue

    def keeps_old(self) -> bool:
        """Whether HTTP/1.0 keep-alive is honoured: twice."""
        head = request("1.0", "Connection: keep-alive")
        with self.connect() as connection:
            for _ in range(2):
                try:
                    connection.sendall(head + BODY)
                    if b"connection: keep-alive" not in answer(connection).lower():
                        return False
                except OSError:
                    return False
        return True

    def two_writes(self, posts: int = 40) -> float:
        """Milliseconds that the second segment costs."""
        head, times = request("1.1"), []
        for parts in ((head + BODY,), (head, BODY)):
            connection, taken = self.connect(), []
            with connection:
                for _ in range(posts):
                    began = time.perf_counter()
                    for part in parts:
                        connection.sendall(part)
                    answer(connection)
                    taken.append(time.perf_counter() - began)
            times.append(statistics.median(taken[posts // 4 :]))
        return (times[1] - times[0]) * 1000

    def end(self) -> None:
        """Stop it, and what it has started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def main() -> None:
    """Measure all candidates, or (--serve, by itself) be one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=2000, help="per round (2000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve[0], int(options.serve[1]))
        return
    running = []
    for name, (package, kind) in CANDIDATES.items():
        if importlib.util.find_spec(package):
            running.append(Candidate(name, kind))
    try:
        for candidate in running:
            candidate.connect().close()
        for _ in range(options.rounds):
            for candidate in running:
                candidate.round(options.posts)
        ours = min(running[0].costs)
        print(f"{'candidate':40} {'CPU us':>7} {'x':>6} {'1.0':>5} {'two writes ms':>14}")
        for candidate in running:
            least = min(candidate.costs)
            kept = "yes" if candidate.keeps_old() else "no"
            print(
                f"{candidate.name:40} {least:7.0f} {least / ours:5.2f}x {kept:>5} {candidate.two_writes():14.2f}",
                flush=True,
            )
    finally:
        for candidate in running:
            candidate.end()


if __name__ == "__main__":
    main()
