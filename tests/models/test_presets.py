"""Presets: every model has the three sizes, and every preset is a valid configuration."""

import numpy as np
import pytest
from contracts.orders import many

from restock.models import create, preset, registry, size_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", registry.MODELS)
def test_every_preset_can_be_created(name: str) -> None:
    for which in {"small", "medium", "large", *registry.model_class(name).presets}:
        create(name, **preset(name, which))


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="no preset 'larg'; did you mean 'large'"):
        preset("reorder", "larg")


def test_the_size_of_a_market_counts_the_customers_that_ordered() -> None:
    few = many(customers=60)
    assert size_of(few) == "small"
    assert size_of(many(customers=300, n=4000)) == "medium"
    assert size_of(few.of_customers(np.array([], dtype=np.int32))) == "small"
