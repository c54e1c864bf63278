"""EnvelopedData: every kind of recipient, every cipher, every altered octet, every odd parameter, every cost."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from cmpcodec import oids
from cmpcodec.asn1 import TLV, BitString
from cmpcodec.cms import (
    EnvelopedData,
    OriginatorIdentifierOrKey,
    PBKDF2_params,
    RecipientInfo,
    RecipientInfos,
    Salt,
)
from cmpcodec.enveloping import (
    AgreementRecipient,
    KEMRecipient,
    PasswordRecipient,
    RSARecipient,
    SharedKey,
    contents,
    envelop,
    open_envelope,
    recipient_for,
    recipient_for_key,
    sharing,
    transport,
    wrapping,
)
from cmpcodec.errors import CMPError, DecodeError, DecryptionError, UnsupportedAlgorithm
from cmpcodec.pkix import AlgorithmIdentifier
from cmpcodec.protection.policy import ProtectionPolicy
from tests.enveloping.making import (
    DECRYPTING,
    KEMS,
    LEGACY,
    ODD_VALUES,
    PASSWORD,
    RECIPIENTS,
    RID,
    SHARED,
    certificate,
    identifier,
    key,
    needs_kem,
    spki,
)

OLD = {"rsa pkcs1", "p256 sha1"}


@given(st.sampled_from(sorted(RECIPIENTS)), st.sampled_from(sorted(contents.CIPHERS)), st.binary(max_size=200))
@settings(deadline=None, max_examples=150)
def test_round_trip(kind: str, cipher: str, content: bytes) -> None:
    recipient, own = RECIPIENTS[kind]
    made = envelop(content, recipient, content_type=oids.ID_SIGNED_DATA, cipher=cipher)
    data = EnvelopedData.decode(made.der)
    assert data == made
    assert len(content) < 16 or content not in data.der
    assert open_envelope(data, own, LEGACY) == (oids.ID_SIGNED_DATA, content)
    if kind in OLD:
        with pytest.raises(UnsupportedAlgorithm, match="policy"):
            open_envelope(data, own)
    else:
        open_envelope(data, own)


def test_nothing_is_used_twice() -> None:
    for recipient, _ in RECIPIENTS.values():
        one, two = (envelop(b"content", recipient).encrypted_content_info for _ in range(2))
        assert one.content_encryption_algorithm.parameters != two.content_encryption_algorithm.parameters
        assert one.encrypted_content != two.encrypted_content


@pytest.mark.parametrize("kind", RECIPIENTS)
def test_other_keys(kind: str) -> None:
    """Whoever is not meant gets a typed error: refused by the kind of his key, or the one text of all failures."""
    data = envelop(b"0123456789abcdef" * 3, RECIPIENTS[kind][0])
    family = kind.split()[0]
    others: list[Any] = [key(family, 1)] if family in DECRYPTING else []
    others += [b"another password", SharedKey(b"j" * 32, b"key-1"), SharedKey(b"k" * 32, b"key-2"), *(own for name, (_, own) in RECIPIENTS.items() if not name.startswith(family))]  # fmt: skip
    for other in others:
        try:
            found = open_envelope(data, other, LEGACY).octets
        except UnsupportedAlgorithm:
            assert other not in (others[0],) or family not in DECRYPTING
        except DecryptionError as error:
            assert str(error) == str(DecryptionError())
            assert error.__cause__ is None
        else:
            assert kind == "rsa pkcs1"  # a random key, and one time in about 256 a padding that fits
            assert found != b"0123456789abcdef" * 3


@pytest.mark.parametrize("kind", RECIPIENTS)
def test_every_altered_octet(kind: str) -> None:
    recipient, own = RECIPIENTS[kind]
    good = envelop(b"some content of an envelope", recipient).der
    plain = hidden = 0
    step = max(1, len(good) // 250)
    for at in range(0, len(good), step):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        try:
            data = EnvelopedData.decode(bytes(bad))
        except DecodeError:
            continue
        try:
            open_envelope(data, own, ProtectionPolicy(legacy_encryption=True, max_iterations=2000))
            plain += 1  # CBC protects no integrity, and neither version nor name of the recipient is protected
        except CMPError as error:
            assert isinstance(error, DecryptionError | UnsupportedAlgorithm)
            hidden += isinstance(error, DecryptionError)
    assert hidden > 5
    assert plain > 0


@pytest.mark.parametrize("kind", ["rsa", "p256", "x448", "password sha256 True", "shared key"])
def test_truncated_content_and_keys(kind: str) -> None:
    recipient, own = RECIPIENTS[kind]
    data = envelop(b"content" * 5, recipient)
    info = data.encrypted_content_info
    whole = info.encrypted_content or b""
    for size in (0, 1, 15, 17, len(whole) - 1, len(whole) + 1):
        shorter = info.replace(encrypted_content=(whole * 2)[:size])
        with pytest.raises(DecryptionError):
            open_envelope(data.replace(encrypted_content_info=shorter), own)
    with pytest.raises(UnsupportedAlgorithm, match="elsewhere"):
        open_envelope(data.replace(encrypted_content_info=info.replace(encrypted_content=None)), own)
    for size in (0, 1, 8, 16, 31, 33, 2000):
        with pytest.raises(DecryptionError):
            open_envelope(with_key(data, bytes(size)), own)


def with_key(data: EnvelopedData, wrapped: bytes) -> EnvelopedData:
    info = data.recipient_infos[0]
    value = info.value
    if info.kari is not None:
        one = info.kari.recipient_encrypted_keys[0].replace(encrypted_key=wrapped)
        value = value.replace(recipient_encrypted_keys=[one])
    else:
        value = value.replace(encrypted_key=wrapped)
    return data.replace(recipient_infos=[RecipientInfo(**{info.name: value})])


def with_value(data: EnvelopedData, **components: Any) -> EnvelopedData:
    info = data.recipient_infos[0]
    return data.replace(recipient_infos=[RecipientInfo(**{info.name: info.value.replace(**components)})])


def test_one_recipient_only() -> None:
    data = envelop(b"content", RECIPIENTS["rsa"][0])
    both = RecipientInfos([*data.recipient_infos, *envelop(b"content", RECIPIENTS["p256"][0]).recipient_infos])
    with pytest.raises(UnsupportedAlgorithm, match="one recipient"):
        open_envelope(data.replace(recipient_infos=both), key("rsa"))
    kari = envelop(b"content", RECIPIENTS["p256"][0])
    value = kari.recipient_infos[0].kari
    assert value is not None
    for keys in ([], [*value.recipient_encrypted_keys] * 2):
        with pytest.raises(UnsupportedAlgorithm, match="one recipient"):
            open_envelope(with_value(kari, recipient_encrypted_keys=keys), key("p256"))


# --- hostile parameters ---

OIDS = [value for name, value in vars(oids).items() if name.isupper() and isinstance(value, str)]


@pytest.mark.parametrize(
    "kind", ["rsa", "rsa pkcs1", "p256", "x25519", "password sha256 False", "password sha256 True", "shared key"]
)
def test_algorithms_and_parameters_of_every_type(kind: str) -> None:
    """OpenSSL's CVE-2026-63076: parameters are never used before their type is known."""
    recipient, own = RECIPIENTS[kind]
    data = envelop(b"content of the envelope", recipient)
    value = data.recipient_infos[0].value
    algorithm = value.key_encryption_algorithm
    relevant = {algorithm.algorithm, oids.RSA_ENCRYPTION, oids.ID_RSAES_OAEP, oids.ID_ALG_PWRI_KEK, oids.ID_AES256_WRAP, oids.ID_AES128_CBC, oids.ID_ALG_ESDH, oids.MQV_SINGLE_PASS_SHA256KDF_SCHEME, oids.DH_SINGLE_PASS_COFACTOR_DH_SHA256KDF_SCHEME, oids.DH_SINGLE_PASS_STD_DH_HKDF_SHA512_SCHEME, "1.2.3"}  # fmt: skip
    for oid in relevant:
        for odd in (identifier(oid, value) for value in ODD_VALUES):
            if odd is not None:
                refused(with_value(data, key_encryption_algorithm=odd), own, algorithm)
    info = data.encrypted_content_info
    for oid in (oids.ID_AES128_CBC, oids.ID_AES256_CBC, oids.DES_EDE3_CBC, oids.ID_AES256_GCM, "1.2.3"):
        for odd in (identifier(oid, value) for value in ODD_VALUES):
            if odd is not None:
                inner = info.replace(content_encryption_algorithm=odd)
                refused(data.replace(encrypted_content_info=inner), own, algorithm)
    if kind.startswith("password"):
        for oid in (oids.ID_PBKDF2, oids.ID_PBES2, oids.ID_PASSWORD_BASED_MAC):
            for odd in (identifier(oid, value) for value in ODD_VALUES):
                if odd is not None:
                    refused(with_value(data, key_derivation_algorithm=odd), own, algorithm)


