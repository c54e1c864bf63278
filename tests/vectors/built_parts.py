"""What the built messages share: header, names, certificates, encrypted things, certificate requests.

Encrypted contents are filler bytes: nobody can decrypt them, only the structure around them is meant.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from builder import (
    NULL,
    algorithm,
    bits,
    der,
    directory,
    message,
    name,
    octet_bits,
    parse,
    public_key_of,
)
from pyasn1.codec.der import encoder
from pyasn1.type import char, univ, useful
from pyasn1_alt_modules import rfc4211, rfc5280, rfc5652, rfc8018, rfc9629

PKI = Path(__file__).resolve().parent / "pki"
ROOT, ROOT_RSA, DEVICE, NEW, SERVER = (
    (PKI / f"{file}.cer").read_bytes() for file in ("root-ec", "root-rsa", "dev-ec", "new-ec", "srv-ec")
)
DEVICE_RSA = (PKI / "dev-rsa.cer").read_bytes()
CRL, CRL_REVOKED = ((PKI / f"{file}.crl").read_bytes() for file in ("root-ec", "revoked"))

SHA1, SHA256, SHA512 = "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3"
HMAC_SHA256, HMAC_SHA512 = "1.2.840.113549.2.9", "1.2.840.113549.2.11"
RSA_ENCRYPTION, ECDSA_SHA256 = "1.2.840.113549.1.1.1", "1.2.840.10045.4.3.2"
AES256_CBC, AES128_WRAP, AES256_WRAP = (f"2.16.840.1.101.3.4.1.{arc}" for arc in (42, 5, 45))
PBKDF2, PWRI_KEK = "1.2.840.113549.1.5.12", "1.2.840.113549.1.9.16.3.9"
ECDH_SHA256 = "1.3.132.1.11.1"
HKDF_SHA256 = "1.2.840.113549.1.9.16.3.28"
ML_KEM_768 = "2.16.840.1.101.3.4.4.2"
SIGNED_DATA = "1.2.840.113549.1.7.2"
ENC_KEY_WITH_ID = "1.2.840.113549.1.9.16.1.21"
REG_CTRL, REG_INFO, INFO = "1.3.6.1.5.5.7.5.1", "1.3.6.1.5.5.7.5.2", "1.3.6.1.5.5.7.4"


def filler(label: str, length: int) -> bytes:
    """Bytes that look random and are the same in each run."""
    return hashlib.shake_256(label.encode()).digest(length)


def header(**changes: Any) -> dict[str, Any]:
    """The components of a PKIHeader, in any order; a change to None leaves one out."""
    parts: dict[str, Any] = {
        "pvno": 2,
        "sender": directory("device-1"),
        "recipient": directory("EC Root"),
        "messageTime": "20261123120000Z",
        "transactionID": filler("transactionID", 16),
        "senderNonce": filler("senderNonce", 16),
    } | changes
    return {key: value for key, value in parts.items() if value is not None}


def text(*strings: str) -> list[str]:
    """A PKIFreeText."""
    return list(strings)


def info(number: int, value: bytes | None = None) -> dict[str, Any]:
    """An InfoTypeAndValue of the id-it arc; without a value it has none."""
    return {"infoType": f"{INFO}.{number}"} | ({} if value is None else {"infoValue": value})


def control(arc: str, value: bytes) -> dict[str, Any]:
    """An AttributeTypeAndValue of CRMF."""
    return {"type": arc, "value": value}


def raw(value: Any) -> bytes:
    """The DER of a pyasn1 object."""
    return bytes(encoder.encode(value))


def extension(oid: str, value: bytes, *, critical: bool = False) -> dict[str, Any]:
    """An Extension around the DER of its value."""
    return {"extnID": oid, "critical": critical, "extnValue": value}


def issuer_and_serial() -> tuple[str, Any]:
    """The RecipientIdentifier of the device's certificate."""
    parsed = parse(rfc5280.Certificate(), DEVICE)["tbsCertificate"]
    return "issuerAndSerialNumber", {
        "issuer": raw(parsed["issuer"]),
        "serialNumber": int(parsed["serialNumber"]),
    }


def _key_transport() -> tuple[str, Any]:
    return "ktri", {
        "version": 0,
        "rid": issuer_and_serial(),
        "keyEncryptionAlgorithm": algorithm(RSA_ENCRYPTION, NULL),
        "encryptedKey": filler("ktri", 64),
    }


