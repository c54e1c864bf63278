"""What a record is: frozen, equal by bytes, hashable, picklable, replaceable, readable to the last attribute."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import cmpcodec
from cmpcodec import TLV, BitString, EncodeError, GeneralName, Name, Null, ObjectIdentifier, PKIFreeText, PKIStatusInfo
from cmpcodec.asn1 import Sequence
from tests import strategies
from tests.agreement import read, rebuild
from tests.engines import running
from tests.mutations import tlv

ENGINE = running()
TYPES = ENGINE.types
probes = ENGINE.probes
Leaves = probes.Leaves
Small = probes.Small
Numbers = probes.Numbers
Inner = probes.Inner
Outer = probes.Outer
Opened = probes.Opened
Defaults = probes.Defaults
Tree = probes.Tree
Boxed = probes.Boxed
Repeated = probes.Repeated
Flags = probes.Flags
Colour = probes.Colour
OID = ObjectIdentifier("1.2.3.4")


every_record = pytest.mark.parametrize("record", probes.samples(), ids=lambda one: f"{type(one).__name__}")


# --- frozen, equal, hashable ---


@every_record
def test_nothing_can_be_set_or_deleted(record: Any) -> None:
    before = record.der
    for name in ("der", "integer", "anything", "__class__"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(record, name, 5)
        with pytest.raises((AttributeError, TypeError)):
            delattr(record, name)
    with pytest.raises(TypeError):
        record.__init__()
    with pytest.raises((AttributeError, TypeError)):
        record.__dict__  # noqa: B018 - reading it is the test
    assert record.der is record.der or record.der == before


@every_record
def test_equality_is_that_of_class_and_bytes(record: Any) -> None:
    same = type(record).decode(record.der)
    assert record == same
    assert not record != same  # noqa: SIM202 - this operator is what is tested
    assert hash(record) == hash(same) == hash(record.der)
    assert record != record.der
    assert record != None  # noqa: E711 - the operator is the test
    assert (record == TLV(record.der)) is (type(record) is TLV)
    assert {record: 1}[same] == 1


def test_a_subclass_is_another_class() -> None:
    class Message(PKIStatusInfo):
        """A class of the user's own."""

    assert Message(status=0) != PKIStatusInfo(status=0)
    assert Message(status=0).der == PKIStatusInfo(status=0).der
    assert Message.decode(b"\x30\3\2\1\0").status == 0
    assert PKIStatusInfo.decode(Message(status=0).der) == PKIStatusInfo(status=0)


@every_record
def test_copies_and_pickles(record: Any) -> None:
    assert copy.copy(record) is record
    assert copy.deepcopy(record) is record
    if type(record).__module__.startswith("cmpcodec."):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(record, protocol))
            assert again == record
            assert type(again) is type(record)


def test_pickles_of_records_beyond_the_default_limits() -> None:
    """A record that wider limits let in, or that was built, comes back from its pickle."""
    text = PKIFreeText(["x"] * 1000)
    assert pickle.loads(pickle.dumps(text)) == text
    big = TLV(tlv(4, bytes(1 << 20)))
    assert pickle.loads(pickle.dumps(big)) == big


def test_pickle_does_not_lift_limits() -> None:
    data = tlv(5)
    for _ in range(2000):
        data = tlv(0x30, bytes.fromhex("06092a864886f70d010108"), data)
    levels, inner = 0, pickle.loads(pickle.dumps(cmpcodec.AlgorithmIdentifier.decode(data)))
    while type(inner) is cmpcodec.AlgorithmIdentifier:
        inner, levels = inner.parameters, levels + 1
    assert levels <= 32


# --- input ---


@pytest.mark.parametrize(
    "kind", [bytearray, memoryview, lambda data: memoryview(bytearray(data)), type("Sub", (bytes,), {})]
)
def test_input_of_other_kinds_is_copied(kind: Callable[[bytes], Any]) -> None:
    data = kind(Leaves(utf8="hello").der)
    record = Leaves.decode(data)
    if isinstance(data, bytearray) or (isinstance(data, memoryview) and not data.readonly):
        data[:] = bytes(len(data))
    assert type(record.der) is bytes
    assert record.utf8 == "hello"
    assert record == Leaves(utf8="hello")


def test_memoryview_with_steps() -> None:
    data = bytes(octet for each in Small([5]).der for octet in (each, 0xFF))
    assert Small.decode(memoryview(data)[::2]) == Small([5])


@pytest.mark.parametrize("data", [None, "0\0", 5, [48, 0], object()])
def test_input_of_wrong_kinds(data: Any) -> None:
    with pytest.raises(TypeError, match="expected bytes, bytearray or memoryview, not"):
        Leaves.decode(data)


def test_decoding_keeps_the_bytes_themselves() -> None:
    data = Small([1, 2]).der
    assert Small.decode(data).der is data


