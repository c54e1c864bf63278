"""Keys that a CA generated, in both directions; EncryptedValue with every part missing."""

from __future__ import annotations

import itertools

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from cmpcodec import oids
from cmpcodec.asn1 import BitString, Null, SequenceOf
from cmpcodec.cms import AsymmetricKeyPackage
from cmpcodec.crmf import EncKeyWithID, EncryptedKey, EncryptedValue, PrivateKeyInfo
from cmpcodec.enveloping import (
    PasswordRecipient,
    decrypt_key,
    decrypt_value,
    deliver_key,
    encrypt_value,
    envelop,
    open_envelope,
    receive_key,
    recipient_for,
    sign_data,
    verify_data,
)
from cmpcodec.enveloping.keys import key_record, load_key, private_key_info
from cmpcodec.errors import CMPError, DecryptionError, InvalidProtection, UnsupportedAlgorithm
from cmpcodec.pkix import AlgorithmIdentifier
from tests.enveloping.making import (
    DECRYPTING,
    LEGACY,
    ODD_VALUES,
    PASSWORD,
    SIGNING,
    certificate,
    identifier,
    key,
)

KINDS = tuple(dict.fromkeys((*DECRYPTING, *SIGNING)))


def octets_of(private: object) -> bytes:
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]  # all have it


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transport", ["certificate", "password"])
def test_delivery(kind: str, transport: str) -> None:
    recipient, own = (
        (recipient_for(certificate("p384")), key("p384"))
        if transport == "certificate"
        else (PasswordRecipient(PASSWORD, iterations=100), PASSWORD)
    )
    made = deliver_key(key(kind), recipient, signing_key=key("p256"), certificate=certificate("p256"), chain=[certificate("rsa")])  # fmt: skip
    encrypted = EncryptedKey.decode(made.der)
    found = receive_key(encrypted, own, certificate(kind))
    assert octets_of(found.key) == octets_of(key(kind))
    assert found.fits
    assert found.signer == certificate("p256")
    assert set(found.certificates) == {certificate("p256"), certificate("rsa")}
    assert not receive_key(encrypted, own, certificate(kind, 1)).fits
    assert octets_of(key(kind))[-16:] not in made.der


def signed_package(package: bytes, content_type: str = oids.ID_CT_KP_A_KEY_PACKAGE) -> EncryptedKey:
    data = sign_data(package, key("p256"), certificate("p256"), content_type=content_type)
    recipient = recipient_for(certificate("x25519"))
    return EncryptedKey(enveloped_data=envelop(data.der, recipient, content_type=oids.ID_SIGNED_DATA))


def test_what_is_no_delivery() -> None:
    record = key_record(key("rsa"))
    package = AsymmetricKeyPackage([record])
    other_public = record.replace(public_key=key_record(key("rsa", 1)).public_key)
    huge = record.replace(private_key=bytes(8193), public_key=None)
    dh = record.replace(private_key_algorithm=AlgorithmIdentifier(algorithm=oids.DHPUBLICNUMBER), public_key=None)
    recipient = recipient_for(certificate("x25519"))
    for bad, error in (
        (EncryptedKey(enveloped_data=envelop(package.der, recipient)), UnsupportedAlgorithm),
        (EncryptedKey(enveloped_data=envelop(b"junk", recipient, content_type=oids.ID_SIGNED_DATA)), DecryptionError),
        (signed_package(package.der, oids.ID_DATA), UnsupportedAlgorithm),
        (signed_package(b"junk"), DecryptionError),
        (signed_package(AsymmetricKeyPackage([record, record]).der), UnsupportedAlgorithm),
        (signed_package(AsymmetricKeyPackage([other_public]).der), DecryptionError),
        (signed_package(AsymmetricKeyPackage([huge]).der), DecryptionError),
        (signed_package(AsymmetricKeyPackage([dh]).der), DecryptionError),
        (signed_package(AsymmetricKeyPackage([record.replace(private_key=b"\4\1x", public_key=None)]).der), DecryptionError),
    ):  # fmt: skip
        with pytest.raises(error) as caught:
            receive_key(bad, key("x25519"), certificate("rsa"))
        assert caught.value.__cause__ is None
    whole = receive_key(signed_package(AsymmetricKeyPackage([record.replace(public_key=None)]).der), key("x25519"), certificate("rsa"))  # fmt: skip
    assert whole.fits


def test_a_delivery_that_was_altered() -> None:
    """Every octet of the ciphertext: never a key, one of two errors (the signature is what protects it)."""
    made = deliver_key(key("x25519"), recipient_for(certificate("x448")), signing_key=key("p256"), certificate=certificate("p256"))  # fmt: skip
    data = made.enveloped_data
    assert data is not None
    info = data.encrypted_content_info
    whole = info.encrypted_content or b""
    accepted = 0
    for at in range(len(whole)):
        bad = bytearray(whole)
        bad[at] ^= 1 << at % 8
        changed = data.replace(encrypted_content_info=info.replace(encrypted_content=bytes(bad)))
        try:
            found = receive_key(EncryptedKey(enveloped_data=changed), key("x448"), certificate("x25519"))
        except (DecryptionError, InvalidProtection, UnsupportedAlgorithm):
            continue
        assert found.signer != certificate("p256")  # the certificate beside the signature: whoever trusts it is told
        accepted += 1
        assert found.fits
    assert accepted < len(whole) // 4


class RSAKey(SequenceOf[int]):
    """RSAPrivateKey, RFC 8017, A.1.2: nine numbers."""


def rsa_key(one: int, other: int) -> PrivateKeyInfo:
    """A private key in perfect order, of the Mersenne primes with so many bits."""
    p, q, e = 2**one - 1, 2**other - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = RSAKey([0, p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)])
    algorithm = AlgorithmIdentifier(algorithm=oids.RSA_ENCRYPTION, parameters=Null())
    return PrivateKeyInfo(version=0, private_key_algorithm=algorithm, private_key=numbers.der)


