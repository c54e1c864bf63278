"""Protection by a shared secret: what is refused before any hash, what a MAC covers, what is kept and what is never shown.

Rows 1 to 5, 32 and 34 of the threat table. The MACs that count as right are made by hand, with hashlib and hmac only.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import logging
import os
import pickle
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cmpcodec
from cmpcodec import (
    TLV,
    AlgorithmIdentifier,
    BitString,
    DecodeError,
    EncodeError,
    InvalidProtection,
    MissingProtection,
    PasswordBasedMAC,
    PKIMessage,
    ProtectionError,
    ProtectionPolicy,
    UnsupportedAlgorithm,
    oids,
    protect,
    verify,
)
from cmpcodec.protection import pbm, protected_part
from tests.mutations import parse, tlv

SECRET = b"mySecret"
EXAMPLE = Path(__file__).resolve().parents[1].joinpath("examples/ir-pbm.der").read_bytes()
MESSAGE = cmpcodec.decode(EXAMPLE)
CONFIRMATION = PKIMessage(header=MESSAGE.header, body=cmpcodec.PKIBody(pkiconf=cmpcodec.PKIConfirmContent()))
EVERY_OID = sorted({value for value in vars(oids).values() if isinstance(value, cmpcodec.ObjectIdentifier)})
OPEN = ProtectionPolicy(owfs=ProtectionPolicy().owfs | {"sha1"})
SALT = bytes(range(16))

# --- by hand: DER of PBM parameters, and the MAC of RFC 9810, 5.1.3.1 ---


def integer(value: int) -> bytes:
    octets = value.bit_length() // 8 + 1 if value >= 0 else (value + 1).bit_length() // 8 + 1
    return tlv(2, value.to_bytes(octets, "big", signed=True))


def algorithm(oid: str, parameters: bytes = b"") -> bytes:
    return tlv(0x30, AlgorithmIdentifier(algorithm=cmpcodec.ObjectIdentifier(oid)).der[2:], parameters)


def pbm_algorithm(
    salt: bytes = SALT,
    owf: bytes = algorithm(oids.SHA256),
    count: bytes = integer(100),
    mac: bytes = algorithm(oids.HMAC_WITH_SHA256),
) -> bytes:
    return algorithm(oids.ID_PASSWORD_BASED_MAC, tlv(0x30, tlv(4, salt), owf, count, mac))


def mac_by_hand(octets: bytes, salt: bytes, owf: str, count: int, mac: str, secret: bytes = SECRET) -> bytes:
    key = secret + salt
    for _ in range(count):
        key = hashlib.new(owf, key).digest()
    return hmac.new(key, octets, mac).digest()


def part_by_hand(der: bytes) -> bytes:
    tree = parse(der)
    assert tree is not None
    assert tree[0].inner is not None
    return tlv(0x30, *(one.encode() for one in tree[0].inner[:2]))


def announcing(der: bytes, protection: bytes = bytes(32)) -> PKIMessage:
    """A message whose header carries this AlgorithmIdentifier, as it comes from a stranger."""
    header = MESSAGE.header.replace(protection_alg=AlgorithmIdentifier.decode(der))
    message = PKIMessage(header=header, body=CONFIRMATION.body, protection=BitString(protection))
    return cmpcodec.decode(message.der)


def protected_by_hand(der: bytes, salt: bytes, owf: str, count: int, mac: str) -> PKIMessage:
    bare = announcing(der)
    right = mac_by_hand(part_by_hand(bare.der), salt, owf, count, mac)
    return cmpcodec.decode(bare.replace(protection=BitString(right)).der)


class Work:
    """Counts what was computed: key derivations and MACs."""

    def __init__(self) -> None:
        self.keys = 0
        self.macs = 0

    @property
    def none(self) -> bool:
        return not self.keys and not self.macs


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    done, derive, digest = Work(), pbm.pbm_key, hmac.digest

    def counting_key(*args: Any) -> bytes:
        done.keys += 1
        return derive(*args)

    def counting_mac(*args: Any) -> bytes:
        done.macs += 1
        return digest(*args)

    monkeypatch.setattr(pbm, "pbm_key", counting_key)
    monkeypatch.setattr(hmac, "digest", counting_mac)
    return done


def shared(**arguments: Any) -> PasswordBasedMAC:
    return PasswordBasedMAC(SECRET, **({"iterations": 100} | arguments))


def refused(message: PKIMessage, work: Work, policy: ProtectionPolicy = ProtectionPolicy()) -> str:
    """The text of an UnsupportedAlgorithm that came before any hash."""
    with pytest.raises(UnsupportedAlgorithm) as caught:
        verify(message, shared(), policy)
    assert work.none
    assert caught.value.fail_info == "BAD_ALG"
    return str(caught.value)


# --- the MAC itself ---


def test_example_by_hand() -> None:
    """OpenSSL's message: SHA-256 500 times, HMAC-SHA1, over header and body in a SEQUENCE of their own."""
    part = part_by_hand(EXAMPLE)
    assert protected_part(MESSAGE) == part
    parameters = MESSAGE.header.protection_alg.parameters
    assert (parameters.iteration_count, len(parameters.salt)) == (500, 16)
    expected = mac_by_hand(part, parameters.salt, "sha256", 500, "sha1")
    assert MESSAGE.protection == BitString(expected)
    verify(MESSAGE, shared())


