"""Encoded interactions: what the codes mean, cuts in time, files, refusals."""

import datetime as dt
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from restock.dataset import Interactions, read_orders
from restock.dataset.interactions import LINE_COLUMNS, day_of, minute_of

pytestmark = pytest.mark.unit


@pytest.fixture(scope="session")
def small(order_lines):
    """Three customers, two markets; the orders of A and C share the id O1."""
    return order_lines(
        6,
        market=["FR", "FR", "DE", "DE", "FR", "FR"],
        customer_id=["A", "A", "C", "C", "B", "A"],
        order_id=["O1", "O1", "O1", "O2", "O3", "O4"],
        item_id=["y", "x", "y", "x", "x", "y"],
        timestamp=pd.to_datetime(
            [
                *("2024-03-02 09:05", "2024-03-02 09:00", "2024-03-01 23:59"),
                *("2024-03-03 00:00", "2024-03-05 12:00", "2024-03-04 08:00"),
            ]
        ),
        quantity=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        unit_price=[10.0] * 6,
        item_name=["Y", "X", "Y", "X!", "X", "Y"],
        unit_cost=[1.0, np.nan, 2.0, np.nan, np.nan, 1.5],
    )


def test_codes_follow_the_sorted_ids(small):
    x = Interactions.from_frame(small)
    assert x.catalogue.customer_ids(np.arange(3)).tolist() == ["A", "B", "C"]
    assert x.catalogue.item_ids(np.arange(2)).tolist() == ["x", "y"]
    assert x.catalogue.markets == ("DE", "FR")
    assert x.catalogue.customer_codes(["C", "A"]).tolist() == [2, 0]
    assert x.catalogue.customer_market.tolist() == [1, 1, 0]
    with pytest.raises(KeyError, match="no item 'w' in these interactions"):
        x.catalogue.item_codes(["x", "w"])
    with pytest.raises(KeyError, match="no market 'IT' here; there are DE, FR"):
        x.of_market("IT")


def test_lines_are_sorted_by_customer_and_time_and_an_order_has_one_time(small):
    x = Interactions.from_frame(small)
    assert x.customer.tolist() == [0, 0, 0, 1, 2, 2]
    assert x.item.tolist() == [0, 1, 1, 0, 1, 0]
    assert [day_of(m).day for m in x.minute] == [2, 2, 4, 5, 1, 3]
    assert x.minute[0] == x.minute[1] == minute_of(dt.date(2024, 3, 2)) + 9 * 60
    assert x.order[0] != x.order[4]  # two customers never share an order
    assert x.value.tolist() == [20.0, 10.0, 60.0, 50.0, 30.0, 40.0]
    assert x.as_of_date == dt.date(2024, 3, 6)
    for name, dtype in LINE_COLUMNS.items():
        assert getattr(x, name).dtype == dtype


def test_it_counts_what_has_a_line_here(small):
    x = Interactions.from_frame(small)
    assert repr(x) == (
        "Interactions(6 lines of 2 items, 3 customers of 2 markets, before 2024-03-06)"
    )
    assert repr(x.of_market("FR").before(dt.date(2024, 3, 5))) == (
        "Interactions(3 lines of 2 items, 1 customer of 1 market, before 2024-03-05)"
    )
    assert "0 lines of 0 items, 0 customers of 0 markets" in repr(x.before(dt.date(2024, 1, 1)))


def test_what_is_of_the_wrong_type_is_refused_with_the_remedy(small):
    with pytest.raises(TypeError, match=r"not as CleanOrders: call its \.interactions\(\)"):
        Interactions.from_frame(read_orders(small))
    with pytest.raises(TypeError, match=r"not as str: read_orders makes one"):
        Interactions.from_frame("orders.csv")
    x = Interactions.from_frame(small)
    for day in ("2011-06-25", pd.Timestamp("2011-06-25 12:00"), dt.datetime(2011, 6, 25)):
        with pytest.raises(TypeError, match=r"is no date: write datetime\.date\(2011, 6, 25\)"):
            x.before(day)
        with pytest.raises(TypeError, match="is no date"):
            x.between(dt.date(2011, 6, 1), day)
    with pytest.raises(KeyError, match="no customer 12583 .*ids are text, such as '12583'"):
        x.catalogue.customer_codes([12583])


