"""Every limit at n, where the input is accepted, and at n + 1, where it is LimitExceeded; what Limits can raise and what not.

The numbers stand here once more on purpose: to change a default takes a change here and a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import cmpcodec
from cmpcodec import LimitExceeded, Limits
from cmpcodec._engine.values import MAX_DEPTH
from cmpcodec.errors import counted
from tests.engines import running
from tests.mutations import length_octets, tlv

TYPES = running().types
Chain, Values, Bounded, Opened, Guarded, Leaves, Oids, Tree = (
    TYPES[f"probes.{name}"] for name in ("Chain", "Values", "Bounded", "Opened", "Guarded", "Leaves", "Oids", "Tree")
)
HUGE = 1 << 40
WIDE = Limits(HUGE, HUGE, HUGE, HUGE)
NAME = tlv(0xA4, tlv(0x30))
HEADER = tlv(0x30, tlv(2, b"\2"), NAME, NAME)
CONFIRMATION = tlv(0xB3, tlv(5))


def refused(cls: Any, data: bytes, limits: Limits | None = None) -> str:
    """The text of a LimitExceeded."""
    with pytest.raises(LimitExceeded) as caught:
        cls.decode(data) if limits is None else cls.decode(data, limits=limits)
    assert caught.value.fail_info == "BAD_DATA_FORMAT"
    return str(caught.value)


def chain(levels: int) -> bytes:
    """SEQUENCEs inside each other."""
    headers, size = [], 0
    for level in reversed(range(levels)):
        headers.append(bytes((0xA0 if level else 0x30,)) + length_octets(size))
        size += len(headers[-1])
    return b"".join(reversed(headers))


def test_defaults_are_what_we_promise() -> None:
    assert Limits() == (262_144, 32, 10_000, None)


# --- size ---


def sized(size: int) -> bytes:
    """A SEQUENCE OF one OCTET STRING, that many octets in all (64 KiB or more)."""
    return tlv(0x30, tlv(4, bytes(size - 10)))


def test_size_by_default() -> None:
    data = sized(262_144)
    assert len(data) == 262_144
    assert Values.decode(data).der == data
    assert refused(Values, sized(262_145)) == "Values: 262145 octets, more than 262144, at byte 262144"


@pytest.mark.parametrize("most", [0, 1, 2, 11, 12])
def test_size_as_asked_for(most: int) -> None:
    data = tlv(0x30, tlv(4, bytes(8)))
    if most == len(data):
        assert Values.decode(data, limits=Limits(max_size=most)).der == data
    else:
        text = f"Values: 12 octets, more than {most}, at byte {most}"
        assert refused(Values, data, Limits(max_size=most)) == text


def test_size_counts_before_anything_else() -> None:
    """Not even the first octet of an input that is too long is looked at, and refusing it costs nothing."""
    text = "PKIMessage: 300000 octets, more than 262144, at byte 262144"
    for _ in range(1000):
        assert refused(cmpcodec.PKIMessage, bytes(300_000)) == text


def test_size_can_be_raised() -> None:
    data = tlv(0x30, tlv(4, bytes(1 << 20)))
    assert len(Values.decode(data, limits=Limits(max_size=HUGE))[0].content) == 1 << 20


# --- depth ---


def test_depth_by_default() -> None:
    record, levels = Chain.decode(chain(32)), 1
    while record.next is not None:
        record, levels = record.next, levels + 1
    assert levels == 32
    assert refused(Chain, chain(33)) == f"{'.'.join(['next'] * 32)}: more than 32 levels, at byte 64"


@pytest.mark.parametrize("most", [0, 1, 2, 31, 100])
def test_depth_as_asked_for(most: int) -> None:
    if most:
        assert Chain.decode(chain(most), limits=Limits(max_depth=most)).der == chain(most)
    assert f"more than {counted(most, 'level')}" in refused(Chain, chain(most + 1), Limits(max_depth=most))


def test_depth_counts_explicit_tags() -> None:
    """EXPLICIT [0] and the value in it are two levels."""
    data = tlv(0x30, tlv(0xA0, tlv(1, b"\xff")))
    assert Leaves.decode(data, limits=Limits(max_depth=3)).boolean is True
    assert refused(Leaves, data, Limits(max_depth=2)) == "boolean: more than 2 levels, at byte 4"


def test_depth_has_an_end_that_no_limit_raises() -> None:
    record = Chain.decode(chain(MAX_DEPTH), limits=WIDE)
    assert f"more than {MAX_DEPTH} levels" in refused(Chain, chain(MAX_DEPTH + 1), WIDE)
    levels = 1
    inner = record
    while inner.next is not None:
        inner, levels = inner.next, levels + 1
    assert levels == MAX_DEPTH
    del inner, record  # records that hold each other end by recursion: hence a bound that no limit raises


def test_depth_of_100_000_levels() -> None:
    for cls in (Chain, Values, cmpcodec.PKIMessage):
        for data in (chain(100_000), b"\x30\x80" * 100_000):
            for limits in (Limits(), WIDE):
                if cls is not Values or data[1] == 0x80:
                    with pytest.raises(cmpcodec.DecodeError):
                        cls.decode(data, limits=limits)


def test_depth_goes_on_in_opened_values() -> None:
    """An open type that opens itself: the counter is not set back at each opening."""

    def opened(levels: int) -> bytes:
        data = tlv(5)
        for _ in range(levels):
            data = tlv(0x30, bytes.fromhex("06032a0305"), data)
        return data

    record, levels = Opened.decode(opened(500)), 1
    while type(record.first_value) is Opened:
        record, levels = record.first_value, levels + 1
    assert type(record.first_value) is cmpcodec.TLV
    assert levels == 31  # the value of the innermost is on level 32
    wide = Opened.decode(opened(500), limits=Limits(max_depth=1000))
    for _ in range(499):
        wide = wide.first_value
    assert wide.first_value == cmpcodec.TLV(b"\5\0")


# --- nodes ---


def nodes(count: int) -> bytes:
    """A SEQUENCE OF with its elements, `count` in all."""
    return tlv(0x30, tlv(5) * (count - 1))


def test_nodes_by_default() -> None:
    assert len(Values.decode(nodes(10_000))) == 9_999
    assert refused(Values, nodes(10_001)) == "[9999]: more than 10000 elements, at byte 20002"


@pytest.mark.parametrize("most", [1, 2, 159, 160, 161, 162, 239, 240, 241, 361, 20_000])
def test_nodes_as_asked_for(most: int) -> None:
    """Around the sizes at which the compiled engine takes more memory, too."""
    assert len(Values.decode(nodes(most), limits=Limits(max_nodes=most))) == most - 1
    assert f"more than {counted(most, 'element')}" in refused(Values, nodes(most + 1), Limits(max_nodes=most))


def test_no_nodes_at_all() -> None:
    assert refused(Values, nodes(1), Limits(max_nodes=0)) == "Values: more than 0 elements, at byte 0"


def test_nodes_of_opened_values_are_counted_on_their_own() -> None:
    """A value that would take too many stays closed."""
    data = tlv(0x30, bytes.fromhex("06032a0303"), tlv(0x30, tlv(2, b"\5") * 3))
    assert len(Opened.decode(data).first_value) == 3
    assert type(Opened.decode(data, limits=Limits(max_nodes=3)).first_value) is cmpcodec.TLV


# --- repeats ---


def test_repeats_of_our_own_bound() -> None:
    assert len(Bounded.decode(tlv(0x30, b"\1\1\0" * 4))) == 4
    assert refused(Bounded, tlv(0x30, b"\1\1\0" * 5)) == "Bounded: more than 4 elements, at byte 14"


@pytest.mark.parametrize("most", [0, 1, 3, 5, 100])
def test_repeats_as_asked_for(most: int) -> None:
    """max_repeat takes the place of the schema's bound, above it and below."""
    limits = Limits(max_repeat=most)
    assert len(Bounded.decode(tlv(0x30, b"\1\1\0" * most), limits=limits)) == most
    data = tlv(0x30, b"\1\1\0" * (most + 1))
    assert refused(Bounded, data, limits) == f"Bounded: more than {counted(most, 'element')}, at byte {len(data) - 3}"


