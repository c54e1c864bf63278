"""Make the vectors that openssl 3.0 cannot: messages encoded by pyasn1 with the types of pyasn1-alt-modules.

Usage: python tests/vectors/make_built.py (after make.py, whose certificates it uses)

The same certificates give the same bytes, but for RSASSA-PSS, whose key and signature are random. The other
keys come from a label in this file: they are for tests only.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import sys
from typing import Any

import manifest
from builder import NULL, algorithm, der, directory, message, octet_bits
from built_enrolment import ENROLMENT
from built_others import OTHERS
from built_parts import ANSWER, HMAC_SHA256, HMAC_SHA512, SHA256, SHA512, filler, header, info, pbkdf2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519, padding, rsa
from manifest import independent
from pyasn1_alt_modules import rfc4055, rfc4211, rfc5280, rfc8018

MADE_BY = "make_built.py"
COMMAND = "built by tests/vectors/make_built.py with pyasn1-alt-modules"
SECRET = "mySecret"

PBM_VARIANTS: dict[str, tuple[bytes, dict[str, Any], int, dict[str, Any]]] = {
    # stem: salt, owf, iterations, mac; the first is what a widespread Java server answers
    "pbm-1000-salt-20": (filler("a", 20), algorithm(SHA256), 1000, algorithm("1.3.6.1.5.5.8.1.2")),
    "pbm-1024": (filler("b", 16), algorithm(SHA256), 1024, algorithm("1.3.6.1.5.5.8.1.2")),
    "pbm-null-parameters": (filler("c", 16), algorithm(SHA512, NULL), 500, algorithm(HMAC_SHA512, NULL)),
    "pbm-100": (filler("d", 8), algorithm(SHA256), 100, algorithm(HMAC_SHA256)),
    "pbm-salt-64": (filler("e", 64), algorithm(SHA256), 777, algorithm(HMAC_SHA256)),
    "pbm-10000": (filler("f", 16), algorithm(SHA256), 10_000, algorithm(HMAC_SHA256)),
}


def protected(body: tuple[str, Any], changes: dict[str, Any], sign: Any, **more: Any) -> bytes:
    """A message whose protection is sign(DER of its ProtectedPart)."""
    bare = message(header(**changes), body)
    return message(header(**changes), body, protection=octet_bits(sign(independent.protected_part(bare))), **more)


def pbm(stem: str) -> bytes:
    """A PBM-protected genp."""
    salt, owf, iterations, mac = PBM_VARIANTS[stem.removeprefix("genp-")]
    parameters = {"salt": salt, "owf": owf, "iterationCount": iterations, "mac": mac}
    oid = algorithm(independent.PBM_OID, der(rfc4211.PBMParameter(), parameters))
    values = independent.PBM(
        salt=salt,
        owf=independent.DIGESTS[owf["algorithm"]],
        iterations=iterations,
        mac=independent.MACS[mac["algorithm"]][0],
        mac_hash=independent.MACS[mac["algorithm"]][1],
    )
    changes = ANSWER | {"protectionAlg": oid, "senderKID": b""}
    return protected(("genp", [info(13, NULL)]), changes, lambda data: values.tag(SECRET.encode(), data))


def pbm_nested() -> bytes:
    """A PBM-protected message around a PBM-protected message."""
    inner = pbm("genp-pbm-1024")
    parameters = {
        "salt": filler("g", 16),
        "owf": algorithm(SHA256),
        "iterationCount": 600,
        "mac": algorithm(HMAC_SHA256),
    }
    oid = algorithm(independent.PBM_OID, der(rfc4211.PBMParameter(), parameters))
    values = independent.PBM(filler("g", 16), "sha256", 600, "hmacWithSHA256", "sha256")
    changes = ANSWER | {"sender": directory("RA"), "protectionAlg": oid}
    return protected(("nested", [inner]), changes, lambda data: values.tag(SECRET.encode(), data))


def pbmac1() -> bytes:
    """A message with PBMAC1 (RFC 9481, 6.1.2): PBKDF2 with 1000 iterations, HMAC-SHA256."""
    salt = filler("pbmac1", 16)
    parameters = {
        "keyDerivationFunc": pbkdf2(salt, 1000, key_length=32),
        "messageAuthScheme": algorithm(HMAC_SHA256, NULL),
    }
    oid = algorithm("1.2.840.113549.1.5.14", der(rfc8018.PBMAC1_params(), parameters))
    key = hashlib.pbkdf2_hmac("sha256", SECRET.encode(), salt, 1000, 32)
    return protected(("genm", []), {"protectionAlg": oid}, lambda data: hmac.digest(key, data, "sha256"))


def self_signed(key: Any, common_name: str, **signing: Any) -> bytes:
    """A certificate for a test key."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    start = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder(
        subject, subject, key.public_key(), 1, start, start + datetime.timedelta(days=8000)
    ).sign(key, **signing)
    return made.public_bytes(serialization.Encoding.DER)


def signed(kind: str) -> bytes:
    """A message signed as openssl 3.0 does not; the certificate of the key is in extraCerts."""
    changes: dict[str, Any] = {"sender": directory(kind)}
    if kind == "rsa-pss":
        rsa_key = rsa.generate_private_key(65537, 2048)
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        hashed = algorithm(SHA256, NULL)
        mask = algorithm(str(rfc4055.id_mgf1), der(rfc5280.AlgorithmIdentifier(), hashed))
        parameters = {"hashAlgorithm": hashed, "maskGenAlgorithm": mask, "saltLength": 32}
        changes["protectionAlg"] = algorithm(str(rfc4055.id_RSASSA_PSS), der(rfc4055.RSASSA_PSS_params(), parameters))
        extra = self_signed(rsa_key, kind, algorithm=hashes.SHA256(), rsa_padding=scheme)
        return protected(
            ("genm", []),
            changes,
            lambda data: rsa_key.sign(data, scheme, hashes.SHA256()),
            extraCerts=[extra],
        )
    key: Any
    if kind == "ed25519":
        key, oid = ed25519.Ed25519PrivateKey.from_private_bytes(filler("test key", 32)), "1.3.101.112"
    else:
        key, oid = ed448.Ed448PrivateKey.from_private_bytes(filler("test key", 57)), "1.3.101.113"
    changes["protectionAlg"] = algorithm(oid)
    return protected(("genm", []), changes, key.sign, extraCerts=[self_signed(key, kind, algorithm=None)])


def main() -> None:
    """Build, write and list every message."""
    made = ENROLMENT | OTHERS
    made |= {f"genp-{stem}": pbm(f"genp-{stem}") for stem in PBM_VARIANTS}
    made |= {"nested-pbm": pbm_nested(), "genm-pbmac1": pbmac1()}
    made |= {f"genm-{kind}-signed": signed(kind) for kind in ("ed25519", "ed448", "rsa-pss")}
    entries = []
    for stem, data in made.items():
        file = f"built-{stem}.der"
        (manifest.HERE / file).write_bytes(data)
        entries.append(manifest.entry(file, data, made_by=MADE_BY, secret=SECRET, command=COMMAND))
    manifest.store(MADE_BY, entries)
    print(f"{len(entries)} messages built")


if __name__ == "__main__":
    sys.exit(main())
