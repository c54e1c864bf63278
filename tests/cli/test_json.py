"""`decode --json` and `--jsonl`: what docs/json.md promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cmpcodec import cmp, crmf, pkix
from cmpcodec.asn1 import Record
from cmpcodec.cli.inputs import end_of_value
from tests.cli.conftest import ROOT, Run
from tests.cli.rebuild import rebuild

VECTORS = ROOT / "tests" / "vectors"
FILES = sorted(VECTORS.glob("*.der"))
EXAMPLE = str(ROOT / "examples" / "ir-pbm.der")


@pytest.fixture
def decode_all(run: Run) -> dict[str, Any]:
    result = run("decode", "--jsonl", "--offsets", *map(str, FILES))
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert len(lines) == len(FILES)
    return {Path(one["source"]).name: one for one in map(json.loads, lines)}


def test_every_vector_can_be_rebuilt_from_its_json(decode_all: dict[str, Any]) -> None:
    lossy = [
        file.name for file in FILES if rebuild(cmp.PKIMessage, decode_all[file.name]["value"]).der != file.read_bytes()
    ]
    assert lossy == []


def test_offsets_are_those_of_whole_values(decode_all: dict[str, Any]) -> None:
    for file in FILES:
        one, data = decode_all[file.name], file.read_bytes()
        assert one["offsets"]
        for pointer, (start, end) in one["offsets"].items():
            value = one["value"]
            for step in pointer.split("/")[1:]:
                value = value[int(step)] if isinstance(value, list) else value[step]
            assert 0 < start < end, pointer
            assert end_of_value(data, start) in (end, None), pointer  # None: a tag of several octets


def test_the_documented_members(run: Run) -> None:
    result = run("decode", "--json", EXAMPLE)
    (document,) = json.loads(result.out)
    assert list(document) == [
        "cmpcodec",
        "source",
        "number",
        "of",
        "form",
        "type",
        "size",
        "ok",
        "summary",
        "value",
    ]
    assert {name: document[name] for name in list(document)[:8]} == {
        "cmpcodec": 1,
        "source": EXAMPLE,
        "number": 1,
        "of": 1,
        "form": "DER",
        "type": "PKIMessage",
        "size": 819,
        "ok": True,
    }


def test_protection_is_reported(run: Run) -> None:
    for secret, verdict in (("mySecret", "valid"), ("other", "invalid")):
        result = run("decode", "--jsonl", "--secret", f"pass:{secret}", EXAMPLE)
        document = json.loads(result.out)
        assert document["protection"]["verdict"] == verdict
        assert document["ok"] is (verdict == "valid")
        assert (document["protection"]["reason"] is None) is (verdict == "valid")
        assert result.code == (0 if verdict == "valid" else 4)


def test_errors_are_objects_too(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.der"
    broken.write_bytes(Path(EXAMPLE).read_bytes()[:-1] + b"\x00\x00")
    text = tmp_path / "text"
    text.write_text("Dear all,")
    result = run("decode", "--json", str(broken), str(text), str(tmp_path / "none"), EXAMPLE)
    assert result.code == 5
    malformed, prose, absent, good = json.loads(result.out)
    assert malformed["ok"] is False
    assert malformed["error"] == {
        "kind": "malformed",
        "path": "PKIMessage",
        "problem": "1 octet after the end of the value",
        "offset": 819,
        "near": {"offset": 804, "hex": broken.read_bytes()[804:].hex()},
    }
    assert list(prose) == list(absent) == ["cmpcodec", "source", "ok", "error"]
    assert prose["error"]["kind"] == "malformed"
    assert absent["error"]["kind"] == "io"
    assert good["ok"] is True
    assert result.err.count("\n") == 5  # the same for people; one has two lines of octets


def test_json_is_always_an_array_and_jsonl_always_lines(run: Run, tmp_path: Path) -> None:
    assert len(json.loads(run("decode", "--json", EXAMPLE, EXAMPLE).out)) == 2
    assert len(json.loads(run("decode", "--json", str(tmp_path / "none")).out)) == 1
    assert run("decode", "--jsonl", EXAMPLE, EXAMPLE).out.count("\n") == 2
    assert run("decode", "--json", EXAMPLE).out.isascii()


RECORDS: list[tuple[Record, Any]] = [
    (
        crmf.CertId(issuer=pkix.GeneralName(dns_name="a"), serial_number=2**53 - 1),
        {"issuer": {"dNSName": "a"}, "serialNumber": 9007199254740991},
    ),
    (
        crmf.CertId(issuer=pkix.GeneralName(registered_id="1.2.3"), serial_number=-(2**53)),
        {"issuer": {"registeredID": {"oid": "1.2.3", "name": None}}, "serialNumber": "-0x20000000000000"},
    ),
    (
        cmp.PKIStatusInfo(status=9, fail_info=cmp.PKIFailureInfo(1 | 1 << 31)),
        {"status": {"number": 9, "name": None}, "failInfo": ["badAlg", "bit 31"]},
    ),
    (
        pkix.Extension(extn_id="2.5.29.15", critical=True, extn_value=b"\x03\x02\x07\x80"),
        {
            "extnID": {"oid": "2.5.29.15", "name": "id-ce-keyUsage"},
            "critical": True,
            "extnValue": "03020780",
            "opened": ["digitalSignature"],
        },
    ),
    (
        pkix.Extension(extn_id="2.5.29.15", extn_value=b"\x05\x00"),
        {
            "extnID": {"oid": "2.5.29.15", "name": "id-ce-keyUsage"},
            "extnValue": "0500",
            "problem": "no BIT STRING: expected BIT STRING, found NULL",
        },
    ),
    (
        cmp.InfoTypeAndValue(info_type="1.3.6.1.5.5.7.4.13", info_value=pkix.Null()),
        {"infoType": {"oid": "1.3.6.1.5.5.7.4.13", "name": "id-it-implicitConfirm"}, "infoValue": None},
    ),
]


@pytest.mark.parametrize(("record", "expected"), RECORDS, ids=[type(record).__name__ for record, _ in RECORDS])
def test_values(run: Run, tmp_path: Path, record: Record, expected: Any) -> None:
    result = run("decode", "--jsonl", "--type", type(record).__name__, stdin=record.der)
    document = json.loads(result.out)
    assert document["value"] == expected
    assert rebuild(type(record), document["value"]) == record


def test_huge_integers_do_not_trip_python(run: Run) -> None:
    record = crmf.CertId(issuer=pkix.GeneralName(dns_name="a"), serial_number=1 << 16000)
    document = json.loads(run("decode", "--jsonl", "--type", "CertId", stdin=record.der).out)
    assert int(document["value"]["serialNumber"], 16) == 1 << 16000
    assert run("decode", "--type", "CertId", stdin=record.der).code == 0