def test_repeats_never_raise_a_size() -> None:
    with pytest.raises(cmpcodec.DecodeError, match="more than 3 elements, its SIZE") as caught:
        TYPES["probes.Small"].decode(tlv(0x30, b"\2\1\0" * 4), limits=WIDE)
    assert type(caught.value) is cmpcodec.DecodeError


RDN = tlv(0x31, tlv(0x30, tlv(6, b"\x55\4\3"), tlv(0x0C, b"x")))
INFO = tlv(0x30, tlv(6, b"\x2a\3\4"))
CERTIFICATE = tlv(0x30)
REPEATED = {
    "extraCerts": ("PKIMessage", lambda n: message(extra=tlv(0xA1, tlv(0x30, CERTIFICATE * n))), 32),
    "generalInfo": ("PKIMessage", lambda n: message(tlv(0xA8, tlv(0x30, INFO * n))), 64),
    "freeText": ("PKIMessage", lambda n: message(tlv(0xA7, tlv(0x30, tlv(0x0C) * n))), 32),
    "CertReqMessages": ("PKIMessage", lambda n: message(body=tlv(0xA0, tlv(0x30, request() * n))), 32),
    "CertConfirmContent": (
        "PKIMessage",
        lambda n: message(body=tlv(0xB8, tlv(0x30, tlv(0x30, tlv(4), b"\2\1\0") * n))),
        32,
    ),
    "RevReqContent": ("PKIMessage", lambda n: message(body=tlv(0xAB, tlv(0x30, tlv(0x30, tlv(0x30)) * n))), 32),
    "RDNSequence": ("Name", lambda n: tlv(0x30, RDN * n), 64),
}