@pytest.mark.parametrize("owf", list(pbm.OWFS.values()))
@pytest.mark.parametrize("mac", list(dict.fromkeys(pbm.MACS.values())))
def test_every_hash_with_every_mac(owf: str, mac: str) -> None:
    message = cmpcodec.decode(protect(CONFIRMATION, shared(owf=owf, mac=mac)).der)
    parameters = message.header.protection_alg.parameters
    assert pbm.OWFS[parameters.owf.algorithm] == owf
    assert pbm.MACS[parameters.mac.algorithm] == mac
    expected = mac_by_hand(part_by_hand(message.der), parameters.salt, owf, 100, mac)
    assert message.protection == BitString(expected)
    verify(message, shared(), OPEN)
    with pytest.raises(InvalidProtection):
        verify(message, PasswordBasedMAC(b"yourSecret"), OPEN)


@pytest.mark.parametrize("secret", [b"", b"\0", bytes(range(256)), b"s" * 5000, bytearray(b"mutable")])
def test_secrets_of_any_octets(secret: bytes) -> None:
    credential = PasswordBasedMAC(secret, iterations=100)
    message = protect(CONFIRMATION, credential)
    salt = message.header.protection_alg.parameters.salt
    expected = mac_by_hand(part_by_hand(message.der), salt, "sha256", 100, "sha256", bytes(secret))
    assert message.protection.data == expected
    verify(message, PasswordBasedMAC(bytes(secret)))


def test_secret_is_copied() -> None:
    secret = bytearray(SECRET)
    credential = PasswordBasedMAC(secret)
    secret[:] = bytes(len(secret))
    verify(MESSAGE, credential)


# --- row 1: iterationCount ---

TOO_FEW_OR_MANY = [0, -1, 1, 99, 100_001, 2**31 - 1, 2**31, 2**32 + 100, 2**63, 2**64, 2**64 + 100, -(2**31), -(2**63), -(2**64)]


@pytest.mark.parametrize("count", TOO_FEW_OR_MANY)
def test_iterations_beyond_the_bounds_cost_nothing(count: int, work: Work) -> None:
    text = refused(announcing(pbm_algorithm(count=integer(count))), work)
    assert text == "iterationCount is not between 100 and 100000, as the policy demands"


@pytest.mark.parametrize("octets", [b"\x7f" * 1024, b"\x80" * 1024, b"\x01" + bytes(2047), b"\x7f" * 2049, b"\x7f" * 60_000])
def test_iterations_of_many_octets_cost_nothing(octets: bytes, work: Work) -> None:
    refused(announcing(pbm_algorithm(count=tlv(2, octets))), work)


@pytest.mark.parametrize("count", [100, 101, 500, 1024, 100_000])
def test_iterations_within_the_bounds(count: int, work: Work) -> None:
    message = protected_by_hand(pbm_algorithm(count=integer(count)), SALT, "sha256", count, "sha256")
    verify(message, shared())
    assert work.keys == 1


def test_refusal_is_quick() -> None:
    message = announcing(pbm_algorithm(count=integer(2**31 - 1)))
    times = []
    for _ in range(20):
        before = time.perf_counter()
        with pytest.raises(UnsupportedAlgorithm):
            verify(message, shared())
        times.append(time.perf_counter() - before)
    assert min(times) < 0.001


@pytest.mark.parametrize(
    ("policy", "fits"),
    [
        (ProtectionPolicy(min_iterations=100, max_iterations=100), False),
        (ProtectionPolicy(min_iterations=500, max_iterations=500), True),
        (ProtectionPolicy(min_iterations=501), False),
        (ProtectionPolicy(max_iterations=499), False),
        (ProtectionPolicy(min_iterations=1000), False),
    ],
)
def test_policy_bounds_the_iterations(policy: ProtectionPolicy, fits: bool, work: Work) -> None:
    if fits:
        verify(MESSAGE, shared(), policy)
    else:
        refused(MESSAGE, work, policy)


@pytest.mark.parametrize("count", [0, -1, 2**31, 2**64])
def test_policy_cannot_admit_what_nobody_can_count(count: int, work: Work) -> None:
    anything = ProtectionPolicy(min_iterations=-(2**70), max_iterations=2**70)
    refused(announcing(pbm_algorithm(count=integer(count))), work, anything)


