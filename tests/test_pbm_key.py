"""The iterated hash of PasswordBasedMac: right by every route, alike in both engines, nothing left behind.

Knows both engines' modules by name, and fast_pbm's inner names. Knows nothing of CMP messages.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmpcodec._engine.reference import pbm as reference

try:
    from cmpcodec._engine import fast_pbm
except ImportError as error:
    if os.environ.get("CMPCODEC_REQUIRE_CYTHON"):
        raise
    fast_pbm = None
    missing = f"the compiled engine is not built: {error}"
else:
    missing = ""

Derive = Callable[[bytes, bytes, str, int], bytes]

needs_compiled = pytest.mark.skipif(bool(missing), reason=missing)
engines = pytest.mark.parametrize(
    "derive",
    [
        pytest.param(reference.pbm_key, id="reference"),
        pytest.param(fast_pbm and fast_pbm.pbm_key, id="compiled", marks=needs_compiled),
    ],
)
OWFS = ("sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512")
LENGTHS = (0, 1, 55, 56, 63, 64, 65, 1000)


def expected(secret: bytes, salt: bytes, owf: str, iterations: int) -> bytes:
    """The definition, in the plainest words."""
    value = secret + salt
    for _ in range(iterations):
        value = hashlib.new(owf, value).digest()
    return value


def every_way(owf: str) -> dict[str, Derive]:
    """All that can derive a key here: both engines, and each route that the compiled one may take."""
    ways: dict[str, Derive] = {"reference": reference.pbm_key}
    if fast_pbm:
        ways["compiled"] = fast_pbm.pbm_key
        for route in fast_pbm._routes[owf]:
            if route != fast_pbm.HASHLIB:
                ways[route] = lambda *arguments, route=route: fast_pbm._native(route, *arguments)
    return ways


# --- the right answers


@pytest.mark.parametrize(
    ("owf", "key"),
    [  # printf mySecretsalt | openssl dgst -sha1 -binary | openssl dgst -sha1
        ("sha1", "6e0125a611818e3a9a47aa97adb9de76435f1dfd"),
        ("sha256", "4f8cf00a772b44571db4920b14038c1e4c7e704cdeded64b870856e61e00098c"),
        ("sha3_256", "fa32b6170e77450ffc07918ea22a44ec0d76a3f6addeeed1cf1229f15093850f"),
    ],
)
@engines
def test_openssl_agrees(derive: Derive, owf: str, key: str) -> None:
    assert derive(b"mySecret", b"salt", owf, 2).hex() == key


@pytest.mark.parametrize("iterations", [1, 2, 3, 100, 500])
@pytest.mark.parametrize("owf", OWFS)
def test_every_route_is_right(owf: str, iterations: int) -> None:
    ways = every_way(owf)
    for secret_length in LENGTHS:
        for salt_length in LENGTHS:
            secret, salt = bytes(range(256)) * 4, b"\xff\x00\x80" * 400
            arguments = (secret[:secret_length], salt[:salt_length], owf, iterations)
            key = expected(*arguments)
            for name, derive in ways.items():
                assert derive(*arguments) == key, (name, secret_length, salt_length)


@needs_compiled
@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from(OWFS), st.integers(1, 40))
def test_engines_agree(secret: bytes, salt: bytes, owf: str, iterations: int) -> None:
    keys = {derive(secret, salt, owf, iterations) for derive in every_way(owf).values()}
    assert keys == {expected(secret, salt, owf, iterations)}


@needs_compiled
@pytest.mark.parametrize("owf", ["sha1", "sha256", "sha512", "sha3_256"])
def test_more_iterations_than_one_chunk(owf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_pbm, "_CHUNK", 7)
    for iterations in (6, 7, 8, 14, 15, 100):
        key = expected(b"secret", b"salt", owf, iterations)
        for name, derive in every_way(owf).items():
            assert derive(b"secret", b"salt", owf, iterations) == key, name


def test_engines_know_the_same_functions() -> None:
    assert tuple(reference.OWFS) == OWFS
    if fast_pbm:
        assert tuple(fast_pbm.routes) == OWFS


# --- the same refusals

BAD_ARGUMENTS = {
    "secret is text": ("secret", b"salt", "sha256", 500),
    "secret is a bytearray": (bytearray(b"secret"), b"salt", "sha256", 500),
    "secret is a memoryview": (memoryview(b"secret"), b"salt", "sha256", 500),
    "secret is of a subclass": (type("Secret", (bytes,), {})(b"secret"), b"salt", "sha256", 500),
    "secret is None": (None, b"salt", "sha256", 500),
    "salt is text": (b"secret", "salt", "sha256", 500),
    "salt is None": (b"secret", None, "sha256", 500),
    "owf is bytes": (b"secret", b"salt", b"sha256", 500),
    "owf is unhashable": (b"secret", b"salt", ["sha256"], 500),
    "owf is unknown": (b"secret", b"salt", "sha257", 500),
    "owf is weak": (b"secret", b"salt", "md5", 500),
    "owf is in capitals": (b"secret", b"salt", "SHA256", 500),
    "owf is empty": (b"secret", b"salt", "", 500),
    "owf is long": (b"secret", b"salt", "x" * 100_000, 500),
    "iterations is a bool": (b"secret", b"salt", "sha256", True),
    "iterations is a float": (b"secret", b"salt", "sha256", 500.0),
    "iterations is text": (b"secret", b"salt", "sha256", "500"),
    "iterations is None": (b"secret", b"salt", "sha256", None),
    "no iteration": (b"secret", b"salt", "sha256", 0),
    "negative": (b"secret", b"salt", "sha256", -1),
    "2**31": (b"secret", b"salt", "sha256", 2**31),
    "2**32 + 1": (b"secret", b"salt", "sha256", 2**32 + 1),
    "2**63": (b"secret", b"salt", "sha256", 2**63),
    "2**64 + 1": (b"secret", b"salt", "sha256", 2**64 + 1),
    "an INTEGER of a kilobyte": (b"secret", b"salt", "sha256", 1 << 8191),
    "a negative INTEGER of a kilobyte": (b"secret", b"salt", "sha256", -(1 << 8191)),
}


def refusal(derive: Derive, arguments: tuple[Any, ...]) -> tuple[type[Exception], str]:
    """The class and the text of the exception that these arguments meet, at once."""
    start = time.perf_counter()
    with pytest.raises((TypeError, ValueError)) as caught:
        derive(*arguments)
    assert time.perf_counter() - start < 0.5
    return type(caught.value), str(caught.value)


@engines
@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_arguments(derive: Derive, name: str) -> None:
    arguments = BAD_ARGUMENTS[name]
    kind, text = refusal(derive, arguments)
    of_good_type = [type(a) is b for a, b in zip(arguments, (bytes, bytes, str, int), strict=True)]
    assert kind is (ValueError if all(of_good_type) else TypeError)
    assert (kind, text) == refusal(reference.pbm_key, arguments)
    assert len(text) < 100


@engines
def test_refusals_keep_the_secret(derive: Derive) -> None:
    secret = b"canary"
    for arguments in (("canary", b"", "sha256", 1), (secret, b"", "md5", 1), (secret, b"", "sha256", 0)):
        assert "canary" not in refusal(derive, arguments)[1]


@engines
def test_names_of_the_arguments(derive: Derive) -> None:
    assert derive(secret=b"a", salt=b"b", owf="sha256", iterations=1) == hashlib.sha256(b"ab").digest()
    with pytest.raises(TypeError):
        derive(b"a", b"b", "sha256")


# --- threads, signals, memory


@needs_compiled
@pytest.mark.parametrize("owf", ["sha256", "sha512", "sha3_256"])
def test_threads_do_not_disturb_each_other(owf: str) -> None:
    secrets = [bytes([i]) * (i + 1) for i in range(40)]
    for derive in every_way(owf).values():
        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(derive, secrets, repeat(b"salt"), repeat(owf), repeat(2000)))
        assert keys == [expected(secret, b"salt", owf, 2000) for secret in secrets]


@needs_compiled
@pytest.mark.parametrize("owf", ["sha256", "sha3_256"])
def test_other_threads_run_meanwhile(owf: str) -> None:
    if fast_pbm.routes[owf] == fast_pbm.HASHLIB:
        pytest.skip(f"this route holds the GIL; {fast_pbm.why}")
    deriving = threading.Thread(target=fast_pbm.pbm_key, args=(b"secret", b"salt", owf, 2_000_000))
    deriving.start()
    steps = 0
    while deriving.is_alive():
        time.sleep(0.0005)
        steps += 1
    assert steps > 5


class Interrupted(Exception):
    """What the signal handler below raises."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer on this platform")
