"""Signatures and proofs of possession: every key and hash, every wrong parameter, every altered octet."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, x25519

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.asn1 import TLV, BitString, Null, ObjectIdentifier
from cmpcodec.crmf import POPOPrivKey
from cmpcodec.errors import InvalidProtection, PopError, UnsupportedAlgorithm
from cmpcodec.pkix import RSASSA_PSS_params
from cmpcodec.pop import prove, verify_pkcs10, verify_request
from cmpcodec.protection import signatures
from cmpcodec.protection.digests import HASH_OIDS
from cmpcodec.protection.signatures import HASHES, check, load_public_key, sign

VECTORS = Path(__file__).parent / "vectors"
KINDS = ("rsa", "p256", "p384", "p521", "ed25519", "ed448")


@functools.cache
def key(kind: str):
    match kind:
        case "rsa":
            return rsa.generate_private_key(65537, 2048)
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ed448":
            return ed448.Ed448PrivateKey.generate()
        case "dsa":
            return dsa.generate_private_key(1024)
        case "x25519":
            return x25519.X25519PrivateKey.generate()
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind])


def spki(kind: str) -> cmp.SubjectPublicKeyInfo:
    der = (
        key(kind).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return cmp.SubjectPublicKeyInfo.decode(der)


def request(kind: str, **template: object) -> cmp.CertRequest:
    template.setdefault("public_key", spki(kind))
    return cmp.CertRequest.from_plain({"cert_req_id": 0, "cert_template": template})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("digest", HASH_OIDS)
def test_sign_and_check(kind: str, digest: str) -> None:
    algorithm, signature = sign(key(kind), b"octets", digest)
    public = load_public_key(spki(kind))
    check(public, algorithm, b"octets", signature, frozenset(HASHES))
    with pytest.raises(InvalidProtection):
        check(public, algorithm, b"Octets", signature, frozenset(HASHES))
    if digest == "sha1" and not kind.startswith("ed"):
        with pytest.raises(UnsupportedAlgorithm, match="sha1"):
            check(public, algorithm, b"octets", signature)
    with pytest.raises(InvalidProtection):
        check(public, algorithm, b"octets", BitString(signature.data[:-1] + b"\0", 1), frozenset(HASHES))


@pytest.mark.parametrize("digest", sorted(set(HASH_OIDS) - {"sha1"}))
@pytest.mark.parametrize("salt", [0, 20, 64])
def test_pss(digest: str, salt: int) -> None:
    inner = cmp.AlgorithmIdentifier(algorithm=HASH_OIDS[digest])
    parameters = RSASSA_PSS_params(
        hash_algorithm=inner,
        mask_gen_algorithm=cmp.AlgorithmIdentifier(algorithm=oids.ID_MGF1, parameters=inner),
        salt_length=salt,
    )
    algorithm = cmp.AlgorithmIdentifier(algorithm=oids.ID_RSASSA_PSS, parameters=parameters)
    made = key("rsa").sign(b"octets", padding.PSS(padding.MGF1(HASHES[digest]()), salt), HASHES[digest]())
    public = load_public_key(spki("rsa"))
    check(public, algorithm, b"octets", BitString(made))
    with pytest.raises(InvalidProtection):
        check(public, algorithm, b"other", BitString(made))
    wrong = [
        parameters.replace(salt_length=salt + 1),
        parameters.replace(salt_length=-1),
        parameters.replace(salt_length=2**70),
        parameters.replace(trailer_field=2),
        parameters.replace(mask_gen_algorithm=cmp.AlgorithmIdentifier(algorithm=oids.ID_MGF1)),
        parameters.replace(hash_algorithm=cmp.AlgorithmIdentifier(algorithm=oids.MD5)),
        parameters.replace(hash_algorithm=cmp.AlgorithmIdentifier(algorithm=oids.SHA1)),
    ]
    for one in wrong:
        with pytest.raises((InvalidProtection, UnsupportedAlgorithm)):
            check(public, algorithm.replace(parameters=one), b"octets", BitString(made))


ODD_PARAMETERS = [
    None, Null(), TLV(b"\x05\x00"), b"octets", 5, -1, True, "text", BitString(b"\0"), oids.SHA256,
    cmp.AlgorithmIdentifier(algorithm=oids.SHA256), TLV(b"\x30\x00"), TLV(b"\x31\x00"), TLV(b"\xa0\x00"), TLV(b"\x80\x00"),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_of_every_type(kind: str) -> None:
    """OpenSSL's CVE-2026-63076: parameters are never used before their type is known."""
    algorithm, signature = sign(key(kind), b"octets")
    public = load_public_key(spki(kind))
    for oid in [*signatures._SCHEMES, oids.ID_RSASSA_PSS, oids.ID_DSA_WITH_SHA256, oids.ID_PASSWORD_BASED_MAC]:
        for parameters in ODD_PARAMETERS:
            der = b"".join(
                (oid_der(oid), b"" if parameters is None else as_der(parameters)),
            )
            odd = cmp.AlgorithmIdentifier.decode(b"\x30" + bytes([len(der)]) + der)
            fits = oid == algorithm.algorithm and (
                parameters is None or (kind == "rsa" and as_der(parameters) == b"\x05\x00")
            )
            if fits:
                check(public, odd, b"octets", signature)
            else:
                with pytest.raises((UnsupportedAlgorithm, InvalidProtection)):
                    check(public, odd, b"octets", signature)


