"""The schema is the RFCs': each type is compared with pyasn1-alt-modules, an independent statement of them.

Compared are names and order of components, OPTIONAL and DEFAULT, tags (outer, inner, universal), SIZE, named
numbers and bits, open types and their tables. Not compared are value ranges of INTEGERs: our schema leaves
them to policies. What differs on purpose is on a list, here or in schema_comparison, each with its reason.
"""

from __future__ import annotations

import ast
import inspect
import re
from enum import IntEnum
from types import ModuleType
from typing import Annotated, Any

import pytest
from pyasn1.type import base, char, namedtype, tag, univ
from pyasn1.type.constraint import ValueSizeConstraint
from pyasn1_alt_modules import opentypemap

from cmpcodec import cmp, cms, crmf, oids, pkix
from cmpcodec._engine.ops import Kind
from cmpcodec.asn1 import Default, Explicit, NamedBits, OpenTypes, Record, Sequence, Size, compile_type
from tests.schema_comparison import FLATTENED, OPAQUE, RENAMED, UNNAMED, differences, rfc, snake

ROOMS: dict[ModuleType, list[ModuleType]] = {
    pkix: [rfc(5280), rfc(2986), rfc(4055), rfc(3279), rfc(5480), rfc(4108)],
    cms: [rfc(5652), rfc(5958), rfc(9629), rfc(8018), rfc(5084), rfc(9044), rfc(8702), rfc(5753)],
    crmf: [rfc(4211)],
    cmp: [rfc(9810)],
}

# Ours alone.
NO_COUNTERPART = {
    "pkix._UnwrappedExtension": "a helper, never on the wire",
    "pkix._UnopenedAttribute": "a helper, never on the wire",
    "pkix.ECParameters": "three alternatives as in RFC 5480; rfc5480 has one, rfc3279 means the curve",
    "pkix.SpecifiedECDomain": "RFC 5480's comment names it; nobody spells it out",
    "pkix.PSourceAlgorithm": "rfc4055 does not have this name for an AlgorithmIdentifier",
    "cmp.INTEGER": "int, where a component is called int",
    "crmf.ProtocolEncrKey": "compared as the control that it is",
}


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("transactionID", "transaction_id"),
        ("senderKID", "sender_kid"),
        ("pKIStatusInfo", "pki_status_info"),
        ("dNSName", "dns_name"),
        ("iPAddress", "ip_address"),
        ("cAKeyUpdAnnV2", "ca_key_upd_ann_v2"),
        ("nameRelativeToCRLIssuer", "name_relative_to_crl_issuer"),
        ("subjectPKInfo", "subject_pk_info"),
        ("rKeyId", "r_key_id"),
    ],
)
def test_names_follow_the_rule(name: str, ours: str) -> None:
    assert snake(name) == ours


# --- does the comparison notice anything? ---


class Sample(Sequence):
    """A type to be stated wrongly."""

    number: Annotated[int, Explicit(0)]
    text: Annotated[str | None, Size(1, 8)] = None
    flag: Annotated[bool, Default(False)] = False


def context(number: int) -> tag.Tag:
    return tag.Tag(tag.tagClassContext, tag.tagFormatSimple, number)


NUMBER = univ.Integer().subtype(explicitTag=context(0))
TEXT = char.UTF8String().subtype(subtypeSpec=ValueSizeConstraint(1, 8))
FLAG = univ.Boolean(False)
REQUIRED, OPTIONAL, DEFAULT = namedtype.NamedType, namedtype.OptionalNamedType, namedtype.DefaultedNamedType


def sample(**changes: Any) -> univ.Sequence:
    parts = {
        "name": "number",
        "kinds": (REQUIRED, OPTIONAL, DEFAULT),
        "number": NUMBER,
        "text": TEXT,
        "flag": FLAG,
    }
    parts |= changes
    number, text, flag = parts["kinds"]
    return univ.Sequence(
        componentType=namedtype.NamedTypes(
            number(parts["name"], parts["number"]), text("text", parts["text"]), flag("flag", parts["flag"])
        )
    )


def test_comparison_accepts_the_same() -> None:
    assert differences(Sample, sample()) == []


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (sample(name="count"), "component names"),
        (sample(number=univ.Integer().subtype(explicitTag=context(1))), "explicit tag"),
        (sample(number=univ.Integer().subtype(implicitTag=context(0))), "explicit tag"),
        (sample(number=univ.Integer()), "explicit tag"),
        (sample(number=univ.Enumerated().subtype(explicitTag=context(0))), "universal tag"),
        (sample(text=char.UTF8String()), "SIZE"),
        (sample(text=char.IA5String().subtype(subtypeSpec=ValueSizeConstraint(1, 8))), "universal tag"),
        (sample(text=univ.OctetString().subtype(subtypeSpec=ValueSizeConstraint(1, 8))), "kind"),
        (sample(flag=univ.Boolean(True)), "DEFAULT"),
        (sample(kinds=(REQUIRED, OPTIONAL, OPTIONAL)), "DEFAULT"),
        (sample(kinds=(OPTIONAL, OPTIONAL, DEFAULT)), "OPTIONAL"),
        (rfc(9810).CertStatus(), "component names"),
    ],
)
def test_comparison_notices(wrong: Any, problem: str) -> None:
    assert any(problem in found for found in differences(Sample, wrong))