@engines
def test_signals_interrupt(derive: Derive) -> None:
    def interrupt(*_: object) -> None:
        raise Interrupted

    previous = signal.signal(signal.SIGALRM, interrupt)
    start = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Interrupted):
            derive(b"secret", b"salt", "sha3_512", 2**31 - 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - start < 30


@needs_compiled
@pytest.mark.parametrize("owf", OWFS)
def test_the_work_area_is_wiped(owf: str) -> None:
    for route in fast_pbm._routes[owf]:
        if route != fast_pbm.HASHLIB:
            for iterations in (1, 2, 500):
                left = fast_pbm._residue(route, b"secret" * 20, b"salt" * 20, owf, iterations)
                assert len(left) > 128
                assert not any(left), route


# --- which route is taken


@needs_compiled
def test_route_is_told() -> None:
    assert fast_pbm.route in (fast_pbm.TRANSFORM, fast_pbm.EVP, fast_pbm.HASHLIB)
    assert fast_pbm.route == fast_pbm.routes["sha256"]
    assert fast_pbm.why
    assert reference.route == "hashlib"
    assert reference.why


@needs_compiled
def test_the_fast_route_is_taken_where_it_can_be() -> None:
    # A mistake in the transform's code would not give wrong keys: the self-test quietly leaves it to EVP.
    import _hashlib

    if fast_pbm.route == fast_pbm.HASHLIB or "FIPS mode" in fast_pbm.why:
        pytest.skip(fast_pbm.why)
    libcrypto = ctypes.CDLL(_hashlib.__file__)
    for owf, route in fast_pbm.routes.items():
        low_level = hasattr(libcrypto, f"{owf.upper()}_Init")
        assert route == (fast_pbm.TRANSFORM if low_level else fast_pbm.EVP), owf


CHECK = """
from cmpcodec._engine import fast_pbm as f
from cmpcodec._engine.reference import pbm as r
arguments = (b"secret" * 30, b"salt" * 30)
def check():
    for owf in r.OWFS:
        for iterations in (1, 2, 100):
            assert f.pbm_key(*arguments, owf, iterations) == r.pbm_key(*arguments, owf, iterations), owf
check()
"""
TELL = "print(f.routes['sha256'], f.routes['sha512'], f.why, sep='\\n')"


def run_script(script: str) -> list[str]:
    """Run a script in a new interpreter with the same search path; return the lines that it printed."""
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@needs_compiled
def test_interpreter_without_openssl() -> None:
    told = run_script("import sys; sys.modules['_hashlib'] = None\n" + CHECK + TELL)
    assert told == ["hashlib", "hashlib", "this interpreter has no OpenSSL"]


@needs_compiled
def test_interpreter_that_hides_its_openssl() -> None:
    script = "import _hashlib; _hashlib.__file__ = None\n" + CHECK
    route, _, why = run_script(script + TELL)
    if route == "hashlib":  # else the program itself exports one, and it was found after all
        assert why.startswith("this interpreter keeps its OpenSSL to itself")


@needs_compiled
def test_errors_of_openssl_stay_with_us() -> None:
    # What a failed EVP call left in the queue of errors would surface in somebody else's ssl.SSLError.
    if fast_pbm.why.startswith("this interpreter"):
        pytest.skip(fast_pbm.why)
    script = """
    import _hashlib, ctypes, hashlib
    from cmpcodec._engine import fast_pbm as f
    crypto = ctypes.CDLL(_hashlib.__file__)
    if not hasattr(crypto, "EVP_default_properties_enable_fips"):
        raise SystemExit(print("old"))
    before = crypto.ERR_peek_error()
    assert crypto.EVP_default_properties_enable_fips(None, 1) == 1     # but no FIPS provider is loaded
    refused = f._native(f.EVP, b"secret", b"salt", "sha256", 500)
    print(before, refused is None or refused == f._reference.pbm_key(b"secret", b"salt", "sha256", 500))
    print(crypto.ERR_peek_error())
    """
    told = run_script(textwrap.dedent(script))
    if told == ["old"]:
        pytest.skip("OpenSSL before 3.0")
    assert told == ["0 True", "0"]


# A library that is found before libcrypto and changes a few functions: what strange OpenSSLs would show.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
int fips_now = FIPS, wrong_now = WRONG;
int EVP_default_properties_is_fips_enabled(void *context) { return fips_now; }
void SHA256_Transform(void *context, const unsigned char *block)
{
    void (*real)(void *, const unsigned char *) = dlsym(RTLD_NEXT, "SHA256_Transform");
    real(context, block);
    if (wrong_now)
        *(char *)context ^= 1;
}
#ifdef VERSION
const char *OpenSSL_version(int what) { return VERSION; }
#endif
#ifdef NO_FETCH
void *EVP_MD_fetch(void *context, const char *name, const char *properties) { return 0; }
#endif
"""


@pytest.fixture
def shim(tmp_path: Path) -> Callable[..., list[str]]:
    """A function that runs a script whose hashlib seems to be linked to libcrypto through the shim."""
    compiler = shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0])
    loaded = Path("/proc/self/maps")
    files = loaded.read_text().split() if loaded.exists() else []
    crypto = next((file for file in files if "/libcrypto" in file), None)
    if not compiler or not crypto or fast_pbm.route != fast_pbm.TRANSFORM:
        pytest.skip(f"needs a C compiler, ELF and a libcrypto with all functions; {fast_pbm.why}")

    def run(script: str, *, fips: int = 0, wrong: int = 0, more: tuple[str, ...] = ()) -> list[str]:
        source, library = tmp_path / "shim.c", tmp_path / "shim.so"
        source.write_text(SHIM)
        options = [f"-DFIPS={fips}", f"-DWRONG={wrong}", *more]
        link = ["-shared", "-fPIC", "-Wl,--no-as-needed", str(source), crypto, "-ldl", "-o", str(library)]
        subprocess.run([compiler, *options, *link], check=True)
        head = f"""
        import _hashlib, ctypes
        library = {str(library)!r}
        shim = ctypes.CDLL(library)
        _hashlib.__file__ = library
        """
        return run_script(textwrap.dedent(head) + CHECK + textwrap.dedent(script))

    return run


@needs_compiled
def test_shim_alone_changes_nothing(shim: Callable[..., list[str]]) -> None:
    assert shim(TELL)[:2] == [fast_pbm.TRANSFORM, fast_pbm.TRANSFORM]


@needs_compiled
def test_wrong_transform_is_refused(shim: Callable[..., list[str]]) -> None:
    told = shim(TELL, wrong=1)
    assert told[:2] == [fast_pbm.EVP, fast_pbm.TRANSFORM]
    assert "disagree with hashlib" in told[2]


@needs_compiled
def test_fips_mode_is_not_bypassed(shim: Callable[..., list[str]]) -> None:
    told = shim(TELL, fips=1)
    assert told[:2] == [fast_pbm.EVP, fast_pbm.EVP]
    assert told[2].endswith("runs in FIPS mode")


@needs_compiled
def test_fips_mode_may_come_later(shim: Callable[..., list[str]]) -> None:
    script = """
    print(f.routes["sha256"])
    ctypes.c_int.in_dll(shim, "wrong_now").value = 1
    print(f.pbm_key(*arguments, "sha256", 2) == r.pbm_key(*arguments, "sha256", 2))  # the transform is taken,
    ctypes.c_int.in_dll(shim, "fips_now").value = 1
    check()                                                                          # and now it is not
    """
    assert shim(script) == [fast_pbm.TRANSFORM, "False"]


@needs_compiled
def test_forks_of_openssl_are_refused(shim: Callable[..., list[str]]) -> None:
    assert shim(TELL, more=('-DVERSION="LibreSSL 9"',)) == ["hashlib", "hashlib", "LibreSSL 9 is not OpenSSL"]


@needs_compiled
def test_hashlib_steps_in_when_openssl_refuses(shim: Callable[..., list[str]]) -> None:
    assert shim(TELL, wrong=1, more=("-DNO_FETCH",))[:2] == [fast_pbm.HASHLIB, fast_pbm.TRANSFORM]
