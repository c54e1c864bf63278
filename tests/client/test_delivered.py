"""What comes encrypted, from a server that is authentic and wrong: whose keys are refused, and what it is told then.

RFC 9810, 5.2.8.3 and 5.3.4; RFC 9483, 4.1.6.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519

import cmpcodec as cmp
from cmpcodec import errors, oids
from cmpcodec.client import CentralKey, Confirmation, Enrolment, ProofMethod, Settings
from cmpcodec.cms import RecipientInfos
from cmpcodec.crmf import EncryptedKey
from cmpcodec.enveloping import PasswordRecipient, deliver_key, encrypt_value, envelop, recipient_for_key
from cmpcodec.enveloping.algorithms import public_key_info
from cmpcodec.enveloping.keys import private_key_info
from cmpcodec.pkix import GeneralName
from cmpcodec.pop import challenge, check_response, encrypt_certificate
from cmpcodec.protection import ProtectionPolicy
from tests.client.peer import (
    ANSWER_TO,
    CA_KEY,
    NOW,
    SECRET,
    Change,
    Peer,
    Reports,
    certify,
    drive,
    shared,
)
from tests.client.test_enrolment import ask
from tests.protection import pki

TIMES: dict[str, Any] = {"since": NOW - timedelta(days=1), "until": NOW + timedelta(days=1)}


def purpose(*oid: str) -> tuple[tuple[Any, bool], ...]:
    return ((x509.ExtendedKeyUsage([x509.ObjectIdentifier(one) for one in oid]), False),)


KGA_USAGE = purpose(oids.ID_KP_CM_KGA)
ROOT = pki.ca("PKI", **TIMES)
BELOW = pki.ca("below", ROOT, **TIMES)
KGA = pki.owner("kga", BELOW, extensions=KGA_USAGE, **TIMES)
SIGNERS = cmp.TrustedSigners([ROOT.certificate])
MADE = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
X = x25519.X25519PrivateKey.generate()
SOMEBODY = cmp.Name.decode(pki.dn("somebody else").public_bytes())
OLD_PEERS = ProtectionPolicy(legacy_encryption=True)


def delivered(key: Any = MADE, who: pki.Owner = KGA, password: bytes = SECRET, chain: Any = (BELOW,)) -> EncryptedKey:
    return deliver_key(
        key,
        PasswordRecipient(password),
        signing_key=who.key,
        certificate=who.certificate,
        chain=[one.certificate for one in chain],
    )


class KeyMaker(Peer):
    """A server that makes keys; `private_key` and `certified` say what it sends instead of what is right."""

    def certificate_response(self, request: cmp.PKIMessage, status: Any = None, certificate: Any = None) -> cmp.PKIBody:
        certified = self.options.get("certified", MADE)
        pair: dict[str, Any] = {
            "cert_or_enc_cert": {"certificate": certify("device-1", certified.public_key(), "Issuing", CA_KEY)}
        }
        private_key = self.options.get("private_key", delivered)
        if private_key is not None:
            pair["private_key"] = private_key()
        response = {"cert_req_id": 0, "status": {"status": 0}, "certified_key_pair": pair}
        return cmp.PKIBody.from_plain({ANSWER_TO[request.body.name]: {"response": [response]}})


def wanting(**given: Any) -> Any:
    key = CentralKey(decryption_key=SECRET, signers=given.pop("signers", SIGNERS), kind=given.pop("kind", None))
    return ask(given.pop("body", "ir"), **{"key": key} | given)


def last_word(peer: Peer) -> str:
    """What the client said at the end, which refuses the certificate."""
    content = peer.received[-1].body.cert_conf
    assert content is not None, peer.kinds
    assert content[0].status_info.status == cmp.PKIStatus.REJECTION
    return ", ".join(content[0].status_info.status_string)


@pytest.mark.parametrize("body", ["ir", "cr", "kur"])
@pytest.mark.parametrize("kind", [None, "ec-p256", "rsa-2048"])
def test_a_key_is_asked_for_and_accepted(body: str, kind: str | None) -> None:
    """No proof, version 3 to the end, and an algorithm without a key, or nothing; the result shows no key."""
    peer, reports = KeyMaker(), Reports()
    result = drive(wanting(body=body, kind=kind, settings=Settings(clock=lambda: NOW, report=reports)), peer)
    assert isinstance(result, Enrolment)
    assert result.key.private_numbers() == MADE.private_numbers()
    assert result.confirmation is Confirmation.CONFIRMED
    asked = peer.received[0].body.value[0]
    assert asked.popo is None
    template = asked.cert_req.cert_template
    assert (template.public_key is None) == (kind is None)
    assert kind is None or template.public_key.subject_public_key.data == b""
    assert [one.header.pvno for one in peer.received] == [3, 3]
    number = MADE.private_numbers().private_value
    shown = repr(result) + "".join(reports.lines) + repr(CentralKey(decryption_key=SECRET, signers=SIGNERS))
    assert str(number) not in shown
    assert f"{number:x}" not in shown
    assert SECRET.decode() not in shown


def pki_of(name: str) -> pki.Owner:
    """Who must not sign keys."""
    return {
        "no purpose": pki.owner("kga", BELOW, **TIMES),
        "another purpose": pki.owner("kga", BELOW, extensions=purpose(oids.ID_KP_CMC_CA), **TIMES),
        "any purpose": pki.owner("kga", BELOW, extensions=purpose("2.5.29.37.0"), **TIMES),
        "unable to sign": pki.owner(
            "kga", BELOW, extensions=(*KGA_USAGE, (pki.usage("key_encipherment"), True)), **TIMES
        ),
        "expired": pki.owner("kga", BELOW, extensions=KGA_USAGE, since=NOW - 2 * pki.DAY, until=NOW - pki.DAY),
        "own root": pki.owner("kga", extensions=KGA_USAGE, **TIMES),
        "another root": pki.owner("kga", pki.ca("PKI", number=7, **TIMES), extensions=KGA_USAGE, **TIMES),
    }[name]


WRONG_SIGNERS = (
    "no purpose",
    "another purpose",
    "any purpose",
    "unable to sign",
    "expired",
    "own root",
    "another root",
)


@pytest.mark.parametrize("name", WRONG_SIGNERS)
def test_whose_keys_are_not_accepted(name: str) -> None:
    who = pki_of(name)
    peer = KeyMaker(private_key=lambda: delivered(who=who, chain=(who, BELOW)))
    with pytest.raises(errors.UntrustedSigner):
        drive(wanting(), peer)
    assert last_word(peer) == "the private key that came is not accepted"


def test_a_signer_that_is_trusted_itself() -> None:
    """Without a path; his purpose is demanded all the same."""
    pinned = cmp.TrustedSigners(signers=[KGA.certificate])
    assert drive(wanting(signers=pinned), KeyMaker(private_key=lambda: delivered(chain=()))).key is not None
    other = pki_of("no purpose")
    with pytest.raises(errors.UntrustedSigner):
        drive(
            wanting(signers=cmp.TrustedSigners(signers=[other.certificate])),
            KeyMaker(private_key=lambda: delivered(who=other)),
        )


def test_the_policy_holds_for_signatures_below_keys() -> None:
    """The length of the signer's key, and the hash of its signature."""
    short = pki.owner("short", BELOW, extensions=KGA_USAGE, own_key=rsa.generate_private_key(65537, 1024), **TIMES)
    with pytest.raises(errors.UntrustedSigner, match="1024 bits"):
        drive(wanting(), KeyMaker(private_key=lambda: delivered(who=short)))
    policy = ProtectionPolicy(digests=frozenset(("sha384",)))
    with pytest.raises(errors.UnsupportedAlgorithm, match="sha256"):
        drive(wanting(settings=Settings(clock=lambda: NOW, policy=policy)), KeyMaker())


