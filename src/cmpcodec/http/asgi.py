"""The gateway as an ASGI 3 application, for any ASGI server or framework.

It reads a body only after the gateway has admitted its request, never more than allowed and never longer than the
deadline, and answers in threads of its own, so that a slow disk does not stop the event loop. Lifespan events start
and stop the housekeeping; a server or framework that sends none has to call `start` and `close`, or to live without
it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any
from urllib.parse import quote

from .background import Crew, Sweeper
from .gateway import Admitted, Gateway, Reply, plain
from .limits import ServerLimits

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Gone(Exception):
    """The client has disconnected."""


class ASGIApp:
    """`application = ASGIApp(Gateway(responder))`.

    Of the limits these count here: body, threads, waiting, vain_hashes, sweep. Those per address mean the address that
    the server says its client has: behind a proxy, either have the server tell the address that the proxy names, or set
    `waiting_per_address` to None.
    """

    def __init__(self, gateway: Gateway, limits: ServerLimits | None = None) -> None:
        self.gateway = gateway
        self.limits = ServerLimits() if limits is None else limits
        gateway.limit(self.limits)
        self._crew: Crew | None = None
        self._sweeper = Sweeper(gateway.responder.sweep, self.limits.sweep)
        if gateway.health is None:
            gateway.health = lambda: self._sweeper.problem

    def start(self) -> None:
        """Begin housekeeping; lifespan.startup calls it."""
        self._sweeper.start()

    def close(self) -> None:
        """End housekeeping and the threads; lifespan.shutdown calls it. It waits for answers that are being made."""
        self._sweeper.stop()
        if self._crew is not None:
            self._crew.close()
            self._crew = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            raise ValueError(f"only HTTP is served, not {scope['type']}")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await asyncio.to_thread(self.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, target = scope["method"], _target(scope)
        client = scope.get("client")
        source = str(client[0]) if client else ""
        reply = self.gateway.admit(method, target, scope["headers"], source=source)
        if isinstance(reply, Admitted):
            try:
                reply = await self._answer(reply, method, target, source, receive)
            except _Gone:
                return
        fields = [(name.lower().encode(), value.encode()) for name, value in reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else reply.body})

    async def _answer(self, admitted: Admitted, method: str, target: bytes, source: str, receive: Receive) -> Reply:
        body = b""
        if admitted.max_body:
            read = await self._body(admitted, receive)
            if isinstance(read, Reply):
                return self.gateway.refuse(read, method=method, target=target, source=source)
            body = read
        if not admitted.blocking:
            return self.gateway.answer(admitted, body, source=source)
        if self._crew is None:
            self._crew = Crew(self.limits.threads, self.limits.waiting, self.limits.waiting_per_address)
        crew = self._crew
        job = crew.submit(source, partial(self.gateway.answer, admitted, body, source=source))
        if job is None:
            return self.gateway.refuse(self.gateway.overloaded(), method=method, target=target, source=source)
        answered, gone = asyncio.wrap_future(job.future), asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((answered, gone), return_when=asyncio.FIRST_COMPLETED)
            if not answered.done() and crew.withdraw(job):
                raise _Gone
            return await answered
        finally:
            crew.withdraw(job)  # if this task was cancelled
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def _body(self, admitted: Admitted, receive: Receive) -> bytes | Reply:
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.body):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    body += message.get("body", b"")
                    if len(body) > admitted.max_body:
                        return self.gateway.too_large()
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            return plain(408, "The body did not arrive in time.", ("Connection", "close"))
        if admitted.length is not None and len(body) != admitted.length:
            return plain(400, "The body is not as long as Content-Length says.")
        return bytes(body)


async def _disconnected(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _target(scope: Scope) -> bytes:
    """The request target as received, without the prefix under which a framework has mounted us."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    root = scope.get("root_path", "").encode()
    if root and raw.startswith(root + b"/"):
        raw = raw[len(root) :]
    query: bytes = scope.get("query_string", b"")
    return raw + b"?" + query if query else raw
