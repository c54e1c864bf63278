"""Every name that a dump shows is the RFC's: held against pyasn1-alt-modules."""

from __future__ import annotations

import importlib
from enum import IntEnum
from typing import Any

import pytest
from pyasn1.type import base, univ

from cmpcodec import cmp, cms, crmf, pkix
from cmpcodec.asn1 import Choice, NamedBits, Record, Sequence, compile_type
from cmpcodec.cli.names import rfc_member, rfc_name, rfc_type

RFCS = (5280, 2986, 4055, 3279, 5480, 5652, 5958, 9629, 8018, 5084, 9044, 8702, 4211, 9810, 4108)

# What pyasn1-alt-modules lacks, and where the names come from.
ELSEWHERE = {
    ("namedCurve", "implicitCurve", "specifiedCurve"),  # RFC 5480, 2.1.1; there only the first
    ("keyInfo", "entityUInfo", "suppPubInfo"),  # ECC-CMS-SharedInfo: RFC 5753, 7.2; in none of the modules above
}


def theirs() -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
    """Names of the components of every type, and names of the numbers or bits of every type."""
    components: set[tuple[str, ...]] = set()
    members: set[tuple[str, ...]] = set()

    def visit(one: Any) -> None:
        if isinstance(one, univ.SequenceAndSetBase | univ.Choice):
            names = tuple(part.name for part in one.componentType.namedTypes)
            if names not in components:
                components.add(names)
                for part in one.componentType.namedTypes:
                    visit(part.asn1Object)
        elif isinstance(one, univ.SequenceOfAndSetOfBase) and one.componentType is not None:
            visit(one.componentType)
        named = getattr(one, "namedValues", ())
        if len(named):
            members.add(tuple(named.keys()))

    for number in RFCS:
        for value in vars(importlib.import_module(f"pyasn1_alt_modules.rfc{number}")).values():
            if isinstance(value, type) and issubclass(value, base.Asn1Item):
                visit(value())
    return components, members


COMPONENTS, MEMBERS = theirs()
CLASSES = sorted(
    {
        value
        for room in (cmp, crmf, cms, pkix)
        for name, value in vars(room).items()
        if isinstance(value, type)
        and issubclass(value, Record | IntEnum | NamedBits)
        and value.__module__ == room.__name__
        and not name.startswith("_")
    },
    key=lambda cls: (cls.__module__, cls.__name__),
)


@pytest.mark.parametrize("cls", [one for one in CLASSES if issubclass(one, Sequence | Choice)], ids=str)
def test_components(cls: type[Record]) -> None:
    names = tuple(rfc_name(part.name) for part in compile_type(cls).parts)
    assert names in COMPONENTS | ELSEWHERE


@pytest.mark.parametrize("cls", [one for one in CLASSES if issubclass(one, IntEnum)], ids=str)
def test_named_numbers(cls: type[IntEnum]) -> None:
    names = {rfc_member(one.name) for one in cls}
    assert any(names == set(known) for known in MEMBERS)


@pytest.mark.parametrize("cls", [one for one in CLASSES if issubclass(one, NamedBits)], ids=str)
def test_named_bits(cls: type[NamedBits]) -> None:
    full = cls((1 << len(cls._bit_names)) - 1)
    assert tuple(map(rfc_member, full.names)) in MEMBERS


def test_what_has_no_name() -> None:
    assert rfc_member("bit 31") == "bit 31"


def test_types() -> None:
    assert rfc_type(cmp.PKIMessage) == "PKIMessage"
    assert rfc_type(pkix.Dss_Parms) == "Dss-Parms"
    assert rfc_type(cms.PBKDF2_params) == "PBKDF2-params"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("transaction_id", "transactionID"),
        ("cert_req_id", "certReqId"),
        ("pki_status_info", "pKIStatusInfo"),
        ("sender_kid", "senderKID"),
        ("poposk_input", "poposkInput"),
        ("p10cr", "p10cr"),
    ],
)
def test_well_known_names(ours: str, theirs: str) -> None:
    assert rfc_name(ours) == theirs
