"""Authentic messages whose content is hostile: everything gets an answer, and nothing makes the server fail.

What is wrong in them is the requester's fault: systemFailure, or a `detail` for the operator, means that a request
got at something that was not prepared for it.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

import cmpcodec as cmp
from cmpcodec.asn1 import BitString, compile_type
from cmpcodec.cmp import PKIBody
from cmpcodec.crmf import POPOPrivKey, ProofOfPossession, SubsequentMessage
from cmpcodec.enveloping.algorithms import public_key_info
from cmpcodec.enveloping.generating import KEY_KINDS
from cmpcodec.pkix import SubjectPublicKeyInfo
from cmpcodec.pop import prove_by_agreement, prove_identity
from cmpcodec.server import Answer
from cmpcodec.store import MemoryStore
from tests.mutations import Mutator
from tests.server.challenged import answered, challenged
from tests.server.support import KEYS, SECRET, Device, Server, cert_request, pkcs10, rev_details
from tests.server.test_key_generation import generation, wanting
from tests.strategies import records

compile_type(PKIBody)
compile_type(cmp.PKIHeader)

STATIC = ec.generate_private_key(ec.SECP256R1())
EVERYTHING = {"key_generation": generation("ec-p256", "x25519"), "agreement_key": STATIC}
"""A server that takes every proof and makes keys."""


def agreed() -> cmp.CertReqMsg:
    asked = cert_request(popo=None).cert_req
    return cmp.CertReqMsg(cert_req=asked, popo=prove_by_agreement(asked, KEYS[0], public_key_info(STATIC)))


def by_secret() -> cmp.CertReqMsg:
    secret = cmp.PasswordBasedMAC(SECRET, iterations=100)
    return cert_request(public_key=None, popo=prove_identity(secret, KEYS[0]))


def later(message: SubsequentMessage) -> ProofOfPossession:
    return ProofOfPossession(key_agreement=POPOPrivKey(subsequent_message=message))


PROOFS: dict[str, cmp.CertReqMsg | None] = {
    "a key to be made": wanting("ec-p256"),
    "a challenge": challenged(KEYS[0]),
    "encrCert": cert_request(popo=later(SubsequentMessage.ENCR_CERT)),
    "publicKeyMAC": by_secret(),
    "agreeMAC": agreed(),
    "popdecr": None,
}  # fmt: skip
"""Requests whose proof takes version 3, and the answer to a challenge."""

VECTORS = sorted((Path(__file__).parent.parent / "vectors").glob("*.der"))


def checked(device: Device, message: cmp.PKIMessage) -> Answer:
    """The answer to a message that is protected by the device's secret."""
    answer = device.server.respond(cmp.protect(message, device.credential).der)
    assert answer.detail == "", answer
    assert answer.fail_info is None or cmp.PKIFailureInfo.SYSTEM_FAILURE not in answer.fail_info
    received = cmp.decode(answer.der)
    cmp.verify(received, cmp.PasswordBasedMAC(device.secret))
    assert answer.requester == "kid:646576696365"
    assert received.body.name == answer.body
    issuer = device.server.issuer.der
    for serial in answer.serials:
        assert device.server.store.certificate(issuer, serial) is not None
    return answer


@pytest.fixture(scope="module")
def module_server() -> Server:
    return Server(MemoryStore())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda path: path.stem)
def test_every_vector_protected_with_the_right_secret(module_server: Server, vector: Path) -> None:
    try:
        message = cmp.decode(vector.read_bytes())
    except cmp.DecodeError:
        pytest.skip("no PKIMessage: test_strangers has those")
    device = Device(module_server)
    checked(device, message)
    header = message.header.replace(
        pvno=2,
        sender_kid=device.kid,
        transaction_id=device.transaction_id,
        sender_nonce=os.urandom(16),
        recip_nonce=None,
        message_time=None,
        general_info=None,
    )
    checked(device, message.replace(header=header))


def fresh(body: PKIBody, device: Device, recip_nonce: bytes | None = None) -> cmp.PKIMessage:
    return cmp.decode(device.message(body, credential=None, recip_nonce=recip_nonce))


BODIES = records(cmp.PKIMessage).map(lambda message: message.body)  # no deeper than a message may hold