def two_recipients() -> EncryptedKey:
    data = delivered().enveloped_data
    assert data is not None
    second = delivered().enveloped_data
    assert second is not None
    return EncryptedKey(enveloped_data=data.replace(recipient_infos=RecipientInfos([*data.recipient_infos, *second.recipient_infos])))  # fmt: skip


def unsigned() -> EncryptedKey:
    return EncryptedKey(enveloped_data=envelop(private_key_info(MADE).der, PasswordRecipient(SECRET)))


def in_the_old_way() -> EncryptedKey:
    return EncryptedKey(encrypted_value=encrypt_value(private_key_info(MADE).der, RSA.public_key()))


def forged() -> EncryptedKey:
    """Signed by the right authority's certificate, with somebody else's key."""
    return deliver_key(
        MADE, PasswordRecipient(SECRET), signing_key=OTHER, certificate=KGA.certificate, chain=[BELOW.certificate]
    )


WRONG_KEYS: dict[str, tuple[Callable[[], EncryptedKey] | None, type[errors.CMPError]]] = {
    "none": (None, errors.RemoteProtocolError),
    "of another certificate": (lambda: delivered(OTHER), errors.RemoteProtocolError),
    "for somebody else": (lambda: delivered(password=b"another"), errors.DecryptionError),
    "for several": (two_recipients, errors.UnsupportedAlgorithm),
    "not signed": (unsigned, errors.UnsupportedAlgorithm),
    "forged": (forged, errors.InvalidProtection),
    "EncryptedValue": (in_the_old_way, errors.UntrustedSigner),
}


