"""What the classes of pkix and cms do beside holding components: names as text, opened values, loading."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from pyasn1.codec.der.encoder import encode
from pyasn1_alt_modules import rfc4055

from cmpcodec import cms, oids
from cmpcodec.asn1 import TLV, Null, ObjectIdentifier
from cmpcodec.errors import DecodeError
from cmpcodec.pkix import (
    AlgorithmIdentifier,
    Attribute,
    AttributeTypeAndValue,
    BasicConstraints,
    Certificate,
    CertificateList,
    CRLReason,
    DirectoryString,
    Extension,
    Extensions,
    GeneralName,
    GeneralNames,
    KeyUsage,
    Name,
    RelativeDistinguishedName,
    RSASSA_PSS_params,
)


def name_of(*attributes: tuple[str, object]) -> Name:
    """A name of one attribute for each RDN."""
    return Name(
        RelativeDistinguishedName([AttributeTypeAndValue(type=ObjectIdentifier(oid), value=value)])
        for oid, value in attributes
    )


def text(value: str) -> DirectoryString:
    return DirectoryString(utf8_string=value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("device-1", "CN=device-1"),
        ("a b", "CN=a b"),
        (" a ", "CN=\\ a\\ "),
        (" ", "CN=\\ "),
        ("#1", "CN=\\#1"),
        ("1#", "CN=1#"),
        ('a,b+c"d\\e<f>g;h=i', 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h=i'),
        ("\x00", "CN=\\00"),
        ("a\nb\r", "CN=a\\0Ab\\0D"),
        ("\x1b[31mred", "CN=\\1B[31mred"),
        ("\x7f\x85", "CN=\\7F\\C2\\85"),
        ("\u202egnp.exe", "CN=\\E2\\80\\AEgnp.exe"),  # right-to-left override
        ("\u2028", "CN=\\E2\\80\\A8"),  # line separator
        ("\u00a0", "CN=\\C2\\A0"),  # no-break space
        ("Ärger 東京 😀", "CN=Ärger 東京 😀"),
    ],
)
def test_rfc4514_escapes(value: str, written: str) -> None:
    name = name_of((oids.COMMON_NAME, text(value)))
    assert name.rfc4514() == written
    assert Name.decode(name.der).rfc4514() == written
    assert name.rfc4514().isprintable()


def test_rfc4514_order_and_several_attributes() -> None:
    rdn = RelativeDistinguishedName(
        [
            AttributeTypeAndValue(type=oids.COMMON_NAME, value=text("x")),
            AttributeTypeAndValue(type=oids.ORGANIZATIONAL_UNIT_NAME, value=text("y")),
        ]
    )
    name = Name([*name_of((oids.COUNTRY_NAME, "DE"), (oids.ORGANIZATION_NAME, text("Example"))), rdn])
    assert name.rfc4514() == "CN=x+OU=y,O=Example,C=DE"
    assert Name([]).rfc4514() == ""


@pytest.mark.parametrize(
    ("oid", "der", "written"),
    [
        ("1.2.3.4", "0c0141", "1.2.3.4=#0c0141"),  # no descriptor
        ("2.5.4.45", "03020780", "2.5.4.45=#03020780"),  # x500UniqueIdentifier: a BIT STRING
        ("2.5.4.3", "020105", "CN=#020105"),  # no string at all
        ("2.5.4.3", "160141", "CN=A"),  # IA5String where a DirectoryString belongs
        ("2.5.4.3", "1e04 0041d83d", "CN=#1e040041d83d"),  # BMPString with half a surrogate pair
        ("2.5.4.3", "1e040041 0042", "CN=AB"),
        ("2.5.4.3", "1401e9", "CN=é"),  # TeletexString, taken as Latin-1
        ("2.5.4.3", "0c01ff", "CN=#0c01ff"),  # not UTF-8
        ("2.5.4.3", "0c00", "CN="),
        ("2.5.4.6", "0c024445", "C=DE"),  # UTF8String where PrintableString belongs
    ],
)
def test_rfc4514_of_values_that_are_not_as_they_should_be(oid: str, der: str, written: str) -> None:
    assert name_of((oid, TLV(bytes.fromhex(der)))).rfc4514() == written


def test_rfc4514_of_a_known_type_that_is_no_string() -> None:
    value = Extensions([Extension(extn_id=oids.ID_CE_KEY_USAGE, extn_value=b"")])
    written = name_of((oids.EXTENSION_REQUEST, value)).rfc4514()
    assert written == f"{oids.EXTENSION_REQUEST}=#{value.der.hex()}"


def test_rfc4514_agrees_with_cryptography() -> None:
    theirs = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, 'Old, "Town"'),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "#here; there"),
            x509.NameAttribute(NameOID.STREET_ADDRESS, " 1 <a> \\ b "),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A+B=C"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Ä"),
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "example"),
            x509.NameAttribute(NameOID.USER_ID, "u1"),
            x509.NameAttribute(NameOID.COMMON_NAME, "device"),
        ]
    )
    ours = Name.decode(theirs.public_bytes())
    assert ours.rfc4514() == theirs.rfc4514_string()
    assert x509.Name.from_rfc4514_string(ours.rfc4514()) == theirs


def test_rfc4514_takes_linear_time() -> None:
    def seconds(length: int) -> float:
        name = name_of((oids.COMMON_NAME, text("\x00," * length)))
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            name.rfc4514()
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(40_000) < 8 * seconds(10_000)  # 4 if linear, 16 if quadratic


# --- opened values ---


@pytest.mark.parametrize(
    ("oid", "value", "expected"),
    [
        (oids.ID_CE_CRL_REASONS, b"\x0a\x01\x01", CRLReason.KEY_COMPROMISE),
        (oids.ID_CE_CRL_REASONS, b"\x0a\x01\x07", 7),
        (oids.ID_CE_KEY_USAGE, b"\x03\x02\x05\xa0", KeyUsage.DIGITAL_SIGNATURE | KeyUsage.KEY_ENCIPHERMENT),
        (oids.ID_CE_SUBJECT_KEY_IDENTIFIER, b"\x04\x02ab", b"ab"),
        (oids.ID_CE_BASIC_CONSTRAINTS, b"\x30\x03\x01\x01\xff", BasicConstraints(ca=True)),
        (oids.ID_CE_SUBJECT_ALT_NAME, b"\x30\x03\x82\x01a", GeneralNames([GeneralName(dns_name="a")])),
        (oids.ID_CE_INVALIDITY_DATE, b"\x18\x0f20260101000000Z", datetime(2026, 1, 1, tzinfo=UTC)),
        (oids.ID_CE_KEY_USAGE, b"\x02\x01\x05", TLV(b"\x02\x01\x05")),  # not what it should be
        (ObjectIdentifier("1.2.3"), b"\x05\x00", TLV(b"\x05\x00")),
    ],
)
def test_extension_opened(oid: ObjectIdentifier, value: bytes, expected: object) -> None:
    opened = Extension(extn_id=oid, extn_value=value).opened()
    assert opened == expected
    assert type(opened) is type(expected)


@pytest.mark.parametrize("value", [b"", b"\x05", b"\x05\x00\x00", b"\x30\x80\x00\x00"])
def test_extension_that_holds_no_value(value: bytes) -> None:
    with pytest.raises(DecodeError):
        Extension(extn_id=oids.ID_CE_KEY_USAGE, extn_value=value).opened()


def test_attribute_opened() -> None:
    wanted = Extensions([Extension(extn_id=oids.ID_CE_KEY_USAGE, extn_value=b"\x03\x02\x05\xa0")])
    attribute = Attribute(type=oids.EXTENSION_REQUEST, values=[TLV(wanted.der)])
    assert attribute.opened() == (wanted,)
    signed = cms.Attribute(attr_type=oids.ID_MESSAGE_DIGEST, attr_values=[TLV(b"\x04\x01a"), TLV(b"\x05\x00")])
    assert signed.opened() == (b"a", TLV(b"\x05\x00"))


# --- parameters with defaults that are records ---


def test_pss_parameters_are_as_pyasn1_writes_them() -> None:
    sha256 = AlgorithmIdentifier(algorithm=oids.SHA256, parameters=Null())
    mgf1 = AlgorithmIdentifier(algorithm=oids.ID_MGF1, parameters=sha256)
    ours = RSASSA_PSS_params(hash_algorithm=sha256, mask_gen_algorithm=mgf1)
    assert ours.der == encode(rfc4055.rSASSA_PSS_SHA256_Params)
    assert RSASSA_PSS_params().der == encode(rfc4055.rSASSA_PSS_Default_Params)
    assert RSASSA_PSS_params.decode(ours.der).salt_length == 20
    algorithm = AlgorithmIdentifier.decode(encode(rfc4055.rSASSA_PSS_SHA256_Identifier))
    assert algorithm.parameters == ours
    assert algorithm.parameters.mask_gen_algorithm.parameters.algorithm == oids.SHA256


def test_written_out_default_stays_unopened() -> None:
    explicit = b"\x30\x05\xa2\x03\x02\x01\x14"  # saltLength 20, which DER leaves out
    with pytest.raises(DecodeError):
        RSASSA_PSS_params.decode(explicit)
    algorithm = AlgorithmIdentifier(algorithm=oids.ID_RSASSA_PSS, parameters=TLV(explicit))
    assert type(algorithm.parameters) is TLV


# --- loading ---

KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_certificate_load() -> None:
    built = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(KEY, None)
    )
    assert Certificate(built.public_bytes(Encoding.DER)).load() == built


def test_crl_load() -> None:
    built = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(NAME)
        .last_update(NOW)
        .next_update(NOW + timedelta(days=1))
        .sign(KEY, None)
    )
    assert CertificateList(built.public_bytes(Encoding.DER)).load() == built


@pytest.mark.parametrize("cls", [Certificate, CertificateList])
def test_load_of_something_else(cls: type[Certificate | CertificateList]) -> None:
    with pytest.raises(DecodeError, match=cls.__name__):
        cls(b"\x30\x00").load()