def refused(data: EnvelopedData, own: Any, algorithm: AlgorithmIdentifier) -> None:
    try:
        found = open_envelope(data, own, LEGACY)
    except (UnsupportedAlgorithm, DecryptionError):
        return
    # Only the algorithm as it was, or another spelling of it, or a vector of zeros in place of the one that was sent.
    used = data.recipient_infos[0].value.key_encryption_algorithm
    cofactor = oids.DH_SINGLE_PASS_COFACTOR_DH_SHA256KDF_SCHEME  # computes the same
    assert used.algorithm in (algorithm.algorithm, oids.RSA_ENCRYPTION, cofactor)
    assert found.octets[16:] == b"content of the envelope"[16:] or used.algorithm == oids.RSA_ENCRYPTION


@pytest.mark.parametrize("kind", ["rsa", "p256", "x448", "shared key"])
def test_every_known_number_as_algorithm(kind: str) -> None:
    recipient, own = RECIPIENTS[kind]
    data = envelop(b"content", recipient)
    algorithm = data.recipient_infos[0].value.key_encryption_algorithm
    for oid in OIDS:
        if oid not in (algorithm.algorithm, oids.RSA_ENCRYPTION):
            odd = AlgorithmIdentifier(algorithm=oid)
            with pytest.raises((UnsupportedAlgorithm, DecryptionError)):
                open_envelope(with_value(data, key_encryption_algorithm=odd), own)