@pytest.mark.parametrize("name", WRONG_KEYS)
def test_keys_that_are_not_accepted(name: str) -> None:
    """The caller learns why, the server does not; policies for old peers change nothing."""
    private_key, expected = WRONG_KEYS[name]
    peer = KeyMaker(private_key=private_key)
    with pytest.raises(expected):
        drive(wanting(settings=Settings(clock=lambda: NOW, policy=OLD_PEERS)), peer)
    assert last_word(peer) == "the private key that came is not accepted"
    assert peer.kinds == ["ir", "cert_conf"]


def older(request: cmp.PKIMessage, answer: cmp.PKIMessage) -> cmp.PKIMessage:
    """The right answer, but in CMP version 2."""
    return cmp.protect(answer.replace(header=answer.header.replace(pvno=2)), shared())


def test_every_altered_octet_of_a_key() -> None:
    """A key comes as it was made, or not at all, and nothing but our own errors comes of it."""
    right, number, accepted = delivered(), MADE.private_numbers(), 0
    for at in range(0, len(right.der), 2):
        wrong = bytearray(right.der)
        wrong[at] ^= 1 << at % 8
        try:
            altered = EncryptedKey.decode(bytes(wrong))
        except errors.DecodeError:
            continue
        try:
            result = drive(wanting(), KeyMaker(private_key=lambda altered=altered: altered))
        except errors.CMPError:
            continue
        assert result.key.private_numbers() == number
        accepted += 1
    assert accepted < 20  # versions and the like, which nothing protects


def test_version_2_cannot_hold_it() -> None:
    peer = KeyMaker(older)
    with pytest.raises(errors.RemoteProtocolError, match="version 2"):
        drive(wanting(), peer)
    assert last_word(peer) == "the private key that came is not accepted"


def test_without_confirmation_nobody_is_told() -> None:
    """Whoever was granted implicitConfirm learns that the key is wrong, and keeps it to himself."""
    peer = KeyMaker(grants=True, private_key=lambda: delivered(OTHER))
    with pytest.raises(errors.RemoteProtocolError):
        drive(wanting(implicit_confirm=True), peer)
    assert peer.kinds == ["ir"]


def test_a_check_sees_the_certificate_last() -> None:
    peer = KeyMaker()
    with pytest.raises(errors.RemoteProtocolError, match="not today"):
        drive(wanting(check=lambda certificate, chain: "not today"), peer)
    assert last_word(peer) == "not today"


def test_keys_that_nobody_asked_for() -> None:
    for asked in (ask("ir"), proving(ProofMethod.ENCRYPTED_CERTIFICATE)):
        with pytest.raises(errors.RemoteProtocolError, match="encrypted, which was not asked for"):
            drive(asked, KeyMaker())


def test_an_unknown_kind_is_a_mistake_at_once() -> None:
    with pytest.raises(ValueError, match="kind"):
        CentralKey(decryption_key=SECRET, signers=SIGNERS, kind="rsa")


