"""One connection of the stand-alone server: bytes to requests, requests to the gateway, replies to bytes.

An asyncio protocol that keeps to the phases of `crowd`: at most one request is read or answered at a time, and while
one is answered nothing more is read. It knows sockets, TLS and HTTP/1.x; what requests mean the gateway knows.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from math import ceil
from typing import Any, Final, cast

from .background import Crew, Job
from .crowd import Crowd, Phase
from .framing import END, BadRequest, Chunks, Head, read_head
from .gateway import Admitted, Gateway, Reply, plain
from .limits import ServerLimits

QUICKACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)  # Linux

RESET: Final = struct.pack("ii", 1, 0)  # struct linger: on, for no time

_STATUS = {status: f"HTTP/1.1 {status} {status.phrase}\r\n" for status in HTTPStatus}


@dataclass(slots=True)
class House:
    """What all connections of a server share."""

    gateway: Gateway
    limits: ServerLimits
    crowd: Crowd
    crew: Crew
    loop: asyncio.AbstractEventLoop
    count: Callable[[str], None]
    tls: ssl.SSLContext | None = None
    closing: bool = False
    """Whether the server is shutting down: every answer is the last of its connection."""
    date: str = ""
    date_until: float = 0.0

    def now(self) -> str:
        """The Date field's value, made once a second."""
        if (now := self.loop.time()) >= self.date_until:
            self.date, self.date_until = formatdate(usegmt=True), now + 1.0
        return self.date


class _TLS(SSLProtocol):
    """TLS with a buffer of one record; asyncio's has 256 KiB, which each connection fills with zeros at once."""

    max_size = 16 * 1024


