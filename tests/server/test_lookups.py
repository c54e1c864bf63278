"""Lookups that are called, and lookups that are awaited; what they cost, and what becomes of those that fail.

That nobody learns which senderKIDs exist is counted in hashes and MACs, not in time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec.authority import create_signer
from cmpcodec.protection import mac, pbm, pbmac1
from cmpcodec.server import Claimant, SharedSecretParty, SharedSecrets, SigningParties
from tests.protection.pki import DAY, ca, owner
from tests.server.support import CA_CERTIFICATE, CA_KEY, OTHER, SECRET, START, Device, Server, cert_request

SECRETS = SharedSecrets({b"device": SECRET, b"other": OTHER})


async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    """A `run` that goes nowhere."""
    return function(*arguments)


async def awaited(header: cmp.PKIHeader) -> Claimant | None:
    await asyncio.sleep(0)
    return SECRETS(header)


def respond(server: Server, request: bytes, run: Any = asyncio.to_thread) -> cmp.PKIMessage:
    answer = asyncio.run(server.responder.respond_async(request, "p", run=run))
    return cmp.decode(answer.der)


@pytest.mark.parametrize("lookup", [SECRETS, awaited], ids=["called", "awaited"])
@pytest.mark.parametrize("run", [asyncio.to_thread, at_once])
def test_a_lookup_may_be_awaited(server: Server, lookup: Any, run: Any) -> None:
    server.restart(lookup=lookup)
    ip = respond(server, Device(server).message({"ir": [cert_request()]}), run)
    assert ip.body.name == "ip"
    cmp.verify(ip, cmp.PasswordBasedMAC(SECRET))
    again = asyncio.run(server.responder.handle_async(Device(server).message({"ir": [cert_request()]}), run=run))
    assert cmp.decode(again).body.name == "ip"
    assert respond(server, b"garbage", run).body.name == "error"
    with pytest.raises(KeyError):
        asyncio.run(server.responder.respond_async(b"", "nothing", run=run))


def test_an_awaited_lookup_tells_whose_signatures_are_trusted(server: Server) -> None:
    root = ca("root", since=START - DAY, until=START + DAY)
    device = owner("device", root, since=START - DAY, until=START + DAY)
    own = cmp.Signature(*create_signer(CA_KEY, CA_CERTIFICATE, now=START), (CA_CERTIFICATE,))
    trusted: list[cmp.Certificate] = []

    async def whom(header: cmp.PKIHeader) -> Claimant | None:
        return SigningParties(own, cmp.TrustedSigners(trusted))(header)

    server.restart(lookup=whom)
    signature = cmp.Signature(device.key, device.certificate)
    for anchors, body in (([ca("other").certificate], "error"), ([root.certificate], "ip")):
        trusted[:] = anchors
        request = Device(server).message({"ir": [cert_request()]}, credential=signature)
        assert respond(server, request).body.name == body


def test_what_has_to_be_awaited_is_not_called(server: Server) -> None:
    """Asked without `respond_async`, the server answers systemFailure, and its log says what to do."""

    class Later:
        def __await__(self) -> Any:
            raise AssertionError("nobody awaits it")
            yield

    for lookup in (awaited, lambda header: Later()):
        server.restart(lookup=lookup)
        answer = server.respond(Device(server).message({"ir": [cert_request()]}))
        assert answer.fail_info == cmp.PKIFailureInfo.SYSTEM_FAILURE
        assert "respond_async" in answer.detail


def test_a_lookup_that_fails(server: Server) -> None:
    async def broken(header: cmp.PKIHeader) -> Claimant | None:
        raise OSError("the directory is away")

    def broken_at_once(header: cmp.PKIHeader) -> Claimant | None:
        raise OSError("the directory is away")

    for lookup in (broken, broken_at_once):
        server.restart(lookup=lookup)
        request = Device(server).message({"ir": [cert_request()]})
        answer = asyncio.run(server.responder.respond_async(request, "p", run=at_once))
        assert answer.fail_info == cmp.PKIFailureInfo.SYSTEM_FAILURE
        assert answer.detail == "OSError: the directory is away"
        assert answer.requester is None
        assert b"directory" not in answer.der


class Work:
    """Counts hashes of keys and MACs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: Counter[tuple[str, Any]] = Counter()
        self._count(monkeypatch, pbm, "pbm_key", lambda secret, salt, owf, iterations: (owf, iterations))
        self._count(monkeypatch, pbmac1, "pbkdf2_hmac", lambda prf, secret, salt, iterations, octets: (prf, iterations))
        self._count(monkeypatch, mac.Mac, "compute", lambda which, key, octets: which.name)

    def _count(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, what: Callable[..., Any]) -> None:
        real = getattr(owner, name)

        def counting(*arguments: Any) -> Any:
            self.done[name, what(*arguments)] += 1
            return real(*arguments)

        monkeypatch.setattr(owner, name, counting)


@pytest.mark.parametrize("kind", [cmp.PasswordBasedMAC, cmp.PBMAC1])
@pytest.mark.parametrize("unprotected", [False, True])
@pytest.mark.parametrize("lookup", [SECRETS, awaited], ids=["called", "awaited"])
def test_unknown_and_wrong_cost_the_same(
    server: Server, monkeypatch: pytest.MonkeyPatch, kind: Any, unprotected: bool, lookup: Any
) -> None:
    """Every hash and every MAC: of the message, and of the answer to it."""
    server.restart(lookup=lookup, unprotected_errors=unprotected)
    device = Device(server)

    def message(secret: bytes, kid: bytes) -> bytes:
        credential = kind(secret, sender_kid=kid, iterations=700)
        return device.message({"ir": [cert_request()]}, sender_kid=kid, credential=credential)

    respond(server, message(b"no", b"device"))  # what is made once and kept: the key of such answers
    respond(server, message(SECRET, b"device"))  # ... and a key of the one who is known
    cases = {
        "wrong secret": message(b"no", b"device"),
        "another's secret": message(OTHER, b"device"),
        "nobody": message(SECRET, b"nobody"),
        "nobody, in another length": message(SECRET, b"nobody" * 20),
    }
    found = {}
    for case, request in cases.items():
        work = Work(monkeypatch)
        answer = respond(server, request)
        assert answer.body.error is not None
        found[case] = (work.done, answer.body, answer.header.protection_alg)
        monkeypatch.undo()
    assert sum(found["nobody"][0].values()) == (2 if unprotected else 3), "one key; a MAC to verify, one to answer"
    assert all(one == found["wrong secret"] for one in found.values())


def test_one_lookup_per_message(server: Server) -> None:
    asked: list[bytes | None] = []

    def lookup(header: cmp.PKIHeader) -> SharedSecretParty | Awaitable[SharedSecretParty | None] | None:
        asked.append(header.sender_kid)
        return SECRETS(header)

    server.restart(lookup=lookup)
    device = Device(server)
    serial = device.whole()
    assert server.status(serial) == "valid"
    assert asked == [b"device"] * 2
