"""Curves over a logarithmic number of keys, one below the other, as an SVG of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 640
HEIGHT = 150
LEFT = 90
RIGHT = 70
TOP = 46
FOOT = 34
_STYLE = (
    "text{font:13px sans-serif;fill:#1d2433}.title{font-weight:600;font-size:15px}"
    ".axis{stroke:#9aa3b2;stroke-width:1}.line{fill:none;stroke:#1f5fbf;stroke-width:2}"
    ".dot{fill:#1f5fbf}"
)


@dataclass(frozen=True, slots=True)
class Curve:
    """What is drawn, and its value at each number of keys."""

    name: str
    values: Sequence[float]


def draw(title: str, keys: Sequence[int], curves: Sequence[Curve]) -> str:
    """Return an SVG with one panel for each curve, all from zero."""
    height = TOP + len(curves) * (HEIGHT + FOOT)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{title}</title><style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="{LEFT}" y="24">{title}</text>',
    ]
    for number, curve in enumerate(curves):
        parts += _panel(TOP + number * (HEIGHT + FOOT), keys, curve)
    return "\n".join([*parts, "</svg>", ""])


def _panel(top: float, keys: Sequence[int], curve: Curve) -> list[str]:
    bottom = top + HEIGHT
    most = max(curve.values) * 1.25
    logs = [math.log10(count) for count in keys]
    span = max(logs[-1] - logs[0], 1e-9)
    points = [
        (
            LEFT + (at - logs[0]) / span * (WIDTH - LEFT - RIGHT),
            bottom - value / most * (HEIGHT - 24),
        )
        for at, value in zip(logs, curve.values, strict=True)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [
        f'<text x="{LEFT}" y="{top + 10}">{curve.name}</text>',
        f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{WIDTH - RIGHT}" y2="{bottom}"/>',
        f'<polyline class="line" points="{path}"/>',
    ]
    for (x, y), value, count in zip(points, curve.values, keys, strict=True):
        parts += [
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>',
            f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle">{value:,.0f}</text>',
            f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{count:,} keys</text>',
        ]
    return parts
