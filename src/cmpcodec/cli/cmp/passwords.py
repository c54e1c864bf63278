"""Where secrets and pass phrases come from: OpenSSL's sources, and the terminal. No error contains any of a secret."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ...adapters.secret_sources import SecretError, read_secret
from .options import OptionError

_LONGEST = 64 * 1024


def read_source(option: str, source: str, warn: Callable[[str], None]) -> bytes:
    """The secret that a source such as ``env:CMP_SECRET`` names, for the option of that name. OptionError.

    As with OpenSSL, text without a colon is the secret itself; `warn` is told to write ``pass:`` before it.
    """
    if source == "stdin":
        if sys.stdin is None:
            raise OptionError(f"-{option} stdin: standard input is closed")
        return _not_empty(option, sys.stdin.buffer.readline(_LONGEST).rstrip(b"\r\n"))
    if ":" not in source:
        warn(f"-{option}: taking the text as the secret itself; better write pass: before it")
        source = f"pass:{source}"
    try:
        return _not_empty(option, read_secret(source))
    except SecretError as error:
        raise OptionError(f"-{option} {error}") from None
    except OSError as error:
        raise OptionError(f"-{option}: the source cannot be read: {error.strerror}") from None


def _not_empty(option: str, secret: bytes) -> bytes:
    if not secret:
        raise OptionError(f"-{option}: the secret is empty")
    return secret


def ask(prompt: str) -> bytes | None:
    """What somebody types at the terminal, unseen; None if there is no terminal."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    import getpass
    import os

    return os.fsencode(getpass.getpass(prompt, sys.stderr))
