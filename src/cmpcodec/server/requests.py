"""ir, cr, kur and p10cr: requests become orders for the authority, its decisions become ip, cp and kup.

RFC 9810, 5.3.1 to 5.3.6; RFC 9483, 4.1. Protocol and proof of possession are settled here; what a certificate looks
like, and whether it is issued at all, is the authority's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from cryptography import x509

from .. import oids
from ..cmp import CertOrEncCert, CMPCertificate, InfoTypeAndValue, PKIBody, PKIFailureInfo, PKIMessage, PKIStatus
from ..crmf import CertId, CertReqMsg, CertTemplate, SubsequentMessage
from ..errors import DecodeError, PopError
from ..messages import IMPLICIT_CONFIRM, asks_implicit_confirm, status_info
from ..pkix import Certificate, CertificationRequest, CertificationRequestInfo, Extensions, Name, SubjectPublicKeyInfo
from ..pop import encrypt_certificate, verify_pkcs10, verify_proof
from .certificates import has_expired, own_certificate, subject_of
from .ports import CertificateStatus, IssuedCertificate, NotYet, Order, Refused, StatusMove
from .rules import NEWEST_PVNO
from .transactions import Outcome, Received, Serials, Summary, state_of

RESPONSES: Final = {"ir": "ip", "cr": "cp", "kur": "kup", "p10cr": "cp"}
"""Kind of request -> kind of response."""

P10CR_ID: Final = -1
"""certReqId of a p10cr, which has none of its own: RFC 9810, 5.3.4."""

LARGEST_ID: Final = 2**31 - 1
"""Largest certReqId that is accepted."""

SUPERSEDED: Final = 4
"""CRLReason of a certificate that was renewed: RFC 5280, 5.3.1."""

Request: TypeAlias = CertReqMsg | CertificationRequest


class Decision(NamedTuple):
    """What came of one request: a CertResponse in plain values, and the certificate or the delay if there is one."""

    response: dict[str, Any]
    issued: IssuedCertificate | None = None
    delay: NotYet | None = None
    replaced: IssuedCertificate | None = None


def enroll(received: Received) -> Outcome:
    """Answer an ir, cr, kur or p10cr."""
    message = received.message
    summary = Summary()
    decisions = decide(received, message, requests_of(received, message), received.now, summary)
    return outcome(received, message, decisions, summary)


def requests_of(received: Received, message: PKIMessage) -> dict[int, Request]:
    """The requests of a message by certReqId; Refused if they are too many or their certReqIds make no sense."""
    kind, content = message.body.name, message.body.value
    if kind == "p10cr":
        return {P10CR_ID: content}
    if len(content) > received.profile.max_requests:
        raise Refused(PKIFailureInfo.BAD_REQUEST, f"more than {received.profile.max_requests} requests in a message")
    if len(content) != 1 and (kind == "kur" or received.profile.strict):
        raise Refused(PKIFailureInfo.BAD_REQUEST, f"this {kind} has {len(content)} requests, not one")
    requests: dict[int, Request] = {}
    for request in content:
        number = request.cert_req.cert_req_id
        if not 0 <= number <= (0 if received.profile.strict else LARGEST_ID):
            raise Refused(PKIFailureInfo.BAD_REQUEST, "a certReqId is not 0" if received.profile.strict else _BAD_ID)
        if number in requests:
            raise Refused(PKIFailureInfo.BAD_REQUEST, f"certReqId {number} stands at two requests")
        requests[number] = request
    return requests


_BAD_ID: Final = f"a certReqId is not between 0 and {LARGEST_ID}"


def decide(
    received: Received, message: PKIMessage, requests: Mapping[int, Request], asked_at: datetime, summary: Summary
) -> dict[int, Decision]:
    """Let the authority decide on requests of `message`, which first arrived at `asked_at`."""
    _check_unconfirmed(received, message, len(requests))
    decisions = {}
    for number, request in requests.items():
        try:
            decision = _decide(received, message, number, request, asked_at, summary)
        except Refused as refused:
            decision = _rejected(number, refused.fail_info, refused.text, summary)
        except PopError as error:
            decision = _rejected(number, PKIFailureInfo.BAD_POP, str(error), summary)
        except DecodeError as error:  # an open type in the template that does not hold what its OID says
            decision = _rejected(number, PKIFailureInfo.BAD_CERT_TEMPLATE, str(error), summary)
        except NotYet as delay:
            summary.add(PKIStatus.WAITING, delay.reason)
            status = status_info(PKIStatus.WAITING, delay.reason)
            decision = Decision({"cert_req_id": number, "status": status}, delay=delay)
        decisions[number] = decision
    return decisions


def _check_unconfirmed(received: Received, message: PKIMessage, more: int) -> None:
    """Refuse a requester who confirms nothing: what it leaves behind stays in the CRL until it expires."""
    most = received.profile.max_unconfirmed
    if most is None or _implicit(received, message):
        return
    if received.store.count_unconfirmed(received.key.profile, received.key.requester) + more > most:
        raise Refused(PKIFailureInfo.SYSTEM_UNAVAIL, "too many certificates of this requester wait for confirmation")


def outcome(
    received: Received,
    message: PKIMessage,
    decisions: Mapping[int, Decision],
    summary: Summary,
    serials: Serials = (),
    waiting: Iterable[int] = (),
) -> Outcome:
    """The answer with these decisions on requests of `message`; `serials` and `waiting` are open beside them."""
    profile = received.profile
    kind = message.body.name
    issued = [decision.issued for decision in decisions.values() if decision.issued is not None]
    implicit = _implicit(received, message)
    content: dict[str, Any] = {"response": [decision.response for decision in decisions.values()]}
    if issued and profile.ca_pubs and (kind == "ir" or not profile.strict):
        content["ca_pubs"] = [CMPCertificate(one.der) for one in profile.authority.chain]
    info: tuple[InfoTypeAndValue, ...] = ()
    if issued and implicit:
        info = (IMPLICIT_CONFIRM,)
    elif issued and profile.confirm_wait_info:
        info = (InfoTypeAndValue(info_type=oids.ID_IT_CONFIRM_WAIT_TIME, info_value=issued[0].confirm_before),)
    if not implicit:
        serials = (*serials, *((one.cert_req_id, one.serial) for one in issued))
    waiting = (*waiting, *(number for number, decision in decisions.items() if decision.delay is not None))
    replaced = [decision.replaced for decision in decisions.values() if decision.replaced is not None]
    summary.serials.extend(one.serial for one in issued)
    return Outcome(
        body=PKIBody.from_plain({RESPONSES[kind]: content}),
        summary=summary,
        state=state_of(serials, waiting),
        serials=serials,
        waiting=waiting,
        replaces=replaced[0].serial if replaced and not implicit else None,
        issued=issued,
        moves=[supersede(one, received.now) for one in replaced] if implicit else (),
        general_info=info,
        chain=bool(issued),
    )


def supersede(replaced: IssuedCertificate, now: datetime) -> StatusMove:
    """Revoke a certificate because another one took its place."""
    return StatusMove(
        issuer=replaced.issuer,
        serial=replaced.serial,
        since=frozenset((CertificateStatus.VALID,)),
        to=CertificateStatus.REVOKED,
        at=now,
        reason=SUPERSEDED,
    )


def _rejected(number: int, fail_info: PKIFailureInfo, text: str, summary: Summary) -> Decision:
    summary.add(PKIStatus.REJECTION, text, fail_info)
    return Decision({"cert_req_id": number, "status": status_info(PKIStatus.REJECTION, text, fail_info)})


def _implicit(received: Received, message: PKIMessage) -> bool:
    """Whether certificates need no confirmation; those that are sent encrypted always do, since that is the proof."""
    if not (received.profile.implicit_confirm and asks_implicit_confirm(message.header)):
        return False
    return message.body.name == "p10cr" or not any(map(_wants_encrypted, message.body.value))


def _wants_encrypted(request: CertReqMsg) -> bool:
    popo = request.popo
    proof = None if popo is None else popo.key_encipherment or popo.key_agreement
    return proof is not None and proof.subsequent_message == SubsequentMessage.ENCR_CERT


def _decide(
    received: Received, message: PKIMessage, number: int, request: Request, asked_at: datetime, summary: Summary
) -> Decision:
    profile, now = received.profile, received.now
    if isinstance(request, CertificationRequest):
        order, other, only_for = _pkcs10_order(received, request, asked_at), False, None
    else:
        order, other = _crmf_order(received, message.body.name, request, asked_at)
        only_for = _possession(received, request, message.header.pvno)
    issue = profile.authority.issue(order, now)
    status = PKIStatus.GRANTED_WITH_MODS if issue.modified or other else PKIStatus.ACCEPTED
    summary.add(status)
    implicit = _implicit(received, message)
    loaded = _loaded(issue.certificate)
    issued = IssuedCertificate(
        issuer=profile.authority.name.der,
        serial=loaded.serial_number,
        der=issue.certificate.der,
        transaction=received.key,
        cert_req_id=number,
        status=CertificateStatus.VALID if implicit else CertificateStatus.UNCONFIRMED,
        issued_at=now,
        not_after=loaded.not_valid_after_utc,
        confirm_before=None if implicit else now.replace(microsecond=0) + profile.confirm_wait,
    )
    response = {
        "cert_req_id": number,
        "status": {"status": status},
        "certified_key_pair": {"cert_or_enc_cert": _enclosed(issue.certificate, only_for, message.header.pvno)},
    }
    return Decision(response, issued, replaced=order.replaces if profile.revoke_replaced else None)


def _possession(received: Received, request: CertReqMsg, pvno: int) -> SubjectPublicKeyInfo | None:
    """Return if possession is proven, or with the key to encrypt the certificate for if that is to prove it."""
    party = received.party
    sender = None if party.certificate is None else received.message.header.sender
    found = verify_proof(request, trusted_ra=party.is_ra, sender=sender, policy=received.profile.policy)
    if found.pending is None:
        return None
    if found.pending == SubsequentMessage.CHALLENGE_RESP:
        raise PopError("challengeResp is not served here: ask for encrCert, which takes no message more")
    if pvno < NEWEST_PVNO and found.public_key.algorithm.algorithm != oids.RSA_ENCRYPTION:
        raise PopError("a certificate can be encrypted for this key in pvno 3 only")
    return found.public_key


def _enclosed(certificate: Certificate, only_for: SubjectPublicKeyInfo | None, pvno: int) -> CertOrEncCert:
    """The certificate, encrypted if only the owner of its key may read it. RFC 9810, 5.2.8.3.2."""
    if only_for is None:
        return CertOrEncCert(certificate=CMPCertificate(certificate.der))
    return encrypt_certificate(certificate, only_for, legacy=pvno < NEWEST_PVNO)


def _loaded(certificate: Certificate) -> x509.Certificate:
    try:
        return certificate.load()
    except DecodeError as error:  # not the requester's fault, so no DecodeError
        raise RuntimeError("the authority returned something that is no certificate") from error


def _crmf_order(received: Received, kind: str, request: CertReqMsg, asked_at: datetime) -> tuple[Order, bool]:
    """The order, and whether the requester named another issuer than ours."""
    template = request.cert_req.cert_template
    if template.public_key is None:
        raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, "the template has no publicKey; keys are not made here")
    # OpenSSL names the issuer of the certificate that it has, which may be another CA's: ours is a modification.
    ours = template.issuer is None or not template.issuer or template.issuer.der == received.profile.authority.name.der
    if received.profile.strict and not ours:
        raise Refused(PKIFailureInfo.WRONG_AUTHORITY, "the template names another issuer")
    subject, replaces = template.subject, None
    if kind == "kur":
        replaces = _renewed(received, request)
        subject = _same_subject(template, replaces)
    order = Order(
        transaction=received.key,
        body=kind,
        cert_req_id=request.cert_req.cert_req_id,
        subject=subject,
        public_key=template.public_key,
        extensions=template.extensions,
        validity=template.validity,
        replaces=replaces,
        asked_at=asked_at,
    )
    return order, not ours


def _renewed(received: Received, request: CertReqMsg) -> IssuedCertificate:
    """The certificate that a kur renews: named by one oldCertID (RFC 4211, 6.5), the requester's own, and in force."""
    named = [one.value for one in request.cert_req.controls or () if one.type == oids.ID_REG_CTRL_OLD_CERT_ID]
    if len(named) != 1:
        raise Refused(
            PKIFailureInfo.BAD_CERT_ID, "a kur has to name the certificate to renew in exactly one control oldCertID"
        )
    old = named[0]
    if not isinstance(old, CertId):
        raise Refused(PKIFailureInfo.BAD_DATA_FORMAT, "the control oldCertID is no CertId")
    certificate = own_certificate(received, old.issuer.directory_name, old.serial_number)
    if certificate.status is CertificateStatus.UNCONFIRMED:
        raise Refused(PKIFailureInfo.BAD_CERT_ID, "the certificate to renew was never confirmed")
    if certificate.status is not CertificateStatus.VALID:
        raise Refused(PKIFailureInfo.CERT_REVOKED, "the certificate to renew is revoked")
    if has_expired(certificate, received.now):
        raise Refused(PKIFailureInfo.BAD_CERT_ID, "the certificate to renew has expired")
    return certificate


