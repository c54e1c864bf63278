"""Sends CMP messages over HTTP or HTTPS with blocking sockets. RFC 9811.

It knows sockets, TLS and deadlines; what to write and what an answer means is in `exchange`. Not for several threads at
a time: each uses its own.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from ..asn1 import Limits
from ..client import Level, Report
from ..cmp import PKIMessage
from ..errors import TransportError
from .exchange import (
    Address,
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

_READ: Final = 64 * 1024
DEFAULT_LIMITS: Final = Limits()


def silent(level: Level, text: str) -> None:
    """Report to nobody."""


class HttpTransport:
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
        self._socket: socket.socket | None = None
        self._wire = Wire(limits)

    @property
    def url(self) -> str:
        """Where messages go."""
        return self._endpoint.url

    def __call__(self, message: PKIMessage) -> PKIMessage:
        """Send a message and return the answer."""
        return self.send_within(message, None)

    def send_within(self, message: PKIMessage, seconds: float | None) -> PKIMessage:
        """Send a message and return the answer, within `seconds` and the `timeout` of the transport."""
        limits = [one for one in (seconds, self._timeout) if one is not None]
        deadline = time.monotonic() + min(limits) if limits else None
        keep = asks_keep_alive(self._keep_alive, message)
        try:
            response = self._posted(message.der, keep, deadline)
            kept = keep and self._wire.reusable
            if keep and not kept and self._keep_alive > 1:
                raise no_keep_alive()
        except TransportError:
            self.close()
            raise
        except TimeoutError as error:
            self.close()
            raise TransportError(f"no answer from {self._endpoint.address} in time") from error
        except OSError as error:
            self.close()
            raise TransportError(f"{self._endpoint.address}: {words(error)}") from error
        except BaseException:
            self.close()
            raise
        if not kept:
            self.close()
        self._report("debug", "finished reading response from CMP server")
        return message_of(response, self._limits)

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
        self._report("debug", f"connecting to CMP server {endpoint.server}{' using TLS' if endpoint.tls else ''}")
        self._socket = _connected(endpoint.address, deadline)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire = Wire(self._limits)
        if endpoint.tunnelled:
            response = self._round_trip(self._wire.connect(endpoint), deadline)
            if not 200 <= response.status < 300 or self._wire.left_over:
                raise tunnel_error(response)
            self._wire = Wire(self._limits)
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
