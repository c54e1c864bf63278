"""kill -9 while clients enrol: what a client was told stays true, at every point where the server may die.

CMPCODEC_KILLS says how many kills a run takes: 12, or 100 for the long campaign. SIGKILL is not a power failure: what of the database
reached the disk, tests/store/test_crash.py looks at.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from .crashing import POINTS, Campaign, Server

KILLS = int(os.environ.get("CMPCODEC_KILLS", "12"))

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no SIGKILL here")


def figures(campaign: Campaign) -> str:
    book = campaign.book
    return f"{campaign.kills} kills, {len(book.answers)} answers, {len(book.certificates)} certificates"


def test_kills_at_random_points(tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    campaign = Campaign(tmp_path)
    for _ in range(KILLS):
        campaign.crash()
    campaign.finish()
    record_property("figures", figures(campaign))
    print(figures(campaign))
    assert campaign.book.violations == []
    assert len(campaign.book.certificates) >= 2 * KILLS
    assert len(campaign.book.answers) >= 5 * KILLS


def test_kills_at_every_point(tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    campaign = Campaign(tmp_path, seed=2)
    for point in POINTS:
        campaign.crash(point)
        assert campaign.book.violations == [], point
    campaign.finish()
    record_property("figures", figures(campaign))
    print(figures(campaign))
    assert campaign.book.violations == []


def test_the_harness_notices_an_answer_before_commit(tmp_path: Path) -> None:
    """The same clients, kills and checks with a server that stores what it said when it has said it."""
    campaign = Campaign(tmp_path, seed=3, swapped=True)
    campaign.crash("after send")
    with Server(tmp_path) as server:
        campaign.book.check(server, random.Random(1))
    print(*campaign.book.violations, sep="\n")
    assert campaign.book.violations


def test_the_harness_notices_it_without_knowing_where(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, seed=4, swapped=True)
    for _ in range(100):
        campaign.crash()
        if campaign.book.violations:
            break
    print(f"noticed after {campaign.kills - 1} kills:", *campaign.book.violations, sep="\n")
    assert campaign.book.violations, "100 kills and nothing was lost"
