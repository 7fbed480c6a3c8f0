"""Plots as SVG that needs nothing else: bars by time, stacked by channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

WIDTH: Final = 860
HEIGHT: Final = 260
LEFT: Final = 48
RIGHT: Final = 8
TOP: Final = 14
BOTTOM: Final = 34
LABELS_MAX: Final = 14
LINES: Final = 4
SERIES_COLORS: Final = 8
"""Colors there are in the page's style; further series share the last one."""


def bars(labels: Sequence[str], series: Mapping[str, Sequence[int]], unit: str) -> str:
    """One column per label, a part of it per series, from below in the order given; with axis, lines and titles."""
    sums = [sum(values[index] for values in series.values()) for index in range(len(labels))]
    top = _round_up(max(sums, default=0))
    inner_w, inner_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    step = inner_w / max(1, len(labels))
    width = max(1.0, min(36.0, step * 0.72))
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(unit)} by time, by channel" '
        'xmlns="http://www.w3.org/2000/svg">'
    ]
    for line in range(LINES + 1):
        value = top * line // LINES
        y = TOP + inner_h - inner_h * line / LINES
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="axis" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>')
    every = -(-len(labels) // LABELS_MAX)
    for index, label in enumerate(labels):
        x = LEFT + step * index + (step - width) / 2
        parts += _column(x, width, index, label, series, unit, inner_h / top)
        if index % every == 0:
            middle = LEFT + step * (index + 0.5)
            parts.append(
                f'<text class="axis" x="{middle:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{escape(label)}</text>'
            )
    if not any(sums):
        parts.append(f'<text class="none" x="{WIDTH / 2}" y="{HEIGHT / 2}" text-anchor="middle">none</text>')
    return "".join([*parts, "</svg>"])


def color_class(index: int) -> str:
    """The style's class of the series at that place."""
    return f"s{min(index, SERIES_COLORS - 1)}"


def _column(
    x: float, width: float, index: int, label: str, series: Mapping[str, Sequence[int]], unit: str, scale: float
) -> list[str]:
    parts: list[str] = []
    y = float(HEIGHT - BOTTOM)
    for place, (name, values) in enumerate(series.items()):
        if not values[index]:
            continue
        height = values[index] * scale
        y -= height
        title = f"{label}, {name}: {values[index]:,} {unit}"
        parts.append(
            f'<rect class="{color_class(place)}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
            f"<title>{escape(title)}</title></rect>"
        )
    return parts


def _round_up(value: int) -> int:
    """A top of the axis that its lines divide into whole numbers."""
    step = LINES
    while step < value:
        for factor in (2, 5, 10):
            if step * factor >= value:
                return step * factor
        step *= 10
    return step
