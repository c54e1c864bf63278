"""Every proof of possession in a request: made and verified, by the wrong key, for the wrong request, altered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmpcodec import oids
from cmpcodec.asn1 import BitString, Null
from cmpcodec.cmp import DHBMParameter
from cmpcodec.crmf import (
    AuthInfo,
    CertReqMsg,
    CertRequest,
    EncKeyWithID,
    PKMACValue,
    POPOPrivKey,
    ProofOfPossession,
    SubsequentMessage,
)
from cmpcodec.enveloping import PasswordRecipient, encrypt_value, envelop, recipient_for_key
from cmpcodec.enveloping.keys import private_key_info
from cmpcodec.errors import DecodeError, PopError, UnsupportedAlgorithm
from cmpcodec.pkix import AlgorithmIdentifier, GeneralName
from cmpcodec.pop import prove, prove_by_agreement, prove_by_key, prove_identity, verify_proof
from cmpcodec.protection.pbm import PasswordBasedMAC
from cmpcodec.protection.policy import ProtectionPolicy
from tests.enveloping.making import (
    DECRYPTING,
    KEMS,
    LEGACY,
    ODD_VALUES,
    PASSWORD,
    SIGNING,
    identifier,
    key,
    spki,
    subject,
)

WHO = GeneralName(directory_name=subject("device-1"))
OTHER = GeneralName(directory_name=subject("device-2"))
SECRET = PasswordBasedMAC(b"canary-secret", iterations=100)
AGREEING = ("p256", "p384", "p521", "x25519", "x448")


def message(kind: str, popo: ProofOfPossession | None = None, *, named: bool = True, public: bool = True, number: int = 0) -> CertReqMsg:  # fmt: skip
    template: dict[str, Any] = {"subject": subject("device-1")} if named else {}
    if public:
        template["public_key"] = spki(kind)
    return CertReqMsg(cert_req=CertRequest.from_plain({"cert_req_id": number, "cert_template": template}), popo=popo)


def refused(one: CertReqMsg, match: str | None = None, **means: Any) -> None:
    with pytest.raises(PopError, match=match) as caught:
        verify_proof(CertReqMsg.decode(one.der), **means)
    assert "canary-secret" not in str(caught.value)


# --- signatures ---


@pytest.mark.parametrize("kind", SIGNING)
def test_signature_over_the_request(kind: str) -> None:
    for named in (True, False):
        asked = message(kind, named=named)
        good = asked.replace(popo=prove(asked.cert_req, key(kind)))
        assert verify_proof(CertReqMsg.decode(good.der)) == (spki(kind), "signature", None, None)
        refused(good.replace(cert_req=message(kind, named=named, number=1).cert_req), "does not fit")
        refused(asked.replace(popo=prove(asked.cert_req, key(kind, 1))), "does not fit")


@given(st.sampled_from(SIGNING), st.booleans(), st.booleans(), st.booleans())
@settings(deadline=None, max_examples=40)
def test_signature_over_an_input(kind: str, named: bool, public: bool, by_mac: bool) -> None:
    asked = message(kind, named=named, public=public)
    good = asked.replace(popo=prove_identity(SECRET if by_mac else WHO, key(kind)))
    if named and public:
        refused(good, "poposkInput is for", sender=WHO, secret=SECRET)
        return
    assert verify_proof(CertReqMsg.decode(good.der), sender=WHO, secret=SECRET).public_key == spki(kind)
    if by_mac:
        refused(good, "no secret", sender=WHO)
        refused(good, "does not fit", secret=PasswordBasedMAC(b"another secret"))
        refused(good, "policy", secret=SECRET, policy=ProtectionPolicy(min_iterations=101))
    else:
        refused(good, "authenticated sender", secret=SECRET)
        refused(good, "authenticated sender", sender=OTHER)
    other = good.replace(popo=prove_identity(SECRET if by_mac else WHO, key(kind, 1)))
    if public:
        refused(other, "not that of the template", sender=WHO, secret=SECRET)
    else:
        assert verify_proof(other, sender=WHO, secret=SECRET).public_key == spki(kind, 1)


def test_parts_of_an_input_are_tied_together() -> None:
    """Another key, name or MAC under the same signature; another signature under the same input."""
    one, two = prove_identity(SECRET, key("p256")).signature, prove_identity(SECRET, key("p256", 1)).signature
    assert one is not None
    assert two is not None
    first, second = one.poposk_input, two.poposk_input
    assert first is not None
    assert second is not None
    asked = message("p256", public=False)
    mac = first.auth_info.public_key_mac
    assert mac is not None
    for bad in (
        one.replace(poposk_input=second),
        one.replace(poposk_input=first.replace(public_key=spki("p256", 1))),
        one.replace(poposk_input=second.replace(public_key=first.public_key)),
        one.replace(poposk_input=first.replace(auth_info=AuthInfo(sender=WHO))),
        one.replace(signature=two.signature),
        one.replace(poposk_input=None),
        one.replace(poposk_input=first.replace(auth_info=AuthInfo(public_key_mac=mac.replace(value=BitString(b""))))),
    ):
        refused(asked.replace(popo=ProofOfPossession(signature=bad)), sender=WHO, secret=SECRET)


@pytest.mark.parametrize("by_mac", [True, False])
def test_every_altered_octet_of_an_input(by_mac: bool) -> None:
    good = message("p256", named=False)
    good = good.replace(popo=prove_identity(SECRET if by_mac else WHO, key("p256"))).der
    seen = 0
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        try:
            one = CertReqMsg.decode(bytes(bad))
        except DecodeError:
            continue
        try:
            found = verify_proof(one, sender=WHO, secret=SECRET, policy=ProtectionPolicy(max_iterations=1000))
        except PopError:
            seen += 1
        else:
            assert found.public_key == spki("p256")  # certReqId is not signed where a poposkInput is
            assert one.cert_req != CertReqMsg.decode(good).cert_req
    assert seen > 80


# --- raVerified ---


def test_ra_verified() -> None:
    asked = message("p256", ProofOfPossession(ra_verified=Null()))
    assert verify_proof(asked, trusted_ra=True) == (spki("p256"), "ra_verified", None, None)
    refused(asked, "registration authorities", sender=WHO, secret=SECRET, decryption_key=key("rsa"), agreement_key=key("p256"))  # fmt: skip
    refused(message("p256", asked.popo, public=False), "no publicKey", trusted_ra=True)
    refused(message("p256"), "no proof", trusted_ra=True)
    forged = message("p256", prove(asked.cert_req, key("p256", 1)))
    refused(forged, "does not fit", trusted_ra=True)  # an RA's word counts only where it is given


# --- the private key itself ---


@pytest.mark.parametrize("kind", DECRYPTING)
def test_encrypted_key(kind: str) -> None:
    recipient = recipient_for_key(spki("rsa", 3))
    for requester in (WHO, "token-4711"):
        asked = message(kind, prove_by_key(key(kind), requester, recipient))
        found = verify_proof(CertReqMsg.decode(asked.der), sender=WHO, decryption_key=key("rsa", 3))
        assert found == (spki(kind), "encrypted_key", None, None if requester is WHO else "token-4711")
        refused(asked, "not accepted here", sender=WHO)
        refused(asked, "cannot be read, or is another", sender=WHO, decryption_key=key("rsa", 4))
        refused(asked, "encrypted private key", sender=WHO, decryption_key=key("p256"))
    named = message(kind, prove_by_key(key(kind), WHO, recipient))
    refused(named, "another name", sender=OTHER, decryption_key=key("rsa", 3))
    refused(named, "another name", decryption_key=key("rsa", 3))
    wrong = message(kind, prove_by_key(key(kind, 1), WHO, recipient))
    refused(wrong, "cannot be read, or is another", sender=WHO, decryption_key=key("rsa", 3))


def test_odd_encrypted_keys() -> None:
    recipient = PasswordRecipient(PASSWORD, iterations=100)
    info = private_key_info(key("rsa"))
    for content, kind, match in (
        (EncKeyWithID(private_key=info).der, oids.ID_CT_ENC_KEY_WITH_ID, "whose it is"),
        (info.der, oids.ID_DATA, "EncKeyWithID"),
        (info.der, oids.ID_CT_ENC_KEY_WITH_ID, "cannot be read"),
        (b"junk", oids.ID_CT_ENC_KEY_WITH_ID, "cannot be read"),
        (EncKeyWithID(private_key=info.replace(private_key=b"junk")).der, oids.ID_CT_ENC_KEY_WITH_ID, "cannot be read"),
    ):
        popo = POPOPrivKey(encrypted_key=envelop(content, recipient, content_type=kind))
        refused(message("rsa", ProofOfPossession(key_encipherment=popo)), match, sender=WHO, decryption_key=PASSWORD)


def test_this_message() -> None:
    value = encrypt_value(private_key_info(key("rsa")).der, key("rsa", 3).public_key())

    def asked(octets: bytes, unused: int = 0) -> CertReqMsg:
        proof = POPOPrivKey(this_message=BitString(octets, unused))
        return message("rsa", ProofOfPossession(key_encipherment=proof))

    good = asked(value.der)
    assert verify_proof(good, decryption_key=key("rsa", 3), policy=LEGACY).by == "this_message"
    refused(good, "policy", decryption_key=key("rsa", 3))
    for bad in (asked(b""), asked(b"junk"), asked(value.der[:-1]), asked(b"\0" * 9, 1)):
        refused(bad, "cannot be read", decryption_key=key("rsa", 3), policy=LEGACY)


# --- agreement ---


@pytest.mark.parametrize("kind", AGREEING)
def test_agree_mac(kind: str) -> None:
    asked = message(kind)
    good = asked.replace(popo=prove_by_agreement(asked.cert_req, key(kind), spki(kind, 3)))
    assert verify_proof(CertReqMsg.decode(good.der), agreement_key=key(kind, 3)).by == "agree_mac"
    refused(good, "not accepted here")
    refused(good, "does not fit", agreement_key=key(kind, 4))
    refused(good.replace(cert_req=message(kind, number=1).cert_req), "does not fit", agreement_key=key(kind, 3))
    refused(asked.replace(popo=prove_by_agreement(asked.cert_req, key(kind, 1), spki(kind, 3))), "does not fit", agreement_key=key(kind, 3))  # fmt: skip
    refused(good, "agreeMAC", agreement_key=key("x448" if kind != "x448" else "p256"))
    with pytest.raises(UnsupportedAlgorithm):
        prove_by_agreement(asked.cert_req, key(kind), spki("rsa"))


def test_agree_mac_with_odd_parameters() -> None:
    asked = message("p256")
    proof = prove_by_agreement(asked.cert_req, key("p256"), spki("p256", 3)).key_agreement
    assert proof is not None
    mac = proof.agree_mac
    assert mac is not None

    def with_mac(**changes: Any) -> CertReqMsg:
        return asked.replace(popo=ProofOfPossession(key_agreement=POPOPrivKey(agree_mac=mac.replace(**changes))))

    for value in (BitString(b""), BitString(mac.value.data[:-1]), BitString(mac.value.data[:-1] + b"\0", 1), BitString(mac.value.data + b"\0")):  # fmt: skip
        refused(with_mac(value=value), "does not fit", agreement_key=key("p256", 3))
    for oid in (oids.ID_DH_BASED_MAC, oids.ID_PASSWORD_BASED_MAC, oids.HMAC_WITH_SHA256, "1.2.3"):
        for odd in filter(None, (identifier(oid, octets) for octets in ODD_VALUES)):
            refused(with_mac(alg_id=odd), "agreeMAC", agreement_key=key("p256", 3))
    sha1, sha256 = AlgorithmIdentifier(algorithm=oids.SHA1), AlgorithmIdentifier(algorithm=oids.SHA256)
    hmac = AlgorithmIdentifier(algorithm=oids.HMAC_WITH_SHA256)
    for parameters in (DHBMParameter(owf=sha1, mac=hmac), DHBMParameter(owf=hmac, mac=sha256), DHBMParameter(owf=sha256, mac=AlgorithmIdentifier(algorithm=oids.HMAC_MD5_IPSEC))):  # fmt: skip
        odd = AlgorithmIdentifier(algorithm=oids.ID_DH_BASED_MAC, parameters=parameters)
        refused(with_mac(alg_id=odd), "agreeMAC", agreement_key=key("p256", 3))


# --- what is to follow ---


@pytest.mark.parametrize("kind", DECRYPTING)
@pytest.mark.parametrize("follows", SubsequentMessage)
def test_subsequent_message(kind: str, follows: SubsequentMessage) -> None:
    proof = POPOPrivKey(subsequent_message=follows)
    right, wrong = ("key_agreement", "key_encipherment") if kind in AGREEING else ("key_encipherment", "key_agreement")
    found = verify_proof(message(kind, ProofOfPossession(**{right: proof})))
    assert found == (spki(kind), "subsequent_message", follows, None)
    refused(message(kind, ProofOfPossession(**{wrong: proof})), "not for a key of this kind")
    odd = POPOPrivKey(subsequent_message=2)
    refused(message(kind, ProofOfPossession(**{right: odd})), "neither")


def test_what_proves_nothing() -> None:
    refused(message("ed25519", ProofOfPossession(key_encipherment=POPOPrivKey(subsequent_message=0))), "encrypted")
    refused(message("p256", ProofOfPossession(key_agreement=POPOPrivKey(dh_mac=BitString(b"x" * 20)))), "dhMAC")
    mac = PKMACValue(alg_id=AlgorithmIdentifier(algorithm=oids.ID_DH_BASED_MAC), value=BitString(b""))
    refused(message("rsa", ProofOfPossession(key_encipherment=POPOPrivKey(agree_mac=mac))), agreement_key=key("p256"))
    refused(message("rsa", ProofOfPossession(key_encipherment=POPOPrivKey(dh_mac=BitString(b"")))), "dhMAC")
    for kind in (*SIGNING, *KEMS):
        refused(message(kind), "no proof")
        refused(message(kind, public=False), "no publicKey")
