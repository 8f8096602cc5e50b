"""Drawings for the page of an experiment: effects, and how the primary one settled."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from restock.evaluation.experiments import Effect
from restock.infra.experiment_result import Look

WIDTH, LEFT, RIGHT = 520, 128, 20
ROW, TOP, BOTTOM = 34, 12, 30
HIGH = 240
BEYOND = 1.0
"""Relative effects beyond ±100 % are cut off: they say that nothing is known yet."""


def effects(rows: Sequence[Effect], anytime: bool) -> Markup:
    """One row per metric of an arm: the relative effect and its interval, beside no effect.

    anytime: draw the interval that holds on all days.
    """
    known = [one for one in rows if one.relative is not None and None not in _edges(one, anytime)]
    if not known:
        return Markup("")
    seen = [_cut(edge) for one in known for edge in (*_edges(one, anytime), one.relative, 0.0)]
    low, high = _widened(min(seen), max(seen))
    height = TOP + ROW * len(known) + BOTTOM

    def x(value: float | None) -> float:
        return LEFT + (_cut(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    parts = [_upright(x(at), at, height) for at in _ticks(low, high)]
    parts.append(
        Markup('<line x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{b}" class="level"/>').format(
            x=x(0.0), b=height - BOTTOM
        )
    )
    for at, one in enumerate(known):
        y = TOP + ROW * at + ROW / 2
        left, right = _edges(one, anytime)
        kind = {True: "sure", False: "worse", None: "open"}[one.good]
        parts.append(
            Markup(
                '<text x="{l}" y="{t:.1f}" class="end">{name}</text>'
                '<line x1="{a:.1f}" x2="{b:.1f}" y1="{y:.1f}" y2="{y:.1f}" class="reach {kind}"/>'
                '<circle cx="{c:.1f}" cy="{y:.1f}" r="5" class="{kind}">'
                "<title>{name}: {v:+.1%} ({low:+.1%} to {high:+.1%})</title></circle>"
            ).format(
                l=LEFT - 10,
                t=y + 4,
                name=one.metric.replace("_", " "),
                a=x(left),
                b=x(right),
                c=x(one.relative),
                y=y,
                kind=kind,
                v=one.relative,
                low=left,
                high=right,
            )
        )
    return _drawing(height, "effects", "relative effects by metric", parts)


def looks(rows: Sequence[Look]) -> Markup:
    """The effect of one arm after each day, on the band that holds on all days together."""
    if len(rows) < 2:
        return Markup("")
    seen = [_cut(edge) for one in rows[len(rows) // 4 :] for edge in (one.low, one.high)]
    low, high = _widened(min(*seen, 0.0), max(*seen, 0.0))
    left = 56
    wide = (WIDTH - left - RIGHT) / (len(rows) - 1)

    def y(value: float) -> float:
        inside = min(max(value, low), high)
        return HIGH - BOTTOM - (inside - low) / (high - low) * (HIGH - BOTTOM - TOP)

    places = [left + at * wide for at in range(len(rows))]
    upper = [f"{x:.1f},{y(one.high):.1f}" for x, one in zip(places, rows, strict=True)]
    lower = [f"{x:.1f},{y(one.low):.1f}" for x, one in zip(places, rows, strict=True)]
    path = " L".join(f"{x:.1f},{y(one.relative):.1f}" for x, one in zip(places, rows, strict=True))
    parts = [
        Markup(
            '<line x1="{a}" x2="{b}" y1="{y:.1f}" y2="{y:.1f}" class="rail"/>'
            '<text x="{t}" y="{l:.1f}" class="end">{v:+.0%}</text>'
        ).format(a=left, b=WIDTH - RIGHT, t=left - 8, y=y(at), l=y(at) + 4, v=at)
        for at in _ticks(low, high)
    ]
    parts.append(
        Markup('<polygon points="{}" class="usual"/>').format(" ".join(upper + lower[::-1]))
    )
    parts.append(
        Markup('<line x1="{a}" x2="{b}" y1="{y:.1f}" y2="{y:.1f}" class="level"/>').format(
            a=left, b=WIDTH - RIGHT, y=y(0.0)
        )
    )
    parts.append(Markup('<path d="M{}" class="line"/>').format(path))
    for x, one, anchor in ((places[0], rows[0], "start"), (places[-1], rows[-1], "end")):
        parts.append(
            Markup('<text x="{x:.1f}" y="{y}" class="{a} dim">{d}</text>').format(
                x=x, y=HIGH - 8, a=anchor, d=one.day.isoformat()
            )
        )
    return _drawing(HIGH, "looks", "effect day by day", parts)


def _edges(one: Effect, anytime: bool) -> tuple[float | None, float | None]:
    return (one.anytime_low, one.anytime_high) if anytime else (one.low, one.high)


def _cut(value: float | None) -> float:
    return min(max(value or 0.0, -BEYOND), BEYOND)


def _widened(low: float, high: float) -> tuple[float, float]:
    room = 0.06 * max(high - low, 0.01)
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers within the edges, four or so."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda one: abs(math.log(one / rough)))
    return [at * step for at in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _upright(x: float, value: float, height: int) -> Markup:
    return Markup(
        '<line x1="{x:.1f}" x2="{x:.1f}" y1="{t}" y2="{b}" class="rail"/>'
        '<text x="{x:.1f}" y="{y}" class="middle">{v}</text>'
    ).format(x=x, t=TOP - 6, b=height - BOTTOM + 4, y=height - 8, v=f"{100 * value:+.3g} %")


def _drawing(height: int, kind: str, title: str, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="{k}" viewBox="0 0 {w} {h}" role="img" aria-label="{t}">{p}</svg>'
    ).format(k=kind, w=WIDTH, h=height, t=title, p=Markup("").join(parts))
