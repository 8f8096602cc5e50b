"""Small drawings for the page of a search: SVG in the page's own colours, text escaped."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from restock.infra.search_result import Gain, Point

WIDTH = 720
LABELS = 210
ROW = 30
_NAMES = {
    "family": "best model as it comes",
    "tuning": "its best configuration",
    "scope": "on whose orders it is fitted",
    "hybrid": "models put together",
}


def waterfall(gains: Sequence[Gain]) -> Markup:
    """The way from the yardstick to the plan, step by step, as log-lifts in percent."""
    if not gains:
        return Markup("")
    ends = [0.0]
    for gain in gains:
        ends.append(ends[-1] + gain.log_lift)
    low, high = min(ends), max(ends)
    span = max(high - low, 1e-9)
    room = WIDTH - LABELS - 90

    def x(value: float) -> float:
        return LABELS + (value - low) / span * room

    rows = [
        Markup('<line x1="{0:.1f}" x2="{0:.1f}" y1="0" y2="{1}" class="rail"/>').format(
            x(0.0), ROW * (len(gains) + 1)
        )
    ]
    for at, gain in enumerate(gains):
        begin, end = x(ends[at]), x(ends[at + 1])
        rows.append(
            _row(
                at,
                _NAMES[gain.part],
                min(begin, end),
                abs(end - begin),
                "gain" if gain.log_lift >= 0 else "loss",
                _percent(gain.log_lift),
                gain.label,
            )
        )
    begin, end = sorted((x(0.0), x(ends[-1])))
    rows.append(
        _row(
            len(gains),
            "altogether",
            begin,
            end - begin,
            "total",
            _percent(ends[-1]),
            gains[-1].label,
        )
    )
    return _drawing(ROW * (len(gains) + 1), "where the gain came from", rows)


def bars(values: Mapping[str, float], unit: str = "", title: str = "") -> Markup:
    """One bar for each value, longest first; values are not negative."""
    if not values:
        return Markup("")
    most = max(max(values.values()), 1e-9)
    room = WIDTH - LABELS - 90
    ordered = sorted(values.items(), key=lambda one: (-one[1], one[0]))
    rows = [
        _row(at, name, LABELS, value / most * room, "total", _number(value, unit), name)
        for at, (name, value) in enumerate(ordered)
    ]
    return _drawing(ROW * len(ordered), title, rows)


def curve(points: Sequence[Point], height: int = 220) -> Markup:
    """The best lift so far against the number of trials, as a step line."""
    if len(points) < 2:
        return Markup("")
    left, bottom, top = 60, height - 30, 12
    most = max(points[-1].trials, 1)
    highest = max(max(point.lift for point in points), 1e-6)

    def at(trials: float, lift: float) -> tuple[float, float]:
        share = lift / highest
        return left + trials / most * (WIDTH - left - 20), bottom - share * (bottom - top)

    path, before = [], points[0]
    path.append("M{:.1f},{:.1f}".format(*at(before.trials, before.lift)))
    for point in points[1:]:
        path.append(f"H{at(point.trials, before.lift)[0]:.1f}")
        path.append(f"V{at(point.trials, point.lift)[1]:.1f}")
        before = point
    rows = []
    for tick in _ticks(highest):
        _, y = at(0, tick)
        rows.append(
            Markup(
                '<line x1="{l}" x2="{r}" y1="{y:.1f}" y2="{y:.1f}" class="rail"/>'
                '<text x="{t}" y="{b:.1f}" class="end">{v}</text>'
            ).format(l=left, r=WIDTH - 20, y=y, t=left - 8, b=y + 4, v=f"{tick:+.1%}")
        )
    for tick in _ticks(float(most)):
        x, _ = at(tick, 0)
        rows.append(
            Markup('<text x="{:.1f}" y="{}" class="middle">{}</text>').format(
                x, height - 10, f"{tick:.0f}"
            )
        )
    rows.append(Markup('<path d="{}" class="line"/>').format(" ".join(path)))
    return _drawing(height, "best lift so far against trials", rows)


def _row(at: int, name: str, x: float, width: float, kind: str, number: str, about: str) -> Markup:
    y = at * ROW
    return Markup(
        '<g><title>{about}</title><text x="{t}" y="{m}" class="end">{name}</text>'
        '<rect x="{x:.1f}" y="{y}" width="{w:.1f}" height="{h}" rx="2" class="{kind}"/>'
        '<text x="{n:.1f}" y="{m}">{number}</text></g>'
    ).format(
        about=about,
        t=LABELS - 10,
        m=y + 19,
        name=name,
        x=x,
        y=y + 5,
        w=max(width, 1.0),
        h=ROW - 10,
        kind=kind,
        n=x + max(width, 1.0) + 8,
        number=number,
    )


def _drawing(height: int, title: str, rows: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-label="{title}">{rows}</svg>'
    ).format(w=WIDTH, h=height, title=escape(title), rows=Markup("").join(rows))


def _percent(log_lift: float) -> str:
    return f"{math.expm1(log_lift):+.1%}"


def _number(value: float, unit: str) -> str:
    return f"{value:.0%}" if unit == "%" else f"{value:,.0f} {unit}".strip()


def _ticks(highest: float, count: int = 4) -> list[float]:
    """Round numbers from 0 to the highest."""
    raw = highest / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(part * power for part in (1, 2, 2.5, 5, 10) if part * power >= raw)
    return [at * step for at in range(int(highest / step + 1e-9) + 1)]
