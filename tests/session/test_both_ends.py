"""Our client with our server, in memory and over HTTP: keys that the server makes, and proofs for keys that cannot sign.

Each with every kind of protection that both have: PasswordBasedMac, PBMAC1, signatures by RSA and EC keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.adapters.driving import run
from cmpcodec.authority import KEY_GENERATION, LocalAuthority, create_ca, create_signer
from cmpcodec.authority.schema import extension
from cmpcodec.client import CentralKey, Confirmation, ProofMethod, Settings, enroll, update_key
from cmpcodec.client.certificates import facts
from cmpcodec.enveloping.algorithms import public_key_info
from cmpcodec.enveloping.generating import KEY_KINDS
from cmpcodec.http.gateway import Gateway
from cmpcodec.http.transport import HttpTransport
from cmpcodec.pkix import KeyUsage
from cmpcodec.protection import Protector
from cmpcodec.protection.pbmac1 import PBMAC1
from cmpcodec.server import KeyGeneration, Parties, Profile, Responder, SharedSecrets, SigningParties
from cmpcodec.store import MemoryStore
from tests.generated import generated
from tests.http.support import running

SECRET = b"correct horse"
CA_KEY, CA = create_ca("CN=Both Ends CA")
ANCHORS = cmp.TrustedSigners([CA])
STORE = MemoryStore()
Send = Callable[[cmp.PKIMessage], cmp.PKIMessage]


def responder() -> Responder:
    kga = create_signer(CA_KEY, CA, role=KEY_GENERATION)
    parties = Parties(
        SharedSecrets({b"device": SECRET}),
        SigningParties(cmp.Signature(*create_signer(CA_KEY, CA), [CA]), cmp.TrustedSigners([CA])),
    )
    kinds = [one for one in KEY_KINDS if not one.startswith(("rsa-3", "rsa-4"))]
    for kind in ("ml-dsa-44", "ml-dsa-65", "ml-dsa-87", "ml-kem-768", "ml-kem-1024"):
        try:
            KEY_KINDS[kind].generate()
        except cmp.UnsupportedAlgorithm:
            kinds.remove(kind)
    profile = Profile(
        name="p",
        authority=LocalAuthority(CA_KEY, CA),
        lookup=parties,
        key_generation=KeyGeneration(kinds, *kga, [CA]),
    )
    return Responder([profile], STORE)


@pytest.fixture(scope="module", params=["memory", "http"])
def send(request: pytest.FixtureRequest) -> Iterator[Send]:
    server = responder()
    with ExitStack() as stack:
        if request.param == "memory":
            yield lambda message: cmp.decode(server.handle(message.der))
        else:
            listening = stack.enter_context(running(Gateway(server))).listening
            transport = HttpTransport(f"http://127.0.0.1:{listening.port}/.well-known/cmp/p/p")
            stack.callback(transport.close)
            yield transport


class Identity(NamedTuple):
    """A client: what protects its requests, what decrypts what comes for it, and the certificate that it has."""

    credential: Protector
    decrypts: Any
    certificate: cmp.Certificate | None

    @property
    def settings(self) -> Settings:
        return Settings(answers=None if self.certificate is None else ANCHORS)


def identity(kind: str) -> Identity:
    if kind in ("pbm", "pbmac1"):
        credential = cmp.PasswordBasedMAC if kind == "pbm" else PBMAC1
        return Identity(credential(SECRET, sender_kid=b"device", iterations=500), SECRET, None)
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else KEY_KINDS["ec-p256"].generate()
    usage = KeyUsage.DIGITAL_SIGNATURE | (KeyUsage.KEY_ENCIPHERMENT if kind == "rsa" else KeyUsage.KEY_AGREEMENT)
    server = responder()
    flow = enroll(
        credential=cmp.PasswordBasedMAC(SECRET, sender_kid=b"device", iterations=500),
        key=key,
        subject=f"CN={kind}",
        extensions=[extension(oids.ID_CE_KEY_USAGE, usage, critical=True)],
    )
    certificate = run(flow, lambda message: cmp.decode(server.handle(message.der))).certificate
    return Identity(cmp.Signature(key, certificate), key, certificate)


IDENTITIES = ("pbm", "pbmac1", "rsa", "ec")


@pytest.fixture(scope="module", params=IDENTITIES)
def who(request: pytest.FixtureRequest) -> Identity:
    return identity(request.param)


def check(result: Any, who: Identity, public_key: cmp.SubjectPublicKeyInfo) -> None:
    assert facts(result.certificate).public_key == public_key
    assert result.confirmation is Confirmation.CONFIRMED
    assert (result.signer is None) == (who.certificate is None)
    issued = STORE.certificate(facts(CA).subject.der, facts(result.certificate).serial_number)
    assert issued is not None
    assert issued.status.value == "valid"


@pytest.mark.parametrize("kind", [None, "rsa-2048", "ec-p384", "ed25519", "x25519", "ml-kem-768", "ml-dsa-65"])
def test_the_server_makes_the_key(send: Send, who: Identity, kind: str | None) -> None:
    if kind is not None:
        generated(kind)
    key = CentralKey(decryption_key=who.decrypts, signers=ANCHORS, kind=kind)
    result = run(enroll(credential=who.credential, key=key, subject="CN=made", settings=who.settings), send)
    assert result.key is not None
    check(result, who, public_key_info(result.key))
    algorithm = KEY_KINDS[kind or "ec-p256"].algorithm
    assert facts(result.certificate).public_key.algorithm == algorithm


@pytest.mark.parametrize("proof", [ProofMethod.ENCRYPTED_CERTIFICATE, ProofMethod.CHALLENGE])
@pytest.mark.parametrize("kind", ["rsa-2048", "ec-p256", "x25519", "x448", "ml-kem-768", "ml-kem-1024"])
def test_keys_that_cannot_sign(send: Send, who: Identity, kind: str, proof: ProofMethod) -> None:
    """Or need not: the server sees by decryption that the client has the key."""
    key = generated(kind)
    flow = enroll(
        credential=who.credential, key=key, subject="CN=proven", proof=proof, body="cr", settings=who.settings
    )
    result = run(flow, send)
    check(result, who, public_key_info(key))
    assert result.key is None


@pytest.mark.parametrize("how", ["central", ProofMethod.ENCRYPTED_CERTIFICATE, ProofMethod.CHALLENGE])
def test_renewal(send: Send, who: Identity, how: Any) -> None:
    old = who.certificate
    if old is None:
        first = enroll(credential=who.credential, key=KEY_KINDS["ec-p256"].generate(), subject="CN=old")
        old = run(first, send).certificate
    central = CentralKey(decryption_key=who.decrypts, signers=ANCHORS)
    key: Any = central if how == "central" else KEY_KINDS["x25519"].generate()
    proof = ProofMethod.SIGNATURE if how == "central" else how
    flow = update_key(old, credential=who.credential, key=key, proof=proof, settings=who.settings)
    result = run(flow, send)
    check(result, who, public_key_info(result.key or key))
    assert facts(result.certificate).subject == facts(old).subject


def test_whose_key_is_not_believed(send: Send, who: Identity) -> None:
    """A client that trusts another CA refuses the certificate, and the server revokes it."""
    stranger = cmp.TrustedSigners([create_ca("CN=Both Ends CA")[1]])
    key = CentralKey(decryption_key=who.decrypts, signers=stranger)
    before = STORE.revocations(facts(CA).subject.der)
    with pytest.raises(cmp.ProtectionError) as caught:
        run(enroll(credential=who.credential, key=key, subject="CN=made", settings=who.settings), send)
    assert type(caught.value).__name__ == "UntrustedSigner"
    assert STORE.revocations(facts(CA).subject.der) == before + 1
    assert STORE.unconfirmed(datetime.max.replace(tzinfo=UTC), 9) == []