# --- row 2: salt ---


@pytest.mark.parametrize("size", [0, 1, 7, 65, 1024, 1025, 100_000])
def test_salts_beyond_the_bounds_cost_nothing(size: int, work: Work) -> None:
    text = refused(announcing(pbm_algorithm(salt=bytes(size))), work)
    assert text == f"salt of {size} octets is not between 8 and 64, as the policy demands"


@pytest.mark.parametrize("size", [8, 9, 16, 20, 64])
def test_salts_within_the_bounds(size: int) -> None:
    salt = bytes(range(size))
    verify(protected_by_hand(pbm_algorithm(salt=salt), salt, "sha256", 100, "sha256"), shared())


@pytest.mark.parametrize("size", [0, 1, 7, 1024])
def test_policy_may_widen_the_salt(size: int) -> None:
    salt = b"\xa5" * size
    message = protected_by_hand(pbm_algorithm(salt=salt), salt, "sha256", 100, "sha256")
    verify(message, shared(), ProtectionPolicy(min_salt=0, max_salt=1024))


def test_no_policy_admits_a_salt_above_1024_octets(work: Work) -> None:
    text = refused(announcing(pbm_algorithm(salt=bytes(1025))), work, ProtectionPolicy(max_salt=1 << 30))
    assert text == "salt of 1025 octets is not between 8 and 1024, as the policy demands"


def test_own_salts_never_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """10^5 salts; the records around them are left out to make it quick."""
    monkeypatch.setattr(pbm, "AlgorithmIdentifier", lambda **components: components)
    monkeypatch.setattr(pbm, "PBMParameter", lambda **components: components["salt"])
    credential = shared()
    salts = {credential.algorithm()["parameters"] for _ in range(100_000)}  # type: ignore[index]
    assert len(salts) == 100_000
    assert {len(salt) for salt in salts} == {16}
    longer = shared(salt_octets=20)
    assert len(longer.algorithm()["parameters"]) == 20  # type: ignore[index]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_workers_draw_other_salts() -> None:
    """The child writes its salts into a pipe and leaves; no thread of pytest is running."""
    credential = shared()
    credential.algorithm()
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writable, b"".join(salt_of(credential.algorithm()) for _ in range(100)))
        finally:
            os._exit(0)
    os.close(writable)
    mine = {salt_of(credential.algorithm()) for _ in range(100)}
    with open(readable, "rb") as pipe:
        octets = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    theirs = {octets[at : at + 16] for at in range(0, len(octets), 16)}
    assert (len(mine), len(theirs), len(mine | theirs)) == (100, 100, 200)


def salt_of(one: AlgorithmIdentifier) -> bytes:
    salt: bytes = one.parameters.salt  # type: ignore[attr-defined]
    return salt


# --- row 3: types of parameters, and the algorithms that are admitted ---

VALUES = {
    "absent": b"",
    "NULL": tlv(5),
    "BOOLEAN": tlv(1, b"\xff"),
    "INTEGER": integer(500),
    "ENUMERATED": tlv(10, b"\1"),
    "BIT STRING": tlv(3, b"\0\xff"),
    "OCTET STRING": tlv(4, SALT),
    "empty OCTET STRING": tlv(4),
    "OCTET STRING with parameters in it": tlv(4, pbm_algorithm()),
    "OBJECT IDENTIFIER": tlv(6, b"\x2a\x03"),
    "UTF8String": tlv(0x0C, b"%s%n"),
    "PrintableString": tlv(0x13, b"500"),
    "IA5String": tlv(0x16, b""),
    "UTCTime": tlv(0x17, b"261123000000Z"),
    "GeneralizedTime": tlv(0x18, b"20261123000000Z"),
    "empty SEQUENCE": tlv(0x30),
    "SEQUENCE": tlv(0x30, integer(1), integer(2)),
    "AlgorithmIdentifier": algorithm(oids.SHA256),
    "empty SET": tlv(0x31),
    "context tag": tlv(0x80, b"\1"),
    "explicit NULL": tlv(0xA0, tlv(5)),
    "application tag": tlv(0x41, b"\1"),
    "long tag": b"\xbf\x1f\x02\x05\x00",
    "deep": tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30))))),
}
GOOD = tlv(4, SALT), algorithm(oids.SHA256), integer(100), algorithm(oids.HMAC_WITH_SHA256)
NEARLY = {
    "no salt": GOOD[1:],
    "no owf": GOOD[:1] + GOOD[2:],
    "no iterationCount": GOOD[:2] + GOOD[3:],
    "no mac": GOOD[:3],
    "one too many": (*GOOD, tlv(5)),
    "reversed": GOOD[::-1],
    "salt is a BIT STRING": (tlv(3, b"\0" + SALT), *GOOD[1:]),
    "salt is constructed": (tlv(0x24, tlv(4, SALT)), *GOOD[1:]),
    "owf is an OID": (GOOD[0], tlv(6, b"\x2a\3"), *GOOD[2:]),
    "owf is NULL": (GOOD[0], tlv(5), *GOOD[2:]),
    "iterationCount is an ENUMERATED": (*GOOD[:2], tlv(10, b"\x64"), GOOD[3]),
    "iterationCount is empty": (*GOOD[:2], tlv(2), GOOD[3]),
    "iterationCount is not minimal": (*GOOD[:2], tlv(2, b"\0\x64"), GOOD[3]),
    "mac is empty": (*GOOD[:3], tlv(0x30)),
    "mac is tagged": (*GOOD[:3], tlv(0xA0, GOOD[3])),
}