def test_parameters_of_oaep() -> None:
    data = envelop(b"content", RECIPIENTS["rsa"][0])
    algorithm = data.recipient_infos[0].value.key_encryption_algorithm
    good = algorithm.parameters
    sha1, md5 = AlgorithmIdentifier(algorithm=oids.SHA1), AlgorithmIdentifier(algorithm=oids.MD5)
    wrong = [
        (good.replace(mask_gen_func=AlgorithmIdentifier(algorithm=oids.ID_MGF1)), UnsupportedAlgorithm),
        (good.replace(mask_gen_func=sha1), UnsupportedAlgorithm),
        (good.replace(hash_func=md5), UnsupportedAlgorithm),
        (good.replace(p_source_func=AlgorithmIdentifier(algorithm=oids.ID_P_SPECIFIED, parameters=b"label")), UnsupportedAlgorithm),
        (good.replace(p_source_func=AlgorithmIdentifier(algorithm=oids.ID_P_SPECIFIED)), UnsupportedAlgorithm),
        (good.replace(hash_func=sha1), DecryptionError),
    ]  # fmt: skip
    for parameters, error in wrong:
        with pytest.raises(error):
            open_envelope(
                with_value(data, key_encryption_algorithm=algorithm.replace(parameters=parameters)), key("rsa")
            )


def test_originators_of_an_agreement() -> None:
    data = envelop(b"content", RECIPIENTS["p256"][0])
    sent = data.recipient_infos[0].value.originator.originator_key
    whole = spki("p256", 1)
    same = sent.replace(algorithm=whole.algorithm)
    assert open_envelope(with_value(data, originator=OriginatorIdentifierOrKey(originator_key=same)), key("p256"))
    point = sent.public_key.data
    for other in (
        sent.replace(algorithm=spki("p384").algorithm),
        sent.replace(algorithm=spki("x25519").algorithm, public_key=spki("x25519").subject_public_key),
        sent.replace(public_key=spki("p384").subject_public_key),
        sent.replace(public_key=BitString(b"\0")),
        sent.replace(public_key=BitString(point[:1] + bytes(64))),
        sent.replace(public_key=BitString(point[:-1] + bytes([point[-1] ^ 1]))),
        sent.replace(public_key=spki("p256", 1).subject_public_key),
    ):
        with pytest.raises((UnsupportedAlgorithm, DecryptionError)):
            open_envelope(with_value(data, originator=OriginatorIdentifierOrKey(originator_key=other)), key("p256"))
    named = OriginatorIdentifierOrKey(subject_key_identifier=b"static")
    with pytest.raises(UnsupportedAlgorithm, match="certificate"):
        open_envelope(with_value(data, originator=named), key("p256"))
    montgomery = envelop(b"content", RECIPIENTS["x25519"][0])
    low = montgomery.recipient_infos[0].value.originator.originator_key.replace(public_key=BitString(bytes(32)))
    with pytest.raises(DecryptionError):
        open_envelope(with_value(montgomery, originator=OriginatorIdentifierOrKey(originator_key=low)), key("x25519"))


def test_ukm_counts() -> None:
    for kind in ("p256", "x25519"):
        data = envelop(b"content", RECIPIENTS[kind][0])
        with pytest.raises(DecryptionError):
            open_envelope(with_value(data, ukm=b"other"), key(kind))


