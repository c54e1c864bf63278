"""The openssl sessions behind the vectors: their PKI, their `openssl cmp` runs, the messages that each shows.

Only data. make.py runs it; nothing here touches a file or a process.
"""

from __future__ import annotations

from dataclasses import dataclass

CONFIG = """\
[req]
distinguished_name = req_dn
prompt = no
string_mask = utf8only
[req_dn]
CN = unused
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,digitalSignature,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[ee]
keyUsage = critical,digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[ee_san]
keyUsage = critical,digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:old.example.com,IP:192.0.2.1,email:device@example.com
[wanted]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = clientAuth,1.3.6.1.5.5.7.3.28
subjectAltName = DNS:a.example.com,URI:https://example.com/x,IP:2001:db8::1,email:a@example.com,RID:1.2.3.4
[wanted_policies]
certificatePolicies = 1.2.3.4,@policy_with_notice
[policy_with_notice]
policyIdentifier = 1.3.5.8
CPS.1 = http://example.com/cps
userNotice.1 = @notice
[notice]
explicitText = UTF8:für Prüfungen
[csr_attributes]
challengePassword = aPassword
unstructuredName = a device
[csr]
distinguished_name = req_dn
prompt = no
attributes = csr_attributes
req_extensions = wanted
[crl_ca]
database = index.txt
default_md = sha256
default_crl_days = 9000
crlnumber = crlnumber
"""


def _key(name: str, *algorithm: str) -> str:
    return f"openssl genpkey -out {name}.key " + " ".join(algorithm)


def _root(name: str, subject: str) -> str:
    return (
        f"openssl req -config test.cnf -x509 -utf8 -extensions ca -days 9000 -sha256 -key {name}.key"
        f" -subj '{subject}' -out {name}.pem"
    )


def _certificate(name: str, subject: str, ca: str, serial: str, section: str = "ee", days: int = 8000) -> list[str]:
    return [
        f"openssl req -config test.cnf -new -utf8 -key {name}.key -subj '{subject}' -out {name}.csr",
        f"openssl x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -set_serial {serial} -sha256"
        f" -days {days} -extfile test.cnf -extensions {section} -out {name}.pem",
    ]


_EC256 = ("-algorithm EC -pkeyopt ec_paramgen_curve:P-256",)
_EC384 = ("-algorithm EC -pkeyopt ec_paramgen_curve:P-384",)
_RSA = ("-algorithm RSA -pkeyopt rsa_keygen_bits:2048",)
_RSA3072 = ("-algorithm RSA -pkeyopt rsa_keygen_bits:3072",)

SETUP: list[str] = [
    _key("root-ec", *_EC256),
    _key("root-rsa", *_RSA),
    _key("dev-rsa", *_RSA),
    _key("dev-rsa3072", *_RSA3072),
    _key("dev-ec", *_EC256),
    _key("dev-p384", *_EC384),
    _key("dev-ed25519", "-algorithm ED25519"),
    _key("new-ec", *_EC256),
    _key("srv-ec", *_EC256),
    _key("srv-rsa", *_RSA),
    _root("root-ec", "/O=cmpcodec test/CN=EC Root"),
    _root("root-rsa", "/O=cmpcodec test/CN=RSA Root"),
    *_certificate("dev-rsa", "/CN=cmp-certificate", "root-ec", "0x1001"),
    *_certificate("dev-rsa3072", "/CN=device-3072", "root-ec", "0x1002"),
    *_certificate("dev-ec", "/CN=device-1", "root-ec", "0x1003", "ee_san"),
    *_certificate("dev-p384", "/CN=device-384", "root-ec", "0x00f0e0d0c0b0a09080706050403020100a0b0c0d"),
    *_certificate("dev-ed25519", "/CN=device-ed25519", "root-ec", "0x1005"),
    *_certificate("new-ec", "/CN=device-1", "root-ec", "0x1003", "ee_san", 12000),
    *_certificate("srv-ec", "/O=cmpcodec test/CN=EC Server", "root-ec", "0x2001"),
    *_certificate("srv-rsa", "/O=cmpcodec test/CN=RSA Server", "root-rsa", "0x2002"),
    "openssl req -config test.cnf -section csr -new -key dev-rsa.key -subj /CN=cmp-certificate -out attributes.csr",
    "openssl req -config test.cnf -new -key dev-ec.key -subj /CN=device-1 -out plain.csr",
    "openssl req -config test.cnf -new -key dev-ed25519.key -subj /CN=device-ed25519 -out ed25519.csr",
    "openssl ca -config test.cnf -name crl_ca -gencrl -cert root-ec.pem -keyfile root-ec.key -out root-ec.crl",
    "openssl ca -config test.cnf -name crl_ca -cert root-ec.pem -keyfile root-ec.key -revoke dev-rsa3072.pem"
    " -crl_reason keyCompromise",
    "openssl ca -config test.cnf -name crl_ca -gencrl -cert root-ec.pem -keyfile root-ec.key -out revoked.crl",
]

