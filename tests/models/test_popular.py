"""The contract of `popular`, and its formula."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from contracts.orders import DAYS, Orders, many, orders
from contracts.recommender import RecommenderContract, everyone, some
from hypothesis import given
from hypothesis import strategies as st

from restock.models import create
from restock.models.popularity import lines_by_market, popularity


class TestPopular(RecommenderContract):
    name = "popular"


@pytest.mark.unit
@given(orders, st.sampled_from((1.0, 28.0)))
@some
def test_a_score_is_the_share_of_the_market(found: Orders, half_life: float) -> None:
    sold: dict[tuple[int, int], float] = {}
    for customer, item, day in {line[:3] for line in found.lines}:
        weight = 0.5 ** ((DAYS - day) / half_life)
        sold[customer % 2, item] = sold.get((customer % 2, item), 0) + weight
    train = found.train()
    scores = create("popular", half_life_days=half_life).fit(train).scores(everyone(train))
    for customer in {line[0] for line in found.lines}:
        row = train.catalogue.customer_codes([f"c{customer}"])
        total = sum(share for (market, _), share in sold.items() if market == customer % 2)
        for item in {line[1] for line in found.lines}:
            column = train.catalogue.item_codes([f"i{item}"])
            share = sold.get((customer % 2, item), 0) / total
            if share > 1e-30:
                np.testing.assert_allclose(scores[row, column], share, rtol=1e-5)
            elif share == 0:
                assert scores[row, column] == -np.inf


@pytest.mark.unit
def test_a_market_without_lines_is_given_what_sells_elsewhere() -> None:
    train = many().of_market("FR")
    british = np.flatnonzero(train.catalogue.customer_market == 1).astype(np.int32)
    lists = create("popular").fit(train).recommend(british, 5)
    french = create("popular").fit(train).recommend(train.customers[:1], 5)
    np.testing.assert_array_equal(lists.items, np.repeat(french.items, british.size, axis=0))
    assert lists.fallback.all()


@pytest.mark.unit
def test_equally_popular_items_are_ranked_by_code() -> None:
    train = Orders(tuple((0, item, 3, 1) for item in (5, 3, 1, 4))).train()
    found = popularity(train)
    row = found.order[found.row_of_market[0]]
    assert train.catalogue.item_ids(row).tolist() == ["i1", "i3", "i4", "i5"]


@pytest.mark.unit
def test_shards_are_added_up_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    train = many()
    whole = lines_by_market(train)
    monkeypatch.setattr("restock.dataset.interactions.SHARD_LINES", len(train) // 5)
    sharded = replace(train)
    parts = [
        lines_by_market(replace(train.of_customers(np.arange(first, last)), as_of=train.as_of))
        for first, last in itertools.pairwise(sharded.shards)
    ]
    assert len(parts) > 2
    expected = np.zeros_like(whole)
    for part in parts:
        expected += part
    np.testing.assert_array_equal(lines_by_market(sharded), expected)
    np.testing.assert_allclose(expected, whole, rtol=1e-12)
