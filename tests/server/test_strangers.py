"""Messages of those who cannot be authenticated: what they get, what they learn, and that nothing changes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.crmf import PBMParameter
from cmpcodec.messages import cert_hash
from cmpcodec.pkix import AlgorithmIdentifier
from cmpcodec.protection import pbm
from cmpcodec.server import Answer
from tests.server.support import OTHER, SECRET, Device, Server, cert_request

IR = {"ir": [cert_request()]}
ERROR = {"error": {"pki_status_info": {"status": 2}}}


class Derivations:
    """Counts the hashes of PasswordBasedMacs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.iterations: list[int] = []
        original = pbm.pbm_key

        def counting(secret: bytes, salt: bytes, owf: str, iterations: int) -> bytes:
            self.iterations.append(iterations)
            return original(secret, salt, owf, iterations)

        monkeypatch.setattr(pbm, "pbm_key", counting)

    def since(self) -> list[int]:
        done, self.iterations = self.iterations, []
        return done


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> Derivations:
    return Derivations(monkeypatch)


def said(answer: Answer) -> tuple[Any, ...]:
    """All of an answer that may not differ; MAC, times and nonces may."""
    message = cmp.decode(answer.der)
    header = message.header.replace(sender_nonce=None, recip_nonce=None, transaction_id=None, sender_kid=None)
    return (
        header.der,
        message.body.der,
        len(message.protection.data) if message.protection else None,
        message.extra_certs,
    )


@contextmanager
def untouched(server: Server) -> Iterator[None]:
    """The store is not even asked."""
    store = server.responder._store
    server.responder._store = None  # type: ignore[assignment]
    try:
        yield
    finally:
        server.responder._store = store


@pytest.mark.parametrize("unprotected", [False, True])
def test_an_unknown_requester_and_a_wrong_secret_look_alike(
    server: Server, unprotected: bool, derivations: Derivations
) -> None:
    server.restart(unprotected_errors=unprotected)
    wrong, unknown = Device(server, b"guess"), Device(server, b"guess", b"nobody")
    anonymous = Device(server, b"guess", None)
    answers, costs = [], []
    for device in (wrong, unknown, anonymous, wrong, unknown):
        request = device.message(IR)
        derivations.since()
        with untouched(server):
            answers.append(server.respond(request))
        costs.append(derivations.since())
    assert len({said(answer) for answer in answers}) == 1
    if unprotected:
        assert all(cost == [100] for cost in costs)
    else:
        assert costs == [[100, 1000], [100], [100], [100], [100]]  # the key of answers is derived once, for all
    for answer in answers:
        assert (answer.requester, answer.body) == (None, "error")
        assert answer.fail_info == cmp.PKIFailureInfo.BAD_MESSAGE_CHECK
        message = cmp.decode(answer.der)
        assert message.body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.BAD_MESSAGE_CHECK
        assert (message.protection is None) is unprotected
        if not unprotected:
            for secret in (SECRET, OTHER, b"for all", b"guess", b""):
                with pytest.raises(cmp.InvalidProtection):
                    cmp.verify(message, cmp.PasswordBasedMAC(secret))
    assert [bool(answer.detail) for answer in answers] == [False, True, False, False, True]  # for the operator alone


def test_a_recorded_salt_costs_what_any_salt_costs(server: Server, derivations: Derivations) -> None:
    """The key of a verified message is kept, but whether it is must not show in the time of a refusal."""
    device = Device(server)
    recorded = cmp.decode(device.message(IR))
    server.respond(recorded.der)
    costs = []
    for kid in (b"device", b"nobody"):
        forged = recorded.replace(header=recorded.header.replace(sender_kid=kid, transaction_id=os.urandom(16)))
        server.respond(forged.der)  # the key of answers is derived once, for all
        derivations.since()
        answer = server.respond(forged.der)
        assert answer.fail_info == cmp.PKIFailureInfo.BAD_MESSAGE_CHECK
        costs.append((derivations.since(), answer.vain_hashes))
    assert costs == [([100], 100)] * 2


def test_a_wrong_secret_that_was_right_for_another(server: Server) -> None:
    request = Device(server, OTHER, b"device").message(IR)
    with untouched(server):
        assert server.respond(request).fail_info == cmp.PKIFailureInfo.BAD_MESSAGE_CHECK


