"""OpenSSL's own CMP codec and PBM, called in loops by a small C file that is compiled when needed.

Knows the C file beside it and how to call a compiler. Its values are C structures, so fields are not read
from Python.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peers import Loop, Peer, Unsupported

_SOURCE = Path(__file__).with_name("openssl_loops.c")


@functools.cache
def loops() -> ctypes.CDLL:
    """Compile the C file against the system's libcrypto and load it."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Unsupported("no C compiler")
    folder = tempfile.mkdtemp(prefix="cmpcodec-bench-")
    try:
        library = Path(folder) / "openssl_loops.so"
        command = [compiler, "-O2", "-shared", "-fPIC", str(_SOURCE), "-o", str(library), "-lcrypto"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unsupported("the C helper does not compile: " + done.stderr.strip().splitlines()[0])
        loaded = ctypes.CDLL(str(library))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    loaded.loops_version.restype = ctypes.c_char_p
    loaded.loops_decode.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_long]
    loaded.loops_encode.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_long, ctypes.c_char_p]
    loaded.loops_pbm.argtypes = [
        *[ctypes.c_char_p, ctypes.c_long],
        *[ctypes.c_char_p, ctypes.c_size_t] * 2,
        *[ctypes.c_long, ctypes.c_char_p, ctypes.POINTER(ctypes.c_size_t)],
    ]
    return loaded


def _check(result: int) -> None:
    if result:
        raise ValueError("libcrypto refused the input" if result == 1 else "libcrypto gave other bytes")


class OpenSSL(Peer):
    """d2i and i2d of libcrypto; "a decoded message" is its bytes, decoded again in C."""

    name = "openssl"
    note = "d2i also parses certificates and turns each SubjectPublicKeyInfo into a key; nothing reaches Python"

    def __init__(self) -> None:
        self._loops = loops()
        self.title = _version(self._loops)

    def decode(self, data: bytes) -> bytes:
        _check(self._loops.loops_decode(data, len(data), 1))
        return data

    def encode(self, message: bytes) -> bytes:
        out = ctypes.create_string_buffer(len(message))
        _check(self._loops.loops_encode(message, len(message), 1, out))
        return out.raw

    def decode_loop(self, data: bytes) -> Loop:
        def loop(number: int) -> None:
            _check(self._loops.loops_decode(data, len(data), number))

        return loop

    def pbm(self, parameters: bytes, text: bytes, secret: bytes, number: int) -> bytes:
        """Compute the password-based MAC `number` times; `parameters` is the DER of PBMParameter."""
        mac = ctypes.create_string_buffer(64)
        size = ctypes.c_size_t(0)
        _check(
            self._loops.loops_pbm(
                parameters,
                len(parameters),
                text,
                len(text),
                secret,
                len(secret),
                number,
                mac,
                ctypes.byref(size),
            )
        )
        return mac.raw[: size.value]


def _version(library: Any) -> str:
    words = library.loops_version().decode().split()
    return "OpenSSL " + words[1] + " d2i, in C"


def make(name: str) -> Peer:
    """Give the peer."""
    return OpenSSL()
