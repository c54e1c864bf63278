"""A wrong MAC does not tell where it is wrong: refusing it takes the same instructions, to the last one.

Counted by valgrind, so that no clock decides; docs/protection.md has the figures of both engines. `python -m
benchmarks.comparisons` does this for more cases.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

import cmpcodec

WATCHED = """
import hmac, os, sys
place, comparison, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.urandom = lambda octets: bytes(range(octets))
import cmpcodec as cmp
nobody = cmp.GeneralName(directory_name=cmp.Name([]))
header = cmp.PKIHeader(pvno=2, sender=nobody, recipient=nobody)
message = cmp.PKIMessage(header=header, body=cmp.PKIBody(pkiconf=cmp.PKIConfirmContent()))
right = cmp.protect(message, cmp.PasswordBasedMAC(b"secret", iterations=100))
mac = bytearray(right.protection.data)
mac[{"first": 0, "final": len(mac) - 1}[place]] ^= 1
wrong = cmp.decode(right.replace(protection=cmp.BitString(bytes(mac))).der)
secret = cmp.PasswordBasedMAC(b"secret", cached_keys=0)
if comparison == "naive":
    hmac.compare_digest = lambda one, other: all(a == b for a, b in zip(one, other))
for _ in range(number):
    try:
        cmp.verify(wrong, secret)
    except cmp.InvalidProtection:
        continue
    sys.exit("a wrong MAC was accepted")
"""


def instructions(place: str, comparison: str) -> int:
    """What ten verifications take, by the difference of two runs."""
    counts = []
    for number in ("05", "15"):
        command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
        command += [sys.executable, "-c", WATCHED, place, comparison, number]
        environment = os.environ | {"PYTHONHASHSEED": "0", "CMPCODEC_ENGINE": cmpcodec.engine}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
        found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
        assert found is not None, done.stderr[-2000:]
        counts.append(int(found[1].replace(",", "")))
    return counts[1] - counts[0]


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind, which counts instructions, is not installed")
def test_where_a_mac_is_wrong_costs_nothing() -> None:
    first = instructions("first", "ours!")
    assert first > 100_000, "the verification was counted"
    assert instructions("final", "ours!") == first
    naive = [instructions(place, "naive") for place in ("first", "final")]
    assert naive[1] - naive[0] > 1000, "a comparison that stops early would show"
