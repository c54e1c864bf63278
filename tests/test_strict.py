"""Strict DER, rule by rule: the table in strictness.txt gives bytes and the exact text of what comes of them.

The texts are golden: who changes the wording of an error changes the table.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cmpcodec
from cmpcodec._engine.reference.tree import expected as expected_tags
from cmpcodec._engine.values import LENIENCIES
from tests.engines import running
from tests.mutations import tlv

TYPES = running().types


class Case(NamedTuple):
    rule: str
    clause: str
    type: Any
    data: bytes
    expected: str


def read_cases() -> list[Case]:
    text = Path(__file__).resolve().with_name("strictness.txt").read_text(encoding="utf-8")
    pairs = re.findall(r"^([^#\n]+(?: \| [^|\n]*){3})\n    (.+)$", text, re.MULTILINE)
    cases = []
    for heading, expected in pairs:
        rule, clause, name, octets = heading.split("|")
        data = b""
        for word in octets.split():
            unit, _, times = word.partition("*")
            data += bytes.fromhex(unit) * int(times or 1)
        cases.append(Case(rule.strip(), clause.strip(), TYPES[f"probes.{name.strip()}"], data, expected))
    return cases


CASES = read_cases()
GOOD = [case for case in CASES if case.expected.startswith("= ")]
BAD = [case for case in CASES if case.expected.startswith("! ")]


def test_table_is_read_to_the_end() -> None:
    assert len(GOOD) + len(BAD) == len(CASES)
    assert len(GOOD) >= 45
    assert len(BAD) >= 95


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.rule)
def test_broken_rule(case: Case) -> None:
    with pytest.raises(cmpcodec.DecodeError) as caught:
        case.type.decode(case.data)
    error = caught.value
    assert f"! {error}" == case.expected
    assert type(error) is (cmpcodec.LimitExceeded if case.clause == "our limit" else cmpcodec.DecodeError)
    assert f"{error.path}: {error.problem}, at byte {error.offset}" == str(error)
    assert isinstance(error, ValueError)
    assert error.fail_info == "BAD_DATA_FORMAT"


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.rule)
def test_kept_rule(case: Case) -> None:
    record = case.type.decode(case.data)
    assert f"= {record!a}" == case.expected
    assert record.der == case.data


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.rule)
def test_broken_rule_inside_an_unknown_value_is_nobodys_business(case: Case) -> None:
    """Nor is it anybody's in an open type: bytes that do not conform are kept as they are."""
    wrapped = tlv(0x04, case.data)
    record = TYPES["probes.Opened"].decode(tlv(0x30, bytes.fromhex("06022a03"), wrapped))
    assert record.first_value.content == case.data


# --- wording ---


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("bb020500", "expected one of tag [0] to [26], found tag [27], at byte 0"),
        ("8000", "expected one of tag [0] to [26], found tag [0] in primitive form, at byte 0"),
        ("bf1b020500", "expected one of tag [0] to [26], found tag 0xbf, at byte 0"),
        ("3000", "expected one of tag [0] to [26], found SEQUENCE, at byte 0"),
        ("1000", "expected one of tag [0] to [26], found SEQUENCE in primitive form, at byte 0"),
        ("", "expected one of tag [0] to [26], found no data, at byte 0"),
    ],
)
def test_the_tags_of_all_bodies_are_told_in_short(data: str, text: str) -> None:
    with pytest.raises(cmpcodec.DecodeError) as caught:
        cmpcodec.PKIBody.decode(bytes.fromhex(data))
    assert str(caught.value) == f"PKIBody: {text}"


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("30", "SEQUENCE"),
        ("80", "tag [0]"),
        ("a0 81", "one of tag [0], [1]"),
        ("82 a0 81", "one of tag [0] to [2]"),
        ("a0 83 82 a5 88 87 86", "one of tag [0], [2], [3], [5] to [8]"),
        ("02 9e 9d 9c 60 05", "one of INTEGER, NULL, tag 0x60, tag [28] to [30]"),
    ],
)
def test_runs_of_tags_are_told_in_short(octets: str, text: str) -> None:
    assert expected_tags(frozenset(bytes.fromhex(octets))) == text


# --- leniencies ---


def lenient(text: str) -> Any:
    record = TYPES["probes.Leaves"].decode(tlv(0x30, tlv(0xAE, tlv(0x18, text.encode()))), allow=LENIENCIES)
    return record.generalized


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("+0000", 0), ("-0000", 0), ("+0130", 90), ("-0130", -90), ("+2359", 1439), ("-2359", -1439), (".5+0100", 60)],
)
def test_time_offset_is_read_where_it_is_allowed(text: str, minutes: int) -> None:
    expected = datetime(2020, 2, 29, 12, 0, 0, 500_000 if "." in text else 0, timezone(timedelta(minutes=minutes)))
    found = lenient("20200229120000" + text)
    assert found == expected
    assert found.utcoffset() == expected.utcoffset()


@pytest.mark.parametrize("text", ["+2400", "+0160", "+01", "+01000", "0100", "+010a", "Z+0100", ".50+0100", ".+0100"])
def test_time_offset_has_a_form(text: str) -> None:
    with pytest.raises(cmpcodec.DecodeError):
        lenient("20200229120000" + text)


@pytest.mark.parametrize("allow", ["time-offset", ["time-offset", "ber"], {"ber"}, [None]])
def test_unknown_leniencies_are_refused(allow: Any) -> None:
    with pytest.raises(ValueError, match="allow takes a collection of these names: time-offset"):
        TYPES["probes.Leaves"].decode(b"0\0", allow=allow)


def test_lenient_records_may_go_into_strict_ones() -> None:
    """What was decoded with a leniency can be read in a record that is built around it."""
    leaves = TYPES["probes.Leaves"]
    data = tlv(0x30, tlv(0xAE, tlv(0x18, b"20200229120000+0100")))
    inner = leaves.decode(data, allow=LENIENCIES)
    outer = TYPES["probes.Values"]([TYPES["records.TLV"](inner.der)])
    assert outer[0].der == data
    header = cmpcodec.PKIHeader(pvno=2, sender=directory_name(), recipient=directory_name())
    late = tlv(0x30, header.der[2:], tlv(0xA0, tlv(0x18, b"20200229120000+0100")))
    header = cmpcodec.PKIHeader.decode(late, allow=LENIENCIES)
    message = cmpcodec.PKIMessage(header=header, body=cmpcodec.PKIBody(pkiconf=cmpcodec.PKIConfirmContent()))
    assert message.header == header
    assert message.header.message_time == datetime(2020, 2, 29, 11, tzinfo=UTC)
    assert message.replace(protection=None).header.message_time == header.message_time


def directory_name() -> cmpcodec.GeneralName:
    return cmpcodec.GeneralName(directory_name=cmpcodec.Name([]))
