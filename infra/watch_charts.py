"""Small drawings of measures over time: SVG in the page's own colours, text escaped."""

from collections.abc import Sequence

from markupsafe import Markup

from restock.monitoring.findings import Measure, Point

WIDTH, HEIGHT = 320, 120
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 8, 20
SPARK_WIDTH, SPARK_HEIGHT = 130, 30


def band(measure: Measure) -> Markup:
    """A measure over time on the band where it usually lies; what lies outside is marked."""
    points = measure.points
    if len(points) < 2:
        return Markup("")
    seen = [edge for one in points for edge in (one.value, one.low, one.high) if edge is not None]
    low, high = min(seen), max(seen)
    scale = _Scale(points, low, high, WIDTH - RIGHT, HEIGHT - BOTTOM, LEFT, TOP)
    parts = [
        Markup('<text x="{x}" y="{y:.1f}" class="end">{v}</text>').format(
            x=LEFT - 6, y=scale.y(edge) + 4, v=short(edge)
        )
        for edge in dict.fromkeys((low, high))
    ]
    parts.append(_area(points, scale))
    parts.append(_line(points, scale))
    parts += [_dot(one, scale) for one in points if outside(one) or one is points[-1]]
    for one, anchor in ((points[0], "start"), (points[-1], "end")):
        parts.append(
            Markup('<text x="{x:.1f}" y="{y}" class="{a} dim">{d}</text>').format(
                x=scale.x(one), y=HEIGHT - 5, a=anchor, d=one.day.isoformat()
            )
        )
    return _drawing(WIDTH, HEIGHT, "band", measure.title, parts)


def sparkline(points: Sequence[Point], title: str) -> Markup:
    """A line without axes, with a dot at its end. A tenth of the mean, at least, is its height."""
    if len(points) < 2:
        return Markup("")
    values = [one.value for one in points]
    room = max(0.1 * abs(sum(values)) / len(values) - (max(values) - min(values)), 0.0) / 2
    scale = _Scale(
        points, min(values) - room, max(values) + room, SPARK_WIDTH - 4, SPARK_HEIGHT - 4, 4, 4
    )
    parts = [_line(points, scale), _dot(points[-1], scale)]
    return _drawing(SPARK_WIDTH, SPARK_HEIGHT, "spark", title, parts)


def short(value: float) -> str:
    """A number in a few characters: ``0.031``, ``1.2``, ``5,120``."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.3g}" if size and size < 0.001 else f"{value:.3f}".rstrip("0").rstrip(".")


class _Scale:
    """From days and values to places in the drawing."""

    def __init__(
        self,
        points: Sequence[Point],
        low: float,
        high: float,
        right: float,
        bottom: float,
        left: float,
        top: float,
    ) -> None:
        self._first = points[0].day
        days = max((points[-1].day - points[0].day).days, 1)
        self._wide = (right - left) / days
        self._high = (bottom - top) / max(high - low, 1e-12)
        self._low, self._left, self._bottom = low, left, bottom

    def x(self, point: Point) -> float:
        return self._left + (point.day - self._first).days * self._wide

    def y(self, value: float) -> float:
        return self._bottom - (value - self._low) * self._high


def outside(point: Point) -> bool:
    """Whether a value lies where it usually does not."""
    below = point.low is not None and point.value < point.low
    return below or (point.high is not None and point.value > point.high)


def _line(points: Sequence[Point], scale: _Scale) -> Markup:
    path = " ".join(
        f"{'L' if at else 'M'}{scale.x(one):.1f},{scale.y(one.value):.1f}"
        for at, one in enumerate(points)
    )
    return Markup('<path d="{}" class="line"/>').format(path)


def _area(points: Sequence[Point], scale: _Scale) -> Markup:
    known = [one for one in points if one.low is not None and one.high is not None]
    if len(known) < 2:
        return Markup("")
    upper = [f"{scale.x(one):.1f},{scale.y(one.high or 0.0):.1f}" for one in known]
    lower = [f"{scale.x(one):.1f},{scale.y(one.low or 0.0):.1f}" for one in reversed(known)]
    return Markup('<polygon points="{}" class="usual"/>').format(" ".join(upper + lower))


def _dot(point: Point, scale: _Scale) -> Markup:
    return Markup(
        '<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="{c}"><title>{d}: {v}</title></circle>'
    ).format(
        x=scale.x(point),
        y=scale.y(point.value),
        c="out" if outside(point) else "dot",
        d=point.day.isoformat(),
        v=short(point.value),
    )


def _drawing(width: int, height: int, kind: str, title: str, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="{k}" viewBox="0 0 {w} {h}" role="img" aria-label="{t}">{p}</svg>'
    ).format(k=kind, w=width, h=height, t=title, p=Markup("").join(parts))
