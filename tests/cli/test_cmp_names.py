"""Names, alternative names and extensions from arguments and sections; `openssl req` makes the same of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cmpcodec import oids
from cmpcodec.cli.cmp.config_file import read_config
from cmpcodec.cli.cmp.extensions import BadExtension, read_extensions
from cmpcodec.cli.cmp.names import _TABLE, BadName, integer_octets, is_oid, parse_name, parse_sans, tlv
from cmpcodec.pkix import Extension, Extensions
from tests.openssl import needs_openssl

openssl = needs_openssl


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key.pem"
    command = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def by_openssl(key: Path, *arguments: str) -> x509.CertificateSigningRequest | None:
    command = ["openssl", "req", "-new", "-key", str(key), "-utf8", "-multivalue-rdn", "-outform", "DER", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if b"unknown name attribute" in done.stderr:
        return None  # openssl leaves it out; we refuse it
    return None if done.returncode else x509.load_der_x509_csr(done.stdout)


# --- names ---


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/CN=cmp-certificate", "CN=cmp-certificate"),
        ("/", ""),
        ("/C=DE/O=Example, Inc./CN=device", "CN=device,O=Example\\, Inc.,C=DE"),
        ("/DC=org/DC=OpenSSL/DC=users/UID=123456+CN=John Doe", "CN=John Doe+UID=123456,DC=users,DC=OpenSSL,DC=org"),
        ("/CN=a\\/b\\+c\\\\d\\=e", "CN=a/b\\+c\\\\d=e"),
        ("/CN=a=b", "CN=a=b"),
        ("/CN= blanks ", "CN=\\ blanks\\ "),
        ("/O=/CN=x", "CN=x"),
        ("/1.2.3.4=x", "1.2.3.4=#0c0178"),
        ("/commonName=x/2.5.4.10=y", "O=y,CN=x"),
        ("/CN=x/", "CN=x"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert parse_name(text).rfc4514() == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CN=x", "has to be of the form /type=value/type=value, not 'CN=x'"),
        ("", "has to be of the form /type=value/type=value, not ''"),
        ("/CN", "'CN' has no '='"),
        ("/CN=a+b", "'b' has no '='; write \\+ for a plus sign in the value before it"),
        ("/CN=x\\", "ends in a backslash that belongs to no character"),
        ("/cn=x", "has an attribute of unknown type 'cn'; did you mean CN?"),
        ("/commonname=x", "has an attribute of unknown type 'commonname'; did you mean commonName?"),
        ("/qqqqq=x", "has an attribute of unknown type 'qqqqq'; dotted decimal may stand there, too"),
        (
            "/CN=1+qqqqq=x",
            "has an attribute of unknown type 'qqqqq'; dotted decimal may stand there, too; write \\+ for",
        ),
        ("/3.1=x", "has an attribute of unknown type '3.1'"),
        ("/1.40=x", "has an attribute of unknown type '1.40'"),
        ("/C=D", "C takes 2 characters, not 1"),
        ("/CN=" + 65 * "x", "CN takes at most 64 characters, not 65"),
        ("/C=D*", "C has a character that its type PrintableString does not have: 'D*'"),
        ("/emailAddress=\u00e4", "emailAddress has a character that its type IA5String does not have"),
        ("/CN=\udcff", "CN has a character that its type UTF8String does not have"),
    ],
)
def test_no_names(text: str, words: str) -> None:
    with pytest.raises(BadName) as raised:
        parse_name(text)
    assert str(raised.value).startswith(words)


def test_values_that_are_missing_are_told() -> None:
    told: list[str] = []
    parse_name("/O=/CN=x+OU=", told.append)
    assert told == [
        "no value provided for name attribute 'O', skipped",
        "no value provided for name attribute 'OU', skipped",
    ]


@openssl
@pytest.mark.parametrize("row", _TABLE, ids=lambda row: str(row[1]))
def test_types_and_lengths_are_those_of_openssl(key: Path, row: tuple[str, str, str, object, tuple[int, int]]) -> None:
    short, long, _, _, (least, most) = row
    values = ["1" * max(least, 2), "\u00e9" * least, "ab*"[:least] + "*" * (least == 1)]
    if most < 1000:
        values += ["1" * most, "1" * (most + 1)]
    for name in {short, long}:
        for value in values:
            request = by_openssl(key, "-subj", f"/{name}={value}")
            try:
                ours = parse_name(f"/{name}={value}").der
            except BadName:
                assert request is None, value
            else:
                assert request is not None, value
                assert ours == request.subject.public_bytes()


PART = st.sampled_from(
    ["CN", "O", "DC", "C", "UID", "emailAddress", "=", "=", "/", "/", "+", "\\", "DE", "x", " ", "\u00e4", "a b"]
)


@openssl
@settings(max_examples=80, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PART, max_size=12).map(lambda parts: "/" + "".join(parts)))
@example("/O=1/DC=b+DC=a+CN=x")
@example("/CN=x+O=+OU=y")
@example("/O=+CN=x")
def test_names_are_those_of_openssl(key: Path, text: str) -> None:
    request = by_openssl(key, "-subj", text)
    try:
        ours = parse_name(text)
    except BadName as error:
        assert request is None or "unknown type" in str(error)
    else:
        assert request is not None
        assert ours.der == request.subject.public_bytes()


def test_object_identifiers() -> None:
    for text in ("1.2.3", "0.39.0", "2.999.1", "2.5.29.37"):
        assert is_oid(text)
    for text in ("1", "1.", "1.2.", "1.02", "3.1", "0.40", "1.2.a", "", "-1.2", "1.2\n"):
        assert not is_oid(text)


@pytest.mark.parametrize("number", [0, 1, -1, 127, 128, -128, -129, 255, 256, 2**63, -(2**63), 10**18 - 1])
def test_integers(number: int) -> None:
    octets = integer_octets(number)
    assert int.from_bytes(octets, "big", signed=True) == number
    tlv(0x02, octets)
    assert len(octets) == 1 or int.from_bytes(octets[1:], "big", signed=True) != number


# --- alternative names ---


def test_alternative_names() -> None:
    words = ["10.0.0.1", "critical", "::1", "host.example", "https://user@host:8/x", "a@b.example", "urn:x"]
    names, critical = parse_sans(words)
    assert critical
    assert [(one.name, one.value) for one in names] == [
        ("ip_address", bytes((10, 0, 0, 1))),
        ("ip_address", bytes(15) + b"\1"),
        ("dns_name", "host.example"),
        ("uniform_resource_identifier", "https://user@host:8/x"),
        ("rfc822_name", "a@b.example"),
        ("uniform_resource_identifier", "urn:x"),
    ]
    assert parse_sans([]) == ([], False)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("DNS:host", "'DNS:host': what kind of name it is shows by itself; write 'host' alone"),
        ("ip:1.2.3.4", "'ip:1.2.3.4': what kind of name it is shows by itself; write '1.2.3.4' alone"),
        ("h\u00f6st", "'h\\xf6st' has characters beyond ASCII; write a host in its xn-- form"),
    ],
)
def test_no_alternative_names(word: str, words: str) -> None:
    with pytest.raises(BadName) as raised:
        parse_sans([word])
    assert str(raised.value) == words


# --- extensions ---

SECTIONS = """
[names]
DNS.1 = host.example
DNS.2 = other.example
IP.1 = 10.0.0.1
[person]
C = DE
1.OU = one
2.OU = two/2+2
CN = x
[ca]
CA = true
pathlen = 3
"""


def extensions(folder: Path, lines: str) -> list[Extension]:
    file = folder / "ext.cnf"
    file.write_text(f"[req]\ndistinguished_name=dn\n[dn]\n{SECTIONS}\n[ext]\n{lines}\n")
    return read_extensions(read_config(str(file), {}), "ext")


LINES = [
    "keyUsage = digitalSignature",
    "keyUsage = critical, digitalSignature, nonRepudiation,keyAgreement",
    "keyUsage = decipherOnly, keyAgreement",
    "keyUsage = cRLSign,keyCertSign",
    "extendedKeyUsage = serverAuth, clientAuth, 1.2.3.4",
    "extendedKeyUsage = critical,codeSigning,emailProtection,timeStamping,OCSPSigning,ipsecIKE,cmcCA,cmcRA",
    "extendedKeyUsage = msSmartcardLogin,anyExtendedKeyUsage",
    "basicConstraints = CA:FALSE",
    "basicConstraints = critical,CA:TRUE,pathlen:0",
    "basicConstraints = @ca",
    "subjectAltName = DNS:host.example, IP:10.0.0.1, IP:fe80::1, URI:https://x/y, email:a@b, RID:1.2.3.4",
    "subjectAltName = critical,@names",
    "subjectAltName = dirName:person",
    "subjectAltName = DNS.1:host, DNS.2:other",
    "certificatePolicies = 1.2.3.4, 2.5.29.32.0",
    "1.2.3.4 = DER:05:00",
    "1.2.3.4 = critical,DER:0500",
    "keyUsage = DER:03020780",
    "keyUsage = digitalSignature\nextendedKeyUsage = clientAuth\nsubjectAltName = DNS:x",
]


@openssl
@pytest.mark.parametrize("lines", LINES)
def test_extensions_are_those_of_openssl(key: Path, tmp_path: Path, lines: str) -> None:
    ours = Extensions(extensions(tmp_path, lines))
    request = by_openssl(key, "-subj", "/CN=x", "-config", str(tmp_path / "ext.cnf"), "-reqexts", "ext")
    assert request is not None
    [attribute] = [one for one in request.attributes if one.oid.dotted_string == oids.EXTENSION_REQUEST]
    assert Extensions.decode(tlv_of(attribute.value)).der == ours.der
    for one in ours:
        one.opened()


def tlv_of(content: bytes) -> bytes:
    """`cryptography` hands out the content of the SEQUENCE."""
    return content if content[:1] == b"\x30" and _whole(content) else tlv(0x30, content).der


def _whole(der: bytes) -> bool:
    try:
        Extensions.decode(der)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("keyUsage = signature", "keyUsage: there is no usage 'signature', only digitalSignature, "),
        ("keyUsage = ", "keyUsage: expected words with a comma between them"),
        ("extendedKeyUsage = server", "extendedKeyUsage: there is no purpose 'server', only serverAuth, "),
        ("basicConstraints = CA", "basicConstraints: expected NAME:VALUE with a comma between them"),
        ("basicConstraints = CA:maybe", "basicConstraints: expected CA:TRUE or CA:FALSE, and pathlen:NUMBER"),
        ("basicConstraints = pathlen:-1", "basicConstraints: expected CA:TRUE or CA:FALSE, and pathlen:NUMBER"),
        ("subjectAltName = host", "subjectAltName: expected NAME:VALUE with a comma between them"),
        ("subjectAltName = IP:300.1.1.1", "subjectAltName: '300.1.1.1' does not appear to be an IPv4 or IPv6 address"),
        ("subjectAltName = XYZ:x", "subjectAltName: there is no name of the form 'XYZ', only DNS, IP, URI, email, RID"),
        ("subjectAltName = email:copy", "subjectAltName: there is no name of the form 'email', only"),
        ("subjectAltName = RID:x", "subjectAltName: there is no name of the form 'RID', only"),
        ("subjectAltName = DNS:", "subjectAltName: DNS takes ASCII characters"),
        ("subjectAltName = @none", "subjectAltName: there is no section [none]"),
        ("subjectAltName = dirName:none", "subjectAltName: there is no section [none]"),
        ("certificatePolicies = @pol", "certificatePolicies: '@pol' is no policy in dotted decimal; qualifiers"),
        ("tlsfeature = status_request", "tlsfeature: is not supported; there are keyUsage, extendedKeyUsage, "),
        ("1.2.3 = ASN1:NULL", "1.2.3: is not supported; there are keyUsage"),
        ("1.2.3 = DER:0", "1.2.3: expected hexadecimal digits after DER:"),
        ("other = DER:00", "other: before DER: stands a known extension, or dotted decimal"),
    ],
)
def test_no_extensions(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(BadExtension) as raised:
        extensions(tmp_path, line)
    assert str(raised.value).startswith(words)


def test_a_section_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "x.cnf").write_text("")
    with pytest.raises(BadExtension, match="there is no such section in the configuration file"):
        read_extensions(read_config(str(tmp_path / "x.cnf")), "ext")
