"""Flows that end with a certificate: ir, cr, kur and p10cr, each up to its confirmation. RFC 9810, 5.3.1-5.3.4, 5.3.18.

Nothing of an answer is taken before `transaction` has verified it. A certificate that does not fit is refused to the
server, which revokes it then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

from ..cmp import (
    CertConfirmContent,
    CertifiedKeyPair,
    CertResponse,
    CertStatus,
    PKIBody,
    PKIFailureInfo,
    PKIStatus,
    PKIStatusInfo,
)
from ..crmf import CertReqMessages, OptionalValidity
from ..errors import DecodeError, LocalProtocolError, RemoteProtocolError, RequestRejected
from ..messages import IMPLICIT_CONFIRM, asks_implicit_confirm, cert_status, status_info
from ..pkix import Certificate, CertificationRequest, Extension, GeneralName, Name, SubjectPublicKeyInfo
from ..protection import Protector, Signer
from .certificates import CertificateFacts, build_chain, facts, same_key
from .reading import described, printable, status_name
from .settings import DEFAULTS, Flow, Settings
from .template import Key, ProofMethod, Wish, certificate_request
from .transaction import WHOLE_MESSAGE, Answer, Transaction

CERT_REQ_ID: Final = 0
"""certReqId of the only request in a message. RFC 9483, 4.1.1."""

_ANSWER: Final = {"ir": "ip", "cr": "cp", "kur": "kup"}

Check: TypeAlias = Callable[[Certificate, Sequence[Certificate]], str | None]
"""Is shown a new certificate and its chain before they are confirmed; returns None to accept it, or says why not."""


class Confirmation(Enum):
    """How a new certificate was confirmed. RFC 9810, 5.1.1.1 and 5.3.18."""

    CONFIRMED = "confirmed"
    """By certConf, and the server's authentic pkiConf."""
    IMPLICIT = "implicit"
    """The server granted that none is needed."""
    UNAUTHENTICATED = "unauthenticated"
    """By certConf, but anybody may have sent the pkiConf (`Settings.unprotected_errors`)."""
    OMITTED = "omitted"
    """Not at all, since `disable_confirm` asked for that: the server may revoke the certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A new certificate, and what came with it."""

    certificate: Certificate
    chain: tuple[Certificate, ...]
    """Its issuers as far as they are known, from the one that signed it; self-signed ones are left out. Not
    trusted for being here."""
    ca_pubs: tuple[Certificate, ...]
    """CA certificates that the server, authenticated, calls trustworthy. RFC 9810, 5.3.2."""
    extra_certs: tuple[Certificate, ...]
    """Certificates beside the message, which nothing protected: helpful, never trusted."""
    status_info: PKIStatusInfo
    confirmation: Confirmation
    transaction_id: bytes
    signer: Signer | None = None
    """Who signed the answer that brought the certificate, None if it was protected by a secret."""
    rsp_info: bytes | None = None

    @property
    def granted_with_mods(self) -> bool:
        """Whether the certificate differs from what was asked."""
        return self.status_info.status == PKIStatus.GRANTED_WITH_MODS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Confirming:
    """What becomes of the certificate that comes."""

    implicit: bool
    disabled: bool
    check: Check | None


