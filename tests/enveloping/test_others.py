"""`openssl cms` reads what we make and the reverse; pyasn1-alt-modules and hashlib read it without us."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode
from pyasn1_alt_modules import rfc5652, rfc5753, rfc5958, rfc8018, rfc9629

from cmpcodec import oids
from cmpcodec.cms import ContentInfo, EnvelopedData, SignedData
from cmpcodec.enveloping import (
    AgreementRecipient,
    PasswordRecipient,
    RSARecipient,
    SharedKey,
    deliver_key,
    envelop,
    open_envelope,
    recipient_for,
    sign_data,
    verify_data,
)
from cmpcodec.enveloping.certificates import Subject
from cmpcodec.errors import UnsupportedAlgorithm
from tests.enveloping.making import KEMS, LEGACY, PASSWORD, certificate, key, needs_kem
from tests.openssl import needs_openssl

CONTENT = b"what is to be \0 hidden\r\n" * 9
openssl = needs_openssl


def run(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", "cms", "-binary", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with keys, certificates and the content."""
    for kind in ("rsa", "p256", "p384", "p521"):
        pem = key(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{kind}.key").write_bytes(pem)
        (tmp_path / f"{kind}.pem").write_bytes(certificate(kind).load().public_bytes(Encoding.PEM))
    (tmp_path / "content").write_bytes(CONTENT)
    return tmp_path


def opened(folder: Path, kind: type[Any]) -> Any:
    content = ContentInfo.decode((folder / "out").read_bytes()).content
    assert isinstance(content, kind)
    return content


def written(folder: Path, kind: str, record: Any) -> None:
    (folder / "in").write_bytes(ContentInfo(content_type=kind, content=record).der)


OAEP = ("-keyopt", "rsa_padding_mode:oaep")
ENCRYPTING = {
    "rsa oaep sha1": ("rsa", OAEP),
    "rsa oaep sha256": ("rsa", (*OAEP, "-keyopt", "rsa_oaep_md:sha256")),
    "rsa oaep sha512 sha1": ("rsa", (*OAEP, "-keyopt", "rsa_oaep_md:sha512", "-keyopt", "rsa_mgf1_md:sha1")),
    "rsa oaep keyid": ("rsa", (*OAEP, "-keyid")),
    "rsa pkcs1": ("rsa", ()),
    "p256 sha1": ("p256", ()),
    "p256 sha256": ("p256", ("-keyopt", "ecdh_kdf_md:sha256")),
    "p384 sha384": ("p384", ("-keyopt", "ecdh_kdf_md:sha384", "-aes256-wrap")),
    "p521 sha512": ("p521", ("-keyopt", "ecdh_kdf_md:sha512", "-aes256-wrap", "-keyid")),
    "p256 cofactor": ("p256", ("-keyopt", "ecdh_kdf_md:sha256", "-keyopt", "ecdh_cofactor_mode:1")),
}


@openssl
@pytest.mark.parametrize("name", ENCRYPTING)
@pytest.mark.parametrize("cipher", ["-aes128", "-aes192", "-aes256"])
def test_what_openssl_encrypts(folder: Path, name: str, cipher: str) -> None:
    kind, options = ENCRYPTING[name]
    run(
        folder,
        "-encrypt",
        "-in",
        "content",
        "-outform",
        "DER",
        "-out",
        "out",
        cipher,
        "-recip",
        f"{kind}.pem",
        *options,
    )
    data = opened(folder, EnvelopedData)
    assert open_envelope(data, key(kind), LEGACY) == (oids.ID_DATA, CONTENT)
    if name in ("rsa pkcs1", "p256 sha1"):
        with pytest.raises(UnsupportedAlgorithm, match="policy"):
            open_envelope(data, key(kind))
    else:
        open_envelope(data, key(kind))


@openssl
@pytest.mark.parametrize("cipher", ["aes128", "aes192", "aes256"])
@pytest.mark.parametrize("kind", ["rsa", "rsa sha1", "rsa pkcs1", "p256", "p384", "p521 sha256"])
def test_what_openssl_decrypts(folder: Path, kind: str, cipher: str) -> None:
    own = kind.split()[0]
    one = certificate(own)
    public, rid = key(own).public_key(), Subject(one).identifier
    recipient = {
        "rsa sha1": lambda: RSARecipient(public, rid, digest="sha1"),
        "rsa pkcs1": lambda: RSARecipient(public, rid, digest=None),
        "p521 sha256": lambda: AgreementRecipient(public, rid, digest="sha256"),
    }.get(kind, lambda: recipient_for(one))()
    written(folder, oids.ID_ENVELOPED_DATA, envelop(CONTENT, recipient, cipher=cipher))
    run(
        folder, "-decrypt", "-inform", "DER", "-in", "in", "-out", "out", "-inkey", f"{own}.key", "-recip", f"{own}.pem"
    )
    assert (folder / "out").read_bytes() == CONTENT


@openssl
def test_passwords_and_shared_keys(folder: Path) -> None:
    password, shared = PASSWORD.decode(), SharedKey(b"0123456789abcdef", b"\x01\x02")
    named = ("-secretkey", b"0123456789abcdef".hex(), "-secretkeyid", "0102")
    for cipher in ("aes128", "aes192", "aes256"):
        run(
            folder,
            "-encrypt",
            "-in",
            "content",
            "-outform",
            "DER",
            "-out",
            "out",
            f"-{cipher}",
            "-pwri_password",
            password,
        )
        assert open_envelope(opened(folder, EnvelopedData), PASSWORD, LEGACY).octets == CONTENT
        recipient = PasswordRecipient(PASSWORD, pwri_kek=True)
        written(folder, oids.ID_ENVELOPED_DATA, envelop(CONTENT, recipient, cipher=cipher))
        run(folder, "-decrypt", "-inform", "DER", "-in", "in", "-out", "out", "-pwri_password", password)
        assert (folder / "out").read_bytes() == CONTENT
        run(folder, "-encrypt", "-in", "content", "-outform", "DER", "-out", "out", f"-{cipher}", *named)
        assert open_envelope(opened(folder, EnvelopedData), shared).octets == CONTENT
        written(folder, oids.ID_ENVELOPED_DATA, envelop(CONTENT, shared, cipher=cipher))
        run(folder, "-decrypt", "-inform", "DER", "-in", "in", "-out", "out", *named)
        assert (folder / "out").read_bytes() == CONTENT


@openssl
@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_signatures(folder: Path, kind: str) -> None:
    signer = ("-signer", f"{kind}.pem", "-inkey", f"{kind}.key")
    for digest in ("sha256", "sha384", "sha512"):
        md = ("-md", digest)
        for extra in ((), ("-keyid",), ("-econtent_type", oids.ID_CT_KP_A_KEY_PACKAGE, "-nosmimecap")):
            run(folder, "-sign", "-in", "content", "-nodetach", "-outform", "DER", "-out", "out", *signer, *md, *extra)
            found = verify_data(opened(folder, SignedData))
            assert (found.content, found.signer) == (CONTENT, certificate(kind))
            assert found.signing_time is not None
        for ski in (True, False):
            data = sign_data(CONTENT, key(kind), certificate(kind, 0, ski), digest=digest)
            written(folder, oids.ID_SIGNED_DATA, data)
            run(folder, "-verify", "-inform", "DER", "-in", "in", "-out", "out", "-noverify")
            assert (folder / "out").read_bytes() == CONTENT


@openssl
def test_pss(folder: Path) -> None:
    pss = ("-keyopt", "rsa_padding_mode:pss", "-md", "sha256")
    run(folder, "-sign", "-in", "content", "-nodetach", "-outform", "DER", "-out", "out", "-signer", "rsa.pem", "-inkey", "rsa.key", *pss)  # fmt: skip
    assert verify_data(opened(folder, SignedData)).content == CONTENT


@openssl
def test_delivered_key(folder: Path) -> None:
    """What openssl decrypts and verifies, and the key in it."""
    new = key("p384", 7)
    made = deliver_key(new, recipient_for(certificate("rsa")), signing_key=key("p256"), certificate=certificate("p256"))
    written(folder, oids.ID_ENVELOPED_DATA, made.enveloped_data)
    run(folder, "-decrypt", "-inform", "DER", "-in", "in", "-out", "signed", "-inkey", "rsa.key", "-recip", "rsa.pem")
    inner = SignedData.decode((folder / "signed").read_bytes())
    written(folder, oids.ID_SIGNED_DATA, inner)
    run(folder, "-verify", "-inform", "DER", "-in", "in", "-out", "package", "-noverify")
    package, rest = decode((folder / "package").read_bytes(), asn1Spec=rfc5958.AsymmetricKeyPackage())
    assert not rest
    assert len(package) == 1
    assert int(package[0]["version"]) == 1
    public = bytes(package[0]["publicKey"].asOctets())
    assert public == certificate("p384", 7).load().public_key().public_bytes(
        Encoding.X962, PublicFormat.UncompressedPoint
    )


# --- by another library's structures and hashlib alone ---


def test_agreement_by_hand() -> None:
    """X9.63 by hashlib, ECC-CMS-SharedInfo by pyasn1."""
    made = envelop(CONTENT, recipient_for(certificate("p384")))
    data, rest = decode(made.der, asn1Spec=rfc5652.EnvelopedData())
    assert not rest
    kari = data["recipientInfos"][0]["kari"]
    assert (int(data["version"]), int(kari["version"])) == (2, 3)
    point = kari["originator"]["originatorKey"]["publicKey"].asOctets()
    secret = key("p384").exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point))
    wrap, _ = decode(bytes(kari["keyEncryptionAlgorithm"]["parameters"]), asn1Spec=rfc5753.KeyWrapAlgorithm())
    shared = rfc5753.ECC_CMS_SharedInfo()
    shared["keyInfo"] = wrap
    shared["suppPubInfo"] = (256).to_bytes(4, "big")
    kek = hashlib.sha512(secret + b"\0\0\0\1" + encode(shared)).digest()[:32]
    content_key = aes_key_unwrap(kek, bytes(kari["recipientEncryptedKeys"][0]["encryptedKey"]))
    assert by_hand(data, content_key) == CONTENT


