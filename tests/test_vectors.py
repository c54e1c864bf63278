"""Every vector: decoded, read to the last leaf, compared with pyasn1, rebuilt from its parts, verified.

The vectors and who made them: tests/vectors/README.md. What pyasn1 reads in them: independent.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyasn1.codec.der import decoder
from pyasn1.type import char, univ, useful
from pyasn1_alt_modules import rfc4055, rfc4211, rfc5280, rfc5652, rfc8018, rfc9480, rfc9629, rfc9810

import cmpcodec
from cmpcodec._engine import children
from cmpcodec.asn1 import TLV, BitString, Choice, NamedBits, Null, Record, Sequence, SequenceOf, SetOf
from tests import independent

VECTORS = Path(__file__).resolve().parent / "vectors"
ENTRIES: list[dict[str, Any]] = json.loads((VECTORS / "manifest.json").read_text(encoding="utf-8"))["vectors"]
PBM_ENTRIES = [one for one in ENTRIES if one["protection"] == "pbm"]
UNPROTECTED = [one for one in ENTRIES if one["protection"] == "none"]
EXPECTED_BODIES = set(rfc9810.PKIBody().componentType)

UNMECHANICAL = {
    "pKIStatusInfo": "pki_status_info",
    "dNSName": "dns_name",
    "iPAddress": "ip_address",
    "cAKeyUpdAnnV2": "ca_key_upd_ann_v2",
    "cAKeyUpdAnnV3": "ca_key_upd_ann_v3",
}
# pyasn1-alt-modules has names of its own in p10cr; ours are those of RFC 2986.
P10CR_NAMES = {"subjectPublicKeyInfo": "subjectPKInfo", "attrType": "type", "attrValues": "values"}
MODULES = (rfc9810, rfc9480, rfc4211, rfc5652, rfc5280, rfc8018, rfc4055, rfc9629)

every_vector = pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: one["file"])


def load(entry: dict[str, Any]) -> bytes:
    return (VECTORS / entry["file"]).read_bytes()


def snake_case(name: str) -> str:
    """The attribute name that an ASN.1 component has with us."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|-", "_", name)
    return UNMECHANICAL.get(name, words.lower())


def smallest_of_each_body() -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in ENTRIES:
        best = found.setdefault(one["body"], one)
        if (VECTORS / one["file"]).stat().st_size < (VECTORS / best["file"]).stat().st_size:
            found[one["body"]] = one
    return list(found.values())


# --- what is there ---


def test_manifest_lists_exactly_the_files_that_are_there() -> None:
    assert sorted(one["file"] for one in ENTRIES) == sorted(file.name for file in VECTORS.glob("*.der"))


def test_every_body_has_a_vector() -> None:
    assert {one["body"] for one in ENTRIES} == EXPECTED_BODIES
    assert len(EXPECTED_BODIES) == 27


@every_vector
def test_file_is_the_one_that_was_listed(entry: dict[str, Any]) -> None:
    assert hashlib.sha256(load(entry)).hexdigest() == entry["sha256"]


# --- decoding ---


@every_vector
def test_decodes_and_keeps_its_bytes(entry: dict[str, Any]) -> None:
    der = load(entry)
    message = cmpcodec.decode(der)
    assert message.der == der
    assert message.body.name == snake_case(entry["body"])
    assert (message.protection is None) == (entry["protection"] == "none")


def read(value: Any) -> int:
    """Read everything below a value in every way there is; how many values that were."""
    if not isinstance(value, Record):
        return 1
    found = children(value)
    repr(value)
    if isinstance(value, Sequence):
        present = {child.name: child.value for child in found}
        for name in type(value)._component_names:
            got = getattr(value, name)
            if name in present:
                assert got == present[name]
    elif isinstance(value, Choice):
        assert [(child.name, child.value) for child in found] == [(value.name, value.value)]
        given = {name: getattr(value, name) for name in type(value)._component_names}
        assert [name for name, got in given.items() if got is not None] == [value.name]
    elif isinstance(value, (SequenceOf, SetOf)):
        assert [child.value for child in found] == list(value)
        assert len(value) == len(found)
    else:
        assert found == ()
    return 1 + sum(read(child.value) for child in found)


