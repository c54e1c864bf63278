"""The flow that revokes a certificate: rr and rp. RFC 9810, 5.3.9 and 5.3.10.

It knows which certificate is meant and what rp may say to that; `transaction` has verified rp before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .. import oids
from ..cmp import PKIBody, PKIStatus, PKIStatusInfo, RevDetails, RevRepContent, RevReqContent
from ..crmf import CertId, CertTemplate
from ..errors import LocalProtocolError, RemoteProtocolError, RequestRejected
from ..pkix import (
    Certificate,
    CertificateList,
    CertificationRequest,
    CRLReason,
    Extension,
    Extensions,
    Name,
)
from ..protection import Protector, Signer
from .certificates import facts
from .reading import as_name, described, same_name
from .settings import DEFAULTS, Flow, Level, Settings
from .transaction import Transaction

_GRANTED: Final = {
    PKIStatus.ACCEPTED: "accepted",
    PKIStatus.GRANTED_WITH_MODS: "grantedWithMods",
    PKIStatus.REVOCATION_WARNING: "revocationWarning",
    PKIStatus.REVOCATION_NOTIFICATION: "revocationNotification",
}
"""What rp may say for yes, with the names of RFC 9810, 5.2.3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A revocation that the server has accepted."""

    status_info: PKIStatusInfo
    """Its status is ACCEPTED, GRANTED_WITH_MODS, REVOCATION_WARNING (it will be revoked) or REVOCATION_NOTIFICATION."""
    cert_id: CertId | None
    """The revoked certificate as the server names it, if it does; it is the one that was meant."""
    crls: tuple[CertificateList, ...]
    """CRLs that came along."""
    transaction_id: bytes
    signer: Signer | None = None
    """Who signed the answer, None if it was protected by a secret."""


def revoke(
    certificate: Certificate | None = None,
    *,
    credential: Protector | None,
    issuer: Name | str | None = None,
    serial_number: int | None = None,
    csr: CertificationRequest | None = None,
    reason: CRLReason | int | None = None,
    settings: Settings = DEFAULTS,
) -> Flow[Revocation]:
    """Ask by rr to revoke a certificate: that one, or the one of `issuer` and `serial_number`, or that of a CSR.

    `issuer` is a Name or text after RFC 4514. With `csr`, subject and public key say which one is meant. `reason` is a
    CRLReason (RFC 5280, 5.3.1), REMOVE_FROM_CRL ends a CERTIFICATE_HOLD. `credential` and `settings` as for `enroll`.

    Raises at once LocalProtocolError if nothing says which certificate, ValueError for a reason that does not exist,
    DecodeError if `certificate` is none; the flow raises RequestRejected, RemoteProtocolError, ProtectionError, or what
    was thrown into it.
    """
    if reason is not None:
        reason = CRLReason(reason)
    subject, named = None, None if issuer is None else as_name(issuer)
    if named is not None and serial_number is not None:
        template = CertTemplate(serial_number=serial_number, issuer=named)
    elif certificate is not None:
        found = facts(certificate)
        subject, named, serial_number = found.subject, found.issuer, found.serial_number
        template = CertTemplate(serial_number=serial_number, issuer=named)
    elif csr is not None:
        info = csr.certification_request_info
        subject = info.subject
        template = CertTemplate(issuer=named, subject=subject, public_key=info.subject_pk_info)
    else:
        raise LocalProtocolError(
            "nothing says which certificate to revoke: give it, or issuer and serial number, or a CSR"
        )
    details = RevDetails(cert_details=template, crl_entry_details=None if reason is None else _entry(reason))
    sender = subject if subject is not None and len(subject) else None
    transaction = Transaction(credential, settings, sender, named)
    return _revoke(transaction, PKIBody(rr=RevReqContent([details])), named, serial_number)


def _entry(reason: CRLReason) -> Extensions:
    return Extensions([Extension(extn_id=oids.ID_CE_CRL_REASONS, extn_value=bytes((0x0A, 1, reason)))])


def _revoke(
    transaction: Transaction, request: PKIBody, issuer: Name | None, serial_number: int | None
) -> Flow[Revocation]:
    answer = yield from transaction.exchange(request, "rp")
    content: RevRepContent = answer.message.body.value
    if len(content.status) != 1:
        raise RemoteProtocolError(f"rp has {len(content.status)} statuses for one revocation")
    info = content.status[0]
    if info.status == PKIStatus.REJECTION:
        raise RequestRejected(info, answer.authenticated)
    if info.status not in _GRANTED:
        raise RemoteProtocolError(f"rp says neither yes nor no: {described(info)}")
    named = content.rev_certs
    if named is not None and (len(named) != 1 or not _is(named[0], issuer, serial_number)):
        raise RemoteProtocolError("rp is about another certificate than rr (revCerts)")
    level: Level = "warning" if info.status == PKIStatus.REVOCATION_NOTIFICATION else "info"
    transaction.report(level, f"revocation accepted (PKIStatus={_GRANTED[PKIStatus(info.status)]})")
    return Revocation(
        status_info=info,
        cert_id=None if named is None else named[0],
        crls=tuple(content.crls or ()),
        transaction_id=transaction.id,
        signer=answer.signer,
    )


def _is(named: CertId, issuer: Name | None, serial_number: int | None) -> bool:
    """Whether a CertId names that certificate, as far as we know it ourselves."""
    return (issuer is None or same_name(named.issuer, issuer)) and serial_number in (None, named.serial_number)
