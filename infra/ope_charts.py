"""Estimates as points with their intervals, beside what was logged: SVG in the page's colours."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from restock.infra.ope_result import Worth

WIDTH, LEFT, RIGHT = 520, 96, 24
ROW, TOP, BOTTOM = 34, 12, 30
TICKS = 4


class Line(NamedTuple):
    """One estimate; logged: it is what was logged, which the others stand against."""

    title: str
    worth: Worth
    logged: bool = False


def intervals(lines: Sequence[Line], unit: str) -> Markup:
    """One row per estimate on a common axis; a rule marks what was logged."""
    drawn = [line for line in lines if line.worth.value is not None]
    if not drawn:
        return Markup("")
    edges = [edge for line in drawn for edge in _edges(line.worth)]
    low, high = min(edges), max(edges)
    room = max(high - low, abs(high) * 1e-6, 1e-12)
    low, high = low - 0.06 * room, high + 0.06 * room
    height = TOP + ROW * len(drawn) + BOTTOM

    def x(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    parts = [_tick(x(at), at, height) for at in _ticks(low, high)]
    parts += [
        Markup('<line x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{b}" class="logged"/>').format(
            x=x(line.worth.value or 0.0), b=height - BOTTOM
        )
        for line in drawn
        if line.logged
    ]
    for at, line in enumerate(drawn):
        y = TOP + ROW * at + ROW / 2
        start, *_, stop = sorted(_edges(line.worth))
        parts.append(
            Markup(
                '<text x="{l}" y="{t:.1f}" class="end">{name}</text>'
                '<line x1="{a:.1f}" x2="{b:.1f}" y1="{y:.1f}" y2="{y:.1f}" class="reach"/>'
                '<circle cx="{c:.1f}" cy="{y:.1f}" r="5" class="{kind}">'
                "<title>{name}: {v} {unit}</title></circle>"
            ).format(
                l=LEFT - 10,
                t=y + 4,
                name=line.title,
                a=x(start),
                b=x(stop),
                c=x(line.worth.value or 0.0),
                y=y,
                kind="grey" if line.logged else "dot",
                v=f"{line.worth.value:.4g}",
                unit=unit,
            )
        )
    return Markup(
        '<svg class="intervals" viewBox="0 0 {w} {h}" role="img" aria-label="{t}">{p}</svg>'
    ).format(w=WIDTH, h=height, t=f"estimates in {unit}", p=Markup("").join(parts))


def _edges(worth: Worth) -> list[float]:
    return [edge for edge in (worth.low, worth.value, worth.high) if edge is not None]


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers within the edges, three to six of them."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda one: abs(math.log(one / rough)))
    return [at * step for at in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _tick(x: float, value: float, height: int) -> Markup:
    return Markup(
        '<line x1="{x:.1f}" x2="{x:.1f}" y1="{t}" y2="{b}" class="rail"/>'
        '<text x="{x:.1f}" y="{y}" class="middle">{v}</text>'
    ).format(x=x, t=TOP - 6, b=height - BOTTOM + 4, y=height - 8, v=f"{value:.3g}")
