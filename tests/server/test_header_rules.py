"""The header of an authentic message: RFC 9483, 3.1 and 3.5; each rule at its bounds, in strict and friendly profiles."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.asn1 import Null
from cmpcodec.messages import NULL_DN
from tests.server.support import Device, Server, cert_request, certificates, name

IR = {"ir": [cert_request()]}
OWN_NAME = cmp.GeneralName(directory_name=name("device"))


def outcome(device: Device, **header: Any) -> str:
    """The failInfo of the answer to an ir with that header, "" if a certificate was issued."""
    message = device.message(IR, **header)
    answer = device.send(message)
    if answer.body.name == "error":
        return ",".join(answer.body.error.pki_status_info.fail_info.names)
    assert certificates(answer)
    return ""


@pytest.mark.parametrize(
    ("pvno", "expected", "answered"),
    [
        (-1, "UNSUPPORTED_VERSION", 2),
        (0, "UNSUPPORTED_VERSION", 2),
        (1, "UNSUPPORTED_VERSION", 2),
        (2, "", 2),
        (3, "", 3),
        (4, "UNSUPPORTED_VERSION", 3),
        (2**64, "UNSUPPORTED_VERSION", 3),
    ],
)
def test_pvno(device: Device, pvno: int, expected: str, answered: int) -> None:
    assert outcome(device, pvno=pvno) == expected
    assert device.answer is not None
    assert cmp.decode(device.answer.der).header.pvno == answered


@pytest.mark.parametrize(
    ("length", "friendly", "strict"),
    [
        (None, "BAD_DATA_FORMAT", "BAD_DATA_FORMAT"),
        (0, "BAD_DATA_FORMAT", "BAD_DATA_FORMAT"),
        (1, "", "BAD_DATA_FORMAT"),
        (15, "", "BAD_DATA_FORMAT"),
        (16, "", ""),
        (64, "", ""),
        (65, "BAD_DATA_FORMAT", "BAD_DATA_FORMAT"),
        (10_000, "BAD_DATA_FORMAT", "BAD_DATA_FORMAT"),
    ],
)
def test_transaction_id(device: Device, server: Server, length: int | None, friendly: str, strict: str) -> None:
    value = None if length is None else os.urandom(length)
    assert outcome(device, transaction_id=value) == friendly
    server.restart(strict=True)
    value = None if length is None else os.urandom(length)
    assert outcome(device.again(), transaction_id=value, sender=OWN_NAME) == strict


@pytest.mark.parametrize(("length", "expected"), [(None, "x"), (0, "x"), (15, "x"), (16, ""), (64, ""), (65, "x")])
def test_sender_nonce(device: Device, length: int | None, expected: str) -> None:
    value = None if length is None else os.urandom(length)
    assert outcome(device, sender_nonce=value) == (expected and "BAD_SENDER_NONCE")


@pytest.mark.parametrize("value", [b"", bytes(16)])
def test_recip_nonce_in_a_first_message(device: Device, value: bytes) -> None:
    assert outcome(device, recip_nonce=value) == "BAD_RECIPIENT_NONCE"
    assert device.answer is not None
    assert "first message" in device.answer.text
    assert outcome(device) == ""


@pytest.mark.parametrize("sign", [-1, 1])
def test_message_time(device: Device, server: Server, sign: int) -> None:
    edge = server.clock.now + sign * timedelta(minutes=5)
    assert outcome(device.again(), message_time=edge) == ""
    assert outcome(device, message_time=edge + sign * timedelta(seconds=1)) == "BAD_TIME"
    assert outcome(device, message_time=server.clock.now.replace(year=1)) == "BAD_TIME"
    assert outcome(device, message_time=server.clock.now.replace(year=9999)) == "BAD_TIME"
    assert outcome(device.again(), message_time=None) == "MISSING_TIME_STAMP"
    server.restart(message_time_required=False)
    assert outcome(device.again(), message_time=None) == ""
    server.restart(message_time_required=True)
    assert outcome(device, message_time=None) == "MISSING_TIME_STAMP"
    server.restart(message_time_window=None)
    assert outcome(device, message_time=server.clock.now.replace(year=1)) == ""


def test_a_fraction_of_a_second(device: Device, server: Server) -> None:
    assert outcome(device, message_time=server.clock.now + timedelta(minutes=4, microseconds=1)) == ""
    late = server.clock.now + timedelta(minutes=5, microseconds=1)
    assert outcome(device.again(), message_time=late) == "BAD_TIME"


def info(value: object = None, kind: str = oids.ID_IT_IMPLICIT_CONFIRM) -> cmp.InfoTypeAndValue:
    return cmp.InfoTypeAndValue(info_type=kind, info_value=value)


def test_the_value_of_implicit_confirm(device: Device, server: Server) -> None:
    wrong = [info(cmp.TLV(b"\x02\x01\x05"))]
    assert outcome(device, general_info=wrong) == "BAD_REQUEST"
    both = [info(Null()), info(server.clock.now, oids.ID_IT_CONFIRM_WAIT_TIME)]
    assert outcome(device, general_info=both) == ""
    server.restart(strict=True)
    for content in (wrong, [info()], both):
        assert outcome(device.again(), general_info=content, sender=OWN_NAME) == "BAD_REQUEST"
    assert outcome(device.again(), general_info=[info(Null())], sender=OWN_NAME) == ""


def test_info_that_nobody_knows_is_ignored(device: Device) -> None:
    assert outcome(device, general_info=[info(kind="1.2.3.4"), info(cmp.TLV(b"\x05\x00"), "1.2.3.5")]) == ""


@pytest.mark.parametrize(
    "sender",
    [
        NULL_DN,
        cmp.GeneralName(directory_name=name("another")),
        cmp.GeneralName(dns_name="device"),
        cmp.GeneralName(rfc822_name="device"),
    ],
    ids=["NULL-DN", "another", "dNSName", "rfc822Name"],
)
def test_the_sender_in_a_strict_profile(device: Device, server: Server, sender: cmp.GeneralName) -> None:
    assert outcome(device.again(), sender=sender) == ""
    server.restart(strict=True)
    assert outcome(device, sender=sender) == "BAD_MESSAGE_CHECK"
    assert outcome(device, sender=OWN_NAME) == ""


def test_no_sender_kid_in_a_strict_profile(server: Server) -> None:
    server.restart(strict=True)
    assert outcome(Device(server, b"for all", None), sender=OWN_NAME) == "BAD_MESSAGE_CHECK"


def test_a_refused_header_leaves_the_transaction_id_free(device: Device) -> None:
    assert outcome(device, sender_nonce=None) == "BAD_SENDER_NONCE"
    assert outcome(device) == ""


def test_the_rules_hold_in_the_middle_too(device: Device, server: Server) -> None:
    certificate = device.enroll()
    for header, expected in [
        ({"pvno": 1}, "UNSUPPORTED_VERSION"),
        ({"sender_nonce": bytes(15)}, "BAD_SENDER_NONCE"),
        ({"message_time": server.clock.now + timedelta(hours=1)}, "BAD_TIME"),
        ({"transaction_id": None}, "BAD_DATA_FORMAT"),
    ]:
        assert device.refused({"cert_conf": []}, **header) == expected
    assert server.status(certificate.load().serial_number) == "unconfirmed"
    assert device.confirm((0, certificate)).body.name == "pkiconf"
