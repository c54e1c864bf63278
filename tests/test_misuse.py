"""Objects that lie, code that runs while a record is made, threads, memory: nothing breaks, nothing leaks."""

from __future__ import annotations

import gc
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from unittest.mock import Mock

import pytest

import cmpcodec
from cmpcodec import TLV, BitString, EncodeError, Null, ObjectIdentifier, PKIStatusInfo
from tests.agreement import read, rebuild
from tests.engines import running

ENGINE = running()
TYPES = ENGINE.types
probes = ENGINE.probes
Leaves = probes.Leaves
Small = probes.Small
Inner = probes.Inner
Opened = probes.Opened
Tree = probes.Tree
Oids = probes.Oids
Times = probes.Times
Values = probes.Values
Many = probes.Many
OID = ObjectIdentifier("1.2.3.4")


# --- objects that lie, and code that runs while a record is made ---


def test_mocks_are_not_records() -> None:
    """A Mock says that its __class__ is what it stands for."""
    with pytest.raises(EncodeError, match=r"^PKIMessage\.header: expected PKIHeader, not Mock$"):
        cmpcodec.PKIMessage(header=Mock(spec=cmpcodec.PKIHeader), body=Mock(spec=cmpcodec.PKIBody))
    for name, kind in {
        "integer": int,
        "octets": bytes,
        "utf8": str,
        "bits": BitString,
        "generalized": datetime,
    }.items():
        with pytest.raises(EncodeError, match=f"^Leaves.{name}: expected {kind.__name__}, not Mock$"):
            Leaves(**{name: Mock(spec=kind)})
    with pytest.raises(EncodeError, match="no type is known"):
        Opened(first="1.2.3.99", first_value=Mock(spec=TLV))


class Evil(str):
    """Text that runs `action` when it is hashed."""

    action: Callable[[], Any]

    def __hash__(self) -> int:
        self.action()
        return 5

    __eq__ = str.__eq__


def test_a_list_that_shrinks_while_it_is_encoded() -> None:
    items: list[Any] = [OID] * 40
    evil = Evil("1.2.3.99")
    evil.action = items.clear
    items.append(evil)
    assert len(Oids(items)) == 41
    moments: list[Any] = [datetime(2020, 1, 1, tzinfo=UTC)] * 40

    class Moment(datetime):
        @property
        def tzinfo(self) -> Any:  # type: ignore[override]
            moments.clear()
            gc.collect()
            return UTC

    moments.append(Moment(2020, 1, 1, tzinfo=UTC))
    assert len(Times(moments)) == 41