def test_lines_of_one_order_and_item_are_added_up(order_lines):
    frame = order_lines(
        3, customer_id=["A"] * 3, order_id=["1", "1", "2"], quantity=[0.1, 0.2, 5.0]
    )
    frame["timestamp"] = pd.Timestamp("2024-03-01")
    x = Interactions.from_frame(frame)
    assert x.quantity.tolist() == [np.float32(0.1 + 0.2), 5.0]


def test_names_are_the_most_frequent_and_costs_the_highest(small):
    items = Interactions.from_frame(small).catalogue.items
    assert items["name"].to_pylist() == ["X", "Y"]
    assert items["unit_cost"].to_pandas().isna().tolist() == [True, False]
    assert items["unit_cost"][1].as_py() == 2.0


def test_cuts_in_time_share_the_catalogue(small):
    x = Interactions.from_frame(small)
    cut = dt.date(2024, 3, 3)
    before, after = x.before(cut), x.between(cut, dt.date(2024, 3, 5))
    assert before.catalogue is x.catalogue
    assert before.customers.tolist() == [0, 2]
    assert before.age_days.max() == pytest.approx(1 + 1 / 1440)
    assert (before.minute < minute_of(cut)).all()
    assert after.minute.min() == minute_of(cut)  # midnight belongs to the day it starts
    assert after.as_of_date == dt.date(2024, 3, 5)
    assert len(before) + len(after) == 5
    assert x.of_market("DE").customers.tolist() == [2]


def test_pairs_and_rows(small):
    x = Interactions.from_frame(small)
    assert x.indptr.tolist() == [0, 3, 4, 6]
    assert x.pairs.indptr.tolist() == [0, 2, 3, 5]
    assert x.pairs.item.tolist() == [0, 1, 0, 0, 1]
    assert x.pairs.customer.tolist() == [0, 0, 1, 2, 2]
    assert x.pairs.sum(x.quantity).tolist() == [2.0, 7.0, 5.0, 4.0, 3.0]


def test_what_is_opened_is_what_was_saved_and_stays_in_the_file(small, tmp_path):
    x = Interactions.from_frame(pd.concat([small, bulk(small)]))
    x.save(tmp_path / "snap")
    before = pa.total_allocated_bytes()
    y = Interactions.open(tmp_path / "snap")
    for name, dtype in LINE_COLUMNS.items():
        column = getattr(y, name)
        np.testing.assert_array_equal(column, getattr(x, name))
        assert column.dtype == dtype
        assert not column.flags.owndata  # a view,
        assert not column.flags.writeable  # of a map that nobody may write to
    # 120,000 lines are 2.9 MB; the map costs none of it
    assert pa.total_allocated_bytes() - before < 100_000
    assert y.catalogue.customers.equals(x.catalogue.customers)
    assert y.catalogue.items.drop("unit_cost").equals(x.catalogue.items.drop("unit_cost"))
    np.testing.assert_array_equal(y.catalogue.unit_cost, x.catalogue.unit_cost)
    assert (y.catalogue.markets, y.as_of, repr(y)) == (x.catalogue.markets, x.as_of, repr(x))
    assert y.hash == x.hash
    assert json.loads((tmp_path / "snap" / "meta.json").read_text())["hash"] == x.hash


def bulk(small, n=120_000):
    at = np.arange(n)
    return small.iloc[np.zeros(n, dtype=int)].assign(
        order_id=[f"bulk{line}" for line in at], customer_id="D"
    )


def test_a_cut_without_lines_can_be_saved_too(small, tmp_path):
    none = Interactions.from_frame(small).before(dt.date(2020, 1, 1))
    none.save(tmp_path)
    again = Interactions.open(tmp_path)
    assert len(again) == 0
    assert again.hash == none.hash
    assert again.minute.dtype == np.int32
    empty = Interactions.from_frame(small.iloc[:0])
    assert (len(empty), empty.n_customers, empty.n_items) == (0, 0, 0)


def test_another_schema_is_refused(small, tmp_path):
    Interactions.from_frame(small).save(tmp_path)
    meta = json.loads((tmp_path / "meta.json").read_text()) | {"schema_version": 99}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(ValueError, match="interactions of schema 99"):
        Interactions.open(tmp_path)


