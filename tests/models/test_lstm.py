"""The contract of `lstm`. Its examples, formulas and patterns are tested with those of `gru`."""

from typing import Any, ClassVar

import pytest
from contracts.orders import many
from contracts.recommender import RecommenderContract

from restock.models import create


@pytest.mark.thorough
class TestLstm(RecommenderContract):
    name = "lstm"
    config: ClassVar[dict[str, Any]] = {
        "width": 4,
        "epochs": 2,
        "windows": 3,
        "orders": 5,
        "batch_size": 16,
    }
    random = True


@pytest.mark.unit
def test_it_is_another_network_than_gru() -> None:
    train = many()
    scores = [
        create(name, **TestLstm.config).fit(train).scores(train.customers)
        for name in ("gru", "lstm")
    ]
    assert (scores[0] != scores[1]).any()
