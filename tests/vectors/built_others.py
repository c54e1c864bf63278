"""Support messages with every kind of info, full headers, nested messages, other protection.

Only data, in terms of built_parts.py.
"""

from __future__ import annotations

from typing import Any

from builder import NULL, algorithm, der, directory, message, name, octet_bits
from built_parts import (
    AES256_CBC,
    AES256_WRAP,
    ANSWER,
    CRL,
    CRL_REVOKED,
    DEVICE_RSA,
    ECDSA_SHA256,
    HKDF_SHA256,
    INFO,
    ML_KEM_768,
    REG_CTRL,
    ROOT,
    ROOT_RSA,
    RSA_ENCRYPTION,
    SERVER,
    SHA1,
    V3,
    Messages,
    control,
    enveloped,
    extension,
    filler,
    header,
    info,
    raw,
    text,
    time,
)
from pyasn1.type import char, univ
from pyasn1_alt_modules import rfc5280, rfc9810

OTHERS = Messages()

# --- support messages ---

_CRL_SOURCES = [
    {
        "source": ("dpn", ("fullName", [("uniformResourceIdentifier", "http://example.com/root.crl")])),
        "thisUpdate": ("utcTime", "261123120000Z"),
    },
    {
        "source": ("issuer", [directory("EC Root"), ("dNSName", "ca.example.com")]),
        "thisUpdate": ("generalTime", "20500101000000Z"),
    },
    {"source": ("dpn", ("nameRelativeToCRLIssuer", name("x")[1][0]))},
]
_SIGN_ALGORITHMS = [
    algorithm(ECDSA_SHA256),
    algorithm("1.2.840.113549.1.1.11", NULL),
    algorithm("1.3.101.112"),
]
_RSA_LENGTH = control(f"{REG_CTRL}.12", raw(univ.Integer(2048)))
_UTF8 = univ.SequenceOf(componentType=char.UTF8String())
_CERTS = univ.SequenceOf(componentType=rfc9810.CMPCertificate())
_INFOS: dict[str, dict[str, Any]] = {
    "ca-prot-enc-cert": info(1, ROOT),
    "sign-key-pair-types": info(2, der(rfc9810.SignKeyPairTypesValue(), _SIGN_ALGORITHMS)),
    "enc-key-pair-types": info(3, der(rfc9810.EncKeyPairTypesValue(), [algorithm(RSA_ENCRYPTION, NULL)])),
    "preferred-symm-alg": info(4, der(rfc5280.AlgorithmIdentifier(), algorithm(AES256_CBC))),
    "ca-key-update-info": info(
        5,
        der(
            rfc9810.CAKeyUpdContent(),
            (
                "cAKeyUpdAnnV2",
                {
                    "oldWithNew": ROOT,
                    "newWithOld": ROOT,
                    "newWithNew": ROOT,
                },
            ),
        ),
    ),
    "current-crl": info(6, CRL),
    "unsupported-oids": info(7, der(rfc9810.UnsupportedOIDsValue(), ["1.2.3.4", "2.999.3", f"{INFO}.24"])),
    "key-pair-param-req": info(10, raw(univ.ObjectIdentifier("1.2.840.10045.2.1"))),
    "key-pair-param-rep": info(
        11,
        der(
            rfc5280.AlgorithmIdentifier(),
            algorithm("1.2.840.10045.2.1", raw(univ.ObjectIdentifier("1.3.132.0.34"))),
        ),
    ),
    "rev-passphrase": info(12, der(rfc9810.RevPassphraseValue(), ("envelopedData", enveloped("ktri")))),
    "implicit-confirm": info(13, NULL),
    "confirm-wait-time": info(14, time("20261124000000Z")),
    "supp-lang-tags": info(16, der(_UTF8, ["de-AT", "en"])),
    "ca-certs": info(17, der(_CERTS, [ROOT, SERVER])),
    "root-ca-key-update": info(
        18,
        der(
            rfc9810.RootCaKeyUpdateContent(),
            {
                "newWithNew": ROOT,
                "newWithOld": ROOT_RSA,
                "oldWithNew": ROOT,
            },
        ),
    ),
    "cert-req-template": info(
        19,
        der(
            rfc9810.CertReqTemplateContent(),
            {
                "certTemplate": {
                    "subject": name("*"),
                    "extensions": [extension("2.5.29.15", bytes.fromhex("03020780"))],
                },
                "keySpec": [_RSA_LENGTH],
            },
        ),
    ),
    "root-ca-cert": info(20, ROOT),
    "cert-profile": info(21, der(_UTF8, ["profile one", "Größe"])),
    "crl-status-list": info(22, der(rfc9810.CRLStatusListValue(), _CRL_SOURCES)),
    "crls": info(23, der(rfc9810.CRLsValue(), [CRL, CRL_REVOKED])),
    "kem-ciphertext-info": info(
        24, der(rfc9810.KemCiphertextInfo(), {"kem": algorithm(ML_KEM_768), "ct": filler("ct", 96)})
    ),
}
for _stem, _info in _INFOS.items():
    OTHERS.add(f"genp-{_stem}", ("genp", [_info]), ANSWER | V3)
OTHERS.add("genm-many", ("genm", [info(number) for number in (1, 2, 17, 18, 19, 20, 22, 99)]), V3)
OTHERS.add("genm-empty", ("genm", []))
OTHERS.add(
    "genm-mismatched-info",
    (
        "genm",
        [
            info(2, raw(univ.Integer(1))),
            info(13, raw(univ.OctetString(b""))),
            info(14, raw(char.UTF8String("20261124000000Z"))),
            info(17, raw(univ.SequenceOf(componentType=univ.Integer()))),
            {"infoType": "2.999.1", "infoValue": bytes.fromhex("bf870100")},
        ],
    ),
)  # known types with values of other types, and one unknown type with a tag of two octets