def enroll(
    *,
    credential: Protector | None,
    key: Key | None = None,
    subject: Name | str | None = None,
    body: Literal["ir", "cr"] = "ir",
    sans: Sequence[GeneralName] = (),
    sans_critical: bool = False,
    default_sans: bool = True,
    extensions: Sequence[Extension] = (),
    policies: Sequence[str] = (),
    policies_critical: bool = False,
    days: int = 0,
    validity: OptionalValidity | None = None,
    issuer: Name | str | None = None,
    csr: CertificationRequest | None = None,
    reference: Certificate | None = None,
    proof: ProofMethod = ProofMethod.SIGNATURE,
    digest: str = "sha256",
    implicit_confirm: bool = False,
    disable_confirm: bool = False,
    check: Check | None = None,
    settings: Settings = DEFAULTS,
) -> Flow[Enrolment]:
    """Ask for a certificate by ir, the first request of somebody new to the PKI, or by cr. RFC 9810, 5.3.1 and 5.3.3.

    `credential` protects the requests, and verifies the answers unless `Settings.answers` does, as has to be the case
    for a Signature; None sends them unprotected. `key` is to be certified:
    a private key of `cryptography`, or with a `proof` other than by signature (with `digest`) a public one; by default
    the key of `csr`. `subject` and `issuer` are Names or text after RFC 4514, an empty one is left out. `sans` become
    the subjectAltName, `policies` (OIDs) the certificatePolicies, `extensions` any other; they replace those of `csr`.
    `days` from now, or `validity`, say how long the certificate should last.

    What is not given comes from `csr`, then from the certificate `reference`: subject, issuer, and (unless
    `default_sans` is False) subjectAltName.

    With `implicit_confirm` the server may grant that no certConf is sent; `disable_confirm` omits it ungranted, which
    RFC 9810 forbids. `check` may refuse the certificate. It is also the place to save it early: if the answer to
    certConf gets lost, the flow fails although the certificate may be in force.

    Raises LocalProtocolError, TypeError or ValueError at once if that makes no request; the flow raises
    RequestRejected, RemoteProtocolError, ProtectionError, or what was thrown into it.
    """
    if body not in ("ir", "cr"):
        raise ValueError(f"body: expected 'ir' or 'cr', not {body!r}")
    wish = Wish(
        key=key, subject=subject, sans=sans, sans_critical=sans_critical, default_sans=default_sans,
        extensions=extensions, policies=policies, policies_critical=policies_critical, days=days, validity=validity,
        issuer=issuer, csr=csr, proof=proof, digest=digest,
    )  # fmt: skip
    found = None if reference is None else facts(reference)
    return _certify(body, wish, found, credential, _confirming(implicit_confirm, disable_confirm, check), settings)


def update_key(
    old_certificate: Certificate,
    *,
    credential: Protector | None,
    key: Key | None = None,
    subject: Name | str | None = None,
    sans: Sequence[GeneralName] = (),
    sans_critical: bool = False,
    default_sans: bool = True,
    extensions: Sequence[Extension] = (),
    policies: Sequence[str] = (),
    policies_critical: bool = False,
    days: int = 0,
    validity: OptionalValidity | None = None,
    issuer: Name | str | None = None,
    csr: CertificationRequest | None = None,
    proof: ProofMethod = ProofMethod.SIGNATURE,
    digest: str = "sha256",
    implicit_confirm: bool = False,
    disable_confirm: bool = False,
    check: Check | None = None,
    settings: Settings = DEFAULTS,
) -> Flow[Enrolment]:
    """Ask by kur for a certificate in place of `old_certificate`, which gives what is not given. RFC 9810, 5.3.5.

    The other arguments, and what is raised, are those of `enroll`. DecodeError if `old_certificate` is no certificate.
    """
    wish = Wish(
        key=key, subject=subject, sans=sans, sans_critical=sans_critical, default_sans=default_sans,
        extensions=extensions, policies=policies, policies_critical=policies_critical, days=days, validity=validity,
        issuer=issuer, csr=csr, proof=proof, digest=digest,
    )  # fmt: skip
    confirming = _confirming(implicit_confirm, disable_confirm, check)
    return _certify("kur", wish, facts(old_certificate), credential, confirming, settings)


