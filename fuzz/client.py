#!/usr/bin/env -S python3 -P
"""Invariant: whatever is answered, protected rightly or not, a flow ends with a result or a documented exception; and
certificate, caPubs, confirmation and authenticated refusals in what it ends with come from answers that the secret
protects and that belong to this transaction.

An input says which flow, and then a conversation (see `_steps.py`): answers as they are, or bodies and headers that are
put right and protected. Where it ends, the server answers as it should.
"""

from __future__ import annotations

import sys
from typing import Any

from fuzz import instrumented
from fuzz._guide import Guide
from fuzz._harness import Check, Floors, Target, run, vectors
from fuzz._mutator import elements
from fuzz._steps import KEY, MARK, MOST, steps
from tests.mutations import tlv

RAW, BODY, FITTED, WHOLE, RIGHT, BARE, FORGED, BODY_BARE, BODY_FORGED, LATE = range(0xA0, 0xAA)
FLOW = 0x80
FLOWS = ("ir", "cr", "kur", "p10cr", "rr")
ANSWERS = {"ir": "ip", "cr": "cp", "kur": "kup", "p10cr": "cp"}


def flow(number: int, errors_shown: bool = False, implicit: bool = False) -> bytes:
    return tlv(FLOW, bytes((number + 8 * errors_shown + 16 * implicit,)))


def seeds() -> dict[str, bytes]:
    """Each flow as it should be, and as it should be with a delay."""
    import cmpcodec as cmp
    from cmpcodec.messages import IMPLICIT_CONFIRM

    def body(**plain: Any) -> bytes:
        return cmp.PKIBody.from_plain(plain).der

    found = {}
    for number, kind in enumerate(FLOWS):
        start = flow(number)
        found[kind] = start + tlv(RIGHT) + tlv(RIGHT)
        found[f"{kind}, late"] = start + tlv(LATE) + tlv(LATE) + tlv(RIGHT) + tlv(RIGHT)
        if kind == "rr":
            found["rp"] = start + tlv(BODY, body(rp={"status": [{"status": 0}]}))
            continue
        pair = {"cert_or_enc_cert": {"certificate": cmp.CMPCertificate(tlv(0x30, tlv(4, MARK)))}}
        number = -1 if kind == "p10cr" else 0
        response = {"cert_req_id": number, "status": {"status": 0}, "certified_key_pair": pair}
        answer = body(**{ANSWERS[kind]: {"response": [response]}})
        found[f"{kind}, body"] = start + tlv(BODY, answer) + tlv(BODY, body(pkiconf=cmp.PKIConfirmContent()))
        info = cmp.GeneralInfo([IMPLICIT_CONFIRM])
        null = cmp.GeneralName(directory_name=cmp.Name([]))
        header = {"pvno": 2, "sender": null, "recipient": null, "general_info": info}
        octets = cmp.PKIHeader.from_plain(header).der + answer
        found[f"{kind}, implicit"] = flow(FLOWS.index(kind), implicit=True) + tlv(FITTED, octets)
    return found


def others() -> dict[str, bytes]:
    """What is to be refused: every vector, forged answers, refusals."""
    import cmpcodec as cmp

    found = {}
    refusal = cmp.PKIBody.from_plain({"error": {"pki_status_info": {"status": 2, "fail_info": 4}}}).der
    for number in range(len(FLOWS)):
        for tag in (BARE, FORGED):
            found[f"{number} {tag}"] = flow(number, errors_shown=True) + tlv(tag)
        for tag in (BODY, BODY_BARE, BODY_FORGED):
            found[f"{number} {tag} error"] = flow(number, errors_shown=bool(number & 1)) + tlv(tag, refusal)
            found[f"{number} {tag} later"] = flow(number, errors_shown=True) + tlv(RIGHT) + tlv(tag, refusal)
    for number, (file, data) in enumerate(list(vectors().items())[::3]):
        message = cmp.decode(data)
        parts = message.header.der + message.body.der
        found[f"{file} {number}"] = flow(number % 5) + tlv((RAW, WHOLE)[number & 1], (data, parts)[number & 1])
        found[f"{file} body"] = flow(number % 5) + tlv(BODY, message.body.der)
        found[f"{file} fitted"] = flow(number % 5, implicit=True) + tlv(FITTED, parts)
    return found


