"""Drawn lists: their probabilities are those of the draw, and no list shows an item twice."""

import datetime as dt
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from restock.dataset import simulate
from restock.dataset.exposures import EXPOSURE_COLUMNS
from restock.evaluation.ope.drawing import (
    Drawing,
    as_policy,
    chances,
    draw,
    exposure_rows,
    place_chances,
)
from restock.models import create

pytestmark = pytest.mark.unit

DRAWINGS = (
    Drawing(),
    Drawing(kind="epsilon", epsilon=0.3, depth=4),
    Drawing(kind="softmax", temperature=0.7, depth=4),
)


@st.composite
def rankings(draws: st.DrawFn) -> np.ndarray:
    """A few rankings of up to nine of twelve items, some short, some empty."""
    rows, width = draws(st.integers(0, 5)), draws(st.integers(1, 9))
    items = np.argsort(np.random.default_rng(draws(st.integers(0, 99))).random((rows, 12)), axis=1)[
        :, :width
    ].astype(np.int32)
    for row in range(rows):
        items[row, draws(st.integers(0, width)) :] = -1
    return items


drawings = st.one_of(
    st.just(Drawing()),
    st.builds(
        Drawing, kind=st.just("epsilon"), epsilon=st.floats(0.01, 1), depth=st.integers(1, 12)
    ),
    st.builds(
        Drawing, kind=st.just("softmax"), temperature=st.floats(0.05, 20), depth=st.integers(1, 12)
    ),
)


@given(rankings(), st.integers(1, 6), drawings, st.integers(0, 9))
def test_a_draw_shows_the_best_each_once_and_knows_its_own_probability(
    items: np.ndarray, k: int, drawing: Drawing, seed: int
) -> None:
    shown, propensities = draw(items, k, drawing, np.random.default_rng(seed))
    assert shown.shape == propensities.shape == (len(items), k)
    reach = items[:, : drawing.reach(k)]
    for ranking, row, chance in zip(reach, shown, propensities, strict=True):
        there = row[row >= 0]
        assert len(set(there.tolist())) == there.size == min(k, (ranking >= 0).sum())
        assert set(there.tolist()) <= set(ranking.tolist())
        assert (row[there.size :] == -1).all() and (chance[there.size :] == 1).all()
        assert (chance > 0).all() and (chance <= 1).all()
    assert np.array_equal(chances(items, shown, drawing), propensities)
    again = draw(items, k, drawing, np.random.default_rng(seed))
    assert np.array_equal(again[0], shown) and np.array_equal(again[1], propensities)


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_the_chances_of_all_lists_add_up_to_one(drawing: Drawing) -> None:
    lists = np.array(list(permutations(range(5), 3)), dtype=np.int32)
    ranking = np.tile(np.arange(5, dtype=np.int32), (len(lists), 1))
    whole = chances(ranking, lists, drawing).prod(axis=1)
    assert whole.sum() == pytest.approx(1.0, abs=1e-12)
    beyond = (lists == 4).any(axis=1)
    assert (whole[beyond] == 0).all()  # the fifth item is below the depth


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_lists_come_up_as_often_as_their_propensities_say(drawing: Drawing) -> None:
    n = 20_000
    ranking = np.tile(np.arange(4, dtype=np.int32), (n, 1))
    shown, _ = draw(ranking, 2, drawing, np.random.default_rng(3))
    lists = np.array(list(permutations(range(4), 2)), dtype=np.int32)
    expected = n * chances(ranking[: len(lists)], lists, drawing).prod(axis=1)
    seen = np.array([(shown == one).all(axis=1).sum() for one in lists])
    possible = expected > 0
    assert seen[~possible].sum() == 0
    if possible.sum() > 1:
        assert chisquare(seen[possible], expected[possible]).pvalue > 1e-4


def test_without_exploration_the_best_are_shown_for_sure() -> None:
    items = np.array([[7, 3, 5, 1], [2, -1, -1, -1]], dtype=np.int32)
    shown, propensities = draw(items, 2, Drawing(), np.random.default_rng(0))
    assert shown.tolist() == [[7, 3], [2, -1]] and (propensities == 1).all()


