"""Watches what the tests of protection make the library compute. Messages and MACs to test with: by_hand."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from cmpcodec.protection import pbm
from tests.protection.by_hand import Work


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Counts what cmpcodec.protection.pbm computes from now on."""
    done, derive, digest = Work(), pbm.pbm_key, hmac.digest

    def counting_key(*args: Any) -> bytes:
        done.keys += 1
        return derive(*args)

    def counting_mac(*args: Any) -> bytes:
        done.macs += 1
        return digest(*args)

    monkeypatch.setattr(pbm, "pbm_key", counting_key)
    monkeypatch.setattr(hmac, "digest", counting_mac)
    return done