def test_the_hash_names_the_content(small):
    x = Interactions.from_frame(small)
    hashes = {x.hash, x.before(dt.date(2024, 3, 4)).hash, x.of_market("DE").hash}
    for column, value in [
        ("quantity", 9.0),
        ("unit_price", 9.0),
        ("category", "c"),
        ("unit_cost", 9.0),
        ("customer_id", "B"),
        ("item_id", "w"),
        ("market", "IT"),
        ("order_id", "O9"),
        ("timestamp", pd.Timestamp("2024-03-02 09:01")),
    ]:
        changed = small.copy()
        if column not in changed:
            changed[column] = None
        changed.loc[5, column] = value
        hashes.add(Interactions.from_frame(changed).hash)
    hashes.add(Interactions.from_frame(small.assign(item_name="Z")).hash)
    # a new order id alone changes no code: orders are numbered in the order of their ids
    assert len(hashes) == 3 + 9


def test_the_hash_is_the_same_on_every_machine_and_version(small):
    # a change here renames every snapshot: raise SCHEMA_VERSION with it
    assert Interactions.from_frame(small).hash == (
        "b426288af70910c0fd374f6502643b323d1d572b272fd865f1720cb685a38723"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": -1.0}, "quantity must be finite and above 0: clean with read_orders"),
        ({"quantity": np.inf}, "quantity must be finite and above 0"),
        ({"unit_price": -1.0}, "unit_price must be finite and not negative"),
        ({"unit_price": np.inf}, "unit_price must be finite and not negative"),
        ({"customer_id": None}, "missing values in customer_id: clean with read_orders"),
        ({"quantity": np.nan}, "missing values in quantity"),
        ({"timestamp": pd.NaT}, "missing values in timestamp"),
        ({"market": "BR/../MX"}, "'BR/../MX' is no market code"),
        ({"market": "fr"}, "'fr' is no market code"),
    ],
)
def test_what_reading_would_set_aside_is_refused(small, change, message):
    frame = small.copy()
    for column, value in change.items():
        frame.loc[3, column] = value
    with pytest.raises(ValueError, match=message):
        Interactions.from_frame(frame)


def test_a_frame_without_a_column_or_with_times_that_are_not_local_is_refused(small):
    with pytest.raises(ValueError, match=r"no column order_id, item_id.*columns="):
        Interactions.from_frame(small.drop(columns=["order_id", "item_id"]))
    utc = small.assign(timestamp=small["timestamp"].dt.tz_localize("UTC"))
    with pytest.raises(ValueError, match="timestamp must be local time without a time zone"):
        Interactions.from_frame(utc)
    with pytest.raises(ValueError, match="timestamp must be local time"):
        Interactions.from_frame(small.assign(timestamp="2024-03-01"))


def test_shards_are_of_the_data_and_part_the_customers(small, monkeypatch):
    lines = Interactions.from_frame(small)
    assert lines.shards.tolist() == [0, lines.n_customers]
    monkeypatch.setattr("restock.dataset.interactions.SHARD_LINES", 2)
    parted = replace(lines).shards
    assert parted[0] == 0 and parted[-1] == lines.n_customers
    assert (np.diff(parted) > 0).all() and 1 < parted.size - 1 <= 3


@pytest.mark.parametrize("half_life", [1.0, 45.0, np.inf])
@pytest.mark.parametrize("days", [1, 4000])
def test_decay_is_that_of_the_age_looked_up_or_not(small, half_life, days):
    """Within a day there are fewer minutes than lines, over years there are more."""
    rng = np.random.default_rng(0)
    lines = Interactions.from_frame(bulk(small, 5_000))
    minute = np.sort(rng.integers(0, days * 1440, len(lines)).astype(np.int32))
    lines = replace(lines, minute=minute, as_of=days * 1440)
    expected = 0.5 ** (lines.age_days / half_life)
    np.testing.assert_allclose(lines.decay(half_life), expected, rtol=1e-14)
    np.testing.assert_array_equal(
        lines.decayed_lines(half_life), lines.pairs.sum(lines.decay(half_life))
    )
    none = lines.before(dt.date(1960, 1, 1))
    assert none.decay(half_life).size == none.decayed_lines(half_life).size == 0