def oid_der(oid: str) -> bytes:
    whole = cmp.AlgorithmIdentifier(algorithm=oid).der
    return whole[2:]


def as_der(value: object) -> bytes:
    if hasattr(value, "der"):
        return value.der
    kinds = {bytes: 0x04, int: 0x02, bool: 0x01, str: 0x0C, BitString: 0x03}
    if isinstance(value, ObjectIdentifier):
        return oid_der(value)
    content = {
        bytes: lambda: value,
        int: lambda: value.to_bytes(1, "big", signed=True),
        bool: lambda: b"\xff",
        str: lambda: value.encode(),
        BitString: lambda: b"\0" + value.data,
    }[type(value)]()
    return bytes([kinds[type(value)], len(content)]) + content


@pytest.mark.parametrize("kind", ["dsa", "x25519"])
def test_keys_that_do_not_verify(kind: str) -> None:
    with pytest.raises(UnsupportedAlgorithm):
        load_public_key(spki(kind))
    with pytest.raises(TypeError):
        sign(key(kind), b"octets")
    with pytest.raises(ValueError, match="none of"):
        sign(key("rsa"), b"octets", "md5")


def test_keys_that_cost_too_much() -> None:
    for modulus, exponent in ((1 << 8192 | 1, 65537), (key("rsa").public_key().public_numbers().n, 2**64 + 1)):
        n = modulus.to_bytes(modulus.bit_length() // 8 + 1, "big")
        e = exponent.to_bytes(exponent.bit_length() // 8 + 1, "big")
        inner = tlv(0x30, tlv(2, n) + tlv(2, e))
        info = cmp.SubjectPublicKeyInfo(
            algorithm=cmp.AlgorithmIdentifier(algorithm=oids.RSA_ENCRYPTION, parameters=Null()),
            subject_public_key=BitString(inner),
        )
        with pytest.raises(UnsupportedAlgorithm):
            load_public_key(info)
    with pytest.raises(UnsupportedAlgorithm):
        load_public_key(spki("p256").replace(subject_public_key=BitString(b"\x04" + bytes(64))))


def tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = (
        bytes([size])
        if size < 128
        else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    )
    return bytes([tag]) + length + content


@pytest.mark.parametrize("kind", KINDS)
def test_proof(kind: str) -> None:
    asked = request(kind)
    message = cmp.CertReqMsg(cert_req=asked, popo=prove(asked, key(kind)))
    assert verify_request(message) == key(kind).public_key()
    with pytest.raises(PopError):  # the proof of another request
        verify_request(message.replace(cert_req=asked.replace(cert_req_id=1)))
    other = request(kind, public_key=spki("p256" if kind != "p256" else "p384"))
    with pytest.raises(PopError):  # signed with another key than the one to be certified
        verify_request(cmp.CertReqMsg(cert_req=other, popo=prove(other, key(kind))))


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_every_octet_counts(kind: str) -> None:
    asked = request(kind)
    good = cmp.CertReqMsg(cert_req=asked, popo=prove(asked, key(kind))).der
    refused = 0
    for at in range(len(good)):
        for flip in (1, 0x80):
            bad = bytearray(good)
            bad[at] ^= flip
            try:
                message = cmp.CertReqMsg.decode(bad)
            except cmp.DecodeError:
                continue
            with pytest.raises(PopError):
                verify_request(message)
            refused += 1
    assert refused > 50


def test_what_is_no_proof_here() -> None:
    asked = request("p256")
    proof = prove(asked, key("p256"))
    message = cmp.CertReqMsg(cert_req=asked, popo=proof)
    for popo, text in (
        (None, "no proof"),
        (cmp.ProofOfPossession(ra_verified=Null()), "ra_verified"),
        (cmp.ProofOfPossession(key_encipherment=POPOPrivKey(subsequent_message=0)), "key_encipherment"),
        (cmp.ProofOfPossession(key_agreement=POPOPrivKey(subsequent_message=1)), "key_agreement"),
    ):
        with pytest.raises(PopError, match=text):
            verify_request(message.replace(popo=popo))
    with pytest.raises(PopError, match="no publicKey"):
        verify_request(message.replace(cert_req=asked.replace(cert_template=cmp.CertTemplate())))


def test_pkcs10() -> None:
    for kind in KINDS:
        algorithm = None if kind.startswith("ed") else hashes.SHA256()
        made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key(kind), algorithm)
        wanted = cmp.CertificationRequest.decode(made.public_bytes(serialization.Encoding.DER))
        assert verify_pkcs10(wanted) == key(kind).public_key()
        info = wanted.certification_request_info
        with pytest.raises(PopError):
            verify_pkcs10(
                wanted.replace(
                    certification_request_info=info.replace(subject_pk_info=spki("rsa" if kind != "rsa" else "p256"))
                )
            )


def test_what_openssl_proves() -> None:
    """The requests among the vectors of openssl cmp carry its own proofs."""
    seen = 0
    for file in sorted(VECTORS.glob("*.der")):
        if file.name.startswith("built-"):
            continue
        message = cmp.decode(file.read_bytes())
        if message.body.p10cr is not None:
            verify_pkcs10(message.body.p10cr)
            seen += 1
        for one in message.body.ir or message.body.cr or message.body.kur or ():
            if one.popo is not None and one.popo.signature is not None:
                verify_request(one, frozenset(HASHES))
                seen += 1
    assert seen >= 10
