"""What every test run shares: it says which engine runs, refuses to run with another engine, or without openssl, if
that was asked for, and can be interrupted.

Must not hold fixtures of one kind of test.
"""

from __future__ import annotations

import os
import signal

import pytest

import cmpcodec
from tests import openssl


def pytest_configure(config: pytest.Config) -> None:
    wanted = os.environ.get("CMPCODEC_ENGINE")
    if wanted and wanted != cmpcodec.engine:
        raise pytest.UsageError(f"CMPCODEC_ENGINE asks for {wanted}, but the engine is {cmpcodec.engine}")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job; programs would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.environ.get("CMPCODEC_REQUIRE_OPENSSL") and not openssl.HAS_CMP:
        raise pytest.UsageError(f"CMPCODEC_REQUIRE_OPENSSL is set, and {openssl.REASON}")


def pytest_report_header(config: pytest.Config) -> str:
    folder = os.path.dirname(cmpcodec.__file__)
    return f"cmpcodec {cmpcodec.__version__} with its {cmpcodec.engine} engine, in {folder}"