@pytest.mark.parametrize("size", [1, 5, 40])
def test_plain_values_that_change_while_they_are_encoded(size: int) -> None:
    """A dict or list counts as it was when it was reached, and what was in it stays alive."""
    evil = Evil("1.2.3.99")
    own: dict[str, Any] = {"info_type": evil, "info_value": TLV(b"\4\1" + b"x")}
    elements: list[Any] = []
    plain: dict[str, Any] = {}

    def action() -> None:
        for each in (own, elements, plain):
            each.clear()
        gc.collect()

    evil.action = action
    for place in {0, size // 2, size - 1}:
        own.update(info_type=evil, info_value=TLV(b"\4\1" + b"x"))
        elements[:] = [{"info_type": f"1.2.3.{1000 + n}", "info_value": TLV(b"\5\0")} for n in range(size)]
        elements[place] = own
        plain["genm"] = elements
        found = cmpcodec.PKIBody.from_plain(plain).genm
        assert [each.info_type for each in found] == [evil if n == place else f"1.2.3.{1000 + n}" for n in range(size)]


def test_a_record_that_is_made_while_it_is_made() -> None:
    record = Leaves.__new__(Leaves)
    evil = Evil("1.2.3.99")
    evil.action = lambda: record.__init__(oid=OID)
    with pytest.raises(TypeError, match="cannot change"):
        record.__init__(oid=evil)
        record.__init__(oid=OID)
    assert Leaves.decode(record.der) == record
    assert record.oid in (OID, "1.2.3.99")


@pytest.mark.parametrize("cls", [Leaves, Inner, TLV, Null])
def test_a_record_that_was_never_made(cls: Any) -> None:
    empty = cls.__new__(cls)
    uses: list[Callable[[], Any]] = [
        lambda: empty.der,
        lambda: hash(empty),
        lambda: empty == cls.__new__(cls),
        lambda: pickle.dumps(empty),
        lambda: cmpcodec.children(empty),
        lambda: Values([empty]),
        lambda: Leaves(null=empty, any=empty),
    ]
    for use in uses:
        with pytest.raises((TypeError, AttributeError, EncodeError)):
            use()


@pytest.mark.parametrize("items", [(), (b"",), (b"", 0, 0), (0, b"")])
def test_bit_strings_of_another_length(items: tuple[Any, ...]) -> None:
    """A tuple that has BitString's class only."""
    with pytest.raises(EncodeError, match=r"^Leaves\.bits: "):
        Leaves(bits=tuple.__new__(BitString, items))


def test_text_of_an_enum_member_does_not_become_an_identifier() -> None:
    class Names(str, Enum):  # noqa: UP042 - a str whose str() is another text
        ONE = "1.2.3.4.5"

    assert Oids([Names.ONE])[0] == "1.2.3.4.5"
    with pytest.raises(EncodeError):
        Oids(["Names.ONE"])


def test_foreign_objects_and_fields() -> None:
    """Descriptors and functions of one record class, used on others."""
    field = Leaves.__dict__["integer"]
    assert Leaves.integer is field
    assert (field.name, field.number, field.choice) == ("integer", 1, False)
    with pytest.raises((TypeError, AttributeError)):
        field.__get__(5, int)
    with pytest.raises((TypeError, AttributeError)):
        field.__get__(Leaves.__new__(Leaves), Leaves)
    for record in (Small([1]), Inner(number=1), TLV(b"\5\0"), Null(), Tree()):
        try:
            field.__get__(record, type(record))
        except (TypeError, AttributeError, IndexError, KeyError):
            continue
    with pytest.raises((TypeError, AttributeError)):
        cmpcodec.children(5)  # type: ignore[arg-type]


def test_last_of_many_components() -> None:
    record = Many(c0=1, c30=2, last=True)
    for one in (record, Many.decode(record.der)):
        assert (one.c0, one.c1, one.c29, one.c30, one.last) == (1, None, None, 2, True)
    assert Many.decode(Many(last=False).der).last is False


# --- threads ---


def test_threads_that_read_the_same_record_get_the_same_values() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for round_ in range(60):
            record = Values([TLV(Oids([f"1.2.{round_}.{i}{'.1' * 40}"]).der) for i in range(4)])
            oids = [Oids.decode(one.der) for one in record]
            found: list[list[Any]] = []
            threads = [
                threading.Thread(
                    target=lambda found=found, oids=oids: found.append([each for one in oids for each in one])
                )
                for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            final = [each for one in oids for each in one]
            assert all(one is other for values in found for one, other in zip(values, final, strict=True))
    finally:
        sys.setswitchinterval(interval)


# --- memory ---


def garbage() -> Iterator[Any]:
    yield from probes.samples()
    with pytest.raises(EncodeError):
        Small([1, "x"])
    with pytest.raises(cmpcodec.DecodeError):
        Leaves.decode(b"\x30\3\xa1\1\1")
    for record in probes.samples():
        read(ENGINE, record)
        yield pickle.dumps(record) if type(record).__module__.startswith("cmpcodec.") else rebuild(ENGINE, record)


def test_records_leave_nothing_behind() -> None:
    """In the compiled engine reference counts alone free records; the nodes of the other one refer to each other."""
    for _ in range(3):
        for _one in garbage():
            pass
    gc.collect()
    gc.disable()
    try:
        before = sys.getallocatedblocks()
        for _ in range(50):
            for _one in garbage():
                pass
        del _one
        if cmpcodec.engine == "python":
            gc.collect()
        after = sys.getallocatedblocks()
    finally:
        gc.enable()
    assert after - before < 500


# --- classes of the user's own ---


def test_classes_derive_from_record_classes_only() -> None:
    """Whatever would give a record room for more, or another way to be made, is refused when the class is made."""

    class Mixin:
        pass

    class Slotted:
        __slots__ = ("__dict__",)

    for bases in ((Mixin, PKIStatusInfo), (PKIStatusInfo, Mixin), (Slotted, PKIStatusInfo), (PKIStatusInfo, int)):
        with pytest.raises(TypeError):
            type(PKIStatusInfo)("Mixed", bases, {})
    for name in ("__init__", "__new__", "__slots__"):
        with pytest.raises(TypeError, match=f"has no {name} of its own"):
            type(PKIStatusInfo)("Own", (PKIStatusInfo,), {name: ("a",)})


def test_a_subclass_may_have_methods() -> None:
    class Status(PKIStatusInfo):
        def twice(self) -> int:
            return 2 * self.status

    for _ in range(600):  # more than any store of spare records holds
        made = [Status(status=n) for n in range(5)] + [Status.decode(b"\x30\3\2\1" + bytes((n,))) for n in range(5)]
        assert [one.twice() for one in made] == 2 * [0, 2, 4, 6, 8]
        assert {type(one) for one in made} == {Status}
        del made


def test_records_take_turns_in_memory() -> None:
    """Records of different classes and sizes, made and dropped in turns, never show anything of those before them."""
    many = Many.decode(Many(**{f"c{n}": n for n in range(31)}).der)
    for _ in range(300):
        kept = [
            Leaves.decode(Leaves(integer=5).der),
            Inner.decode(Inner(number=7).der),
            Small.decode(Small([1, 2, 3]).der),
        ]
        assert [many.c0, many.c30, many.last] == [0, 30, None]
        assert (kept[0].integer, kept[0].utf8, kept[1].number, kept[1].text, list(kept[2])) == (
            5,
            None,
            7,
            None,
            [1, 2, 3],
        )
        assert Leaves().der == b"0\0"
        assert Leaves().integer is None
        many = Many.decode(many.der)


def test_threads_that_make_and_drop_records() -> None:
    def work(seed: int) -> None:
        for number in range(400):
            record = Opened(first="1.2.3.3", first_value=[seed, number])
            again = Opened.decode(record.der)
            good.append(list(again.first_value) == [seed, number] and again == record)

    good: list[bool] = []
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(good) == 1600
    assert all(good)


def test_record_that_holds_another_that_ends_last() -> None:
    """A value outlives the record that it was read from."""
    values = []
    for number in range(600):
        record = Tree.decode(Tree(left=Tree(label=str(number)), right=Tree(left=Tree(label="x"))).der)
        values.append((record.left, record.right.left, record.left.label))
        del record
        gc.collect(0)
    assert [(left.label, inner.label, label) for left, inner, label in values] == [
        (str(n), "x", str(n)) for n in range(600)
    ]
