"""Hostile messages from somebody who knows the secret, over HTTP: mutants get a new MAC, so that they reach what lies behind it.

Invariant: each POST is answered by status 200 and a PKIMessage that our codec and OpenSSL's read, or by a 4xx; the process lives, its
memory is bounded, nothing in it fails (no traceback, no systemFailure), and no secret gets into its log. CMPCODEC_MUTANTS says how many.
"""

from __future__ import annotations

import collections
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from random import Random
from typing import Any

import pytest
from cryptography import x509

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.messages import NULL_DN, cert_hash
from cmpcodec.pkix import Certificate, Name
from tests.mutations import Mutator, tlv
from tests.protection.by_hand import algorithm, announcing, integer, pbm_algorithm
from tests.protection.test_verify import EVERY_OID, NEARLY, TOO_FEW, TOO_MANY, VALUES
from tests.server.support import KEYS, cert_request, certificates, rejected, rev_details

from .mutants import (
    COMMON_NAME,
    CONFIGURATION,
    ECDSA,
    KEY,
    READS,
    SECRET,
    SHARED,
    UNKNOWN,
    VECTORS,
    Breeder,
    Verdicts,
    attribute,
    directory_name,
    enrolled,
    header,
    protected,
    resident,
    signed,
)
from .support import Served, Wire

