"""The stand-alone HTTP server: listens, keeps the deadlines, shuts down gracefully. Needs the extra `server`.

It owns sockets, the event loop, threads and signals; connections speak for themselves (`connection`), and what a
request means the gateway knows. docs/adr/0006-http-runner.md says why it is not one of the servers that there are.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .background import Crew, Sweeper
from .connection import Connection, House
from .crowd import Crowd
from .gateway import CMPServer, Gateway
from .limits import ServerLimits

RESERVED_FILES: Final = 256
"""Open files that are not connections: databases, logs, and connections that are accepted but not yet let in."""

ACCEPTS: Final = 128
"""How many connections are accepted in one go."""

BACKLOG: Final = 4096
"""How many connections may wait in the kernel; it has a maximum of its own (net.core.somaxconn)."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server can be reached: the address and port it is bound to, and the beginning of its URLs."""

    host: str
    port: int
    url: str


def server_tls(
    certificate: str | Path, key: str | Path, *, password: str | None = None, client_ca: str | Path | None = None
) -> ssl.SSLContext:
    """TLS 1.2 or later with a certificate chain and its key, both files in PEM.

    `client_ca`: a file with the CA certificates one of which must have issued the client's certificate; every client
    has to show one then. Raises OSError or ssl.SSLError for files that cannot be read or do not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key, password)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class Server:
    """One server on one host and port; `port` 0 takes a free one. Create it, `run` it once.

    `gateway` may be a Responder; it then gets a gateway of its own. Raises OSError if the address cannot be had.
    """

    def __init__(
        self,
        gateway: Gateway | CMPServer,
        host: str = "127.0.0.1",
        port: int = 8080,
        *,
        tls: ssl.SSLContext | None = None,
        limits: ServerLimits | None = None,
    ) -> None:
        self.gateway = gateway if isinstance(gateway, Gateway) else Gateway(gateway)
        self.limits = ServerLimits() if limits is None else limits
        self._tls = tls
        self.gateway.limit(self.limits)
        self._most = _files_for(self.limits.connections)
        self._sockets = _bind(host, port)
        bound, port = self._sockets[0].getsockname()[:2]
        scheme = "http" if tls is None else "https"
        self.listening = Listening(bound, port, f"{scheme}://{f'[{bound}]' if ':' in bound else bound}:{port}")
        """Where it can be reached, known as soon as it is created."""
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = threading.Event()
        self._sweeper = Sweeper(self.gateway.responder.sweep, self.limits.sweep)
        if self.gateway.health is None:
            self.gateway.health = lambda: self._sweeper.problem

    def run(self, ready: Callable[[Listening], None] | None = None) -> None:
        """Serve until `stop` is called, or SIGTERM or SIGINT comes (if this is the main thread).

        `ready` is called when connections are accepted.
        """
        asyncio.run(self.serve(ready))

    def stop(self) -> None:
        """Begin to shut down; any thread may call it, more than once. Requests under way get their time of grace."""
        self._stopped.set()
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._stop.set)

    async def serve(self, ready: Callable[[Listening], None] | None = None) -> None:
        """The same as `run`, for a program that has an event loop."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        if self._stopped.is_set():
            self._stop.set()
        count = _ignore if self.gateway.metrics is None else self.gateway.metrics.connection
        crew = Crew(self.limits.threads, self.limits.waiting, self.limits.waiting_per_address)
        house = House(
            gateway=self.gateway,
            limits=self.limits,
            crowd=Crowd(self.limits, self._most, self._loop.time, count),
            crew=crew,
            loop=self._loop,
            count=count,
            tls=self._tls,
        )
        listeners: list[asyncio.Server] = []
        with _signals(self._loop, self._stop):
            try:
                for one in self._sockets:
                    listeners.append(
                        await self._loop.create_server(lambda: Connection(house), sock=one, backlog=ACCEPTS)
                    )
                    one.listen(
                        BACKLOG
                    )  # asyncio takes one number for both; accepting thousands in one go stops the rest
                self._sweeper.start()
                if ready is not None:
                    ready(self.listening)
                await self._keep_house(house)
            finally:
                for listener in listeners:
                    listener.close()
                for one in self._sockets:
                    one.close()
                await self._finish(house)
                await asyncio.to_thread(self._sweeper.stop)

    async def _keep_house(self, house: House) -> None:
        """Close overdue connections until it is time to stop."""
        assert self._stop is not None
        while not self._stop.is_set():
            try:
                await asyncio.wait_for(self._stop.wait(), house.crowd.tick)
            except TimeoutError:
                house.crowd.close_overdue()

    async def _finish(self, house: House) -> None:
        """Let the requests that are under way finish, within the time of grace; then everybody has to go."""
        house.closing = True
        for member in house.crowd.members:
            if isinstance(member, Connection):
                member.shut_down()
        deadline = house.loop.time() + self.limits.grace
        while (len(house.crowd) or house.crew.busy) and house.loop.time() < deadline:
            await asyncio.sleep(min(0.05, house.crowd.tick))
            house.crowd.close_overdue()
        if house.crew.busy:
            logging.getLogger(__name__).warning("requests are still being answered after %s s", self.limits.grace)
        for member in house.crowd.members:
            member.evict()
        house.crew.close(wait=False)
        await asyncio.sleep(0)  # lets the evicted close their sockets


def serve(
    gateway: Gateway | CMPServer,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    tls: ssl.SSLContext | None = None,
    limits: ServerLimits | None = None,
    ready: Callable[[Listening], None] | None = None,
) -> None:
    """Serve a gateway, or a Responder, until SIGTERM or SIGINT; then let requests under way finish, and return.

    `port` 0 takes a free one; `ready` is told which. Raises OSError if the address cannot be had.
    """
    Server(gateway, host, port, tls=tls, limits=limits).run(ready)


def _ignore(event: str) -> None:
    """Where nobody counts."""


def _bind(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of a host, all on one port; on a system without IPv6 those of IPv4."""
    found = dict.fromkeys(socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE))
    for left in reversed(range(5 if port == 0 else 1)):  # a port that is free on one address may be taken on another
        sockets: list[socket.socket] = []
        wanted = port
        try:
            for family, _, _, _, address in found:
                try:
                    one = socket.socket(family, socket.SOCK_STREAM)
                except OSError:  # the kernel has no such family
                    continue
                sockets.append(one)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.bind((address[0], wanted, *address[2:]))
                wanted = one.getsockname()[1]
            if sockets:
                return sockets
        except OSError:
            for one in sockets:
                one.close()
            if not left:
                raise
    raise OSError(f"{host!r} has no address that can be listened on")


def _files_for(connections: int) -> int:
    """Raise the limit of open files as far as needed and allowed; the number of connections that fit then."""
    try:
        import resource
    except ImportError:  # not on Unix: no such limit
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
        except (OSError, ValueError):
            pass
        if soft < wanted:
            fit = max(1, soft - min(RESERVED_FILES, soft // 2))
            logging.getLogger(__name__).warning("only %d connections fit into the limit of %d open files", fit, soft)
            return fit
    return connections


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; elsewhere than in the main thread they are left alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    for one in old:
        try:
            loop.add_signal_handler(one, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(one, lambda *_: loop.call_soon_threadsafe(stop.set))
    try:
        yield
    finally:
        for one, handler in old.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(one)
            signal.signal(one, handler)