# What stays in pki/ (public parts only, DER), for the built vectors and for whoever checks the signatures.
KEPT_CERTIFICATES = ("root-ec", "root-rsa", "dev-rsa", "dev-ec", "new-ec", "srv-ec", "srv-rsa")
KEPT_CRLS = ("root-ec", "revoked")


@dataclass(frozen=True)
class Session:
    """One run of `openssl cmp`: the bodies on the wire (request, response, ...), options, exit status."""

    name: str
    bodies: str
    options: str
    exit_status: int = 0


PBM = "-ref device-1 -secret pass:mySecret -srv_ref server -srv_secret pass:mySecret"
NO_REF = "-secret pass:mySecret -srv_ref server -srv_secret pass:mySecret"
EC_SERVER = "-srv_cert srv-ec.pem -srv_key srv-ec.key -srv_trusted root-ec.pem -trusted root-ec.pem"
RSA_SERVER = "-srv_cert srv-rsa.pem -srv_key srv-rsa.key -srv_trusted root-ec.pem -trusted root-rsa.pem"
EC_CLIENT = "-cert dev-ec.pem -key dev-ec.key"
RSA_CLIENT = "-cert dev-rsa.pem -key dev-rsa.key"
ENROL_RSA = "-newkey dev-rsa.key -subject /CN=cmp-certificate -rsp_cert dev-rsa.pem -certout out.pem"
ENROL_EC = "-newkey dev-ec.key -subject /CN=device-1 -rsp_cert dev-ec.pem -certout out.pem"
ENROL_NEW = "-newkey new-ec.key -subject /CN=device-1 -rsp_cert new-ec.pem -certout out.pem"

_INFO_TYPES = [
    "caProtEncCert",
    "signKeyPairTypes",
    "encKeyPairTypes",
    "preferredSymmAlg",
    "caKeyUpdateInfo",
    "currentCRL",
    "unsupportedOIDs",
    "keyPairParamReq",
    "revPassphrase",
    "implicitConfirm",
    "confirmWaitTime",
    "suppLangTags",
    "caCerts",
    "rootCaKeyUpdate",
    "certReqTemplate",
]

FULL = "certConf pkiconf"

