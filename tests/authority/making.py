"""Keys, names and orders for the tests of authorities, and openssl as the judge of what they issue."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cmpcodec import oids
from cmpcodec.authority import CertificateRules, LocalAuthority, create_ca
from cmpcodec.authority.schema import extension
from cmpcodec.pkix import (
    AttributeTypeAndValue,
    Certificate,
    DirectoryString,
    Extension,
    Extensions,
    GeneralName,
    GeneralNames,
    Name,
    RelativeDistinguishedName,
    SubjectPublicKeyInfo,
)
from cmpcodec.server.ports import CertificateStatus, IssuedCertificate, Order, TransactionKey
from tests.openssl import needs_openssl

NOW = datetime.now(UTC)
KEY = TransactionKey("p", "kid:01", b"t" * 16)
GENERATE = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ec-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ec-p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}
openssl = needs_openssl


@functools.cache
def _private_key(kind: str) -> Any:
    return GENERATE[kind]()


def private_key(kind: str = "ec-p256") -> Any:
    """The same key whenever it is asked for."""
    return _private_key(kind)


def info(key: Any) -> SubjectPublicKeyInfo:
    public = key.public_key() if hasattr(key, "public_key") else key
    return SubjectPublicKeyInfo.decode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@functools.cache
def _ca(algorithm: str) -> tuple[Any, Certificate]:
    return create_ca("CN=Test CA,O=Example", algorithm)


def ca(algorithm: str = "ec-p256") -> tuple[Any, Certificate]:
    """The same CA whenever it is asked for."""
    return _ca(algorithm)


def authority(algorithm: str = "ec-p256", **rules: Any) -> LocalAuthority:
    return LocalAuthority(*ca(algorithm), rules=CertificateRules(**rules))


def name(*attributes: tuple[str, Any]) -> Name:
    """A name of single-valued RDNs; text becomes a UTF8String."""
    return Name(
        RelativeDistinguishedName([AttributeTypeAndValue(type=oid, value=value)])  # type: ignore[arg-type]  # the OIDs are ours
        for oid, value in ((oid, DirectoryString(utf8_string=v) if isinstance(v, str) else v) for oid, v in attributes)
    )


DEVICE = name((oids.COMMON_NAME, "device-1"))


def order(kind: str = "ec-p256", *asked: Extension, **more: Any) -> Order:
    given: dict[str, Any] = {
        "transaction": KEY,
        "body": "ir",
        "cert_req_id": 0,
        "subject": DEVICE,
        "public_key": info(private_key(kind)),
        "extensions": Extensions(asked) if asked else None,
        "asked_at": NOW,
    }
    return Order(**(given | more))


def alt_names(names: Iterable[GeneralName], critical: bool = False) -> Extension:
    return extension(oids.ID_CE_SUBJECT_ALT_NAME, GeneralNames(names), critical)


def dns(*names: str) -> Extension:
    return alt_names(GeneralName(dns_name=one) for one in names)


def issued(certificate: Certificate, **more: Any) -> IssuedCertificate:
    loaded = certificate.load()
    given: dict[str, Any] = {
        "issuer": loaded.issuer.public_bytes(),
        "serial": loaded.serial_number,
        "der": certificate.der,
        "transaction": KEY,
        "cert_req_id": 0,
        "status": CertificateStatus.REVOKED,
        "issued_at": NOW,
        "revoked_at": NOW,
    }
    return IssuedCertificate(**(given | more))


def pem(folder: Path, name: str, *certificates: Certificate) -> str:
    path = folder / name
    path.write_bytes(b"".join(one.load().public_bytes(Encoding.PEM) for one in certificates))
    return str(path)


def run_openssl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60, check=False)