# --- headers ---

OTHERS.add(
    "genm-full-header",
    ("genm", []),
    V3
    | {
        "senderKID": filler("kid", 20),
        "recipKID": b"",
        "recipNonce": filler("nonce", 16),
        "freeText": text("hello", "grüß Gott", "\U0001f511"),
        "generalInfo": [
            info(13, NULL),
            info(14, time("20261124000000Z")),
            info(21, der(_UTF8, ["profile"])),
            info(15, der(rfc9810.PKIMessages(), [message(header(), ("genm", []))])),
            {"infoType": "1.2.3.4"},
        ],
    },
)
OTHERS.add("genm-bare-header", ("genm", []), {"messageTime": None, "transactionID": None, "senderNonce": None})
OTHERS.add("genm-pvno-1", ("genm", []), {"pvno": 1})
OTHERS.add("genm-pvno-unknown", ("genm", []), {"pvno": 4})
OTHERS.add("genm-long-nonces", ("genm", []), {"transactionID": filler("long", 300), "senderNonce": b""})
_GENERAL_NAMES = {
    "other-name": (
        "otherName",
        {"type-id": "1.3.6.1.4.1.311.20.2.3", "value": raw(char.UTF8String("user@example.com"))},
    ),
    "rfc822": ("rfc822Name", "a@example.com"),
    "dns": ("dNSName", "ca.example.com"),
    "x400": (
        "x400Address",
        {"built-in-standard-attributes": {"country-name": ("iso-3166-alpha2-code", "AT")}},
    ),
    "edi": (
        "ediPartyName",
        {"nameAssigner": ("utf8String", "assigner"), "partyName": ("printableString", "party")},
    ),
    "uri": ("uniformResourceIdentifier", "https://example.com/cmp"),
    "ip4": ("iPAddress", bytes((192, 0, 2, 1))),
    "ip6": ("iPAddress", bytes.fromhex("20010db8000000000000000000000001")),
    "registered-id": ("registeredID", "2.999.18446744073709551617"),
}
for _stem, _name in _GENERAL_NAMES.items():
    OTHERS.add(f"genm-sender-{_stem}", ("genm", []), {"sender": _name})
_STRINGS = {
    "teletex": char.TeletexString("tele"),
    "printable": char.PrintableString("Abc 0'()+,-./:=?"),
    "universal": char.UniversalString("\U0001f511 key"),
    "utf8": char.UTF8String("\U0001f511"),
    "bmp": char.BMPString("ключ"),
    "ia5": char.IA5String("a@b"),
    "numeric": char.NumericString("12 34"),
}
OTHERS.add(
    "genm-name-strings",
    ("genm", []),
    {
        "sender": (
            "directoryName",
            (
                "rdnSequence",
                [
                    [{"type": "2.5.4.3", "value": raw(value)} for value in _STRINGS.values()],
                    [{"type": "2.5.4.45", "value": raw(univ.BitString(binValue="101"))}],
                ],
            ),
        )
    },
)

# --- nested ---

_INNER = message(header(), ("genm", [info(17)]))
_INNER_2 = message(header(transactionID=filler("two", 16)), ("pkiconf", ""))
OTHERS.add("nested-one", ("nested", [_INNER]), {"sender": directory("RA")})
OTHERS.add("nested-batch", ("nested", [_INNER, _INNER_2, _INNER]), {"sender": directory("RA")})
OTHERS.add(
    "nested-twice",
    ("nested", [message(header(), ("nested", [_INNER, _INNER_2]))]),
    {"sender": directory("RA")},
)

# --- certificates beside the message ---

OTHERS.add(
    "genm-extra-certs",
    ("genm", []),
    None,
    extraCerts=[SERVER, ROOT, DEVICE_RSA],
)
OTHERS.add("pkiconf-extra-cert", ("pkiconf", ""), ANSWER, extraCerts=[ROOT])

# --- protection that openssl 3.0 does not speak, its value a filler (make_built.py makes the true ones) ---

_KEM_MAC = {
    "kdf": algorithm(HKDF_SHA256),
    "kemContext": b"context",
    "len": 32,
    "mac": algorithm("1.2.840.113549.2.9"),
}
_DH_MAC = {"owf": algorithm(SHA1), "mac": algorithm("1.3.6.1.5.5.8.1.2")}
_FILLER_MAC = {"protection": octet_bits(filler("mac", 32))}
OTHERS.add(
    "genm-kem-mac",
    ("genm", []),
    V3 | {"protectionAlg": algorithm(str(rfc9810.id_KemBasedMac), der(rfc9810.KemBMParameter(), _KEM_MAC))},
    **_FILLER_MAC,
)
OTHERS.add(
    "genm-dh-mac",
    ("genm", []),
    {"protectionAlg": algorithm(str(rfc9810.id_DHBasedMac), der(rfc9810.DHBMParameter(), _DH_MAC))},
    **_FILLER_MAC,
)
OTHERS.add(
    "genm-unknown-protection",
    ("genm", []),
    {"protectionAlg": algorithm("1.2.3.4", der(rfc5280.AlgorithmIdentifier(), algorithm(AES256_WRAP)))},
    **_FILLER_MAC,
)
OTHERS.add("genm-algorithm-without-protection", ("genm", []), {"protectionAlg": algorithm("1.2.3.4")})
