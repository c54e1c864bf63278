"""Keys of every kind for tests; where this machine's `cryptography` has not got one, the test is skipped, and says so."""

from __future__ import annotations

from typing import Any

import pytest

from cmpcodec.enveloping.generating import KEY_KINDS
from cmpcodec.errors import UnsupportedAlgorithm


def generated(kind: str) -> Any:
    """A new private key of one of `KEY_KINDS`."""
    try:
        return KEY_KINDS[kind].generate()
    except UnsupportedAlgorithm as error:
        pytest.skip(str(error))
