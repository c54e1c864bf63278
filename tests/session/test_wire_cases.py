"""What goes wrong over plain HTTP: refusals of the carrier, transactions in disorder, messages that come again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec.messages import cert_hash
from cmpcodec.pkix import Certificate, Name
from tests.openssl import needs_openssl
from tests.server.support import KEYS, Device, cert_request, certificates, pkcs10, rejected, responses, rev_details

from .cases import CONFIGURATION, revoked
from .support import Served, Wire

pytestmark = needs_openssl  # for the keys of the server

# --- HTTP's refusals ---

POST = "/api/v1/protocols/cmp/raProfile/czertainly"


@pytest.mark.parametrize(
    ("method", "path", "size", "media", "status"),
    [
        ("POST", "/api/v1/protocols/cmp/raProfile/nobody", 100, "application/pkixcmp", 404),
        ("POST", "/api/v1/protocols/cmp/nobody", 100, "application/pkixcmp", 404),
        ("POST", "/.well-known/cmp/p/nobody", 100, "application/pkixcmp", 404),
        ("POST", "/nowhere", 100, "application/pkixcmp", 404),
        ("POST", POST, 262144, "application/pkixcmp", 200),
        ("POST", POST, 262145, "application/pkixcmp", 413),
        ("POST", POST, 1 << 24, "application/pkixcmp", 413),
        ("POST", POST, 100, "application/octet-stream", 415),
        ("POST", POST, 100, "application/pkixcmp-poll", 415),
        ("POST", POST, 100, "", 415),
        ("GET", POST, 0, "application/pkixcmp", 405),
        ("PUT", POST, 100, "application/pkixcmp", 405),
        ("DELETE", POST, 0, "application/pkixcmp", 405),
    ],
)
def test_http_refusals(server: Served, method: str, path: str, size: int, media: str, status: int) -> None:
    body = b"0" * size if size else None
    got, headers, answer = server.request(method, path, body, **({"Content_Type": media} if media else {}))
    assert got == status
    if status == 405:
        assert "POST" in headers["allow"]
    if status == 200:
        assert cmp.decode(answer).body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.BAD_DATA_FORMAT
    else:
        assert headers["content-type"].startswith("text/plain")
        assert b"\n" in answer


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\0", b"\x30", b"\x30\x80\0\0", b"GET / HTTP/1.0\r\n\r\n", os.urandom(1000), b"\x30\x84\xff\xff\xff\xff", b"\x30\x00"],
    ids=["nothing", "NUL", "one octet", "indefinite", "HTTP", "random", "long", "empty SEQUENCE"],
)  # fmt: skip
def test_garbage(server: Served, garbage: bytes) -> None:
    answer = cmp.decode(server.post(garbage))
    assert answer.protection is None
    assert answer.body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.BAD_DATA_FORMAT
    assert answer.header.recipient.directory_name == Name([])


# --- Transactions ---


def status_of(server: Served, certificate: Certificate) -> str:
    """Whether the certificate is in the CRL; certificates that wait for confirmation are not yet."""
    return "revoked" if certificate.load().serial_number in revoked(server) else "good"


def test_transaction_id_in_use(server: Served, wire: Wire) -> None:
    """Another request of the same transactionID is refused; the transaction goes on as if nothing had come."""
    device = wire.device()
    certificate = device.enroll()
    other = wire.device()
    other.transaction_id = device.transaction_id
    for body in ({"ir": [cert_request(subject="other")]}, {"p10cr": pkcs10()}, {"cr": [cert_request()]}):
        assert other.refused(body) == "TRANSACTION_ID_IN_USE"
    assert other.refused({"rr": [rev_details(Name.decode(certificate.load().issuer.public_bytes()), 1)]}) == (
        "TRANSACTION_ID_IN_USE"
    )
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert other.refused({"ir": [cert_request(subject="other")]}) == "TRANSACTION_ID_IN_USE"
    assert status_of(server, certificate) == "good"


def test_a_stranger_in_the_middle(server: Served, wire: Wire) -> None:
    """Messages of the right transactionID from somebody without the secret change nothing, an error least of all."""
    device = wire.device()
    certificate = device.enroll()
    stranger = wire.device(b"guess")
    stranger.transaction_id, stranger.server_nonce = device.transaction_id, device.server_nonce
    failed = {"pki_status_info": {"status": cmp.PKIStatus.REJECTION}}
    for body in (
        {"error": failed},
        {"cert_conf": [{"cert_hash": b"wrong", "cert_req_id": 0}]},
        {"cert_conf": []},
        {"poll_req": [{"cert_req_id": 0}]},
    ):
        for credential in (stranger.credential, None):
            wire.post(stranger.message(body, credential=credential))
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert status_of(server, certificate) == "good"


def test_replayed_nonce(server: Served, wire: Wire) -> None:
    """A certConf has to bring back the senderNonce of the answer that it follows, not an older one."""
    device = wire.device()
    certificate = device.enroll()
    fresh = device.server_nonce
    for nonce in (None, os.urandom(16), wire.device().enroll() and os.urandom(16)):
        device.server_nonce = nonce
        assert "BAD_RECIPIENT_NONCE" in device.refused(
            {"cert_conf": [{"cert_hash": cert_hash(certificate), "cert_req_id": 0}]}
        )
    device.server_nonce = fresh
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert status_of(server, certificate) == "good"


def test_nonce_of_another_transaction(server: Served, wire: Wire) -> None:
    first, second = wire.device(), wire.device()
    one, _ = first.enroll(), second.enroll()
    first.server_nonce, right = second.server_nonce, first.server_nonce
    assert first.refused({"cert_conf": [{"cert_hash": cert_hash(one), "cert_req_id": 0}]}) == "BAD_RECIPIENT_NONCE"
    first.server_nonce = right
    assert first.confirm((0, one)).body.name == "pkiconf"


@pytest.mark.parametrize("wrong", ["random", "of another certificate", "empty", "cut"])
def test_wrong_cert_hash(server: Served, wire: Wire, wrong: str) -> None:
    device = wire.device()
    certificate = device.enroll()
    right = cert_hash(certificate)
    value = {
        "random": os.urandom(32),
        "of another certificate": cert_hash(wire.device().enroll()),
        "empty": b"",
        "cut": right[:-1],
    }[wrong]
    assert device.refused({"cert_conf": [{"cert_hash": value, "cert_req_id": 0}]}) == "BAD_CERT_ID"
    assert status_of(server, certificate) == "revoked"
    device.server_nonce = cmp.decode(device.answer.der).header.sender_nonce
    assert device.refused({"cert_conf": [{"cert_hash": right, "cert_req_id": 0}]}) == "CERT_CONFIRMED"
    assert status_of(server, certificate) == "revoked"


def test_wrong_proof_of_possession(wire: Wire) -> None:
    answer = wire.device().send({"ir": [cert_request(0, prover=KEYS[1])]})
    assert rejected(answer) == "BAD_POP"


def test_several_requests_in_one_message(server: Served, wire: Wire) -> None:
    device = wire.device()
    answer = device.send({"ir": [cert_request(number, f"device-{number}") for number in range(4)]})
    assert [response.cert_req_id for response in responses(answer)] == [0, 1, 2, 3]
    made = certificates(answer)
    device.confirm(*enumerate(made[:3]))
    assert [status_of(server, one) for one in made] == ["good"] * 3 + ["revoked"]


# --- Retransmission ---


def all_kinds(device: Callable[[], Device]) -> list[tuple[bytes, bytes]]:
    """Messages of every kind, each with its answer."""
    exchanged: list[tuple[bytes, bytes]] = []

    def took(one: Device) -> None:
        assert one.answer is not None
        exchanged.append((one.last, one.answer.der))

    def finish(one: Device, certificate: Certificate, number: int = 0) -> None:
        took(one)
        assert one.confirm((number, certificate)).body.name == "pkiconf"
        took(one)

    for kind in ("ir", "cr"):
        one = device()
        finish(one, certificate := one.enroll(kind=kind))
    one = device()
    finish(one, certificates(one.send({"p10cr": pkcs10()}))[0], -1)
    issuer = Name.decode(certificate.load().issuer.public_bytes())
    one = device()
    finish(one, one.enroll(cert_request(old=(issuer, certificate.load().serial_number), subject=None), kind="kur"))
    one = device()
    one.enroll(implicit=True)
    took(one)
    one = device()
    one.send({"rr": [rev_details(issuer, certificate.load().serial_number, 1)]})
    took(one)
    one = device()
    one.enroll()
    took(one)
    assert one.send({"error": {"pki_status_info": {"status": cmp.PKIStatus.REJECTION}}}).body.name == "pkiconf"
    took(one)
    one = device()
    one.enroll()
    took(one)
    one.refused({"cert_conf": [{"cert_hash": b"wrong", "cert_req_id": 0}]})
    took(one)
    return exchanged


def polled(device: Device) -> list[tuple[bytes, bytes]]:
    """ir, ip (waiting), pollReq, pollRep."""
    exchanged = []
    for body in ({"ir": [cert_request()]}, {"poll_req": [{"cert_req_id": 0}]}):
        device.send(body)
        exchanged.append((device.last, device.answer.der))
    return exchanged


def test_every_message_again(tmp_path: Path) -> None:
    """The same octets get the same octets: at once, later, and from a server that was started again."""
    (tmp_path / "cmpcodec.toml").write_text(CONFIGURATION)
    arguments = ("--config", "cmpcodec.toml")
    with Served(tmp_path, arguments) as server, Wire(server.port) as wire, Wire(server.port, "slow") as slow:
        exchanged = all_kinds(wire.device)
        waiting = polled(slow.device(b"secretOf-slow"))
        for request, answer in reversed(exchanged):
            assert wire.post(request) == answer
        for request, answer in waiting:
            assert slow.post(request) == answer
        listed = set(revoked(server))
    assert len(exchanged) == 14
    with Served(tmp_path, arguments) as server, Wire(server.port) as wire, Wire(server.port, "slow") as slow:
        for request, answer in exchanged:
            assert wire.post(request) == answer
        for request, answer in waiting:
            assert slow.post(request) == answer
        assert set(revoked(server)) == listed
        assert server.log().count("repeated=true") == 2 * (len(exchanged) + len(waiting))


def test_one_octet_more_is_another_message(wire: Wire) -> None:
    """A retransmission is the same octets: extraCerts, which no MAC protects, make another message of it."""
    device = wire.device()
    device.enroll()
    message: Any = cmp.decode(device.last)
    changed = message.replace(extra_certs=cmp.ExtraCerts([cmp.CMPCertificate(b"\x30\x00")]))
    answer = cmp.decode(wire.post(changed.der))
    assert answer.body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.TRANSACTION_ID_IN_USE
