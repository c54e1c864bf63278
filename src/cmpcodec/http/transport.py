"""Sends CMP messages over HTTP or HTTPS with blocking sockets. RFC 9811.

It knows sockets, TLS and deadlines; what to write and what an answer means is in `exchange`. Not for several threads at
a time: each uses its own.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from ..cmp import PKIMessage
from .exchange import Address, ConnectionLost, Exchange, Response, Wire

_READ: Final = 64 * 1024


class HttpTransport(Exchange):
    """A `send` for `cmpcodec.adapters.driving.run`: posts a message, returns the one that answers.

    `url` is ``[http[s]://]host[:port][/path]``; userinfo and fragment in it are ignored. `path` takes the place of that
    in the URL. An SSLContext in `tls` means TLS whatever the scheme says; https without one takes Python's default
    context, which trusts the system's authorities. `tls_host` is the name that the server's certificate has to have, if
    not that of the URL. Plain http goes through `proxy` (``http://host:port``), https through a tunnel of it, except to
    hosts in `no_proxy`.

    `timeout` bounds each message, from connecting to the last octet of the answer, in seconds; None waits for ever.
    (Resolving a host name is not interrupted.) `keep_alive`: 0 opens a connection for each message, 1 asks to keep it
    within a transaction, 2 demands that. Messages larger than `limits` are not read.

    Redirects are not followed. A kept connection that the server has closed meanwhile is opened anew, once, and the
    message sent again: the same octets, so a server answers it as before. Raises ValueError if a URL is none; calls
    raise TransportError, or DecodeError if the answer is no PKIMessage.
    """

    _socket: socket.socket | None = None

    def __call__(self, message: PKIMessage) -> PKIMessage:
        """Send a message and return the answer."""
        return self.send_within(message, None)

    def send_within(self, message: PKIMessage, seconds: float | None) -> PKIMessage:
        """Send a message and return the answer, within `seconds` and the `timeout` of the transport."""
        limits = [one for one in (seconds, self._timeout) if one is not None]
        deadline = time.monotonic() + min(limits) if limits else None
        keep = self._asks_keep_alive(message)
        with self._explained():
            response = self._posted(message.der, keep, deadline)
            kept = self._is_kept(keep)
        if not kept:
            self.close()
        return self._message(response)

    def _posted(self, body: bytes, keep: bool, deadline: float | None) -> Response:
        """The answer to a POST; a kept connection that turns out to be closed is opened anew, once."""
        reused = self._socket is not None
        try:
            return self._round_trip(self._wire_or_new(deadline).post(self._endpoint, body, keep), deadline)
        except (ConnectionLost, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            if not reused or self._wire.answering:
                raise
        self.close()
        return self._round_trip(self._wire_or_new(deadline).post(self._endpoint, body, keep), deadline)

    def _wire_or_new(self, deadline: float | None) -> Wire:
        if self._socket is None:
            self._open(deadline)
        return self._wire

    def _open(self, deadline: float | None) -> None:
        endpoint = self._endpoint
        self._new_wire()
        self._socket = _connected(endpoint.address, deadline)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if endpoint.tunnelled:
            self._tunnelled(self._round_trip(self._wire.connect(endpoint), deadline))
        if self._tls is not None:
            self._socket.settimeout(_left(deadline))
            # wrap_socket takes over the descriptor and closes it if the handshake fails.
            self._socket = self._tls.wrap_socket(self._socket, server_hostname=self._tls_host)

    def _round_trip(self, data: bytes, deadline: float | None) -> Response:
        connection = self._socket
        assert connection is not None
        view = memoryview(data)
        while view:
            connection.settimeout(_left(deadline))
            view = view[connection.send(view) :]
        while True:
            connection.settimeout(_left(deadline))
            response = self._wire.receive(connection.recv(_READ))
            if response is not None:
                return response

    def close(self) -> None:
        """Close the connection, if one is open; the transport can be used again."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None
            self._report("debug", "disconnected from CMP server")

    _drop = close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _left(deadline: float | None) -> float | None:
    """Seconds until the deadline; TimeoutError if it is over."""
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connected(address: Address, deadline: float | None) -> socket.socket:
    """A connection to the first of the host's addresses that takes one."""
    failure: OSError = OSError("the host has no address")
    for family, kind, protocol, _, where in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(deadline))
            connection.connect(where)
        except TimeoutError:
            connection.close()
            raise
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure
