"""Whether a wrong MAC tells where it is wrong: counted in instructions with valgrind, whatever else the machine does.

    python -m benchmarks.comparisons [--write | --no-write]

A message is verified whose MAC differs from the right one in its first octet, in one in the middle, in its last, or in
all; what one verification costs is the difference of two runs of different length. The counts have to be equal to the
last instruction. That this would show is proven by a comparison with `==`, and by one that stops at the first octet
that differs. Then a whole server answers: to a wrong secret, and to a senderKID that nobody has. There names of
different length and texts for the log differ, but no hash. Linux only; some minutes.
"""

from __future__ import annotations

import argparse
import datetime
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENGINES = ("cython", "python")
KINDS = ("PasswordBasedMAC", "PBMAC1")
PLACES = ("first", "inner", "final", "whole")
COMPARISONS = ("ours", "with ==", "octet by octet")
PARTIES = ("wrong secret", "no such KID")
_DOCS = Path(__file__).parent.parent / "docs"
_FEW, _MANY = 20, 120
_SECRET, _KID = b"mySecret", b"device"


def main() -> int:
    """Print a table; with --run, be the process that valgrind watches."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparisons", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--write", action=argparse.BooleanOptionalAction, default=True, help="write docs/comparisons.json"
    )
    parser.add_argument("--run", nargs=4, metavar=("WHAT", "KIND", "CASE", "NUMBER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        what, kind, case, number = options.run
        _watched(what, kind, case, int(number))
        return 0
    if shutil.which("valgrind") is None:
        print("valgrind is not installed")
        return 1
    found: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "command": "python -m benchmarks.comparisons",
        "instructions": {},
    }
    for engine in ENGINES:
        for kind in KINDS:
            for what in COMPARISONS if (engine, kind) == (ENGINES[0], KINDS[0]) else COMPARISONS[:1]:
                _report(found, f"{engine}, {kind}, {what}", {one: count(engine, what, kind, one) for one in PLACES})
            _report(found, f"{engine}, {kind}, a server", {one: count(engine, "server", kind, one) for one in PARTIES})
    if options.write:
        (_DOCS / "comparisons.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print("\nwrote docs/comparisons.json")
    return 0


def count(engine: str, what: str, kind: str, case: str) -> float:
    """Instructions of one message, by difference."""
    few, many = (_refs(engine, what, kind, case, number) for number in (_FEW, _MANY))
    return (many - few) / (_MANY - _FEW)


def _refs(engine: str, what: str, kind: str, case: str, number: int) -> int:
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", sys.executable]
    command += ["-m", "benchmarks.comparisons", "--run", what, kind, case, f"{number:03}"]
    environment = os.environ | {"PYTHONHASHSEED": "0", "CMPCODEC_ENGINE": engine}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if found is None:
        raise RuntimeError("valgrind gave no count: " + done.stderr[-300:])
    return int(found[1].replace(",", ""))


def _report(found: dict[str, Any], title: str, counts: dict[str, float]) -> None:
    found["instructions"][title] = counts
    spread = max(counts.values()) - min(counts.values())
    shown = ", ".join(f"{case} {number:,.2f}" for case, number in counts.items())
    print(f"{title}: {shown}; they differ by {spread:,.2f}", flush=True)


# --- Inside the process that is watched ---


def _watched(what: str, kind: str, case: str, number: int) -> None:
    os.urandom = lambda octets: bytes(range(octets))  # the same salts and nonces in every run
    do = _answering(kind, case) if what == "server" else _verifying(what, kind, case)
    for _ in range(number):
        do()


def _message(secret: bytes, kind: str, kid: bytes) -> Any:
    import cmpcodec as cmp

    credentials = {"PasswordBasedMAC": cmp.PasswordBasedMAC, "PBMAC1": cmp.PBMAC1}
    nobody = cmp.GeneralName(directory_name=cmp.Name([]))
    header = cmp.PKIHeader(
        pvno=2, sender=nobody, recipient=nobody, transaction_id=bytes(16), sender_nonce=bytes(16), sender_kid=kid
    )
    body = cmp.PKIBody(pkiconf=cmp.PKIConfirmContent())
    return cmp.protect(cmp.PKIMessage(header=header, body=body), credentials[kind](secret, iterations=100))


def _verifying(what: str, kind: str, place: str) -> Callable[[], None]:
    import cmpcodec as cmp
    from cmpcodec.asn1 import BitString

    right = _message(_SECRET, kind, _KID)
    mac = right.protection.data
    last = len(mac) - 1
    changed = {"first": [0], "inner": [last // 2], "final": [last], "whole": range(last + 1)}[place]
    wrong = bytes(octet ^ (at in changed) for at, octet in enumerate(mac))
    message = cmp.decode(right.replace(protection=BitString(wrong)).der)
    credential = getattr(cmp, kind)(_SECRET, cached_keys=0)
    if what != "ours":
        hmac.compare_digest = {"with ==": bytes.__eq__, "octet by octet": _naive}[what]

    def verify() -> None:
        try:
            cmp.verify(message, credential)
        except cmp.InvalidProtection:
            return
        raise AssertionError("a wrong MAC was accepted")

    return verify


def _naive(one: bytes, other: bytes) -> bool:
    return all(a == b for a, b in zip(one, other, strict=True))


def _answering(kind: str, who: str) -> Callable[[], None]:
    import cmpcodec as cmp
    from cmpcodec.authority import LocalAuthority, create_ca
    from cmpcodec.store import MemoryStore

    lookup = cmp.SharedSecrets({_KID: _SECRET})
    profile = cmp.Profile(name="p", authority=LocalAuthority(*create_ca("CN=CA")), lookup=lookup)
    when = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
    responder = cmp.Responder([profile], MemoryStore(), clock=lambda: when)
    request = _message(b"no", kind, _KID if who == "wrong secret" else b"nobody").der

    def answer() -> None:
        assert responder.respond(request, "p").requester is None

    return answer


if __name__ == "__main__":
    sys.exit(main())
