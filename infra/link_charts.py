"""The calibration plot of the link: measured lifts over foretold ones, as SVG, text escaped."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

WIDTH, HEIGHT = 460, 340
LEFT, RIGHT, TOP, BOTTOM = 74, 12, 12, 40


class Mark(NamedTuple):
    """An experiment in the plot: foretold and measured log lift, and half its 95 % interval."""

    name: str
    foretold: float
    measured: float
    half: float


def calibration(marks: Sequence[Mark], slope: float | None) -> Markup:
    """Measured over foretold lift in per cent, with intervals, the diagonal and the fitted line."""
    if not marks:
        return Markup("")
    ends = [abs(one.foretold) for one in marks]
    ends += [abs(one.measured) + one.half for one in marks]
    reach = max(*ends, 1e-4) * 1.05

    def x(value: float) -> float:
        return LEFT + (value + reach) / (2 * reach) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value + reach) / (2 * reach) * (HEIGHT - TOP - BOTTOM)

    parts = [_line(x(-reach), y(0), x(reach), y(0), "axis")]
    parts.append(_line(x(0), y(-reach), x(0), y(reach), "axis"))
    parts.append(_line(x(-reach), y(-reach), x(reach), y(reach), "diagonal"))
    if slope is not None:
        edge = min(reach, reach / abs(slope)) if slope else reach
        parts.append(_line(x(-edge), y(-edge * slope), x(edge), y(edge * slope), "line"))
    for one in marks:
        parts.append(
            _line(
                x(one.foretold),
                y(one.measured - one.half),
                x(one.foretold),
                y(one.measured + one.half),
                "error",
            )
        )
        parts.append(
            Markup(
                '<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="dot"><title>{n}: foretold {f}, '
                "measured {m}</title></circle>"
            ).format(
                x=x(one.foretold),
                y=y(one.measured),
                n=one.name,
                f=percent(one.foretold),
                m=percent(one.measured),
            )
        )
    tick = _round(0.8 * reach)
    for value in (-tick, 0.0, tick):
        parts.append(_text(x(value), HEIGHT - BOTTOM + 16, percent(value), "middle dim"))
        parts.append(_text(LEFT - 6, y(value) + 4, percent(value), "end dim"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "foretold lift", "middle"))
    parts.append(
        Markup(
            '<text transform="translate(11 {y:.0f}) rotate(-90)" class="middle">measured</text>'
        ).format(y=(HEIGHT - BOTTOM) / 2)
    )
    return Markup(
        '<svg class="calibration" viewBox="0 0 {w} {h}" role="img" '
        'aria-label="Measured over foretold lift">{p}</svg>'
    ).format(w=WIDTH, h=HEIGHT, p=Markup("").join(parts))


def percent(log_ratio: float) -> str:
    """A log ratio in per cent of change: ``+1.2 %``."""
    text = f"{100 * log_ratio:+.1f}"
    return f"{text if text.strip('+-0.') else '0.0'} %"


def _round(value: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is not above a number above 0."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1, 2, 5) if step * power <= value * (1 + 1e-9))


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup(
        '<path d="M{a:.1f},{b:.1f} L{c:.1f},{d:.1f}" class="{k}"/>'
    ).format(a=x1, b=y1, c=x2, d=y2, k=kind)  # fmt: skip


def _text(x: float, y: float, text: str, kind: str) -> Markup:
    return Markup('<text x="{x:.1f}" y="{y:.1f}" class="{k}">{t}</text>').format(
        x=x, y=y, k=kind, t=text
    )