def request_pkcs10(
    csr: CertificationRequest,
    *,
    credential: Protector | None,
    implicit_confirm: bool = False,
    disable_confirm: bool = False,
    check: Check | None = None,
    settings: Settings = DEFAULTS,
) -> Flow[Enrolment]:
    """Ask by p10cr for the certificate that a PKCS #10 request describes. RFC 9810, 5.3.3; RFC 9483, 4.1.4.

    The other arguments, and what is raised, are those of `enroll`.
    """
    if not isinstance(csr, CertificationRequest):
        raise TypeError(f"csr: expected a CertificationRequest, not {type(csr).__name__}")
    info = csr.certification_request_info
    transaction = Transaction(credential, settings, info.subject if len(info.subject) else None, None)
    confirming = _confirming(implicit_confirm, disable_confirm, check)
    return _obtain(transaction, PKIBody(p10cr=csr), "cp", info.subject_pk_info, confirming)


def _confirming(implicit: bool, disabled: bool, check: Check | None) -> _Confirming:
    if implicit and disabled:
        raise LocalProtocolError("implicit_confirm and disable_confirm exclude each other")
    return _Confirming(implicit=implicit, disabled=disabled, check=check)


def _certify(
    body: Literal["ir", "cr", "kur"],
    wish: Wish,
    reference: CertificateFacts | None,
    credential: Protector | None,
    confirming: _Confirming,
    settings: Settings,
) -> Flow[Enrolment]:
    request = certificate_request(wish, reference, body == "kur", settings.clock(), CERT_REQ_ID)
    sender = request.subject or (reference.subject if reference is not None else None)
    transaction = Transaction(credential, settings, sender, request.issuer)
    messages = CertReqMessages([request.message])
    return _obtain(transaction, PKIBody.from_plain({body: messages}), _ANSWER[body], request.public_key, confirming)


# --- The conversation ---


def _obtain(
    transaction: Transaction,
    request: PKIBody,
    expected: str,
    public_key: SubjectPublicKeyInfo,
    confirming: _Confirming,
) -> Flow[Enrolment]:
    """Send the request, wait for the certificate, look at it, confirm or refuse it."""
    general_info = (IMPLICIT_CONFIRM,) if confirming.implicit else ()
    cert_req_id = WHOLE_MESSAGE if request.p10cr is not None else CERT_REQ_ID
    answer = yield from transaction.exchange(request, expected, general_info=general_info)
    response = yield from _response(transaction, answer, cert_req_id)
    if response.status.status == PKIStatus.WAITING:
        answer = yield from transaction.poll(response.cert_req_id, expected)
        response = yield from _response(transaction, answer, cert_req_id)
    certificate = yield from _certificate(transaction, answer, response)

    extra_certs = tuple(answer.message.extra_certs or ())
    ca_pubs = tuple(answer.message.body.value.ca_pubs or ())
    transaction.report("debug", "trying to build chain for newly enrolled cert")
    chain = build_chain(certificate, (*extra_certs, *ca_pubs, *transaction.settings.untrusted))
    transaction.report("debug", "success building approximate chain for newly enrolled cert")
    granted = confirming.implicit and asks_implicit_confirm(answer.message.header)
    confirmation = yield from _confirm(
        transaction, certificate, chain, response.cert_req_id, public_key, confirming, granted
    )
    return Enrolment(
        certificate=certificate,
        chain=chain,
        ca_pubs=ca_pubs,
        extra_certs=extra_certs,
        status_info=response.status,
        confirmation=confirmation,
        transaction_id=transaction.id,
        signer=answer.signer,
        rsp_info=response.rsp_info,
    )


def _response(transaction: Transaction, answer: Answer, cert_req_id: int) -> Flow[CertResponse]:
    """The only CertResponse of an answer, if it is to our request; RequestRejected if it says no."""
    responses = answer.message.body.value.response
    if len(responses) != 1:
        text = f"{len(responses)} certificate responses to one request"
        raise (yield from transaction.give_up(PKIFailureInfo.BAD_REQUEST, text))
    response: CertResponse = responses[0]
    expected = (cert_req_id,) if cert_req_id == CERT_REQ_ID else (WHOLE_MESSAGE, CERT_REQ_ID)  # some answer p10cr by 0
    if response.cert_req_id not in expected:
        raise (
            yield from transaction.give_up(
                PKIFailureInfo.BAD_REQUEST, "the certificate response is to another certReqId"
            )
        )
    if response.status.status == PKIStatus.REJECTION:
        transaction.report("error", f'received "rejection" status rather than cert: {described(response.status)}')
        raise RequestRejected(response.status, answer.authenticated)
    return response


