"""Every body that asks for certificates and keys or answers such a request; announcements; polling.

Only data, in terms of built_parts.py: every CHOICE, every optional component at least once.
"""

from __future__ import annotations

from typing import Any

from builder import NULL, algorithm, der, directory, name, octet_bits, public_key_of
from built_parts import (
    ACCEPTED,
    ANSWER,
    CRL,
    CRL_REVOKED,
    DEVICE,
    DEVICE_RSA,
    ENCRYPTED_VALUE_BARE,
    ENCRYPTED_VALUE_FULL,
    NEW,
    REG_CTRL,
    REG_INFO,
    ROOT,
    ROOT_RSA,
    RSA_ENCRYPTION,
    SERVER,
    SERVER_NAMES,
    SHA256,
    SHA512,
    V3,
    Messages,
    cert_id,
    control,
    enveloped,
    enveloped_with_everything,
    extension,
    filler,
    full_template,
    issued,
    old_cert_id,
    one_response,
    pkmac,
    private_key_info,
    raw,
    request,
    signature_pop,
    template,
    text,
)
from pyasn1.type import char, univ
from pyasn1_alt_modules import rfc4211, rfc5280

ENROLMENT = Messages()

# --- bodies that openssl 3.0 has no command for ---

ENROLMENT.add(
    "popdecc",
    (
        "popdecc",
        [
            {
                "owf": algorithm(SHA256, NULL),
                "witness": filler("witness", 32),
                "challenge": filler("challenge", 64),
            },
            {"witness": filler("witness 2", 32), "challenge": filler("challenge 2", 64)},
        ],
    ),
    ANSWER,
)
ENROLMENT.add(
    "popdecc-encrypted-rand",
    (
        "popdecc",
        [
            {"witness": b"", "challenge": b"", "encryptedRand": enveloped("kem")},
        ],
    ),
    ANSWER | V3,
)
ENROLMENT.add("popdecr", ("popdecr", [0, 127, 128, -1, -129, 2**64, 2**256 - 189]))
ENROLMENT.add(
    "krr",
    (
        "krr",
        [
            {
                "certReq": request(
                    controls=[
                        control(f"{REG_CTRL}.6", public_key_of(DEVICE_RSA)),
                    ]
                ),
                "popo": signature_pop(),
            }
        ],
    ),
)
ENROLMENT.add(
    "krp",
    (
        "krp",
        {
            "status": ACCEPTED,
            "newSigCert": NEW,
            "caCerts": [ROOT, ROOT_RSA],
            "keyPairHist": [
                {"certOrEncCert": issued(DEVICE), "privateKey": ENCRYPTED_VALUE_FULL},
                {"certOrEncCert": ("encryptedCert", ENCRYPTED_VALUE_BARE)},
            ],  # pyasn1-alt-modules knows no EnvelopedData here: its KeyRecRepContent is that of RFC 4210
        },
    ),
    ANSWER,
)
ENROLMENT.add("krp-waiting", ("krp", {"status": {"status": 3}}), ANSWER)
ENROLMENT.add(
    "ccr",
    (
        "ccr",
        [
            {
                "certReq": request(extensions=[extension("2.5.29.19", bytes.fromhex("30030101ff"), critical=True)]),
                "popo": signature_pop(),
            }
        ],
    ),
)
ENROLMENT.add("ccp", ("ccp", one_response({"certOrEncCert": issued(ROOT)})), ANSWER)
ENROLMENT.add(
    "ckuann-v2",
    (
        "ckuann",
        (
            "cAKeyUpdAnnV2",
            {
                "oldWithNew": ROOT,
                "newWithOld": ROOT_RSA,
                "newWithNew": ROOT,
            },
        ),
    ),
    SERVER_NAMES,
)
ENROLMENT.add(
    "ckuann-v3",
    (
        "ckuann",
        (
            "cAKeyUpdAnnV3",
            {
                "newWithNew": ROOT,
                "newWithOld": ROOT_RSA,
                "oldWithNew": SERVER,
            },
        ),
    ),
    SERVER_NAMES | V3,
)
ENROLMENT.add("ckuann-v3-one", ("ckuann", ("cAKeyUpdAnnV3", {"newWithNew": ROOT})), SERVER_NAMES | V3)
ENROLMENT.add("cann", ("cann", NEW), SERVER_NAMES)
ENROLMENT.add(
    "rann",
    (
        "rann",
        {
            "status": 4,
            "certId": cert_id(),
            "willBeRevokedAt": "20270101000000Z",
            "badSinceDate": "20261001123456Z",
            "crlDetails": [extension("2.5.29.21", bytes.fromhex("0a0101"))],
        },
    ),
    SERVER_NAMES,
)
ENROLMENT.add(
    "rann-short",
    (
        "rann",
        {
            "status": 5,
            "certId": cert_id(),
            "willBeRevokedAt": "20240229235959Z",
            "badSinceDate": "99991231235959Z",
        },
    ),
    SERVER_NAMES,
)
ENROLMENT.add("crlann", ("crlann", [CRL, CRL_REVOKED]), SERVER_NAMES)

