"""What the tests of hybrids that merge lists share."""

from typing import Any

import numpy as np
import pytest
from contracts.orders import Orders, orders
from contracts.recommender import K, RecommenderContract, everyone, some
from hypothesis import given
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.models import create


def own_lists(
    members: tuple[dict[str, Any], ...], train: Interactions, **how: Any
) -> list[list[list[int]]]:
    """What each member lists by itself: member → customer → items, without the fallback."""
    found = []
    for member in members:
        model = create(member["name"], **member.get("config", {})).fit(train)
        lists = model.recommend(everyone(train), train.n_items, **how)
        keep = (lists.items >= 0) & ~lists.fallback
        found.append([row[kept].tolist() for row, kept in zip(lists.items, keep, strict=True)])
    return found


class LimitedPlaces(RecommenderContract):
    """For models that count places: an item that is not allowed gives its place to another.

    So the list of some allowed items is not the whole list without the others: it may hold
    items that had no place there.
    """

    @pytest.mark.unit
    @given(orders, st.lists(st.booleans(), min_size=8, max_size=8))
    @some
    def test_only_allowed_items_are_listed(self, found: Orders, mask: list[bool]) -> None:
        train = found.train()
        allowed = np.array(mask[: train.n_items])
        items = self.lists(train, allowed=allowed).items
        assert allowed[items[items >= 0]].all()
        everything = self.lists(train, k=train.n_items).items
        for row, whole in zip(items, everything, strict=True):
            expected = [item for item in whole if item >= 0 and allowed[item]]
            assert (row >= 0).sum() >= min(K, len(expected))
