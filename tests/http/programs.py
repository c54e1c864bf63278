"""The applications as server programs load them: `granian --factory tests.http.programs:wsgi`."""

from __future__ import annotations

from cmpcodec.http.asgi import ASGIApp
from cmpcodec.http.gateway import Gateway
from cmpcodec.http.wsgi import WSGIApp
from tests.http.support import FakeResponder


def wsgi() -> WSGIApp:
    return WSGIApp(Gateway(FakeResponder(), max_body=1000))


def asgi() -> ASGIApp:
    return ASGIApp(Gateway(FakeResponder(), max_body=1000))