def prepare(guide: Guide) -> Check:
    instrumented.install()
    with guide.instrument():
        import cmpcodec as cmp
        from cmpcodec import errors
        from cmpcodec.client import (
            Confirmation,
            Enrolment,
            Revocation,
            Settings,
            Wait,
            enroll,
            request_pkcs10,
            revoke,
            update_key,
        )
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    from tests.client.peer import CA_KEY, NOW, OLD, Peer, certify, shared, unprotected, x509_name

    broken = (cmp.DecodeError, cmp.EncodeError, TypeError, AttributeError)
    certificate = certify("device-1", KEY.public_key(), "Issuing", CA_KEY)
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509_name("device-1")).sign(KEY, hashes.SHA256())
    request = cmp.CertificationRequest.decode(csr.public_bytes(Encoding.DER))
    credential, wrong = shared(), shared(b"a guess")

    def begin(options: int) -> Any:
        settings = Settings(clock=lambda: NOW, unprotected_errors=bool(options & 8), max_polls=5)
        more: dict[str, Any] = {"credential": credential, "settings": settings}
        kind = FLOWS[options % 8 % 5]
        if kind == "rr":
            return revoke(OLD, **more)
        more["implicit_confirm"] = bool(options & 16)
        if kind == "p10cr":
            return request_pkcs10(request, **more)
        if kind == "kur":
            return update_key(OLD, key=KEY, **more)
        return enroll(subject="CN=device-1", key=KEY, body=kind, **more)

    class Server:
        """Answers by the steps of the input, then as it should; `genuine` are the answers that may be believed."""

        def __init__(self, todo: list[tuple[int, bytes]]) -> None:
            self.todo = todo
            self.peer = Peer(certificate=certificate)
            self.genuine: list[Any] = []
            self.ids: set[bytes] = set()
            self.asked = 0

        def answer(self, request: Any) -> Any:
            self.asked += 1
            assert self.asked < 60, "the flow does not end"
            self.ids.add(request.header.transaction_id)
            self.peer.received.append(request)
            if request.body.name in (*ANSWERS, "rr"):
                self.peer.delayed = request
            tag, content = self.todo.pop(0) if self.todo else (RIGHT, b"")
            made, honest = self.made(request, tag, content)
            if honest:
                self.genuine.append(made)
            return made

        def made(self, request: Any, tag: int, content: bytes) -> tuple[Any, bool]:
            """An answer, and whether it is protected by the secret."""
            if tag == LATE:
                return self.late(request), True
            try:
                if tag == RAW:
                    return cmp.decode(content), False
                if tag in (BODY, BODY_BARE, BODY_FORGED):
                    answer = self.peer.message(request, self.filled(cmp.PKIBody.decode(content)))
                    return self.spoilt(request, answer, tag)
                if tag in (FITTED, WHOLE):
                    return self.whole(request, content, tag == FITTED), True
            except broken:
                guide.count("broken")
            return self.spoilt(request, self.right(request), tag)

        def right(self, request: Any) -> Any:
            asked = self.peer.delayed if request.body.poll_req is not None else request
            return self.peer.message(request, self.peer.final(asked))

        def late(self, request: Any) -> Any:
            if request.body.poll_req is None:
                waits = request.body.name in (*ANSWERS, "rr")
                return self.peer.message(request, self.peer.waiting(request)) if waits else self.right(request)
            number = request.body.poll_req[0].cert_req_id
            return self.peer.message(request, cmp.PKIBody(poll_rep=[cmp.PollRep(cert_req_id=number, check_after=1)]))

        def spoilt(self, request: Any, answer: Any, tag: int) -> tuple[Any, bool]:
            if tag in (BARE, BODY_BARE):
                return unprotected(request, answer), False
            if tag in (FORGED, BODY_FORGED):
                return cmp.protect(answer, wrong), False
            return answer, True

        def whole(self, request: Any, content: bytes, fit: bool) -> Any:
            """A message of a header and a body; the header is put into the transaction."""
            places = elements(content, 0, len(content))
            parts = [content[one.start : one.end] for one in places] + [b"", b""]
            header: Any = cmp.PKIHeader.decode(parts[0])
            body = cmp.PKIBody.decode(parts[1])
            if fit:
                header = header.replace(
                    pvno=request.header.pvno,
                    transaction_id=request.header.transaction_id,
                    recip_nonce=request.header.sender_nonce,
                    sender_nonce=len(self.peer.received).to_bytes(16, "big"),
                )
                body = self.filled(body)
            return cmp.protect(cmp.PKIMessage(header=header, body=body), credential)

        def filled(self, body: Any) -> Any:
            """The body with the right certificate where it says MARK."""
            content = body.ip or body.cp or body.kup
            if content is None or MARK not in body.der:
                return body
            responses = []
            for one in content.response:
                pair = one.certified_key_pair
                held = None if pair is None else pair.cert_or_enc_cert.certificate
                if held is not None and MARK in held.der:
                    one = one.replace(certified_key_pair=pair.replace(cert_or_enc_cert={"certificate": certificate}))
                responses.append(one)
            return cmp.PKIBody(**{body.name: content.replace(response=responses)})

    def believed(server: Server, body: str) -> list[Any]:
        """The answers with such a body that may be believed."""
        return [
            one for one in server.genuine if one.body.name in body.split() and one.header.transaction_id in server.ids
        ]

    def enrolled(result: Any, server: Server, shown: bool) -> None:
        assert result.certificate.load().public_key() == KEY.public_key()
        answers = [one.body.ip or one.body.cp or one.body.kup for one in believed(server, "ip cp kup")]
        pairs = [one.certified_key_pair for answer in answers for one in answer.response]
        held = [one.cert_or_enc_cert.certificate for one in pairs if one is not None]
        assert result.certificate.der in [one.der for one in held if one is not None], "a certificate of nobody"
        public = {one.der for answer in answers for one in answer.ca_pubs or ()}
        assert {one.der for one in result.ca_pubs} <= public, "caPubs of nobody"
        if result.confirmation is Confirmation.CONFIRMED:
            assert believed(server, "pkiconf"), "a confirmation of nobody"
        assert result.confirmation is not Confirmation.UNAUTHENTICATED or shown
        guide.count(result.confirmation)

    def check(data: bytes) -> bool:
        todo = list(steps(data))
        options = todo.pop(0)[1][:1] if todo and todo[0][0] == FLOW else b""
        number = options[0] if options else 0
        shown = bool(number & 8)
        server, run = Server(todo[:MOST]), begin(number)
        try:
            step = next(run)
            while True:
                step = run.send(None if isinstance(step, Wait) else cmp.decode(server.answer(step).der))
        except StopIteration as done:
            if isinstance(done.value, Enrolment):
                enrolled(done.value, server, shown)
            else:
                assert isinstance(done.value, Revocation)
                assert believed(server, "rp"), "a revocation of nobody"
            return True
        except errors.RequestRejected as error:
            assert str(error)
            assert not error.authenticated or server.genuine[-1:], "nobody has refused"
            assert error.authenticated or shown
            guide.count("rejected")
        except (errors.RemoteProtocolError, errors.ProtectionError) as error:
            guide.count(str(error)[:50])
        except cmp.DecodeError:  # nested too deep: no transport would hand it over
            guide.count("too deep")
            run.close()
        return False

    return check


TARGET = Target(
    "client",
    prepare,
    Floors(per_second=5, coverage=600, modules=15),
    seeds=seeds,
    others=others,
    refuses_more=False,
)

if __name__ == "__main__":
    sys.exit(run(TARGET))
