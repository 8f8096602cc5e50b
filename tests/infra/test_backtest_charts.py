"""Drawings of a backtest: everything inside the picture, names readable, true to the numbers."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restock.infra import rank_chart
from restock.infra.backtest_charts import HEIGHT, LABEL, WIDTH, Mark, Series, lines

pytestmark = pytest.mark.unit

EVIL = '<script>alert("x")</script>'
TICKS = [(0.0, "first"), (84.0, "last")]


def series(name: str, values: list[float], place: int = 0, band: bool = False) -> Series:
    marks = [Mark(28.0 * at, v, v - 0.1, v + 0.1, f"w{at}") for at, v in enumerate(values)]
    return Series(name, place, marks, band)


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4), min_size=1, max_size=8))
def test_everything_lies_inside_the_picture(values: list[list[float]]) -> None:
    drawn = lines("a", [series(f"m{n}", v, n, True) for n, v in enumerate(values)], TICKS)
    for axis, end in (("x", WIDTH), ("y", HEIGHT)):
        places = [float(one) for one in re.findall(rf' c?{axis}[12]?="([^"]+)"', drawn)]
        assert places and all(-0.1 <= one <= end + 0.1 for one in places)
    names = sorted(float(y) for y in re.findall(r'y="([\d.]+)" class="name', drawn))
    assert all(b - a >= LABEL - 0.11 for a, b in pairwise(names))


def test_a_chart_says_its_numbers_and_escapes_its_names() -> None:
    drawn = lines(EVIL, [series(EVIL, [0.25, 0.5])], TICKS, percent=True)
    assert "<script>" not in drawn and "&lt;script&gt;" in drawn
    assert "w0: 25.0% (15.0% to 35.0%)" in drawn


def test_a_band_is_drawn_where_it_is_wanted_and_known() -> None:
    assert "<polygon" in lines("a", [series("m", [1.0, 2.0], band=True)], TICKS)
    assert "<polygon" not in lines("a", [series("m", [1.0, 2.0])], TICKS)
    unknown = Series("m", 0, [Mark(0.0, 1.0), Mark(1.0, 2.0)], True)
    assert "<polygon" not in lines("a", [unknown], TICKS)


def test_what_is_unknown_is_not_drawn() -> None:
    assert lines("a", [series("m", [float("nan")])], TICKS) == ""
    assert lines("a", [], TICKS) == ""
    drawn = lines("a", [series("m", [1.0, float("nan"), 2.0])], TICKS)
    assert drawn.count("<circle") == 2 and "nan" not in drawn
    assert "nan" not in lines("a", [series("m", [0.0])], [(0.0, "only")])


@pytest.mark.parametrize(
    ("ranks", "distance", "expected"),
    [
        ([1.0, 2.0, 4.0], 1.0, [(1.0, 2.0)]),
        ([1.0, 2.0, 3.0], 1.0, [(1.0, 2.0), (2.0, 3.0)]),
        ([1.0, 1.5, 2.0], 5.0, [(1.0, 2.0)]),
        ([1.0, 2.0], 0.5, []),
        ([2.0, 2.0], 0.0, [(2.0, 2.0)]),
    ],
)
def test_bars_join_what_is_not_told_apart(
    ranks: list[float], distance: float, expected: list[tuple[float, float]]
) -> None:
    assert rank_chart.joined(ranks, distance) == expected


def test_the_view_of_ranks_names_every_candidate_once() -> None:
    drawn = rank_chart.critical_difference({EVIL: 1.2, "b": 2.1, "c": 2.7}, 1.0)
    assert "<script>" not in drawn
    assert "critical difference 1.00" in drawn
    assert drawn.count("<polyline") == 3 and drawn.count('class="bar"') == 3  # ruler, a-b, b-c
    assert "critical difference 1" not in rank_chart.critical_difference({"a": 1, "b": 2}, None)
    assert rank_chart.critical_difference({"a": 1.0}, 1.0) == ""
