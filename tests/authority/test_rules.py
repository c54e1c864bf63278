"""What LocalAuthority grants and what it refuses: keys, subjects, alternative names, extensions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from cmpcodec import oids
from cmpcodec.asn1 import TLV, BitString, Null
from cmpcodec.authority import CertificateRules
from cmpcodec.authority.schema import extension
from cmpcodec.pkix import (
    AlgorithmIdentifier,
    AttributeTypeAndValue,
    AuthorityKeyIdentifier,
    BasicConstraints,
    Certificate,
    DirectoryString,
    Extension,
    Extensions,
    ExtKeyUsageSyntax,
    GeneralName,
    HardwareModuleName,
    KeyUsage,
    Name,
    OtherName,
    RelativeDistinguishedName,
    SubjectPublicKeyInfo,
)
from cmpcodec.server.ports import Order, Refused
from tests.authority.making import DEVICE, GENERATE, NOW, alt_names, authority, ca, dns, info, name, order, private_key
from tests.generated import generated

EMPTY = Name([])


def refused(asked: Order, fail_info: str, text: str, **rules: Any) -> None:
    with pytest.raises(Refused, match=text) as caught:
        authority(**rules).issue(asked, NOW)
    assert caught.value.fail_info.names == (fail_info,)
    assert caught.value.text.isprintable()
    assert len(caught.value.text) < 400


def granted(asked: Order, *, modified: bool = False, **rules: Any) -> x509.Certificate:
    issue = authority(**rules).issue(asked, NOW)
    assert issue.modified is modified
    loaded = issue.certificate.load()
    _ = loaded.extensions, loaded.subject.rfc4514_string()  # all of it can be read
    return loaded


def raw(certificate: x509.Certificate, oid: str) -> Any:
    found = [one for one in certificate.extensions if one.oid.dotted_string == oid]
    assert len(found) <= 1
    return found[0] if found else None


# --- Keys ---


@pytest.mark.parametrize("kind", GENERATE)
def test_kinds_of_keys(kind: str) -> None:
    granted(order(kind), keys=frozenset({kind}))
    refused(order(kind), "BAD_CERT_TEMPLATE", "not certified here", keys=frozenset(GENERATE) - {kind})


def test_short_rsa_keys() -> None:
    short = rsa.generate_private_key(65537, 1024)
    refused(order(public_key=info(short)), "BAD_CERT_TEMPLATE", "1024 bits is too short: 2048 are needed")
    granted(order(public_key=info(short)), min_rsa_bits=1024)


def rsa_info(n: int, e: int) -> SubjectPublicKeyInfo:
    numbers = b"".join(
        b"\x02\x82" + len(octets).to_bytes(2) + octets if len(octets) > 127 else b"\x02" + bytes([len(octets)]) + octets
        for octets in (number.to_bytes(number.bit_length() // 8 + 1) for number in (n, e))
    )
    key = b"\x30\x82" + len(numbers).to_bytes(2) + numbers
    algorithm = AlgorithmIdentifier(algorithm=oids.RSA_ENCRYPTION, parameters=Null())
    return SubjectPublicKeyInfo(algorithm=algorithm, subject_public_key=BitString(key))


MODULUS = private_key("rsa").public_key().public_numbers().n


@pytest.mark.parametrize(
    ("modulus", "exponent"),
    [
        (MODULUS, 1),
        (MODULUS, 3),
        (MODULUS, 17),
        (MODULUS, 65536),
        (MODULUS, 65538),
        (MODULUS, 2**33 + 1),
        (MODULUS, 2**300 + 1),
        (MODULUS - 1, 65537),
        (2**8193 + 1, 65537),
        (2**40_000 + 1, 65537),
    ],
    ids=range(10),
)
def test_weak_and_costly_rsa_keys(modulus: int, exponent: int) -> None:
    refused(order(public_key=rsa_info(modulus, exponent)), "BAD_CERT_TEMPLATE", "RSA|rsaEncryption")


def test_rsa_helper_makes_good_keys() -> None:
    granted(order(public_key=rsa_info(MODULUS, 65537)))


POINT = info(private_key()).subject_public_key.data
BROKEN = {
    "not on the curve": POINT[:-1] + bytes([POINT[-1] ^ 1]),
    "short": POINT[:-1],
    "long": POINT + b"\x00",
    "empty": b"",
    "infinity": b"\x00",
    "too large": b"\x04" + b"\xff" * 64,
    "compressed, no point": b"\x02" + b"\xff" * 32,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_points_that_are_none(kind: str) -> None:
    broken = info(private_key()).replace(subject_public_key=BitString(BROKEN[kind]))
    refused(order(public_key=broken), "BAD_CERT_TEMPLATE", "cannot be read")


@pytest.mark.parametrize("curve", [ec.SECP256K1(), ec.SECP224R1(), ec.BrainpoolP256R1()])
def test_other_curves(curve: ec.EllipticCurve) -> None:
    refused(order(public_key=info(ec.generate_private_key(curve))), "BAD_CERT_TEMPLATE", curve.name)


@pytest.mark.parametrize(
    ("kind", "usage"),
    [
        ("x25519", "key_agreement"),
        ("x448", "key_agreement"),
        ("ml-kem-768", "key_encipherment"),
        ("ml-kem-1024", "key_encipherment"),
        ("ml-dsa-44", "digital_signature"),
        ("ml-dsa-65", "digital_signature"),
        ("ml-dsa-87", "digital_signature"),
    ],
)
def test_keys_are_for_what_they_can_do(kind: str, usage: str) -> None:
    public_key = info(generated(kind))
    found = granted(order(public_key=public_key))
    assert info(found.public_key()) == public_key
    shown = found.extensions.get_extension_for_class(x509.KeyUsage).value
    asked = ("digital_signature", "key_agreement", "key_encipherment", "data_encipherment")
    assert [one for one in asked if getattr(shown, one)] == [usage]
    with_parameters = public_key.replace(algorithm=public_key.algorithm.replace(parameters=TLV(b"\x05\x00")))
    with pytest.raises(Refused):
        authority().issue(order(public_key=with_parameters), NOW)
    refused(order(public_key=public_key), "BAD_CERT_TEMPLATE", "this kind", keys=frozenset(("rsa",)))
    other = KeyUsage.KEY_AGREEMENT if usage != "key_agreement" else KeyUsage.DIGITAL_SIGNATURE
    unfit = order("ec-p256", extension(oids.ID_CE_KEY_USAGE, other), public_key=public_key)
    refused(unfit, "UNACCEPTED_EXTENSION", "not granted for this key")


def test_keys_of_kinds_that_are_not_certified() -> None:
    refused(order(public_key=info(dsa.generate_private_key(2048))), "BAD_CERT_TEMPLATE", "cannot verify")


@pytest.mark.parametrize("kind", ["rsa", "ec-p256", "ed25519"])
@pytest.mark.parametrize("parameters", [None, TLV(b"\x05\x00"), TLV(b"\x04\x00"), TLV(b"\x02\x01\x01")])
def test_parameters_of_keys(kind: str, parameters: Any) -> None:
    good = info(private_key(kind))
    algorithm = AlgorithmIdentifier(algorithm=good.algorithm.algorithm, parameters=parameters)
    asked = order(public_key=good.replace(algorithm=algorithm))
    if algorithm == good.algorithm:
        granted(asked)
    else:
        refused(asked, "BAD_CERT_TEMPLATE", r"cannot be read|not certified here")


def test_the_ca_s_own_key() -> None:
    refused(order(public_key=info(ca()[0])), "BAD_CERT_TEMPLATE", "key of the CA itself")


# --- Subjects ---


def test_no_subject_without_alt_name() -> None:
    for subject in (None, EMPTY):
        refused(order(subject=subject), "BAD_CERT_TEMPLATE", "neither a subject nor a subjectAltName")


@pytest.mark.parametrize("subject", [None, EMPTY])
def test_no_subject_with_alt_name(subject: Name | None) -> None:
    """RFC 5280, 4.2.1.6: then the extension is critical."""
    loaded = granted(order("ec-p256", dns("a.example"), subject=subject), modified=True)
    assert len(loaded.subject.rdns) == 0
    assert raw(loaded, oids.ID_CE_SUBJECT_ALT_NAME).critical
    critical = alt_names([GeneralName(dns_name="a.example")], critical=True)
    granted(order("ec-p256", critical, subject=subject))


@pytest.mark.parametrize(
    "attribute",
    [
        (oids.COMMON_NAME, "x" * 65),
        (oids.ORGANIZATION_NAME, "x" * 65),
        (oids.LOCALITY_NAME, "x" * 129),
        (oids.DESCRIPTION, "x" * 257),
        (oids.COMMON_NAME, "bank.example\x00.evil.example"),
        (oids.COMMON_NAME, "line\nbreak"),
        (oids.COMMON_NAME, "\x1b[31mred"),
        (oids.COMMON_NAME, "\u202egnp.exe"),
        (oids.COMMON_NAME, DirectoryString(bmp_string="a\x07")),
        ("1.2.3.4", TLV(b"\x04\x01a")),
        ("1.2.3.4", TLV(b"\x0c\x01\x07")),
        ("1.2.3.4", TLV(b"\x0c\x00")),
        ("1.2.3.4", TLV(b"\x30\x00")),
        ("1.2.3.4", TLV(b"\x0c\x82\x01\x01" + b"x" * 257)),
        (oids.COUNTRY_NAME, TLV(b"\x13\x03DEU")),
        (oids.COMMON_NAME, TLV(b"\x04\x01a")),
        (oids.X500_UNIQUE_IDENTIFIER, TLV(b"\x03\x02\x00\x01")),
    ],
)
def test_subjects_that_are_refused(attribute: tuple[str, Any]) -> None:
    oid, value = attribute
    if isinstance(value, TLV):
        one = AttributeTypeAndValue.decode(der_of(oid, value))
        subject = Name([RelativeDistinguishedName([one])])
    else:
        subject = name(attribute)
    refused(order(subject=subject), "BAD_CERT_TEMPLATE", r"^subject: ")


def der_of(oid: str, value: TLV) -> bytes:
    inner = AlgorithmIdentifier(algorithm=oid, parameters=None).der[2:] + value.der  # type: ignore[arg-type]
    return b"\x30" + (bytes([len(inner)]) if len(inner) < 128 else b"\x82" + len(inner).to_bytes(2)) + inner


def test_long_subjects() -> None:
    subject = name(*[(oids.COMMON_NAME, f"name number {number}") for number in range(60)])
    refused(order(subject=subject), "BAD_CERT_TEMPLATE", "longer than 1000 octets", max_subject=1000)
    granted(order(subject=subject))


def test_attributes_that_are_unknown_to_us() -> None:
    one = AttributeTypeAndValue.decode(der_of("1.2.3.4", TLV(b"\x0c\x03abc")))
    granted(order(subject=Name([RelativeDistinguishedName([one])])))


# --- Alternative names ---

GOOD_NAMES = [
    GeneralName(dns_name="device-1.example"),
    GeneralName(dns_name="localhost"),
    GeneralName(dns_name="xn--gert-loa.example"),
    GeneralName(ip_address=b"\x7f\0\0\1"),
    GeneralName(ip_address=bytes(16)),
    GeneralName(rfc822_name="a.b+c@example.org"),
    GeneralName(uniform_resource_identifier="urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    GeneralName(uniform_resource_identifier="https://example.org/?a=b#c"),
]
BAD_NAMES = [
    *(
        GeneralName(dns_name=text)
        for text in (
            "", ".", "a..b", ".a", "a.", "-a.b", "a-.b", "a_b.c", "a b", "*", "*.a", "*.example.org", "a.*.b", "a" * 64,
            ".".join(["a" * 60] * 5), "a\x00.b", "a\n.b", "127.0.0.1/8",
        )
    ),
    *(GeneralName(ip_address=bytes(length)) for length in (0, 3, 5, 8, 15, 17, 32)),
    *(GeneralName(rfc822_name=text) for text in ("", "a", "@b", "a@", "a@b@c.d", "a b@c", "a@-b", "a@b..c", "a\x00@b")),
    *(GeneralName(uniform_resource_identifier=text) for text in ("", "a", "/a", ":a", "a:", "a:b c", "a:\x00", "1a:b")),
    GeneralName(directory_name=DEVICE),
    GeneralName(registered_id="1.2.3"),  # type: ignore[arg-type]  # an OID
    GeneralName(
        other_name=OtherName(
            type_id=oids.ID_ON_HARDWARE_MODULE_NAME,
            value=HardwareModuleName(hw_type="1.2.3", hw_serial_num=b"1"),  # type: ignore[arg-type]  # an OID
        )
    ),
]  # fmt: skip


def test_good_alternative_names() -> None:
    loaded = granted(order("ec-p256", alt_names(GOOD_NAMES)))
    assert len(raw(loaded, oids.ID_CE_SUBJECT_ALT_NAME).value) == len(GOOD_NAMES)


@pytest.mark.parametrize("bad", BAD_NAMES, ids=repr)
def test_bad_alternative_names(bad: GeneralName) -> None:
    asked = order("ec-p256", alt_names([GOOD_NAMES[0], bad]))
    refused(asked, "UNACCEPTED_EXTENSION", "id-ce-subjectAltName")
    loaded = granted(asked, modified=True, drop_unaccepted=True)
    assert raw(loaded, oids.ID_CE_SUBJECT_ALT_NAME) is None, "not half of what was asked for"


def test_an_alternative_name_that_is_dropped_names_nobody() -> None:
    asked = order("ec-p256", alt_names([BAD_NAMES[0]]), subject=None)
    refused(asked, "BAD_CERT_TEMPLATE", "neither a subject", drop_unaccepted=True)


def test_allowed_forms_of_names() -> None:
    every = frozenset(("dns_name", "directory_name", "registered_id", "other_name"))
    granted(order("ec-p256", alt_names(BAD_NAMES[-3:])), alt_names=every)
    refused(
        order("ec-p256", alt_names([GeneralName(directory_name=EMPTY)])),
        "UNACCEPTED_EXTENSION",
        "malformed",
        alt_names=every,
    )
    bad = GeneralName(directory_name=name((oids.COMMON_NAME, "a\x00")))
    refused(order("ec-p256", alt_names([bad])), "UNACCEPTED_EXTENSION", "do not print", alt_names=every)
    refused(
        order("ec-p256", dns("a.example")), "UNACCEPTED_EXTENSION", "dns_name is not granted", alt_names=frozenset()
    )


def test_wildcards() -> None:
    granted(order("ec-p256", dns("*.example.org")), wildcards=True)
    for text in ("*", "*.", "*.org", "a.*.org", "**.example.org", "*a.example.org"):
        refused(order("ec-p256", dns(text)), "UNACCEPTED_EXTENSION", "malformed", wildcards=True)


def test_number_of_names() -> None:
    granted(order("ec-p256", dns(*["a"] * 10)), max_alt_names=10)
    refused(order("ec-p256", dns(*["a"] * 11)), "UNACCEPTED_EXTENSION", "more than 10", max_alt_names=10)


# --- Other extensions ---


def usage(bits: int) -> Extension:
    return extension(oids.ID_CE_KEY_USAGE, KeyUsage(bits), critical=True)


def purposes(*found: str) -> Extension:
    return extension(oids.ID_CE_EXT_KEY_USAGE, ExtKeyUsageSyntax(found))  # type: ignore[arg-type]  # OIDs


@pytest.mark.parametrize("kind", GENERATE)
@pytest.mark.parametrize("bit", range(12))
def test_key_usage(kind: str, bit: int) -> None:
    """Each bit by itself: granted if it is allowed and the key can do it; never those of a CA."""
    signing, wrapping, agreeing = {0, 1}, {2, 3}, {4}
    fits = signing | (wrapping if kind == "rsa" else agreeing if kind.startswith("ec") else set())
    asked = order(kind, usage(1 << bit))
    if bit in fits:
        assert raw(granted(asked), oids.ID_CE_KEY_USAGE).critical
    else:
        refused(asked, "UNACCEPTED_EXTENSION", "id-ce-keyUsage: not granted for this key")
        loaded = granted(asked, modified=True, drop_unaccepted=True)
        assert raw(loaded, oids.ID_CE_KEY_USAGE).value.digital_signature
        assert not raw(loaded, oids.ID_CE_KEY_USAGE).value.key_cert_sign


def test_key_usage_of_thousands_of_bits() -> None:
    refused(order("ec-p256", usage(1 << 5000 | 1)), "UNACCEPTED_EXTENSION", "bit 5000")
    refused(order("ec-p256", usage((1 << 5000) - 1)), "UNACCEPTED_EXTENSION", "not granted")


def test_default_usages() -> None:
    assert raw(granted(order(), key_usage=None), oids.ID_CE_KEY_USAGE) is None
    both = KeyUsage.DIGITAL_SIGNATURE | KeyUsage.KEY_ENCIPHERMENT
    assert raw(granted(order("rsa"), key_usage=both), oids.ID_CE_KEY_USAGE).value.key_encipherment
    assert not raw(granted(order(), key_usage=both), oids.ID_CE_KEY_USAGE).value.key_encipherment, "an EC key cannot"
    assert raw(granted(order(), key_usage=KeyUsage.KEY_ENCIPHERMENT), oids.ID_CE_KEY_USAGE) is None
    loaded = granted(order(), extended_key_usage=(oids.ID_KP_CLIENT_AUTH,))
    assert [one.dotted_string for one in raw(loaded, oids.ID_CE_EXT_KEY_USAGE).value] == [oids.ID_KP_CLIENT_AUTH]
    loaded = granted(order("ec-p256", purposes(oids.ID_KP_SERVER_AUTH)), extended_key_usage=(oids.ID_KP_CLIENT_AUTH,))
    assert [one.dotted_string for one in raw(loaded, oids.ID_CE_EXT_KEY_USAGE).value] == [oids.ID_KP_SERVER_AUTH]


@pytest.mark.parametrize(
    "purpose",
    [
        oids.ID_KP_CMC_RA, oids.ID_KP_CMC_CA, oids.ID_KP_CM_KGA, oids.ID_KP_OCSP_SIGNING, oids.ID_KP_TIME_STAMPING,
        oids.ANY_EXTENDED_KEY_USAGE, "1.2.3.4",
    ],
)  # fmt: skip
def test_purposes_that_mean_power(purpose: str) -> None:
    refused(order("ec-p256", purposes(oids.ID_KP_CLIENT_AUTH, purpose)), "UNACCEPTED_EXTENSION", "id-ce-extKeyUsage")
    granted(order("ec-p256", purposes(purpose)), allowed_extended_key_usage=frozenset({purpose}))


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("drop", [True, False])
@pytest.mark.parametrize(
    "constraints",
    [
        BasicConstraints(ca=True),
        BasicConstraints(ca=True, path_len_constraint=0),
        BasicConstraints(path_len_constraint=3),
    ],
)
def test_nobody_becomes_a_ca(constraints: BasicConstraints, drop: bool, critical: bool) -> None:
    asked = order("ec-p256", extension(oids.ID_CE_BASIC_CONSTRAINTS, constraints, critical))
    if drop:
        found = raw(granted(asked, modified=True, drop_unaccepted=True), oids.ID_CE_BASIC_CONSTRAINTS)
        assert found.value == x509.BasicConstraints(ca=False, path_length=None)
    else:
        refused(asked, "UNACCEPTED_EXTENSION", "id-ce-basicConstraints")


def test_what_a_csr_usually_asks_for() -> None:
    """What we would say ourselves is no modification; a key identifier that is not ours is one."""
    own = x509.SubjectKeyIdentifier.from_public_key(private_key().public_key()).digest
    basic = extension(oids.ID_CE_BASIC_CONSTRAINTS, BasicConstraints())
    same = extension(oids.ID_CE_SUBJECT_KEY_IDENTIFIER, own)
    granted(order("ec-p256", basic, same, usage(1), dns("a.example")))
    other = extension(oids.ID_CE_SUBJECT_KEY_IDENTIFIER, b"mine")
    loaded = granted(order("ec-p256", other), modified=True)
    assert raw(loaded, oids.ID_CE_SUBJECT_KEY_IDENTIFIER).value.digest == own
    above = extension(oids.ID_CE_AUTHORITY_KEY_IDENTIFIER, AuthorityKeyIdentifier(key_identifier=b"forged"))
    loaded = granted(order("ec-p256", above), modified=True)
    assert raw(loaded, oids.ID_CE_AUTHORITY_KEY_IDENTIFIER).value.key_identifier != b"forged"


def test_other_extensions() -> None:
    policies = Extension(extn_id=oids.ID_CE_CERTIFICATE_POLICIES, extn_value=bytes.fromhex("300730050603" + "2a0304"))
    refused(order("ec-p256", policies), "UNACCEPTED_EXTENSION", "id-ce-certificatePolicies: not granted")
    assert raw(granted(order("ec-p256", policies), modified=True, drop_unaccepted=True), policies.extn_id) is None
    loaded = granted(order("ec-p256", policies), copied=frozenset({oids.ID_CE_CERTIFICATE_POLICIES}))
    assert raw(loaded, policies.extn_id) is not None
    unknown = Extension(extn_id="1.2.3.4", critical=True, extn_value=b"\x05\x00")  # type: ignore[arg-type]  # an OID
    refused(order("ec-p256", unknown), "UNACCEPTED_EXTENSION", r"extension 1\.2\.3\.4: not granted")
    assert raw(granted(order("ec-p256", unknown), copied=frozenset({"1.2.3.4"})), "1.2.3.4").critical
    refused(
        order("ec-p256", unknown.replace(extn_value=b"no DER")), "UNACCEPTED_EXTENSION", "one DER value",
        copied=frozenset({"1.2.3.4"}),
    )  # fmt: skip


def test_added_extensions() -> None:
    points = Extension(
        extn_id=oids.ID_CE_CRL_DISTRIBUTION_POINTS,
        extn_value=bytes.fromhex("30173015a013a011860f") + b"http://a.b/crl/",
    )
    loaded = granted(order(), added=(points,))
    assert raw(loaded, oids.ID_CE_CRL_DISTRIBUTION_POINTS).value[0].full_name[0].value == "http://a.b/crl/"
    refused(order("ec-p256", points), "UNACCEPTED_EXTENSION", "cRLDistributionPoints", added=(points,))
    dropped = granted(
        order("ec-p256", points.replace(critical=True)), modified=True, added=(points,), drop_unaccepted=True
    )
    assert not raw(dropped, oids.ID_CE_CRL_DISTRIBUTION_POINTS).critical


MALFORMED = [
    (oids.ID_CE_KEY_USAGE, b""),
    (oids.ID_CE_KEY_USAGE, b"\x03\x02\x07"),
    (oids.ID_CE_KEY_USAGE, b"\x03\x01\x00"),
    (oids.ID_CE_KEY_USAGE, b"\x04\x01\x80"),
    (oids.ID_CE_KEY_USAGE, b"\x03\x02\x07\x80\x00"),
    (oids.ID_CE_BASIC_CONSTRAINTS, b"\x30\x03\x01\x01\x01"),
    (oids.ID_CE_BASIC_CONSTRAINTS, b"\x05\x00"),
    (oids.ID_CE_EXT_KEY_USAGE, b"\x30\x00"),
    (oids.ID_CE_SUBJECT_ALT_NAME, b"\x30\x00"),
    (oids.ID_CE_SUBJECT_ALT_NAME, b"\x30\x03\x82\x01\xff"),
    (oids.ID_CE_SUBJECT_KEY_IDENTIFIER, b"\x30\x00"),
    (oids.ID_CE_AUTHORITY_KEY_IDENTIFIER, b"\x04\x00"),
]


@pytest.mark.parametrize(("oid", "value"), MALFORMED)
def test_malformed_extensions(oid: str, value: bytes) -> None:
    bad = Extension(extn_id=oid, extn_value=value)  # type: ignore[arg-type]  # an OID
    refused(order("ec-p256", bad), "UNACCEPTED_EXTENSION", "extension id-ce-")
    granted(order("ec-p256", bad), modified=True, drop_unaccepted=True)


def test_an_extension_that_is_there_twice() -> None:
    for drop in (True, False):
        refused(
            order("ec-p256", usage(1), usage(1)),
            "BAD_CERT_TEMPLATE",
            "id-ce-keyUsage is there twice",
            drop_unaccepted=drop,
        )


def test_as_many_extensions_as_a_request_can_have() -> None:
    many = Extensions(
        Extension(extn_id=f"1.2.3.{number}", extn_value=b"\x05\x00")  # type: ignore[arg-type]  # OIDs
        for number in range(64)
    )
    granted(order(extensions=many), modified=True, drop_unaccepted=True)
    loaded = granted(order(extensions=many), copied=frozenset(f"1.2.3.{number}" for number in range(64)))
    assert len(list(loaded.extensions)) == 68


# --- Rules that make no sense ---


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ({"allowed_key_usage": KeyUsage.KEY_CERT_SIGN}, "for CAs"),
        ({"key_usage": KeyUsage.CRL_SIGN}, "for CAs"),
        ({"key_usage": KeyUsage(0)}, "without any bit"),
        ({"copied": {oids.ID_CE_BASIC_CONSTRAINTS}}, "cannot be left"),
        ({"copied": {oids.ID_CE_NAME_CONSTRAINTS}}, "cannot be left"),
        ({"copied": {oids.ID_CE_SUBJECT_ALT_NAME}}, "cannot be left"),
        ({"added": (usage(1),)}, "added"),
        ({"keys": {"dsa"}}, "keys"),
        ({"alt_names": {"dns"}}, "alt_names"),
        ({"min_rsa_bits": 512}, "min_rsa_bits"),
        ({"min_rsa_bits": 16384}, "min_rsa_bits"),
    ],
)
def test_rules_that_are_refused(rules: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        CertificateRules(**rules)


def test_durations_of_rules() -> None:
    for name_of in ("validity", "max_validity", "backdate", "max_delay", "crl_validity"):
        for days in (-1, 10**6):
            with pytest.raises(ValueError, match=r"hundred years|longer"):
                CertificateRules(**{name_of: timedelta(days=days)})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="longer than max_validity"):
        CertificateRules(validity=timedelta(days=10), max_validity=timedelta(days=9))


def test_certificates_are_records() -> None:
    assert isinstance(authority().issue(order(), NOW).certificate, Certificate)