class Connection(asyncio.Protocol):
    """Reads requests one after the other and writes their replies."""

    def __init__(self, house: House) -> None:
        self.phase = Phase.HEADER
        self.address = ""
        self._house = house
        self._socket: Any = None
        self._tcp: asyncio.Transport
        self._transport: asyncio.Transport
        self._handshake: asyncio.Future[None] | None = None
        """Of TLS, from its first octets on."""
        self._received = bytearray()
        self._searched = 0
        self._ended = False
        """Nothing more will come from the client."""
        self._paused = False
        self._last = False
        """The answer that is being sent is the last one."""
        self._unread = False
        """... and there may be octets that nobody reads."""
        self._head: Head | None = None
        self._admitted: Admitted | None = None
        self._chunks: Chunks | None = None
        self._job: Job[Reply] | None = None
        """The request that a thread answers, or should."""

    # --- What asyncio tells us ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected, or its TLS handshake is done, whose time counts as the header's."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(0)
        if self._handshake is not None:
            return
        self._tcp = self._transport
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else "local"
        self._socket = transport.get_extra_info("socket")
        if self._house.closing or not self._house.crowd.arrive(self):
            self._transport.abort()

    def _begin_handshake(self, tls: ssl.SSLContext, hello: bytes) -> None:
        """Put TLS between the connection and us, and give it what has come."""
        loop, limits = self._house.loop, self._house.limits
        handshake = self._handshake = loop.create_future()
        handshake.add_done_callback(self._handshake_ended)
        between = _TLS(
            loop,
            self,
            tls,
            handshake,
            server_side=True,
            ssl_handshake_timeout=ceil(limits.header + limits.linger),  # the crowd's deadline comes first
            ssl_shutdown_timeout=limits.linger,
        )
        self._tcp.set_protocol(between)
        between.connection_made(self._tcp)
        while hello:
            buffer = between.get_buffer(len(hello))
            taken = min(len(buffer), len(hello))
            buffer[:taken] = hello[:taken]
            between.buffer_updated(taken)
            hello = hello[taken:]

    def _handshake_ended(self, handshake: asyncio.Future[None]) -> None:
        """Go, unless the handshake has succeeded; `connection_lost` is called only if it has."""
        handshake.exception()  # every error of TLS; the client has been told
        if self._transport is self._tcp:
            if not self._ended:
                self._house.count("bad_tls")
            self._tcp.abort()
            self._house.crowd.leave(self)

    def data_received(self, data: bytes) -> None:
        """Octets have come: take as much of them as makes one request."""
        if self.phase in (Phase.LINGER, Phase.CLOSING):
            return
        if self._house.tls is not None and self._transport is self._tcp:
            self._begin_handshake(self._house.tls, data)  # not before: it takes memory
            return
        self._received += data
        if self.phase in (Phase.WORKING, Phase.SENDING):
            self._pause(True)  # the next request has its time later
            self._account()
            return
        if self.phase is Phase.IDLE:
            self._move(Phase.HEADER)
        self._advance()
        if self.phase in (Phase.HEADER, Phase.BODY):
            self._acknowledge()

    def eof_received(self) -> bool:
        """The client sends nothing more; it may still wait for an answer."""
        self._ended = True
        if self._withdraw():
            # Whoever closes looks the same as who only has no more to send. The first is probable, and must not cost
            # more when threads are scarce; the second is told to come again.
            self._reply(self._refused(self._house.gateway.overloaded()))
        # True keeps our half of the connection open, which TLS does not have.
        return self.phase in (Phase.WORKING, Phase.SENDING) and self._transport is self._tcp

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, from whichever side."""
        self._ended = True
        self._received.clear()
        self._withdraw()
        self._house.crowd.leave(self)

    def resume_writing(self) -> None:
        """The client has taken what we have written, or TLS has encrypted it."""
        if self.phase is Phase.SENDING and not self._unsent():
            self._sent()

    pause_writing = resume_writing
    """With limits of 0, TLS in asyncio calls the two in turns, whatever they mean."""

    # --- What the crowd tells us ---

    def overdue(self) -> None:
        """Close at the deadline of the phase; say so if a request had begun."""
        if self._handshake is not None and self._transport is self._tcp:
            self.evict()
        elif self.phase is Phase.BODY or (self.phase is Phase.HEADER and self._received):
            reply = plain(408, "The request did not arrive in time.")
            self._write(self._refused(reply), keep=False)
            self._close()
        elif self.phase in (Phase.HEADER, Phase.IDLE, Phase.LINGER):
            self._close()
        else:
            self.evict()

    def evict(self) -> None:
        """Close at once, by a reset: the kernel is to keep nothing for this client either."""
        self._ended = True
        self._withdraw()
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._tcp.abort()

    def shut_down(self) -> None:
        """The server ends: go, unless a request is under way."""
        if self.phase in (Phase.HEADER, Phase.IDLE):
            self._close()

    # --- Reading ---

    def _move(self, phase: Phase) -> None:
        self._house.crowd.move(self, phase)

    def _unsent(self) -> int:
        """Octets that the client has not taken; of TLS, what waits below it too."""
        below = 0 if self._transport is self._tcp else self._tcp.get_write_buffer_size()
        return self._transport.get_write_buffer_size() + below

    def _account(self) -> None:
        """Tell the crowd what is kept for this client: unfinished requests and answers that it does not read."""
        chunks = 0 if self._chunks is None else len(self._chunks.body)
        self._house.crowd.hold(self, len(self._received) + chunks + self._unsent())

    def _acknowledge(self) -> None:
        """Have the kernel acknowledge at once what has been read, and what comes next.

        OpenSSL's client sends header and body in two segments. On a kept connection its kernel holds the second back
        until the first is acknowledged (Nagle), and ours would delay that acknowledgement by 40 ms. The option does
        not last: it is set again after each answer, and after each read that leaves a request incomplete.
        """
        if QUICKACK is not None:
            with suppress(OSError):  # reset by the peer meanwhile
                self._socket.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)

    def _advance(self) -> None:
        """Do what the received octets allow, up to one whole request."""
        try:
            if self.phase is Phase.HEADER:
                self._read_header()
            if self.phase is Phase.BODY:
                self._read_body()
        except BadRequest as error:
            self._reply(self._refused(plain(error.status, error.text)), early=True)

    def _read_header(self) -> None:
        received = self._received
        if received.startswith(b"\r\n"):  # empty lines before a request are to be ignored: RFC 9112, 2.2
            received[:] = received.lstrip(b"\r\n")
            self._searched = 0
        end = received.find(END, max(0, self._searched - len(END) + 1))
        most = self._house.limits.header_bytes
        if end > most or (end < 0 and len(received) > most):
            raise BadRequest(431, f"The header is longer than {most} octets.")
        if end < 0:
            self._searched = len(received)
            self._wait_for_more()
            return
        block = bytes(received[: end + len(END)])
        del received[: end + len(END)]
        self._searched = 0
        head = self._head = read_head(block, self._house.limits.header_lines)
        decision = self._house.gateway.admit(head.method, head.target, head.fields, source=self.address)
        if isinstance(decision, Admitted) and decision.max_body and head.length is None and not head.chunked:
            decision = self._refused(plain(411, "Content-Length is missing."))
        if isinstance(decision, Reply):
            self._reply(decision, early=head.has_body)
            return
        self._admitted = decision
        if not decision.max_body:  # a GET; should it have a body, that is not read, and the connection ends
            self._answer(b"")
            return
        self._chunks = Chunks(decision.max_body) if head.chunked else None
        self._move(Phase.BODY)
        if head.expects_continue and not received:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self) -> None:
        assert self._head is not None
        if self._chunks is not None:
            data = bytes(self._received)
            self._received.clear()
            if self._chunks.feed(data):
                self._answer(bytes(self._chunks.body))
                return
        elif len(self._received) >= (length := self._head.length or 0):
            body = bytes(self._received[:length])
            del self._received[:length]
            self._answer(body)
            return
        self._wait_for_more()

    def _wait_for_more(self) -> None:
        """A request is incomplete: read on, unless the client has ended."""
        if self._ended:
            self._close()
        else:
            self._pause(False)
            self._account()

    def _pause(self, pause: bool) -> None:
        if pause is self._paused or self._transport.is_closing():
            return
        self._paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # --- Answering ---

    def _answer(self, body: bytes) -> None:
        """Have the gateway answer the request that is complete."""
        admitted, gateway = self._admitted, self._house.gateway
        assert admitted is not None
        self._chunks = None
        self._move(Phase.WORKING)
        if self._transport is not self._tcp:
            self._pause(True)  # else asyncio would end the connection at the client's close_notify, before our answer
        if not admitted.blocking:
            self._reply(gateway.answer(admitted, body, source=self.address))
            return
        self._job = self._house.crew.submit(self.address, partial(gateway.answer, admitted, body, source=self.address))
        if self._job is None:
            self._reply(self._refused(gateway.overloaded()))
        else:
            self._account()
            self._job.future.add_done_callback(self._answered_in_thread)

    def _withdraw(self) -> bool:
        """Take back the request if it still waits for a thread: nobody is there any more to read its answer."""
        job, self._job = self._job, None
        if job is None or not self._house.crew.withdraw(job):
            return False
        self._house.count("abandoned")
        return True

    def _answered_in_thread(self, future: Future[Reply]) -> None:
        if future.cancelled():
            return
        with suppress(RuntimeError):  # the loop has closed: the answer came after the server's time of grace
            if future.exception() is None:
                self._house.loop.call_soon_threadsafe(self._reply, future.result())
            else:  # there will be no answer
                self._house.loop.call_soon_threadsafe(self.evict)

    def _refused(self, reply: Reply) -> Reply:
        method, target = ("", b"") if self._head is None else (self._head.method, self._head.target)
        return self._house.gateway.refuse(reply, method=method, target=target, source=self.address)

    def _reply(self, reply: Reply, early: bool = False) -> None:
        """Write the answer to the request; `early`: its body has not been read."""
        if self._transport.is_closing():
            return
        head, admitted = self._head, self._admitted
        self._unread = early or head is None or (head.has_body and (admitted is None or not admitted.max_body))
        keep = head is not None and head.keep_alive and not (self._unread or head.chunked)
        keep = keep and not self._house.closing and bool(self._received or not self._ended)
        self._last = not keep
        self._write(reply, keep)
        self._move(Phase.SENDING)
        self._account()
        if self._unsent():
            self._pause(True)
        elif not self._transport.is_closing():  # this one had to go, for all that is kept
            self._sent()

    def _write(self, reply: Reply, keep: bool) -> None:
        head = self._head
        lines = [_STATUS[HTTPStatus(reply.status)], f"Date: {self._house.now()}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in reply.headers]
        if not keep:
            lines.append("Connection: close\r\n")
        elif head is not None and head.old:
            lines.append("Connection: keep-alive\r\n")
        lines.append("\r\n")
        body = b"" if head is not None and head.method == "HEAD" else reply.body
        self._transport.write("".join(lines).encode("latin-1") + body)

    def _sent(self) -> None:
        """The answer has left: wait for the next request, or for the end."""
        self._head = self._admitted = self._chunks = self._job = None
        self._account()
        if self._last:
            self._say_goodbye()
        elif self._house.closing:
            self._close()
        elif self._received:
            # Another request came along with the last one. Other connections have their turn first.
            self._pause(True)
            self._move(Phase.HEADER)
            self._house.loop.call_soon(self._advance)
        else:
            self._move(Phase.IDLE)
            self._acknowledge()
            self._pause(False)

    def _say_goodbye(self) -> None:
        """End the connection so that the client can read the last answer.

        Closing a socket that holds unread octets resets the connection, and the client may lose what it has not read.
        So we end our half only, and drop what comes until the client ends its half, or a short deadline. TLS has no
        half, so there it is done only where octets are known to be unread.
        """
        half = self._transport.can_write_eof()
        if self._ended or not (half or self._unread):
            self._close()
            return
        self._received.clear()
        self._account()
        self._move(Phase.LINGER)
        if half:
            self._transport.write_eof()
        self._pause(False)

    def _close(self) -> None:
        self._received.clear()
        self._account()
        self._move(Phase.CLOSING)
        self._transport.close()