# --- requests with all that CRMF offers ---

_SINGLE_PUB_INFOS = [
    {"pubMethod": 0},
    {"pubMethod": 2, "pubLocation": ("uniformResourceIdentifier", "http://example.com/")},
]
_PUBLICATION = {"action": 1, "pubInfos": _SINGLE_PUB_INFOS}


def _archive(choice: tuple[str, Any]) -> dict[str, Any]:
    return control(f"{REG_CTRL}.4", der(rfc4211.PKIArchiveOptions(), choice))


ENROLMENT.add(
    "ir-all-controls",
    (
        "ir",
        [
            {
                "certReq": {
                    "certReqId": 0,
                    "certTemplate": full_template(),
                    "controls": [
                        control(f"{REG_CTRL}.1", raw(char.UTF8String("tökén"))),
                        control(f"{REG_CTRL}.2", raw(char.UTF8String("mother's maiden name"))),
                        control(f"{REG_CTRL}.3", der(rfc4211.PKIPublicationInfo(), _PUBLICATION)),
                        _archive(("encryptedPrivKey", private_key_info("kari"))),
                        _archive(("encryptedPrivKey", ("encryptedValue", ENCRYPTED_VALUE_FULL))),
                        _archive(("keyGenParameters", b"parameters")),
                        _archive(("archiveRemGenPrivKey", True)),
                        control(f"{REG_CTRL}.5", old_cert_id()),
                        control(f"{REG_CTRL}.6", public_key_of(DEVICE)),
                        control(f"{REG_CTRL}.7", der(rfc4211.CertTemplate(), template())),
                        control(
                            f"{REG_CTRL}.11",
                            der(rfc5280.AlgorithmIdentifier(), algorithm(RSA_ENCRYPTION, NULL)),
                        ),
                        control(f"{REG_CTRL}.12", raw(univ.Integer(3072))),
                        control("1.2.3.4", raw(univ.Null(""))),
                    ],
                },
                "popo": signature_pop(),
                "regInfo": [
                    control(f"{REG_INFO}.1", raw(char.UTF8String("version?1%corp_company?Beispiel%"))),
                    control(f"{REG_INFO}.2", der(rfc4211.CertRequest(), request(1))),
                ],
            }
        ],
    ),
)
ENROLMENT.add("ir-empty-template", ("ir", [{"certReq": {"certReqId": -1, "certTemplate": {}}}]))
ENROLMENT.add(
    "ir-two-requests",
    (
        "ir",
        [
            {"certReq": request(0), "popo": ("raVerified", "")},
            {"certReq": request(1), "popo": ("raVerified", "")},
        ],
    ),
)
ENROLMENT.add(
    "ir-validity-one-sided",
    (
        "ir",
        [
            {"certReq": request(0, validity={"notAfter": ("utcTime", "500101000000Z")})},
            {"certReq": request(1, validity={"notBefore": ("generalTime", "20500101000000Z")})},
        ],
    ),
)
ENROLMENT.add(
    "ir-mismatched-info",
    (
        "ir",
        [
            {
                "certReq": request(
                    controls=[
                        control(f"{REG_CTRL}.5", raw(univ.Null(""))),
                        control(f"{REG_CTRL}.1", raw(univ.Integer(5))),
                    ]
                )
            }
        ],
    ),
)  # the types of known controls, with values of other types

_POPOSK = {"authInfo": ("sender", directory("device-1")), "publicKey": public_key_of(DEVICE)}
_POPOSK_MAC = {"authInfo": ("publicKeyMAC", pkmac()), "publicKey": public_key_of(DEVICE)}
_POPS = {
    "poposk-sender": signature_pop(poposkInput=_POPOSK),
    "poposk-mac": signature_pop(poposkInput=_POPOSK_MAC),
    "keyenc-this-message": ("keyEncipherment", ("thisMessage", octet_bits(filler("this", 33)))),
    "keyenc-challenge": ("keyEncipherment", ("subsequentMessage", 1)),
    "keyenc-encrypted-key": (
        "keyEncipherment",
        ("encryptedKey", enveloped("ktri", content="1.2.840.113549.1.9.16.1.21")),
    ),
    "keyagree-dh-mac": ("keyAgreement", ("dhMAC", octet_bits(filler("dh", 20)))),
    "keyagree-agree-mac": ("keyAgreement", ("agreeMAC", pkmac())),
    "keyagree-encr-cert": ("keyAgreement", ("subsequentMessage", 0)),
}
for _stem, _pop in _POPS.items():
    ENROLMENT.add(f"cr-pop-{_stem}", ("cr", [{"certReq": request(), "popo": _pop}]))

# --- answers ---