@pytest.mark.parametrize("value", VALUES)
def test_parameters_of_every_type(value: str, work: Work) -> None:
    """The cause of CVE-2026-63076: parameters that are used before anybody has looked at their type."""
    text = refused(announcing(algorithm(oids.ID_PASSWORD_BASED_MAC, VALUES[value])), work)
    assert text == "the parameters of id-PasswordBasedMac are no PBMParameter"


@pytest.mark.parametrize("parts", NEARLY)
def test_parameters_that_nearly_fit(parts: str, work: Work) -> None:
    refused(announcing(algorithm(oids.ID_PASSWORD_BASED_MAC, tlv(0x30, *NEARLY[parts]))), work)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("oid", pbm.OWFS, ids=pbm.OWFS.get)
def test_parameters_of_the_owf(oid: str, value: str, work: Work) -> None:
    der = pbm_algorithm(owf=algorithm(oid, VALUES[value]))
    if value in ("absent", "NULL"):
        verify(protected_by_hand(der, SALT, pbm.OWFS[oid], 100, "sha256"), shared(), OPEN)
    else:
        assert refused(announcing(der), work, OPEN) == f"owf {oids.name(oid)} takes no parameters, or NULL"


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("oid", pbm.MACS, ids=oids.name)
def test_parameters_of_the_mac(oid: str, value: str, work: Work) -> None:
    der = pbm_algorithm(mac=algorithm(oid, VALUES[value]))
    if value in ("absent", "NULL"):
        verify(protected_by_hand(der, SALT, "sha256", 100, pbm.MACS[oid]), shared())
    else:
        assert refused(announcing(der), work) == f"mac {oids.name(oid)} takes no parameters, or NULL"


def test_every_other_algorithm_is_refused(work: Work) -> None:
    assert len(EVERY_OID) > 300
    parameters = pbm_algorithm()[len(algorithm(oids.ID_PASSWORD_BASED_MAC)) :]
    anything = ProtectionPolicy(
        owfs=frozenset((*pbm.OWFS.values(), "md5")), macs=frozenset((*pbm.MACS.values(), "md5"))
    )
    for oid in (*EVERY_OID, "1.2.3.4", "2.999." + "9" * 40):
        if oid not in pbm.OWFS:
            refused(announcing(pbm_algorithm(owf=algorithm(oid))), work, anything)
        if oid not in pbm.MACS:
            refused(announcing(pbm_algorithm(mac=algorithm(oid))), work, anything)
        if oid != oids.ID_PASSWORD_BASED_MAC:
            for der in (parameters, b"", tlv(5)):
                assert len(refused(announcing(algorithm(oid, der)), work, anything)) < 200


def test_sha1_as_owf_takes_an_explicit_word(work: Work) -> None:
    message = protect(CONFIRMATION, shared(owf="sha1"))
    work.keys = work.macs = 0
    assert refused(message, work) == "owf sha1 is not admitted by the policy"
    verify(message, shared(), OPEN)


def test_hmac_sha1_can_be_switched_off(work: Work) -> None:
    verify(MESSAGE, shared())
    work.keys = work.macs = 0
    strict = ProtectionPolicy(macs=ProtectionPolicy().macs - {"sha1"})
    assert refused(MESSAGE, work, strict) == "mac HMAC-sha1 is not admitted by the policy"


def test_default_policy_is_what_we_promise() -> None:
    """The numbers once more: to change one takes a reason."""
    sha2_and_3 = {f"sha{kind}" for kind in "224 256 384 512 3_224 3_256 3_384 3_512".split()}
    assert ProtectionPolicy() == (100, 100_000, 8, 64, sha2_and_3, sha2_and_3 | {"sha1"})
    assert pbm.MAX_SALT == 1024
    own = PasswordBasedMAC(SECRET)
    assert (own.owf, own.mac, own.iterations, own.salt_octets) == ("sha256", "sha256", 1000, 16)


# --- row 4: the comparison ---