def _key_agreement() -> tuple[str, Any]:
    originator_key = {
        "algorithm": algorithm("1.2.840.10045.2.1"),
        "publicKey": octet_bits(b"\4" + filler("point", 64)),
    }
    recipients = [
        {
            "rid": ("rKeyId", {"subjectKeyIdentifier": filler("skid", 20), "date": "20260101000000Z"}),
            "encryptedKey": filler("kari", 40),
        }
    ]
    return "kari", {
        "version": 3,
        "originator": ("originatorKey", originator_key),
        "ukm": filler("ukm", 16),
        "keyEncryptionAlgorithm": algorithm(ECDH_SHA256, der(rfc5280.AlgorithmIdentifier(), algorithm(AES128_WRAP))),
        "recipientEncryptedKeys": recipients,
    }


def pbkdf2(salt: bytes, iterations: int, *, key_length: int | None = None) -> dict[str, Any]:
    """The AlgorithmIdentifier of PBKDF2 with HMAC-SHA256."""
    parameters: dict[str, Any] = {"salt": ("specified", salt), "iterationCount": iterations}
    if key_length is not None:
        parameters["keyLength"] = key_length
    parameters["prf"] = algorithm(HMAC_SHA256, NULL)
    return algorithm(PBKDF2, der(rfc8018.PBKDF2_params(), parameters))


def _password() -> tuple[str, Any]:
    return "pwri", {
        "version": 0,
        "keyDerivationAlgorithm": pbkdf2(filler("salt", 16), 2048),
        "keyEncryptionAlgorithm": algorithm(PWRI_KEK, der(rfc5280.AlgorithmIdentifier(), algorithm(AES256_WRAP))),
        "encryptedKey": filler("pwri", 40),
    }


def _key_encryption_key() -> tuple[str, Any]:
    return "kekri", {
        "version": 4,
        "kekid": {"keyIdentifier": filler("kekid", 8)},
        "keyEncryptionAlgorithm": algorithm(AES256_WRAP),
        "encryptedKey": filler("kekri", 40),
    }


def _kem() -> tuple[str, Any]:
    value = {
        "version": 0,
        "rid": ("subjectKeyIdentifier", filler("skid", 20)),
        "kem": algorithm(ML_KEM_768),
        "kemct": filler("kemct", 96),
        "kdf": algorithm(HKDF_SHA256),
        "kekLength": 32,
        "wrap": algorithm(AES256_WRAP),
        "encryptedKey": filler("kemri", 40),
    }
    return "ori", {"oriType": str(rfc9629.id_ori_kem), "oriValue": der(rfc9629.KEMRecipientInfo(), value)}


RECIPIENTS = {
    "ktri": _key_transport,
    "kari": _key_agreement,
    "pwri": _password,
    "kekri": _key_encryption_key,
    "kem": _kem,
}


def enveloped(*recipients: str, version: int = 2, content: str = SIGNED_DATA) -> dict[str, Any]:
    """An EnvelopedData for these kinds of recipient."""
    return {
        "version": version,
        "recipientInfos": [RECIPIENTS[kind]() for kind in recipients],
        "encryptedContentInfo": {
            "contentType": content,
            "contentEncryptionAlgorithm": algorithm(AES256_CBC, raw(univ.OctetString(filler("iv", 16)))),
            "encryptedContent": filler("content", 48),
        },
    }


def enveloped_with_everything() -> dict[str, Any]:
    """An EnvelopedData with originatorInfo and unprotectedAttrs too."""
    attribute = {
        "attrType": "1.2.840.113549.1.9.25.3",
        "attrValues": [raw(univ.OctetString(filler("nonce", 8)))],
    }
    parts = enveloped("ktri", "kari", "pwri", "kekri", version=3)
    originator = {"certs": [("certificate", SERVER)], "crls": [("crl", CRL)]}
    return {"version": 3, "originatorInfo": originator} | parts | {"unprotectedAttrs": [attribute]}


ENCRYPTED_VALUE_FULL: dict[str, Any] = {
    "intendedAlg": algorithm(RSA_ENCRYPTION, NULL),
    "symmAlg": algorithm(AES256_CBC, raw(univ.OctetString(filler("iv", 16)))),
    "encSymmKey": octet_bits(filler("encSymmKey", 64)),
    "keyAlg": algorithm(RSA_ENCRYPTION, NULL),
    "valueHint": b"hint",
    "encValue": octet_bits(filler("encValue", 48)),
}
ENCRYPTED_VALUE_BARE: dict[str, Any] = {"encValue": octet_bits(filler("encValue", 17))}

