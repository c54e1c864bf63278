"""Draws the results as a static SVG: bars on a logarithmic scale, readable on light and dark pages.

    python -m benchmarks.chart        draws docs/benchmarks.svg anew from docs/benchmarks.json

Knows the shape of the results and plain SVG; no fonts, scripts or images from elsewhere.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 840, 214, 74
BAR, GAP, PANEL = 20, 6, 62
_SHORT = {
    "cython": "cmpcodec, Cython",
    "python": "cmpcodec, pure Python",
    "openssl": "OpenSSL, in C",
    "hazmat": "cryptography.hazmat.asn1",
    "asn1tools": "asn1tools",
    "asn1crypto": "asn1crypto",
    "fasder": "pyasn1-fasder",
    "pyasn1": "pyasn1",
    "hashlib": "a hashlib loop",
    "cython verify": "cmpcodec, whole verify()",
}

_SUBTITLE = "how many times as fast as the baseline of each panel; logarithmic scale, longer is faster"

_CAVEATS = (
    "OpenSSL's decoder also turns the public key into a key object, and nothing reaches Python.",
    "asn1crypto decodes lazily, so it is left out of the first panel.",
)

STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-size: 17px; font-weight: 600; }
.panel { font-size: 14px; font-weight: 600; }
.small { font-size: 11.5px; fill: #59636e; }
.name { font-size: 13px; }
.value { font-size: 12.5px; font-variant-numeric: tabular-nums; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.ours { fill: #0969da; } .slow { fill: #54aeff; } .peer { fill: #818b98; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .small { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .ours { fill: #4493f8; } .slow { fill: #1f6feb; } .peer { fill: #656c76; }
}
"""


def draw(results: dict[str, Any]) -> str:
    """Give the text of the SVG."""
    label = next(iter(results["decode"]))
    size = results["messages"][label]["bytes"]
    panels = [
        ("Decode", "pyasn1", results["decode"][label], ("asn1crypto",)),
        (
            "Decode and read every field",
            "pyasn1",
            results["decode and read every field"][label],
            ("cython children()",),
        ),
        ("Build from values and encode", "pyasn1", results["build"][label], ()),
        (
            "Verify its password-based MAC, 500 \u00d7 SHA-256",
            "hashlib",
            results["PBM"][label],
            ("cython verify",),
        ),
    ]
    shown = [
        (name, baseline, _speeds(row, baseline, hidden)) for name, baseline, row, hidden in panels if baseline in row
    ]
    all_speeds = [speed for _, _, speeds in shown for _, speed in speeds]
    scale = _Scale(min(all_speeds), max(all_speeds))
    parts: list[str] = []
    y = 64
    for name, baseline, speeds in shown:
        parts.append(_panel(name, baseline, speeds, y, scale))
        y += PANEL + len(speeds) * (BAR + GAP)
    described = "; ".join(
        f"{name}: " + ", ".join(f"{_SHORT.get(who, who)} {_ratio(speed)}" for who, speed in speeds)
        for name, _, speeds in shown
    )
    env = results["environment"]
    run = f"CPython {env['python']}, {env['system']}, {results['date']}, one thread."
    for line in (*_CAVEATS, run):
        parts.append(f'<text class="small" x="16" y="{y}">{escape(line)}</text>')
        y += 16
    title = f"One CMP message: an ir of {_thousands(size)} bytes with an RSA-2048 key"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" '
            f'height="{y}" role="img" aria-labelledby="title desc">',
            f'<title id="title">Speed of codecs. {escape(title)}, logarithmic scale</title>',
            f'<desc id="desc">{escape(described)}</desc>',
            f"<style>{STYLE}</style>",
            f'<text class="title" x="16" y="28">{escape(title)}</text>',
            f'<text class="small" x="16" y="46">{_SUBTITLE}</text>',
            *parts,
            "</svg>\n",
        ]
    )


class _Scale:
    """Logarithmic, from a little below the slowest to the fastest, the same for all panels."""

    def __init__(self, slowest: float, longest: float) -> None:
        self._start = math.log10(min(slowest, 1.0)) - 0.12
        self._decades = math.log10(longest) - self._start
        self.ticks = [10**power for power in range(math.ceil(math.log10(longest)) + 1) if 10**power <= longest]

    def width(self, speed: float) -> float:
        return (WIDTH - LEFT - RIGHT) * (math.log10(speed) - self._start) / self._decades


def _speeds(row: dict[str, Any], baseline: str, hidden: tuple[str, ...]) -> list[tuple[str, float]]:
    base = row[baseline]["min"]
    speeds = [(name, base / times["min"]) for name, times in row.items() if name not in hidden]
    return sorted(speeds, key=lambda item: -item[1])


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _ratio(speed: float) -> str:
    return _thousands(round(speed)) + "\u00d7" if speed >= 10 else f"{speed:.1f}\u00d7"


def _panel(title: str, baseline: str, speeds: list[tuple[str, float]], y: int, scale: _Scale) -> str:
    top, bottom = y + 22, y + 22 + len(speeds) * (BAR + GAP)
    base = _SHORT[baseline]
    lines = [
        f'<text class="panel" x="16" y="{y + 12}">{escape(title)}</text>',
        f'<text class="small" x="{WIDTH - 16}" y="{y + 12}" text-anchor="end">{escape(base)} = 1</text>',
    ]
    for tick in scale.ticks:
        x = LEFT + scale.width(tick)
        lines.append(f'<line class="grid" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}"/>')
        shown = _thousands(tick)
        lines.append(f'<text class="small" x="{x:.1f}" y="{bottom + 13}" text-anchor="middle">{shown}</text>')
    for index, (who, speed) in enumerate(speeds):
        at = top + 3 + index * (BAR + GAP)
        style = {"cython": "ours", "python": "slow"}.get(who, "peer")
        width = scale.width(speed)
        middle = at + BAR - 5.5
        name = escape(_SHORT.get(who, who))
        lines += [
            f'<text class="name" x="{LEFT - 10}" y="{middle}" text-anchor="end">{name}</text>',
            f'<rect class="{style}" x="{LEFT}" y="{at}" width="{width:.1f}" height="{BAR}" rx="2"/>',
            f'<text class="value" x="{LEFT + width + 6:.1f}" y="{middle}">{_ratio(speed)}</text>',
        ]
    return "\n".join(lines)


def main() -> int:
    """Draw from the stored results."""
    docs = Path(__file__).parent.parent / "docs"
    results = json.loads((docs / "benchmarks.json").read_text(encoding="utf-8"))
    (docs / "benchmarks.svg").write_text(draw(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