@every_vector
def test_reads_completely(entry: dict[str, Any]) -> None:
    message = cmpcodec.decode(load(entry))
    count = read(message)
    assert count > 6
    assert read(message) == count  # cached values are the same values


def rebuild(value: Any) -> Any:
    """An equal value, each record in it constructed anew from its components."""
    if isinstance(value, (Sequence, Choice)):
        return type(value)(**{child.name: rebuild(child.value) for child in children(value)})
    if isinstance(value, (SequenceOf, SetOf)):
        return type(value)([rebuild(item) for item in value])
    if isinstance(value, TLV):
        return type(value)(value.der)
    if isinstance(value, Null):
        return type(value)()
    return value


@every_vector
def test_rebuilt_from_its_parts_it_has_the_same_bytes(entry: dict[str, Any]) -> None:
    message = cmpcodec.decode(load(entry))
    again = rebuild(message)
    assert again.der == load(entry)
    assert again == message
    assert hash(again) == hash(message)
    read(again)


@pytest.mark.parametrize("entry", smallest_of_each_body(), ids=lambda one: one["file"])
def test_every_truncation_is_refused(entry: dict[str, Any]) -> None:
    der = load(entry)
    for length in range(len(der)):
        with pytest.raises(cmpcodec.DecodeError) as caught:
            cmpcodec.decode(der[:length])
        assert 0 <= caught.value.offset <= length
        assert str(caught.value).endswith(f", at byte {caught.value.offset}")


@every_vector
def test_a_byte_more_or_less_is_refused(entry: dict[str, Any]) -> None:
    der = load(entry)
    for wrong in (der + b"\0", der[:-1], der[1:]):
        with pytest.raises(cmpcodec.DecodeError):
            cmpcodec.decode(wrong)


@pytest.mark.parametrize("entry", smallest_of_each_body(), ids=lambda one: one["file"])
def test_error_names_the_body_it_is_in(entry: dict[str, Any]) -> None:
    der = bytearray(load(entry))
    body = children(cmpcodec.decode(bytes(der)))[1]
    (content,) = children(body.value)
    inside = body.end - len(content.value.der)
    der[inside] = 0xDF  # a private tag, which no type of CMP has
    with pytest.raises(cmpcodec.DecodeError) as caught:
        cmpcodec.decode(bytes(der))
    assert caught.value.path == f"body.{content.name}"
    assert caught.value.offset == inside


# --- another decoder ---


