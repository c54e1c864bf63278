"""What every test run shares: it says which engine runs, and refuses any other than the one asked for.

Must not hold fixtures of one kind of test.
"""

from __future__ import annotations

import os

import pytest

import cmpcodec


def pytest_configure(config: pytest.Config) -> None:
    wanted = os.environ.get("CMPCODEC_ENGINE")
    if wanted and wanted != cmpcodec.engine:
        raise pytest.UsageError(f"CMPCODEC_ENGINE asks for {wanted}, but the engine is {cmpcodec.engine}")


def pytest_report_header(config: pytest.Config) -> str:
    folder = os.path.dirname(cmpcodec.__file__)
    return f"cmpcodec {cmpcodec.__version__} with its {cmpcodec.engine} engine, in {folder}"
