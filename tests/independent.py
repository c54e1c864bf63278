"""CMP messages as others see them: pyasn1-alt-modules as decoder, hashlib and hmac as PBM.

Imports nothing of cmpcodec: what agrees with this file agrees with somebody else's reading of the RFCs.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from pyasn1.codec.der import decoder, encoder
from pyasn1_alt_modules import rfc9810

PBM_OID = "1.2.840.113533.7.66.13"
OTHER_KINDS = {
    "1.2.840.113549.1.1.5": "rsa",
    "1.2.840.113549.1.1.11": "rsa",
    "1.2.840.113549.1.1.12": "rsa",
    "1.2.840.113549.1.1.13": "rsa",
    "1.2.840.113549.1.1.10": "rsa-pss",
    "1.2.840.10045.4.3.2": "ecdsa",
    "1.2.840.10045.4.3.3": "ecdsa",
    "1.2.840.10045.4.3.4": "ecdsa",
    "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448",
    "1.2.840.113549.1.5.14": "pbmac1",
    "1.2.840.113533.7.66.16": "kem",
    "1.2.840.113533.7.66.30": "dh",
}
DIGESTS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
}
MACS = {
    "1.3.6.1.5.5.8.1.1": ("hmac-md5", "md5"),
    "1.3.6.1.5.5.8.1.2": ("hmac-sha1", "sha1"),
    "1.2.840.113549.2.7": ("hmacWithSHA1", "sha1"),
    "1.2.840.113549.2.8": ("hmacWithSHA224", "sha224"),
    "1.2.840.113549.2.9": ("hmacWithSHA256", "sha256"),
    "1.2.840.113549.2.10": ("hmacWithSHA384", "sha384"),
    "1.2.840.113549.2.11": ("hmacWithSHA512", "sha512"),
}


@dataclass(frozen=True)
class PBM:
    """The PBM parameters of a message; `mac` in OpenSSL's spelling, `mac_hash` in hashlib's."""

    salt: bytes
    owf: str
    iterations: int
    mac: str
    mac_hash: str

    def tag(self, secret: bytes, data: bytes) -> bytes:
        """The MAC over the DER of a ProtectedPart (RFC 9810, 5.1.3.1)."""
        key = secret + self.salt
        for _ in range(self.iterations):
            key = hashlib.new(self.owf, key).digest()
        return hmac.new(key, data, self.mac_hash).digest()


def decode(der: bytes) -> Any:
    """The PKIMessage as a pyasn1 object; ValueError if bytes are left over."""
    message, rest = decoder.decode(der, asn1Spec=rfc9810.PKIMessage())
    if rest:
        raise ValueError(f"{len(rest)} bytes after the message")
    return message


def encode(value: Any) -> bytes:
    """The DER of a pyasn1 object."""
    return bytes(encoder.encode(value))


def body_name(message: Any) -> str:
    """The ASN.1 name of the body: ir, certConf, pkiconf, ..."""
    return str(message["body"].getName())


def protection_kind(message: Any) -> str:
    """none, pbm, one of OTHER_KINDS or other: what the header announces and the message carries."""
    algorithm = message["header"]["protectionAlg"]
    if not algorithm.isValue or not message["protection"].isValue:
        return "none"
    oid = str(algorithm["algorithm"])
    return "pbm" if oid == PBM_OID else OTHER_KINDS.get(oid, "other")


def pbm_parameters(message: Any) -> PBM:
    """The PBM parameters in the header of a message that has them."""
    parameters, rest = decoder.decode(
        bytes(message["header"]["protectionAlg"]["parameters"]), asn1Spec=rfc9810.PBMParameter()
    )
    if rest:
        raise ValueError("bytes after the PBM parameters")
    mac, mac_hash = MACS[str(parameters["mac"]["algorithm"])]
    return PBM(
        salt=bytes(parameters["salt"]),
        owf=DIGESTS[str(parameters["owf"]["algorithm"])],
        iterations=int(parameters["iterationCount"]),
        mac=mac,
        mac_hash=mac_hash,
    )


def protected_part(der: bytes) -> bytes:
    """The DER of ProtectedPart: header and body, as received, in a SEQUENCE of their own."""
    start, _ = _content(der, 0)
    _, header_end = _content(der, start)
    _, body_end = _content(der, header_end)
    return tlv(0x30, der[start:body_end])


def pbm_is_right(der: bytes, secret: bytes) -> bool:
    """Whether a PBM-protected message carries the MAC that this secret gives."""
    message = decode(der)
    expected = pbm_parameters(message).tag(secret, protected_part(der))
    return hmac.compare_digest(expected, message["protection"].asOctets())


def tlv(tag: int, content: bytes) -> bytes:
    """One DER element with a single identifier octet."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends (its identifier is a single octet)."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        length, start = int.from_bytes(der[start : start + octets], "big"), start + octets
    return start, start + length
