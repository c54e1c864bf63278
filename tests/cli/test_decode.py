"""`decode` as people use it: forms of input, what is refused, hostile text, output that is compared in full.

The expected output of some messages stands in golden/. To write it anew after a change that is meant:
CMPCODEC_UPDATE_GOLDEN=1 pytest tests/cli/test_decode.py, and read the difference.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
from pathlib import Path

import pytest

import cmpcodec
from cmpcodec import cmp, crmf, pkix
from cmpcodec.cli import inputs
from cmpcodec.cli.decode import _find_type
from cmpcodec.cli.terminal import plain, quoted, safe
from tests.cli.conftest import ROOT, Run

VECTORS = ROOT / "tests" / "vectors"
GOLDEN = Path(__file__).resolve().parent / "golden"
IR = ROOT / "examples" / "ir-pbm.der"
IP = ROOT / "examples" / "ip-pbm.der"
DATA = IR.read_bytes()
SUMMARY = "ir, pvno 2, 819 bytes, transactionID "

# --- golden output ---

CASES = {
    "ir-pbm": ["examples/ir-pbm.der", "--secret", "env:SECRET"],
    "ip-pbm-offsets": ["examples/ip-pbm.der", "--offsets"],
    "error-full": ["examples/error.pem", "--full"],
    "ir-pbm-json": ["examples/ir-pbm.der", "--json", "--offsets"],
    "p10cr": ["tests/vectors/p10cr-pbm-attributes.1-p10cr.der"],
    "ir-all-controls": ["tests/vectors/built-ir-all-controls.der", "--offsets"],
    "genm-mismatched": ["tests/vectors/built-genm-mismatched-info.der"],
    "rp": ["tests/vectors/built-rp-full.der"],
    "nested": ["tests/vectors/built-nested-twice.der"],
    "kari": ["tests/vectors/built-ip-private-key-kari.der"],
    "rsa-pss": ["tests/vectors/built-genm-rsa-pss-signed.der"],
    "summaries": ["--summary"],
}


def one_of_each_kind() -> list[str]:
    """A vector for each pair of body and protection."""
    entries = json.loads((VECTORS / "manifest.json").read_text(encoding="utf-8"))["vectors"]
    kinds = {(one["body"], one["protection"]): one["file"] for one in reversed(entries)}
    return [f"tests/vectors/{file}" for file in sorted(kinds.values())]


@pytest.mark.parametrize("name", CASES)
def test_golden(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("SECRET", "mySecret")
    arguments = CASES[name]
    if name == "summaries":
        arguments = [*arguments, *one_of_each_kind()]
    result = run("decode", *arguments)
    assert (result.code, result.err) == (0, "")
    expected = GOLDEN / f"{name}.txt"
    if os.environ.get("CMPCODEC_UPDATE_GOLDEN"):
        expected.write_text(result.out, encoding="utf-8", newline="\n")
    assert result.out == expected.read_text(encoding="utf-8")


# --- forms of input ---


def hexdump(data: bytes, line: str, width: int = 16) -> str:
    lines = []
    for at in range(0, len(data), width):
        octets = data[at : at + width]
        text = "".join(chr(one) if 32 <= one < 127 else "." for one in octets)
        pairs = octets.hex(" ", 2) if "pairs" in line else ""
        columns = {"offset": at, "hex": octets.hex(" "), "pairs": pairs, "text": text}
        lines.append(line.format(**columns))
    return "\n".join(lines) + "\n"


PEM = base64.encodebytes(DATA).decode()
HEX = DATA.hex()
FORMS: dict[str, tuple[str, bytes]] = {
    "DER": ("DER", DATA),
    "PEM": ("PEM", f"-----BEGIN CMP-----\n{PEM}-----END CMP-----\n".encode()),
    "PEM with CRLF, headers and text around": (
        "PEM",
        f"Grüße,\r\n-----BEGIN X-----\r\nA: b\r\n c\r\n\r\n{PEM}-----END X-----\r\nbye".encode(),
    ),
    "PEM in UTF-16": ("PEM", f"-----BEGIN CMP-----\n{PEM}-----END CMP-----\n".encode("utf-16")),
    "PEM in UTF-8 with a mark": ("PEM", f"-----BEGIN CMP-----\n{PEM}-----END CMP-----".encode("utf-8-sig")),
    "hex": ("hex", HEX.encode()),
    "hex in upper case, in lines": ("hex", "\n".join(re.findall(".{1,60}", HEX.upper())).encode()),
    "hex with spaces": ("hex", DATA.hex(" ").encode()),
    "hex with colons": ("hex", DATA.hex(":").encode()),
    "C array": ("hex", (", ".join(f"0x{one:02x}" for one in DATA)).encode()),
    "escaped string": ("hex", ('"' + "".join(f"\\x{one:02x}" for one in DATA) + '"').encode()),
    "xxd": ("hex dump", hexdump(DATA, "{offset:08x}: {pairs:<39}  {text}").encode()),
    "hexdump -C": ("hex dump", (hexdump(DATA, "{offset:08x}  {hex:<48}  |{text}|") + "00000333\n").encode()),
    "od -A x -t x1": ("hex dump", (hexdump(DATA, "{offset:06x} {hex}") + "000333\n").encode()),
    "Wireshark": ("hex dump", hexdump(DATA, "{offset:04x}   {hex:<47}   {text}").encode()),
    "xxd of 32 columns": ("hex dump", hexdump(DATA, "{offset:08x}: {pairs:<79}  {text}", 32).encode()),
    "base64": ("base64", base64.b64encode(DATA)),
    "base64 in lines": ("base64", PEM.encode()),
    "base64 in quotes": ("base64", b'"' + base64.b64encode(DATA) + b'"\n'),
    "base64 for URLs without padding": ("base64", base64.urlsafe_b64encode(DATA).rstrip(b"=")),
    "HTTP request": (
        "HTTP",
        b"POST /pkix/ HTTP/1.0\r\nHost: x\r\nContent-Length: 819\r\nX: y\r\n\r\n" + DATA,
    ),
    "HTTP response without a length": (
        "HTTP",
        b"HTTP/1.1 200 OK\nContent-Type: application/pkixcmp\n\n" + DATA,
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_form_is_detected(name: str) -> None:
    form, data = FORMS[name]
    (found,) = inputs.messages(data)
    assert (found.form, found.data) == (form, DATA)


@pytest.mark.parametrize("name", FORMS)
def test_form_is_decoded(run: Run, name: str, tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_bytes(FORMS[name][1])
    result = run("decode", "--summary", str(file))
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{file}: {SUMMARY}")


@pytest.mark.parametrize("end", range(1, 64))
def test_dumps_end_anywhere(end: int) -> None:
    data = (b"\x30\x82\x00\x00" + b"abcdef 0123 deadbeef ff" * 4)[: end + 4]
    for line in (
        "{offset:08x}: {pairs:<39}  {text}",
        "{offset:08x}  {hex:<48}  |{text}|",
        "{offset:04x}   {hex:<47}   {text}",
    ):
        assert inputs._from_dump(hexdump(data, line)) == data


def test_standard_input(run: Run) -> None:
    for arguments in ((), ("-",)):
        result = run("decode", "--summary", *arguments, stdin=DATA)
        assert result.out.startswith(f"standard input: {SUMMARY}")


def test_several_messages_in_one_input(run: Run) -> None:
    for data in (
        DATA + IP.read_bytes() + DATA,
        b"HTTP/1.1 200 OK\r\nContent-Length: 819\r\n\r\n"
        + DATA
        + b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
        + b"POST / HTTP/1.1\r\ncontent-length:850\r\n\r\n"
        + IP.read_bytes()
        + b"HTTP/1.1 200\r\n\r\n"
        + DATA,
        (f"-----BEGIN A-----\n{PEM}-----END A-----\n" * 3).encode(),
        (DATA * 3).hex().encode(),
        base64.b64encode(DATA * 3),
    ):
        result = run("decode", "--summary", "-", stdin=data)
        lines = result.out.splitlines()
        assert (result.code, len(lines)) == (0, 3)
        for number, line in enumerate(lines, 1):
            assert line.startswith(f"standard input, message {number} of 3: i")


def test_several_inputs_are_set_apart(run: Run) -> None:
    out = run("decode", str(IR), str(IP)).out
    assert f"\n\n{IP}: ip, " in out
    assert out.count("\n\n") == 1


# --- what cannot be decoded ---

REFUSED = {
    b"": "empty input",
    b" \r\n": "nothing but white space",
    b"Dear all, see attachment": "neither DER nor PEM, hex or base64: it begins with 'Dear all, see att",
    b"hello there": "neither DER nor PEM, hex or base64: it begins with 'hello there'",
    b"\x1b[31m": "expected SEQUENCE, found tag 0x1b, at byte 0",
    b"308": "neither DER nor PEM",
    b"-----BEGIN X-----\nMAA=\n-----END Y-----\n": "PEM block 1 has no end, a line '-----END X-----'",
    b"-----BEGIN X-----\n!!!!\n-----END X-----\n": "PEM block 1 is not base64",
    b"-----BEGIN X-----\n-----END X-----\n": "PEM block 1 is empty",
    b"-----BEGIN X----\n": "-----BEGIN is there, but not as a line of its own",
    b"HTTP/1.1 405 Not Allowed\r\nAllow: POST\r\n\r\n": "HTTP without a body",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\x05\x00\r\n0\r\n\r\n": "HTTP body in chunks",
    b"POST / HTTP/1.1\r\nX: \x80": "HTTP header without end",
    b"HTTP/1.1 200 \x80\r\n\r\n": "HTTP without a body",
    DATA + b"\n": "1 octet after the end of the value, at byte 819",
    DATA + b"\r\n": "a line end follows the DER: a text tool has added it",
    DATA + DATA[:-1]: "message 2 of 2: PKIMessage: 815 octets announced, 814 there, at byte 0",
    DATA + b"x": "1 octet after the end of the value, at byte 819",
    DATA[:400]: "cut off after 400 of 819 octets",
    b"\x30\x80\x00\x00": "indefinite length, which DER forbids, at byte 0",
    b"\x00" * 100: "expected SEQUENCE, found tag 0x00, at byte 0",
}


@pytest.mark.parametrize("data", REFUSED, ids=lambda data: repr(data[:30]))
def test_refused_with_a_reason(run: Run, data: bytes) -> None:
    result = run("decode", "--summary", "-", stdin=data)
    assert result.code == 3
    assert REFUSED[data] in result.err


def test_an_error_says_where(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "broken.der"
    file.write_bytes(DATA[:220] + b"\x31" + DATA[221:])
    result = run("decode", str(file), str(IR))
    assert result.code == 3
    assert result.out.startswith(f"{IR}: ir")  # the others are decoded
    first, octets, mark = result.err.splitlines()
    error = re.fullmatch(rf"{re.escape(str(file))}: body\.ir\[0\]\.cert_req\.\S+: .+, at byte (\d+)", first)
    assert error
    start, window = re.fullmatch(r"    at (\d+):  ((?:[0-9a-f]{2} ?){16})", octets).groups()
    data, offset = file.read_bytes(), int(error[1])
    assert bytes.fromhex(window) == data[int(start) : int(start) + 16]
    assert octets[mark.index("^^") :][:2] == f"{data[offset]:02x}"


def test_pem_of_something_else_is_named(run: Run) -> None:
    crl = base64.encodebytes((VECTORS / "pki" / "root-ec.crl").read_bytes()).decode()
    data = f"-----BEGIN X509 CRL-----\n{crl}-----END X509 CRL-----\n".encode()
    assert "the PEM block is a X509 CRL: try --type CertificateList" in run("decode", stdin=data).err
    result = run("decode", "--type", "CertificateList", stdin=data)
    assert result.code == 0
    assert "CertificateList  of CN=EC Root,O=cmpcodec test" in result.out


@pytest.mark.parametrize("engine_room", ["mutated", "cut"])
def test_no_input_ends_in_a_traceback(run: Run, engine_room: str) -> None:
    """Whatever is decoded can also be shown, in every way; whatever is not is refused with a reason."""
    chance = random.Random(9810)
    codes = set()
    for file in sorted(VECTORS.glob("*.der"))[:: 3 if engine_room == "cut" else 1]:
        data = bytearray(file.read_bytes())
        if engine_room == "cut":
            del data[chance.randrange(len(data)) :]
        else:
            for _ in range(chance.randrange(1, 3)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        for options in (("--full", "--offsets"), ("--jsonl",), ("--secret", "pass:mySecret")):
            result = run("decode", *options, stdin=bytes(data))
            assert result.code in (0, 3, 4)
            assert bool(result.out) or bool(result.err)
            codes.add(result.code)
    assert codes == ({0, 3, 4} if engine_room == "mutated" else {3})


# --- hostile text ---

HOSTILE = '\x1b]0;owned\x07\r\nMAC: valid\u202e\u2066\u200b\x00\x9b31m\ud7ff\U000e0041 %s {0} \\ " \u2028end'


def hostile_message() -> cmp.PKIMessage:
    name = pkix.Name([[pkix.AttributeTypeAndValue(type="2.5.4.3", value=pkix.DirectoryString(utf8_string=HOSTILE))]])
    free = cmp.PKIFreeText([HOSTILE])
    return cmp.PKIMessage(
        header=cmp.PKIHeader(
            pvno=2,
            sender=pkix.GeneralName(directory_name=name),
            recipient=pkix.GeneralName(dns_name="\x1b[2J\r\n"),
            sender_kid=b"\x1b[2J",
            free_text=free,
        ),
        body=cmp.PKIBody(
            error=cmp.ErrorMsgContent(
                pki_status_info=cmp.PKIStatusInfo(status=2, status_string=free), error_details=free
            )
        ),
    )


@pytest.mark.parametrize(
    "options",
    [(), ("--full", "--offsets"), ("--summary",), ("--jsonl",)],
    ids=lambda options: " ".join(options),
)
def test_hostile_text_is_escaped(run: Run, options: tuple[str, ...]) -> None:
    result = run("decode", *options, "--color", "never", stdin=hostile_message().der)
    assert result.code == 0
    assert all(one == "\n" or one.isprintable() for one in result.out)
    assert "\nMAC: valid" not in result.out
    assert "owned" in result.out
    coloured = run("decode", *options, "--color", "always", stdin=hostile_message().der).out
    assert plain(coloured) == result.out
    assert set(re.findall(r"\x1b\[[^m]*m?", coloured)) <= {f"\x1b[{code}m" for code in (0, 1, 2, 31, 32, 36)}


def test_hostile_file_names_and_labels_are_escaped(run: Run) -> None:
    result = run("decode", "no\x1b[31m\nsuch\udcff")
    assert result.code == 5
    assert result.err.startswith("no\\x1b[31m\\x0asuch\\udcff: ")
    label = "A\x1b[2JB"
    data = f"-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n".encode()
    assert "\x1b" not in run("decode", "--color", "never", stdin=data).err


def test_escapes() -> None:
    assert safe("plain ü 漢 🔑") == "plain ü 漢 🔑"
    assert safe("\x1b\u202e\U000e0001\x85") == "\\x1b\\u202e\\U000e0001\\x85"
    assert quoted('a"b\\c\n') == '"a\\"b\\\\c\\x0a"'


def test_output_without_unicode(run: Run) -> None:
    result = run("decode", str(VECTORS / "built-genm-name-strings.der"), encoding="ascii")
    assert result.code == 0
    assert "\\U0001f511" in result.out
    assert "..., unprotected" in result.out


def test_deeply_nested_values_end(run: Run) -> None:
    """Countersignatures of countersignatures: opened values count their levels anew, the dump has to stop."""
    from cmpcodec import cms, oids

    algorithm = pkix.AlgorithmIdentifier(algorithm=oids.SHA256)
    inner = None
    for _ in range(400):
        signer = cms.SignerInfo(
            version=1,
            sid=cms.SignerIdentifier(subject_key_identifier=b"k"),
            digest_algorithm=algorithm,
            signature_algorithm=algorithm,
            signature=b"s",
            unsigned_attrs=inner,
        )
        inner = [cms.Attribute(attr_type=oids.ID_COUNTERSIGNATURE, attr_values=[cmpcodec.TLV(signer.der)])]
    for options in ((), ("--full", "--offsets"), ("--jsonl",)):
        result = run("decode", "--type", "SignerInfo", *options, stdin=signer.der)
        assert (result.code, result.err) == (0, "")
        assert "not shown: too many levels" in result.out or options == ("--jsonl",)


# --- values that people read ---


def tree(run: Run, record: cmpcodec.Record, *options: str) -> str:
    result = run("decode", "--type", type(record).__name__, *options, stdin=record.der)
    assert (result.code, result.err) == (0, "")
    return "\n".join(" ".join(line.split()) for line in result.out.splitlines()[1:])


def test_only_the_bits_that_are_set(run: Run) -> None:
    bits = cmp.PKIFailureInfo.BAD_POP | cmp.PKIFailureInfo.DUPLICATE_CERT_REQ | 1 << 40
    shown = tree(run, cmp.PKIStatusInfo(status=2, fail_info=bits))
    assert shown == "PKIStatusInfo\nstatus rejection (2)\nfailInfo badPOP, duplicateCertReq, bit 40"


def test_every_bit_of_fail_info(run: Run) -> None:
    shown = tree(run, cmp.PKIStatusInfo(status=2, fail_info=cmp.PKIFailureInfo((1 << 27) - 1)))
    assert "bit " not in shown
    assert shown.count(",") == 26


def test_numbers_without_a_name(run: Run) -> None:
    assert "status 77 (unknown)" in tree(run, cmp.PKIStatusInfo(status=77))


def test_defaults_are_shown(run: Run) -> None:
    shown = tree(run, pkix.RSASSA_PSS_params())
    assert "hashAlgorithm id-sha1 (1.3.14.3.2.26), NULL by default" in shown
    assert "saltLength 20 by default" in shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (b"\xc0\x00\x02\x01", "192.0.2.1"),
        (b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01", "2001:db8::1"),
        (b"\x0a\x00\x00\x00\xff\x00\x00\x00", "10.0.0.0/255.0.0.0"),
        (b"\x00\x01\x02", "000102 (3 bytes)"),
    ],
)
def test_ip_addresses(run: Run, address: bytes, shown: str) -> None:
    assert tree(run, pkix.GeneralName(ip_address=address)) == f"GeneralName iPAddress: {shown}"


def test_long_octets_and_texts_are_cut_unless_full(run: Run) -> None:
    record = cmp.OOBCertHash(hash_val=cmpcodec.BitString(bytes(range(100))))
    assert tree(run, record).endswith("hashVal 000102030405060708090a0b0c0d0e0f… (100 bytes)")
    assert bytes(range(100)).hex() in tree(run, record, "--full")
    text = cmp.PKIFreeText(["x" * 1000, "y"])
    assert '"' + "x" * 200 + '"… (1000 characters)' in tree(run, text)
    assert '"' + "x" * 1000 + '"' in tree(run, text, "--full")


def test_an_unreadable_certificate_does_not_break_the_dump(run: Run) -> None:
    shown = tree(run, pkix.Certificate(b"\x30\x03\x02\x01\x05"))
    assert "not readable: tbs_certificate: expected SEQUENCE, found INTEGER, at byte 2" in shown
    assert "SHA-256" in shown


def test_a_certificate_is_read_as_cryptography_reads_it(run: Run) -> None:
    for file in sorted((VECTORS / "pki").glob("*.cer")):
        certificate = pkix.Certificate.decode(file.read_bytes())
        loaded = certificate.load()
        shown = tree(run, certificate)
        assert shown.startswith(f"Certificate {loaded.subject.rfc4514_string()}\n")
        assert f"issuer {loaded.issuer.rfc4514_string()}\n" in shown
        assert f"serialNumber {loaded.serial_number}" in shown or f"0x{loaded.serial_number:x}" in shown
        start, end = loaded.not_valid_before_utc, loaded.not_valid_after_utc
        assert f"validity {start:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ}" in shown
        from cryptography.hazmat.primitives.hashes import SHA256

        assert f"SHA-256 {loaded.fingerprint(SHA256()).hex()}" in shown


def test_what_does_not_conform_is_shown_with_the_reason(run: Run) -> None:
    value = cmp.InfoTypeAndValue(info_type="1.3.6.1.5.5.7.4.14", info_value=cmpcodec.TLV(b"\x0c\x01x"))
    reason = "0c0178 (3 bytes), no GeneralizedTime: expected GeneralizedTime, found UTF8String"
    assert reason in tree(run, value)
    value = cmp.InfoTypeAndValue(info_type="1.2.3", info_value=cmpcodec.TLV(b"\x0c\x01x"))
    assert tree(run, value) == "InfoTypeAndValue 1.2.3: 0c0178 (3 bytes) DER, tag 0x0c"


def test_time_offsets_only_on_request(run: Run) -> None:
    names = b"\xa4\x02\x30\x00" * 2
    data = b"\x30\x1e\x02\x01\x02" + names + b"\xa0\x11\x18\x0f20260101000000Z"
    assert "messageTime  2026-01-01T00:00:00Z" in run("decode", "--type", "PKIHeader", stdin=data).out
    data = b"\x30\x22\x02\x01\x02" + names + b"\xa0\x15\x18\x1320260101000000+0100"
    assert run("decode", "--type", "PKIHeader", stdin=data).code == 3
    result = run("decode", "--type", "PKIHeader", "--allow", "time-offset", stdin=data)
    assert "messageTime  2026-01-01T00:00:00+01:00" in result.out


def test_limits(run: Run) -> None:
    assert run("decode", str(IR), "--max-size", "818").code == 3
    result = run("decode", str(IR), "--max-depth", "3")
    assert result.code == 3
    assert "a limit, not a flaw: see --max-size and its like" in result.err
    assert run("decode", str(IR), "--max-nodes", "5").code == 3
    assert run("decode", str(IR), "--max-repeat", "1").code == 0


# --- types ---


def test_types_by_name() -> None:
    assert _find_type("PKIMessage") is cmp.PKIMessage
    assert _find_type("Dss-Parms") is pkix.Dss_Parms
    assert _find_type("pkix.Attribute") is pkix.Attribute
    assert _find_type("OldCertId") is crmf.CertId
    assert _find_type("EncryptedKey") is crmf.EncryptedKey


@pytest.mark.parametrize("name", ["TLV", "Sequence", "Record", "_UnopenedAttribute", "oids", "", ".", "os.PathLike"])
def test_no_such_type(run: Run, name: str) -> None:
    result = run("decode", "--type", name, stdin=DATA)
    assert result.code == 2
    assert "there is no type" in result.err


def test_a_close_type_is_suggested(run: Run) -> None:
    assert "close to it: CertTemplate" in run("decode", "--type", "certtemplat", stdin=DATA).err