@needs_kem
def test_kem_recipients() -> None:
    data = envelop(b"content", RECIPIENTS[KEMS[0]][0])
    other = data.recipient_infos[0].value
    info = other.ori_value
    wrong = [
        (info.replace(ukm=b"other"), DecryptionError),
        (info.replace(kemct=info.kemct[:-1]), DecryptionError),
        (info.replace(kemct=bytes(len(info.kemct))), DecryptionError),
        (info.replace(kek_length=16), UnsupportedAlgorithm),
        (info.replace(kek_length=2**60), UnsupportedAlgorithm),
        (info.replace(kem=spki(KEMS[1]).algorithm), UnsupportedAlgorithm),
        (info.replace(kdf=AlgorithmIdentifier(algorithm=oids.ID_KDF_KDF3)), UnsupportedAlgorithm),
        (info.replace(kdf=AlgorithmIdentifier(algorithm=oids.ID_ALG_HKDF_WITH_SHA512)), DecryptionError),
        (info.replace(wrap=AlgorithmIdentifier(algorithm=oids.ID_AES128_WRAP)), UnsupportedAlgorithm),
    ]
    for value, error in wrong:
        with pytest.raises(error):
            open_envelope(with_value(data, ori_value=value), key(KEMS[0]))
    for digest in ("sha384", "sha512", "sha3_256"):
        one = envelop(b"content", KEMRecipient(spki(KEMS[0]), RID, digest=digest))
        assert open_envelope(one, key(KEMS[0])).octets == b"content"
    with pytest.raises(UnsupportedAlgorithm):
        KEMRecipient(spki("rsa"), RID)
    with pytest.raises(ValueError, match="none of"):
        KEMRecipient(spki(KEMS[0]), RID, digest="md5")
    unknown = with_value(data, ori_type="1.2.3")
    with pytest.raises(UnsupportedAlgorithm, match="not supported"):
        open_envelope(EnvelopedData.decode(unknown.der), key(KEMS[0]))


# --- costs, and what must not leak ---


def test_costs_are_bounded_before_anything_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_pbkdf2", lambda *_: pytest.fail("derived"))
    data = EnvelopedData.decode(PASSWORD_ENVELOPE.der)
    algorithm = data.recipient_infos[0].value.key_derivation_algorithm
    good = algorithm.parameters
    for change in (
        {"iteration_count": 99}, {"iteration_count": 0}, {"iteration_count": -1}, {"iteration_count": 50_001},
        {"iteration_count": 2**31}, {"iteration_count": 2**2000}, {"salt": Salt(specified=b"1234567")}, {"salt": Salt(specified=bytes(65))},
        {"salt": Salt(other_source=AlgorithmIdentifier(algorithm=oids.SHA256))}, {"key_length": 16}, {"key_length": 2**40},
        {"key_length": 0}, {"prf": AlgorithmIdentifier(algorithm=oids.SHA256)}, {"prf": AlgorithmIdentifier(algorithm=oids.HMAC_MD5_IPSEC)},
        {"prf": AlgorithmIdentifier(algorithm=oids.HMAC_WITH_SHA512), "iteration_count": 13_000},
        {"prf": AlgorithmIdentifier(algorithm=oids.HMAC_WITH_SHA256, parameters=TLV(b"\x04\x00"))},
    ):  # fmt: skip
        odd = algorithm.replace(parameters=good.replace(**change))
        with pytest.raises(UnsupportedAlgorithm):
            open_envelope(with_value(data, key_derivation_algorithm=odd), PASSWORD)
    with pytest.raises(UnsupportedAlgorithm, match="id-PBKDF2"):
        open_envelope(with_value(data, key_derivation_algorithm=None), PASSWORD)
    with pytest.raises(UnsupportedAlgorithm, match="policy"):
        open_envelope(data, PASSWORD, ProtectionPolicy(prfs=frozenset(("sha512",))))


PASSWORD_ENVELOPE = envelop(b"content", PasswordRecipient(PASSWORD, iterations=100))


