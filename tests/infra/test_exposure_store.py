"""Exposure logs in the store: nothing twice, nothing lost, and only what is a log."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from restock.dataset.exposures import BadExposures, validate_exposures
from restock.infra.exposure_store import put_exposures, read_exposures
from restock.infra.local_store import LocalStore

pytestmark = pytest.mark.unit

FIRST, END = dt.date(2024, 1, 1), dt.date(2024, 1, 4)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def log(market: str = "FR", outcome: str = "none") -> pd.DataFrame:
    """Two customers, three days (the last from midnight on), two items."""
    return pd.DataFrame(
        [
            {
                "market": market,
                "customer_id": customer,
                "item_id": f"item {position}",
                "position": position,
                "propensity": 0.5,
                "policy": "sar",
                "timestamp": time,
                "outcome": outcome,
            }
            for customer in ("A", "é/../B")
            for time in pd.to_datetime(["2024-01-01 09:00", "2024-01-02 23:59", "2024-01-03 00:00"])
            for position in (1, 2)
        ]
    )


def test_what_is_put_is_read_back_by_market_and_day(store: LocalStore) -> None:
    both = pd.concat([log("FR"), log("DE")], ignore_index=True)
    keys = put_exposures(store, both)
    assert {key.rpartition("/")[0] for key in keys} == {
        f"exposures/{market}/2024-01-0{day}" for market in ("DE", "FR") for day in (1, 2, 3)
    }
    read = read_exposures(store, "FR", FIRST, END)
    columns = list(read.columns)
    expected = validate_exposures(log("FR")).sort_values(columns, ignore_index=True)
    pd.testing.assert_frame_equal(read.sort_values(columns, ignore_index=True), expected)
    one_day = read_exposures(store, "DE", dt.date(2024, 1, 2), dt.date(2024, 1, 3))
    assert set(one_day["timestamp"]) == {pd.Timestamp("2024-01-02 23:59")}
    assert read_exposures(store, "NL", FIRST, END).empty


def test_the_same_log_again_changes_nothing_in_any_order(store: LocalStore) -> None:
    keys = put_exposures(store, log())
    assert put_exposures(store, log().sample(frac=1, random_state=1)) == keys
    assert [entry.key for entry in store.list("exposures")] == sorted(keys)


def test_what_came_of_it_later_takes_the_place_of_what_was_known_first(store: LocalStore) -> None:
    put_exposures(store, log(outcome="none"))
    put_exposures(store, log(outcome="order"))
    put_exposures(store, log(outcome="click"))
    read = read_exposures(store, "FR", FIRST, END)
    assert len(read) == len(log()) and set(read["outcome"]) == {"order"}


def test_what_is_no_log_and_no_market_is_refused(store: LocalStore) -> None:
    with pytest.raises(BadExposures, match="market"):
        put_exposures(store, log(market="../../etc"))
    with pytest.raises(ValueError, match="no market code"):
        read_exposures(store, "../FR", FIRST, END)
    assert not store.list()