def wrong_macs(message: PKIMessage) -> Iterator[BitString]:
    right = message.protection.data
    yield BitString(b"")
    for size in range(len(right)):
        yield BitString(right[:size])
        yield BitString(right[size + 1 :])
    for more in (b"\0", b"\1", right):
        yield BitString(right + more)
        yield BitString(more + right)
    for bit in range(8 * len(right)):
        flipped = int.from_bytes(right, "big") ^ 1 << bit
        yield BitString(flipped.to_bytes(len(right), "big"))
    yield BitString(right[::-1])
    yield BitString(bytes(len(right)))


def test_macs_that_do_not_fit_are_all_refused_alike() -> None:
    credential = shared()
    message = protect(CONFIRMATION, credential)
    texts = set()
    for mac in wrong_macs(message):
        if mac == message.protection:
            continue
        with pytest.raises(InvalidProtection) as caught:
            verify(message.replace(protection=mac), credential)
        texts.add(str(caught.value))
        assert caught.value.fail_info == "BAD_MESSAGE_CHECK"
        assert caught.value.__cause__ is caught.value.__context__ is None
    with pytest.raises(InvalidProtection) as caught:
        verify(message, PasswordBasedMAC(b"another"))
    assert texts == {str(caught.value)}
    verify(message, credential)


def test_unused_bits_are_refused() -> None:
    """The same octets, but fewer of their bits count."""
    credential = shared()
    for bits in range(1, 8):
        message = protect(CONFIRMATION, credential)
        while message.protection.data[-1] & (1 << bits) - 1:
            message = protect(CONFIRMATION, credential)
        verify(message, credential)
        with pytest.raises(InvalidProtection):
            verify(message.replace(protection=BitString(message.protection.data, bits)), credential)


# --- row 5: what the MAC covers ---


def test_every_octet_of_header_and_body_is_covered() -> None:
    """Each octet changed in turn, in two ways, starting with the tag of the message: nothing passes."""
    end = next(child.end for child in cmpcodec.children(MESSAGE) if child.name == "body")
    credential, outcomes = shared(), {DecodeError: 0, ProtectionError: 0}
    for at in range(end):
        for change in (1 << at % 8, 0xFF):
            data = bytearray(EXAMPLE)
            data[at] ^= change
            with pytest.raises((DecodeError, ProtectionError)) as caught:
                verify(cmpcodec.decode(data), credential)
            outcomes[DecodeError if isinstance(caught.value, DecodeError) else ProtectionError] += 1
    assert min(outcomes.values()) > 100


def test_every_octet_of_the_mac_counts() -> None:
    start = next(child.start for child in cmpcodec.children(MESSAGE) if child.name == "protection")
    for at in range(start, len(EXAMPLE)):
        data = bytearray(EXAMPLE)
        data[at] ^= 1 << at % 8
        with pytest.raises((DecodeError, ProtectionError)):
            verify(cmpcodec.decode(data), shared())


def test_extra_certificates_are_not_covered() -> None:
    certificates = [cmpcodec.CMPCertificate(tlv(0x30, bytes(20)))]
    message = MESSAGE.replace(extra_certs=certificates)
    verify(message, shared())
    again = protect(message, shared())
    assert again.extra_certs == message.extra_certs
    verify(again.replace(extra_certs=None), shared())


def test_parts_of_two_messages_do_not_mix() -> None:
    credential = shared(messages_per_salt=2)
    one, two = protect(MESSAGE, credential), protect(CONFIRMATION, credential)
    assert one.header == two.header
    for mixed in (one.replace(body=two.body), two.replace(protection=one.protection)):
        with pytest.raises(InvalidProtection):
            verify(mixed, credential)


@pytest.mark.parametrize("value", ["30042402 0400", "3080 0500 0000", "2f00", "30030101 01"])
def test_octets_count_as_they_came(value: str) -> None:
    """What an open type holds may be no DER inside: the MAC covers those very octets, not a better spelling."""
    try:
        odd = TLV(bytes.fromhex(value))
    except EncodeError:
        odd = TLV(tlv(0x30, bytes.fromhex(value)))
    item = cmpcodec.InfoTypeAndValue(info_type=cmpcodec.ObjectIdentifier("1.2.3.4"), info_value=odd)
    message = CONFIRMATION.replace(header=MESSAGE.header.replace(general_info=[item]))
    message = cmpcodec.decode(protect(message, shared()).der)
    assert message.header.general_info[0].info_value == odd
    verify(message, shared())
    better = item.replace(info_value=TLV(tlv(0x30, tlv(5))))
    with pytest.raises(InvalidProtection):
        verify(message.replace(header=message.header.replace(general_info=[better])), shared())