def test_an_altered_message(device: Device, server: Server) -> None:
    message = cmp.decode(device.message(IR))
    altered = message.replace(header=message.header.replace(transaction_id=os.urandom(16)))
    with untouched(server):
        assert server.respond(altered.der).fail_info == cmp.PKIFailureInfo.BAD_MESSAGE_CHECK


BODIES = {
    "ir": IR,
    "cr": {"cr": [cert_request()]},
    "kur": {"kur": [cert_request()]},
    "rr": {"rr": []},
    "cert_conf": {"cert_conf": []},
    "poll_req": {"poll_req": [{"cert_req_id": 0}]},
    "error": ERROR,
    "pkiconf": {"pkiconf": cmp.PKIConfirmContent()},
    "genm": {"genm": []},
    "ip": {"ip": {"response": []}},
    "poll_rep": {"poll_rep": []},
}


@pytest.mark.parametrize("unprotected", [False, True])
@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize(
    "how", ["bare", "wrong MAC", "protection without protectionAlg", "protectionAlg without protection"]
)
def test_no_message_is_served_unauthenticated(server: Server, kind: str, how: str, unprotected: bool) -> None:
    server.restart(unprotected_errors=unprotected)
    device = Device(server, b"guess")
    message = cmp.decode(device.message(BODIES[kind], credential=None if how == "bare" else "own"))
    if how.startswith("protection "):
        message = message.replace(header=message.header.replace(protection_alg=None))
    elif how.startswith("protectionAlg"):
        message = message.replace(protection=None)
    with untouched(server):
        answer = server.respond(message.der)
    received = cmp.decode(answer.der)
    # An error is never answered by something that wants an answer again.
    assert received.body.name == answer.body == ("pkiconf" if kind == "error" else "error")
    assert (received.protection is not None) is (how == "wrong MAC" and not unprotected)
    assert received.header.transaction_id == device.transaction_id
    assert received.header.recip_nonce == message.header.sender_nonce
    if kind != "error":
        assert received.body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.BAD_MESSAGE_CHECK


def parameter(**changes: Any) -> PBMParameter:
    plain = {
        "salt": bytes(16),
        "owf": AlgorithmIdentifier(algorithm=oids.SHA256),
        "iteration_count": 500,
        "mac": AlgorithmIdentifier(algorithm=oids.HMAC_SHA1_IPSEC),
    }
    return PBMParameter.from_plain(plain | changes)


@pytest.mark.parametrize("kid", [b"device", b"nobody", None])
@pytest.mark.parametrize(
    "algorithm",
    [
        AlgorithmIdentifier(algorithm=oids.ID_PASSWORD_BASED_MAC, parameters=parameter(iteration_count=100_001)),
        AlgorithmIdentifier(algorithm=oids.ID_PASSWORD_BASED_MAC, parameters=parameter(iteration_count=-1)),
        AlgorithmIdentifier(algorithm=oids.ID_PASSWORD_BASED_MAC, parameters=parameter(salt=bytes(1000))),
        AlgorithmIdentifier(
            algorithm=oids.ID_PASSWORD_BASED_MAC, parameters=parameter(owf=AlgorithmIdentifier(algorithm=oids.SHA1))
        ),
        AlgorithmIdentifier(algorithm=oids.ID_PASSWORD_BASED_MAC, parameters=cmp.TLV(b"\x05\x00")),
        AlgorithmIdentifier(algorithm=oids.ID_PASSWORD_BASED_MAC),
        AlgorithmIdentifier(algorithm=oids.ECDSA_WITH_SHA256),
        AlgorithmIdentifier(algorithm="1.2.3.4", parameters=cmp.TLV(b"\x0c\x02hi")),
    ],
)
def test_algorithms_that_are_refused(
    server: Server, algorithm: AlgorithmIdentifier, kid: bytes | None, derivations: Derivations
) -> None:
    server.restart(unprotected_errors=True)
    bare = cmp.decode(Device(server, kid=kid).message(IR, credential=None))
    header = bare.header.replace(protection_alg=algorithm)
    message = cmp.PKIMessage(header=header, body=bare.body, protection=cmp.BitString(bytes(20)))
    with untouched(server):
        answer = server.respond(message.der)
    assert answer.fail_info == cmp.PKIFailureInfo.BAD_ALG
    assert derivations.since() == []
    server.restart(unprotected_errors=False)
    with untouched(server):
        protected = cmp.decode(server.respond(message.der).der)
    pbm_like = algorithm.algorithm == oids.ID_PASSWORD_BASED_MAC
    assert (protected.protection is not None) is pbm_like
    assert protected.body == cmp.decode(answer.der).body