ENROLMENT.add(
    "ip-private-key-ktri",
    (
        "ip",
        one_response({"certOrEncCert": issued(DEVICE), "privateKey": ("envelopedData", enveloped("ktri"))}),
    ),
    ANSWER | V3,
)
ENROLMENT.add(
    "ip-private-key-kari",
    (
        "ip",
        one_response({"certOrEncCert": issued(DEVICE), "privateKey": ("envelopedData", enveloped("kari"))}),
    ),
    ANSWER | V3,
)
ENROLMENT.add(
    "ip-private-key-pwri",
    (
        "ip",
        one_response(
            {
                "certOrEncCert": issued(DEVICE),
                "privateKey": ("envelopedData", enveloped("pwri", version=3)),
                "publicationInfo": _PUBLICATION,
            }
        ),
    ),
    ANSWER | V3,
)
ENROLMENT.add(
    "ip-private-key-kem",
    (
        "ip",
        one_response(
            {
                "certOrEncCert": issued(DEVICE),
                "privateKey": ("envelopedData", enveloped("kem", version=3)),
            }
        ),
    ),
    ANSWER | V3,
)
ENROLMENT.add(
    "ip-private-key-everyone",
    (
        "ip",
        one_response(
            {
                "certOrEncCert": issued(DEVICE),
                "privateKey": ("envelopedData", enveloped_with_everything()),
            }
        ),
    ),
    ANSWER | V3,
)
ENROLMENT.add(
    "cp-private-key-encrypted-value",
    (
        "cp",
        one_response(
            {
                "certOrEncCert": issued(DEVICE),
                "privateKey": ("encryptedValue", ENCRYPTED_VALUE_FULL),
                "publicationInfo": {"action": 0},
            }
        ),
    ),
    ANSWER,
)
ENROLMENT.add(
    "kup-encrypted-cert",
    ("kup", one_response({"certOrEncCert": ("encryptedCert", ("envelopedData", enveloped("ktri")))})),
    ANSWER | V3,
)
ENROLMENT.add(
    "ip-many-responses",
    (
        "ip",
        {
            "caPubs": [ROOT, ROOT_RSA],
            "response": [
                {
                    "certReqId": 0,
                    "status": ACCEPTED,
                    "certifiedKeyPair": {"certOrEncCert": issued(DEVICE)},
                    "rspInfo": b"info",
                },
                {
                    "certReqId": 1,
                    "status": {
                        "status": 2,
                        "statusString": text("no", "nein"),
                        "failInfo": "badAlg,duplicateCertReq",
                    },
                },
                {"certReqId": 2, "status": {"status": 3}},
            ],
        },
    ),
    ANSWER,
)
ENROLMENT.add("ip-no-response", ("ip", {"response": []}), ANSWER)
ENROLMENT.add(
    "rr-details",
    (
        "rr",
        [
            {"certDetails": {"serialNumber": 1, "issuer": name("EC Root")}},
            {
                "certDetails": {"serialNumber": 2, "issuer": name("EC Root")},
                "crlEntryDetails": [
                    extension("2.5.29.21", bytes.fromhex("0a0104")),
                    extension("2.5.29.24", bytes.fromhex("180f32303236313131303030303030305a")),
                ],
            },
        ],
    ),
)
ENROLMENT.add(
    "rp-full",
    (
        "rp",
        {
            "status": [{"status": 5}, {"status": 2, "failInfo": "certRevoked"}],
            "revCerts": [cert_id(), {"issuer": ("registeredID", "1.2.3.4"), "serialNumber": 0}],
            "crls": [CRL, CRL_REVOKED],
        },
    ),
    ANSWER,
)
ENROLMENT.add(
    "certConf-hash-alg",
    (
        "certConf",
        [
            {"certHash": filler("hash", 64), "certReqId": 0, "hashAlg": algorithm(SHA512)},
            {
                "certHash": filler("hash", 64),
                "certReqId": 1,
                "statusInfo": {"status": 2, "failInfo": "incorrectData"},
                "hashAlg": algorithm(SHA512, NULL),
            },
        ],
    ),
    V3,
)
ENROLMENT.add("certConf-empty", ("certConf", []))
ENROLMENT.add(
    "error-details",
    (
        "error",
        {
            "pKIStatusInfo": {
                "status": 2,
                "statusString": text("one", "zwei — drei", ""),
                "failInfo": "systemFailure",
            },
            "errorCode": -(2**31) + 1,
            "errorDetails": text('<a&b>\u202e \\ "%s%n" \x1b[31m\r\n'),
        },
    ),
    ANSWER,
)
ENROLMENT.add("error-bare", ("error", {"pKIStatusInfo": {"status": 2}}), ANSWER)
ENROLMENT.add(
    "error-unknown-status",
    ("error", {"pKIStatusInfo": {"status": 99, "failInfo": univ.BitString(binValue="0" * 31 + "1")}}),
    ANSWER,
)
ENROLMENT.add("pollReq-whole-message", ("pollReq", [{"certReqId": -1}]))
ENROLMENT.add("pollReq-two", ("pollReq", [{"certReqId": 0}, {"certReqId": 65536}]))
ENROLMENT.add(
    "pollRep-reason",
    (
        "pollRep",
        [
            {"certReqId": 0, "checkAfter": 30, "reason": text("an officer has to look", "de: bitte warten")},
            {"certReqId": 1, "checkAfter": 2**31},
        ],
    ),
    ANSWER,
)
