"""How large an experiment has to be."""

import numpy as np
import pytest
import tea_tasting as tt
from contracts.experimented import units
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.evaluation.experiments import Metric, power

pytestmark = pytest.mark.unit

REVENUE = Metric(name="revenue", numerator="revenue")
PAST = units(2000, seed=0)
FEW = settings(max_examples=3, deadline=None)


@pytest.mark.parametrize("cuped", [True, False])
def test_it_is_tea_tastings_arithmetic(cuped: bool) -> None:
    test = tt.Mean(
        "revenue",
        "revenue_before" if cuped else None,
        rel_effect_size=0.1,
        power=0.9,
        alpha=0.05,
        use_t=False,
    )
    found = test.solve_power(PAST, "n_obs")[0]
    mine = power(PAST, REVENUE, effect=0.1, power=0.9, cuped=cuped)
    assert (mine.customers, mine.cuped) == (found.n_obs, cuped)
    unknown = power(PAST.drop(columns="revenue_before"), REVENUE, effect=0.1, cuped=cuped)
    assert not unknown.cuped  # nothing is known of the time before


@FEW
@given(effect=st.floats(0.05, 0.5), more=st.floats(1.1, 3))
def test_larger_effects_need_fewer_customers_and_are_seen_more_surely(
    effect: float, more: float
) -> None:
    needed = [power(PAST, REVENUE, effect=one).customers for one in (effect, effect * more)]
    assert needed[0] >= needed[1]
    seen = [
        power(PAST, REVENUE, effect=one, customers=2000, power=None).power
        for one in (effect, effect * more)
    ]
    assert seen[0] <= seen[1] + 1e-9


@FEW
@given(customers=st.integers(100, 20_000), more=st.floats(1.1, 3))
def test_more_customers_see_more(customers: int, more: float) -> None:
    sizes = (customers, int(customers * more) + 1)
    seen = [power(PAST, REVENUE, effect=0.1, customers=n, power=None).power for n in sizes]
    assert seen[0] <= seen[1] + 1e-9
    least = [power(PAST, REVENUE, customers=n).effect for n in sizes]
    assert least[0] >= least[1]


def test_what_is_needed_has_the_power_it_was_asked_for() -> None:
    needed = power(PAST, REVENUE, effect=0.1, power=0.8).customers
    assert power(PAST, REVENUE, effect=0.1, customers=needed, power=None).power == pytest.approx(
        0.8, abs=0.002
    )


def test_the_time_before_saves_customers_and_uneven_arms_cost_some() -> None:
    usual = power(PAST, REVENUE, effect=0.1)
    assert usual.customers < 0.9 * power(PAST, REVENUE, effect=0.1, cuped=False).customers
    uneven = power(PAST, REVENUE, effect=0.1, shares=(0.9, 0.1))
    assert uneven.customers > 2 * usual.customers
    assert uneven.treatment == pytest.approx(0.1 * uneven.customers, abs=1)


def test_what_cannot_be_missed_has_all_power() -> None:
    assert power(PAST, REVENUE, effect=1.0, customers=2000, power=None).power == 1


def test_the_currency_does_not_matter() -> None:
    dear = PAST.assign(revenue=PAST["revenue"] * 86.4, revenue_before=PAST["revenue_before"] * 86.4)
    assert power(dear, REVENUE, effect=0.1) == power(PAST, REVENUE, effect=0.1)


def test_stores_that_act_alike_need_more_customers() -> None:
    factor = np.exp(np.random.default_rng(1).standard_normal(250))[PAST["store"]]
    alike = PAST[["store"]].assign(revenue=PAST["revenue"] * factor)
    alone = power(alike, REVENUE, effect=0.1)
    stores = power(alike, REVENUE, effect=0.1, cluster="store")
    assert stores.design_effect > 1.5
    assert stores.customers == pytest.approx(alone.customers * stores.design_effect, rel=0.1)
    assert stores.clusters == pytest.approx(stores.customers / 8, rel=0.05)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="give two of effect, customers and power"):
        power(PAST, REVENUE)
    with pytest.raises(ValueError, match="not 0, as in"):
        power(PAST, REVENUE, effect=0.0)
    with pytest.raises(ValueError, match="too little to design"):
        power(PAST.assign(revenue=0.0), REVENUE, effect=0.1)
    with pytest.raises(ValueError, match="shares must be above 0"):
        power(PAST, REVENUE, effect=0.1, shares=(1.0, 0.0))