# --- reading ---


@settings(derandomize=True, deadline=None, database=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(strategies.records(cmpcodec.PKIMessage))
def test_reading_never_fails(message: Any) -> None:
    for one in (message, cmpcodec.decode(message.der)):
        assert read(ENGINE, one) > 1
        assert rebuild(ENGINE, one) == message


@pytest.mark.parametrize("key", sorted(TYPES))
def test_every_type_can_be_made_and_read(key: str) -> None:
    @settings(derandomize=True, deadline=None, database=None, max_examples=10, suppress_health_check=list(HealthCheck))
    @given(strategies.records(TYPES[key]))
    def check(record: Any) -> None:
        again = TYPES[key].decode(record.der)
        assert again == record
        assert read(ENGINE, again) == read(ENGINE, record)
        assert rebuild(ENGINE, again).der == record.der

    check()


@pytest.mark.parametrize("key", sorted(key for key in TYPES if issubclass(TYPES[key], Sequence)))
def test_replace_does_what_the_constructor_does(key: str) -> None:
    cls = TYPES[key]

    def outcome(make: Callable[..., Any], components: dict[str, Any]) -> Any:
        try:
            return make(**components).der
        except (EncodeError, TypeError) as error:
            return type(error), str(error)

    @settings(derandomize=True, deadline=None, database=None, max_examples=10, suppress_health_check=list(HealthCheck))
    @given(strategies.records(cls), strategies.records(cls))
    def check(record: Any, other: Any) -> None:
        kept = {name: getattr(record, name) for name in cls._component_names}
        for one in (record, cls.decode(record.der)):
            assert one.replace() == record
            for name in kept:
                for value in (getattr(other, name), None):
                    change = {name: value}
                    assert outcome(one.replace, change) == outcome(cls, kept | change)

    check()


@every_record
def test_values_are_made_once(record: Any) -> None:
    for first, second in zip(cmpcodec.children(record), cmpcodec.children(record), strict=True):
        assert first.value is second.value
        if first.name:
            assert getattr(record, first.name) is first.value


def test_children_and_their_offsets() -> None:
    data = bytes.fromhex("3012 a105 0203010000 a509 0c07 c3a9616161c3a9".replace(" ", ""))
    record = Leaves.decode(data)
    assert cmpcodec.children(record) == (("integer", 65536, 2, 9), ("utf8", "éaaaé", 9, 20))
    assert [data[child.start : child.end].hex() for child in cmpcodec.children(record)] == [
        "a1050203010000",
        "a5090c07c3a9616161c3a9",
    ]
    assert cmpcodec.children(TLV(b"\5\0")) == cmpcodec.children(Null()) == ()
    long = Leaves.decode(Leaves(octets=bytes(300)).der)
    assert [(child.start, child.end) for child in cmpcodec.children(long)] == [(4, 312)]
    items = Small.decode(Small([1, 256]).der)
    assert cmpcodec.children(items) == ((None, 1, 2, 5), (None, 256, 5, 9))
    choice = Outer.decode(Outer(wrapped=Inner(number=5)).der)
    assert cmpcodec.children(choice) == (("wrapped", Inner(number=5), 0, 5),)
    assert cmpcodec.children(choice.wrapped) == (("number", 5, 2, 5),)


def test_der_of_tagged_children_stands_alone() -> None:
    """IMPLICIT tags are taken off, at the top as well as inside."""
    small = Small([1, 2])
    for record in (
        Repeated(small=small).small,
        Repeated.decode(Repeated(small=small).der).small,
        Outer(small=small).small,
        Outer.decode(Outer(small=small).der).small,
        Outer.decode(Outer(again=Outer(small=small)).der).again.small,
    ):
        assert record == small
        assert record.der == small.der
        assert Small.decode(record.der) == small
    boxed = Outer.decode(bytes.fromhex("a6020500")).certificate
    assert (boxed.der, boxed.tag, boxed.content) == (b"\x30\2\5\0", 0x30, b"\5\0")
    tree = Outer.decode(Outer(tree=Tree(left=Tree(left=Tree(label="x")))).der).tree
    assert tree.left.left.der == Tree(label="x").der
    name = GeneralName(other_name=cmpcodec.pkix.OtherName(type_id=OID, value=TLV(b"\5\0")))
    assert GeneralName.decode(name.der).other_name.der[0] == 0x30


def test_defaults_and_absent_components() -> None:
    record = Defaults.decode(b"0\0")
    assert record == Defaults() == Defaults(number=0, text="é", record=[1], bits=BitString(b"\x80", 7), flags=Flags(0))
    assert (record.number, record.colour, record.text, record.flag) == (0, Colour.GREEN, "é", True)
    assert record.record == Small([1])
    assert cmpcodec.children(record) == ()
    assert Leaves.decode(b"0\0").integer is None
    assert Defaults(number=None, record=None) == Defaults()


def test_defaults_are_recognised_by_their_bytes() -> None:
    """However a DEFAULT is spelt, it is not encoded."""

    class MySmall(Small):  # type: ignore[misc,valid-type]
        """A class of the user's own."""

    class Odd(int):
        """An integer that equals nothing."""

        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = int.__hash__

    for components in ({"record": [1]}, {"record": (1,)}, {"record": MySmall([1])}, {"number": Odd(0)}, {"colour": 1}):
        record = Defaults(**components)
        assert record.der == b"0\0"
        assert Defaults.decode(record.der) == record
    assert Defaults(number=Odd(1)).number == 1


def test_numbers_with_names() -> None:
    assert Leaves(colour=Colour.RED).colour is Colour.RED
    assert Leaves(colour=0).colour is Colour.RED
    assert Leaves.decode(Leaves(colour=-1).der).colour is Colour.INFRARED
    assert type(Leaves(colour=77).colour) is int
    assert Leaves(enumerated=1 << 70).enumerated is Colour.ULTRAVIOLET


def test_named_bits() -> None:
    flags = Leaves.decode(Leaves(flags=Flags.FIRST | Flags.NINTH | 1 << 40).der).flags
    assert type(flags) is Flags
    assert Flags.NINTH in flags
    assert Flags.SECOND not in flags
    assert list(flags) == [Flags.FIRST, Flags.NINTH, Flags(1 << 40)]
    assert flags.names == ("FIRST", "NINTH", "bit 40")
    assert Leaves(flags=0).flags == Flags(0)
    with pytest.raises(ValueError, match="cannot be negative"):
        Flags(-1)


# --- replace ---


def test_replace() -> None:
    record = Leaves(integer=5, utf8="x", any=TLV(b"\5\0"))
    assert record.replace(integer=6) == Leaves(integer=6, utf8="x", any=TLV(b"\5\0"))
    assert record.replace(utf8=None, any=None) == Leaves(integer=5)
    assert record.replace() == record
    assert record == Leaves(integer=5, utf8="x", any=TLV(b"\5\0"))
    with pytest.raises(TypeError, match="no component 'unknown'"):
        record.replace(unknown=5)
    with pytest.raises(EncodeError, match=r"^Leaves\.integer: expected int, not str$"):
        record.replace(integer="5")
    assert Defaults(number=5).replace(number=None) == Defaults()


# --- match ---


def test_match() -> None:
    match Outer.decode(Outer(wrapped=Inner(text="x")).der):
        case Outer(small=Small()):
            found = "small"
        case Outer(wrapped=Inner(text=str() as found)):
            pass
        case _:
            found = ""
    assert found == "x"
    with pytest.raises(TypeError, match="accepts 0 positional sub-patterns"):
        match Inner(text="x"):
            case Inner("x"):
                pass


# --- CHOICE ---


def test_choice() -> None:
    choice = Outer.decode(Outer(inner=Inner(nothing=Null())).der)
    assert (choice.name, choice.inner.name) == ("inner", "nothing")
    assert choice.value is choice.inner
    assert choice.inner.value == Null()
    assert choice.small is choice.wrapped is choice.any is None
    assert choice.inner.number is choice.inner.text is None


@pytest.mark.parametrize(
    ("components", "text"),
    [
        ({}, "Inner() takes exactly one alternative, 0 were given"),
        ({"number": None}, "Inner() takes exactly one alternative, 0 were given"),
        ({"number": 1, "text": "x"}, "Inner() takes exactly one alternative, 2 were given"),
        ({"unknown": 1}, "Inner() has no component 'unknown'; it has number, text, nothing"),
        ({"number": 1, "unknown": None}, "Inner() has no component 'unknown'; it has number, text, nothing"),
    ],
)
def test_choice_takes_one_alternative(components: dict[str, Any], text: str) -> None:
    with pytest.raises(TypeError) as caught:
        Inner(**components)
    assert str(caught.value) == text


def test_choice_with_none_beside() -> None:
    assert Inner(number=5, text=None, nothing=None) == Inner(number=5)


# --- SEQUENCE OF and SET OF ---


@pytest.mark.parametrize("made", [Small([5, 6, 7]), Small.decode(Small([5, 6, 7]).der)])
def test_sequence_of_is_a_sequence(made: Any) -> None:
    assert len(made) == 3
    assert list(made) == [5, 6, 7]
    assert (made[0], made[-1], made[True], made[1:], made[::-2]) == (5, 7, 6, (6, 7), (7, 5))
    assert 6 in made
    assert 8 not in made
    assert list(reversed(made)) == [7, 6, 5]
    assert repr(made) == "Small([5, 6, 7])"
    for index in (3, -4, 1 << 70, -(1 << 70)):
        with pytest.raises(IndexError):
            made[index]
    for index in (1.0, "1", None):
        with pytest.raises(TypeError):
            made[index]
    with pytest.raises(TypeError):
        made[0] = 5
    with pytest.raises(TypeError):
        del made[0]


def test_sequence_of_from_any_iterable() -> None:
    numbers = [1, 2]
    for items in (
        numbers,
        (1, 2),
        iter(numbers),
        (n for n in numbers),
        {1: 0, 2: 0},
        Small(numbers),
        range(1, 3),
    ):
        assert Small(items) == Small([1, 2])
    assert list(Numbers()) == list(Numbers([])) == []
    numbers.append(3)
    assert len(Small(numbers)) == 3


def test_set_of_is_sorted() -> None:
    assert list(Numbers([300, 5, 256, -1, 5])) == [5, 5, -1, 256, 300]
    assert Numbers([2, 1]) == Numbers([1, 2])
    repeated = Repeated(numbers=[2, 1], plain=(3, 2))
    assert (list(repeated.numbers), list(repeated.plain)) == ([1, 2], [2, 3])


def test_lists_stand_for_records() -> None:
    assert Name([[]][:0]) == Name([])
    attribute = cmpcodec.pkix.AttributeTypeAndValue(type=OID, value=TLV(b"\5\0"))
    assert Name([[attribute], (attribute,)])[1][0] == attribute
    with pytest.raises(EncodeError, match=r"^Name\[1\]\[0\]: expected AttributeTypeAndValue, not int$"):
        Name([[attribute], [5]])


# --- TLV, Null and open types ---


@pytest.mark.parametrize("der", [b"\5\0", b"\x30\3\2\1\5", b"\x9f\x81\x01\1A", b"\x04\x81\x80" + bytes(128)])
def test_tlv(der: bytes) -> None:
    for record in (TLV(der), TLV.decode(der), TLV(bytearray(der))):
        assert record.der == der
        assert type(record.der) is bytes
        assert (record.tag, der.endswith(record.content)) == (der[0], True)
    assert repr(TLV(der)) == f"TLV({der!r})"


@pytest.mark.parametrize(
    ("der", "text"),
    [
        (b"", "TLV: expected a value, found no data, at byte 0"),
        (b"\5", "TLV: header is cut off, at byte 0"),
        (b"\5\0\0", "TLV: 1 octet after the end of the value, at byte 2"),
        (b"\x24\0", "TLV: tag 0x24 is not the DER form of its type, at byte 0"),
        ("\5\0", "TLV: expected the DER of one value as bytes, not str"),
        (None, "TLV: expected the DER of one value as bytes, not NoneType"),
    ],
)
def test_tlv_of_nonsense(der: Any, text: str) -> None:
    with pytest.raises(EncodeError) as caught:
        TLV(der)
    assert str(caught.value) == text


def test_tlv_with_a_tag() -> None:
    assert Boxed(b"0\0").content == b""
    with pytest.raises(EncodeError, match=r"^Boxed: expected SEQUENCE, found NULL, at byte 0$"):
        Boxed(b"\5\0")


def test_open_types() -> None:
    def opened(oid: str, value: Any) -> Any:
        record = Opened(first=oid, first_value=value)
        assert Opened.decode(record.der).first_value == record.first_value
        return record.first_value

    assert opened("1.2.3.1", 5) == 5
    assert opened("1.2.3.2", "x") == "x"
    assert opened("1.2.3.3", [1, 2]) == Small([1, 2])
    assert opened("1.2.3.4", Inner(text="x")) == Inner(text="x")
    assert opened("1.2.3.6", Null()) == Null()
    assert opened("1.2.3.9", Flags.NINTH) == Flags.NINTH
    assert opened("1.2.3.99", TLV(b"\5\0")) == TLV(b"\5\0")
    assert opened("1.2.3.99", Small([1])) == TLV(Small([1]).der), "any record goes where the type is unknown"
    assert opened("1.2.3.1", TLV(b"\2\1\5")) == 5, "a TLV that conforms is opened"
    assert opened("1.2.3.1", TLV(b"\4\1\5")) == TLV(b"\4\1\5"), "one that does not is kept"
    assert opened("1.2.3.7", TLV(b"\4\1\5")) == TLV(b"\4\1\5")


def test_opened_values_outlive_what_they_were_read_from() -> None:
    plain = [[{"type": "2.5.4.3", "value": {"utf8_string": f"name {i}"}}] for i in range(100)]
    name = Name.decode(Name.from_plain(plain).der, limits=cmpcodec.Limits(max_repeat=100))
    values = [rdn[0].value for rdn in name]
    del name
    assert [value.utf8_string for value in values] == [f"name {i}" for i in range(100)]
    assert [value.der for value in values] == [tlv(0x0C, f"name {i}".encode()) for i in range(100)]