SESSIONS: list[Session] = [
    # enrolment, MAC protected
    Session("ir-pbm", f"ir ip {FULL}", f"-cmd ir {ENROL_RSA} {NO_REF}"),
    Session("ir-pbm-ec", f"ir ip {FULL}", f"-cmd ir {ENROL_EC} {PBM}"),
    Session("ir-pbm-implicit", "ir ip", f"-cmd ir {ENROL_EC} {PBM} -implicit_confirm -grant_implicitconf"),
    Session("ir-pbm-implicit-refused", f"ir ip {FULL}", f"-cmd ir {ENROL_EC} {PBM} -implicit_confirm"),
    Session(
        "ir-pbm-p384",
        f"ir ip {FULL}",
        f"-cmd ir -newkey dev-p384.key -subject /CN=device-384 -rsp_cert dev-p384.pem"
        f" -certout out.pem {PBM} -digest sha384",
    ),
    Session(
        "ir-pbm-rsa3072",
        "ir ip",
        f"-cmd ir -newkey dev-rsa3072.key -subject /CN=device-3072"
        f" -rsp_cert dev-rsa3072.pem -certout out.pem {PBM} -disable_confirm",
    ),
    Session(
        "ir-pbm-capubs",
        f"ir ip {FULL}",
        f"-cmd ir {ENROL_EC} {PBM} -rsp_capubs root-ec.pem,root-rsa.pem"
        " -rsp_extracerts root-ec.pem -cacertsout cas.pem -extracertsout extras.pem",
    ),
    Session(
        "ir-pbm-extracerts",
        "ir ip",
        f"-cmd ir {ENROL_EC} {PBM} -implicit_confirm -grant_implicitconf -extracerts dev-ec.pem,root-ec.pem",
    ),
    Session(
        "ir-pbm-sans",
        "ir ip",
        f"-cmd ir {ENROL_EC} {PBM} -implicit_confirm -grant_implicitconf -days 10"
        " -sans 'www.example.com 192.0.2.7 https://example.com/device'",
    ),
    Session(
        "ir-pbm-reqexts",
        "ir ip",
        f"-cmd ir {ENROL_EC} {PBM} -implicit_confirm -grant_implicitconf -reqexts wanted -policies wanted_policies",
    ),
    Session(
        "ir-pbm-policy-oids",
        "ir ip",
        f"-cmd ir {ENROL_EC} {PBM} -implicit_confirm -grant_implicitconf"
        " -policy_oids '1.2.3.4 1.2.40.0.10.1.20' -policy_oids_critical",
    ),
    Session(
        "ir-pbm-geninfo",
        "ir ip",
        f"-cmd ir {ENROL_EC} {PBM} -implicit_confirm -grant_implicitconf -geninfo 1.2.3.4:int:56789",
    ),
    Session(
        "ir-pbm-geninfo-negative",
        "ir ip",
        f"-cmd ir {ENROL_EC} {PBM} -implicit_confirm -grant_implicitconf -geninfo 2.999.18446744073709551616:int:-129",
    ),
    Session(
        "ir-pbm-names",
        "ir ip",
        "-cmd ir -newkey dev-ec.key -rsp_cert dev-ec.pem -certout out.pem"
        f" {PBM} -implicit_confirm -grant_implicitconf -issuer '/C=AT/O=Prüfstelle/CN=Büro'"
        " -subject '/DC=org/DC=example/UID=123456+CN=Jörg Müller/emailAddress=joerg@example.org'"
        " -recipient '/CN=a recipient'",
    ),
    Session(
        "ir-pbm-null-subject",
        "ir ip",
        "-cmd ir -newkey dev-ec.key -subject / -rsp_cert dev-ec.pem -certout out.pem"
        f" {PBM} -implicit_confirm -grant_implicitconf",
        1,
    ),
    Session("ir-pbm-popo-none", "ir ip", f"-cmd ir {ENROL_EC} {PBM} -popo -1", 1),
    Session("ir-pbm-popo-raverified", f"ir ip {FULL}", f"-cmd ir {ENROL_EC} {PBM} -popo 0 -accept_raverified"),
    Session("ir-pbm-popo-raverified-refused", "ir ip", f"-cmd ir {ENROL_EC} {PBM} -popo 0", 1),
    Session("ir-pbm-popo-keyenc", "ir ip", f"-cmd ir {ENROL_RSA} {PBM} -popo 2", 1),
    Session(
        "ir-pbm-poll",
        f"ir ip pollReq pollRep pollReq ip {FULL}",
        f"-cmd ir {ENROL_EC} {PBM} -poll_count 2 -check_after 1",
    ),
    Session(
        "ir-pbm-cert-refused",
        "ir ip certConf pkiconf",
        f"-cmd ir {ENROL_EC} {PBM} -out_trusted root-rsa.pem",
        1,
    ),
    Session(
        "ir-pbm-ed25519",
        f"ir ip {FULL}",
        "-cmd ir -newkey dev-ed25519.key -subject /CN=device-ed25519"
        f" -rsp_cert dev-ed25519.pem -certout out.pem {PBM} -popo 0 -accept_raverified",
    ),
    Session("cr-pbm", f"cr cp {FULL}", f"-cmd cr {ENROL_RSA} {PBM} -days 365"),
    Session(
        "cr-pbm-poll",
        f"cr cp pollReq pollRep pollReq cp {FULL}",
        f"-cmd cr {ENROL_EC} {PBM} -poll_count 2 -check_after 1 -digest sha512 -mac hmacWithSHA512",
    ),
    Session(
        "p10cr-pbm",
        f"p10cr cp {FULL}",
        f"-cmd p10cr -csr plain.csr -rsp_cert dev-ec.pem -certout out.pem {PBM}",
    ),
    Session(
        "p10cr-pbm-ed25519",
        f"p10cr cp {FULL}",
        f"-cmd p10cr -csr ed25519.csr -rsp_cert dev-ed25519.pem -certout out.pem {PBM}",
    ),
    Session(
        "p10cr-pbm-attributes",
        f"p10cr cp {FULL}",
        f"-cmd p10cr -csr attributes.csr -rsp_cert dev-rsa.pem -certout out.pem {PBM}",
    ),
    Session(
        "cr-pbm-from-csr",
        f"cr cp {FULL}",
        f"-cmd cr -csr attributes.csr -newkey dev-rsa.key -rsp_cert dev-rsa.pem -certout out.pem {PBM}",
    ),
    Session(
        "kur-pbm",
        f"kur kup {FULL}",
        f"-cmd kur -oldcert dev-ec.pem -newkey new-ec.key -rsp_cert new-ec.pem -certout out.pem {PBM}",
    ),
    Session(
        "kur-pbm-poll",
        f"kur kup pollReq pollRep pollReq kup {FULL}",
        "-cmd kur -oldcert dev-rsa.pem"
        f" -newkey dev-rsa.key -rsp_cert dev-rsa.pem -certout out.pem {PBM} -poll_count 2 -check_after 1",
    ),
    # one message pair for each digest and MAC that the program offers
    *(
        Session(
            f"genm-pbm-{digest}-{mac.removeprefix('hmac-')}",
            "genm genp",
            f"-cmd genm {PBM} -digest {digest} -mac {mac}",
        )
        for digest, mac in (
            ("sha1", "hmac-sha1"),
            ("sha224", "hmacWithSHA224"),
            ("sha256", "hmacWithSHA256"),
            ("sha384", "hmacWithSHA384"),
            ("sha512", "hmacWithSHA512"),
            ("sha256", "hmacWithSHA512"),
            ("sha256", "hmacWithSHA1"),
            ("sha512", "hmac-sha1"),
            ("sha3-256", "hmac-sha1"),
            ("sha256", "hmac-md5"),
        )
    ),
    Session(
        "genm-pbm-empty-secret",
        "genm genp",
        "-cmd genm -ref device-1 -secret pass: -srv_ref server -srv_secret pass:",
    ),
    Session(
        "genm-pbm-long-secret",
        "genm genp",
        "-cmd genm -ref device-1 -secret file:long.secret -srv_ref server -srv_secret file:long.secret",
    ),
    *(Session(f"genm-pbm-{name}", "genm genp", f"-cmd genm -infotype {name} {PBM}") for name in _INFO_TYPES),
    # revocation
    Session("rr-pbm", "rr rp", f"-cmd rr -oldcert dev-ec.pem -rsp_cert dev-ec.pem -revreason 1 {PBM}"),
    Session("rr-pbm-no-reason", "rr rp", f"-cmd rr -oldcert dev-ec.pem -rsp_cert dev-ec.pem {PBM}"),
    Session(
        "rr-pbm-remove-from-crl",
        "rr rp",
        f"-cmd rr -oldcert dev-p384.pem -rsp_cert dev-p384.pem -revreason 8 {PBM}",
    ),
    Session(
        "rr-pbm-notification",
        "rr rp",
        f"-cmd rr -oldcert dev-ec.pem -rsp_cert dev-ec.pem -revreason 0 -pkistatus 5 {PBM}",
    ),
    Session(
        "rr-pbm-rejected",
        "rr rp",
        f"-cmd rr -oldcert dev-ec.pem -rsp_cert dev-ec.pem -revreason 10 -pkistatus 2"
        f" -failure 19 -statusstring 'revoked before' {PBM}",
        1,
    ),
    # the server says no
    *(
        Session(f"error-pbm-bit-{bit:02}", "ir ip", f"-cmd ir {ENROL_EC} {PBM} -pkistatus 2 -failure {bit}", 1)
        for bit in (0, 7, 8, 15, 16, 26)
    ),
    Session(
        "ir-pbm-rejected",
        "ir ip",
        f"-cmd ir {ENROL_EC} {PBM} -pkistatus 2 -failurebits 134217727 -statusstring 'not today, Jürgen'",
        1,
    ),
    Session("cr-pbm-rejected", "cr cp", f"-cmd cr {ENROL_EC} {PBM} -pkistatus 2 -failurebits 3", 1),
    Session(
        "ir-pbm-granted-with-mods",
        f"ir ip {FULL}",
        f"-cmd ir {ENROL_EC} {PBM} -pkistatus 1 -statusstring changed",
    ),
    Session(
        "ir-pbm-error",
        "ir error",
        f"-cmd ir {ENROL_EC} {PBM} -send_error -pkistatus 2 -failurebits 134217727 -statusstring 'no service'",
        1,
    ),
    Session("genm-pbm-error", "genm error", f"-cmd genm {PBM} -send_error", 1),
    Session(
        "ir-pbm-wrong-secret",
        "ir error",
        f"-cmd ir {ENROL_EC} -ref device-1 -secret pass:other -srv_ref server -srv_secret pass:mySecret",
        1,
    ),
    Session(
        "ir-pbm-unprotected-error",
        "ir error",
        f"-cmd ir {ENROL_EC} -ref device-1 -secret pass:other"
        " -srv_ref server -srv_secret pass:mySecret -send_unprot_err -unprotected_errors",
        1,
    ),
    # unprotected
    Session(
        "ir-none",
        "ir ip",
        f"-cmd ir {ENROL_EC} -unprotected_requests -accept_unprotected -send_unprotected"
        " -srv_ref server -srv_secret pass:mySecret -secret pass:mySecret",
        1,
    ),
    Session(
        "ir-none-request",
        f"ir ip {FULL}",
        f"-cmd ir {ENROL_EC} -unprotected_requests -accept_unprotected"
        " -srv_ref server -srv_secret pass:mySecret -secret pass:mySecret",
    ),
    Session(
        "genm-none",
        "genm genp",
        "-cmd genm -ref device-1 -unprotected_requests -accept_unprotected -send_unprotected"
        " -srv_ref server -srv_secret pass:mySecret -secret pass:mySecret",
        1,
    ),
    # signed
    Session("ir-ecdsa", f"ir ip {FULL}", f"-cmd ir {ENROL_NEW} {EC_CLIENT} {EC_SERVER}"),
    Session("cr-rsa", f"cr cp {FULL}", f"-cmd cr {ENROL_NEW} {RSA_CLIENT} {RSA_SERVER}"),
    Session(
        "cr-rsa-sha512",
        "cr cp",
        f"-cmd cr {ENROL_NEW} {RSA_CLIENT} {RSA_SERVER} -digest sha512 -implicit_confirm -grant_implicitconf",
    ),
    Session(
        "cr-ecdsa-p384",
        f"cr cp {FULL}",
        "-cmd cr -newkey new-ec.key -subject /CN=device-1 -rsp_cert new-ec.pem"
        f" -certout out.pem -cert dev-p384.pem -key dev-p384.key {EC_SERVER} -digest sha384",
    ),
    Session(
        "kur-ecdsa",
        f"kur kup {FULL}",
        f"-cmd kur -newkey new-ec.key -rsp_cert new-ec.pem -certout out.pem {EC_CLIENT} {EC_SERVER}",
    ),
    Session(
        "kur-rsa",
        f"kur kup {FULL}",
        f"-cmd kur -newkey dev-rsa.key -rsp_cert dev-rsa.pem -certout out.pem {RSA_CLIENT} {RSA_SERVER}",
    ),
    Session(
        "p10cr-ecdsa",
        f"p10cr cp {FULL}",
        f"-cmd p10cr -csr plain.csr -rsp_cert dev-ec.pem -certout out.pem {EC_CLIENT} {EC_SERVER}",
    ),
    Session(
        "rr-ecdsa",
        "rr rp",
        f"-cmd rr -oldcert dev-ec.pem -rsp_cert dev-ec.pem -revreason 4 {EC_CLIENT} {EC_SERVER}",
    ),
    Session(
        "rr-rsa",
        "rr rp",
        f"-cmd rr -oldcert dev-rsa.pem -rsp_cert dev-rsa.pem -revreason 5 {RSA_CLIENT} {RSA_SERVER}",
    ),
    Session("genm-ecdsa", "genm genp", f"-cmd genm -infotype caCerts {EC_CLIENT} {EC_SERVER}"),
    Session("genm-rsa", "genm genp", f"-cmd genm -infotype rootCaKeyUpdate {RSA_CLIENT} {RSA_SERVER}"),
    Session("genm-rsa-error", "genm error", f"-cmd genm {RSA_CLIENT} {RSA_SERVER} -send_error", 1),
    Session(
        "ir-ecdsa-poll",
        f"ir ip pollReq pollRep pollReq ip {FULL}",
        f"-cmd ir {ENROL_NEW} {EC_CLIENT} {EC_SERVER} -poll_count 2 -check_after 1",
    ),
]