@pytest.mark.parametrize("primes", [(2203, 2281), (2281, 607), (607, 2281)])
def test_keys_that_take_long_to_read(primes: tuple[int, int]) -> None:
    """Whoever sends a key decides for how long its factors are tested: beyond 4096 bits, or all in one factor."""
    with pytest.raises(DecryptionError):
        load_key(rsa_key(*primes))


def test_nothing_decrypted_is_shown() -> None:
    """No representation of what a private key passes through shows it."""
    info, record = private_key_info(key("rsa")), key_record(key("rsa"))
    package = AsymmetricKeyPackage([record])
    data = sign_data(package.der, key("p256"), certificate("p256"), content_type=oids.ID_CT_KP_A_KEY_PACKAGE)
    content = open_envelope(envelop(package.der, PasswordRecipient(PASSWORD, iterations=100)), PASSWORD)
    enclosed = EncKeyWithID(private_key=info)
    for shown in map(repr, (info, record, package, content, enclosed, verify_data(data), data)):
        assert repr(info.private_key[100:120])[2:-1] not in shown
        assert len(shown) < 3000


def test_records() -> None:
    for kind in KINDS:
        assert octets_of(load_key(private_key_info(key(kind)))) == octets_of(key(kind))
        assert key_record(key(kind)).public_key is not None


# --- EncryptedValue ---


@given(
    st.binary(max_size=300), st.sampled_from(["aes128", "aes192", "aes256"]), st.sampled_from([None, "sha1", "sha256"])
)
@settings(deadline=None, max_examples=40)
def test_encrypted_value(content: bytes, cipher: str, digest: str | None) -> None:
    made = encrypt_value(content, key("rsa").public_key(), cipher=cipher, digest=digest)
    value = EncryptedValue.decode(made.der)
    assert decrypt_value(value, key("rsa"), LEGACY) == content
    assert decrypt_key(EncryptedKey(encrypted_value=value), key("rsa"), LEGACY) == content
    with pytest.raises(UnsupportedAlgorithm, match="policy"):
        decrypt_value(value, key("rsa"))
    for other in (key("p256"), PASSWORD):
        with pytest.raises(UnsupportedAlgorithm, match="RSA"):
            decrypt_value(value, other, LEGACY)


def test_every_subset_of_an_encrypted_value() -> None:
    """OpenSSL's CVE-2026-42767: whatever is OPTIONAL is absent."""
    hint = AlgorithmIdentifier(algorithm=oids.RSA_ENCRYPTION)
    whole = encrypt_value(b"content", key("rsa").public_key(), intended_alg=hint).replace(value_hint=b"hint")
    optional = ("intended_alg", "symm_alg", "enc_symm_key", "key_alg", "value_hint")
    for size in range(len(optional) + 1):
        for absent in itertools.combinations(optional, size):
            value = EncryptedValue.decode(whole.replace(**dict.fromkeys(absent)).der)
            if {"symm_alg", "enc_symm_key"} & set(absent):
                with pytest.raises(UnsupportedAlgorithm, match="without symmAlg or encSymmKey"):
                    decrypt_value(value, key("rsa"), LEGACY)
            else:
                assert decrypt_value(value, key("rsa"), LEGACY) == b"content"


def test_odd_encrypted_values() -> None:
    whole = encrypt_value(b"content", key("rsa").public_key())
    for odd in (
        whole.replace(enc_value=BitString(b"\0" * 16, 1)),
        whole.replace(enc_value=BitString(b"")),
        whole.replace(enc_symm_key=BitString(b"\0" * 256, 1)),
    ):
        with pytest.raises(DecryptionError):
            decrypt_value(odd, key("rsa"), LEGACY)
    for oid in (oids.ID_AES256_CBC, oids.DES_EDE3_CBC, oids.RSA_ENCRYPTION, oids.ID_RSAES_OAEP, "1.2.3"):
        for odd in filter(None, (identifier(oid, parameters) for parameters in ODD_VALUES)):
            for field in ("symm_alg", "key_alg"):
                try:
                    found = decrypt_value(whole.replace(**{field: odd}), key("rsa"), LEGACY)
                except CMPError as error:
                    assert isinstance(error, UnsupportedAlgorithm | DecryptionError)
                else:
                    assert found == b"content" or field == "symm_alg"


def test_a_key_in_an_encrypted_value() -> None:
    made = encrypt_value(private_key_info(key("p256")).der, key("rsa").public_key())
    found = receive_key(EncryptedKey(encrypted_value=made), key("rsa"), certificate("p256"), policy=LEGACY)
    assert (found.fits, found.signer) == (True, None)
    junk = encrypt_value(PrivateKeyInfo(version=0, private_key_algorithm=AlgorithmIdentifier(algorithm=oids.RSA_ENCRYPTION), private_key=b"").der, key("rsa").public_key())  # fmt: skip
    for bad in (junk, encrypt_value(b"", key("rsa").public_key())):
        with pytest.raises(DecryptionError):
            receive_key(EncryptedKey(encrypted_value=bad), key("rsa"), certificate("p256"), policy=LEGACY)
    with pytest.raises(UnsupportedAlgorithm, match="policy"):
        receive_key(EncryptedKey(encrypted_value=made), key("rsa"), certificate("p256"))


def test_open_envelope_is_what_decrypt_key_does() -> None:
    data = envelop(b"content", recipient_for(certificate("p521")))
    assert decrypt_key(EncryptedKey(enveloped_data=data), key("p521")) == open_envelope(data, key("p521")).octets
