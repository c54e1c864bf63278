"""Compares the ways to derive a PasswordBasedMac key: the figures behind docs/adr/0003-pbm-hash-route.md.

    python -m benchmarks.pbm_routes [--libcrypto FILE] [--passes N] [--check]

Needs a C compiler (pbm_routes.c) and the compiled engine. Every contestant's answer is compared with that of
hashlib before its time counts. Contestants take turns in each pass, so a change of the clock meets them all.
Knows fast_pbm's inner names, as nothing else outside the tests may.
"""

from __future__ import annotations

import _hashlib
import argparse
import ctypes
import hashlib
import hmac
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from cmpcodec._engine import fast_pbm
from cmpcodec._engine.reference import pbm as reference

ITERATIONS = 500
SECRET, SALT, MESSAGE = b"mySecret", bytes(range(16)), bytes(900)
C_LOOPS = {
    "EVP, algorithm looked up by every init": "evp_named",
    "EVP, algorithm fetched once (as libcrypto's own PBM)": "evp_fetched",
    "EVP, re-initialised context": "evp_reused",
    "EVP, copied context": "evp_copied",
    "Init, Update, Final": "init_update_final",
    "one-block transform": "transform",
}
Contestant = Callable[[], bytes]


class Hash(ctypes.Structure):
    """The structure of the same name in pbm_routes.c."""

    functions = (
        "EVP_MD_CTX_new",
        "EVP_MD_CTX_free",
        "EVP_MD_CTX_copy_ex",
        "EVP_DigestInit_ex",
        "EVP_DigestUpdate",
        "EVP_DigestFinal_ex",
    )
    _fields_ = [
        *((name, ctypes.c_void_p) for name in functions),
        *((name, ctypes.c_void_p) for name in ("named", "fetched", "Init", "Update", "Final", "Transform")),
        ("size", ctypes.c_int64),
        ("word", ctypes.c_int64),
    ]


def address(library: ctypes.CDLL, name: str) -> int | None:
    """Where a function of the library begins, or None."""
    function = getattr(library, name, None)
    return ctypes.cast(function, ctypes.c_void_p).value if function else None


def describe(crypto: ctypes.CDLL, owf: str) -> Hash:
    """Everything that the C loops need to know about one hash."""
    h = Hash(**{name: address(crypto, name) for name in Hash.functions})
    name = owf.upper().replace("_", "-").encode()
    crypto.EVP_get_digestbyname.restype = ctypes.c_void_p
    h.named = crypto.EVP_get_digestbyname(name)
    if address(crypto, "EVP_MD_fetch"):
        crypto.EVP_MD_fetch.restype = ctypes.c_void_p
        h.fetched = crypto.EVP_MD_fetch(None, name, None)
    for step in ("Init", "Update", "Final", "Transform"):
        setattr(h, step, address(crypto, f"{name.decode()}_{step}"))
    new = hashlib.new(owf)
    h.size, h.word = new.digest_size, new.block_size // 16
    return h


def measure(contestants: dict[str, Contestant], passes: int) -> dict[str, list[int]]:
    """Nanoseconds of every pass of every contestant; their results must be equal."""
    expected = next(iter(contestants.values()))()
    for name, run in contestants.items():
        assert run() == expected, f"{name}: wrong result"
    times: dict[str, list[int]] = {name: [] for name in contestants}
    for _ in range(passes):
        for name, run in contestants.items():
            start = time.perf_counter_ns()
            run()
            times[name].append(time.perf_counter_ns() - start)
    return times


def show(title: str, times: dict[str, list[int]], unit: str, divisor: float) -> None:
    """Print one table; the ratio is that of the minima, to the first contestant."""
    print(f"\n{title + ', ' + unit:<66}{'min':>8}{'median':>8}{'ratio':>8}")
    base = min(next(iter(times.values())))
    for name, values in times.items():
        low, middle = min(values) / divisor, statistics.median(values) / divisor
        print(f"  {name:<64}{low:8.1f}{middle:8.1f}{base / min(values):8.2f}")


def loops(crypto: ctypes.CDLL, compiled: ctypes.CDLL, owf: str) -> dict[str, Contestant]:
    """All contestants that hash ITERATIONS times."""
    h = describe(crypto, owf)
    first = hashlib.new(owf, SECRET + SALT).digest()

    def loop(function: Any) -> Contestant:
        def run() -> bytes:
            digest = ctypes.create_string_buffer(first, h.size)
            function(ctypes.byref(h), digest, ctypes.c_int64(ITERATIONS - 1))
            return digest.raw

        return run

    found: dict[str, Contestant] = {"hashlib loop": lambda: reference.pbm_key(SECRET, SALT, owf, ITERATIONS)}
    for name, function in C_LOOPS.items():
        needs = {"evp_fetched": h.fetched, "init_update_final": h.Final, "transform": h.Transform}
        if needs.get(function, True):
            found[name] = loop(getattr(compiled, function))
    found[f"cmpcodec ({fast_pbm.routes[owf]})"] = lambda: fast_pbm.pbm_key(SECRET, SALT, owf, ITERATIONS)
    return found


