"""Drawings for the page of a backtest: SVG in the page's own colours, text escaped.

Every line has its name at its end and a dash of its own, so that colour alone says nothing.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from restock.infra.watch_charts import short

WIDTH, HEIGHT = 700, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 190, 12, 30
LABEL = 14
"""Pixels between the names at the ends of lines."""
COLOURS = 8
NAME = 26
"""Letters of a name; the whole of it is in the title."""


class Mark(NamedTuple):
    """A measured point: where, what, the ends of its interval if it has one, and in words."""

    at: float
    value: float
    low: float | None = None
    high: float | None = None
    about: str = ""


class Series(NamedTuple):
    """One line. place: of its colour and dash, the same on all charts; band: draw intervals."""

    name: str
    place: int
    marks: Sequence[Mark]
    band: bool = False


def lines(
    title: str,
    series: Sequence[Series],
    ticks: Sequence[tuple[float, str]],
    *,
    percent: bool = False,
    level: float | None = None,
) -> Markup:
    """Several measures against one axis, drawn in the order given (the last one on top).

    ticks: places of the axis and their text. level: a horizontal line to compare with.
    Empty where no line has a point.
    """
    shown = [one._replace(marks=_finite(one.marks)) for one in series]
    shown = [one for one in shown if one.marks]
    if not shown:
        return Markup("")
    scale = _Scale(shown, ticks, level)
    parts = _axes(scale, ticks, percent)
    if level is not None:
        parts.append(_rule(scale.y(level), "level"))
    parts += [_band(one, scale) for one in shown if one.band]
    for one in shown:
        parts.append(_path(one, scale))
        parts += [_dot(one, mark, scale, percent) for mark in one.marks]
    parts += _names(shown, scale)
    return drawing(WIDTH, HEIGHT, title, parts)


class _Scale:
    """From values to places in the drawing."""

    def __init__(
        self,
        series: Sequence[Series],
        ticks: Sequence[tuple[float, str]],
        level: float | None,
    ) -> None:
        places = [mark.at for one in series for mark in one.marks] + [at for at, _ in ticks]
        seen = [mark.value for one in series for mark in one.marks]
        seen += [
            edge
            for one in series
            if one.band
            for mark in one.marks
            for edge in (mark.low, mark.high)
            if edge is not None
        ]
        seen += [level] if level is not None else []
        self.first, self.last = min(places), max(places)
        step = _step(max(max(seen) - min(seen), 0.02 * max(map(abs, seen)), 1e-9) / 4)
        self.low = math.floor(min(seen) / step) * step
        self.steps = max(math.ceil((max(seen) - self.low) / step - 1e-9), 1)
        self.step = step

    def x(self, at: float) -> float:
        """Pixels from the left."""
        share = (at - self.first) / (self.last - self.first) if self.last > self.first else 0.5
        return LEFT + 8 + share * (WIDTH - RIGHT - LEFT - 16)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return (
            HEIGHT
            - BOTTOM
            - (value - self.low) / (self.step * self.steps) * (HEIGHT - BOTTOM - TOP)
        )


def _step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(part * power for part in (1, 2, 2.5, 5, 10) if part * power >= raw * (1 - 1e-9))


def _finite(marks: Sequence[Mark]) -> list[Mark]:
    return [mark for mark in marks if math.isfinite(mark.value)]


def _axes(scale: _Scale, ticks: Sequence[tuple[float, str]], percent: bool) -> list[Markup]:
    parts: list[Markup] = []
    for at in range(scale.steps + 1):
        value = scale.low + at * scale.step
        value = 0.0 if abs(value) < scale.step * 1e-6 else value
        parts.append(_rule(scale.y(value), "rail"))
        parts.append(
            Markup('<text x="{x}" y="{y:.1f}" class="end">{v}</text>').format(
                x=LEFT - 6, y=scale.y(value) + 4, v=_number(value, percent)
            )
        )
    for place, text in ticks:
        parts.append(
            Markup('<text x="{x:.1f}" y="{y}" class="middle">{t}</text>').format(
                x=scale.x(place), y=HEIGHT - 8, t=text
            )
        )
    return parts


def _rule(y: float, kind: str) -> Markup:
    return Markup('<line x1="{a}" x2="{b}" y1="{y:.1f}" y2="{y:.1f}" class="{k}"/>').format(
        a=LEFT, b=WIDTH - RIGHT, y=y, k=kind
    )


def _band(series: Series, scale: _Scale) -> Markup:
    known = [m for m in series.marks if m.low is not None and m.high is not None]
    if len(known) < 2:
        return Markup("")
    upper = [f"{scale.x(m.at):.1f},{scale.y(m.high or 0.0):.1f}" for m in known]
    lower = [f"{scale.x(m.at):.1f},{scale.y(m.low or 0.0):.1f}" for m in reversed(known)]
    return Markup('<polygon points="{p}" class="area c{c}"/>').format(
        p=" ".join(upper + lower), c=series.place % COLOURS
    )


def _path(series: Series, scale: _Scale) -> Markup:
    path = " ".join(
        f"{'L' if at else 'M'}{scale.x(mark.at):.1f},{scale.y(mark.value):.1f}"
        for at, mark in enumerate(series.marks)
    )
    return Markup('<path d="{p}" class="stroke c{c}"/>').format(p=path, c=series.place % COLOURS)


def _dot(series: Series, mark: Mark, scale: _Scale, percent: bool) -> Markup:
    about = f"{series.name}, {mark.about}: {_number(mark.value, percent)}"
    if mark.low is not None and mark.high is not None:
        about += f" ({_number(mark.low, percent)} to {_number(mark.high, percent)})"
    return Markup(
        '<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="spot c{c}"><title>{t}</title></circle>'
    ).format(x=scale.x(mark.at), y=scale.y(mark.value), c=series.place % COLOURS, t=about)


def _names(series: Sequence[Series], scale: _Scale) -> list[Markup]:
    """At the ends of the lines, as near as they fit below each other."""
    ends = sorted(series, key=lambda one: scale.y(one.marks[-1].value))
    places: list[float] = []
    for one in ends:
        wanted = scale.y(one.marks[-1].value)
        places.append(max(wanted, places[-1] + LABEL) if places else max(wanted, TOP))
    over = max(places[-1] - (HEIGHT - 6), 0.0)
    for at in range(len(places) - 1, -1, -1):  # up again, where the last ones fell off
        limit = places[at + 1] - LABEL if at + 1 < len(places) else HEIGHT - 6
        places[at] = min(places[at], limit) if over else places[at]
    parts = []
    for one, y in zip(ends, places, strict=True):
        end = one.marks[-1]
        parts.append(
            Markup(
                '<g><title>{whole}</title>'
                '<line x1="{a:.1f}" y1="{b:.1f}" x2="{c}" y2="{y:.1f}" class="leader"/>'
                '<text x="{t}" y="{ty:.1f}" class="name c{k}">{name}</text></g>'
            ).format(
                whole=one.name, a=scale.x(end.at) + 4, b=scale.y(end.value),
                c=WIDTH - RIGHT + 14, y=y, t=WIDTH - RIGHT + 18, ty=y + 4,
                k=one.place % COLOURS, name=cut(one.name, NAME),
            )
        )  # fmt: skip
    return parts


def cut(name: str, letters: int) -> str:
    """A name of at most so many letters."""
    return name if len(name) <= letters else f"{name[: letters - 1]}…"


def _number(value: float, percent: bool) -> str:
    return f"{value:.1%}" if percent else short(value)


def drawing(width: int, height: int, title: str, parts: Sequence[Markup]) -> Markup:
    """The parts as one picture with a name."""
    return Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-label="{t}">{p}</svg>'
    ).format(w=width, h=height, t=title, p=Markup("").join(parts))