def test_a_version_that_is_not_spoken(server: Server) -> None:
    """Somebody of a later version may protect messages as we cannot: it learns the version, not that the MAC is wrong."""
    server.restart(unprotected_errors=True)
    request = Device(server, b"guess").message(IR, pvno=4)
    with untouched(server):
        answer = server.respond(request)
    assert answer.fail_info == cmp.PKIFailureInfo.UNSUPPORTED_VERSION
    assert cmp.decode(answer.der).header.pvno == 3


def test_strangers_change_no_transaction(device: Device, server: Server) -> None:
    """An answered transaction, and everything that a stranger who has seen it can send with its transactionID."""
    certificate = device.enroll()
    serial = certificate.load().serial_number
    status = {"cert_hash": cert_hash(certificate), "cert_req_id": 0}
    for secret, kid in [(b"guess", b"device"), (b"guess", b"nobody"), (b"guess", None), (b"", b"device")]:
        stranger = Device(server, secret, kid, device.transaction_id, device.server_nonce)
        for content in ({"cert_conf": [status]}, {"cert_conf": []}, ERROR, IR, {"poll_req": [{"cert_req_id": 0}]}):
            for credential in ("own", None):
                with untouched(server):
                    server.respond(stranger.message(content, credential=credential))
                assert server.status(serial) == "unconfirmed"
    assert device.confirm((0, certificate)).body.name == "pkiconf"


# --- What is no message ---


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"\x30", b"\x30\x00", b"\x30\x84\xff\xff\xff\xff", b"hello", bytes(300_000), b"\x30\x80" * 50_000],
    ids=["empty", "NUL", "a tag", "SEQUENCE of nothing", "4 GB announced", "text", "300 kB", "indefinite and deep"],
)
def test_rubbish(server: Server, data: bytes) -> None:
    with untouched(server):
        answer = server.respond(data)
    message = cmp.decode(answer.der)
    assert message.protection is None
    assert message.body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.BAD_DATA_FORMAT
    assert message.body.error.pki_status_info.status == cmp.PKIStatus.REJECTION
    assert (answer.request, answer.fail_info) == ("unreadable", cmp.PKIFailureInfo.BAD_DATA_FORMAT)
    header = message.header
    assert (header.pvno, header.transaction_id, header.recip_nonce) == (2, None, None)
    assert header.sender.directory_name == server.issuer


def test_every_truncation(device: Device, server: Server) -> None:
    data = device.message(IR)
    with untouched(server):
        for length in range(0, len(data), 7):
            assert server.respond(data[:length]).fail_info == cmp.PKIFailureInfo.BAD_DATA_FORMAT
        assert server.respond(data + b"\0").fail_info == cmp.PKIFailureInfo.BAD_DATA_FORMAT


def test_the_limits_of_the_profile(device: Device, server: Server) -> None:
    data = device.message(IR)
    server.restart(limits=cmp.Limits(max_size=len(data) - 1))
    with untouched(server):
        assert server.respond(data).fail_info == cmp.PKIFailureInfo.BAD_DATA_FORMAT
    server.restart(limits=cmp.Limits(max_size=len(data)))
    assert server.respond(data).body == "ip"


def test_why_a_long_message_is_unreadable_is_not_looked_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cmp.DecodeError, "__str__", lambda self: pytest.fail("explained"))
    assert server.respond(bytes(8193)).fail_info == cmp.PKIFailureInfo.BAD_DATA_FORMAT


def test_bytes_like(device: Device, server: Server) -> None:
    data = device.message(IR)
    assert server.respond(memoryview(data)).body == "ip"  # type: ignore[arg-type]
    assert server.respond(bytearray(data)).repeated


def test_the_text_says_what_is_wrong(server: Server) -> None:
    answer = server.respond(b"\x30\x03\x02\x01\x02")
    text = cmp.decode(answer.der).body.error.pki_status_info.status_string[0]
    assert text == answer.text
    assert "header" in text