@needs_kem
def test_encapsulation_by_hand() -> None:
    made = envelop(CONTENT, recipient_for(certificate(KEMS[0])))
    data, _ = decode(made.der, asn1Spec=rfc5652.EnvelopedData())
    ori = data["recipientInfos"][0]["ori"]
    assert (int(data["version"]), str(ori["oriType"])) == (3, str(rfc9629.id_ori_kem))
    info, _ = decode(bytes(ori["oriValue"]), asn1Spec=rfc9629.KEMRecipientInfo())
    other = rfc9629.CMSORIforKEMOtherInfo()
    other["wrap"]["algorithm"] = info["wrap"]["algorithm"]
    other["kekLength"] = 32
    secret = key(KEMS[0]).decapsulate(bytes(info["kemct"]))
    kek = HKDF(SHA256(), 32, None, encode(other)).derive(secret)
    assert by_hand(data, aes_key_unwrap(kek, bytes(info["encryptedKey"]))) == CONTENT


def test_password_by_hand() -> None:
    made = envelop(CONTENT, PasswordRecipient(PASSWORD, iterations=500))
    data, _ = decode(made.der, asn1Spec=rfc5652.EnvelopedData())
    pwri = data["recipientInfos"][0]["pwri"]
    assert (int(data["version"]), int(pwri["version"])) == (3, 0)
    parameters, _ = decode(bytes(pwri["keyDerivationAlgorithm"]["parameters"]), asn1Spec=rfc8018.PBKDF2_params())
    assert int(parameters["iterationCount"]) == 500
    kek = hashlib.pbkdf2_hmac("sha256", PASSWORD, bytes(parameters["salt"]["specified"]), 500, 32)
    assert by_hand(data, aes_key_unwrap(kek, bytes(pwri["encryptedKey"]))) == CONTENT


def by_hand(data: Any, content_key: bytes) -> bytes:
    info = data["encryptedContentInfo"]
    vector, _ = decode(bytes(info["contentEncryptionAlgorithm"]["parameters"]))
    padded = Cipher(algorithms.AES(content_key), modes.CBC(bytes(vector))).decryptor().update(bytes(info["encryptedContent"]))  # fmt: skip
    return padded[: -padded[-1]]
