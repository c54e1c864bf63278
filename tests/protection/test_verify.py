"""Protection by a shared secret: what is refused before any hash, what a MAC is and what it covers.

Iteration counts, salts, algorithms, comparison, octets that are covered. The MACs that count as right are made by
hand. What a credential keeps, and what it never shows: test_keys.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

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
    PKIHeader,
    PKIMessage,
    ProtectionError,
    ProtectionPolicy,
    UnsupportedAlgorithm,
    oids,
    protect,
    verify,
)
from cmpcodec.errors import counted
from cmpcodec.protection import pbm, protected_part
from cmpcodec.protection.policy import MAX_SALT
from tests.mutations import parse, tlv
from tests.protection.by_hand import (
    CONFIRMATION,
    EXAMPLE,
    MESSAGE,
    OPEN,
    SALT,
    SECRET,
    Work,
    algorithm,
    announcing,
    integer,
    mac_by_hand,
    part_by_hand,
    pbm_algorithm,
    protected_by_hand,
    shared,
)

EVERY_OID = sorted({value for value in vars(oids).values() if isinstance(value, cmpcodec.ObjectIdentifier)})
DEFAULT = ProtectionPolicy()


def refused(message: PKIMessage, work: Work, policy: ProtectionPolicy = DEFAULT) -> str:
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


# --- row 1: iterationCount ---

TOO_FEW = [99, 1, 0, -1, -(2**31), -(2**63), -(2**64)]
TOO_MANY = [100_001, 2**31 - 1, 2**31, 2**32 + 100, 2**63, 2**64, 2**64 + 100]


@pytest.mark.parametrize("count", TOO_FEW + TOO_MANY)
def test_iterations_beyond_the_bounds_cost_nothing(count: int, work: Work) -> None:
    text = refused(announcing(pbm_algorithm(count=integer(count))), work)
    assert text == "iterationCount is not between 100 and 100000, as the policy demands"


@pytest.mark.parametrize(
    "octets", [b"\x7f" * 1024, b"\x80" * 1024, b"\x01" + bytes(2047), b"\x7f" * 2049, b"\x7f" * 60_000]
)
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
    assert text == f"salt of {counted(size, 'octet')} is not between 8 and 64, as the policy demands"


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
    assert len(EVERY_OID) >= 300
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
    work.forget()
    assert refused(message, work) == "owf sha1 is not admitted by the policy"
    verify(message, shared(), OPEN)


def test_hmac_sha1_can_be_switched_off(work: Work) -> None:
    verify(MESSAGE, shared())
    work.forget()
    strict = ProtectionPolicy(macs=ProtectionPolicy().macs - {"sha1"})
    assert refused(MESSAGE, work, strict) == "mac HMAC-sha1 is not admitted by the policy"


def test_default_policy_is_what_we_promise() -> None:
    """The numbers once more: to change one takes a reason."""
    sha2_and_3 = {f"sha{kind}" for kind in ["224", "256", "384", "512", "3_224", "3_256", "3_384", "3_512"]}
    policy = ProtectionPolicy()
    assert policy[:5] == (100, 100_000, 8, 64, sha2_and_3)
    assert policy.macs == sha2_and_3 | {"sha1", "aes128_gmac", "aes192_gmac", "aes256_gmac"}
    assert policy.prfs == sha2_and_3
    assert policy.digests == sha2_and_3 | {"shake128", "shake256"}
    assert (policy.min_rsa_bits, policy.min_ec_bits) == (2048, 224)
    assert MAX_SALT == 1024
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
    """Protect and verify know no algorithm: whoever has the four members of a Credential can be used."""

    class Checksum:
        certificates = None

        def prepare(self, header: PKIHeader) -> PKIHeader:
            algorithm = AlgorithmIdentifier(algorithm=cmpcodec.ObjectIdentifier("1.2.3.4"))
            return header.replace(protection_alg=algorithm, sender_kid=b"sum")

        def compute(self, algorithm: AlgorithmIdentifier, octets: bytes) -> BitString:
            return BitString(hashlib.sha256(octets).digest())

        def authenticate(self, message: PKIMessage, octets: bytes, policy: object, time: object) -> None:
            if self.compute(message.header.protection_alg, octets) != message.protection:
                raise InvalidProtection("sum")

    message = protect(CONFIRMATION, Checksum())
    verify(message, Checksum())
    assert message.protection.data == hashlib.sha256(part_by_hand(message.der)).digest()
    with pytest.raises(UnsupportedAlgorithm, match=r"protected by 1\.2\.3\.4, not by id-PasswordBasedMac"):
        verify(message, shared())


@pytest.mark.parametrize(
    ("owf", "most"), [("sha256", 100_000), ("sha512", 25_000), ("sha384", 25_000), ("sha3_256", 12_500)]
)
def test_the_cost_is_bounded_not_the_count(owf: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What costs more per iteration may have fewer; and what is refused costs nothing."""
    seen: list[int] = []
    nobody = cmpcodec.GeneralName(directory_name=cmpcodec.Name([]))
    monkeypatch.setattr(pbm, "pbm_key", lambda secret, salt, owf, iterations: seen.append(iterations) or bytes(32))
    message = cmpcodec.PKIMessage(
        header=cmpcodec.PKIHeader(pvno=2, sender=nobody, recipient=nobody),
        body=cmpcodec.PKIBody(pkiconf=cmpcodec.PKIConfirmContent()),
    )
    for iterations, allowed in ((most, True), (most + 1, False)):
        protected = cmpcodec.protect(message, cmpcodec.PasswordBasedMAC(b"secret", owf=owf, iterations=iterations))
        seen.clear()
        if allowed:
            cmpcodec.verify(protected, cmpcodec.PasswordBasedMAC(b"secret"))
            assert seen == [iterations]
        else:
            with pytest.raises(cmpcodec.UnsupportedAlgorithm, match="iterationCount"):
                cmpcodec.verify(protected, cmpcodec.PasswordBasedMAC(b"secret"))
            assert seen == []
