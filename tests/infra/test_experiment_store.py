"""Experiments in the store: names that are keys, slots that nobody shares, arms that stay."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from restock.dataset import Interactions
from restock.evaluation.experiments.layers import NoSlots
from restock.evaluation.experiments.record import Experiment
from restock.infra.experiment_assigning import assign
from restock.infra.experiment_store import (
    NoExperiment,
    put_draft,
    read_assignment,
    read_experiment,
    read_experiments,
    take_slots,
)
from restock.infra.experiment_units import BadTable, read_clusters
from restock.infra.local_store import LocalStore
from restock.infra.markets import load_markets

pytestmark = pytest.mark.unit

START = dt.date(2026, 3, 2)


def draft(name: str = "a-test", share: float = 1.0, **more: object) -> Experiment:
    arms = {"control": 0.5, "treatment": 0.5}
    return Experiment.model_validate(
        {"name": name, "markets": ("FR",), "arms": arms, "control": "control", "share": share}
        | more
    )


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def orders(customers: int, first: int = 0) -> Interactions:
    """Every customer of FR ordered one thing on the first of January."""
    numbers = np.arange(first, first + customers)
    return Interactions.from_frame(
        pd.DataFrame(
            {
                "market": "FR",
                "customer_id": [f"C{number}" for number in numbers],
                "order_id": [f"O{number}" for number in numbers],
                "item_id": [f"I{number % 7}" for number in numbers],
                "timestamp": pd.Timestamp("2026-01-01 10:00"),
                "quantity": 1.0 + numbers % 3,
                "unit_price": 2.5,
            }
        )
    )


@pytest.fixture(scope="module")
def many() -> Interactions:
    return orders(2000)


def run(store: LocalStore, one: Experiment, past: Interactions, start: dt.date = START):  # type: ignore[no-untyped-def]
    put_draft(store, one)
    return assign(store, one, past, load_markets(), start, 28)


def test_a_draft_may_change_until_customers_are_assigned(
    store: LocalStore, many: Interactions
) -> None:
    put_draft(store, draft())
    put_draft(store, draft(share=0.5))
    assert read_experiment(store, "a-test").share == 0.5
    run(store, draft(), many)
    with pytest.raises(NoExperiment, match="assigned already"):
        put_draft(store, draft(share=0.4))


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", "A", "a" * 61])
def test_a_name_that_cannot_be_a_key_is_refused(store: LocalStore, name: str) -> None:
    with pytest.raises(NoExperiment, match="no name of an experiment"):
        read_experiment(store, name)


def test_an_unknown_name_says_which_there_are(store: LocalStore) -> None:
    put_draft(store, draft("b-test"))
    with pytest.raises(NoExperiment, match="there are: b-test"):
        read_experiment(store, "a-test")


def test_experiments_of_a_layer_share_no_customer(store: LocalStore, many: Interactions) -> None:
    _, one = run(store, draft("a-test", 0.5), many)
    _, two = run(store, draft("b-test", 0.5), many)
    assert set(one["customer_id"]).isdisjoint(two["customer_id"])
    assert len(one) + len(two) == 2000
    with pytest.raises(NoSlots, match="another --layer"):
        run(store, draft("c-test", 0.1), many)
    _, other = run(store, draft("c-test", 1.0, layer="mail"), many)
    assert len(other) == 2000
    _, later = run(store, draft("d-test"), many, START + dt.timedelta(days=28))
    assert len(later) == 2000
    assert [found.name for found in read_experiments(store)][-1] == "d-test"


def test_two_who_take_slots_at_once_take_different_ones(store: LocalStore) -> None:
    names = [f"t{at}" for at in range(8)]
    end = START + dt.timedelta(days=7)
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda n: take_slots(store, draft(n), START, end, 100), names))
    taken = [slot for claim in claims for slot in range(claim.first, claim.last + 1)]
    assert len(set(taken)) == len(taken) == 800


def test_assigning_again_changes_nothing_though_there_are_more_customers(
    store: LocalStore, many: Interactions
) -> None:
    account, first = run(store, draft(), many)
    fixed = read_experiment(store, "a-test")
    assert fixed == account.experiment and fixed.slots == (0, 999)
    more, again = assign(store, fixed, orders(2500), load_markets(), START, 28)
    pd.testing.assert_frame_equal(again, first)
    assert more.counts == account.counts and sum(account.counts.values()) == 2000
    with pytest.raises(ValueError, match="another name"):
        assign(store, fixed, many, load_markets(), START, 14)


def test_who_was_assigned_first_stays_when_two_assign_at_once(
    store: LocalStore, many: Interactions
) -> None:
    _, first = run(store, draft(), many)
    put = store.get("experiments/a-test/experiment.json")
    store.compare_and_swap(
        "experiments/a-test/experiment.json", draft().model_dump_json().encode(), put.etag
    )  # as another process saw it before the first was done
    with pytest.raises(NoExperiment, match="others than these"):
        assign(store, draft(), orders(2500), load_markets(), START, 28)
    pd.testing.assert_frame_equal(read_assignment(store, "a-test"), first)
    _, same = assign(store, draft(), many, load_markets(), START, 28)
    pd.testing.assert_frame_equal(same, first)


def test_those_assigned_are_known_before_the_start_and_their_shares_are_checked(
    store: LocalStore, many: Interactions
) -> None:
    account, kept = run(store, draft(), many)
    assert account.sample_ratio_p > 0.001
    assert {one.column for one in account.balance} == {"revenue", "orders", "lines", "items"}
    assert all(abs(one.z) < 5 for one in account.balance)
    pd.testing.assert_frame_equal(read_assignment(store, "a-test"), kept)
    with pytest.raises(ValueError, match="no customer of FR ordered before 2026-01-01"):
        run(store, draft("b-test", layer="b"), many, dt.date(2026, 1, 1))


def test_clusters_stay_together_and_who_has_none_takes_no_part(
    store: LocalStore, many: Interactions, tmp_path: Path
) -> None:
    table = pd.DataFrame({"customer_id": [f"C{at}" for at in range(1500)]})
    table["cluster"] = [f"S{at % 300}" for at in range(1500)]
    table.to_csv(tmp_path / "stores.csv", index=False)
    one = draft(unit="cluster")
    put_draft(store, one)
    whose = read_clusters(str(tmp_path / "stores.csv"))
    account, kept = assign(store, one, many, load_markets(), START, 28, clusters=whose)
    assert account.without_cluster == 500 and len(kept) == 1500
    assert (kept.groupby("cluster")["arm"].nunique() == 1).all()


def test_an_experiment_without_customers_gives_its_slots_back(
    store: LocalStore, many: Interactions
) -> None:
    few = draft("a-test", 0.001)
    with pytest.raises(ValueError, match="fewer than two customers"):
        run(store, few, orders(3))
    assert run(store, draft("b-test", 1.0), many)[0].experiment.slots == (0, 999)


def test_a_table_without_the_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("customer_id,shop\nC1,S1\n")
    with pytest.raises(BadTable, match="no column cluster"):
        read_clusters(str(tmp_path / "t.csv"))
    (tmp_path / "t.csv").write_text("customer_id,cluster\nC1,S1\nC1,S2\n")
    with pytest.raises(BadTable, match="two clusters"):
        read_clusters(str(tmp_path / "t.csv"))
