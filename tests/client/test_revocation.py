"""rr: what is asked, and which answers count as a revocation."""

from __future__ import annotations

from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec import errors
from cmpcodec.client import Settings, Wait, revoke
from cmpcodec.client.certificates import facts
from cmpcodec.pkix import CRLReason
from tests.client.peer import CA, NOW, OLD, Peer, Reports, drive, error_body, shared
from tests.client.test_enrolment import csr, steps_of


def ask(certificate: Any = OLD, **given: Any) -> Any:
    settings = Settings(clock=lambda: NOW, **given.pop("more", {}))
    return revoke(certificate, credential=shared(), settings=settings, **given)


def requested(peer: Peer) -> cmp.RevDetails:
    [details] = peer.received[0].body.rr
    return details


def test_revocation() -> None:
    peer, reports = Peer(), Reports()
    result = drive(ask(reason=1, more={"report": reports}), peer)
    assert result.status_info.status is cmp.PKIStatus.ACCEPTED
    assert (result.cert_id, result.crls) == (None, ())
    assert result.transaction_id == peer.received[0].header.transaction_id
    template = requested(peer).cert_details
    loaded = OLD.load()
    assert template.serial_number == loaded.serial_number
    assert template.issuer.der == loaded.issuer.public_bytes()
    assert template.subject is template.public_key is None
    [extension] = requested(peer).crl_entry_details
    assert extension.opened() is CRLReason.KEY_COMPROMISE
    assert peer.kinds == ["rr"]
    assert peer.received[0].header.recipient.directory_name == template.issuer
    assert reports.lines[-1] == "info revocation accepted (PKIStatus=accepted)"


@pytest.mark.parametrize("reason", [*CRLReason, *(int(one) for one in CRLReason)])
def test_every_reason(reason: int) -> None:
    peer = Peer()
    drive(ask(reason=reason), peer)
    assert requested(peer).crl_entry_details[0].opened() == reason


@pytest.mark.parametrize("reason", [7, -1, 11])
def test_no_such_reason(reason: int) -> None:
    with pytest.raises(ValueError, match="CRLReason"):
        ask(reason=reason)


def test_no_reason() -> None:
    peer = Peer()
    drive(ask(), peer)
    assert requested(peer).crl_entry_details is None


def test_by_issuer_and_serial_number() -> None:
    peer = Peer()
    drive(ask(None, issuer="CN=Issuing", serial_number=77), peer)
    template = requested(peer).cert_details
    assert (template.issuer.rfc4514(), template.serial_number) == ("CN=Issuing", 77)


def test_by_request() -> None:
    peer, request = Peer(), csr()
    drive(ask(None, csr=request), peer)
    template = requested(peer).cert_details
    assert template.subject == request.certification_request_info.subject
    assert template.public_key == request.certification_request_info.subject_pk_info
    assert template.serial_number is None


def test_of_nothing() -> None:
    with pytest.raises(errors.LocalProtocolError, match="which certificate"):
        ask(None)
    with pytest.raises(errors.LocalProtocolError, match="which certificate"):
        ask(None, serial_number=1)
    with pytest.raises(cmp.DecodeError):
        ask(cmp.Certificate(b"\x30\x00"))


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (cmp.PKIStatus.GRANTED_WITH_MODS, "info revocation accepted (PKIStatus=grantedWithMods)"),
        (cmp.PKIStatus.REVOCATION_WARNING, "info revocation accepted (PKIStatus=revocationWarning)"),
        (cmp.PKIStatus.REVOCATION_NOTIFICATION, "warning revocation accepted (PKIStatus=revocationNotification)"),
    ],
)
def test_accepted_in_other_words(status: cmp.PKIStatus, line: str) -> None:
    reports = Reports()
    assert drive(ask(more={"report": reports}), Peer(status=status)).status_info.status is status
    assert reports.lines[-1] == line


def test_rejected() -> None:
    with pytest.raises(errors.RequestRejected) as caught:
        drive(ask(), Peer(status=cmp.PKIStatus.REJECTION))
    assert caught.value.authenticated
    peer = Peer()
    peer.changes = [peer.saying(error_body(text="never"))]
    with pytest.raises(errors.RequestRejected, match="never"):
        drive(ask(), peer)


@pytest.mark.parametrize(
    "status", [cmp.PKIStatus.WAITING, cmp.PKIStatus.KEY_UPDATE_WARNING, 7, -1, 2**16000], ids=lambda one: hex(one)[:8]
)
def test_neither_yes_nor_no(status: int) -> None:
    with pytest.raises(errors.RemoteProtocolError, match="neither yes nor no"):
        drive(ask(), Peer(status=status))


def test_late() -> None:
    peer = Peer(delays=2)
    result, waits = steps_of(ask(), peer)
    assert result.status_info.status is cmp.PKIStatus.ACCEPTED
    assert [one.seconds for one in waits] == [5]
    assert peer.kinds == ["rr", "poll_req", "poll_req"]
    assert peer.received[1].body.poll_req[0].cert_req_id == -1
    assert isinstance(waits[0], Wait)


def rp(statuses: int = 1, **more: Any) -> cmp.PKIBody:
    return cmp.PKIBody.from_plain({"rp": {"status": [{"status": 0}] * statuses} | more})


def test_several_statuses() -> None:
    peer = Peer()
    peer.changes = [peer.saying(rp(2))]
    with pytest.raises(errors.RemoteProtocolError, match="2 statuses"):
        drive(ask(), peer)


def cert_id(certificate: cmp.Certificate, serial: int | None = None) -> cmp.CertId:
    found = facts(certificate)
    number = found.serial_number if serial is None else serial
    return cmp.CertId(issuer=cmp.GeneralName(directory_name=found.issuer), serial_number=number)


def test_named_certificate() -> None:
    peer = Peer()
    peer.changes = [peer.saying(rp(rev_certs=[cert_id(OLD)]))]
    assert drive(ask(), peer).cert_id == cert_id(OLD)


@pytest.mark.parametrize("named", [[cert_id(CA)], [cert_id(OLD, 5)], [cert_id(OLD)] * 2])
def test_another_certificate_named(named: Any) -> None:
    peer = Peer()
    peer.changes = [peer.saying(rp(rev_certs=named))]
    with pytest.raises(errors.RemoteProtocolError, match="another certificate"):
        drive(ask(), peer)
