"""A CMP server for tests of the client: answers as it should, unless a test makes it answer otherwise. No sockets.

It is independent of the package's own server, and as simple as can be: it remembers what it received, and no state.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import NameOID

import cmpcodec as cmp
from cmpcodec.client import Level, Wait
from cmpcodec.messages import IMPLICIT_CONFIRM, status_info

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECRET = b"mySecret"
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
ANSWER_TO = {"ir": "ip", "cr": "cp", "p10cr": "cp", "kur": "kup"}

Change = Callable[[cmp.PKIMessage, cmp.PKIMessage], cmp.PKIMessage]
"""From the request and the answer that would be right, another answer."""


def shared(secret: bytes = SECRET) -> cmp.PasswordBasedMAC:
    return cmp.PasswordBasedMAC(secret, sender_kid=b"device-1", iterations=100)


def x509_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certify(
    subject: str,
    public_key: Any,
    issuer: str,
    issuer_key: Any,
    *,
    ca: bool = False,
    sans: Sequence[str] = (),
    algorithm: Any = "sha256",
) -> cmp.CMPCertificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509_name(subject))
        .issuer_name(x509_name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if sans:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(one) for one in sans]), critical=False
        )
    signed = builder.sign(issuer_key, hashes.SHA256() if algorithm == "sha256" else algorithm)
    return cmp.CMPCertificate(signed.public_bytes(Encoding.DER))


ROOT_KEY = ec.generate_private_key(ec.SECP256R1())
CA_KEY = ec.generate_private_key(ec.SECP256R1())
ROOT = certify("Root", ROOT_KEY.public_key(), "Root", ROOT_KEY, ca=True)
CA = certify("Issuing", CA_KEY.public_key(), "Root", ROOT_KEY, ca=True)
OLD = certify("device-1", OTHER_KEY.public_key(), "Issuing", CA_KEY, sans=["device-1.example"])


class Reports:
    """Remembers what a client reports."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, level: Level, text: str) -> None:
        self.lines.append(f"{level} {text}")

    def __contains__(self, text: str) -> bool:
        return any(text in line for line in self.lines)