@settings(max_examples=200, deadline=None)
@given(body=BODIES, pvno=st.sampled_from([2, 3]))
def test_any_body(body: PKIBody, pvno: int) -> None:
    with closing(MemoryStore()) as store:
        device = Device(Server(store, settings=EVERYTHING))
        message = fresh(body, device)
        checked(device, message.replace(header=message.header.replace(pvno=pvno)))


@settings(max_examples=60, deadline=None)
@given(body=BODIES, state=st.sampled_from(["challenged", "unconfirmed", "finished"]))
def test_any_body_within_a_transaction(body: PKIBody, state: str) -> None:
    with closing(MemoryStore()) as store:
        device = Device(Server(store))
        if state == "challenged":
            device.send({"ir": [challenged(KEYS[0])]}, pvno=3)
        else:
            certificate = device.enroll()
            if state == "finished":
                device.confirm((0, certificate))
        checked(device, fresh(body, device, device.server_nonce))


@settings(max_examples=100, deadline=None)
@given(header=records(cmp.PKIHeader))
def test_any_header(header: cmp.PKIHeader) -> None:
    with closing(MemoryStore()) as store:
        device = Device(Server(store))
        message = cmp.PKIMessage(header=header.replace(sender_kid=device.kid), body=fresh_body())
        checked(device, message)


def fresh_body() -> PKIBody:
    return PKIBody.from_plain({"ir": [cert_request()]})


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["ir", "kur", "p10cr", "rr", "cert_conf", *PROOFS])
def test_mutants_protected_with_the_right_secret(kind: str, seed: int) -> None:
    """Octets or elements spoilt; those mutants that are still strict DER get the right MAC."""
    random = Random(f"{kind} {seed}")
    read = 0
    with closing(MemoryStore()) as store:
        server = Server(store, settings=EVERYTHING)
        serial = Device(server).whole()
        contents = {
            "ir": [cert_request(validity={"not_after": {"utc_time": server.clock()}})],
            "kur": [cert_request(old=(server.issuer, serial))],
            "p10cr": pkcs10(sans=["a.example"]),
            "rr": [rev_details(server.issuer, serial, 1)],
            "cert_conf": [{"cert_hash": bytes(32), "cert_req_id": 0}],
            "popdecr": [1],
        }
        for number in range(150):
            device = Device(server, transaction_id=number.to_bytes(16))
            if kind == "cert_conf":
                device.enroll()
            if kind == "popdecr":
                challenges = device.send({"ir": [challenged(KEYS[0])]}, pvno=3)
                contents[kind] = list(answered(challenges, KEYS[0]))
            body = {"ir": [PROOFS[kind]]} if PROOFS.get(kind) else {kind: contents[kind]}
            pvno = 3 if kind in PROOFS else 2
            original = device.message(body, credential=None, sender_nonce=bytes(16), pvno=pvno)
            octets = Mutator(original).mutant(random)
            try:
                message = cmp.decode(octets)
            except cmp.DecodeError:
                assert server.respond(octets).fail_info == cmp.PKIFailureInfo.BAD_DATA_FORMAT
                continue
            if message.header.sender_kid == device.kid:
                checked(device, message)
                read += 1
    assert read > 5  # else the mutants are too wild to get anywhere


@pytest.mark.parametrize("kind", ["x25519", "x448"])
def test_a_point_of_low_order_proves_nothing(kind: str) -> None:
    """Everybody can agree with such a key, and decrypt what is encrypted for it: no proof is taken, nothing fails."""
    size = 32 if kind == "x25519" else 56
    low = SubjectPublicKeyInfo(algorithm=KEY_KINDS[kind].algorithm, subject_public_key=BitString(bytes(size)))
    ours = KEY_KINDS[kind].generate()
    with closing(MemoryStore()) as store:
        server = Server(store, settings=EVERYTHING | {"agreement_key": ours})
        asked = cert_request(public_key=low, popo=None).cert_req
        mac = prove_by_agreement(asked, KEY_KINDS[kind].generate(), public_key_info(ours))
        proofs = [mac, *(later(one) for one in SubsequentMessage)]
        for proof in proofs:
            device = Device(server)
            body = PKIBody.from_plain({"ir": [cmp.CertReqMsg(cert_req=asked, popo=proof)]})
            message = cmp.decode(device.message(body, credential=None, pvno=3))
            assert checked(device, message).status == cmp.PKIStatus.REJECTION
