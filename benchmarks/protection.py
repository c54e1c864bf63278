"""What protection costs beside the cryptography inside it: signatures, and a PasswordBasedMac with its answer.

    python -m benchmarks.protection [--quick] [--write | --no-write]

A signature is made and verified through `protect` and `verify`, the signer known already, and by the key of
`cryptography` called bare over the same octets. For the MAC, a message of 500 x SHA-256 and HMAC-SHA1 is decoded and
verified, its header read, and an answer protected and encoded, whose key lies ready; beside it stand the hashes alone.
Time is CPU time of the thread, best of several rounds, contestants in turn; each engine runs in a process of its own.
"""

from __future__ import annotations

import argparse
import datetime
import hmac
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.timing import Effort, Loop, race

ENGINES = ("cython", "python")
SECRET = b"mySecret"
_DOCS = Path(__file__).parent.parent / "docs"
_MOST_OVERHEAD = 1.10
_LEAST_SHARE = 0.80
MAC = "PasswordBasedMac"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.protection", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds; some seconds")
    parser.add_argument("--write", action=argparse.BooleanOptionalAction, help="write docs/protection.json")
    parser.add_argument("--one-engine", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_engine:
        json.dump(measure(Effort.quick() if options.quick else Effort.full()), sys.stdout)
        return 0
    found: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "command": " ".join(["python -m benchmarks.protection", *sys.argv[1:]]),
        "engines": {},
    }
    for engine in ENGINES:
        command = [sys.executable, "-m", "benchmarks.protection", "--one-engine", *(["--quick"] * options.quick)]
        environment = {**os.environ, "CMPCODEC_ENGINE": engine}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        found["engines"][engine] = json.loads(done.stdout)
    _print(found)
    if options.write if options.write is not None else not options.quick:
        (_DOCS / "protection.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print("\nwrote docs/protection.json")
    return 0


def measure(effort: Effort) -> dict[str, dict[str, float]]:
    """Microseconds of what was timed: "bare" and "ours" for each signature, "hashes" and "ours" for the MAC."""
    timed = {**_signatures(), MAC: _mac()}
    return {
        name: {which: timing.min * 1e6 for which, timing in race(loops, effort).items()}
        for name, loops in timed.items()
    }


def _loop(do: Callable[[], object]) -> Loop:
    def run(number: int) -> None:
        for _ in range(number):
            do()

    return run


def _signatures() -> dict[str, dict[str, Loop]]:
    import cmpcodec as cmp
    from benchmarks.messages import MAIN
    from cmpcodec.authority.root import GENERATORS
    from cmpcodec.protection import protected_part
    from cmpcodec.protection.signatures import digest_for, read

    found: dict[str, dict[str, Loop]] = {}
    now = datetime.datetime.now(datetime.UTC)
    message = cmp.decode(MAIN.data)
    message = message.replace(header=message.header.replace(sender=cmp.GeneralName(directory_name=cmp.Name([]))))
    for title, kind in (("RSA-2048", "rsa-2048"), ("EC P-256", "ec-p256"), ("Ed25519", "ed25519")):
        key = GENERATORS[kind]()
        certificate = _certificate(key, digest_for(key))
        credential, trusted = cmp.Signature(key, certificate), cmp.TrustedSigners([certificate])
        signed = cmp.decode(cmp.protect(message, credential).der)
        cmp.verify(signed, trusted, time=now)
        octets, signature = protected_part(signed), signed.protection.data
        arguments = read(signed.header.protection_alg).arguments
        public = key.public_key()
        found[f"sign {title}"] = {
            "bare": _loop(lambda sign=key.sign, octets=octets, arguments=arguments: sign(octets, *arguments)),
            "ours": _loop(lambda credential=credential: cmp.protect(message, credential)),
        }
        found[f"verify {title}"] = {
            "bare": _loop(
                lambda check=public.verify, s=signature, octets=octets, arguments=arguments: check(
                    s, octets, *arguments
                )
            ),
            "ours": _loop(lambda signed=signed, trusted=trusted: cmp.verify(signed, trusted, time=now)),
        }
    return found


def _certificate(key: Any, digest: str) -> Any:
    """Self-signed, for signing messages."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    import cmpcodec as cmp
    from cmpcodec.protection.signatures import HASHES

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "benchmark")])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    plain = type(key).__name__.startswith("Ed")
    return cmp.Certificate(builder.sign(key, None if plain else HASHES[digest]()).public_bytes(Encoding.DER))


def _mac() -> dict[str, Loop]:
    import cmpcodec as cmp
    from benchmarks.messages import MAIN
    from benchmarks.pbm import ITERATIONS, SALT
    from cmpcodec._engine import pbm_key
    from cmpcodec.protection import protected_part

    request = MAIN.data
    verifying = cmp.PasswordBasedMAC(SECRET, cached_keys=0)
    answering = cmp.PasswordBasedMAC(SECRET, mac="sha1", messages_per_salt=1 << 30, cached_keys=1)
    body = cmp.PKIBody(pkiconf=cmp.PKIConfirmContent())
    answer = cmp.decode(request).replace(body=body, protection=None)
    text = protected_part(cmp.decode(request))
    reply = protected_part(cmp.protect(answer, answering))
    key = pbm_key(SECRET, SALT, "sha256", ITERATIONS)
    now, nonce = datetime.datetime.now(datetime.UTC).replace(microsecond=0), os.urandom(16)

    def hashes() -> None:
        hmac.digest(pbm_key(SECRET, SALT, "sha256", ITERATIONS), text, "sha1")
        hmac.digest(key, reply, "sha1")

    def ours() -> bytes:
        message = cmp.decode(request)
        cmp.verify(message, verifying)
        header = message.header
        assert header.transaction_id is not None
        assert header.sender_nonce is not None
        mine = cmp.PKIHeader(
            pvno=header.pvno,
            sender=header.recipient,
            recipient=header.sender,
            message_time=now,
            transaction_id=header.transaction_id,
            sender_nonce=nonce,
            recip_nonce=header.sender_nonce,
        )
        return cmp.protect(cmp.PKIMessage(header=mine, body=body), answering).der

    return {"hashes": _loop(hashes), "ours": _loop(ours)}


def _print(found: dict[str, Any]) -> None:
    for engine, rows in found["engines"].items():
        print(f"\n{engine:20} {'bare us':>9} {'ours us':>9}")
        for name, times in rows.items():
            if name == MAC:
                share = times["hashes"] / times["ours"]
                print(
                    f"{name:20} {times['hashes']:9.1f} {times['ours']:9.1f}  {share:.0%} of the time in the hashes"
                    + (
                        f", at least {_LEAST_SHARE:.0%}: {'met' if share >= _LEAST_SHARE else 'missed'}"
                        if engine == "cython"
                        else ""
                    )
                )
            else:
                ratio = times["ours"] / times["bare"]
                print(
                    f"{name:20} {times['bare']:9.1f} {times['ours']:9.1f}  {ratio:.2f}x"
                    + (
                        f", at most {_MOST_OVERHEAD:.2f}: {'met' if ratio <= _MOST_OVERHEAD else 'missed'}"
                        if engine == "cython"
                        else ""
                    )
                )


if __name__ == "__main__":
    sys.exit(main())
