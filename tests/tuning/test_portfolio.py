import random

import pytest
from contracts.choosing import alone, everywhere, trial

from restock.tuning.portfolio import PER_FAMILY, own_version, portfolio
from restock.tuning.trials import ALL

pytestmark = pytest.mark.unit

CUSTOMERS = {"AA": 500, "BB": 300}


def tried(name: str, index: int, value: float, rung: int = 2):  # type: ignore[no-untyped-def]
    return everywhere(trial(ALL, name, index), (value, value), CUSTOMERS, rung)


OUTCOMES = [
    *(tried("sar", at, 0.05 - 0.001 * at) for at in range(4)),
    *(tried("item_knn", at, 0.02 - 0.001 * at) for at in range(4)),
    tried("ease", 0, 0.01),
    tried("popular", 0, 0.9, rung=1),  # never reached the top
    alone(trial("AA", "als", 0), 0.8, 500),  # of one market
]


def test_the_best_of_all_markets_at_the_top_at_most_two_of_a_family() -> None:
    found = portfolio(OUTCOMES, 5)
    assert [one.name for one in found] == ["sar", "sar", "item_knn", "item_knn", "ease"]
    assert [one.config["half_life_days"] for one in found] == [30, 31, 30, 31, 30]
    assert PER_FAMILY == 2
    assert portfolio(OUTCOMES, 3) == found[:3]


def test_the_order_of_outcomes_does_not_matter() -> None:
    shuffled = OUTCOMES[:]
    random.Random(3).shuffle(shuffled)
    assert portfolio(shuffled, 5) == portfolio(OUTCOMES, 5)


def test_one_configuration_in_two_scopes_is_one_entry() -> None:
    prior = OUTCOMES[0].trial.candidate.model_copy(update={"scope": "prior"})
    twin = OUTCOMES[0].trial.model_copy(update={"candidate": prior, "index": 9})
    again = OUTCOMES[0].model_copy(update={"trial": twin})
    own = [own_version(one).key for one in portfolio([again, *OUTCOMES], 5)]
    assert len(set(own)) == len(own) == 5


def test_an_own_version_is_fitted_on_the_market_and_otherwise_the_same() -> None:
    pooled = OUTCOMES[0].trial.candidate
    own = own_version(pooled)
    assert (own.name, own.resolved, own.scope) == (pooled.name, pooled.resolved, "market")
    assert not own.pooled


def test_failed_trials_are_left_out_and_nothing_is_no_error() -> None:
    failed = OUTCOMES[0].model_copy(update={"lift": None, "failure": "error"})
    assert portfolio([failed], 5) == []
    assert portfolio([], 5) == []
