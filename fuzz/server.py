#!/usr/bin/env -S python3 -P
"""Invariant: whatever messages come, right or mutated, of strangers or of those who know the secret, in whatever order:
each is answered by a PKIMessage that is no systemFailure, protected for whom it is for; a stranger changes nothing; and
a certificate moves between its states only by the messages that may move it, sent by whom it belongs to.

An input is a conversation (see `_steps.py`), so mutants get behind the MAC. The Responder has a store in memory.
"""

from __future__ import annotations

import hmac
import sys
from datetime import timedelta
from typing import Any

from fuzz import instrumented
from fuzz._guide import Guide
from fuzz._harness import Check, Floors, Target, run, vectors
from fuzz._steps import KEY, MARK, SERIAL, named, proven, put_right, steps
from tests.mutations import tlv

RAW, WHOLE, NEW, NEXT, STOLEN, FITTED, LATER, AGAIN, OTHERS = 0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0x86, 0xA7, 0xA8
SALT = bytes(range(16))
SECRETS = {b"device": b"correct horse", b"other": b"battery staple"}


def seeds() -> dict[str, bytes]:
    """Whole transactions, and the vectors."""
    import cmpcodec as cmp
    from cmpcodec.messages import IMPLICIT_CONFIRM, NULL_DN
    from cmpcodec.pkix import CertificationRequest
    from tests.server.support import cert_request, name, pkcs10, rev_details

    signature = {"algorithm_identifier": {"algorithm": cmp.oids.ECDSA_WITH_SHA256}, "signature": cmp.BitString(MARK)}

    def body(**plain: Any) -> bytes:
        return cmp.PKIBody.from_plain(plain).der

    def request(number: int = 0, **more: Any) -> Any:
        return cert_request(number, key=KEY, popo=cmp.ProofOfPossession.from_plain({"signature": signature}), **more)

    csr = CertificationRequest.decode(pkcs10(KEY, sans=["a.example"]).der).replace(signature=cmp.BitString(MARK))
    issuer = name("Test CA")
    info = cmp.GeneralInfo([IMPLICIT_CONFIRM]).der
    confirm = body(cert_conf=[{"cert_hash": MARK, "cert_req_id": 0}])
    enrol = tlv(NEW, body(ir=[request()]))
    at_once = tlv(NEW, info, body(ir=[request()]))
    renew = tlv(NEW, body(kur=[request(subject=None, old=(issuer, SERIAL))]))
    fields = {"pvno": 2, "sender": NULL_DN, "recipient": NULL_DN, "transaction_id": MARK * 4, "sender_nonce": bytes(16)}
    whole = cmp.PKIHeader.from_plain(fields).der + body(ir=[request()])

    def revoke(tag: int, reason: int | None) -> bytes:
        return tlv(tag, body(rr=[rev_details(issuer, SERIAL, reason)]))

    return {
        "enrolment": enrol + tlv(NEXT, confirm),
        "again": enrol + tlv(AGAIN) + tlv(NEXT, confirm) + tlv(AGAIN),
        "implicit": at_once + revoke(NEW, 1) + revoke(NEW, None),
        "held": at_once + revoke(NEW, 6) + revoke(NEW, 8) + revoke(NEW, 1),
        "held for good": at_once + revoke(NEW, 6) + revoke(NEW, 1),
        "foreign": at_once + revoke(OTHERS, 1) + tlv(OTHERS, body(cr=[request()])) + tlv(NEXT, confirm),
        "stolen": enrol + tlv(STOLEN, confirm) + tlv(NEXT, confirm),
        "late": enrol + tlv(LATER, (400).to_bytes(2, "big")) + tlv(NEXT, confirm),
        "refused": enrol + tlv(NEXT, body(cert_conf=[])),
        "error": enrol + tlv(NEXT, body(error={"pki_status_info": {"status": 2}})),
        "p10cr": tlv(NEW, cmp.PKIBody(p10cr=csr).der) + tlv(NEXT, confirm),
        "renewal": at_once + renew + tlv(NEXT, confirm),
        "two": tlv(NEW, body(ir=[request(0), request(1, subject="second")])) + tlv(NEXT, confirm),
        "poll": tlv(NEW, body(ir=[request(subject="slow")]))
        + tlv(NEXT, body(poll_req=[{"cert_req_id": 0}]))
        + tlv(LATER, b"\x28")
        + tlv(NEXT, body(poll_req=[{"cert_req_id": 0}]))
        + tlv(NEXT, confirm),
        "fitted": enrol + tlv(FITTED, whole) + tlv(FITTED, cmp.PKIHeader.from_plain(fields).der + confirm),
        "unprotected": enrol + tlv(RAW, tlv(0x30, whole)) + tlv(WHOLE, whole),
        "wider": tlv(NEW, body(ir=[request(extensions=[{"extn_id": "2.5.29.17", "extn_value": b"0\3\x82\1a"}])])),
    }