# --- the tests ---


def types_of(room: ModuleType) -> dict[str, Any]:
    """The types that a room declares: classes and aliases."""
    found = {
        name: value
        for name, value in vars(room).items()
        if isinstance(value, type)
        and value.__module__ == room.__name__
        and issubclass(value, Record | IntEnum | NamedBits)
    }
    for statement in ast.parse(inspect.getsource(room)).body:
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.annotation) == "TypeAlias":
            assert isinstance(statement.target, ast.Name)
            found[statement.target.id] = getattr(room, statement.target.id)
    return found


def short(room: ModuleType) -> str:
    return room.__name__.rpartition(".")[2]


ALL = [(room, name) for room in ROOMS for name in types_of(room)]


def counterparts(room: ModuleType, name: str) -> list[Any]:
    """Classes of the same name, each stated in one of the modules that the room follows."""
    wanted = RENAMED.get(f"{short(room)}.{name}", name)
    found = [vars(module).get(wanted) for module in ROOMS[room]]
    if f"{short(room)}.{name}" == "cms.GMACParameters":
        found = [rfc(9044).GCMParameters]
    elif f"{short(room)}.{name}" == "cms.GCMParameters":
        found = [rfc(5084).GCMParameters]
    return list(dict.fromkeys(one for one in found if isinstance(one, type) and issubclass(one, base.Asn1Item)))


@pytest.mark.parametrize(("room", "name"), ALL, ids=[f"{short(room)}.{name}" for room, name in ALL])
def test_type_is_that_of_the_rfc(room: ModuleType, name: str) -> None:
    entry = f"{short(room)}.{name}"
    if entry in UNNAMED or entry in NO_COUNTERPART:
        return
    found = counterparts(room, name)
    assert found, f"{entry} has no counterpart and is on no list"
    problems = [problem for one in found for problem in differences(types_of(room)[name], one())]
    assert problems == []


def test_the_lists_are_not_stale() -> None:
    declared = {f"{short(room)}.{name}" for room, name in ALL}
    for listed in (UNNAMED, RENAMED, OPAQUE, FLATTENED, NO_COUNTERPART):
        assert set(listed) <= declared
    for entry in UNNAMED:
        room = next(room for room in ROOMS if short(room) == entry.partition(".")[0])
        owner, _, component = UNNAMED[entry].partition(".")
        op = compile_type(getattr(room, owner))
        part = next(part for part in op.parts if part.name == component)
        assert entry.partition(".")[2] in (part.op.name, part.op.named and part.op.named.__name__)


@pytest.mark.parametrize(("room", "number"), [(cmp, 9810), (crmf, 4211)], ids=["rfc9810", "rfc4211"])
def test_no_type_of_the_rfc_is_missing(room: ModuleType, number: int) -> None:
    elsewhere = {
        "LocalKeyIdValue": "an attribute of PKCS #12 stores, not of messages",
        "AttributeTypeAndValue": "imported from crmf",
    }
    theirs = {
        name
        for name, value in vars(rfc(number)).items()
        if isinstance(value, type) and issubclass(value, base.Asn1Item) and name not in elsewhere
    }
    ours = {name for other in ROOMS for name in types_of(other)}
    assert theirs - ours == set()


BODIES = """
ir ip cr cp p10cr popdecc popdecr kur kup krr krp rr rp ccr ccp ckuann cann rann crlann pkiconf nested
genm genp error cert_conf poll_req poll_rep
"""


def test_there_are_27_bodies() -> None:
    parts = compile_type(cmp.PKIBody).parts
    assert [part.name for part in parts] == BODIES.split()
    assert [part.outer for part in parts] == [0xA0 | number for number in range(27)]
    nested = parts[20].op
    assert nested.parts[0].op is compile_type(cmp.PKIMessage)


FAIL_INFO = """
BAD_ALG BAD_MESSAGE_CHECK BAD_REQUEST BAD_TIME BAD_CERT_ID BAD_DATA_FORMAT WRONG_AUTHORITY INCORRECT_DATA
MISSING_TIME_STAMP BAD_POP CERT_REVOKED CERT_CONFIRMED WRONG_INTEGRITY BAD_RECIPIENT_NONCE TIME_NOT_AVAILABLE
UNACCEPTED_POLICY UNACCEPTED_EXTENSION ADD_INFO_NOT_AVAILABLE BAD_SENDER_NONCE BAD_CERT_TEMPLATE
SIGNER_NOT_TRUSTED TRANSACTION_ID_IN_USE UNSUPPORTED_VERSION NOT_AUTHORIZED SYSTEM_UNAVAIL SYSTEM_FAILURE
DUPLICATE_CERT_REQ
"""