# --- encrypted certificates ---


class Encrypting(Peer):
    """A server that encrypts the certificate for its key, or for another one."""

    def certificate_response(self, request: cmp.PKIMessage, status: Any = None, certificate: Any = None) -> cmp.PKIBody:
        asked = request.body.value[0].cert_req.cert_template.public_key
        certificate = self.certificate(request, self.options.get("certified"))
        enclosed = self.options.get("enclosed", encrypt_certificate)(certificate, asked)
        response = {
            "cert_req_id": 0,
            "status": {"status": 0},
            "certified_key_pair": {"cert_or_enc_cert": enclosed},
        }
        return cmp.PKIBody.from_plain({"ip": {"response": [response]}})


def proving(proof: ProofMethod, key: Any = X, **given: Any) -> Any:
    return ask("ir", **{"key": key, "proof": proof} | given)


def junk(certificate: Any, public_key: Any) -> cmp.CertOrEncCert:
    return cmp.CertOrEncCert(
        encrypted_cert=EncryptedKey(enveloped_data=envelop(b"\x30\x00", recipient_for_key(public_key)))
    )


def for_somebody_else(certificate: Any, public_key: Any) -> cmp.CertOrEncCert:
    return encrypt_certificate(certificate, public_key_info(x25519.X25519PrivateKey.generate()))


def in_an_old_envelope(certificate: Any, public_key: Any) -> cmp.CertOrEncCert:
    return encrypt_certificate(certificate, public_key_info(RSA), legacy=True)


def test_a_certificate_is_decrypted_and_confirmed() -> None:
    for key in (X, RSA, OTHER):
        peer = Encrypting()
        result = drive(proving(ProofMethod.ENCRYPTED_CERTIFICATE, key), peer)
        assert result.confirmation is Confirmation.CONFIRMED
        assert [one.header.pvno for one in peer.received] == [3, 3]
        popo = peer.received[0].body.ir[0].popo
        assert (popo.key_encipherment is None) == (key is not RSA)
    # Who asks for it takes a plain one too: it is the server's decision what it believes.
    assert drive(proving(ProofMethod.ENCRYPTED_CERTIFICATE), Peer()).certificate


@pytest.mark.parametrize("enclosed", [junk, for_somebody_else])
def test_certificates_that_cannot_be_read(enclosed: Any) -> None:
    """There is nothing to confirm or refuse: an error ends the transaction."""
    peer = Encrypting(enclosed=enclosed)
    with pytest.raises(errors.DecryptionError):
        drive(proving(ProofMethod.ENCRYPTED_CERTIFICATE), peer)
    assert peer.kinds == ["ir", "error"]
    assert peer.received[-1].body.error.pki_status_info.status_string[0] == "the encrypted certificate cannot be read"


def test_a_certificate_for_another_key_is_refused() -> None:
    peer = Encrypting(certified=OTHER.public_key())
    with pytest.raises(errors.RemoteProtocolError, match="does not match"):
        drive(proving(ProofMethod.ENCRYPTED_CERTIFICATE), peer)
    assert "does not match" in last_word(peer)


def test_old_envelopes_are_for_old_peers() -> None:
    def flow(**settings: Any) -> Any:
        return proving(ProofMethod.ENCRYPTED_CERTIFICATE, RSA, settings=Settings(clock=lambda: NOW, **settings))

    with pytest.raises(errors.UnsupportedAlgorithm, match="policy"):
        drive(flow(), Encrypting(enclosed=in_an_old_envelope))
    peer = Encrypting(enclosed=in_an_old_envelope)
    assert drive(flow(policy=OLD_PEERS), peer).certificate
    assert [one.header.pvno for one in peer.received] == [2, 2]  # old servers know no other
    with pytest.raises(errors.RemoteProtocolError, match="version 2"):
        drive(proving(ProofMethod.ENCRYPTED_CERTIFICATE), Encrypting(older))


def test_a_certificate_that_should_not_be_encrypted() -> None:
    with pytest.raises(errors.RemoteProtocolError, match="not asked for"):
        drive(ask("ir"), Encrypting())


