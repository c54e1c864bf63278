"""Object identifiers and their names, compared with what pyasn1-alt-modules and cryptography say."""

from __future__ import annotations

import importlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurveOID
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyasn1.type import univ

from cmpcodec import oids
from cmpcodec.asn1 import ObjectIdentifier

MODULES = [
    importlib.import_module(f"pyasn1_alt_modules.rfc{number}")
    for number in (
        *(9810, 4211, 5280, 5652, 5958, 9629, 8018, 4055, 5480, 5084, 9044, 8702, 9688, 2985, 6402, 6211),
        *(5753, 8418, 8410, 3565, 5649, 3370, 8692, 8619, 9690, 9881, 9909, 9935, 8103, 5639, 5083, 7633),
        *(6960, 4108, 4043, 3279, 9814, 9598, 6120, 8017),
    )
]

CONSTANTS = {name: value for name, value in vars(oids).items() if isinstance(value, ObjectIdentifier)}

# Constants that are not the RFC's name in UPPER_SNAKE: HMAC-SHA1 needs two.
OTHERWISE = {"HMAC_SHA1_IPSEC": "hMAC-SHA1", "HMAC_MD5_IPSEC": "hMAC-MD5"}

# Neither of the two has these.
NOT_STATED_THERE = {
    "DESCRIPTION",  # RFC 4519, 2.5
    "TELEPHONE_NUMBER",  # RFC 4519, 2.35
    "USER_PRINCIPAL_NAME",  # Microsoft
    "ID_IT_SUBSCRIPTION_REQUEST",  # IANA, reserved and obsolete
    "ID_IT_SUBSCRIPTION_RESPONSE",  # IANA, reserved and obsolete
    "HMAC_MD5_IPSEC",  # IANA, IPsec algorithms
    "ID_ALG_PWRI_KEK",  # RFC 3211
}


def stated(constant: str, name: str) -> set[str]:
    """What the others say that this name is."""
    spelled = name.replace("-", "_")
    short = constant.removeprefix("ID_KP_")
    return {
        found.dotted_string
        for group in (NameOID, ExtendedKeyUsageOID, EllipticCurveOID)
        if (found := vars(group).get(short)) is not None
    } | {
        str(vars(module)[candidate])
        for module in MODULES
        for candidate in (spelled, f"id_{spelled}", f"id_at_{spelled}", f"pkcs_9_at_{spelled}")
        if isinstance(vars(module).get(candidate), univ.ObjectIdentifier)
    }


@pytest.mark.parametrize("constant", CONSTANTS)
def test_object_identifier_is_that_of_the_rfc(constant: str) -> None:
    oid = CONSTANTS[constant]
    name = oids.name(oid)
    assert name is not None
    found = stated(constant, name)
    assert (oid in found) != (constant in NOT_STATED_THERE), found


@pytest.mark.parametrize("constant", CONSTANTS)
def test_constant_is_the_name_of_the_rfc(constant: str) -> None:
    name = oids.name(CONSTANTS[constant])
    assert name is not None
    if constant in OTHERWISE:
        assert name == OTHERWISE[constant]
    else:
        plain = name.replace("-", "").lower()
        assert constant.replace("_", "").lower() in (plain, plain.removeprefix("id"))


def test_each_object_identifier_has_one_constant() -> None:
    assert set(CONSTANTS.values()) == set(oids.NAMES)
    assert len(CONSTANTS) == len(oids.NAMES)


def test_names() -> None:
    assert oids.name("1.2.840.113533.7.66.13") == "id-PasswordBasedMac"
    assert oids.name(oids.COMMON_NAME) == "commonName"
    assert oids.short_name(oids.COMMON_NAME) == "CN"
    assert oids.name("1.2.3") is None
    assert oids.short_name(oids.SHA256) is None


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        oids.NAMES["1.2.3"] = "mine"  # type: ignore[index]  # that is the point