@pytest.mark.parametrize(("number", "name"), list(enumerate(FAIL_INFO.split())))
def test_fail_info_has_27_bits(number: int, name: str) -> None:
    assert len(FAIL_INFO.split()) == 27
    bit = getattr(cmp.PKIFailureInfo, name)
    assert bit == 1 << number
    info = cmp.PKIStatusInfo(status=cmp.PKIStatus.REJECTION, fail_info=bit)
    octets = number // 8 + 1
    expected = bytes((0x03, octets + 1, 7 - number % 8)) + bytes(octets - 1) + bytes((0x80 >> number % 8,))
    assert info.der.endswith(expected)
    assert cmp.PKIStatusInfo.decode(info.der).fail_info == bit


# --- what only we have ---


@pytest.mark.parametrize(
    ("cls", "limit"),
    [
        (cmp.ExtraCerts, 32),
        (cmp.GeneralInfo, 64),
        (cmp.PKIMessages, 32),
        (cmp.CertConfirmContent, 32),
        (cmp.RevReqContent, 32),
        (cmp.RevStatus, 32),
        (crmf.CertReqMessages, 32),
        (pkix.Name, 64),
        (pkix.RelativeDistinguishedName, 16),
    ],
)
def test_bounds(cls: type[Record], limit: int) -> None:
    assert compile_type(cls).limit == limit


@pytest.mark.parametrize(("room", "name"), ALL, ids=[f"{short(room)}.{name}" for room, name in ALL])
def test_no_repetition_is_unbounded_and_no_type_undocumented(room: ModuleType, name: str) -> None:
    cls = types_of(room)[name]
    if cls.__module__ == room.__name__ and not name.startswith("_"):
        assert re.search(r"RFC \d{4}", cls.__doc__)
        assert len(cls.__doc__.partition("\n")[0]) < 110
    if issubclass(cls, Record):
        op = compile_type(cls)
        assert op.limit is not None or op.kind not in (Kind.SEQUENCE_OF, Kind.SET_OF)


def test_messages_nest_three_levels() -> None:
    assert compile_type(cmp.PKIMessage).nesting == 3


# --- open types ---

CURVES = {oids.ID_EC_PUBLIC_KEY, oids.ID_EC_DH, oids.ID_EC_MQV}  # their ECParameters: see NO_COUNTERPART

TABLES: list[tuple[OpenTypes, str, bool]] = [
    (cmp.INFO_VALUES, "cmpInfoTypeAndValueMap", False),
    (pkix.EXTENSION_VALUES, "certificateExtensionsMap", False),
    (pkix.OTHER_NAMES, "otherNamesMap", False),
    (cms.OTHER_RECIPIENTS, "otherRecipientInfoMap", False),
    (cms.CONTENTS, "cmsContentTypesMap", False),
    (crmf.CONTROL_VALUES, "cmsAttributesMap", False),
    (pkix.PARAMETERS, "algorithmIdentifierMap", False),
    # Each attribute has a type of its own there, with a bound on its length; we have DirectoryString for all.
    (pkix.ATTRIBUTE_VALUES, "certificateAttributesMap", True),
    (pkix.ATTRIBUTE_VALUES, "cmsAttributesMap", True),
]


@pytest.mark.parametrize(("ours", "map_name", "loose"), TABLES, ids=[name for _, name, _ in TABLES])
def test_open_types_are_those_of_the_rfcs(ours: OpenTypes, map_name: str, loose: bool) -> None:
    # Several modules write into one map, whichever is imported last; RFC 9810 has the last word.
    newest = getattr(rfc(9810), f"_{map_name}Update", {})
    theirs = {str(oid): there for oid, there in {**opentypemap.get(map_name), **newest}.items()}
    compared = [oid for oid, _ in ours.items() if oid in theirs and oid not in CURVES]
    problems = [
        f"{oids.name(oid)}: {problem}"
        for oid, annotation in ours.items()
        if oid in compared
        for problem in differences(annotation, theirs[oid], loose)
    ]
    assert problems == []
    assert compared


def test_every_information_type_of_cmp_is_open() -> None:
    theirs = {str(oid) for oid in opentypemap.get("cmpInfoTypeAndValueMap") if str(oid).startswith("1.3.6.1.5.5.7.4.")}
    assert theirs == {oid for oid, _ in cmp.INFO_VALUES.items()}
    assert {int(oid.rpartition(".")[2]) for oid in theirs} == {
        *range(1, 8),
        *range(10, 25),
    }  # 8, 9: never in an RFC
