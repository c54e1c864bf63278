"""Bugs that other decoders of ASN.1 and CMP had, as tests that ours has not. What concerns the codec; protection has tests of its own."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest

import cmpcodec
from cmpcodec import TLV, BitString, Limits, ObjectIdentifier, PKIBody, PKIFailureInfo, PKIFreeText, PKIStatusInfo
from tests.engines import running
from tests.hostile import WIDE, message
from tests.mutations import tlv

TYPES = running().types
Oids, Leaves, Values, Tree = (TYPES[f"probes.{name}"] for name in ("Oids", "Leaves", "Values", "Tree"))
PKICONF = tlv(0xB3, tlv(5))


def resident() -> int:
    """The memory that this process has now, in octets; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        return 0


# --- node-forge, Go, pyasn1: identifiers ---


def test_arcs_beyond_any_machine_word_stay_distinct() -> None:
    """node-forge cut arcs to 32 bits, so that one identifier passed for another."""
    arcs = [5 + (1 << bits) for bits in (7, 8, 14, 16, 31, 32, 33, 53, 63, 64, 65, 100, 128, 139)] + [5]
    texts = [f"1.2.{arc}" for arc in arcs] + [f"2.{arc}" for arc in arcs] + [f"2.{arc}.3" for arc in arcs]
    oids = list(Oids.decode(Oids(texts).der))
    assert oids == texts
    assert len(set(oids)) == len(texts)
    assert len({Oids([oid]).der for oid in oids}) == len(texts)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("0.0", "00"), ("0.39", "27"), ("1.0", "28"), ("1.39", "4f"), ("2.0", "50"), ("2.39", "77"), ("2.40", "78"), ("2.47", "7f"),
        ("2.48", "8100"), ("2.100.3", "813403"), ("2.999", "8837"), ("2.999.3", "883703"), ("2.999.2147483647", "883787ffffff7f"),
        ("1.2.840.113549.1.1.11", "2a864886f70d01010b"), ("2.18446744073709551615", "8280808080808080804f"),
    ],
)  # fmt: skip
def test_first_two_arcs(text: str, content: str) -> None:
    """2.999 and its kind: the first octets hold 40 * 2 + 999, which takes two of them."""
    der = tlv(0x30, tlv(6, bytes.fromhex(content)))
    assert list(Oids.decode(der)) == [text]
    assert Oids([text]).der == der


def test_identifiers_met_before_do_not_stand_for_others() -> None:
    """Reading remembers identifiers; whatever order they come in, and however many, each is read right."""
    for round_ in range(3):
        texts = [f"1.3.{a}.{b}.{round_ * b}" for a in range(0, 300, 7) for b in range(0, 20_000, 211)]
        for start in range(0, len(texts), 500):
            part = texts[start : start + 500]
            assert list(Oids.decode(Oids(part).der, limits=WIDE)) == part


# --- Bouncy Castle, pyasn1, cbor2: depth ---


def test_depth_survives_every_way_of_opening() -> None:
    """Bouncy Castle's guard began anew at each inner OCTET STRING. What a value opens counts on from where it stands."""
    data = tlv(5)
    for _ in range(100):
        data = tlv(0x30, bytes.fromhex("06032a0305"), data)  # an open type that opens itself
    opened, levels = TYPES["probes.Opened"].decode(data), 0
    while hasattr(opened, "first_value"):
        opened, levels = opened.first_value, levels + 1
    assert levels == 31
    assert type(opened) is TLV


def test_no_recursion_error_at_any_depth() -> None:
    for unit in (b"\x30\x80", b"\xa0\x80", b"\x24\x80", b"\x30\x82\xff\xff", b"\x31\x84\x7f\xff\xff\xff"):
        for cls in (cmpcodec.PKIMessage, TLV, Tree, PKIBody, cmpcodec.GeneralName):
            for limits in (Limits(), WIDE):
                with pytest.raises(cmpcodec.DecodeError):
                    cls.decode(unit * 50_000, limits=limits)


