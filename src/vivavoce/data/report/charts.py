"""Histograms as SVG, for a page that loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 320, 150, 34, 24, 8
N_BINS = 24


@dataclass(frozen=True)
class Threshold:
    """A vertical line at a threshold."""

    value: float
    label: str


def histogram(
    title: str, unit: str, values: Sequence[float], marks: Sequence[Threshold] = ()
) -> str:
    """How values are distributed; a `<figure>`. Marks outside of the axis are left out."""
    if not values:
        return ""
    low, high = _range(values)
    counts, edges = np.histogram(np.clip(values, low, high), bins=N_BINS, range=(low, high))
    most = int(counts.max())
    bars = [
        f'<rect x="{_x(a, low, high):.1f}" y="{_y(count, most):.1f}"'
        f' width="{max(_x(b, low, high) - _x(a, low, high) - 1, 1):.1f}"'
        f' height="{_y(0, most) - _y(count, most):.1f}"><title>{a:.3g} to {b:.3g} {escape(unit)}:'
        f" {count}</title></rect>"
        for a, b, count in zip(edges[:-1], edges[1:], counts.tolist(), strict=True)
        if count
    ]
    lines = [
        f'<line class="mark" x1="{_x(m.value, low, high):.1f}" x2="{_x(m.value, low, high):.1f}"'
        f' y1="{TOP}" y2="{HEIGHT - BOTTOM}"><title>{escape(m.label)}</title></line>'
        for m in marks
        if low <= m.value <= high
    ]
    middle = float(np.median(values))
    summary = f"median {middle:.3g} {unit}"
    return (
        f"<figure><figcaption>{escape(title)} <small>{escape(summary)}</small></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(f"{title}: {summary}")}">'
        f"{''.join(bars)}{''.join(lines)}{_axis(low, high, most)}</svg></figure>"
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = (float(v) for v in np.percentile(values, [0.5, 99.5]))
    pad = 0.05 * (high - low) or max(abs(high) * 0.05, 0.5)
    return low - pad, high + pad


def _axis(low: float, high: float, most: int) -> str:
    y = HEIGHT - BOTTOM
    ticks = "".join(
        f'<text x="{_x(v, low, high):.1f}" y="{y + 16}" text-anchor="middle">{v:.4g}</text>'
        for v in np.linspace(low, high, 6)[1:-1]
    )
    return (
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}"/>{ticks}'
        f'<text x="{LEFT - 4}" y="{TOP + 8}" text-anchor="end">{most}</text>'
    )


def _x(value: float, low: float, high: float) -> float:
    return LEFT + (WIDTH - LEFT) * (value - low) / (high - low)


def _y(count: float, most: int) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * count / max(most, 1)