def request() -> bytes:
    return tlv(0x30, tlv(0x30, b"\2\1\0", tlv(0x30)))


def message(header: bytes = b"", body: bytes = CONFIRMATION, extra: bytes = b"") -> bytes:
    return tlv(0x30, tlv(0x30, HEADER[2:], header), body, extra)


@pytest.mark.parametrize("name", REPEATED)
def test_repeats_in_messages(name: str) -> None:
    cls, make, most = REPEATED[name]
    assert getattr(cmpcodec, cls).decode(make(most)).der == make(most)
    assert f"more than {most} elements" in refused(getattr(cmpcodec, cls), make(most + 1))


# --- nesting ---


def nested(levels: int) -> bytes:
    data = message()
    for _ in range(levels - 1):
        data = message(body=tlv(0xB4, tlv(0x30, data)))
    return data


def test_nesting_of_messages() -> None:
    assert cmpcodec.decode(nested(3)).body.nested[0].body.nested[0].body.name == "pkiconf"
    text = refused(cmpcodec.PKIMessage, nested(4))
    assert text.startswith("body.nested[0].body.nested[0].body.nested[0]: more than 3 PKIMessage inside each other")
    assert "more than 3 PKIMessage" in refused(cmpcodec.PKIMessage, nested(4), WIDE)


def test_nesting_goes_on_in_opened_values() -> None:
    """Guarded(opened=Opened(Guarded(Guarded)))): the value of the open type is the second, what is in it the third."""

    def guarded(*inner: bytes) -> bytes:
        return tlv(0x30, *inner)

    second = guarded(tlv(0xA2, tlv(0x30, bytes.fromhex("06032a0308"), guarded())))
    assert type(Guarded.decode(second).opened.first_value) is Guarded
    third = guarded(tlv(0xA2, tlv(0x30, bytes.fromhex("06032a0308"), guarded(tlv(0xA0, guarded())))))
    assert type(Guarded.decode(third).opened.first_value) is cmpcodec.TLV


# --- sizes that no Limits raises ---


def leaf(number: int, tag: int, content: bytes) -> bytes:
    return tlv(0x30, tlv(0xA0 | number, tlv(tag, content)))


