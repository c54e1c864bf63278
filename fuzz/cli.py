#!/usr/bin/env -S python3 -P
"""Invariant: whatever a file holds, `python -m cmpcodec` ends with an exit code of its table, never with a traceback;
and no secret and no control character gets from it into what is printed.

The first octet of an input says which verb and options read the file, the rest is the file. In one process, without
network; only what works from files.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from fuzz import instrumented
from fuzz._guide import Guide
from fuzz._harness import ROOT, Check, Floors, Target, run, vectors

SECRET = "a canary for the terminal"
ORDERS = (
    ("decode", "FILE"),
    ("decode", "--json", "FILE"),
    ("decode", "--jsonl", "--secret", "file:SECRET", "FILE"),
    ("decode", "--summary", "--secret", "file:SECRET", "FILE"),
    ("decode", "--full", "--offsets", "FILE"),
    ("decode", "--type", "CertTemplate", "FILE"),
    ("decode", "--allow", "time-offset", "--max-depth", "9", "--max-nodes", "60", "FILE", "FILE"),
    ("decode", "--type", "Certificate", "--json", "FILE"),
    ("cmp", "-config", "", "-cmd", "p10cr", "-csr", "FILE", "-secret", "file:SECRET", "-reqout_only", "OUT"),
    ("cmp", "-config", "", "-cmd", "ir", "-newkey", "KEY", "-secret", "file:SECRET", "-rspin", "FILE", "-certout",
     "OUT"),
    ("cmp", "-config", "", "-cmd", "rr", "-oldcert", "FILE", "-secret", "file:SECRET", "-reqout_only", "OUT"),
    ("cmp", "-config", "FILE", "-cmd", "ir", "-newkey", "KEY", "-secret", "file:SECRET", "-reqout_only", "OUT"),
    ("cmp", "-config", "", "-cmd", "ir", "-newkey", "FILE", "-subject", "/CN=x", "-secret", "file:SECRET",
     "-reqout_only", "OUT"),
    ("cmp", "-config", "", "-cmd", "kur", "-cert", "FILE", "-key", "KEY", "-secret", "file:SECRET", "-reqout_only",
     "OUT"),
    ("cmp", "-config", "", "-cmd", "genm", "-reqin", "FILE", "-secret", "file:SECRET", "-rspin", "FILE"),
    ("cmp", "-config", "", "-cmd", "ir", "-newkey", "KEY", "-cert", "FILE", "-key", "FILE", "-trusted", "FILE",
     "-reqout_only", "OUT"),
)  # fmt: skip
CODES = {"decode": frozenset((0, 2, 3, 4, 5)), "cmp": frozenset((0, 1))}
_ESCAPES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def seeds() -> dict[str, bytes]:
    """Messages in every form that `decode` takes."""
    import base64

    found = {}
    for number, data in enumerate(list(vectors().values())[::11]):
        text = base64.encodebytes(data)
        pem = b"-----BEGIN PKIXCMP-----\n" + text + b"-----END PKIXCMP-----\n"
        post = b"POST /pkix/ HTTP/1.1\r\nContent-Type: application/pkixcmp\r\nContent-Length: %d\r\n\r\n" % len(data)
        forms = (data, pem, data.hex(" ").encode(), text, post + data, data + data)
        found[f"message {number}"] = bytes((number % 2 * 4,)) + forms[number % len(forms)]
    return found


def others() -> dict[str, bytes]:
    """Certificates, keys, configuration files, and messages for the other verbs."""
    files = [file.read_bytes() for file in sorted((ROOT / "tests/vectors/pki").iterdir())]
    files += list(vectors().values())[::40]
    files += [
        b"[cmp]\nserver = localhost:1\nsubject = /CN=a\nsans = DNS:a.example\n[v3]\nkeyUsage = keyAgreement\n",
        b"[default]\na = 1\n[cmp]\npath = ${a}\ncmd=ir\nreqexts = x\n[x]\nsubjectAltName = @y\n[y]\nDNS.1 = b\n",
        b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
        b"-----END PRIVATE KEY-----\n",
    ]
    orders = range(len(ORDERS))
    return {f"{order} {number}": bytes((order,)) + data for order in orders for number, data in enumerate(files)}


def prepare(guide: Guide) -> Check:
    instrumented.install()
    with guide.instrument():
        from cmpcodec import cli
        from cmpcodec.cli import cmp, decode
    assert cmp is not None
    assert decode is not None
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from fuzz._steps import KEY

    base = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix="cmpcodec-fuzz-", dir=base))
    folder.joinpath("SECRET").write_text(SECRET)
    key = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    folder.joinpath("KEY").write_bytes(key)
    os.chmod(folder / "KEY", 0o600)
    body = key.splitlines()[1].decode()
    os.chdir(folder)
    os.environ.pop("OPENSSL_CONF", None)

    def check(data: bytes) -> bool:
        order = ORDERS[data[0] % len(ORDERS)] if data else ORDERS[0]
        Path("FILE").write_bytes(data[1:])
        os.chmod("FILE", 0o600)
        Path("OUT").unlink(missing_ok=True)
        out, error = io.TextIOWrapper(io.BytesIO(), "utf-8", newline=""), io.StringIO()
        with redirect_stdout(out), redirect_stderr(error):
            code = cli.main(order, prog="cmpcodec")
            out.flush()
        printed = out.buffer.getvalue().decode("utf-8") + error.getvalue()
        assert code in CODES[order[0]], code
        assert "Traceback" not in printed
        assert SECRET not in printed
        assert body not in printed or body in data.decode("latin-1"), "the key is printed"
        found = _ESCAPES.search(printed)
        assert not found or (order[0] == "decode" and "--json" in order), (
            f"a control character is printed: {found[0]!r}"
        )
        guide.count((order, code))
        return code in (0, 4)

    return check


TARGET = Target(
    "cli",
    prepare,
    Floors(per_second=5, coverage=900, modules=15),
    seeds=seeds,
    others=others,
    refuses_more=False,
)

if __name__ == "__main__":
    sys.exit(run(TARGET))