def test_propensities_are_what_the_formulas_say() -> None:
    items = np.arange(4, dtype=np.int32)[None]
    softmax = Drawing(kind="softmax", temperature=0.5, depth=4)
    worth = np.array([1, 1 / 4, 1 / 9, 1 / 16])
    found = chances(items, np.array([[1, 3]], dtype=np.int32), softmax)
    assert found[0] == pytest.approx([worth[1] / worth.sum(), worth[3] / (worth.sum() - worth[1])])
    epsilon = Drawing(kind="epsilon", epsilon=0.2, depth=4)
    found = chances(items, np.array([[1, 0]], dtype=np.int32), epsilon)
    assert found[0] == pytest.approx([0.2 / 4, 0.8 + 0.2 / 3])


def test_what_others_showed_takes_nothing_from_a_ranking_that_does_not_hold_it() -> None:
    items = np.array([[4, 5, 6]], dtype=np.int32)
    shown = np.array([[9, 4, -2, 5, -1]], dtype=np.int32)  # 9 is no item of the ranking, -2 no item
    assert chances(items, shown, Drawing())[0].tolist() == [0, 1, 0, 1, 1]


@given(rankings(), drawings)
def test_chances_of_a_place_add_up_to_one_and_hold_that_of_what_was_shown(
    items: np.ndarray, drawing: Drawing
) -> None:
    shown, propensities = draw(items, 3, drawing, np.random.default_rng(1))
    for rows, place, ranked, likely in place_chances(items, shown, drawing):
        some = shown[rows, place] >= 0
        assert likely.sum(axis=1)[some] == pytest.approx(np.ones(some.sum()))
        same = ranked == shown[rows, place][:, None]
        assert (likely * same).sum(axis=1)[some] == pytest.approx(propensities[rows, place][some])


@pytest.mark.parametrize("text", ["softmax:0.5", "softmax:1:20", "epsilon:0.1", "none"])
def test_a_drawing_is_written_in_a_word(text: str) -> None:
    assert Drawing.parse(text).label == text


@pytest.mark.parametrize(
    "text", ["softmax", "epsilon:2", "softmax:-1", "softmax:1:0", "uniform", "none:1", ""]
)
def test_what_is_no_drawing_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="is no drawing"):
        Drawing.parse(text)


def test_rankings_with_gaps_or_of_other_rows_are_refused() -> None:
    gap = np.array([[1, -1, 2]], dtype=np.int32)
    with pytest.raises(ValueError, match="gap"):
        draw(gap, 2, Drawing(kind="softmax"), np.random.default_rng(0))
    with pytest.raises(ValueError, match="give one each"):
        chances(gap[:, :1], np.zeros((2, 1), np.int32), Drawing())


def test_a_recommender_serves_the_simulator_and_its_log_holds_the_probabilities() -> None:
    world = {"customers": {"FR": 60}, "items": 60, "days": 40, "seed": 4}
    past = simulate(**world).interactions(everyone=True)
    model = create("popular").fit(past.before(dt.date(2024, 1, 31)))
    drawing = Drawing(kind="softmax", temperature=1.0, depth=20)
    sim = simulate(
        **world, policy=as_policy(model, 3, drawing, "popular-soft", first=dt.date(2024, 1, 31))
    )
    log = sim.exposures
    assert log["timestamp"].min() >= dt.datetime(2024, 1, 31)
    assert set(log["policy"]) == {"popular-soft"} and log["position"].max() == 3
    assert log["propensity"].between(0, 1).all() and log["propensity"].nunique() > 10
    other = create("popular").fit(sim.interactions())
    with pytest.raises(ValueError, match="everyone=True"):
        simulate(**world, policy=as_policy(other, 3))


def test_a_draw_becomes_an_exposure_log() -> None:
    past = simulate(customers={"FR": 40}, items=40, days=60, seed=1).interactions()
    customers = past.customers[:3]
    lists = create("popular").fit(past).recommend(customers, 10).items
    lists[2, 1:] = -1
    shown, propensities = draw(lists, 2, Drawing(kind="epsilon"), np.random.default_rng(0))
    when = dt.datetime(2024, 3, 1, 9, 30)
    log = exposure_rows(past.catalogue, customers, shown, propensities, policy="popular", time=when)
    assert tuple(log.columns) == EXPOSURE_COLUMNS
    assert log["position"].tolist() == [1, 2, 1, 2, 1] and set(log["outcome"]) == {"none"}
    assert log["item_id"].tolist() == past.catalogue.item_ids(shown[shown >= 0]).tolist()
    assert (log["timestamp"] == when).all() and set(log["market"]) == {"FR"}