# --- Bouncy Castle, Go: the announced length ---


@pytest.mark.parametrize(
    "length", ["847fffffff", "84ffffffff", "83ffffff", "82ffff", "887fffffffffffffff", "88ffffffffffffffff"]
)
def test_nothing_is_allocated_for_what_is_not_there(length: str) -> None:
    before = resident()
    for tag in (0x30, 0x31, 0x04, 0x03, 0x02, 0x06, 0x0C, 0x1E, 0xA0, 0x9F):
        for prefix in (b"", tlv(0x30, bytes(20))[:2], b"\x30\x40\x02\x01\x02"):
            data = prefix + bytes((tag,)) + bytes.fromhex(length) + b"\1\2\3"
            for cls in (cmpcodec.PKIMessage, TLV, Values, Leaves):
                with pytest.raises(cmpcodec.DecodeError) as caught:
                    cls.decode(data)
                assert len(str(caught.value)) < 600
    assert resident() - before < 8 << 20


# --- RustCrypto: failInfo in 16 bits ---

FAIL_INFO = [
    "BAD_ALG",
    "BAD_MESSAGE_CHECK",
    "BAD_REQUEST",
    "BAD_TIME",
    "BAD_CERT_ID",
    "BAD_DATA_FORMAT",
    "WRONG_AUTHORITY",
    "INCORRECT_DATA",
    "MISSING_TIME_STAMP",
    "BAD_POP",
    "CERT_REVOKED",
    "CERT_CONFIRMED",
    "WRONG_INTEGRITY",
    "BAD_RECIPIENT_NONCE",
    "TIME_NOT_AVAILABLE",
    "UNACCEPTED_POLICY",
    "UNACCEPTED_EXTENSION",
    "ADD_INFO_NOT_AVAILABLE",
    "BAD_SENDER_NONCE",
    "BAD_CERT_TEMPLATE",
    "SIGNER_NOT_TRUSTED",
    "TRANSACTION_ID_IN_USE",
    "UNSUPPORTED_VERSION",
    "NOT_AUTHORIZED",
    "SYSTEM_UNAVAIL",
    "SYSTEM_FAILURE",
    "DUPLICATE_CERT_REQ",
]