# --- challenges ---


class Challenging(Peer):
    """A server that sends a challenge first."""

    def __init__(self, *changes: Change | None, **options: Any) -> None:
        super().__init__(*changes, **options)
        self.first: cmp.PKIMessage | None = None

    def final(self, request: cmp.PKIMessage) -> cmp.PKIBody:
        if request.body.popdecr is not None and not self.options.get("stubborn"):
            assert self.first is not None
            check_response(self.sent, request.body.popdecr)
            return self.certificate_response(self.first)
        if request.body.ir is not None or request.body.popdecr is not None:
            self.first = self.first or request
            asked = self.first.body.ir[0].cert_req.cert_template.public_key
            sender = self.options.get("sender", GeneralName(directory_name=cmp.Name([])))
            keys = [self.options.get("key", asked)] * self.options.get("challenges", 1)
            self.sent = challenge(keys, sender, legacy=self.options.get("legacy", False))
            return cmp.PKIBody(popdecc=self.options.get("change", lambda one: one)(self.sent))
        return super().final(request)


@pytest.mark.parametrize("delays", [0, 2])
def test_a_challenge_is_answered(delays: int) -> None:
    """In the middle of the transaction, or late."""
    for key in (X, RSA, OTHER):
        peer = Challenging(delay_by_error=True, delays=delays)
        result = drive(proving(ProofMethod.CHALLENGE, key), peer)
        assert result.confirmation is Confirmation.CONFIRMED
        assert peer.kinds == ["ir", *["poll_req"] * delays, "popdecr", "cert_conf"]
        assert {one.header.pvno for one in peer.received} == {3}
    assert drive(proving(ProofMethod.CHALLENGE), Peer()).certificate  # who is not challenged needs not answer


def witness(content: cmp.POPODecKeyChallContent) -> cmp.POPODecKeyChallContent:
    return cmp.POPODecKeyChallContent([content[0].replace(witness=bytes(32))])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"change": witness}, errors.DecryptionError),
        ({"sender": GeneralName(directory_name=SOMEBODY)}, errors.DecryptionError),
        ({"key": public_key_info(x25519.X25519PrivateKey.generate())}, errors.DecryptionError),
        ({"key": public_key_info(RSA)}, errors.UnsupportedAlgorithm),
        ({"key": public_key_info(RSA), "legacy": True}, errors.UnsupportedAlgorithm),
        ({"challenges": 2}, errors.PopError),
        ({"challenges": 0}, errors.PopError),
    ],
)
def test_challenges_that_are_not_answered(options: Any, expected: type[errors.CMPError]) -> None:
    """Each ends with the same words to the server: it cannot use us to decrypt."""
    peer = Challenging(**options)
    with pytest.raises(expected):
        drive(proving(ProofMethod.CHALLENGE), peer)
    assert peer.kinds == ["ir", "error"]
    assert peer.received[-1].body.error.pki_status_info.status_string[0] == "the challenge cannot be answered"


def test_nobody_is_challenged_who_did_not_ask() -> None:
    for proof in (ProofMethod.SIGNATURE, ProofMethod.ENCRYPTED_CERTIFICATE):
        peer = Challenging()
        with pytest.raises(errors.RemoteProtocolError, match="expected IP, received POPDECC"):
            drive(proving(proof, RSA), peer)
        assert peer.kinds == ["ir", "error"]


def test_one_challenge_is_enough() -> None:
    peer = Challenging(stubborn=True)
    with pytest.raises(errors.RemoteProtocolError, match="expected IP, received POPDECC"):
        drive(proving(ProofMethod.CHALLENGE), peer)
    assert peer.kinds == ["ir", "popdecr", "error"]


def test_challenges_of_old_peers() -> None:
    peer = Challenging(legacy=True)
    assert drive(proving(ProofMethod.CHALLENGE, RSA, settings=Settings(clock=lambda: NOW, policy=OLD_PEERS)), peer)
    assert {one.header.pvno for one in peer.received} == {2}
    with pytest.raises(errors.RemoteProtocolError, match="version 2"):
        drive(proving(ProofMethod.CHALLENGE), Challenging(older))
