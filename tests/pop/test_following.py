"""Proofs that follow the request: encrypted certificates with their certHash, challenges with their answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmpcodec import oids
from cmpcodec.cmp import CertOrEncCert, Challenge, POPODecKeyChallContent, POPODecKeyRespContent, Rand
from cmpcodec.crmf import EncryptedKey
from cmpcodec.enveloping import encrypt_value, envelop, recipient_for_key
from cmpcodec.errors import CMPError, DecryptionError, PopError, UnsupportedAlgorithm
from cmpcodec.messages import cert_hash, cert_status
from cmpcodec.pkix import AlgorithmIdentifier, GeneralName
from cmpcodec.pop import challenge, check_response, decrypt_certificate, encrypt_certificate, respond
from tests.enveloping.making import DECRYPTING, LEGACY, ODD_VALUES, certificate, identifier, key, spki, subject

CA = GeneralName(directory_name=subject("CA"))
CHALLENGED = tuple(DECRYPTING)


# --- encrypted certificates ---


@pytest.mark.parametrize("kind", DECRYPTING)
@pytest.mark.parametrize("legacy", [False, True])
def test_encrypted_certificate(kind: str, legacy: bool) -> None:
    issued = certificate(kind)
    if legacy and kind != "rsa":
        with pytest.raises(UnsupportedAlgorithm, match="RSA"):
            encrypt_certificate(issued, spki(kind), legacy=True)
        return
    sent = CertOrEncCert.decode(encrypt_certificate(issued, spki(kind), legacy=legacy).der).encrypted_cert
    assert sent is not None
    assert (sent.encrypted_value is not None) is legacy
    assert issued.der not in sent.der
    found = decrypt_certificate(sent, key(kind), LEGACY)
    assert found.der == issued.der
    status, _ = cert_status(found, 0)
    assert status.cert_hash == cert_hash(issued)  # what the CA compares, and only who has the key can know
    with pytest.raises((DecryptionError, UnsupportedAlgorithm)):
        decrypt_certificate(sent, key(kind, 1), LEGACY)
    if legacy:
        with pytest.raises(UnsupportedAlgorithm, match="policy"):
            decrypt_certificate(sent, key(kind))


def test_what_is_no_encrypted_certificate() -> None:
    for junk in (b"", b"junk", b"\x30\0", certificate("p256").der + b"\0"):
        enveloped = EncryptedKey(enveloped_data=envelop(junk, recipient_for_key(spki("rsa"))))
        value = EncryptedKey(encrypted_value=encrypt_value(junk, key("rsa").public_key()))
        for one in (enveloped, value):
            with pytest.raises(DecryptionError) as caught:
                decrypt_certificate(one, key("rsa"), LEGACY)
            assert caught.value.__cause__ is None
    with pytest.raises(UnsupportedAlgorithm, match="nothing can be encrypted"):
        encrypt_certificate(certificate("ed25519"), spki("ed25519"))


# --- challenges ---


@given(st.lists(st.sampled_from(CHALLENGED), min_size=1, max_size=4))
@settings(deadline=None, max_examples=40)
def test_challenges(kinds: list[str]) -> None:
    made = challenge([spki(kind) for kind in kinds], CA)
    content = POPODecKeyChallContent.decode(made.content.der)
    assert len(set(made.numbers)) == len(kinds)
    assert all(one.challenge == b"" and one.encrypted_rand is not None for one in content)
    answer = respond(content, [key(kind) for kind in kinds], CA)
    check_response(made.numbers, POPODecKeyRespContent.decode(answer.der))
    for wrong in ([*made.numbers, 1], made.numbers[:-1], [one + 1 for one in made.numbers], [-1] * len(kinds), [2**500] * len(kinds), []):  # fmt: skip
        with pytest.raises(PopError):
            check_response(made.numbers, POPODecKeyRespContent(wrong))
    if len(kinds) > 1:
        with pytest.raises(PopError, match="wrong"):
            check_response(made.numbers, POPODecKeyRespContent(reversed(list(answer))))
    assert str(made.numbers[0]) not in repr(made)


def test_no_challenge_is_never_answered() -> None:
    for act in (
        lambda: check_response((), POPODecKeyRespContent([])),
        lambda: respond(POPODecKeyChallContent([]), [], CA),
    ):
        with pytest.raises(PopError):
            act()
    made = challenge([spki("rsa")], CA)
    for keys in ([], [key("rsa"), key("p256")]):
        with pytest.raises(PopError, match="challenges for"):
            respond(made.content, keys, CA)


def test_old_challenges() -> None:
    made = challenge([spki("rsa"), spki("rsa", 1)], CA, legacy=True)
    assert all(one.encrypted_rand is None for one in made.content)
    # A challenge after the first one may leave out the owf.
    shorter = POPODecKeyChallContent([made.content[0], made.content[1].replace(owf=None)])
    check_response(made.numbers, respond(shorter, [key("rsa"), key("rsa", 1)], CA, LEGACY))
    with pytest.raises(UnsupportedAlgorithm, match="policy"):
        respond(made.content, [key("rsa"), key("rsa", 1)], CA)
    with pytest.raises(UnsupportedAlgorithm, match="RSA"):
        challenge([spki("p256")], CA, legacy=True)
    with pytest.raises(UnsupportedAlgorithm, match="short"):
        challenge([spki("rsa")], GeneralName(uniform_resource_identifier="x" * 300), legacy=True)  # fmt: skip


def test_whoever_challenges_has_to_know_the_number() -> None:
    """Else we would decrypt for anybody what he got from elsewhere."""
    one = challenge([spki("x25519")], CA).content[0]
    rand = Rand(int=5, sender=CA)
    recipient = recipient_for_key(spki("x25519"))

    def answer(changed: Challenge, sender: GeneralName = CA) -> Any:
        return respond(POPODecKeyChallContent([changed]), [key("x25519")], sender)

    for bad in (
        one.replace(witness=bytes(32)),
        one.replace(witness=b""),
        one.replace(encrypted_rand=envelop(rand.der, recipient)),
        one.replace(encrypted_rand=envelop(b"junk", recipient)),
        one.replace(owf=AlgorithmIdentifier(algorithm=oids.SHA384)),
    ):
        with pytest.raises(DecryptionError) as caught:
            answer(bad)
        assert caught.value.__cause__ is None
    with pytest.raises(DecryptionError):
        answer(one, GeneralName(directory_name=subject("somebody else")))
    for bad in (
        one.replace(owf=None),
        one.replace(challenge=b"both"),
        one.replace(encrypted_rand=None),
        one.replace(owf=AlgorithmIdentifier(algorithm=oids.SHA1)),
        one.replace(owf=AlgorithmIdentifier(algorithm=oids.MD5)),
    ):
        with pytest.raises(UnsupportedAlgorithm):
            answer(bad)
    for oid in (oids.SHA256, oids.SHA512, oids.HMAC_WITH_SHA256):
        for odd in filter(None, (identifier(oid, octets) for octets in ODD_VALUES)):
            if oid != oids.SHA256 or (odd.parameters is not None and odd.der[-2:] != b"\x05\0"):
                with pytest.raises((UnsupportedAlgorithm, DecryptionError)):
                    answer(one.replace(owf=odd))


@pytest.mark.parametrize("legacy", [False, True])
def test_every_altered_octet_of_a_challenge(legacy: bool) -> None:
    made = challenge([spki("rsa")], CA, legacy=legacy)
    good = made.content.der
    for at in range(0, len(good), 3):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        try:
            answer = respond(POPODecKeyChallContent.decode(bytes(bad)), [key("rsa")], CA, LEGACY)
        except CMPError:
            continue
        assert tuple(answer) == made.numbers  # the version or the name of the recipient, which nothing protects