MUTANTS = int(os.environ.get("CMPCODEC_MUTANTS", "20000" if cmp.engine == "cython" else "4000"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("mutants")
    (folder / "cmpcodec.toml").write_text(CONFIGURATION)
    with Served(folder, ("--config", "cmpcodec.toml")) as served:
        yield served
        assert served.process.poll() is None
    log = served.log()
    for word in ("Traceback", SECRET.decode(), SECRET.hex(), KEY.hex(), "systemFailure"):
        assert word not in log, log[max(0, log.index(word) - 500) :][:3000]


def test_the_oracle_is_awake() -> None:
    good = (VECTORS / "ir-pbm-ec.2-ip.der").read_bytes()
    assert READS(good)
    assert not READS(good[:-1])
    assert not READS(good + b"\0")
    assert not READS(b"\x30\0")


# --- Vectors and malformed parameters ---


def test_every_vector(server: Served) -> None:
    """As it is; and with a header of today and the right MAC: then all bodies there are get behind the protection."""
    verdicts = Verdicts(server)
    files = sorted(VECTORS.rglob("*.der"))
    assert len(files) > 250
    with Wire(server.port) as wire:
        for file in files:
            der = file.read_bytes()
            verdicts.send(wire, der)
            message = cmp.decode(der)
            for fields in ({}, {"recip_nonce": bytes(16)}, {"general_info": message.header.general_info}):
                before = verdicts.authenticated
                verdicts.send(wire, protected(header(os.urandom(16), **fields) + message.body.der))
                assert verdicts.authenticated == before + 1, file.name
    print(dict(verdicts.kinds))
    assert verdicts.kinds["ip"] + verdicts.kinds["cp"] > 10
    assert len(verdicts.kinds) >= 8


def malformed_algorithms() -> Iterator[bytes]:
    for value in VALUES.values():
        yield algorithm(oids.ID_PASSWORD_BASED_MAC, value)
        if value not in (b"", VALUES["NULL"]):
            yield pbm_algorithm(owf=algorithm(oids.SHA256, value))
            yield pbm_algorithm(mac=algorithm(oids.HMAC_WITH_SHA256, value))
        for oid in (oids.ID_DH_BASED_MAC, oids.ID_PBMAC1, oids.SHA256_WITH_RSA_ENCRYPTION, oids.ECDSA_WITH_SHA256):
            yield algorithm(oid, value)
    for parts in NEARLY.values():
        yield algorithm(oids.ID_PASSWORD_BASED_MAC, tlv(0x30, *parts))
    for count in TOO_FEW + TOO_MANY:
        yield pbm_algorithm(count=integer(count))
    for octets in (b"\x7f" * 1024, b"\x80" * 1024, b"\x01" + bytes(2047), b"\x7f" * 2049, b"\x7f" * 60_000):
        yield pbm_algorithm(count=tlv(2, octets))
    for size in (0, 1, 7, 65, 1024, 1025, 100_000):
        yield pbm_algorithm(salt=bytes(size))
    for oid in EVERY_OID:
        yield pbm_algorithm(owf=algorithm(oid)) if oid not in (oids.SHA256,) else pbm_algorithm(owf=tlv(0x30))
        yield algorithm(oid, VALUES["NULL"])


def test_every_malformed_protection(server: Served) -> None:
    """None of them is worth a hash, so all are refused in little time; none of them ends the server (CVE-2026-63076)."""
    verdicts = Verdicts(server)
    began = time.process_time()
    count = 0
    with Wire(server.port) as wire:
        for der in malformed_algorithms():
            count += 1
            answer = verdicts.send(wire, announcing(der).der)
            assert answer is not None
            assert answer.body.error is not None
            verdict = ",".join(answer.body.error.pki_status_info.fail_info.names)
            assert verdict in ("BAD_ALG", "BAD_MESSAGE_CHECK", "BAD_DATA_FORMAT"), (verdict, der.hex())
    print(count, dict(verdicts.kinds), time.process_time() - began)
    assert verdicts.kinds["error BAD_ALG"] > count // 2
    assert count > 700


# --- Mutants ---


def test_mutants_with_the_right_mac(server: Served, record_property: Callable[[str, object], None]) -> None:
    verdicts, breeder = Verdicts(server), Breeder(*enrolled(server))
    verdicts.send_all(breeder.mutants, MUTANTS // 10, seed=1)
    before = resident(server.process.pid)
    pace = verdicts.send_all(breeder.mutants, MUTANTS, seed=100)
    grown = resident(server.process.pid) - before
    figures = f"{MUTANTS} mutants, {pace:.0f}/s, {len(verdicts.certificates)} certificates, {len(verdicts.keys)} keys, grown by {grown >> 10} kB"
    record_property("figures", figures)
    print(figures, dict(verdicts.kinds.most_common()), *verdicts.failures, sep="\n")
    assert grown < 32 << 20
    assert verdicts.failures == []
    verdicts.check_certificates()
    # A harness that has fallen asleep shows here.
    assert verdicts.authenticated > MUTANTS // 3
    assert len(verdicts.certificates) > MUTANTS // 50
    assert len(verdicts.kinds) > 10
    assert len(verdicts.keys) > MUTANTS // 200
    assert verdicts.kinds["popdecc"] > MUTANTS // 200


BAD_TEXTS = {
    "UTF8String": tlv(0x0C, b"d\xffvice"),
    "PrintableString": tlv(0x13, b"d\xffvice"),
    "IA5String": tlv(0x16, b"d\xffvice"),
    "BMPString of odd length": tlv(0x1E, b"dev"),
    "BMPString with half a character": tlv(0x1E, b"\xd8\x00"),
    "UniversalString": tlv(0x1C, b"abc"),
    "UniversalString beyond Unicode": tlv(0x1C, b"\xff\xff\xff\xff"),
    "BOOLEAN": tlv(1, b"\xff"),
    "no DER": tlv(1, b"\1\1"),
    "private": tlv(0xC5, b"x"),
    "context": tlv(0xA3, tlv(0x0C, b"device")),
    "SEQUENCE": tlv(0x30, tlv(0x0C, b"device")),
    "GeneralizedTime": tlv(0x18, b"never"),
    "TeletexString": tlv(0x14, b"d\xffvice"),
}
NAMES = {
    **{f"{name}, unknown attribute": directory_name(attribute(UNKNOWN, value)) for name, value in BAD_TEXTS.items()},
    **{f"{name}, commonName": directory_name(attribute(COMMON_NAME, value)) for name, value in BAD_TEXTS.items()},
    "other name": tlv(0xA0, tlv(6, UNKNOWN), tlv(0xA0, tlv(0x0C, b"d\xff"))),
    "x400": tlv(0xA3, tlv(0x30, tlv(0xA0))),
    "edi": tlv(0xA5, tlv(0xA1, tlv(0x0C, b"party"))),
    "mail": tlv(0x81, b"device@example"),
    "mail of zeros": tlv(0x81, bytes(3)),
    "address": tlv(0x87, b"12345"),
    "identifier": tlv(0x88, b"\x2a" + b"\xff" * 18 + b"\x7f"),
}


@pytest.mark.parametrize("form", NAMES)
def test_names_that_others_cannot_read(server: Served, form: str) -> None:
    """Neither the sender nor the issuer of an rr is repeated unless everybody can read it: see `Verdicts.send`."""
    verdicts = Verdicts(server)
    name = cmp.GeneralName.decode(NAMES[form])
    rr = cmp.PKIBody.from_plain({"rr": [rev_details(name.directory_name or NULL_DN.directory_name, 5, 1)]})
    for fields, kind in (({"sender": name}, "ip"), ({"sender": NULL_DN}, "rp")):
        body = rr if kind == "rp" else cmp.PKIBody.from_plain({"ir": [cert_request(0)]})
        with Wire(server.port) as wire:
            answer = verdicts.send(wire, protected(header(os.urandom(16), **fields) + body.der))
        assert answer is not None
        assert answer.body.name == kind
        assert answer.header.recipient in (fields["sender"], NULL_DN)


def nested_value(levels: int) -> bytes:
    value = tlv(0x0C, b"device")
    for _ in range(levels):
        value = tlv(0x30, value)
    return value


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (b"\x2a" + b"\xff" * 18 + b"\x7f", tlv(0x0C, b"device")),
        (b"\x2a" * 128, tlv(0x0C, b"device")),
        (b"\x55\4\3", nested_value(20)),
    ],
    ids=["one large arc", "many arcs", "deep"],
)
def test_subjects_that_no_certificate_can_have(server: Served, oid: bytes, value: bytes) -> None:
    """Met among the mutants: the CA signed these, and what it had signed `cryptography` could not read again."""
    subject = Name.decode(tlv(0x30, tlv(0x31, tlv(0x30, tlv(6, oid), value))))
    request = cert_request(0, None).cert_req
    request = request.replace(cert_template=request.cert_template.replace(subject=subject)).der
    proof = tlv(0xA1, ECDSA, signed(KEYS[0], request))
    verdicts = Verdicts(server)
    with Wire(server.port) as wire:
        body = tlv(0xA0, tlv(0x30, tlv(0x30, request, proof)))
        answer = verdicts.send(wire, protected(header(os.urandom(16)) + body))
    assert answer is not None
    assert not verdicts.failures
    if not verdicts.certificates:
        assert rejected(answer) == "BAD_CERT_TEMPLATE"


# --- Mutants within a transaction ---


class Talk:
    """A transaction from ir to certConf, and mutants of its own messages in between; what may come of it."""

    def __init__(self, verdicts: Verdicts, wire: Wire) -> None:
        self._verdicts = verdicts
        self._wire = wire
        self.transaction_id = os.urandom(16)
        self.confirmed = self.ended = False
        self._nonce: bytes | None = None
        first = protected(header(self.transaction_id) + cmp.PKIBody.from_plain({"ir": [cert_request(0)]}).der)
        answer = verdicts.send(wire, first)
        assert answer is not None
        (self.certificate,) = certificates(answer)
        self.nonce = answer.header.sender_nonce
        self.first, self.answer = first, answer.der

    def own(self) -> Sequence[dict[str, Any]]:
        right = {"cert_hash": cert_hash(self.certificate), "cert_req_id": 0}
        return (
            {"cert_conf": [right]},
            {"cert_conf": [right | {"status_info": {"status": 0}}]},
            {"cert_conf": [right | {"status_info": {"status": 2}}]},
            {"poll_req": [{"cert_req_id": 0}]},
            {"error": {"pki_status_info": {"status": 2}}},
            {"ir": [cert_request(0)]},
        )

    def mutant(self, random: Random) -> bytes:
        plain = random.choice(self.own())
        part = header(self.transaction_id, recip_nonce=self.nonce) + cmp.PKIBody.from_plain(plain).der
        if random.random() < 0.6:
            body = cmp.PKIBody.from_plain(plain).der
            return protected(part[: -len(body)] + Mutator(body).mutant(random))
        return protected(Mutator(part).mutant(random))

    def say(self, message: bytes) -> str:
        """Send a message of this transaction, and note what follows from it if the answer is pkiConf."""
        answer = self._verdicts.send(self._wire, message)
        assert answer is not None
        try:
            sent = cmp.decode(message)
            cmp.verify(answer, SHARED)
        except (cmp.DecodeError, cmp.ProtectionError):
            return answer.body.name  # nobody was authenticated
        if sent.header.transaction_id != self.transaction_id:
            return answer.body.name
        conf = sent.body.cert_conf
        if answer.body.name == "pkiconf" and conf is not None and not self.ended:
            assert sent.header.recip_nonce == self.nonce
            (*_, status) = [*conf, None] if not len(conf) else conf
            accepted = status is not None and (status.status_info is None or status.status_info.status == 0)
            if accepted:
                assert status.cert_req_id == 0
                assert status.cert_hash == cert_hash(self.certificate, status.hash_alg)
            self.confirmed, self.ended = accepted, True
        elif answer.body.name == "pkiconf" and not self.ended:
            assert sent.body.error is not None
            self.ended = True
        elif answer.body.error is not None and not self.ended:
            info = answer.body.error.pki_status_info.fail_info
            assert info is not None
            self.ended = "BAD_CERT_ID" in info.names and "revoked" in str(answer.body.error)
        return answer.body.name


def test_mutants_within_transactions(server: Served, record_property: Callable[[str, object], None]) -> None:
    """A certificate is valid exactly if its hash was confirmed by one who could, whatever came before and after."""
    verdicts, random = Verdicts(server), Random(7)
    talks, ways = [], collections.Counter[str]()
    with Wire(server.port) as wire:
        for _ in range(max(MUTANTS // 100, 40)):
            talk = Talk(verdicts, wire)
            for _ in range(random.randrange(1, 12)):
                talk.say(talk.mutant(random))
            ended = talk.ended
            right = {"cert_conf": [{"cert_hash": cert_hash(talk.certificate), "cert_req_id": 0}]}
            body = cmp.PKIBody.from_plain(right).der
            said = talk.say(protected(header(talk.transaction_id, recip_nonce=talk.nonce) + body))
            assert said == ("error" if ended else "pkiconf")
            assert talk.ended
            ways["before the end" if ended else "confirmed in the end"] += 1
            ways["valid" if talk.confirmed else "revoked"] += 1
            for _ in range(3):
                talk.say(talk.mutant(random))
            assert wire.post(talk.first) == talk.answer
            talks.append(talk)
    with closing(sqlite3.connect(server.folder / "cmpcodec-data/cmp.sqlite")) as connection:
        for talk in talks:
            rows = connection.execute(
                "SELECT status, der FROM certificates WHERE transaction_id = ?", (talk.transaction_id,)
            ).fetchall()
            assert rows == [("valid" if talk.confirmed else "revoked", talk.certificate.der)]
    assert verdicts.failures == []
    listed = {entry.serial_number for entry in x509.load_der_x509_crl(server.crl())}
    for talk in talks:
        assert (Certificate(talk.certificate.der).load().serial_number in listed) is not talk.confirmed
    print(dict(ways), dict(verdicts.kinds))
    record_property("figures", dict(ways))
    assert min(ways.values()) >= len(talks) // 20