def _certificate(transaction: Transaction, answer: Answer, response: CertResponse) -> Flow[Certificate]:
    """The certificate of a CertResponse whose status says that there is one."""
    status, report = response.status.status, transaction.report
    if status == PKIStatus.GRANTED_WITH_MODS:
        report("warning", 'received "grantedWithMods" for certificate')
    elif status == PKIStatus.REVOCATION_WARNING:
        report("warning", 'received "revocationWarning" - a revocation of the cert is imminent')
    elif status == PKIStatus.REVOCATION_NOTIFICATION:
        report("warning", 'received "revocationNotification" - a revocation of the cert has occurred')
    elif status == PKIStatus.KEY_UPDATE_WARNING and answer.message.body.kup is not None:
        report("warning", 'received "keyUpdateWarning" - the old certificate has been updated already')
    elif status != PKIStatus.ACCEPTED:
        text = f"PKIStatus {status_name(status)} does not go with a certificate"
        raise (yield from transaction.give_up(PKIFailureInfo.BAD_REQUEST, text))
    pair: CertifiedKeyPair | None = response.certified_key_pair
    certificate = None if pair is None or pair.private_key is not None else pair.cert_or_enc_cert.certificate
    if certificate is None:
        text = "no certificate came" if pair is None else "what came is encrypted, which was not asked for"
        raise (yield from transaction.give_up(PKIFailureInfo.BAD_DATA_FORMAT, text))
    return certificate


def _confirm(
    transaction: Transaction,
    certificate: Certificate,
    chain: Sequence[Certificate],
    cert_req_id: int,
    public_key: SubjectPublicKeyInfo,
    confirming: _Confirming,
    granted: bool,
) -> Flow[Confirmation]:
    """Confirm the certificate, or refuse it and raise RemoteProtocolError, unless nothing is to be sent at all."""
    silent = granted or confirming.disabled
    try:
        status, pvno3 = cert_status(certificate, cert_req_id)
        fits = same_key(facts(certificate).public_key, public_key)
    except DecodeError as error:
        text = "the certificate that came cannot be read"
        if silent:
            raise RemoteProtocolError(text) from error
        raise (yield from transaction.give_up(PKIFailureInfo.BAD_DATA_FORMAT, text)) from error
    pvno = 3 if pvno3 else 2
    refusal: str | None = "public key in new certificate does not match our enrollment key"
    try:
        if fits:
            refusal = confirming.check(certificate, chain) if confirming.check else None
    except Exception:
        if not silent:
            yield from transaction.last_word(_refusing(status, "CMP client could not check it"), pvno)
        raise
    if refusal is not None:
        transaction.report("error", f"rejecting newly enrolled cert: {printable(refusal)}")
        if not silent:
            yield from transaction.last_word(_refusing(status, refusal), pvno)
        raise RemoteProtocolError(f"the certificate that came was rejected: {refusal}")
    if silent:
        return Confirmation.IMPLICIT if granted else Confirmation.OMITTED
    answer = yield from transaction.exchange(PKIBody(cert_conf=CertConfirmContent([status])), "pkiconf", pvno)
    return Confirmation.CONFIRMED if answer.authenticated else Confirmation.UNAUTHENTICATED


def _refusing(status: CertStatus, text: str) -> PKIBody:
    """The certConf that refuses what `status` would accept."""
    info = status_info(PKIStatus.REJECTION, text, PKIFailureInfo.INCORRECT_DATA)
    return PKIBody(cert_conf=CertConfirmContent([status.replace(status_info=info)]))
