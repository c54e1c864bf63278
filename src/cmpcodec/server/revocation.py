"""rr: the requester ends, suspends or resumes certificates of its own. RFC 9810, 5.3.9 and 5.3.10; RFC 9483, 4.2.

A requester names certificates by issuer and serial number. Each RevDetails is answered by a status of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from .. import oids
from ..cmp import PKIBody, PKIFailureInfo, PKIMessage, PKIStatus, PKIStatusInfo, RevDetails, RevReqContent
from ..crmf import CertId
from ..errors import DecodeError
from ..messages import status_info
from ..pkix import CRLReason, GeneralName
from .certificates import has_expired, own_certificate
from .ports import CertificateStatus, IssuedCertificate, Refused, StatusMove, TransactionState
from .transactions import Outcome, Received, Summary

_IN_FORCE: Final = frozenset((CertificateStatus.UNCONFIRMED, CertificateStatus.VALID))
_NO_TIME: Final = timedelta(0)


class _Entry(NamedTuple):
    """What crlEntryDetails say."""

    reason: CRLReason | None
    invalidity_date: datetime | None


def revoke(received: Received, message: PKIMessage, asked_at: datetime) -> Outcome:
    """Answer the rr `message`, which first arrived at `asked_at`; NotYet if the authority needs time for any of it."""
    content = message.body.rr
    assert isinstance(content, RevReqContent)
    profile = received.profile
    if not 1 <= len(content) <= (1 if profile.strict else profile.max_requests):
        raise Refused(PKIFailureInfo.BAD_REQUEST, f"an rr with {len(content)} RevDetails")
    named = [_named(details) for details in content]
    summary = Summary()
    statuses: list[PKIStatusInfo] = []
    moves: dict[int, StatusMove] = {}
    for details in content:
        try:
            move = _revoke(received, details, asked_at)
            if move.serial in moves:
                raise Refused(PKIFailureInfo.BAD_REQUEST, "the same certificate again")
        except Refused as refused:
            summary.add(PKIStatus.REJECTION, refused.text, refused.fail_info)
            statuses.append(status_info(PKIStatus.REJECTION, refused.text, refused.fail_info))
        else:
            moves[move.serial] = move
            summary.add(profile.revocation_status)
            summary.serials.append(move.serial)
            statuses.append(status_info(profile.revocation_status))
    answer: dict[str, Any] = {"status": statuses}
    if all(one.issuer.directory_name == profile.authority.name for one in named):
        answer["rev_certs"] = named  # not what others may be unable to read
    return Outcome(
        body=PKIBody.from_plain({"rp": answer}),
        summary=summary,
        state=TransactionState.FINISHED,
        moves=list(moves.values()),
    )


def _named(details: RevDetails) -> CertId:
    template = details.cert_details
    if template.issuer is None or template.serial_number is None:
        raise Refused(
            PKIFailureInfo.BAD_CERT_ID, "certDetails have to name the issuer and serialNumber of a certificate"
        )
    return CertId(issuer=GeneralName(directory_name=template.issuer), serial_number=template.serial_number)


def _revoke(received: Received, details: RevDetails, asked_at: datetime) -> StatusMove:
    """The step of one certificate, after the authority's consent."""
    template = details.cert_details
    assert template.serial_number is not None
    certificate = own_certificate(received, template.issuer, template.serial_number)
    entry = _entry(received, details)
    since, to = _step(certificate, entry.reason)
    if to is not CertificateStatus.VALID and has_expired(certificate, received.now):
        raise Refused(PKIFailureInfo.CERT_REVOKED, "the certificate has expired")
    received.profile.authority.revoke(certificate, entry.reason, received.now, asked_at)
    kept = entry.reason if to is not CertificateStatus.VALID and entry.reason else None
    return StatusMove(
        issuer=certificate.issuer,
        serial=certificate.serial,
        since=since,
        to=to,
        at=received.now,
        reason=None if kept is None else int(kept),
        invalidity_date=None if to is CertificateStatus.VALID else entry.invalidity_date,
    )


def _step(
    certificate: IssuedCertificate, reason: CRLReason | None
) -> tuple[frozenset[CertificateStatus], CertificateStatus]:
    """From which statuses to which one the reason leads; Refused if it does not lead on from here. RFC 5280, 5.3.1."""
    status = certificate.status
    if status is CertificateStatus.REVOKED:
        raise Refused(PKIFailureInfo.CERT_REVOKED, "the certificate is revoked already")
    if reason is CRLReason.REMOVE_FROM_CRL:
        if status is not CertificateStatus.HELD:
            raise Refused(PKIFailureInfo.BAD_REQUEST, "removeFromCRL, but the certificate is not on hold")
        return frozenset((status,)), CertificateStatus.VALID
    if reason is CRLReason.CERTIFICATE_HOLD:
        if status is CertificateStatus.HELD:
            raise Refused(PKIFailureInfo.CERT_REVOKED, "the certificate is on hold already")
        if status is CertificateStatus.UNCONFIRMED:  # a hold can end, and would end as if it had been confirmed
            raise Refused(PKIFailureInfo.BAD_REQUEST, "certificateHold, but the certificate was not confirmed yet")
        return frozenset((status,)), CertificateStatus.HELD
    since = frozenset((status,)) if status is CertificateStatus.HELD else _IN_FORCE
    return since, CertificateStatus.REVOKED


def _entry(received: Received, details: RevDetails) -> _Entry:
    """Read crlEntryDetails: reasonCode and invalidityDate, both optional. RFC 5280, 5.3."""
    found: dict[str, Any] = {}
    for extension in details.crl_entry_details or ():
        oid = str(extension.extn_id)
        if oid in found:
            raise Refused(
                PKIFailureInfo.BAD_REQUEST, f"crlEntryDetails have {oids.name(extension.extn_id) or oid} twice"
            )
        if oid not in _KNOWN:
            if extension.critical:
                raise Refused(PKIFailureInfo.UNACCEPTED_EXTENSION, "crlEntryDetails have an unknown critical extension")
            continue
        try:
            value = extension.opened()
        except DecodeError as error:
            raise Refused(PKIFailureInfo.BAD_DATA_FORMAT, "an extension of crlEntryDetails cannot be read") from error
        if not isinstance(value, _KNOWN[oid]):
            raise Refused(
                PKIFailureInfo.BAD_REQUEST,
                f"crlEntryDetails: the value of {oids.name(extension.extn_id)} makes no sense",
            )
        found[oid] = value
    date: datetime | None = found.get(oids.ID_CE_INVALIDITY_DATE)
    if date is not None and date > received.now + (received.profile.message_time_window or _NO_TIME):
        raise Refused(PKIFailureInfo.BAD_REQUEST, "invalidityDate lies in the future")
    return _Entry(found.get(oids.ID_CE_CRL_REASONS), date)


_KNOWN: Final[dict[str, type]] = {
    oids.ID_CE_CRL_REASONS: CRLReason,  # a number that is no CRLReason is read as a plain int
    oids.ID_CE_INVALIDITY_DATE: datetime,
}
