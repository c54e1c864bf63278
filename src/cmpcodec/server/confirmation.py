"""certConf, and the other ends of a transaction: what becomes of certificates that nobody has confirmed yet.

RFC 9810, 5.3.18 and 5.3.21; RFC 9483, 4.1.1 and 5.1.2. It knows the certificates of one transaction. A certificate is
VALID only after its requester has shown, by its hash, to have received exactly that one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from .. import oids
from ..cmp import CertConfirmContent, CertStatus, ErrorMsgContent, PKIBody, PKIConfirmContent, PKIFailureInfo, PKIStatus
from ..errors import UnsupportedAlgorithm
from ..messages import cert_hash, signature_hash, status_info
from ..pkix import AlgorithmIdentifier, Certificate
from .ports import CertificateStatus, IssuedCertificate, Refused, StatusMove, TransactionState
from .requests import supersede
from .transactions import Outcome, Received, Summary, state_of

_SHA512 = AlgorithmIdentifier(algorithm=oids.SHA512)


def confirm(received: Received) -> Outcome:
    """Answer a certConf: certificates become VALID or REVOKED, and the transaction ends unless more is delayed."""
    transaction = received.transaction
    assert transaction is not None  # the state table lets no certConf through without one
    if not transaction.serials:
        raise Refused(PKIFailureInfo.BAD_REQUEST, "there is no certificate to confirm yet")
    said = _statuses(received, {number for number, _ in transaction.serials})
    certificates = _certificates(received)
    accepted = [one for one in certificates if one.cert_req_id in said and _accepts(said[one.cert_req_id])]
    if any(not _fits(said[one.cert_req_id], one) for one in accepted):
        text = "a certHash is not that of the certificate: all certificates of this transaction are revoked"
        return _failed(received, certificates, PKIFailureInfo.BAD_CERT_ID, text)
    if any(not _in_time(one, received.now) for one in accepted):
        text = "the certificate was not confirmed in time, or was revoked meanwhile"
        return _failed(received, certificates, PKIFailureInfo.CERT_REVOKED, text)
    moves = [_confirmed(one, received.now) for one in accepted]
    moves += _rejected((one for one in certificates if one not in accepted), received.now)
    if accepted:
        moves += _replaced(received)
    summary = Summary(serials=[one.serial for one in certificates])
    if len(accepted) < len(certificates):
        summary.texts.append("the requester rejected a certificate")
    return Outcome(
        body=PKIBody(pkiconf=PKIConfirmContent()),
        summary=summary,
        state=state_of((), transaction.waiting),
        waiting=transaction.waiting,
        moves=moves,
    )


def abort(received: Received) -> Outcome:
    """Answer an error message: unconfirmed certificates are revoked, delayed requests dropped. RFC 9810, 5.3.21."""
    certificates = _certificates(received)
    return Outcome(
        body=PKIBody(pkiconf=PKIConfirmContent()),
        summary=Summary(serials=[one.serial for one in certificates], texts=["the requester sent an error"]),
        state=TransactionState.FINISHED,
        moves=_rejected(certificates, received.now),
    )


def _statuses(received: Received, expected: set[int]) -> dict[int, CertStatus]:
    """The CertStatus of each certReqId; Refused, and nothing has changed, if they make no sense."""
    content = received.message.body.cert_conf
    assert isinstance(content, CertConfirmContent)
    if len(content) > received.profile.max_requests or (received.profile.strict and len(content) > 1):
        raise Refused(PKIFailureInfo.BAD_REQUEST, f"a certConf with {len(content)} CertStatus")
    said: dict[int, CertStatus] = {}
    for status in content:
        if status.cert_req_id not in expected:
            raise Refused(PKIFailureInfo.BAD_REQUEST, "a certReqId of no certificate that waits for confirmation")
        if status.cert_req_id in said:
            raise Refused(PKIFailureInfo.BAD_REQUEST, "two CertStatus of the same certReqId")
        if status.hash_alg is not None and received.message.header.pvno < 3:
            raise Refused(PKIFailureInfo.BAD_CERT_ID, "hashAlg takes CMP version 3")
        info = status.status_info
        if info is not None and info.status not in (PKIStatus.ACCEPTED, PKIStatus.REJECTION):
            raise Refused(PKIFailureInfo.BAD_REQUEST, "a CertStatus that neither accepts nor rejects")
        if info is not None and info.status == PKIStatus.ACCEPTED and info.fail_info:
            raise Refused(PKIFailureInfo.BAD_REQUEST, "a CertStatus that accepts, and has a failInfo")
        said[status.cert_req_id] = status
    return said


def _accepts(status: CertStatus) -> bool:
    return status.status_info is None or status.status_info.status == PKIStatus.ACCEPTED


def _fits(status: CertStatus, issued: IssuedCertificate) -> bool:
    """Whether the certHash is that of the certificate. RFC 9810, 5.3.18; SHA-512 for Ed25519 is RFC 9481, 3.3."""
    certificate = Certificate(issued.der)
    algorithm = status.hash_alg
    if algorithm is None and signature_hash(certificate) is None:
        algorithm = _SHA512
    try:
        return status.cert_hash == cert_hash(certificate, algorithm)
    except UnsupportedAlgorithm as error:
        raise Refused(PKIFailureInfo.BAD_ALG, str(error)) from error


def _certificates(received: Received) -> list[IssuedCertificate]:
    """The certificates of the transaction that its requester has neither confirmed nor rejected."""
    assert received.transaction is not None
    issuer = received.profile.authority.name.der
    found = [received.store.certificate(issuer, serial) for _, serial in received.transaction.serials]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        raise Refused(PKIFailureInfo.BAD_CERT_ID, "a certificate of this transaction is not known under this CA's name")
    return known


def _in_time(issued: IssuedCertificate, now: datetime) -> bool:
    return issued.status is CertificateStatus.UNCONFIRMED and (
        issued.confirm_before is None or now <= issued.confirm_before
    )


def _confirmed(issued: IssuedCertificate, now: datetime) -> StatusMove:
    return StatusMove(
        issuer=issued.issuer,
        serial=issued.serial,
        since=frozenset((CertificateStatus.UNCONFIRMED,)),
        to=CertificateStatus.VALID,
        at=now,
    )


def never_confirmed(issued: IssuedCertificate, now: datetime) -> StatusMove:
    """Revoke a certificate that its requester rejected, or did not confirm in time."""
    return StatusMove(
        issuer=issued.issuer,
        serial=issued.serial,
        since=frozenset((CertificateStatus.UNCONFIRMED,)),
        to=CertificateStatus.REVOKED,
        at=now,
    )


def _rejected(certificates: Iterable[IssuedCertificate], now: datetime) -> list[StatusMove]:
    return [never_confirmed(one, now) for one in certificates if one.status is CertificateStatus.UNCONFIRMED]


def _replaced(received: Received) -> list[StatusMove]:
    """Revoke the certificate that the confirmed one replaces, if it still is in force."""
    assert received.transaction is not None
    serial = received.transaction.replaces
    if serial is None:
        return []
    old = received.store.certificate(received.profile.authority.name.der, serial)
    return [supersede(old, received.now)] if old is not None and old.status is CertificateStatus.VALID else []


def _failed(received: Received, certificates: list[IssuedCertificate], fail_info: PKIFailureInfo, text: str) -> Outcome:
    """End the transaction with an error; what was not confirmed is revoked."""
    summary = Summary(serials=[one.serial for one in certificates])
    summary.add(PKIStatus.REJECTION, text, fail_info)
    return Outcome(
        body=PKIBody(error=ErrorMsgContent(pki_status_info=status_info(PKIStatus.REJECTION, text, fail_info))),
        summary=summary,
        state=TransactionState.FINISHED,
        moves=_rejected(certificates, received.now),
    )
