"""Every customer is served the plan of his arm, on the days of the experiment alone."""

import datetime as dt

import numpy as np
import pytest

from restock.dataset import simulate
from restock.dataset.simulated_shop import Policy, Shown, Situation
from restock.evaluation.experiments.rehearsal import by_market, served_from, split_policy

pytestmark = pytest.mark.unit

FIRST = dt.date(2024, 1, 1)
START, END = FIRST + dt.timedelta(days=60), FIRST + dt.timedelta(days=90)
WORLD = {"customers": {"FR": 60, "DE": 60}, "items": 40, "days": 120, "seed": 3, "stock_out": 0.0}


def one(chance: float) -> Policy:
    """Lists of one item, told from those of other policies by their propensity."""

    def serve(situation: Situation) -> Shown:
        shape = (situation.customers.size, 1)
        item = int(situation.allowed.argmax())
        return Shown(np.full(shape, item, np.int32), np.full(shape, chance))

    return serve


def test_arms_others_and_other_days_are_served_what_is_theirs() -> None:
    ids = simulate(**WORLD).setting.customer_ids(np.arange(120, dtype=np.int32))  # type: ignore[arg-type]
    arms = {who: "ab"[at % 2] for at, who in enumerate(ids) if at % 3}
    split = split_policy(arms, {"a": one(0.1), "b": one(0.2)}, one(0.5), START, END)
    log = simulate(**WORLD, policy=served_from(FIRST + dt.timedelta(days=30), split)).exposures  # type: ignore[arg-type]
    day = log["timestamp"].dt.date
    during = (day >= START) & (day < END)
    meant = log["customer_id"].map(arms).map({"a": 0.1, "b": 0.2}).fillna(0.5)
    assert (log["propensity"] == meant.where(during, 0.5)).all()
    assert {0.1, 0.2, 0.5} == set(meant[during]) and day.min() >= FIRST + dt.timedelta(days=30)


def test_every_market_has_its_own_policy() -> None:
    log = simulate(**WORLD, policy=by_market({"FR": one(0.1), "DE": one(0.2)}, "each")).exposures  # type: ignore[arg-type]
    assert set(log["policy"]) == {"each"}
    assert (log["propensity"] == log["market"].map({"FR": 0.1, "DE": 0.2})).all()
