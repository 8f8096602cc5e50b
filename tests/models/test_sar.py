"""The contract of `sar`, and its agreement with the published formula."""

from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.dense import assert_top, purchases, sar_similarity
from contracts.orders import Orders, many, orders
from contracts.recommender import RecommenderContract, assert_same, everyone, some
from hypothesis import given
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.kernels.neighbours import JACCARD
from restock.models import FitContext, Shared, create
from restock.models.neighbours import Neighbourhood

KINDS = ["cooccurrence", "jaccard", "lift", "cosine"]


class TestSar(RecommenderContract):
    name = "sar"


class TestFewNeighbours(RecommenderContract):
    name = "sar"
    config: ClassVar[dict[str, Any]] = {
        "neighbours": 2,
        "similarity": "cosine",
        "threshold": 2,
        "normalise": True,
    }


@pytest.mark.unit
@pytest.mark.parametrize("kind", KINDS)
@given(orders, st.sampled_from((1, 2)), st.sampled_from((None, 1.0, 30.0)))
@some
def test_lists_are_those_of_the_formula(
    kind: str, found: Orders, threshold: int, half_life: float | None
) -> None:
    train = found.train()
    sar = create("sar", similarity=kind, threshold=threshold, half_life_days=half_life)
    similarity = sar_similarity(purchases(train, None) > 0, kind, threshold)
    scores = purchases(train, half_life) @ similarity
    assert_top(sar.fit(train).recommend(everyone(train), 10), scores)


@pytest.mark.thorough
@pytest.mark.unit
@pytest.mark.parametrize("kind", KINDS)
def test_lists_are_those_of_the_formula_on_a_real_market(kind: str, france: Interactions) -> None:
    lists = create("sar", similarity=kind, threshold=2).fit(france).recommend(france.customers, 10)
    scores = purchases(france, 180) @ sar_similarity(purchases(france, None) > 0, kind, 2)
    assert_top(lists, scores, exact=0.99)


@pytest.mark.unit
def test_normalised_scores_end_at_one_and_keep_the_lists() -> None:
    train = many()
    plain = create("sar").fit(train).recommend(train.customers, 10)
    scaled = create("sar", normalise=True).fit(train).recommend(train.customers, 10)
    np.testing.assert_array_equal(plain.items, scaled.items)
    np.testing.assert_array_equal(scaled.scores[:, 0], 1)
    np.testing.assert_allclose(scaled.scores, plain.scores / plain.scores[:, :1], rtol=1e-6)


@pytest.mark.unit
def test_few_neighbours_are_all_that_is_kept() -> None:
    state = create("sar", neighbours=3).fit(many())._state()
    assert np.diff(state["start"]).max() == 3


@pytest.mark.unit
def test_counts_are_not_written_to_a_file_that_says_what_was_bought() -> None:
    assert set(create("sar").fit(many())._state()) == {"affinity"}


@pytest.mark.unit
@pytest.mark.parametrize("kind", KINDS)
@given(
    st.sampled_from((1, 2, 5)),
    st.sampled_from((1.0, 30.0, None)),
    st.sampled_from((None, 3)),
    st.booleans(),
    st.sampled_from((1, 10, 300)),
    st.sampled_from(("any", "repeat", "new")),
    st.integers(0, 9),
)
@some
def test_lists_of_counts_that_are_kept_are_those_of_a_fit_alone(
    kind: str,
    threshold: int,
    half_life: float | None,
    neighbours: int | None,
    normalise: bool,
    k: int,
    history: Any,
    seed: int,
) -> None:
    train = many(customers=30, items=150, n=500, seed=seed)  # more than go into a tile
    sar = {
        "similarity": kind,
        "threshold": threshold,
        "half_life_days": half_life,
        "neighbours": neighbours,
        "normalise": normalise,
    }
    allowed = np.random.default_rng(seed).random(train.n_items) < 0.8
    contexts = FitContext(), FitContext(shared=Shared())
    alone, kept = (
        create("sar", **sar)
        .fit(train, context)
        .recommend(everyone(train), k, history=history, allowed=allowed)
        for context in contexts
    )
    assert_same(alone, kept)


@pytest.mark.unit
def test_a_file_with_similarities_written_out_gives_the_same_lists() -> None:
    train = many()
    model = create("sar").fit(train)
    ones = np.ones(train.pairs.item.size)
    near = Neighbourhood.of(train.pairs, ones, train.n_items, JACCARD, threshold=1)
    written = create("sar").fit(train)
    written._restore({**model._state(), **near.arrays()})
    assert isinstance(written._near, Neighbourhood)
    found, expected = (one.recommend(everyone(train), 10) for one in (written, model))
    np.testing.assert_array_equal(found.items, expected.items)
    np.testing.assert_array_equal(found.scores, expected.scores)
