"""Curves as an SVG picture, without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 720, 420, 60
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")


def plot(path: Path, curves: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Draws curves of (step, loss) with the loss on a logarithmic axis.

    Arguments:
        path: of the picture.
        curves: points by name; a name that begins with "validation" is drawn solid, others dashed.
    """
    steps = [step for curve in curves.values() for step, _ in curve]
    decades = [math.log10(max(loss, 1e-4)) for curve in curves.values() for _, loss in curve if math.isfinite(loss)]
    low, high = math.floor(min(decades)), math.ceil(max(decades) + 1e-9)

    def x(step: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * step / max(steps)

    def y(decade: float) -> float:
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (decade - low) / (high - low)

    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for decade in range(low, high + 1):
        line = f'x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y(decade):.1f}" y2="{y(decade):.1f}"'
        parts.append(f'<line {line} stroke="#dddddd"/>')
        parts.append(f'<text x="{MARGIN - 8}" y="{y(decade) + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 15}" text-anchor="middle">step (0 to {max(steps):g})</text>')
    for index, (name, curve) in enumerate(curves.items()):
        points = " ".join(
            f"{x(step):.1f},{y(math.log10(max(loss, 1e-4))):.1f}" for step, loss in curve if math.isfinite(loss)
        )
        colour = COLOURS[index // 2 % len(COLOURS)]
        dashes = "" if name.startswith("validation") else ' stroke-dasharray="5 4"'
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        above = 20 + 14 * index
        parts.append(f'<line x1="70" x2="100" y1="{above - 4}" y2="{above - 4}" stroke="{colour}"{dashes}/>')
        parts.append(f'<text x="106" y="{above}">{name}</text>')
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n'
        + "\n".join(parts)
        + "\n</svg>\n",
        encoding="utf-8",
    )