ACCEPTED = {"status": 0}
V3 = {"pvno": 3}
SERVER_NAMES = {"sender": directory("EC Server"), "recipient": directory("device-1")}
ANSWER = SERVER_NAMES | {"recipNonce": filler("senderNonce", 16), "senderNonce": filler("other nonce", 16)}


class Messages(dict[str, bytes]):
    """Messages by the stem of their file's name."""

    def add(self, stem: str, body: tuple[str, Any], changes: dict[str, Any] | None = None, **more: Any) -> None:
        """Encode one more: its body, what its header changes, components after the body."""
        assert stem not in self
        self[stem] = message(header(**(changes or {})), body, **more)


def one_response(pair: dict[str, Any]) -> dict[str, Any]:
    """A CertRepMessage that grants one certificate."""
    return {"response": [{"certReqId": 0, "status": ACCEPTED, "certifiedKeyPair": pair}]}


def issued(data: bytes) -> tuple[str, bytes]:
    """The CertOrEncCert of a certificate in the clear."""
    return "certificate", data


def template(**changes: Any) -> dict[str, Any]:
    """A small CertTemplate."""
    return {"subject": name("device-1"), "publicKey": public_key_of(DEVICE)} | changes


def full_template() -> dict[str, Any]:
    """A CertTemplate with each of its components."""
    return {
        "version": 2,
        "serialNumber": -(2**70),
        "signingAlg": algorithm(ECDSA_SHA256),
        "issuer": name(
            "EC Root", ("2.5.4.6", raw(char.PrintableString("AT"))), ("2.5.4.10", raw(char.BMPString("Büro")))
        ),
        "validity": {
            "notBefore": ("utcTime", "491231235959Z"),
            "notAfter": ("generalTime", "20500101000000Z"),
        },
        "subject": name("device-1", ("0.9.2342.19200300.100.1.25", raw(char.IA5String("example")))),
        "publicKey": public_key_of(DEVICE_RSA),
        "issuerUID": bits("1011"),
        "subjectUID": bits(""),
        "extensions": [
            extension("2.5.29.19", bytes.fromhex("3000"), critical=True),
            extension("1.2.3.4.5", b"not DER"),
        ],
    }


def request(number: int = 0, *, controls: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    """A CertRequest with a small template."""
    parts: dict[str, Any] = {"certReqId": number, "certTemplate": template(**changes)}
    return parts if controls is None else parts | {"controls": controls}


def signature_pop(**more: Any) -> tuple[str, Any]:
    """A proof of possession with a filler for its signature."""
    return "signature", more | {
        "algorithmIdentifier": algorithm(ECDSA_SHA256),
        "signature": octet_bits(filler("pop", 70)),
    }


def pkmac() -> dict[str, Any]:
    """A PKMACValue whose algorithm is a PasswordBasedMac."""
    parameters = {
        "salt": filler("pkmac salt", 16),
        "owf": algorithm(SHA256),
        "iterationCount": 1000,
        "mac": algorithm(HMAC_SHA256),
    }
    oid = "1.2.840.113533.7.66.13"
    return {
        "algId": algorithm(oid, der(rfc4211.PBMParameter(), parameters)),
        "value": octet_bits(filler("pkmac", 32)),
    }


def private_key_info(part: str = "ktri") -> tuple[str, Any]:
    """The EncryptedKey of an archived or generated private key."""
    return "envelopedData", enveloped(part, content=ENC_KEY_WITH_ID)


def old_cert_id() -> bytes:
    """The DER of a CertId that names the device's certificate."""
    return der(rfc4211.CertId(), cert_id())


def cert_id() -> dict[str, Any]:
    """A CertId that names the device's certificate."""
    parsed = parse(rfc5280.Certificate(), DEVICE)["tbsCertificate"]
    return {"issuer": ("directoryName", raw(parsed["issuer"])), "serialNumber": int(parsed["serialNumber"])}


def enveloped_der(*recipients: str) -> bytes:
    """The DER of an EnvelopedData."""
    return der(rfc5652.EnvelopedData(), enveloped(*recipients))


def time(value: str) -> bytes:
    """The DER of a GeneralizedTime."""
    return raw(useful.GeneralizedTime(value))