def test_absent_key_length_and_default_prf() -> None:
    """What OpenSSL sends: neither keyLength nor prf."""
    salt = b"12345678"
    kek = sharing._pbkdf2(PASSWORD, "sha1", salt, 2048, 32)
    data = with_key(PASSWORD_ENVELOPE, b"")
    content_key = b"c" * 32
    parameters = PBKDF2_params(salt=Salt(specified=salt), iteration_count=2048)
    algorithm = AlgorithmIdentifier(algorithm=oids.ID_PBKDF2, parameters=parameters)
    data = with_value(data, key_derivation_algorithm=algorithm, encrypted_key=wrapping.wrap(kek, content_key))
    info = data.encrypted_content_info
    encrypted = contents.encrypt_content(info.content_encryption_algorithm, content_key, b"other content")
    data = data.replace(encrypted_content_info=info.replace(encrypted_content=encrypted))
    assert open_envelope(data, PASSWORD, LEGACY).octets == b"other content"
    with pytest.raises(UnsupportedAlgorithm, match="HMAC-sha1"):
        open_envelope(data, PASSWORD)


def test_bleichenbacher_learns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """PKCS #1 v1.5 that fails gives a random key of the right length: what fails then is the content."""
    data = envelop(b"content", RECIPIENTS["rsa pkcs1"][0], cipher="aes192")
    keys: list[bytes] = []
    decrypt = contents.decrypt_content

    def noting(algorithm: AlgorithmIdentifier, key: bytes, encrypted: bytes) -> bytes:
        keys.append(key)
        return decrypt(algorithm, key, encrypted)

    monkeypatch.setattr("cmpcodec.enveloping.envelopes.decrypt_content", noting)
    public = key("rsa").public_key()
    short = transport.rsa_encrypt(public, transport.PKCS1, b"k" * 16)
    for wrapped in (bytes(256), b"\1" * 256, b"", b"\xff" * 256, b"x" * 255, b"x" * 257, short):
        for _ in range(2):
            try:
                open_envelope(with_key(data, wrapped), key("rsa"), LEGACY)
            except DecryptionError as error:
                assert error.__cause__ is None
                assert error.__suppress_context__
    assert len(keys) == 14
    assert {len(one) for one in keys} == {24}
    assert len(set(keys)) >= 10  # an OpenSSL with implicit rejection gives the same one again
    open_envelope(data, key("rsa"), LEGACY)


def test_secrets_are_not_shown() -> None:
    for thing in (PasswordRecipient(b"canary-secret"), SharedKey(b"canary-secret-16", b"id")):
        assert "canary" not in repr(thing) + str(thing)


# --- arguments, certificates ---


def test_arguments() -> None:
    for make in (
        lambda: envelop(b"", SHARED, cipher="des"),
        lambda: RSARecipient(key("rsa").public_key(), RID, digest="md5"),
        lambda: AgreementRecipient(key("p256").public_key(), RID, digest="sha3_256"),
        lambda: PasswordRecipient(b"", digest="md5"),
        lambda: PasswordRecipient(b"", iterations=0),
        lambda: SharedKey(b"short", b""),
    ):
        with pytest.raises(ValueError, match=r":"):
            make()
    with pytest.raises(TypeError, match="UTF-8"):
        PasswordRecipient("text")  # type: ignore[arg-type]  # what is tested
    tiny = rsa.generate_private_key(65537, 1024).public_key()
    with pytest.raises(UnsupportedAlgorithm, match="short"):
        envelop(b"", RSARecipient(tiny, RID, digest="sha512"))


@pytest.mark.parametrize("kind", DECRYPTING)
@pytest.mark.parametrize("ski", [True, False])
def test_recipients_by_certificate(kind: str, ski: bool) -> None:
    one = certificate(kind, 0, ski)
    data = envelop(b"content", recipient_for(one))
    assert open_envelope(data, key(kind)).octets == b"content"
    info = data.recipient_infos[0]
    if info.kari is not None:
        rid = info.kari.recipient_encrypted_keys[0].rid
        named = rid.r_key_id.subject_key_identifier if rid.r_key_id is not None else None
    else:
        rid = info.ktri.rid if info.ktri is not None else info.value.ori_value.rid
        named = rid.subject_key_identifier
    assert (named is not None) is ski
    if not ski:
        assert rid.issuer_and_serial_number.serial_number == 4711
    right = "key_encipherment" if kind in ("rsa", *KEMS) else "key_agreement"
    recipient_for(certificate(kind, 0, ski, right))
    with pytest.raises(UnsupportedAlgorithm, match="keyUsage"):
        recipient_for(certificate(kind, 0, ski, "digital_signature"))


@pytest.mark.parametrize("kind", ["ed25519", "ed448"])
def test_keys_that_only_sign(kind: str) -> None:
    with pytest.raises(UnsupportedAlgorithm, match="nothing can be encrypted"):
        recipient_for_key(spki(kind))
    with pytest.raises(UnsupportedAlgorithm, match="nothing can be encrypted"):
        recipient_for(certificate(kind))
