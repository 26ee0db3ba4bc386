"""Cost per delivery over the number of members, as an SVG of two panels. Knows no measuring."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

Points: TypeAlias = Sequence[tuple[float, float]]

PANEL_WIDTH, PANEL_HEIGHT = 360, 300
LEFT, TOP, BOTTOM, GAP = 60, 40, 50, 40
LEGEND_WIDTH = 170
# Colours that differ in lightness too, so that the lines part in print and for the colour-blind.
COLOURS = ("#d62728", "#ff9d45", "#1f4e9c", "#6baed6", "#2d7d46", "#9a6fb0", "#555555", "#b5b5b5")


@dataclass(frozen=True, slots=True)
class Axes:
    """Both logarithmic; *left*, *top* is the panel's corner in pixels."""

    low_x: float
    high_x: float
    low_y: float
    high_y: float
    left: float
    top: float

    def x(self, value: float) -> float:
        return self.left + PANEL_WIDTH * _share(value, self.low_x, self.high_x)

    def y(self, value: float) -> float:
        return self.top + PANEL_HEIGHT * (1 - _share(value, self.low_y, self.high_y))


def _share(value: float, low: float, high: float) -> float:
    return math.log(value / low) / math.log(high / low)


def ticks_around(low: float, high: float) -> list[float]:
    """Return 1, 2, 5, 10, 20 ... from the last that is not above *low* to beyond *high*."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = [n * 10.0**power for power in range(first, last + 1) for n in (1, 2, 5)]
    bottom = max(step for step in steps if step <= low)
    top = min(step for step in steps if step >= high)
    return [step for step in steps if bottom <= step <= top]


def svg(panels: Mapping[str, Mapping[str, Points]]) -> str:
    """Return the drawing: panel title -> server -> (members, CPU µs per delivery)."""
    points = [p for lines in panels.values() for line in lines.values() for p in line]
    xs, ys = [x for x, _ in points], [y for _, y in points if y > 0]
    ticks = ticks_around(min(ys), max(ys))
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    width = LEFT + len(panels) * (PANEL_WIDTH + GAP) + LEGEND_WIDTH
    height = TOP + PANEL_HEIGHT + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for i, (title, lines) in enumerate(panels.items()):
        left = LEFT + i * (PANEL_WIDTH + GAP)
        axes = Axes(min(xs), max(xs), ticks[0], ticks[-1], left, TOP)
        parts += _frame(axes, title, sorted(set(xs)), ticks, labelled=i == 0)
        for name, line in lines.items():
            parts += _line(axes, line, colours[name])
    parts += _legend(colours, width - LEGEND_WIDTH)
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#dddddd"/>'


def _frame(
    axes: Axes, title: str, xs: Sequence[float], ys: Sequence[float], *, labelled: bool
) -> list[str]:
    right, bottom = axes.left + PANEL_WIDTH, axes.top + PANEL_HEIGHT
    parts = [_text(axes.left + PANEL_WIDTH / 2, axes.top - 14, title)]
    for x in xs:
        parts.append(_rule(axes.x(x), axes.top, axes.x(x), bottom))
        parts.append(_text(axes.x(x), bottom + 18, f"{x:,.0f}"))
    for y in ys:
        parts.append(_rule(axes.left, axes.y(y), right, axes.y(y)))
        if labelled:
            parts.append(_text(axes.left - 8, axes.y(y) + 4, f"{y:g}", "end"))
    parts.append(_text(axes.left + PANEL_WIDTH / 2, bottom + 38, "members of the room"))
    if labelled:
        parts.append(_text(axes.left - 48, axes.top - 14, "CPU µs per delivery", "start"))
    return parts


def _line(axes: Axes, points: Points, colour: str) -> list[str]:
    places = [(axes.x(x), axes.y(y)) for x, y in sorted(points) if y > 0]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    return [f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>', *dots]


def _legend(colours: Mapping[str, str], left: float) -> list[str]:
    parts = []
    for i, (name, colour) in enumerate(colours.items()):
        y = TOP + 10 + i * 20
        parts.append(f'<path d="M{left} {y}h22" stroke="{colour}" stroke-width="3"/>')
        parts.append(_text(left + 30, y + 4, name, "start"))
    return parts