class Comparison:
    """Walks our tree and pyasn1's at once; `leaves` counts the values that were compared."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.leaves = 0

    def values(self, ours: Any, theirs: Any, wire: bytes, path: str) -> None:
        """Compare one value; `wire` is its DER at its place, explicit tag included."""
        if isinstance(theirs, univ.Choice):
            if isinstance(ours, Choice):
                self.choice(ours, theirs, path)
            else:  # a CHOICE of one alternative, which our schema writes as that alternative
                assert len(theirs.componentType) == 1, path
                self.values(ours, theirs.getComponent(), wire, path)
        elif isinstance(theirs, univ.Any):
            self.opened(ours, theirs, wire, path)
        elif isinstance(ours, Choice):  # in pyasn1-alt-modules krp is RFC 4210's, without EncryptedKey
            assert path.startswith("message.body.krp."), path
            (child,) = children(ours)
            self.below(child, theirs, f"{path}.{ours.name}")
        elif isinstance(ours, TLV):  # opaque for us, such as a certificate
            assert independent.encode(theirs) == wire, path
            assert wire.endswith(ours.der[1:]), path
            self.leaves += 1
        elif isinstance(theirs, (univ.SequenceOf, univ.SetOf)):
            self.elements(ours, theirs, path)
        elif isinstance(theirs, (univ.Sequence, univ.Set)):
            self.sequence(ours, theirs, path)
        else:
            assert independent.encode(theirs) == wire, path
            assert plain(ours) == plain_pyasn1(theirs), path
            self.leaves += 1

    def below(self, child: Any, theirs: Any, path: str) -> None:
        self.values(child.value, theirs, self.data[child.start : child.end], path)

    def choice(self, ours: Choice, theirs: Any, path: str) -> None:
        assert ours.name == snake_case(theirs.getName()), path
        (child,) = children(ours)
        self.below(child, theirs.getComponent(), f"{path}.{ours.name}")

    def sequence(self, ours: Any, theirs: Any, path: str) -> None:
        assert isinstance(ours, Sequence), path
        present = [name for name in theirs if not is_absent(theirs, name)]
        found = children(ours)
        renamed = P10CR_NAMES if path.startswith("message.body.p10cr.") else {}
        expected = [snake_case(renamed.get(name, name)) for name in present]
        assert [child.name for child in found] == expected, path
        for child, name in zip(found, present, strict=True):
            self.below(child, theirs[name], f"{path}.{child.name}")

    def elements(self, ours: Any, theirs: Any, path: str) -> None:
        assert isinstance(ours, SequenceOf if isinstance(theirs, univ.SequenceOf) else SetOf), path
        found = children(ours)
        assert len(found) == len(theirs), path
        for number, (child, item) in enumerate(zip(found, theirs, strict=True)):
            self.below(child, item, f"{path}[{number}]")

    def opened(self, ours: Any, theirs: Any, wire: bytes, path: str) -> None:
        """Compare an open type, which pyasn1 leaves as bytes: decode them as the type that we found there."""
        inner = bytes(theirs)
        assert wire.endswith(inner), path
        if isinstance(ours, TLV):
            assert ours.der == inner, path
            self.leaves += 1
            return
        spec = None
        if isinstance(ours, Record):
            assert ours.der == inner, path
            name = type(ours).__name__
            spec = next((getattr(module, name)() for module in MODULES if hasattr(module, name)), None)
        value, rest = decoder.decode(inner, asn1Spec=spec)
        assert rest == b"", path
        if spec is not None or not isinstance(ours, Record):
            self.values(ours, value, inner, path)


def is_absent(theirs: Any, name: str) -> bool:
    """Whether pyasn1 shows a component that is not on the wire."""
    value = theirs.getComponentByName(name, default=None, instantiate=False)
    component = theirs.componentType[theirs.componentType.getPositionByName(name)]
    return value is None or not value.isValue or (component.isDefaulted and value == component.asn1Object)


def plain(value: Any) -> Any:
    """One of our leaves, comparable with pyasn1's."""
    if isinstance(value, NamedBits):
        return "bits", {position for position in range(value.bit_length()) if value >> position & 1}
    if isinstance(value, BitString):
        size = 8 * len(value.data) - value.unused_bits
        bits = int.from_bytes(value.data, "big") >> value.unused_bits
        return "bits", {position for position in range(size) if bits >> (size - 1 - position) & 1}
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, int):
        return "int", int(value)
    if isinstance(value, Null):
        return "null", None
    if isinstance(value, datetime):
        assert value.tzinfo is UTC
    return type(value).__name__, value