def libcrypto_pbm(crypto: ctypes.CDLL) -> tuple[bytes, Contestant] | None:
    """The salt and the MAC function of libcrypto's own PasswordBasedMac; None before OpenSSL 3.0."""
    if not address(crypto, "OSSL_CRMF_pbm_new"):
        return None
    size = ctypes.c_size_t
    make, mac_by = crypto.OSSL_CRMF_pbmp_new, crypto.OSSL_CRMF_pbm_new
    make.restype = ctypes.c_void_p
    make.argtypes = [ctypes.c_void_p, size, ctypes.c_int, size, ctypes.c_int]
    owf, mac_algorithm = crypto.OBJ_txt2nid(b"SHA256"), crypto.OBJ_txt2nid(b"1.3.6.1.5.5.8.1.2")
    parameters = ctypes.c_void_p(make(None, len(SALT), owf, ITERATIONS, mac_algorithm))
    encoded = ctypes.create_string_buffer(256)
    crypto.i2d_OSSL_CRMF_PBMPARAMETER(parameters, ctypes.byref(ctypes.pointer(encoded)))
    mac, mac_size, nowhere = ctypes.c_void_p(), size(), ctypes.c_char_p(b"")
    inputs = (None, None, parameters, MESSAGE, size(len(MESSAGE)), SECRET, size(len(SECRET)))
    outputs = (ctypes.byref(mac), ctypes.byref(mac_size))

    def run() -> bytes:
        mac_by(*inputs, *outputs)
        value = ctypes.string_at(mac, mac_size.value)
        crypto.CRYPTO_free(mac, nowhere, 0)
        return value

    return encoded.raw[4 : 4 + len(SALT)], run  # SEQUENCE, its length, OCTET STRING, its length, the salt


def verifying(crypto: ctypes.CDLL) -> dict[str, Contestant]:
    """Contestants that do all that a verification costs: the key, HMAC-SHA1 and the comparison."""
    own = libcrypto_pbm(crypto)
    salt = own[0] if own else SALT
    expected = hmac.digest(reference.pbm_key(SECRET, salt, "sha256", ITERATIONS), MESSAGE, "sha1")

    def verify(mac: Contestant) -> Contestant:
        return lambda: bytes([hmac.compare_digest(mac(), expected)])

    def mac_by(derive: Callable[[bytes, bytes, str, int], bytes]) -> Contestant:
        return lambda: hmac.digest(derive(SECRET, salt, "sha256", ITERATIONS), MESSAGE, "sha1")

    found = {"hashlib loop": verify(mac_by(reference.pbm_key)), "cmpcodec": verify(mac_by(fast_pbm.pbm_key))}
    if own:
        found["libcrypto's own OSSL_CRMF_pbm_new"] = verify(own[1])
    return found


def two_threads(contestants: dict[str, Contestant], passes: int) -> dict[str, tuple[float, float]]:
    """How much more than one thread two do in a time: by the minima of the passes, and by their medians.

    A pass takes each thread some 10 ms. What else the machine does decides the result: one contestant should
    be known to run without the GIL.
    """
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in contestants}
    for _ in range(passes):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            count = max(4, int(0.01 / (time.perf_counter() - start)))
            for number in (1, 2):
                workers = [Thread(target=lambda run=run, n=count: [run() for _ in range(n)]) for _ in range(number)]
                start = time.perf_counter()
                for worker in workers:
                    worker.start()
                for worker in workers:
                    worker.join()
                times[name][number - 1].append((time.perf_counter() - start) / count)
    median = statistics.median
    return {name: (2 * min(a) / min(b), 2 * median(a) / median(b)) for name, (a, b) in times.items()}


def main() -> int:
    """Print the tables; with --check, fail when a target is missed."""
    parser = argparse.ArgumentParser(description="Compares the ways to derive a PasswordBasedMac key.")
    parser.add_argument("--libcrypto", help="measure the C loops and OSSL_CRMF_pbm_new in this library")
    parser.add_argument("--passes", type=int, default=400)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    args = parser.parse_args()

    crypto = ctypes.CDLL(args.libcrypto or _hashlib.__file__)
    crypto.OpenSSL_version.restype = ctypes.c_char_p
    print(f"C loops: {crypto.OpenSSL_version(0).decode()}; hashlib and cmpcodec: {fast_pbm.why}")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "pbm_routes.so")
        compiler = (sysconfig.get_config_var("CC") or "cc").split()
        source = Path(__file__).with_suffix(".c")
        subprocess.run([*compiler, "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
        compiled = ctypes.CDLL(str(library))
    for owf in ("sha256", "sha1", "sha512", "sha3_256"):
        times = measure(loops(crypto, compiled, owf), args.passes)
        show(f"{ITERATIONS} x {owf}", times, "ns per iteration", ITERATIONS)

    times = measure(verifying(crypto), args.passes)
    show(f"Verify: {ITERATIONS} x sha256, HMAC-SHA1 of 900 octets", times, "us", 1000)
    runs = loops(crypto, compiled, "sha256")
    shown = {
        "hashlib loop": "hashlib loop",
        "one-block transform": "the C loop alone",
        list(runs)[-1]: "cmpcodec",
    }
    shares = two_threads({shown[name]: run for name, run in runs.items() if name in shown}, 60)
    print(f"\n{'Two threads, 500 x sha256: work in a time, to one thread':<66}{'min':>8}{'median':>8}")
    for name, (by_minima, by_medians) in shares.items():
        print(f"  {name:<64}{by_minima:8.2f}{by_medians:8.2f}")

    print()
    if not args.check:
        return 0
    low = {name: min(values) for name, values in times.items()}
    ours = low.pop("cmpcodec")
    targets = {
        "verifying at least 5 times faster than a hashlib loop": low.pop("hashlib loop") >= 5 * ours,
        "not slower than libcrypto's own": all(theirs >= ours for theirs in low.values()),
    }
    if shares.get("the C loop alone", (2.0,))[0] >= 1.8:
        targets["two threads at least 1.8 times one"] = shares["cmpcodec"][0] >= 1.8
    else:
        print("Two threads are not judged: the other processor is busy.")
    for target, met in targets.items():
        print(f"{'met' if met else 'MISSED':<7} {target}")
    return 0 if all(targets.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
