"""Keys of every kind that something can be encrypted for, certificates of them, and recipients with what opens for them."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding

from cmpcodec.asn1 import BitString, Null, ObjectIdentifier
from cmpcodec.cms import RecipientIdentifier
from cmpcodec.enveloping import (
    AgreementRecipient,
    PasswordRecipient,
    RSARecipient,
    SharedKey,
    recipient_for_key,
)
from cmpcodec.enveloping.algorithms import key_info
from cmpcodec.pkix import AlgorithmIdentifier, Certificate, Name, SubjectPublicKeyInfo
from cmpcodec.protection.policy import ProtectionPolicy

LEGACY = ProtectionPolicy(legacy_encryption=True)
BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
RID = RecipientIdentifier(subject_key_identifier=b"recipient")
PASSWORD = b"correct horse"
SHARED = SharedKey(b"k" * 32, b"key-1")

GENERATE = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "x25519": x25519.X25519PrivateKey.generate,
    "x448": x448.X448PrivateKey.generate,
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}
try:
    from cryptography.hazmat.primitives.asymmetric import mlkem
except ImportError:  # an older cryptography
    KEMS: tuple[str, ...] = ()
else:
    GENERATE["mlkem768"] = mlkem.MLKEM768PrivateKey.generate
    GENERATE["mlkem1024"] = mlkem.MLKEM1024PrivateKey.generate
    KEMS = ("mlkem768", "mlkem1024")

try:
    from cryptography.hazmat.primitives.asymmetric import mldsa
except ImportError:  # an older cryptography
    LATTICES: tuple[str, ...] = ()
else:
    GENERATE["mldsa65"] = mldsa.MLDSA65PrivateKey.generate
    LATTICES = ("mldsa65",)

DECRYPTING = ("rsa", "p256", "p384", "p521", "x25519", "x448", *KEMS)
SIGNING = ("rsa", "p256", "p384", "p521", "ed25519", "ed448", *LATTICES)
needs_kem = pytest.mark.skipif(not KEMS, reason="this cryptography has no ML-KEM")


@functools.cache
def _key(kind: str, which: int) -> Any:
    return GENERATE[kind]()


def key(kind: str, which: int = 0) -> Any:
    """The same key whenever it is asked for; `which` tells several of a kind apart."""
    return _key(kind, which)


def spki(kind: str, which: int = 0) -> SubjectPublicKeyInfo:
    return key_info(key(kind, which).public_key())


@functools.cache
def certificate(kind: str, which: int = 0, ski: bool = True, usage: str | None = None) -> Certificate:
    """A certificate of `key`, made by a CA of the moment; `usage` is the only keyUsage."""
    issuer = key("p256", 99)
    builder = x509.CertificateBuilder().subject_name(name(f"{kind} {which}")).issuer_name(name("CA"))
    builder = builder.not_valid_before(BEGIN).not_valid_after(END).serial_number(4711 + which)
    builder = builder.public_key(key(kind, which).public_key())
    if ski:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key(kind, which).public_key()), critical=False
        )
    if usage is not None:
        names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
        builder = builder.add_extension(x509.KeyUsage(**{one: one == usage for one in names}), critical=True)
    return Certificate.decode(builder.sign(issuer, hashes.SHA256()).public_bytes(Encoding.DER))


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def subject(text: str) -> Name:
    return Name.decode(name(text).public_bytes())


def recipients() -> dict[str, tuple[Any, Any]]:
    """Every kind of recipient, and the key or password that opens for him."""
    found: dict[str, tuple[Any, Any]] = {kind: (recipient_for_key(spki(kind), RID), key(kind)) for kind in DECRYPTING}
    public = key("rsa").public_key()
    found["rsa pkcs1"] = RSARecipient(public, RID, digest=None), key("rsa")
    found["rsa oaep sha1"] = RSARecipient(public, RID, digest="sha1"), key("rsa")
    found["rsa oaep sha512"] = RSARecipient(public, RID, digest="sha512"), key("rsa")
    found["p256 sha1"] = AgreementRecipient(key("p256").public_key(), RID, digest="sha1"), key("p256")
    found["p384 sha384"] = AgreementRecipient(key("p384").public_key(), RID, digest="sha384"), key("p384")
    found["p256 hkdf"] = AgreementRecipient(key("p256").public_key(), RID, hkdf=True), key("p256")
    found["x25519 x963"] = AgreementRecipient(key("x25519").public_key(), RID, hkdf=False), key("x25519")
    for pwri_kek in (False, True):
        for digest in ("sha256", "sha512"):
            one = PasswordRecipient(PASSWORD, iterations=100, digest=digest, pwri_kek=pwri_kek)
            found[f"password {digest} {pwri_kek}"] = one, PASSWORD
    found["shared key"] = SHARED, SHARED
    return found


RECIPIENTS = recipients()

ODD_VALUES = [
    bytes.fromhex(text)
    for text in (
        "", "0500", "0400", "0410" + "00" * 16, "0420" + "00" * 32, "020105", "0201ff", "0101ff", "0c0178", "03020080", "0603550403",
        "3000", "3009060760864801650304", "300b0609608648016503040201", "300d06096086480165030402010500", "300b0609608648016503040105",
        "300b0609608648016503040125", "3019060960864801650304012a0410" + "00" * 12, "301d060960864801650304012a0410" + "00" * 16, "3100",
        "a000", "8000", "300402000500", "3006040030020500", "30060401000201ff", "300d0408000000000000000002022710",
        "300d04080000000000000000020203e8", "30120408000000000000000002084000000000000000",
    )
]  # fmt: skip
"""Values of every ASN.1 type, and some that nearly are parameters; b"" is absence."""


def identifier(oid: str, parameters: bytes) -> AlgorithmIdentifier | None:
    """An AlgorithmIdentifier with any octets as parameters; None if that is no DER."""
    from cmpcodec.errors import DecodeError

    inner = AlgorithmIdentifier(algorithm=ObjectIdentifier(oid)).der[2:] + parameters
    try:
        return AlgorithmIdentifier.decode(b"\x30" + bytes([len(inner)]) + inner)
    except DecodeError:
        return None


def bits(octets: bytes) -> BitString:
    return BitString(octets)


NULL = Null()
