"""Decisions before a body is read, and answers: without a socket."""

from __future__ import annotations

import logging

import pytest

from cmpcodec.http.gateway import MAX_BODY, Admitted, Gateway, Reply
from cmpcodec.http.paths import Kind
from tests.http.support import PATH, FakeResponder

MEDIA = (b"Content-Type", b"application/pkixcmp")


def decide(
    *fields: tuple[bytes, bytes], method: str = "POST", path: str = PATH, **settings: object
) -> Admitted | Reply:
    return Gateway(FakeResponder(), **settings).admit(method, path.encode(), fields)  # type: ignore[arg-type]


def refused(decision: Admitted | Reply) -> tuple[int, dict[str, str]]:
    assert isinstance(decision, Reply)
    assert dict(decision.headers)["Content-Length"] == str(len(decision.body))
    return decision.status, dict(decision.headers)


def test_admits() -> None:
    decision = decide(MEDIA, (b"content-length", b"10"))
    assert isinstance(decision, Admitted)
    assert (decision.place.kind, decision.profile, decision.length, decision.max_body) == (
        Kind.CMP,
        "device",
        10,
        MAX_BODY,
    )
    assert decision.blocking


@pytest.mark.parametrize("value", [b"application/pkixcmp", b"Application/PKIXCMP", b" application/pkixcmp ; x=y"])
def test_media_types(value: bytes) -> None:
    assert isinstance(decide((b"CONTENT-TYPE", value)), Admitted)


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ((b"content-type", b""),),
        ((b"content-type", b"application/pkixcmp-poll"),),
        ((b"content-type", b"application/x-www-form-urlencoded"),),
        ((b"content-type", b"text/plain; application/pkixcmp"),),
        (MEDIA, (b"content-encoding", b"gzip")),
    ],
)
def test_unsupported_media(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    assert refused(decide(*fields))[0] == 415


def test_identity_is_no_encoding() -> None:
    assert isinstance(decide(MEDIA, (b"content-encoding", b"identity")), Admitted)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "DELETE", "post", "BREW"])
def test_methods_of_cmp(method: str) -> None:
    status, fields = refused(decide(MEDIA, method=method))
    assert (status, fields["Allow"]) == (405, "POST")


@pytest.mark.parametrize("path", [PATH + "/crl", "/healthz"])
def test_methods_of_the_rest(path: str) -> None:
    status, fields = refused(decide(MEDIA, path=path))
    assert (status, fields["Allow"]) == (405, "GET, HEAD")
    for method in ("GET", "HEAD"):
        assert isinstance(decide(path=path, method=method), Admitted)


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/.well-known/cmp/p/unknown", "/.well-known/cmp/p/unknown/crl", "/.well-known/cmp", "/metrics"],
)
def test_not_found(path: str) -> None:
    """Two profiles and none by default: the short paths lead nowhere."""
    for method in ("POST", "GET", "BREW"):
        assert refused(decide(MEDIA, path=path, method=method))[0] == 404


def test_bad_target() -> None:
    assert refused(decide(MEDIA, path="/%00"))[0] == 400


def test_default_profile() -> None:
    decision = decide(MEDIA, path="/.well-known/cmp/revocation", default_profile="other")
    assert isinstance(decision, Admitted)
    assert (decision.profile, decision.place.operation) == ("other", "revocation")
    alone = Gateway(FakeResponder(profiles={"only": None})).admit("POST", b"/.well-known/cmp", [MEDIA])
    assert isinstance(alone, Admitted)
    assert alone.profile == "only"


@pytest.mark.parametrize("settings", [{"default_profile": "none"}, {"aliases": {"/x": "none"}}])
def test_profiles_that_are_not_there(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="there is no profile 'none': there are device, other"):
        decide(**settings)


def test_content_length() -> None:
    assert isinstance(decide(MEDIA, (b"content-length", str(MAX_BODY).encode())), Admitted)
    assert isinstance(decide(MEDIA, (b"content-length", b"0")), Admitted)
    for length in (str(MAX_BODY + 1), "9" * 18, "9" * 5000):
        assert refused(decide(MEDIA, (b"content-length", length.encode())))[0] == 413
    for length in ("", "-1", "+1", "1.0", "0x10", "1 1", "1,1", "²", "1\x00"):
        assert refused(decide(MEDIA, (b"content-length", length.encode("latin-1"))))[0] == 400


@pytest.mark.parametrize("name", [b"content-type", b"content-length", b"content-encoding"])
def test_twice(name: bytes) -> None:
    assert refused(decide((name, b"1"), (name.upper(), b"1")))[0] == 400


def test_answer() -> None:
    responder = FakeResponder()
    gateway = Gateway(responder)
    decision = gateway.admit("POST", PATH.encode(), [MEDIA])
    assert isinstance(decision, Admitted)
    reply = gateway.answer(decision, b"abc")
    assert reply == Reply(200, (("Content-Type", "application/pkixcmp"), ("Content-Length", "3")), b"cba")
    assert responder.seen == [(b"abc", "device")]


def test_crl_and_health() -> None:
    problem: list[str | None] = [None]
    gateway = Gateway(FakeResponder(), health=lambda: problem[0])
    crl = gateway.admit("GET", (PATH + "/crl").encode(), [])
    assert isinstance(crl, Admitted)
    assert crl.blocking
    assert gateway.answer(crl) == Reply(
        200, (("Content-Type", "application/pkix-crl"), ("Content-Length", "7")), b"the CRL"
    )
    health = gateway.admit("GET", b"/healthz", [])
    assert isinstance(health, Admitted)
    assert not health.blocking
    assert (gateway.answer(health).status, gateway.answer(health).body) == (200, b"ok\n")
    problem[0] = "the disk is full"
    assert (gateway.answer(health).status, gateway.answer(health).body) == (503, b"the disk is full\n")


def test_a_bug_is_500_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def fail(request: bytes) -> None:
        raise ZeroDivisionError("no secret text")

    gateway = Gateway(FakeResponder(during=fail))
    decision = gateway.admit("POST", PATH.encode(), [MEDIA])
    assert isinstance(decision, Admitted)
    with caplog.at_level(logging.ERROR, "cmpcodec"):
        reply = gateway.answer(decision, b"abc")
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert "ZeroDivisionError" in caplog.text


def test_overloaded() -> None:
    reply = Gateway(FakeResponder(), retry_after=7).overloaded()
    assert (reply.status, dict(reply.headers)["Retry-After"]) == (503, "7")