class Peer:
    """The server. `changes` replace its answers, one after the other; None leaves one as it is."""

    def __init__(self, *changes: Change | None, delays: int = 0, check_after: int = 5, **options: Any) -> None:
        self.changes = list(changes)
        self.delays = delays
        self.check_after = check_after
        self.options = options
        self.credential = shared()
        self.received: list[cmp.PKIMessage] = []
        self.delayed: cmp.PKIMessage | None = None

    def __call__(self, request: cmp.PKIMessage) -> cmp.PKIMessage:
        request = cmp.decode(request.der)
        cmp.verify(request, self.credential)
        self.received.append(request)
        answer = self.answer(request)
        change = self.changes.pop(0) if self.changes else None
        return cmp.decode((answer if change is None else change(request, answer)).der)

    @property
    def kinds(self) -> list[str]:
        """The kinds of message that came."""
        return [one.body.name for one in self.received]

    def answer(self, request: cmp.PKIMessage) -> cmp.PKIMessage:
        kind = request.body.name
        if kind in ("ir", "cr", "kur", "p10cr", "rr") and self.delays:
            self.delayed = request
            return self.message(request, self.waiting(request))
        if kind == "poll_req":
            assert self.delayed is not None
            if self.delays > 1:
                self.delays -= 1
                number = request.body.poll_req[0].cert_req_id
                rep = cmp.PollRep(cert_req_id=number, check_after=self.check_after, reason=["be \x1b[31mpatient"])
                return self.message(request, cmp.PKIBody(poll_rep=[rep]))
            return self.message(request, self.final(self.delayed), granted=self.granted(self.delayed))
        return self.message(request, self.final(request), granted=self.granted(request))

    def granted(self, request: cmp.PKIMessage) -> bool:
        asked = any(one.info_type == IMPLICIT_CONFIRM.info_type for one in request.header.general_info or ())
        return self.options.get("grants", False) and (asked or self.options.get("grants") == "always")

    def waiting(self, request: cmp.PKIMessage) -> cmp.PKIBody:
        if request.body.name == "rr" or self.options.get("delay_by_error"):
            return error_body(cmp.PKIStatus.WAITING)
        return self.certificate_response(request, status=cmp.PKIStatus.WAITING)

    def final(self, request: cmp.PKIMessage) -> cmp.PKIBody:
        if request.body.name in ANSWER_TO:
            return self.certificate_response(request)
        if request.body.rr is not None:
            status = self.options.get("status", cmp.PKIStatus.ACCEPTED)
            return cmp.PKIBody(rp=cmp.RevRepContent.from_plain({"status": [{"status": status}]}))
        return cmp.PKIBody(pkiconf=cmp.PKIConfirmContent())

    def certificate_response(self, request: cmp.PKIMessage, status: Any = None, certificate: Any = None) -> cmp.PKIBody:
        """An ip, cp or kup: with a certificate if the status says so."""
        status = self.options.get("status", cmp.PKIStatus.ACCEPTED) if status is None else status
        response: dict[str, Any] = {
            "cert_req_id": self.options.get("cert_req_id", -1 if request.body.p10cr is not None else 0),
            "status": {"status": status},
        }
        if status not in (cmp.PKIStatus.WAITING, cmp.PKIStatus.REJECTION):
            certificate = certificate or self.options.get("certificate") or self.certificate(request)
            response["certified_key_pair"] = {"cert_or_enc_cert": {"certificate": certificate}}
        ca_pubs = [ROOT] if response.get("certified_key_pair") else None
        return cmp.PKIBody.from_plain({ANSWER_TO[request.body.name]: {"ca_pubs": ca_pubs, "response": [response]}})

    def certificate(self, request: cmp.PKIMessage, key: Any = None) -> cmp.CMPCertificate:
        body = request.body
        if body.p10cr is not None:
            info = body.p10cr.certification_request_info.subject_pk_info
        else:
            info = body.value[0].cert_req.cert_template.public_key
        algorithm = self.options.get("algorithm", "sha256")
        key = key or load_der_public_key(info.der)
        return certify("device-1", key, "Issuing", self.options.get("ca_key", CA_KEY), algorithm=algorithm)

    def message(
        self, request: cmp.PKIMessage, body: cmp.PKIBody, granted: bool = False, **header: Any
    ) -> cmp.PKIMessage:
        """A protected answer to `request`, with the fields of its header as they should be or as given."""
        fields: dict[str, Any] = {
            "pvno": request.header.pvno,
            "sender": cmp.GeneralName(directory_name=cmp.Name([])),
            "recipient": request.header.sender,
            "message_time": NOW,
            "transaction_id": request.header.transaction_id,
            "sender_nonce": len(self.received).to_bytes(16),
            "recip_nonce": request.header.sender_nonce,
            "general_info": [IMPLICIT_CONFIRM] if granted else None,
        }
        certificates = [cmp.CMPCertificate(b"\x30\x03\x02\x01\x07"), CA] if body.name in ("ip", "cp", "kup") else None
        unprotected = cmp.PKIMessage.from_plain({"header": fields | header, "body": body, "extra_certs": certificates})
        return cmp.protect(unprotected, self.credential)

    # --- changes ---

    def saying(self, body: cmp.PKIBody, **header: Any) -> Change:
        """Another body, or other header fields, well protected."""
        return lambda request, answer: self.message(request, body, **header)

    def with_header(self, **header: Any) -> Change:
        """The right answer with other header fields, well protected."""
        return lambda request, answer: cmp.protect(
            answer.replace(header=answer.header.replace(**header)), self.credential
        )


def unprotected(request: cmp.PKIMessage, answer: cmp.PKIMessage) -> cmp.PKIMessage:
    """The right answer, but without protection."""
    return answer.replace(header=answer.header.replace(protection_alg=None), protection=None)


def forged(request: cmp.PKIMessage, answer: cmp.PKIMessage) -> cmp.PKIMessage:
    """The right answer, but protected with another secret."""
    return cmp.protect(answer, shared(b"a guess"))


def both(first: Change, second: Change) -> Change:
    """One change after the other."""
    return lambda request, answer: second(request, first(request, answer))


def error_body(
    status: Any = cmp.PKIStatus.REJECTION, fail_info: Any = cmp.PKIFailureInfo.BAD_MESSAGE_CHECK, text: str = "no"
) -> cmp.PKIBody:
    info = status_info(status, text, None if status == cmp.PKIStatus.WAITING else fail_info)
    return cmp.PKIBody(error=cmp.ErrorMsgContent(pki_status_info=info))


def drive(flow: Generator[Any, Any, Any], send: Callable[[cmp.PKIMessage], cmp.PKIMessage]) -> Any:
    """Run a flow without waiting; the shortest driver that there can be."""
    try:
        step = next(flow)
        while True:
            step = flow.send(None if isinstance(step, Wait) else send(step))
    except StopIteration as done:
        return done.value