def test_a_time_with_an_offset_is_covered_as_it_came() -> None:
    """The peer with +0100 computes its MAC over +0100."""
    der = EXAMPLE.replace(b"20261123185405Z", b"20261123185405Z"[:-1] + b"+0100")
    tree = parse(EXAMPLE)
    assert tree is not None
    for one in tree[0].walk([]):
        if one.tag == b"\x18":
            one.content = one.content[:-1] + b"+0100"
    der = tree[0].encode()
    message = cmpcodec.decode(der, allow={"time-offset"})
    parameters = message.header.protection_alg.parameters
    right = mac_by_hand(part_by_hand(der), parameters.salt, "sha256", 500, "sha1")
    verify(message.replace(protection=BitString(right)), shared())
    with pytest.raises(InvalidProtection):
        verify(message, shared())


# --- protect and verify ---


@pytest.mark.parametrize("message", [CONFIRMATION, CONFIRMATION.replace(protection=None)])
def test_missing_protection(message: PKIMessage, work: Work) -> None:
    bare = message.replace(header=message.header.replace(protection_alg=None))
    for one in (message, bare, bare.replace(protection=BitString(bytes(20)))):
        with pytest.raises(MissingProtection) as caught:
            verify(one, shared())
        assert caught.value.fail_info == "BAD_MESSAGE_CHECK"
    assert work.none


def test_protect_takes_the_place_of_other_protection() -> None:
    again = protect(MESSAGE, PasswordBasedMAC(b"another"))
    assert MESSAGE.der == EXAMPLE
    verify(again, PasswordBasedMAC(b"another"))
    with pytest.raises(InvalidProtection):
        verify(again, shared())
    assert again.body == MESSAGE.body
    assert again.header.replace(protection_alg=MESSAGE.header.protection_alg) == MESSAGE.header


@pytest.mark.parametrize(("kid", "before", "after"), [
    (None, None, None), (None, b"old", b"old"), (b"new", None, b"new"), (b"new", b"old", b"new"), (b"", b"old", b""),
])  # fmt: skip
def test_sender_kid(kid: bytes | None, before: bytes | None, after: bytes | None) -> None:
    credential = shared(sender_kid=kid)
    assert credential.sender_kid == kid
    message = protect(MESSAGE.replace(header=MESSAGE.header.replace(sender_kid=before)), credential)
    assert message.header.sender_kid == after
    verify(message, credential)
    with pytest.raises(InvalidProtection):
        verify(message.replace(header=message.header.replace(sender_kid=b"forged")), credential)


def test_any_credential_will_do() -> None:
    """protect and verify know no algorithm: whoever has the four members of a Credential can be used."""

    class Checksum:
        sender_kid = b"sum"

        def algorithm(self) -> AlgorithmIdentifier:
            return AlgorithmIdentifier(algorithm=cmpcodec.ObjectIdentifier("1.2.3.4"))

        def compute(self, algorithm: AlgorithmIdentifier, octets: bytes) -> BitString:
            return BitString(hashlib.sha256(octets).digest())

        def check(self, algorithm: AlgorithmIdentifier, octets: bytes, protection: BitString, policy: object) -> None:
            if self.compute(algorithm, octets) != protection:
                raise InvalidProtection("sum")

    message = protect(CONFIRMATION, Checksum())
    verify(message, Checksum())
    assert message.protection.data == hashlib.sha256(part_by_hand(message.der)).digest()
    with pytest.raises(UnsupportedAlgorithm, match=r"protected by 1\.2\.3\.4, not by id-PasswordBasedMac"):
        verify(message, shared())


# --- keys that are kept ---


def kept(credential: PasswordBasedMAC) -> list[bytearray]:
    return list(credential._keys._keys.values())


def test_retransmission_needs_no_derivation(work: Work) -> None:
    credential = shared()
    for _ in range(5):
        verify(cmpcodec.decode(EXAMPLE), credential)
    assert (work.keys, work.macs) == (1, 5)


def test_keys_are_kept_only_after_success(work: Work) -> None:
    credential = shared()
    altered = MESSAGE.replace(body=CONFIRMATION.body)
    for _ in range(3):
        with pytest.raises(InvalidProtection):
            verify(altered, credential)
    assert not kept(credential)
    assert work.keys == 3
    verify(MESSAGE, credential)
    for _ in range(3):
        with pytest.raises(InvalidProtection):
            verify(altered, credential)
    assert work.keys == 4


def test_the_key_is_that_of_salt_owf_and_count(work: Work) -> None:
    """Same salt, another count or owf: another key. Another MAC: the same key."""
    credential = shared()
    for owf, count, mac, keys in (("sha256", 100, "sha256", 1), ("sha256", 101, "sha256", 2), ("sha512", 100, "sha256", 3), ("sha256", 100, "sha512", 3)):
        der = pbm_algorithm(
            owf=algorithm(pbm._OWF_OIDS[owf]), count=integer(count), mac=algorithm(pbm._MAC_OIDS[mac])
        )
        verify(protected_by_hand(der, SALT, owf, count, mac), credential)
        assert work.keys == keys


