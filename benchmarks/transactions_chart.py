"""Draws what transactions cost as a static SVG: bars of CPU time, readable on light and dark pages.

    python -m benchmarks.transactions_chart        draws docs/transactions.svg anew from docs/transactions.json

Knows the shape of the results; what a picture looks like is `chart`'s.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.chart import BAR, GAP, LEFT, PANEL, RIGHT, STYLE, WIDTH

_TITLE = "One enrolment at the server: ir, ip, certConf, pkiConf"
_SUBTITLE = "CPU time in microseconds, best round, and how many times the cryptography alone; shorter is better"

Bar = tuple[str, str, float, str]
"""Name, style, microseconds, text behind the bar."""


def draw(results: dict[str, Any]) -> str:
    """Give the text of the SVG."""
    panels = _panels(results)
    longest = max(bar[2] for _, bars in panels for bar in bars)
    parts: list[str] = []
    y = 64
    for title, bars in panels:
        parts.append(f'<text class="panel" x="16" y="{y + 12}">{escape(title)}</text>')
        for index, bar in enumerate(bars):
            parts.append(_bar(bar, y + 25 + index * (BAR + GAP), longest))
        y += PANEL - 12 + len(bars) * (BAR + GAP)
    described = "; ".join(f"{title}: " + ", ".join(f"{bar[0]} {bar[3]}" for bar in bars) for title, bars in panels)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" '
            'role="img" aria-labelledby="title desc">',
            f'<title id="title">{escape(_TITLE)}</title>',
            f'<desc id="desc">{escape(described)}</desc>',
            f"<style>{STYLE}</style>",
            f'<text class="title" x="16" y="28">{escape(_TITLE)}</text>',
            f'<text class="small" x="16" y="46">{_SUBTITLE}</text>',
            *parts,
            "</svg>\n",
        ]
    )


def _panels(results: dict[str, Any]) -> list[tuple[str, list[Bar]]]:
    panels = []
    for ca in results["engines"]["cython"]:
        times = {engine: by_ca[ca] for engine, by_ca in results["engines"].items()}
        bars = [_compared("its cryptography alone", "peer", times["cython"], "floor")]
        bars.append(_compared("two commits of bare SQLite", "peer", times["cython"], "two commits"))
        for engine, style, shown in (("cython", "ours", "Cython"), ("python", "slow", "pure Python")):
            bars += [_compared(f"{store}, {shown}", style, times[engine], store) for store in ("memory", "SQLite")]
        panels.append((f"CA with an {ca} key, without HTTP", bars))
    if results["http"] is not None:
        served = [
            (name, "ours" if name.startswith("cmpcodec") else "peer", spent, f"{spent:.0f}")
            for name, spent in results["http"].items()
        ]
        panels.append(("Whole processes, over HTTP", served))
    return panels


def _compared(name: str, style: str, times: dict[str, dict[str, float]], which: str) -> Bar:
    spent = times[which]["cpu"]
    return name, style, spent, f"{spent:.0f} ({spent / times['floor']['cpu']:.1f}\u00d7)"


def _bar(bar: Bar, y: float, longest: float) -> str:
    name, style, spent, text = bar
    width, middle = (WIDTH - LEFT - RIGHT - 30) * spent / longest, y + BAR - 5.5
    return (
        f'<text class="name" x="{LEFT - 10}" y="{middle}" text-anchor="end">{escape(name)}</text>\n'
        f'<rect class="{style}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>\n'
        f'<text class="value" x="{LEFT + width + 6:.1f}" y="{middle}">{text}</text>'
    )


def main() -> int:
    """Draw from the stored results."""
    docs = Path(__file__).parent.parent / "docs"
    results = json.loads((docs / "transactions.json").read_text(encoding="utf-8"))
    (docs / "transactions.svg").write_text(draw(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