def _same_subject(template: CertTemplate, replaces: IssuedCertificate) -> Name:
    subject = subject_of(replaces)
    if template.subject and template.subject.rfc4514() != subject.rfc4514():
        raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, "the subject is not that of the certificate to renew")
    return subject


def _pkcs10_order(received: Received, request: CertificationRequest, asked_at: datetime) -> Order:
    info = request.certification_request_info
    if info.version != 0:
        raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, "a PKCS #10 request has version 0")
    extensions = _requested_extensions(info)
    verify_pkcs10(request)
    return Order(
        transaction=received.key,
        body="p10cr",
        cert_req_id=P10CR_ID,
        subject=info.subject,
        public_key=info.subject_pk_info,
        extensions=extensions,
        asked_at=asked_at,
    )


def _requested_extensions(info: CertificationRequestInfo) -> Extensions | None:
    """The attribute extensionRequest of PKCS #10: RFC 2985, 5.4.2."""
    values = [value for one in info.attributes if one.type == oids.EXTENSION_REQUEST for value in one.opened()]
    if not values:
        return None
    if len(values) != 1 or not isinstance(values[0], Extensions):
        raise Refused(PKIFailureInfo.BAD_CERT_TEMPLATE, "the attribute extensionRequest does not hold Extensions once")
    return values[0]
