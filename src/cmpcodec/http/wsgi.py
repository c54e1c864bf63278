"""The gateway as a WSGI application (PEP 3333), for any WSGI server or framework.

It reads a body only after the gateway has admitted its request, and never more of it than the gateway allows. Deadlines
and connections are the server's business; housekeeping too: call `Responder.sweep` from time to time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes

from .gateway import Admitted, Gateway, Reply, plain

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_PATH_SAFE = "/:@!$&'()*+,;=~"


class WSGIApp:
    """`application = WSGIApp(Gateway(responder))`."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        reply = self._reply(environ)
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", list(reply.headers))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body]

    def _reply(self, environ: WSGIEnvironment) -> Reply:
        method, source = environ["REQUEST_METHOD"], environ.get("REMOTE_ADDR", "")
        target = _target(environ)
        admitted = self.gateway.admit(method, target, _fields(environ), source=source)
        if isinstance(admitted, Reply):
            return admitted
        body = self._body(environ, admitted) if admitted.max_body else b""
        if isinstance(body, Reply):
            return self.gateway.refuse(body, method=method, target=target, source=source)
        return self.gateway.answer(admitted, body, source=source)

    def _body(self, environ: WSGIEnvironment, admitted: Admitted) -> bytes | Reply:
        read = environ["wsgi.input"].read
        if admitted.length is not None:
            body = _read(read, admitted.length)
            return body if len(body) == admitted.length else plain(400, "The body is shorter than Content-Length.")
        # Without a length, only an input that the server promises to end with the body may be read to its end.
        if not environ.get("wsgi.input_terminated"):
            return plain(411, "Content-Length is missing.")
        body = _read(read, admitted.max_body + 1)
        return body if len(body) <= admitted.max_body else self.gateway.too_large()


def _read(read: Callable[[int], bytes], octets: int) -> bytes:
    """At most so many octets; fewer only if the input ends."""
    parts: list[bytes] = []
    while octets:
        part = read(octets)
        if not part:
            break
        parts.append(part)
        octets -= len(part)
    return b"".join(parts)


def _target(environ: WSGIEnvironment) -> bytes:
    """The request target, from what WSGI leaves of it: an escaped "/" cannot be told from a real one any more."""
    path = quote_from_bytes(environ.get("PATH_INFO", "").encode("latin-1"), safe=_PATH_SAFE).encode()
    query: str = environ.get("QUERY_STRING", "")
    return path + b"?" + query.encode("latin-1", "replace") if query else path


def _fields(environ: dict[str, Any]) -> Iterable[tuple[bytes, bytes]]:
    for key, name in (
        ("CONTENT_TYPE", b"content-type"),
        ("CONTENT_LENGTH", b"content-length"),
        ("HTTP_CONTENT_ENCODING", b"content-encoding"),
    ):
        value = environ.get(key, "")
        if value:
            yield name, value.encode("latin-1", "replace")