def plain_pyasn1(value: Any) -> Any:
    """The same for a leaf of pyasn1."""
    if isinstance(value, univ.BitString):
        return "bits", {position for position, bit in enumerate(value) if bit}
    if isinstance(value, univ.Boolean):
        return "bool", bool(value)
    if isinstance(value, univ.Integer):
        return "int", int(value)
    if isinstance(value, univ.Null):
        return "null", None
    if isinstance(value, univ.ObjectIdentifier):
        return "ObjectIdentifier", str(value)
    if isinstance(value, useful.UTCTime):  # not .asDateTime: its century is that of POSIX, not RFC 5280's
        year = ("19" if str(value) >= "50" else "20") + str(value)
        return "datetime", datetime.strptime(year, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    if isinstance(value, useful.GeneralizedTime):
        return "datetime", datetime.strptime(str(value), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    if isinstance(value, char.AbstractCharacterString):
        return "str", str(value)
    assert isinstance(value, univ.OctetString)
    return "bytes", bytes(value)


@every_vector
def test_agrees_with_pyasn1_on_every_leaf(entry: dict[str, Any]) -> None:
    der = load(entry)
    comparison = Comparison(der)
    comparison.values(cmpcodec.decode(der), independent.decode(der), der, "message")
    assert comparison.leaves > 4


@pytest.mark.parametrize(
    "entry", [one for one in ENTRIES if one["file"].startswith("built-genp-")], ids=lambda one: one["file"]
)
def test_known_info_types_are_opened(entry: dict[str, Any]) -> None:
    (info,) = cmpcodec.decode(load(entry)).body.genp
    assert info.info_value is not None
    assert type(info.info_value) is not TLV


@pytest.mark.parametrize("file", ["built-genm-mismatched-info.der", "built-ir-mismatched-info.der"])
def test_values_of_another_type_stay_closed(file: str) -> None:
    body = cmpcodec.decode((VECTORS / file).read_bytes()).body
    values = [one.info_value for one in body.genm or ()]
    values += [one.value for request in body.ir or () for one in request.cert_req.controls]
    assert len(values) >= 2
    assert all(type(value) is TLV for value in values)


# --- protection ---


@pytest.mark.parametrize("entry", PBM_ENTRIES, ids=lambda one: one["file"])
def test_pbm_verifies_with_its_secret_only(entry: dict[str, Any]) -> None:
    message = cmpcodec.decode(load(entry))
    secret = entry["secret"].encode()
    policy = cmpcodec.ProtectionPolicy()
    if entry["owf"] == "sha1":  # takes an explicit word
        with pytest.raises(cmpcodec.UnsupportedAlgorithm):
            cmpcodec.verify(message, cmpcodec.PasswordBasedMAC(secret), policy)
        policy = policy._replace(owfs=policy.owfs | {"sha1"})
    if entry["mac"] == "hmac-md5":  # never
        with pytest.raises(cmpcodec.UnsupportedAlgorithm):
            cmpcodec.verify(message, cmpcodec.PasswordBasedMAC(secret), policy)
        return
    cmpcodec.verify(message, cmpcodec.PasswordBasedMAC(secret), policy)
    for wrong in (secret + b"x", secret.swapcase() + b" ", b"wrong"):
        with pytest.raises(cmpcodec.InvalidProtection):
            cmpcodec.verify(message, cmpcodec.PasswordBasedMAC(wrong), policy)


@pytest.mark.parametrize("entry", UNPROTECTED, ids=lambda one: one["file"])
def test_unprotected_messages_do_not_verify(entry: dict[str, Any]) -> None:
    with pytest.raises(cmpcodec.ProtectionError):
        cmpcodec.verify(cmpcodec.decode(load(entry)), cmpcodec.PasswordBasedMAC(b"mySecret"))


@pytest.mark.parametrize(
    "file", ["ir-pbm.1-ir.der", "genm-pbm-sha512-hmacWithSHA512.1-genm.der", "built-genp-pbm-100.der"]
)
def test_pbm_covers_every_bit(file: str) -> None:
    """A change of any bit is refused, by the decoder or by the MAC."""
    der = (VECTORS / file).read_bytes()
    shared = cmpcodec.PasswordBasedMAC(b"mySecret")
    refused = 0
    for position in range(0, 8 * len(der), 5):
        changed = bytearray(der)
        changed[position // 8] ^= 1 << position % 8
        try:
            message = cmpcodec.decode(bytes(changed))
        except cmpcodec.DecodeError:
            continue
        with pytest.raises(cmpcodec.ProtectionError):
            cmpcodec.verify(message, shared)
        refused += 1
    assert refused > len(der) // 4
