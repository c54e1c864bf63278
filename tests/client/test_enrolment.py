"""ir, cr, kur and p10cr against a server that behaves: what comes out, what is confirmed, what is refused and how."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

import cmpcodec as cmp
from cmpcodec import errors
from cmpcodec.client import Confirmation, Settings, Wait, enroll, request_pkcs10, update_key
from cmpcodec.messages import cert_hash
from tests.client.peer import (
    CA,
    KEY,
    NOW,
    OLD,
    OTHER_KEY,
    ROOT,
    Peer,
    Reports,
    certify,
    drive,
    error_body,
    shared,
    x509_name,
)


def settings(**given: Any) -> Settings:
    return Settings(clock=lambda: NOW, **given)


def ask(body: str = "ir", **given: Any) -> Any:
    """One of the four flows, with what they all need."""
    given = {"credential": shared(), "settings": settings()} | given
    if body == "p10cr":
        return request_pkcs10(csr(), **given)
    if body == "kur":
        return update_key(OLD, **({"key": KEY} | given))
    return enroll(**({"subject": "CN=device-1", "key": KEY, "body": body} | given))


def csr() -> cmp.CertificationRequest:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509_name("device-1")).sign(KEY, hashes.SHA256())
    return cmp.CertificationRequest.decode(request.public_bytes(Encoding.DER))


every_body = pytest.mark.parametrize("body", ["ir", "cr", "kur", "p10cr"])


@every_body
def test_certificate(body: str) -> None:
    peer, reports = Peer(), Reports()
    result = drive(ask(body, settings=settings(report=reports)), peer)
    assert result.confirmation is Confirmation.CONFIRMED
    assert result.certificate.load().public_key() == KEY.public_key()
    assert result.chain == (CA,)  # the root is self-signed
    assert result.ca_pubs == (ROOT,)
    assert CA in result.extra_certs
    assert result.status_info.status is cmp.PKIStatus.ACCEPTED
    assert not result.granted_with_mods
    assert peer.kinds == [body, "cert_conf"]
    first, second = (one.header for one in peer.received)
    assert result.transaction_id == first.transaction_id == second.transaction_id
    assert len({first.transaction_id, first.sender_nonce, second.sender_nonce}) == 3
    assert {len(first.transaction_id), len(first.sender_nonce), len(second.sender_nonce)} == {16}
    assert (first.recip_nonce, second.recip_nonce) == (None, (1).to_bytes(16))
    assert first.message_time == NOW
    assert first.pvno == second.pvno == 2
    assert first.sender_kid == b"device-1"
    assert first.general_info is None
    [status] = peer.received[1].body.cert_conf
    assert status.cert_hash == cert_hash(result.certificate)
    assert status.cert_req_id == (-1 if body == "p10cr" else 0)
    assert status.status_info is None
    answer = {"ir": "IP", "cr": "CP", "p10cr": "CP", "kur": "KUP"}[body]
    assert reports.lines == [
        f"debug Starting new transaction with ID={result.transaction_id.hex(':').upper()}",
        f"info sending {body.upper()}",
        f"info received {answer}",
        "debug validating CMP message",
        "debug successfully validated PBM-based CMP message protection",
        "debug trying to build chain for newly enrolled cert",
        "debug success building approximate chain for newly enrolled cert",
        "info sending CERTCONF",
        "info received PKICONF",
        "debug validating CMP message",
        "debug successfully validated PBM-based CMP message protection",
    ]


def test_every_transaction_is_another() -> None:
    peer = Peer()
    for _ in range(20):
        drive(ask(), peer)
    assert len({one.header.transaction_id for one in peer.received}) == 20
    assert len({one.header.sender_nonce for one in peer.received}) == 40


# --- confirmation ---


@every_body
def test_implicit_confirmation(body: str) -> None:
    peer = Peer(grants=True)
    assert drive(ask(body, implicit_confirm=True), peer).confirmation is Confirmation.IMPLICIT
    assert peer.kinds == [body]
    [info] = peer.received[0].header.general_info
    assert info.info_type == cmp.oids.ID_IT_IMPLICIT_CONFIRM


def test_implicit_confirmation_that_is_not_granted() -> None:
    peer = Peer()
    assert drive(ask(implicit_confirm=True), peer).confirmation is Confirmation.CONFIRMED
    assert peer.kinds == ["ir", "cert_conf"]


def test_implicit_confirmation_that_nobody_asked_for() -> None:
    peer = Peer(grants="always")
    assert drive(ask(), peer).confirmation is Confirmation.CONFIRMED
    assert peer.kinds == ["ir", "cert_conf"]


def test_confirmation_omitted() -> None:
    peer = Peer()
    assert drive(ask(disable_confirm=True), peer).confirmation is Confirmation.OMITTED
    assert peer.kinds == ["ir"]
    with pytest.raises(cmp.CMPError, match="exclude each other"):
        ask(disable_confirm=True, implicit_confirm=True)


def test_hash_algorithm_and_version_3_where_the_signature_names_no_hash() -> None:
    peer = Peer(ca_key=ed25519.Ed25519PrivateKey.generate(), algorithm=None)
    result = drive(ask(), peer)
    [status] = peer.received[1].body.cert_conf
    assert [one.header.pvno for one in peer.received] == [2, 3]
    assert status.hash_alg.algorithm == cmp.oids.SHA512
    assert status.cert_hash == cert_hash(result.certificate, status.hash_alg)


@pytest.mark.parametrize("kind", ["pkiconf by an error", "rejected"])
def test_refused_confirmation(kind: str) -> None:
    peer = Peer()
    peer.changes = [None, peer.saying(error_body(fail_info=cmp.PKIFailureInfo.BAD_CERT_ID))]
    with pytest.raises(errors.RequestRejected) as caught:
        drive(ask(), peer)
    assert caught.value.status_info.fail_info == cmp.PKIFailureInfo.BAD_CERT_ID
    assert caught.value.authenticated


def test_certificate_for_another_key_is_rejected() -> None:
    peer, reports = Peer(certificate=certify("device-1", OTHER_KEY.public_key(), "Issuing", OTHER_KEY)), Reports()
    with pytest.raises(errors.RemoteProtocolError, match="public key in new certificate does not match"):
        drive(ask(settings=settings(report=reports)), peer)
    [status] = peer.received[1].body.cert_conf
    assert status.status_info.status is cmp.PKIStatus.REJECTION
    assert status.status_info.fail_info == cmp.PKIFailureInfo.INCORRECT_DATA
    assert status.cert_hash == cert_hash(peer.options["certificate"])
    assert "error rejecting newly enrolled cert" in reports


def test_check_may_refuse() -> None:
    peer, seen = Peer(), []

    def check(certificate: cmp.Certificate, chain: Any) -> str | None:
        seen.append((certificate, chain))
        return "not \x1b me"

    with pytest.raises(errors.RemoteProtocolError, match="not"):
        drive(ask(check=check), peer)
    [status] = peer.received[1].body.cert_conf
    assert status.status_info.status_string[0] == "not \x1b me"
    assert seen[0][1] == (CA,)


def test_check_may_fail() -> None:
    peer = Peer()

    def check(certificate: cmp.Certificate, chain: Any) -> str | None:
        raise KeyError("a mistake")

    with pytest.raises(KeyError, match="a mistake"):
        drive(ask(check=check), peer)
    assert peer.received[1].body.cert_conf[0].status_info.status is cmp.PKIStatus.REJECTION


@pytest.mark.parametrize("options", [{"implicit_confirm": True}, {"disable_confirm": True}])
def test_refused_in_silence(options: dict[str, Any]) -> None:
    """Where no certConf may be sent, none refuses either."""
    peer = Peer(grants=True, certificate=certify("device-1", OTHER_KEY.public_key(), "Issuing", OTHER_KEY))
    with pytest.raises(errors.RemoteProtocolError, match="rejected"):
        drive(ask(**options), peer)
    assert peer.kinds == ["ir"]


def test_unreadable_certificate() -> None:
    peer = Peer(certificate=cmp.CMPCertificate(b"\x30\x03\x02\x01\x07"))
    with pytest.raises(errors.RemoteProtocolError, match="cannot be read"):
        drive(ask(), peer)
    assert peer.received[1].body.error.pki_status_info.fail_info == cmp.PKIFailureInfo.BAD_DATA_FORMAT


# --- statuses ---


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (cmp.PKIStatus.GRANTED_WITH_MODS, "grantedWithMods"),
        (cmp.PKIStatus.REVOCATION_WARNING, "revocationWarning"),
        (cmp.PKIStatus.REVOCATION_NOTIFICATION, "revocationNotification"),
    ],
)
def test_certificate_with_a_warning(status: cmp.PKIStatus, said: str) -> None:
    reports = Reports()
    result = drive(ask(settings=settings(report=reports)), Peer(status=status))
    assert result.status_info.status is status
    assert result.granted_with_mods is (status is cmp.PKIStatus.GRANTED_WITH_MODS)
    assert f'warning received "{said}"' in reports


def test_key_update_warning() -> None:
    assert drive(ask("kur"), Peer(status=cmp.PKIStatus.KEY_UPDATE_WARNING)).confirmation is Confirmation.CONFIRMED
    peer = Peer(status=cmp.PKIStatus.KEY_UPDATE_WARNING)
    with pytest.raises(errors.RemoteProtocolError, match="KEY_UPDATE_WARNING"):
        drive(ask("ir"), peer)
    assert peer.kinds == ["ir", "error"]


@pytest.mark.parametrize("status", [7, -1, 2**70, 2**16000, -(2**16000)], ids=lambda one: hex(one)[:8])
def test_unknown_status(status: int) -> None:
    peer = Peer(status=status)
    with pytest.raises(errors.RemoteProtocolError, match="PKIStatus"):
        drive(ask(), peer)
    assert peer.kinds == ["ir", "error"]


@every_body
def test_rejection(body: str) -> None:
    peer = Peer(status=cmp.PKIStatus.REJECTION)
    with pytest.raises(errors.RequestRejected) as caught:
        drive(ask(body), peer)
    assert caught.value.authenticated
    assert peer.kinds == [body]


@every_body
def test_error(body: str) -> None:
    peer = Peer()
    peer.changes = [peer.saying(error_body(text="not you"))]
    with pytest.raises(errors.RequestRejected, match="not you") as caught:
        drive(ask(body), peer)
    assert caught.value.authenticated
    assert peer.kinds == [body]


# --- late answers ---


def steps_of(flow: Any, send: Any) -> tuple[Any, list[Wait]]:
    waits = []
    try:
        step = next(flow)
        while True:
            if isinstance(step, Wait):
                waits.append(step)
                step = flow.send(None)
            else:
                step = flow.send(send(step))
    except StopIteration as done:
        return done.value, waits


@every_body
@pytest.mark.parametrize("by_error", [False, True])
def test_polling(body: str, by_error: bool) -> None:
    peer, reports = Peer(delays=3, check_after=7, delay_by_error=by_error), Reports()
    result, waits = steps_of(ask(body, settings=settings(report=reports)), peer)
    assert result.confirmation is Confirmation.CONFIRMED
    assert waits == [Wait(7, "be \\x1b[31mpatient")] * 2
    assert peer.kinds == [body, "poll_req", "poll_req", "poll_req", "cert_conf"]
    number = -1 if by_error or body == "p10cr" else 0
    assert [one.body.poll_req[0].cert_req_id for one in peer.received[1:4]] == [number] * 3
    assert "info received 'waiting' PKIStatus, starting to poll for response" in reports
    assert r"info received polling response with reason = 'be \x1b[31mpatient'; checkAfter = 7 seconds" in reports.lines
    assert "info received final response after polling" in reports


def test_late_answer_with_the_nonce_of_the_request() -> None:
    """RFC 9483, 4.4: the late answer may carry the nonce of the request that it answers, not of the last pollReq."""
    peer = Peer(delays=1)
    peer.changes = [
        None,
        lambda _, answer: peer.with_header(recip_nonce=peer.received[0].header.sender_nonce)(_, answer),
    ]
    assert drive(ask(), peer).confirmation is Confirmation.CONFIRMED
    peer = Peer(delays=2)
    peer.changes = [
        None,
        lambda _, answer: peer.with_header(recip_nonce=peer.received[0].header.sender_nonce)(_, answer),
    ]
    with pytest.raises(errors.RemoteProtocolError, match="recipNonce"):  # but not pollRep
        drive(ask(), peer)


def test_implicit_confirmation_of_a_late_certificate() -> None:
    peer = Peer(delays=2, grants=True)
    assert drive(ask(implicit_confirm=True), peer).confirmation is Confirmation.IMPLICIT


@pytest.mark.parametrize("check_after", [-1, 2**31, 2**64, -(2**100)])
def test_absurd_check_after(check_after: int) -> None:
    peer = Peer(delays=2, check_after=check_after)
    with pytest.raises(errors.RemoteProtocolError, match="checkAfter"):
        drive(ask(), peer)
    assert peer.kinds == ["ir", "poll_req", "error"]


def test_polling_is_bounded_in_number() -> None:
    peer = Peer(delays=1000, check_after=0)
    with pytest.raises(errors.RemoteProtocolError, match="after asking 3 times"):
        drive(ask(settings=settings(max_polls=3)), peer)
    assert peer.kinds == ["ir", "poll_req", "poll_req", "poll_req", "error"]


def test_polling_is_bounded_in_time() -> None:
    peer = Peer(delays=1000, check_after=40)
    with pytest.raises(errors.RemoteProtocolError, match="longer than 100 seconds"):
        steps_of(ask(settings=settings(max_wait=100)), peer)
    assert peer.kinds == ["ir", "poll_req", "poll_req", "poll_req", "error"]


def test_rejected_after_polling() -> None:
    peer = Peer(delays=1, status=cmp.PKIStatus.REJECTION)
    with pytest.raises(errors.RequestRejected):
        drive(ask(), peer)


def test_late_confirmation() -> None:
    """OpenSSL 4 answers certConf late, too: by an error that says waiting."""
    peer = Peer()
    conf = cmp.PKIBody(pkiconf=cmp.PKIConfirmContent())
    rep = cmp.PKIBody(poll_rep=[cmp.PollRep(cert_req_id=-1, check_after=1)])
    peer.changes = [None, peer.saying(error_body(cmp.PKIStatus.WAITING)), peer.saying(rep), peer.saying(conf)]
    peer.answer = lambda request: peer.message(request, peer.final(request))  # type: ignore[method-assign]
    result, waits = steps_of(ask(), peer)
    assert result.confirmation is Confirmation.CONFIRMED
    assert waits == [Wait(1, None)]
    assert peer.kinds == ["ir", "cert_conf", "poll_req", "poll_req"]


# --- what sending may do ---


def test_failure_while_sending() -> None:
    flow = ask()
    next(flow)
    with pytest.raises(errors.TransportError, match="gone"):
        flow.throw(errors.TransportError("gone"))


def test_failure_while_refusing() -> None:
    """That the refusal did not arrive does not hide why it was sent."""
    peer, reports = Peer(certificate=certify("device-1", OTHER_KEY.public_key(), "Issuing", OTHER_KEY)), Reports()
    flow = ask(settings=settings(report=reports))
    refusal = flow.send(peer(next(flow)))
    assert refusal.body.name == "cert_conf"
    with pytest.raises(errors.RemoteProtocolError, match="does not match"):
        flow.throw(errors.TransportError("gone"))
    assert "warning CERTCONF may not have arrived: gone" in reports


@pytest.mark.parametrize("wrong", [None, b"bytes", 7])
def test_what_is_no_answer(wrong: Any) -> None:
    flow = ask()
    next(flow)
    with pytest.raises(TypeError, match="PKIMessage"):
        flow.send(wrong)
