"""The ASGI application: message by message, and in uvicorn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import MutableMapping
from typing import Any

import pytest

from cmpcodec.http.asgi import ASGIApp
from cmpcodec.http.gateway import Gateway
from cmpcodec.http.limits import ServerLimits
from tests.http.support import PATH, PATIENCE, FakeResponder
from tests.http.test_wsgi import command, converse

FIELDS = [(b"content-type", b"application/pkixcmp")]


def application(responder: FakeResponder | None = None, **limits: Any) -> ASGIApp:
    return ASGIApp(Gateway(responder or FakeResponder(), max_body=1000), ServerLimits(**limits))


def body(*parts: bytes) -> list[MutableMapping[str, Any]]:
    """Messages of a body in parts."""
    return [
        {"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)
    ]


async def talk(
    app: ASGIApp, messages: list[MutableMapping[str, Any]], path: str = PATH, method: str = "POST", **scope: Any
) -> tuple[int, dict[bytes, bytes], bytes] | None:
    """One request; when the messages are used up, nothing more comes. None: the application said nothing."""
    waiting = list(messages)
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    full = {
        "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": FIELDS, "client": ("192.0.2.1", 1234), "root_path": "", **scope,
    }  # fmt: skip
    await app({key: value for key, value in full.items() if value is not None}, receive, send)
    if not sent:
        return None
    start, content = sent
    assert (start["type"], content["type"]) == ("http.response.start", "http.response.body")
    assert all(name == name.lower() for name, _ in start["headers"])
    return start["status"], dict(start["headers"]), content["body"]


def ask(app: ASGIApp, *args: Any, **kwargs: Any) -> tuple[int, dict[bytes, bytes], bytes] | None:
    try:
        return asyncio.run(asyncio.wait_for(talk(app, *args, **kwargs), PATIENCE))
    finally:
        app.close()


def status(*args: Any, app: ASGIApp | None = None, **kwargs: Any) -> int | None:
    found = ask(app or application(), *args, **kwargs)
    return None if found is None else found[0]


def test_post() -> None:
    assert ask(application(), body(b"ab", b"", b"cd")) == (
        200,
        {b"content-type": b"application/pkixcmp", b"content-length": b"4"},
        b"dcba",
    )
    assert status(body(b"abc"), headers=[*FIELDS, (b"content-length", b"3")]) == 200


def test_refused_before_the_body() -> None:
    """No message is received: there are none."""
    assert status([], headers=[]) == 415
    assert status([], headers=[*FIELDS, (b"content-length", b"1001")]) == 413
    assert status([], method="GET") == 405
    assert status([], path="/nowhere") == 404
    assert status([], query_string=b"x") == 404
    assert status([], raw_path=b"/%00") == 400


def test_bounded() -> None:
    assert status(body(b"x" * 600, b"x" * 400)) == 200
    assert status(body(b"x" * 600, b"x" * 401)) == 413
    endless = [{"type": "http.request", "body": b"x" * 600, "more_body": True}] * 2
    assert status(endless) == 413
    assert status(body(b"abc"), headers=[*FIELDS, (b"content-length", b"4")]) == 400


def test_deadline() -> None:
    found = ask(application(body=0.05), body(b"ab", b"cd")[:1])
    assert found is not None
    assert (found[0], found[1][b"connection"]) == (408, b"close")


def test_disconnect() -> None:
    responder = FakeResponder()
    assert status([*body(b"ab", b"cd")[:1], {"type": "http.disconnect"}], app=application(responder)) is None
    assert responder.seen == []


def test_get_and_head() -> None:
    found = ask(application(), [], path=PATH + "/crl", method="GET")
    assert found is not None
    assert found[2] == b"the CRL"
    found = ask(application(), [], path="/healthz", method="HEAD")
    assert found is not None
    assert (found[1][b"content-length"], found[2]) == (b"3", b"")


def test_mounted_and_without_raw_path() -> None:
    assert status(body(b"x"), path="/pki" + PATH, root_path="/pki") == 200
    assert status(body(b"x"), path="/pkix" + PATH, root_path="/pki") == 404
    assert status(body(b"x"), raw_path=None) == 200
    responder = FakeResponder(profiles={"Gerät": None})
    assert (
        status(body(b"x"), path="/.well-known/cmp/p/Gerät", raw_path=None, app=application(responder), client=None)
        == 200
    )


def test_slow_answers_leave_the_loop_alone_and_are_bounded() -> None:
    entered, go = threading.Barrier(2), threading.Event()

    def during(request: bytes) -> None:
        if request == b"slow":
            entered.wait(PATIENCE)
            assert go.wait(PATIENCE)

    async def scenario() -> None:
        slow = asyncio.create_task(talk(app, body(b"slow")))
        await asyncio.to_thread(entered.wait, PATIENCE)
        waits = asyncio.create_task(talk(app, body(b"waits")))
        await asyncio.sleep(0)  # lets it take its place
        await asyncio.sleep(0)
        refused = await talk(app, body(b"too many"))
        assert refused is not None
        assert (refused[0], refused[1][b"retry-after"]) == (503, b"5")
        health = await talk(app, [], path="/healthz", method="GET")
        assert health is not None
        assert health[0] == 200
        go.set()
        for task, expected in ((slow, b"wols"), (waits, b"stiaw")):
            found = await task
            assert found is not None
            assert found[2] == expected

    app = application(FakeResponder(during=during), threads=1, waiting=1)
    try:
        asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
    finally:
        go.set()
        app.close()


def test_lifespan() -> None:
    responder = FakeResponder()
    swept = threading.Event()
    responder_sweep = responder.sweep

    def sweep() -> int:
        swept.set()
        return responder_sweep()

    responder.sweep = sweep  # type: ignore[method-assign]
    app = application(responder)
    sent: list[str] = []

    async def scenario() -> None:
        messages: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message["type"])

        task = asyncio.create_task(app({"type": "lifespan"}, messages.get, send))
        await messages.put({"type": "lifespan.startup"})
        assert await asyncio.to_thread(swept.wait, PATIENCE)
        found = await talk(app, body(b"abc"))
        assert found is not None
        await messages.put({"type": "lifespan.shutdown"})
        await task

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert not any(thread.name.startswith("cmp") for thread in threading.enumerate())


def test_other_protocols() -> None:
    async def never() -> MutableMapping[str, Any]:
        raise AssertionError

    with pytest.raises(ValueError, match="only HTTP is served, not websocket"):
        asyncio.run(application()({"type": "websocket"}, never, never))  # type: ignore[arg-type]


def test_in_uvicorn() -> None:
    pytest.importorskip("uvicorn")
    with command(
        "uvicorn", "--factory", "tests.http.programs:asgi", "--port", "{port}", "--log-level", "critical"
    ) as port:
        converse(port)