def test_known_keys_do_not_pass_by_the_policy(work: Work) -> None:
    credential = shared()
    message = protect(CONFIRMATION, shared(owf="sha1"))
    verify(message, credential, OPEN)
    work.keys = work.macs = 0
    with pytest.raises(UnsupportedAlgorithm):
        verify(message, credential)
    assert work.none


def test_cache_is_bounded_and_wiped(work: Work) -> None:
    credential = shared(cached_keys=3)
    messages = [protect(CONFIRMATION, shared()) for _ in range(5)]
    for message in messages[:3]:
        verify(message, credential)
    first, second, third = kept(credential)
    assert all(any(key) for key in (first, second, third))
    verify(messages[0], credential)  # now the second is the one that was not used for longest
    for message in messages[3:]:
        verify(message, credential)
        assert len(kept(credential)) == 3
    assert any(first)
    assert not any(second)
    assert not any(third)
    work.keys = 0
    verify(messages[0], credential)
    assert work.keys == 0
    verify(messages[1], credential)
    assert work.keys == 1


def test_cache_can_be_done_without(work: Work) -> None:
    credential = shared(cached_keys=0)
    for _ in range(3):
        verify(MESSAGE, credential)
    assert work.keys == 3
    assert not kept(credential)


def test_messages_per_salt(work: Work) -> None:
    credential = shared(messages_per_salt=3)
    messages = [protect(CONFIRMATION, credential) for _ in range(7)]
    assert work.keys == 3
    salts = [salt_of(message.header.protection_alg) for message in messages]
    assert salts[0] == salts[1] == salts[2] != salts[3] == salts[4] == salts[5] != salts[6]
    for message in messages:
        verify(message, shared())


def test_one_message_per_salt_keeps_nothing(work: Work) -> None:
    credential = shared()
    salts = {salt_of(protect(CONFIRMATION, credential).header.protection_alg) for _ in range(5)}
    assert len(salts) == work.keys == 5
    assert not kept(credential)


def test_forget(work: Work) -> None:
    credential = shared(messages_per_salt=100)
    before = protect(CONFIRMATION, credential)
    verify(MESSAGE, credential)
    keys = kept(credential)
    assert len(keys) == 2
    credential.forget()
    assert not kept(credential)
    assert not any(any(key) for key in keys)
    after = protect(CONFIRMATION, credential)
    assert salt_of(before.header.protection_alg) != salt_of(after.header.protection_alg)
    verify(MESSAGE, credential)
    assert work.keys == 4