def others() -> dict[str, bytes]:
    """The vectors: as they are, their bodies with a right header, their headers put right."""
    import cmpcodec as cmp

    found = {}
    for file, data in list(vectors().items())[::3]:
        message = cmp.decode(data)
        found[file] = tlv(RAW, data)
        found[f"{file} inside"] = tlv(NEW, message.body.der)
        found[f"{file} around"] = tlv(FITTED, message.header.der, message.body.der)
    return found


def prepare(guide: Guide) -> Check:
    instrumented.install()
    with guide.instrument():
        import cmpcodec as cmp
        from cmpcodec import oids
        from cmpcodec._engine import pbm_key
        from cmpcodec.authority import Delayed
        from cmpcodec.cmp import PKIFailureInfo
        from cmpcodec.messages import NULL_DN, cert_hash
        from cmpcodec.server import SharedSecrets
        from cmpcodec.server.ports import CertificateStatus
        from cmpcodec.store import MemoryStore
    from cryptography import x509

    from tests.protection.by_hand import pbm_algorithm
    from tests.server.support import Server, authority

    algorithm = cmp.AlgorithmIdentifier.decode(pbm_algorithm(SALT))
    keys = {kid: pbm_key(secret, SALT, "sha256", 100) for kid, secret in SECRETS.items()}
    shared = {kid: cmp.PasswordBasedMAC(secret) for kid, secret in SECRETS.items()}
    errors = (cmp.DecodeError, cmp.EncodeError, TypeError, AttributeError, ValueError)
    authorities = authority()
    status = CertificateStatus
    # What may move a certificate: the kinds of body, from -> to. Time may revoke what was not confirmed.
    moves = {
        (None, status.UNCONFIRMED): {"ir", "cr", "kur", "p10cr", "poll_req"},
        (None, status.VALID): {"ir", "cr", "kur", "p10cr", "poll_req"},
        (status.UNCONFIRMED, status.VALID): {"cert_conf"},
        (status.UNCONFIRMED, status.REVOKED): {"cert_conf", "error", "rr", "time"},
        (status.VALID, status.HELD): {"rr"},
        (status.VALID, status.REVOKED): {"rr"},
        (status.HELD, status.VALID): {"rr"},
        (status.HELD, status.REVOKED): {"rr"},
    }

    seen: set[Any] = set()

    class Recording(MemoryStore):
        """Tells how often something was changed, and which certificates there are."""

        def __init__(self) -> None:
            super().__init__()
            self.changes = 0
            self.names: list[tuple[bytes, int]] = []
            self.requests: set[Any] = set()

        def apply(self, change: Any) -> None:
            super().apply(change)
            self.changes += 1
            for one in change.issued:
                request = (one.transaction, one.cert_req_id)
                assert request not in self.requests, "two certificates for one request"
                self.requests.add(request)
                self.names.append((one.issuer, one.serial))

        def all(self) -> dict[tuple[bytes, int], Any]:
            return {name: self.certificate(*name) for name in self.names}

    class SometimesSlow(Delayed):
        def issue(self, order: Any, now: Any) -> Any:
            slow = order.subject is not None and order.subject.der.find(b"slow") >= 0
            return super().issue(order, now) if slow else self.authority.issue(order, now)

        authority = authorities

    def protected(part: bytes, kid: bytes) -> bytes:
        mac = hmac.digest(keys[kid], tlv(0x30, part), "sha256")
        return tlv(0x30, part, tlv(0xA0, tlv(3, b"\0", mac)))

    class Conversation:
        def __init__(self) -> None:
            self.store = Recording()
            slow = SometimesSlow(authorities, 30, {"issue"})
            self.server = Server(self.store, settings={"authority": slow, "lookup": SharedSecrets(SECRETS)})
            self.number = 0
            self.kid, self.transaction_id, self.nonce = b"device", bytes(16), None
            self.certificate: bytes | None = None
            self.serial = 0
            self.last = b""
            self.good = False

        def header(self, fields: dict[str, Any]) -> bytes:
            self.number += 1
            plain = {
                "pvno": 2,
                "sender": NULL_DN,
                "recipient": NULL_DN,
                "message_time": self.server.clock(),
                "protection_alg": algorithm,
                "sender_kid": self.kid,
                "transaction_id": self.transaction_id,
                "sender_nonce": self.number.to_bytes(16, "big"),
                "recip_nonce": self.nonce,
            }
            return bytes(cmp.PKIHeader.from_plain(plain | fields).der)

        def body(self, octets: bytes) -> bytes:
            """A body with the right certHash, serial number and proofs where it says MARK."""
            if MARK not in octets:
                return octets
            try:
                body: Any = cmp.PKIBody.decode(octets)
            except cmp.DecodeError:
                return octets
            body = put_right(
                body,
                self.hashed,
                lambda body: named(cmp, oids.ID_REG_CTRL_OLD_CERT_ID, body, self.serial),
                lambda body: proven(cmp, body),
                failing=errors,
            )
            return bytes(body.der)

        def hashed(self, body: Any) -> Any:
            if body.cert_conf is None or self.certificate is None:
                return body
            digest = cert_hash(cmp.CMPCertificate(self.certificate))
            return cmp.PKIBody(
                cert_conf=[one.replace(cert_hash=digest) if one.cert_hash == MARK else one for one in body.cert_conf]
            )

        def message(self, tag: int, content: bytes) -> bytes:
            """The message of a step."""
            if tag in (NEW, OTHERS):
                self.kid = b"other" if tag == OTHERS else b"device"
                self.number += 1
                self.transaction_id, self.nonce = b"t%015d" % self.number, None
            if tag in (NEW, NEXT, OTHERS, STOLEN):
                parts = content_parts(content)
                info = {} if len(parts) < 2 else general_info(parts[0])
                kid = b"other" if tag == STOLEN and self.kid == b"device" else self.kid
                header = self.header(info | ({"sender_kid": kid} if tag == STOLEN else {}))
                return protected(header + self.body(parts[-1] if parts else b""), kid)
            if tag == WHOLE:
                return protected(content, b"device")
            if tag == FITTED:
                return self.fitted(content)
            return self.last if tag == AGAIN else content

        def fitted(self, content: bytes) -> bytes:
            """Header and body, of which the header is put into the transaction."""
            parts = content_parts(content)
            if len(parts) != 2:
                return protected(content, self.kid)
            try:
                header: Any = cmp.PKIHeader.decode(parts[0])
            except cmp.DecodeError:
                return protected(content, self.kid)
            self.number += 1
            header = header.replace(
                pvno=2,
                protection_alg=algorithm,
                sender_kid=self.kid,
                transaction_id=self.transaction_id,
                sender_nonce=self.number.to_bytes(16, "big"),
                recip_nonce=self.nonce,
                message_time=self.server.clock(),
            )
            return protected(header.der + self.body(parts[1]), self.kid)

        def step(self, tag: int, content: bytes) -> None:
            if tag == LATER:
                self.wait(int.from_bytes(content[:3], "big"))
                return
            message = self.message(tag, content)
            before, changes = self.store.all(), self.store.changes
            answer = self.server.respond(message)
            sent, kid = self.judged(message, answer)
            self.last = message
            after = self.store.all()
            assert self.store.changes - changes in (0, 1)
            if kid is None:
                assert self.store.changes == changes, "a stranger has changed something"
            kind = sent.body.name if sent is not None else ""
            for name, one in after.items():
                old = before[name].status if name in before else None
                if old is not one.status:
                    assert kind in moves.get((old, one.status), ()), (kind, old, one.status)
                    assert one.requester == f"kid:{kid.hex()}", "moved by somebody else"
                    guide.count((kind, old, one.status))
                    seen.add((old, one.status))
                    self.issued(one, sent, old)

        def issued(self, one: Any, sent: Any, old: Any) -> None:
            """Look at a certificate that is new or has moved."""
            if old is None:
                certificate = x509.load_der_x509_certificate(one.der)
                assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
                if one.status is status.VALID and sent.body.poll_req is None:
                    asked = {info.info_type for info in sent.header.general_info or ()}
                    assert oids.ID_IT_IMPLICIT_CONFIRM in asked, "not confirmed, and valid"
                self.certificate, self.serial = one.der, one.serial
            elif one.status is status.VALID and sent.body.cert_conf is not None:
                (confirmed,) = sent.body.cert_conf if len(sent.body.cert_conf) == 1 else (None,)
                if confirmed is not None:
                    assert confirmed.cert_hash == cert_hash(cmp.CMPCertificate(one.der), confirmed.hash_alg)
                    assert sent.header.transaction_id == one.transaction.transaction_id

        def judged(self, message: bytes, answer: Any) -> tuple[Any, bytes | None]:
            """What was sent, and whose secret protects it; the answer is looked at."""
            reply: Any = cmp.decode(answer.der)
            info = reply.body.error.pki_status_info if reply.body.error is not None else None
            if info is not None and info.fail_info is not None:
                assert PKIFailureInfo.SYSTEM_FAILURE not in info.fail_info, (answer.detail, message.hex())
                guide.count(str(info.fail_info))
            guide.count(reply.body.name)
            try:
                sent: Any = cmp.decode(message)
            except cmp.DecodeError:
                assert info is not None
                return None, None
            kid = sent.header.sender_kid
            if kid not in shared:
                return sent, None
            try:
                cmp.verify(sent, shared[kid])
            except cmp.ProtectionError:
                return sent, None
            cmp.verify(reply, shared[kid])
            assert reply.header.recip_nonce == sent.header.sender_nonce
            assert reply.header.transaction_id == sent.header.transaction_id
            if reply.body.error is None and sent.header.transaction_id == self.transaction_id:
                self.nonce = reply.header.sender_nonce
            self.good = self.good or reply.body.error is None
            return sent, kid

        def wait(self, seconds: int) -> None:
            self.server.clock.now += timedelta(seconds=seconds)
            before = self.store.all()
            self.server.responder.sweep()
            for name, one in self.store.all().items():
                old = before[name].status
                assert old is one.status or "time" in moves[old, one.status]

    def content_parts(content: bytes) -> list[bytes]:
        from fuzz._mutator import elements

        return [content[one.start : one.end] for one in elements(content, 0, len(content))][:3]

    def general_info(octets: bytes) -> dict[str, Any]:
        try:
            return {"general_info": cmp.GeneralInfo.decode(octets)}
        except cmp.DecodeError:
            return {}

    def check(data: bytes) -> bool:
        talk = Conversation()
        for tag, content in steps(data):
            talk.step(tag, content)
            if talk.server.clock.now.year > 2200:
                break
        return talk.good

    for data in seeds().values():
        check(data)
    assert seen == set(moves), f"not reached: {set(moves) - seen}"
    return check


TARGET = Target(
    "server",
    prepare,
    Floors(per_second=5, coverage=1100, modules=15),
    seeds=seeds,
    others=others,
    refuses_more=False,
)

if __name__ == "__main__":
    sys.exit(run(TARGET))
