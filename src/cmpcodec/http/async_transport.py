"""Sends CMP messages over HTTP or HTTPS in an event loop of asyncio. RFC 9811.

It knows streams, TLS and deadlines; what to write and what an answer means is in `exchange`, as for the blocking
`transport`, whose twin this is. One message at a time: each transaction uses a transport of its own.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from ..asn1 import Limits
from ..client import Report
from ..cmp import PKIMessage
from ..errors import TransportError
from .exchange import (
    ConnectionLost,
    Endpoint,
    Response,
    Wire,
    asks_keep_alive,
    message_of,
    no_keep_alive,
    tunnel_error,
    words,
)
from .transport import DEFAULT_LIMITS, silent

_READ: Final = 64 * 1024


class AsyncHttpTransport:
    """A `send` for `cmpcodec.adapters.driving.run_async`: as `cmpcodec.http.transport.HttpTransport`, but awaited.

    Arguments, behaviour and errors are the same; resolving a host name is interrupted, too, when the time is over.
    """

    def __init__(
        self,
        url: str,
        *,
        path: str | None = None,
        tls: ssl.SSLContext | None = None,
        tls_host: str | None = None,
        proxy: str | None = None,
        no_proxy: Iterable[str] = (),
        timeout: float | None = 120.0,
        keep_alive: int = 1,
        limits: Limits = DEFAULT_LIMITS,
        report: Report = silent,
    ) -> None:
        if keep_alive not in (0, 1, 2):
            raise ValueError("keep_alive: expected 0, 1 or 2")
        self._endpoint = Endpoint.parse(url, path, tls is not None, proxy, no_proxy)
        self._tls = (tls or ssl.create_default_context()) if self._endpoint.tls else None
        self._tls_host = tls_host or self._endpoint.server.host
        self._timeout = timeout
        self._keep_alive = keep_alive
        self._limits = limits
        self._report = report
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._wire = Wire(limits)

    @property
    def url(self) -> str:
        """Where messages go."""
        return self._endpoint.url

    async def __call__(self, message: PKIMessage) -> PKIMessage:
        """Send a message and return the answer."""
        keep = asks_keep_alive(self._keep_alive, message)
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._posted(message.der, keep)
            kept = keep and self._wire.reusable
            if keep and not kept and self._keep_alive > 1:
                raise no_keep_alive()
        except TransportError:
            self._abort()
            raise
        except TimeoutError as error:
            self._abort()
            raise TransportError(f"no answer from {self._endpoint.address} in time") from error
        except OSError as error:
            self._abort()
            raise TransportError(f"{self._endpoint.address}: {words(error)}") from error
        except BaseException:
            self._abort()
            raise
        if not kept:
            await self.close()
        self._report("debug", "finished reading response from CMP server")
        return message_of(response, self._limits)

    async def _posted(self, body: bytes, keep: bool) -> Response:
        """The answer to a POST; a kept connection that turns out to be closed is opened anew, once."""
        reused = self._streams is not None
        try:
            await self._open()
            return await self._round_trip(self._wire.post(self._endpoint, body, keep))
        except (ConnectionLost, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            if not reused or self._wire.answering:
                raise
        self._abort()
        await self._open()
        return await self._round_trip(self._wire.post(self._endpoint, body, keep))

    async def _open(self) -> None:
        if self._streams is not None:
            return
        endpoint = self._endpoint
        self._report("debug", f"connecting to CMP server {endpoint.server}{' using TLS' if endpoint.tls else ''}")
        self._wire = Wire(self._limits)
        host, port = endpoint.address
        if not endpoint.tunnelled:
            name = None if self._tls is None else self._tls_host
            self._streams = await asyncio.open_connection(host, port, ssl=self._tls, server_hostname=name, limit=_READ)
            return
        self._streams = await asyncio.open_connection(host, port, limit=_READ)
        response = await self._round_trip(self._wire.connect(endpoint))
        if not 200 <= response.status < 300 or self._wire.left_over:
            raise tunnel_error(response)
        self._wire = Wire(self._limits)
        assert self._tls is not None
        await self._streams[1].start_tls(self._tls, server_hostname=self._tls_host)

    async def _round_trip(self, data: bytes) -> Response:
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(data)
        await writer.drain()
        while True:
            response = self._wire.receive(await reader.read(_READ))
            if response is not None:
                return response

    def _abort(self) -> None:
        """Drop the connection at once, without a goodbye that somebody could delay."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
            self._report("debug", "disconnected from CMP server")

    async def close(self) -> None:
        """Close the connection, if one is open; the transport can be used again."""
        if self._streams is not None:
            writer = self._streams[1]
            self._abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