def test_every_bit_of_fail_info() -> None:
    assert len(FAIL_INFO) == 27
    for number, name in enumerate(FAIL_INFO):
        value = getattr(PKIFailureInfo, name)
        assert value == 1 << number
        der = PKIStatusInfo(status=2, fail_info=value).der
        bits = bytes((7 - number % 8,)) + bytes(number // 8) + bytes((0x80 >> number % 8,))
        assert der == tlv(0x30, tlv(2, b"\2"), tlv(3, bits))
        read = PKIStatusInfo.decode(der).fail_info
        assert read == value
        assert type(read) is PKIFailureInfo
        assert read.names == (name,)
    everything = PKIStatusInfo.decode(PKIStatusInfo(status=2, fail_info=(1 << 27) - 1).der).fail_info
    assert everything is not None
    assert list(everything.names) == FAIL_INFO
    assert PKIStatusInfo.decode(PKIStatusInfo(status=2, fail_info=1 << 200).der).fail_info == 1 << 200


# --- node-forge: optional components out of step ---


def test_an_optional_component_in_the_place_of_another() -> None:
    """Each of the header's optional components where another stands, and in each wrong order: refused."""
    fields = [tlv(0xA0 | n, tlv(4, b"x")) for n in (2, 3, 4, 5, 6)]
    assert cmpcodec.decode(message(b"".join(fields))).header.recip_nonce == b"x"
    for first in range(5):
        for second in range(5):
            if first >= second:
                with pytest.raises(cmpcodec.DecodeError):
                    cmpcodec.decode(message(fields[first] + fields[second]))
    wrong = [
        tlv(0xA0 | n, tlv(tag, content))
        for n in range(9)
        for tag, content in ((4, b"x"), (2, b"\5"), (0x30, b""), (5, b""))
    ]
    right = {fields[n] for n in range(5)} | {tlv(0xA0), tlv(0xA8)}
    for field in wrong:
        if field not in right:
            with pytest.raises(cmpcodec.DecodeError):
                cmpcodec.decode(message(field))


def test_two_bodies_and_data_behind_the_end() -> None:
    for body in (PKICONF * 2, PKICONF + tlv(0xB8, tlv(0x30)), b"", tlv(0xBB, tlv(5)), tlv(0x30)):
        with pytest.raises(cmpcodec.DecodeError):
            cmpcodec.decode(message(body=body))
    with pytest.raises(cmpcodec.DecodeError, match="2 octets after the end of the value, at byte"):
        cmpcodec.decode(message() + b"\0\0")


# --- OpenSSL CVE-2026-63076 and -42767: absent and unexpected values ---


def test_parameters_of_every_type_and_none() -> None:
    """Every type as parameters of every known algorithm: read without an exception, as that type or as TLV."""
    every = [tlv(tag, bytes.fromhex(text)) for tag, text in (
        (1, "ff"), (2, "05"), (3, "00"), (4, ""), (5, ""), (6, "2a03"), (0x0A, "01"), (0x0C, "41"), (0x13, "41"), (0x17, ""), (0x18, "41"),
        (0x30, ""), (0x30, "020105"), (0x30, "040100"), (0x31, ""), (0xA0, ""), (0x80, ""), (0x1E, "0041"),
    )]  # fmt: skip
    tables = {part.opens.name: part for cls in TYPES.values() for part in cls._op.parts if part.opens is not None}
    assert "AlgorithmIdentifier.parameters" in tables
    known = sorted({oid for part in tables.values() for oid, _ in part.opens.items()})
    assert len(known) > 100
    for oid in known:
        head = Oids([oid]).der[2:]
        for value in ["", *every]:
            algorithm = cmpcodec.AlgorithmIdentifier.decode(tlv(0x30, head, value or b""))
            assert (algorithm.parameters is None) == (not value)
            repr(algorithm)
            if value:
                assert repr(cmpcodec.InfoTypeAndValue.decode(algorithm.der).info_value)


def test_every_subset_of_optional_components() -> None:
    """EncryptedValue with each subset of its five optional parts."""
    algorithm = cmpcodec.AlgorithmIdentifier(algorithm=ObjectIdentifier("1.2.3"))
    key = BitString(b"key")
    parts: dict[str, Any] = {
        "intended_alg": algorithm,
        "symm_alg": algorithm,
        "enc_symm_key": key,
        "key_alg": algorithm,
    }
    parts["value_hint"] = b"hint"
    for chosen in range(1 << len(parts)):
        given = {name: value for number, (name, value) in enumerate(parts.items()) if chosen >> number & 1}
        record = cmpcodec.EncryptedValue(enc_value=key, **given)
        read = cmpcodec.EncryptedValue.decode(record.der)
        assert {name: getattr(read, name) for name in parts} == {name: given.get(name) for name in parts}


# --- OpenSSL CVE-2026-63073 and many: texts ---


@pytest.mark.parametrize("unit", ["%s%n", "{0}", "\r\n", "\x1b[2J", "\0", "žluť", "\U0001f600", "\u202e", "\\"])
def test_hostile_texts(unit: str) -> None:
    """A text of a megabyte is decoded, read, shown without control characters, and replaced, byte for byte."""
    text = unit * (1_000_000 // len(unit.encode()))
    record = cmpcodec.decode(message(tlv(0xA7, tlv(0x30, tlv(0x0C, text.encode())))), limits=Limits(max_size=1 << 21))
    assert record.header.free_text is not None
    assert record.header.free_text[0] == text
    assert record.header.replace().der == record.header.der
    shown = repr(record)
    assert not any(character in shown for character in "\r\n\x1b\0")
    with pytest.raises(cmpcodec.DecodeError) as caught:
        PKIFreeText.decode(tlv(0x30, tlv(0x0C, text.encode() + b"\xff")), limits=Limits(max_size=1 << 21))
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("octet", [0x00, 0x27, 0x1F, 0x3F, 0x9F, 0xFF])
def test_one_wrong_octet_gives_a_short_text(octet: int) -> None:
    """Whatever octet is wrong, the error fits on a line or two, even where 27 alternatives were possible."""
    whole = message(tlv(0xA7, tlv(0x30, tlv(0x0C, b"text"))))
    for at in range(len(whole)):
        spoilt = bytearray(whole)
        spoilt[at] = octet
        try:
            cmpcodec.decode(bytes(spoilt))
        except cmpcodec.DecodeError as error:
            assert len(str(error)) <= 350
            assert str(error).isprintable()


def test_errors_about_values_are_short() -> None:
    """Texts do not repeat what they were given."""
    huge = "x" * 1_000_000
    calls: list[Any] = [
        lambda: Oids([huge]),
        lambda: TYPES["probes.Opened"](first=huge, first_value=TLV(b"\5\0")),
        lambda: Leaves(printable="*" + huge),
        lambda: Leaves(integer=huge),
        lambda: Leaves(integer=10**100_000),
        lambda: TLV(huge.encode()),
        lambda: Leaves(**{huge: 5}),
    ]
    for call in calls[:-1]:
        with pytest.raises(cmpcodec.EncodeError) as caught:
            call()
        assert len(str(caught.value)) < 300
    with pytest.raises(TypeError):
        calls[-1]()


# --- OpenSSL CVE-2026-63074: what rejected messages leave behind ---


def test_rejected_messages_leave_nothing_behind() -> None:
    """100 000 messages, no two alike, refused for their last octets: memory stays flat."""
    head, tail = message()[4:], b"\xa1\x0a\x30\x08\x30\x06"

    def refuse(count: int) -> None:
        for number in range(count):
            data = tlv(0x30, head, tail, number.to_bytes(4, "big"), b"\5\1")
            try:
                cmpcodec.decode(data)
            except cmpcodec.DecodeError as error:
                if not number % 50:
                    str(error)
            else:
                raise AssertionError("not refused")

    refuse(2000)
    gc.collect()
    before, blocks = resident(), sys.getallocatedblocks()
    refuse(100_000)
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 500
    assert resident() - before < 4 << 20


def test_accepted_messages_leave_nothing_behind() -> None:
    """Identifiers, texts and named bits that nobody has seen before fill no table for ever."""

    def accept(start: int, count: int) -> None:
        for number in range(start, start + count):
            oid = ObjectIdentifier(f"1.3.6.1.4.1.{number}.{number}")
            info = cmpcodec.InfoTypeAndValue(info_type=oid, info_value=TLV(tlv(4, number.to_bytes(4, "big"))))
            status = PKIStatusInfo(status=number, status_string=[f"text {number}"], fail_info=number)
            repr(cmpcodec.InfoTypeAndValue.decode(info.der))
            repr(PKIStatusInfo.decode(status.der))

    accept(0, 6000)
    gc.collect()
    before, blocks = resident(), sys.getallocatedblocks()
    accept(6000, 20_000)
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 8000
    assert resident() - before < 4 << 20


# --- pyasn1, Go, libtasn1: see test_hostile for what must be linear ---


def test_large_numbers_can_be_shown() -> None:
    """Python refuses to print integers of more than 4300 digits; a serial number may have more."""
    serial = (1 << 8 * 2048 - 1) - 1
    template = cmpcodec.CertTemplate.decode(cmpcodec.CertTemplate(serial_number=serial).der)
    assert template.serial_number == serial
    assert len(repr(template)) < 5000
    assert len(repr(cmpcodec.POPODecKeyRespContent([serial, -serial]))) < 10_000
    assert len(repr(PKIBody(popdecr=[serial]))) < 5000
    flags = PKIFailureInfo((1 << 16_000) - 1)
    assert len(repr(PKIStatusInfo(status=2, fail_info=flags))) < 200_000
