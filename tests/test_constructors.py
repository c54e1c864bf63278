"""What constructors take and what they refuse: EncodeError with the path of a wrong value, TypeError for a wrong call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

import cmpcodec
from cmpcodec import TLV, BitString, EncodeError, Null, ObjectIdentifier, PKIFreeText, PKIStatusInfo
from tests.engines import running

ENGINE = running()
TYPES = ENGINE.types
probes = ENGINE.probes
Numbers = probes.Numbers
Outer = probes.Outer
Defaults = probes.Defaults
Tree = probes.Tree
Leaves = probes.Leaves
Small = probes.Small
Inner = probes.Inner
Opened = probes.Opened
Sizes = probes.Sizes
Repeated = probes.Repeated
OID = ObjectIdentifier("1.2.3.4")


# --- calls ---


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Leaves(5), "Leaves() takes keyword arguments only"),
        (lambda: Leaves(unknown=5), "Leaves() has no component 'unknown'; it has boolean, integer, "),
        (lambda: Inner(5), "Inner() takes keyword arguments only"),
        (lambda: PKIStatusInfo(), "PKIStatusInfo() lacks status"),
        (lambda: cmpcodec.PKIMessage(protection=None), "PKIMessage() lacks header, body"),
        (lambda: Small([1], [2]), "Small() takes one positional argument"),
        (lambda: Small([1], items=5), "Small() takes one positional argument"),
        (lambda: Small(items=[1]), "Small() takes one positional argument"),
        (lambda: Small(5), "'int' object is not iterable"),
        (lambda: PKIFreeText("text"), "PKIFreeText() takes an iterable of its elements, not str"),
        (lambda: Small(b"text"), "Small() takes an iterable of its elements, not bytes"),
        (lambda: TLV(), "TLV() takes the DER of its value"),
        (lambda: TLV(b"\5\0", 5), "TLV() takes one positional argument"),
        (lambda: Null(5), "Null() takes no argument"),
        (lambda: Null(a=5), "Null() takes none"),
    ],
)
def test_calls_that_make_no_sense(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("components", "text"),
    [
        ({"boolean": 1}, "boolean: expected bool, not int"),
        ({"integer": True}, "integer: expected int, not bool"),
        ({"integer": 5.0}, "integer: expected int, not float"),
        ({"octets": "x"}, "octets: expected bytes, not str"),
        ({"octets": bytearray(b"x")}, "octets: expected bytes, not bytearray"),
        ({"bits": b"x"}, "bits: expected BitString, not bytes"),
        ({"bits": BitString(b"", 1)}, "bits: unused_bits is not between 0 and 0"),
        ({"bits": BitString(b"\0", 8)}, "bits: unused_bits is not between 0 and 7"),
        ({"bits": BitString(b"\0", 10**5000)}, "bits: unused_bits is not between 0 and 7"),
        ({"bits": BitString(b"\1", 1)}, "bits: unused bits are not zero"),
        ({"oid": "1"}, "oid: not an object identifier in dotted decimal form: '1'"),
        ({"oid": "1.40"}, "oid: not an object identifier in dotted decimal form: '1.40'"),
        ({"oid": "3.1"}, "oid: not an object identifier in dotted decimal form: '3.1'"),
        ({"oid": "1.2.03"}, "oid: not an object identifier in dotted decimal form: '1.2.03'"),
        ({"oid": "1.2.3\n"}, "oid: not an object identifier in dotted decimal form: '1.2.3\\n'"),
        ({"oid": "1.2.٣"}, "oid: not an object identifier in dotted decimal form: '1.2.٣'"),
        ({"utf8": "\ud800"}, "utf8: character '\\ud800' is not allowed in UTF8String"),
        ({"utf8": b"x"}, "utf8: expected str, not bytes"),
        ({"printable": "a*b"}, "printable: octet 0x2a is not allowed in PrintableString"),
        ({"ia5": "é"}, "ia5: character '\\xe9' is not allowed in IA5String"),
        ({"teletex": "€"}, "teletex: character '\\u20ac' is not allowed in TeletexString"),
        ({"utc": datetime(2020, 1, 1)}, "utc: datetime without a time zone; add tzinfo=timezone.utc"),
        ({"utc": datetime(2050, 1, 1, tzinfo=UTC)}, "utc: UTCTime holds whole seconds of the years 1950 to 2049"),
        ({"utc": datetime(2000, 1, 1, 0, 0, 0, 1, UTC)}, "utc: UTCTime holds whole seconds of the years 1950 to 2049"),
        ({"generalized": "2020"}, "generalized: expected datetime, not str"),
        (
            {"generalized": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))},
            "generalized: datetime leaves the calendar when converted to UTC",
        ),
        ({"flags": -1}, "flags: named bits cannot be negative"),
        ({"flags": -(10**5000)}, "flags: named bits cannot be negative"),
        ({"flags": BitString(b"", 0)}, "flags: expected int, not BitString"),
        ({"null": False}, "null: expected Null, not bool"),
        ({"any": b"\5\0"}, "any: expected TLV, not bytes"),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)
def test_values_that_do_not_fit(components: dict[str, Any], text: str) -> None:
    with pytest.raises(EncodeError) as caught:
        Leaves(**components)
    assert str(caught.value) == f"Leaves.{text}"
    assert caught.value.path == f"Leaves.{next(iter(components))}"
    assert caught.value.problem == text.partition(": ")[2]
    assert isinstance(caught.value, ValueError)


def test_sizes_of_values() -> None:
    assert Sizes(octets=b"12", exact=b"123", open_end=b"12", text="ééé", wide="\U0001f600", half_wide="x").der
    for components in (
        {"octets": b"1"},
        {"octets": b"12345"},
        {"exact": b""},
        {"text": "éééé"},
        {"wide": ""},
        {"half_wide": "xxx"},
    ):
        with pytest.raises(EncodeError, match=rf"^Sizes\.{next(iter(components))}: "):
            Sizes(**components)
    for items in ([], [1] * 4):
        with pytest.raises(EncodeError, match=rf"^Small: {len(items)} elements where 1 to 3 are required$"):
            Small(items)


def test_paths_lead_to_the_wrong_value() -> None:
    with pytest.raises(EncodeError) as caught:
        Repeated(small=[1, "x"])
    assert str(caught.value) == "Repeated.small[1]: expected int, not str"


# --- open types ---


@pytest.mark.parametrize(
    ("oid", "value", "text"),
    [
        ("1.2.3.1", "x", "Opened.first_value: expected int, not str"),
        ("1.2.3.3", [1, "x"], "Opened.first_value[1]: expected int, not str"),
        ("1.2.3.3", Inner(number=1), "Opened.first_value: expected Small, not Inner"),
        ("1.2.3.99", 5, "Opened.first_value: no type is known for the values of 1.2.3.99; give a record or TLV(der)"),
        (
            "1.2.3.99",
            Small,
            "Opened.first_value: no type is known for the values of 1.2.3.99; give a record or TLV(der)",
        ),
        ("1.2.3.99", None, "Opened.first_value: required, but None was given"),
        ([], TLV(b"\5\0"), "Opened.first: expected str, not list"),
        ({}, 5, "Opened.first: expected str, not dict"),
        ("x", 5, "Opened.first: not an object identifier in dotted decimal form: 'x'"),
        (None, 5, "Opened.first: required, but None was given"),
    ],
)
def test_open_types_with_wrong_values(oid: Any, value: Any, text: str) -> None:
    with pytest.raises(EncodeError) as caught:
        Opened(first=oid, first_value=value)
    assert str(caught.value) == text


def test_open_type_without_its_identifier() -> None:
    with pytest.raises(TypeError, match=r"^Opened\(\) lacks first$"):
        Opened(first_value=5)


# --- plain values ---


def test_plain_values_stand_for_records() -> None:
    """Dicts for SEQUENCE and CHOICE, lists and tuples for SEQUENCE OF and SET OF, records anywhere between."""
    tree = Tree(label="a", left=Tree(right=Tree(label="b")))
    assert Tree(label="a", left={"right": {"label": "b"}}) == tree
    assert Tree.from_plain({"label": "a", "left": {"right": Tree(label="b")}}) == tree
    assert Outer(wrapped={"number": 5}) == Outer(wrapped=Inner(number=5))
    assert Outer.from_plain({"inner": {"text": "x"}}) == Outer(inner=Inner(text="x"))
    assert Small.from_plain([1, 2]) == Small.from_plain((1, 2)) == Small([1, 2])
    assert Opened(first="1.2.3.3", first_value=[1, 2]).first_value == Small([1, 2])
    assert Opened(first="1.2.3.4", first_value={"number": 5}).first_value == Inner(number=5)
    assert Defaults(record=[1]) == Defaults()
    assert Repeated(numbers=[3, 1], plain=(2, 1)) == Repeated(numbers=Numbers([1, 3]), plain=Numbers([1, 2]))
    assert cmpcodec.PKIBody(error={"pki_status_info": {"status": 2}}).error.pki_status_info.status == 2


@pytest.mark.parametrize(
    ("components", "text"),
    [
        ({"left": {"label": 5}}, "Tree.left.label: expected str, not int"),
        ({"left": {"right": {"left": 5}}}, "Tree.left.right.left: expected Tree, not int"),
        ({"left": {"unknown": 5}}, "Tree.left: Tree() has no component 'unknown'; it has label, left, right"),
        ({"left": {5: 5}}, "Tree.left: the names of the components of Tree are texts"),
        ({"left": {10**5000: 5}}, "Tree.left: the names of the components of Tree are texts"),
        ({"left": []}, "Tree.left: expected Tree, not list"),
        ({"left": [("label", "x")]}, "Tree.left: expected Tree, not list"),
    ],
)
def test_plain_values_that_do_not_fit(components: dict[str, Any], text: str) -> None:
    with pytest.raises(EncodeError) as caught:
        Tree(**components)
    assert str(caught.value).startswith(text)


def test_plain_values_of_a_choice() -> None:
    for wrong in ({}, {"number": 1, "text": "x"}, {"number": None}):
        with pytest.raises(
            EncodeError, match=r"^Outer\.wrapped: Inner\(\) takes exactly one alternative, \d were given$"
        ):
            Outer(wrapped=wrong)


def test_names_that_are_made_at_run_time() -> None:
    """Keys that come from a file are other objects than those of the schema."""
    plain = json.loads('{"error": {"pki_status_info": {"status": 2, "status_string": ["no"]}}}')
    assert cmpcodec.PKIBody.from_plain(plain) == cmpcodec.PKIBody(
        error={"pki_status_info": {"status_string": ("no",), "status": 2}}
    )
    with pytest.raises(EncodeError, match=r"^PKIBody\.error: ErrorMsgContent\(\) has no component 'status'"):
        cmpcodec.PKIBody.from_plain(json.loads('{"error": {"status": 2}}'))


def test_other_dicts_and_lists() -> None:
    """Subclasses of list and tuple are read as they iterate; subclasses of dict stand for nothing."""

    class Two(list[int]):
        def __iter__(self) -> Iterator[int]:
            return iter((7, 8))

    class Named(dict[str, int]):
        pass

    assert Repeated.from_plain({"small": Two([1])}) == Repeated(small=[7, 8])
    assert Small.from_plain(Two([1])) == Small.from_plain(BitString(7, 8)) == Small([7, 8])  # type: ignore[arg-type]
    assert Inner.from_plain(Named(number=1)) == Inner(number=1)
    with pytest.raises(EncodeError, match=r"^Outer\.wrapped: expected Inner, not Named$"):
        Outer.from_plain({"wrapped": Named(number=1)})
    for wrong in ([("number", 1)], 5, None, Inner(number=1)):
        with pytest.raises(TypeError):
            Inner.from_plain(wrong)
    with pytest.raises(TypeError):
        Null.from_plain({"a": 1})
    assert TLV.from_plain(b"\5\0") == TLV(b"\5\0")


@pytest.mark.parametrize("size", [2, 3, 31, 32, 33, 500])
def test_the_order_of_a_set(size: int) -> None:
    """Any order of elements, some of them equal, some the beginning of others, gives the same DER."""
    numbers = [(n * 7919) % 1009 - 500 << 8 * (n % 3) for n in range(size)] + [5, 5]
    ordered = sorted(Numbers([n]).der[2:] for n in numbers)
    record = Numbers(numbers)
    assert record.der.endswith(b"".join(ordered))
    assert Numbers.decode(record.der) == record == Numbers.from_plain(numbers[::-1]) == Numbers(sorted(numbers))
    assert Repeated.from_plain({"numbers": numbers, "plain": tuple(numbers)}).plain == record


@pytest.mark.parametrize(
    "bits", [0, 1, 0x80, 0x100, 0x8001, 1 << 61, 1 << 62, (1 << 63) - 1, 1 << 63, 1 << 64, 1 << 70]
)
def test_named_bits(bits: int) -> None:
    record = Leaves(flags=bits)
    octets = (bits.bit_length() + 7) // 8
    reverse = int(f"{bits:0{8 * octets}b}"[::-1], 2).to_bytes(octets, "big") if bits else b""
    assert record.der.endswith(bytes([3, octets + 1, 8 * octets - bits.bit_length()]) + reverse)
    assert Leaves.decode(record.der).flags == bits
