"""challengeResp: popdecc, popdecr, and the certificate only then; publicKeyMAC and agreeMAC. RFC 9810, 5.2.8; RFC 4211, 4.1."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa, x25519

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.authority import Delayed
from cmpcodec.client.certificates import facts
from cmpcodec.crmf import ProofOfPossession
from cmpcodec.enveloping.algorithms import public_key_info
from cmpcodec.messages import IMPLICIT_CONFIRM
from cmpcodec.pop import prove_by_agreement, prove_identity
from cmpcodec.protection.pbmac1 import PBMAC1
from cmpcodec.server import BODIES
from cmpcodec.store import SQLiteStore
from tests.generated import generated
from tests.server.challenged import answered, challenged
from tests.server.signing import believe_signatures, enrolled
from tests.server.support import (
    KEYS,
    OTHER,
    SECRET,
    Device,
    Server,
    authority,
    cert_request,
    certificates,
    rejected,
    responses,
)

RSA = rsa.generate_private_key(65537, 2048)
X = x25519.X25519PrivateKey.generate()


@pytest.mark.parametrize("kind", ["rsa-2048", "ec-p384", "x25519", "x448", "ml-kem-768"])
def test_who_reads_the_challenge_gets_a_certificate(device: Device, server: Server, kind: str) -> None:
    """Every message may come again, also to a server that was started anew, and gets the same octets."""
    key = generated(kind)
    challenges = device.send({"ir": [challenged(key)]}, pvno=3)
    assert challenges.header.pvno == 3
    assert server.store.count_unconfirmed("p", "kid:646576696365") == 0
    request = device.last
    server.restart()
    assert server.respond(request).der == challenges.der
    answer = device.send({"popdecr": answered(challenges, key)}, pvno=3)
    (certificate,) = certificates(answer)
    assert facts(certificate).public_key == public_key_info(key)
    assert server.respond(device.last).der == answer.der
    assert server.respond(request).der == challenges.der
    assert device.confirm((0, certificate)).body.name == "pkiconf"
    assert server.status(certificate.load().serial_number) == "valid"


def test_a_challenge_outlasts_the_process(tmp_path: Path) -> None:
    """It is answered to another process, which knows nothing but the database."""
    with closing(SQLiteStore(tmp_path / "cmp.db")) as store:
        device = Device(Server(store))
        challenges = device.send({"ir": [challenged(X)]}, pvno=3)
    with closing(SQLiteStore(tmp_path / "cmp.db")) as store:
        device.server = Server(store)
        assert certificates(device.send({"popdecr": answered(challenges, X)}, pvno=3))


def test_in_version_2_for_rsa_alone(device: Device) -> None:
    challenges = device.send({"ir": [challenged(RSA)]})
    assert challenges.header.pvno == 2
    assert challenges.body.popdecc[0].encrypted_rand is None
    assert certificates(device.send({"popdecr": answered(challenges, RSA)}))
    assert rejected(device.again().send({"ir": [challenged(X)]})) == "BAD_POP"


def test_a_wrong_answer_is_the_last(device: Device, server: Server) -> None:
    challenges = device.send({"ir": [challenged(X)]}, pvno=3)
    (number,) = answered(challenges, X)
    for wrong in ([number], [number + 1], [], [number, number]):
        other = device.again()
        right = other.send({"ir": [challenged(X)]}, pvno=3)
        assert other.refused({"popdecr": wrong}, pvno=3) == "BAD_POP"
        assert other.refused({"popdecr": answered(right, X)}, pvno=3) == "BAD_REQUEST"
    assert server.store.count_unconfirmed("p", "kid:646576696365") == 0
    assert certificates(device.send({"popdecr": [number]}, pvno=3))


def test_only_who_was_challenged_goes_on(device: Device, server: Server) -> None:
    """Another requester has no such transaction, and who answers has to have seen the challenge."""
    challenges = device.send({"ir": [challenged(X)]}, pvno=3)
    content = {"popdecr": answered(challenges, X)}
    stranger = Device(server, OTHER, b"other", device.transaction_id, device.server_nonce)
    assert stranger.refused(content, pvno=3) == "BAD_REQUEST"
    assert device.refused(content, pvno=3, recip_nonce=bytes(16)) == "BAD_RECIPIENT_NONCE"
    assert certificates(device.send(content, pvno=3))


def test_several_requests(device: Device, server: Server) -> None:
    """A challenge for each that wants one, in their order; nothing is issued before, and each is decided for itself."""
    unreadable = challenged(KEYS[2], 4, popo=challenged(RSA).popo)
    asked = [challenged(X, 2, subject="a"), cert_request(3, key=KEYS[1]), unreadable, challenged(RSA, 1, subject="b")]
    challenges = device.send({"ir": asked}, pvno=3)
    assert len(challenges.body.popdecc) == 2
    assert server.store.count_unconfirmed("p", "kid:646576696365") == 0
    answer = device.send({"popdecr": answered(challenges, X, RSA)}, pvno=3)
    assert [one.cert_req_id for one in responses(answer)] == [2, 3, 4, 1]
    assert rejected(answer, 2) == "BAD_POP"
    assert [one.certified_key_pair is not None for one in responses(answer)] == [True, True, False, True]


def test_it_may_take_time_afterwards(device: Device, server: Server) -> None:
    """What was proven stays so while the certificate is delayed; the delay counts from the first message."""
    server.restart(authority=Delayed(authority(), 60))
    challenges = device.send({"ir": [challenged(X)]}, pvno=3)
    server.clock.pass_(seconds=30)
    answer = device.send({"popdecr": answered(challenges, X)}, pvno=3)
    assert responses(answer)[0].status.status == cmp.PKIStatus.WAITING
    assert device.refused({"popdecr": answered(challenges, X)}, pvno=3) == "BAD_REQUEST"
    server.clock.pass_(seconds=31)
    assert certificates(device.send({"poll_req": [{"cert_req_id": 0}]}, pvno=3))


def test_signed_requests(server: Server) -> None:
    """The sender inside the challenge is that of the header: the subject of who signs for the server."""
    believe_signatures(server)
    device, certificate = enrolled(server)
    request = challenged(KEYS[1], old=(server.issuer, certificate.load().serial_number))
    challenges = device.send({"kur": [request]}, pvno=3)
    answer = device.send({"popdecr": answered(challenges, KEYS[1])}, pvno=3)
    assert device.confirm((0, certificates(answer)[0])).body.name == "pkiconf"


def test_implicit_confirmation_is_asked_for_in_the_first_message(device: Device, server: Server) -> None:
    """Possession is proven by then, so nothing speaks against it."""
    challenges = device.send({"ir": [challenged(X)]}, pvno=3, general_info=[IMPLICIT_CONFIRM])
    answer = device.send({"popdecr": answered(challenges, X)}, pvno=3)
    assert [one.info_type for one in answer.header.general_info] == [oids.ID_IT_IMPLICIT_CONFIRM]
    assert server.status(certificates(answer)[0].load().serial_number) == "valid"


def test_who_gives_up(device: Device, server: Server) -> None:
    challenges = device.send({"ir": [challenged(X)]}, pvno=3)
    assert device.send({"error": {"pki_status_info": {"status": 2}}}).body.name == "pkiconf"
    assert device.refused({"popdecr": answered(challenges, X)}, pvno=3) == "BAD_REQUEST"
    late = device.again()
    challenges = late.send({"ir": [challenged(X)]}, pvno=3)
    server.clock.pass_(hours=2)
    server.responder.sweep()
    assert late.refused({"popdecr": answered(challenges, X)}, pvno=3) == "BAD_REQUEST"


def test_a_profile_may_do_without(device: Device, server: Server) -> None:
    server.restart(bodies=BODIES - {"popdecr"})
    assert rejected(device.send({"ir": [challenged(X)]}, pvno=3)) == "BAD_POP"


# --- publicKeyMAC ---


@pytest.mark.parametrize("credential", [cmp.PasswordBasedMAC, PBMAC1])
def test_a_secret_vouches_for_the_key(device: Device, server: Server, credential: Any) -> None:
    """A template without publicKey, whose key is in a poposkInput under the shared secret; keys are not made here."""
    key = KEYS[1]
    proof = prove_identity(credential(SECRET, iterations=500), key)
    answer = device.send({"ir": [cert_request(public_key=None, popo=proof)]})
    assert certificates(answer)[0].load().public_key() == key.public_key()
    for wrong in (prove_identity(credential(OTHER, iterations=500), key), prove_identity(server_name(server), key)):
        assert rejected(device.again().send({"ir": [cert_request(public_key=None, popo=wrong)]})) == "BAD_POP"
    dear = prove_identity(cmp.PasswordBasedMAC(SECRET, iterations=200_000), key)
    assert rejected(device.again().send({"ir": [cert_request(public_key=None, popo=dear)]})) == "BAD_POP"


def server_name(server: Server) -> cmp.GeneralName:
    return cmp.GeneralName(directory_name=server.issuer)


def test_who_signs_shares_no_secret(server: Server) -> None:
    """He names himself instead, as the header does."""
    believe_signatures(server)
    device, certificate = enrolled(server)
    by_secret = prove_identity(cmp.PasswordBasedMAC(SECRET, iterations=500), KEYS[1])
    assert rejected(device.send({"cr": [cert_request(public_key=None, popo=by_secret)]})) == "BAD_POP"
    own = cmp.GeneralName(directory_name=facts(certificate).subject)
    by_name = prove_identity(own, KEYS[1])
    assert certificates(device.again().send({"cr": [cert_request(public_key=None, popo=by_name)]}))


def test_a_proof_without_a_key_is_none(device: Device) -> None:
    nothing: Any = ProofOfPossession(signature=cert_request().popo.signature)
    assert rejected(device.send({"ir": [cert_request(public_key=None, popo=nothing)]})) == "BAD_POP"


# --- agreeMAC ---


@pytest.mark.parametrize("kind", ["ec-p256", "x25519"])
def test_who_agrees_with_our_key_proves_his(device: Device, server: Server, kind: str) -> None:
    """With a key of the same kind, and only where the profile has one."""
    ours, stranger, key = (generated(kind) for _ in range(3))
    asked = cert_request(key=key, popo=None).cert_req
    right = prove_by_agreement(asked, key, public_key_info(ours))
    for proof in (prove_by_agreement(asked, key, public_key_info(stranger)), prove_by_agreement(asked, stranger, public_key_info(ours)), right):  # fmt: skip
        server.restart(agreement_key=None)
        request = cmp.CertReqMsg(cert_req=asked, popo=proof)
        assert rejected(device.again().send({"ir": [request]}, pvno=3)) == "BAD_POP"
        server.restart(agreement_key=ours)
        answer = device.again().send({"ir": [request]}, pvno=3)
        if proof is right:
            assert facts(certificates(answer)[0]).public_key == public_key_info(key)
        else:
            assert rejected(answer) == "BAD_POP"
    server.restart(agreement_key=generated("ec-p384" if kind == "ec-p256" else "x448"))
    other = device.again().send({"ir": [cmp.CertReqMsg(cert_req=asked, popo=right)]}, pvno=3)
    assert rejected(other) == "BAD_POP"