FIXED = {
    "INTEGER": (lambda n: leaf(1, 2, b"\1" * n), 2048),
    "ENUMERATED": (lambda n: leaf(16, 10, b"\1" * n), 2048),
    "named bits": (lambda n: leaf(17, 3, b"\0" + b"\1" * (n - 1)), 2048),
    "OBJECT IDENTIFIER octets": (lambda n: leaf(4, 6, b"\x81\x81\x81\1" * (n // 4) + b"\x81\1"[: n % 4]), 512),
    "OBJECT IDENTIFIER arcs": (lambda n: leaf(4, 6, b"\1" * (n - 1)), 129),
    "octets of an arc": (lambda n: leaf(4, 6, b"\x2a" + b"\xff" * (n - 1) + b"\1"), 20),
    "octets of the first arc": (lambda n: leaf(4, 6, b"\xff" * (n - 1) + b"\1"), 20),
    "octets of a tag number": (lambda n: tlv(0x30, tlv(0xB3, b"\x9f", b"\xff" * (n - 1), b"\1\0")), 4),
}
"""What makes a value of n octets or arcs, and the highest n. An OBJECT IDENTIFIER's first octet holds two arcs."""


@pytest.mark.parametrize("name", FIXED)
def test_fixed_sizes(name: str) -> None:
    make, most = FIXED[name]
    assert Leaves.decode(make(most)).der == make(most)
    refused(Leaves, make(most + 1))
    refused(Leaves, make(most + 1), WIDE)


def test_fixed_sizes_hold_for_the_encoder() -> None:
    """What cannot be decoded cannot be encoded."""
    assert Leaves(integer=(1 << 8 * 2048 - 1) - 1).der
    assert Leaves(integer=-(1 << 8 * 2048 - 1)).der
    for value in (1 << 8 * 2048 - 1, -(1 << 8 * 2048 - 1) - 1):
        with pytest.raises(cmpcodec.EncodeError, match=r"Leaves\.integer: integer of 2049 octets, more than 2048"):
            Leaves(integer=value)
    flags = type(Leaves.decode(leaf(17, 3, b"\0")).flags)
    assert Leaves(flags=flags(1 << 8 * 2047 - 1)).der
    with pytest.raises(cmpcodec.EncodeError, match=r"Leaves\.flags: 16377 named bits, more than 16376"):
        Leaves(flags=flags(1 << 8 * 2047))
    assert Oids(["2." + str((1 << 140) - 81)])
    assert Oids([".".join(["1"] * 129)])
    for oid in ("2." + str((1 << 140) - 80), ".".join(["1"] * 130), "1.2." + str(1 << 140), "1.2" + ".16384" * 171):
        with pytest.raises(cmpcodec.EncodeError, match=r"Oids\[0\]: "):
            Oids([oid])


# --- plain values ---

PLAIN = 64
TOO_DEEP = f"more than {PLAIN} dicts and lists inside each other"
SHAPES: dict[str, tuple[Any, Any, Callable[[Any], Any], str, str]] = {
    "dicts": (Tree, {}, lambda inner: {"right": {"left": inner}}, ".right", ".left"),
    "lists": (Guarded, {}, lambda inner: {"other": [inner]}, ".other", "[0]"),
    "tuples": (Guarded, {}, lambda inner: {"other": (inner,)}, ".other", "[0]"),
    "open types": (
        Opened,
        {"first": "1.2.3.1", "first_value": 5},
        lambda inner: {"first": "1.2.3.8", "first_value": {"opened": inner}},
        ".first_value",
        ".opened",
    ),
}
"""A record class, its innermost value, what puts two more levels around it, and how these read in a path."""


def plain(name: str, levels: int) -> Any:
    """Plain values with an even number of levels inside."""
    _, value, around, _, _ = SHAPES[name]
    for _ in range(levels // 2):
        value = around(value)
    return value


def path_of(name: str, levels: int) -> str:
    cls, _, _, outer, inner = SHAPES[name]
    return cls.__name__ + "".join(inner if level % 2 else outer for level in range(levels))


@pytest.mark.parametrize("name", SHAPES)
def test_levels_of_plain_values(name: str) -> None:
    cls = SHAPES[name][0]
    record = cls.from_plain(plain(name, PLAIN))
    assert record.der == cls(**plain(name, PLAIN)).der
    if name == "dicts":
        assert cls.decode(record.der, limits=WIDE) == record
    for levels in (PLAIN + 2, 1000, 100_000):
        with pytest.raises(cmpcodec.EncodeError) as caught:
            cls.from_plain(plain(name, levels))
        assert caught.value.problem == TOO_DEEP
        assert caught.value.path == path_of(name, PLAIN + 1)


@pytest.mark.parametrize("levels", range(PLAIN - 1, PLAIN + 3))
def test_what_is_wrong_on_the_last_levels_of_plain_values(levels: int) -> None:
    value: Any = {"label": 5}
    for _ in range(levels):
        value = {"right": value}
    with pytest.raises(cmpcodec.EncodeError) as caught:
        Tree.from_plain(value)
    if levels <= PLAIN:
        assert str(caught.value) == f"Tree{'.right' * levels}.label: expected str, not int"
    else:
        assert str(caught.value) == f"Tree{'.right' * (PLAIN + 1)}: {TOO_DEEP}"


def test_records_among_plain_values_have_no_levels() -> None:
    record = Tree.from_plain(plain("dicts", PLAIN))
    for _ in range(3):
        record = Tree.from_plain(plain("dicts", PLAIN - 2) | {"left": record})
    assert Tree(left=record).left == record


def test_plain_values_that_contain_themselves() -> None:
    loop: dict[str, Any] = {}
    loop["left"] = loop["right"] = loop
    with pytest.raises(cmpcodec.EncodeError) as caught:
        Tree.from_plain(loop)
    assert str(caught.value) == f"Tree{'.left' * (PLAIN + 1)}: {TOO_DEEP}"
    items: list[Any] = []
    items += [{"other": items}] * 3
    with pytest.raises(cmpcodec.EncodeError) as caught:
        Guarded(other=items)
    assert str(caught.value) == f"{path_of('lists', PLAIN + 1)}: {TOO_DEEP}"
    items = []
    items.append(items)
    with pytest.raises(cmpcodec.EncodeError, match=r"^Name\[0\]\[0\]: expected AttributeTypeAndValue, not list$"):
        cmpcodec.Name(items)


# --- Limits that make little sense ---


@pytest.mark.parametrize("number", [-1, -(1 << 70), 1 << 31, 1 << 32, 1 << 63, 1 << 64, 1 << 70])
def test_limits_of_any_size(number: int) -> None:
    """Negative limits admit nothing; those beyond 64 bits are as good as none."""
    for limits in (
        Limits(max_size=number),
        Limits(max_depth=number),
        Limits(max_nodes=number),
        Limits(max_repeat=number),
    ):
        if number < 0:
            with pytest.raises(LimitExceeded) as caught:
                Values.decode(nodes(3), limits=limits)
            assert 0 <= caught.value.offset <= 6
        else:
            assert len(Values.decode(nodes(3), limits=limits)) == 2


def test_limits_are_kept_for_what_is_opened_later() -> None:
    data = tlv(0x30, bytes.fromhex("06032a0303"), tlv(0x30, b"\2\1\5" * 2))
    record = Opened.decode(data, limits=Limits(max_repeat=1))
    assert type(record.first_value) is cmpcodec.TLV
    assert len(Opened.decode(data).first_value) == 2


def test_constructors_do_not_lift_the_limits_of_what_they_hold() -> None:
    """What was too deep to be opened stays closed in a record that is built around it."""
    data = tlv(5)
    for _ in range(5000):
        data = tlv(0x30, bytes.fromhex("06092a864886f70d010108"), data)
    algorithm = cmpcodec.AlgorithmIdentifier.decode(data)
    header = cmpcodec.PKIHeader.decode(HEADER).replace(protection_alg=algorithm)
    built = cmpcodec.PKIMessage(header=header, body=cmpcodec.PKIBody.decode(CONFIRMATION))
    for one in (algorithm, built.header.protection_alg, built.replace(protection=None).header.protection_alg):
        levels, inner = 0, one
        while type(inner) is cmpcodec.AlgorithmIdentifier:
            inner, levels = inner.parameters, levels + 1
        assert levels <= 32
    assert len(repr(built)) < 1_000_000
