"""How a market stands: what its lists come to, and the light that follows from what was found."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from contracts.publications import NIGHT, REORDER, SAR, publish
from contracts.watched import finding, watched

from restock.dataset import Interactions
from restock.infra.champions import rollback
from restock.infra.drift_page import keep_state
from restock.infra.exposure_store import put_exposures
from restock.infra.local_store import LocalStore
from restock.infra.markets import load_markets
from restock.infra.settings import load_settings
from restock.infra.standing import Standing
from restock.monitoring.policy import DriftPolicy

pytestmark = pytest.mark.unit

DAY = NIGHT + dt.timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def standing_on(end: dt.date, store: LocalStore, tmp_path: Path) -> Standing:
    """Three customers who buy every day what stands second on their lists, up to a day."""
    rows = [
        {
            "market": "FR",
            "customer_id": f"customer {customer:05d}",
            "order_id": f"{at} {customer}",
            "item_id": f"item {(customer + 2) % 7}",
            "timestamp": pd.Timestamp(NIGHT) + pd.Timedelta(days=at, hours=9),
            "quantity": 1.0,
            "unit_price": 2.0,
        }
        for at in range(-10, 30)
        for customer in range(3)
    ]
    return Standing(
        store=store,
        interactions=Interactions.from_frame(pd.DataFrame(rows)).before(end),
        markets=load_markets(),
        policy=DriftPolicy(),
        settings=load_settings(home=tmp_path),
    )


@pytest.fixture
def standing(store: LocalStore, tmp_path: Path) -> Standing:
    """Up to a day after the first publication."""
    return standing_on(DAY, store, tmp_path)


def test_where_nothing_is_published_it_says_what_to_do(standing: Standing) -> None:
    found = standing.run("FR").health
    assert found.light == "grey" and "restock retrain --markets FR" in found.why


def test_lists_are_judged_by_the_orders_that_came(standing: Standing, store: LocalStore) -> None:
    publish(store, 0)
    found = standing.run("FR").health
    assert (found.light, found.why, found.orders) == ("green", "as usual", 3)
    assert found.ndcg is not None and found.ndcg.value == pytest.approx(0.6309, abs=1e-4)
    assert found.taken is not None and found.taken.value == 1.0
    assert found.retrained is not None and found.retrained.token == "run-0"
    assert found.name == "France" and not found.shown


def test_the_worst_of_what_was_found_is_the_light(standing: Standing, store: LocalStore) -> None:
    publish(store, 0)
    look = watched("FR", finding(as_of=DAY), page="reports/drift/FR/page.html", as_of=DAY)
    keep_state(store, look)
    found = standing.run("FR").health
    assert found.light == "red" and "price shock since 2011-11-23" in found.why
    assert found.page == look.page
    old = look.model_copy(update={"as_of": DAY - dt.timedelta(days=8)})
    store.delete("reports/drift/FR/state.json")
    keep_state(store, old)
    assert standing.run("FR").health.light == "green"


def test_what_was_shown_has_its_rates(standing: Standing, store: LocalStore) -> None:
    publish(store, 0)
    log = {
        "market": "FR",
        "customer_id": [f"customer {at}" for at in range(4)],
        "item_id": "item 1",
        "position": 1,
        "propensity": 0.5,
        "policy": ["old", "old", "new", "new"],
        "timestamp": pd.Timestamp(NIGHT) + pd.Timedelta(hours=8),
        "outcome": ["none", "order", "order", "order"],
    }
    put_exposures(store, pd.DataFrame(log))
    found = standing.run("FR").health
    assert {one.policy: one.ordered.value for one in found.shown} == {"old": 0.5, "new": 1.0}
    assert found.against is not None and found.against.difference.value == pytest.approx(0.5)


def test_a_new_plan_is_held_against_the_one_before_from_its_first_day_on(
    store: LocalStore, tmp_path: Path
) -> None:
    later = standing_on(NIGHT + dt.timedelta(days=20), store, tmp_path)
    publish(store, 0)
    assert later.run("FR").succession is None  # there is no plan before
    publish(store, 1, SAR)
    publish(store, 2, SAR)
    stands = later.run("FR")
    assert (stands.token, stands.plan, stands.before) == ("run-2", SAR.label, REORDER.label)
    found = stands.succession
    assert found is not None and not found.worse and found.difference == 0.0
    assert (found.days, found.orders) == (17, 51)  # from its first day to those not final
    rollback(store, "FR", to_plan_before=True)
    assert later.run("FR").succession is None  # what was returned to is not on trial