def test_a_key_forgotten_while_it_is_used_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread may do at the worst moment: forget the key that was just looked up. It must not be taken as zeros."""
    credential, digest = shared(), hmac.digest
    verify(MESSAGE, credential)
    altered = MESSAGE.replace(body=CONFIRMATION.body)
    forged = altered.replace(protection=BitString(digest(bytes(32), protected_part(altered), "sha1")))

    def interrupted(*args: Any) -> bytes:
        credential.forget()
        return digest(*args)

    monkeypatch.setattr(hmac, "digest", interrupted)
    with pytest.raises(InvalidProtection):
        verify(forged, credential)
    monkeypatch.undo()
    verify(MESSAGE, credential)
    monkeypatch.setattr(hmac, "digest", interrupted)
    verify(MESSAGE, credential)


def test_threads_share_a_credential() -> None:
    """One key fits into the cache and four messages are verified at once: each verifies, every time."""
    credential = shared(cached_keys=1, messages_per_salt=2)
    messages = [protect(CONFIRMATION, shared()) for _ in range(4)]
    failures: list[BaseException] = []

    def go(message: PKIMessage) -> None:
        try:
            for _ in range(300):
                verify(message, credential)
                verify(protect(message, credential), credential)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test fails
            failures.append(error)

    threads = [threading.Thread(target=go, args=(message,)) for message in messages]
    for thread in threads:
        thread.start()
    for _ in range(200):
        credential.forget()
    for thread in threads:
        thread.join()
    assert not failures


# --- secrets ---

CANARY = b"canary-6fd1c0de-secret"


def failures() -> dict[str, Callable[[PasswordBasedMAC], object]]:
    """Everything that goes wrong with a credential in hand."""
    missing = CONFIRMATION.replace(header=MESSAGE.header.replace(protection_alg=None))
    return {
        "wrong": lambda one: verify(MESSAGE, one),
        "missing": lambda one: verify(missing, one),
        "refused": lambda one: verify(announcing(pbm_algorithm(count=integer(2**40))), one),
        "pickle": lambda one: pickle.dumps(one),
        "copy": lambda one: copy.copy(one),
        "deepcopy": lambda one: copy.deepcopy([one]),
        "no message": lambda one: verify(None, one),  # type: ignore[arg-type]
        "no body": lambda one: protect(None, one),  # type: ignore[arg-type]
        "no algorithm": lambda one: one.compute(None, b""),  # type: ignore[arg-type]
        "no octets": lambda one: one.compute(one.algorithm(), None),  # type: ignore[arg-type]
        "no protection": lambda one: one.check(MESSAGE.header.protection_alg, b"", None, ProtectionPolicy()),  # type: ignore[arg-type]
        "text": lambda one: PasswordBasedMAC(CANARY.decode()),  # type: ignore[arg-type]
        "list": lambda one: PasswordBasedMAC([CANARY]),  # type: ignore[arg-type]
        "owf": lambda one: PasswordBasedMAC(CANARY, owf="md5"),
        "iterations": lambda one: PasswordBasedMAC(CANARY, iterations=1),
        "kid": lambda one: protect(MESSAGE, PasswordBasedMAC(CANARY, sender_kid="text")),  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("name", failures())
def test_errors_do_not_show_the_secret(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    credential = PasswordBasedMAC(CANARY, sender_kid=b"device-1", messages_per_salt=2, iterations=100)
    protect(MESSAGE, credential)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of any kind; its text is what matters
        failures()[name](credential)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.args)
    for secret in (CANARY, CANARY.hex().encode(), *kept(credential)):
        assert bytes(secret) not in shown.encode()
        assert bytes(secret).hex() not in shown
        assert repr(bytes(secret))[2:-1] not in shown
    assert not caplog.records


def test_representation_shows_no_secret() -> None:
    credential = PasswordBasedMAC(CANARY, sender_kid=b"device-1")
    protect(MESSAGE, credential)
    expected = "PasswordBasedMAC(<secret>, sender_kid=b'device-1', owf='sha256', mac='sha256', iterations=1000)"
    assert repr(credential) == str(credential) == f"{credential}" == expected
    assert not hasattr(credential, "__dict__")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_credentials_are_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="holds a secret and cannot be pickled"):
        pickle.dumps(shared(), protocol)


# --- arguments ---


@pytest.mark.parametrize(
    ("arguments", "expected", "text"),
    [
        ({"secret": "text"}, TypeError, "secret: expected bytes, not str"),
        ({"secret": None}, TypeError, "secret: expected bytes, not NoneType"),
        ({"secret": 5}, TypeError, "secret: expected bytes, not int"),
        ({"owf": "md5"}, ValueError, "owf: 'md5' is none of"),
        ({"owf": "SHA256"}, ValueError, "owf: 'SHA256' is none of"),
        ({"owf": None}, ValueError, "owf: None is none of"),
        ({"mac": "md5"}, ValueError, "mac: 'md5' is none of"),
        ({"mac": "hmac-sha256"}, ValueError, "mac: 'hmac-sha256' is none of"),
        ({"iterations": 99}, ValueError, "iterations: "),
        ({"iterations": 0}, ValueError, "iterations: "),
        ({"iterations": -1}, ValueError, "iterations: "),
        ({"iterations": 2**31}, ValueError, "iterations: "),
        ({"iterations": True}, (TypeError, ValueError), "iterations"),
        ({"iterations": 1000.0}, TypeError, "iterations"),
        ({"iterations": "1000"}, TypeError, ""),
        ({"salt_octets": 7}, ValueError, "salt_octets: expected 8 to 1024"),
        ({"salt_octets": 1025}, ValueError, "salt_octets: expected 8 to 1024"),
        ({"salt_octets": 16.0}, TypeError, "salt_octets"),
        ({"messages_per_salt": 0}, ValueError, "messages_per_salt"),
        ({"messages_per_salt": 1.5}, TypeError, "messages_per_salt"),
        ({"cached_keys": -1}, ValueError, "cached_keys"),
        ({"cached_keys": 1.5}, TypeError, "cached_keys"),
        ({"sender_kid": "text"}, TypeError, "sender_kid"),
        ({"iteration": 5}, TypeError, "iteration"),
    ],
    ids=str,
)
def test_arguments_that_make_no_sense(arguments: dict[str, Any], expected: Any, text: str) -> None:
    with pytest.raises(expected, match=text):
        PasswordBasedMAC(**({"secret": SECRET} | arguments))


@pytest.mark.parametrize("arguments", [
    {"iterations": 100}, {"salt_octets": 8}, {"salt_octets": 1024}, {"messages_per_salt": 1 << 40}, {"cached_keys": 0},
])  # fmt: skip
def test_arguments_at_their_bounds(arguments: dict[str, Any]) -> None:
    message = protect(CONFIRMATION, shared(**arguments))
    verify(message, shared(), ProtectionPolicy(max_salt=1024))
