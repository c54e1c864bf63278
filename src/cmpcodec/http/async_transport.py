"""Sends CMP messages over HTTP or HTTPS in an event loop of asyncio. RFC 9811.

It knows streams, TLS and deadlines; what to write and what an answer means is in `exchange`, as for the blocking
`transport`, whose twin this is. One message at a time: each transaction uses a transport of its own.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from ..cmp import PKIMessage
from .exchange import ConnectionLost, Exchange, Response

_READ: Final = 64 * 1024


class AsyncHttpTransport(Exchange):
    """A `send` for `cmpcodec.adapters.driving.run_async`: as `cmpcodec.http.transport.HttpTransport`, but awaited.

    Arguments, behaviour and errors are the same; resolving a host name is interrupted, too, when the time is over.
    """

    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __call__(self, message: PKIMessage) -> PKIMessage:
        """Send a message and return the answer."""
        keep = self._asks_keep_alive(message)
        with self._explained():
            async with asyncio.timeout(self._timeout):
                response = await self._posted(message.der, keep)
            kept = self._is_kept(keep)
        if not kept:
            await self.close()
        return self._message(response)

    async def _posted(self, body: bytes, keep: bool) -> Response:
        """The answer to a POST; a kept connection that turns out to be closed is opened anew, once."""
        reused = self._streams is not None
        try:
            await self._open()
            return await self._round_trip(self._wire.post(self._endpoint, body, keep))
        except (ConnectionLost, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            if not reused or self._wire.answering:
                raise
        self._drop()
        await self._open()
        return await self._round_trip(self._wire.post(self._endpoint, body, keep))

    async def _open(self) -> None:
        if self._streams is not None:
            return
        endpoint = self._endpoint
        self._new_wire()
        host, port = endpoint.address
        if not endpoint.tunnelled:
            name = None if self._tls is None else self._tls_host
            self._streams = await asyncio.open_connection(host, port, ssl=self._tls, server_hostname=name, limit=_READ)
            return
        self._streams = await asyncio.open_connection(host, port, limit=_READ)
        self._tunnelled(await self._round_trip(self._wire.connect(endpoint)))
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

    def _drop(self) -> None:
        """Drop the connection at once, without a goodbye that somebody could delay."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
            self._report("debug", "disconnected from CMP server")

    async def close(self) -> None:
        """Close the connection, if one is open; the transport can be used again."""
        if self._streams is not None:
            writer = self._streams[1]
            self._drop()
            with suppress(OSError):
                await writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
