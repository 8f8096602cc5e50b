"""The critical-difference view: which candidates the markets tell apart, drawn on their ranks."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from restock.infra.backtest_charts import WIDTH, cut, drawing

SIDE = 190
AXIS = 46
BAR = 12
"""Pixels between the bars, and from the axis to the first."""
ROW = 20


def critical_difference(ranks: Mapping[str, float], distance: float | None) -> Markup:
    """Mean ranks on an axis (1 is best); a bar joins those that are not told apart.

    The diagram of Demšar (2006), figure 1. distance: how far apart two mean ranks must be;
    None: not known, and nothing is joined. Empty with fewer than two candidates.
    """
    ordered = sorted(ranks.items(), key=lambda one: (one[1], one[0]))
    if len(ordered) < 2:
        return Markup("")
    worst = max(math.ceil(ordered[-1][1]), 2)
    bars = joined([rank for _, rank in ordered], distance or 0.0)
    first = AXIS + 16 + BAR * len(bars)
    half = (len(ordered) + 1) // 2
    parts = [*_axis(worst), *_ruler(distance, worst)]
    for at, (name, rank) in enumerate(ordered):
        row = at if at < half else len(ordered) - 1 - at
        parts.append(_name(name, rank, _x(rank, worst), first + ROW * row, at < half))
    for at, (low, high) in enumerate(bars):
        parts.append(_bar(_x(low, worst) - 4, _x(high, worst) + 4, AXIS + BAR * (at + 1)))
    title = "mean ranks over markets and the critical difference"
    return drawing(WIDTH, first + ROW * half, title, parts)


def joined(ranks: Sequence[float], distance: float) -> list[tuple[float, float]]:
    """The longest stretches of ascending ranks that lie within ``distance``, two ranks or more."""
    found: list[tuple[float, float]] = []
    last = 0
    for at, low in enumerate(ranks):
        end = max(n for n in range(at, len(ranks)) if ranks[n] - low <= distance)
        if end > max(at, last):
            found.append((low, ranks[end]))
            last = end
    return found


def _x(rank: float, worst: int) -> float:
    return SIDE + (rank - 1) / (worst - 1) * (WIDTH - 2 * SIDE)


def _axis(worst: int) -> list[Markup]:
    rule = Markup('<line x1="{}" x2="{}" y1="{y}" y2="{y}" class="rail"/>')
    tick = Markup(
        '<line x1="{x:.1f}" x2="{x:.1f}" y1="{a}" y2="{b}" class="rail"/>'
        '<text x="{x:.1f}" y="{t}" class="middle">{r}</text>'
    )
    ticks = [
        tick.format(x=_x(rank, worst), a=AXIS - 5, b=AXIS, t=AXIS - 10, r=rank)
        for rank in range(1, worst + 1)
    ]
    return [rule.format(SIDE, WIDTH - SIDE, y=AXIS), *ticks]


def _ruler(distance: float | None, worst: int) -> list[Markup]:
    """The critical difference itself, above the axis."""
    if not distance:
        return []
    end = min(_x(1 + distance, worst), WIDTH - SIDE)
    text = Markup('<text x="{:.1f}" y="18">critical difference {:.2f}</text>')
    return [_bar(_x(1, worst), end, 14), text.format(end + 8, distance)]


def _name(name: str, rank: float, x: float, y: float, left: bool) -> Markup:
    """A candidate: from its place on the axis down to its row, out to its name."""
    end = SIDE - 10 if left else WIDTH - SIDE + 10
    return Markup(
        "<g><title>{whole}: mean rank {rank:.2f}</title>"
        '<polyline points="{x:.1f},{axis} {x:.1f},{y:.1f} {end},{y:.1f}" class="leader"/>'
        '<text x="{text}" y="{below:.1f}" class="{anchor}">{name} {rank:.2f}</text></g>'
    ).format(
        whole=name,
        rank=rank,
        x=x,
        axis=AXIS,
        y=y,
        end=end,
        text=end - 4 if left else end + 4,
        below=y + 4,
        anchor="end" if left else "start",
        name=cut(name, 20),
    )


def _bar(low: float, high: float, y: float) -> Markup:
    return Markup('<line x1="{:.1f}" x2="{:.1f}" y1="{y}" y2="{y}" class="bar"/>').format(
        low, high, y=y
    )
