"""Which customers a rung takes: nested, per market, and the same on every machine."""

import numpy as np
import pytest
from contracts.orders import many
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.evaluation import Objective
from restock.evaluation.contest import FoldPlan
from restock.tuning.policy import SearchPolicy
from restock.tuning.sampling import place_of, sampled
from restock.tuning.setting import Setting
from restock.tuning.trials import Rung

pytestmark = pytest.mark.unit

ORDERS = many(customers=400, n=2000)


def setting(least: int) -> Setting:
    return Setting(
        fold_plans=dict.fromkeys(("FR", "GB"), FoldPlan()),
        objectives=dict.fromkeys(("FR", "GB"), Objective()),
        policy=SearchPolicy(least_customers=least),
    )


def customers_at(share: float, least: int, orders: Interactions = ORDERS) -> set[int]:
    return set(sampled(orders, Rung(customers=share), setting(least)).customers.tolist())


@settings(max_examples=30)
@given(small=st.floats(0.01, 0.99), more=st.floats(0.0, 0.5), least=st.integers(1, 150))
def test_a_lower_rung_lies_within_a_higher(small: float, more: float, least: int) -> None:
    lower, higher = customers_at(small, least), customers_at(min(small + more, 1.0), least)
    assert lower <= higher <= set(ORDERS.customers.tolist())


@pytest.mark.parametrize("least", [1, 30])
def test_about_the_share_of_a_market_is_taken_but_never_fewer_than_the_least(least: int) -> None:
    market = ORDERS.catalogue.customer_market
    for share in (0.02, 0.25, 0.6):
        taken = np.array(sorted(customers_at(share, least)))
        for code in range(len(ORDERS.catalogue.markets)):
            there = (market[ORDERS.customers] == code).sum()
            spread = 4 * np.sqrt(share * (1 - share) * there)
            size = (market[taken] == code).sum()
            assert size >= least
            assert size == least or abs(size - share * there) <= spread


def test_a_small_market_and_the_last_rung_stay_whole() -> None:
    everybody = set(ORDERS.customers.tolist())
    assert customers_at(0.01, 10_000) == everybody
    assert sampled(ORDERS, Rung(customers=1.0), setting(1)) is ORDERS


def test_the_choice_hangs_on_the_id_alone() -> None:
    """Other codes, fewer lines, another market beside it: the same people."""
    few = ORDERS.of_market("FR")
    ids = ORDERS.catalogue.customer_ids
    both = customers_at(0.3, 20)
    alone = customers_at(0.3, 20, few)
    assert alone == both & set(few.customers.tolist())
    places = dict(zip(ids(few.customers), place_of(ids(few.customers)), strict=True))
    taken = {str(ids(np.array([code]))[0]) for code in customers_at(0.3, 1, few)}
    assert taken == {name for name, place in places.items() if place < 0.3}


def test_places_never_change() -> None:
    """Results of an earlier week stay comparable: these are the digests of ``b2sum -l 64``."""
    names = np.array(["12345", "Zürich-1", ""], dtype=object)
    np.testing.assert_allclose(
        place_of(names), [0.6326714084891994, 0.027950823540482245, 0.7058483037031943], atol=1e-15
    )


def test_all_lines_of_a_customer_are_taken_or_none() -> None:
    chosen = sampled(ORDERS, Rung(customers=0.2), setting(1))
    assert chosen.catalogue is ORDERS.catalogue
    assert chosen.as_of == ORDERS.as_of
    lines = np.bincount(ORDERS.customer, minlength=ORDERS.n_customers)
    np.testing.assert_array_equal(
        np.bincount(chosen.customer, minlength=ORDERS.n_customers)[chosen.customers],
        lines[chosen.customers],
    )
