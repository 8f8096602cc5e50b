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


def only(rank: int) -> Policy:
    """Lists of one item: the one at this place of those allowed."""

    def serve(situation: Situation) -> Shown:
        item = np.flatnonzero(situation.allowed)[rank]
        shape = (situation.customers.size, 1)
        return Shown(np.full(shape, item, np.int32), np.full(shape, 0.5))

    return serve


def test_arms_others_and_other_days_are_served_what_is_theirs() -> None:
    ids = simulate(**WORLD).setting.customer_ids(np.arange(120, dtype=np.int32))  # type: ignore[arg-type]
    arms = {one: "ab"[at % 2] for at, one in enumerate(ids) if at % 3}
    split = split_policy(arms, {"a": only(1), "b": only(2)}, only(0), START, END)
    log = simulate(**WORLD, policy=served_from(FIRST + dt.timedelta(days=30), split)).exposures  # type: ignore[arg-type]
    rank = {item: at for at, item in enumerate(sorted(log["item_id"].unique()))}
    assert len(rank) == 3
    day = log["timestamp"].dt.date
    during = (day >= START) & (day < END)
    meant = log["customer_id"].map(arms).map({"a": 1, "b": 2}).fillna(0).where(during, 0)
    assert (log["item_id"].map(rank) == meant).all()
    assert {0, 1, 2} == set(meant[during]) and day.min() >= FIRST + dt.timedelta(days=30)


def test_every_market_has_its_own_policy() -> None:
    log = simulate(**WORLD, policy=by_market({"FR": only(0), "DE": only(1)}, "each")).exposures  # type: ignore[arg-type]
    assert set(log["policy"]) == {"each"}
    assert log.groupby("market")["item_id"].nunique().eq(1).all()
    assert log["item_id"].nunique() == 2
