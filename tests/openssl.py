"""Whether there is a program `openssl` with the command `cmp`, and the mark of tests that need it.

Where CMPCODEC_REQUIRE_OPENSSL is set, as `./dev test --install-tools` does, its absence ends the run: see conftest.py.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

import pytest


def _has_cmp() -> bool:
    return (
        shutil.which("openssl") is not None
        and subprocess.run(["openssl", "cmp", "-help"], capture_output=True, check=False).returncode == 0
    )


HAS_CMP: Final = _has_cmp()
REASON: Final = "there is no openssl with the command cmp; `./dev test --install-tools` installs it"
needs_openssl = pytest.mark.skipif(not HAS_CMP, reason=REASON)
