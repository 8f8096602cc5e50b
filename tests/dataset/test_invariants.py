"""What must not matter to the interactions: row order, files, names; and what must add up."""

import datetime as dt
import string
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import Interactions, read_orders
from restock.dataset.interactions import LINE_COLUMNS

pytestmark = pytest.mark.unit

CUTOFF = dt.date(2024, 3, 6)
START = pd.Timestamp("2024-03-01")
thorough = settings(max_examples=30, deadline=None)

good_line = st.fixed_dictionaries(
    {
        "market": st.sampled_from(["FR", "DE"]),
        "customer_id": st.sampled_from("ABC"),
        "order_id": st.sampled_from("123"),
        "item_id": st.sampled_from(["x", "y", "z"]),
        "minute": st.integers(0, 9).map(lambda half_days: half_days * 720),
        "quantity": st.sampled_from([1.0, 2.0, 0.1, 3.3]),
        "unit_price": st.sampled_from([1.0, 0.7]),
        "item_name": st.sampled_from(["n1", "n2", None]),
        "unit_cost": st.sampled_from([0.5, 0.6, np.nan]),
    }
)
any_line = st.fixed_dictionaries(
    {
        "market": st.sampled_from(["FR", "FR", "DE", "Germany", "BR/../MX", "", None]),
        "customer_id": st.sampled_from(["A", "A", "B", " B", "é", "e\u0301", None]),
        "order_id": st.sampled_from(["1", "2", "3"]),
        "item_id": st.sampled_from(["x", "x", "y", "y\n", "<script>"]),
        "minute": st.sampled_from([0, 720, 1440, 5000, 10**9]),
        "quantity": st.sampled_from([1.0, 2.0, 5.0, -1.0, -2.0, 0.0, np.nan, np.inf, 1e308]),
        "unit_price": st.sampled_from([1.0, 0.7, 0.0, -1.0]),
        "item_name": st.sampled_from(["n1", " n1", None]),
        "unit_cost": st.sampled_from([0.5, -0.6, np.nan]),
    }
)
rules = st.fixed_dictionaries(
    {
        "cancellations": st.sampled_from(["net", "drop"]),
        "home_market": st.sampled_from(["last", "most_frequent"]),
    }
)


def frame_of(rows):
    frame = pd.DataFrame(rows)
    minutes = frame.pop("minute").astype("int64")
    frame["timestamp"] = START.to_numpy().astype("M8[ms]") + minutes.to_numpy().astype("m8[m]")
    return frame


def account(clean):
    """The report as something that can be compared, without the order of lines or files."""
    table = {row["reason"]: row["lines"] for row in clean.report.to_dict()["reasons"]}
    about = clean.report.to_dict()
    about.pop("files")
    about.pop("reasons")
    return table, about


@pytest.mark.thorough
@thorough
@given(st.lists(any_line, min_size=1, max_size=20), st.randoms(use_true_random=False), rules)
def test_row_order_does_not_matter(rows, random, rule):
    frame = frame_of(rows)
    shuffled = frame.sample(frac=1, random_state=random.randint(0, 10**6))
    one, other = read_orders(frame, **rule), read_orders(shuffled, **rule)
    assert account(one) == account(other)
    assert Interactions.from_frame(one.orders).hash == Interactions.from_frame(other.orders).hash


@pytest.mark.thorough
@settings(max_examples=25, deadline=None)
@given(st.lists(any_line, min_size=2, max_size=15), st.data(), rules)
def test_partitioning_into_files_does_not_matter(rows, data, rule):
    frame = frame_of(rows)
    file_of = np.array(
        data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)))
    )
    with tempfile.TemporaryDirectory() as folder:
        for number in range(3):
            part = frame[file_of == number]
            if number == 1:
                part.to_parquet(Path(folder) / f"{number}.parquet")
            else:
                part.to_csv(Path(folder) / f"{number}.csv", index=False)
        whole, parts = read_orders(frame, **rule), read_orders(folder, **rule)
    assert account(whole) == account(parts)
    assert Interactions.from_frame(whole.orders).hash == Interactions.from_frame(parts.orders).hash


@pytest.mark.thorough
@thorough
@given(st.lists(any_line, min_size=1, max_size=20), rules)
def test_every_line_is_kept_netted_or_quarantined(rows, rule):
    frame = frame_of(rows)
    clean = read_orders(frame, **rule)
    report = clean.report
    assert report.lines_read == len(frame) == len(clean.orders) + len(clean.quarantine)
    assert report.lines_kept + report.lines_netted + report.lines_quarantined == len(frame)
    assert not set(clean.orders.index) & set(clean.quarantine.index)
    assert report.reasons["lines"].sum() == len(clean.quarantine)
    counts = clean.quarantine["reason"].value_counts().to_dict()
    assert counts == report.reasons.set_index("reason")["lines"].to_dict()
    # the quarantine holds the source's own values
    pd.testing.assert_frame_equal(
        clean.quarantine.drop(columns="reason"),
        frame.loc[clean.quarantine.index],
        check_names=False,
        check_dtype=False,
        check_index_type=False,
    )


@pytest.mark.thorough
@thorough
@given(st.lists(good_line, min_size=1, max_size=20))
def test_cleaning_clean_lines_changes_nothing(rows):
    orders = read_orders(frame_of(rows)).orders
    again = read_orders(orders)
    pd.testing.assert_frame_equal(
        again.orders, orders.reset_index(drop=True), check_names=False, check_index_type=False
    )
    assert again.quarantine.empty


@pytest.mark.thorough
@thorough
@given(st.lists(good_line, min_size=1, max_size=20))
def test_relabelling_that_keeps_the_order_changes_only_names(rows):
    frame = frame_of(rows)
    renamed = frame.assign(
        customer_id=frame["customer_id"].map({"A": "Zoé", "B": "a", "C": "b"}),
        item_id=frame["item_id"].map({"x": "01", "y": "02", "z": "<script>"}),
        order_id=frame["order_id"].map({"1": "ONE", "2": "TWO", "3": "WHO"}),
        market=frame["market"].map({"DE": "NA", "FR": "NO"}),
    )
    a, b = (Interactions.from_frame(read_orders(f).orders) for f in (frame, renamed))
    for name in LINE_COLUMNS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    np.testing.assert_array_equal(a.catalogue.customer_market, b.catalogue.customer_market)
    assert a.hash != b.hash


def decoded(x):
    """Lines by their ids: what does not depend on which codes there are."""
    ids = zip(
        x.catalogue.customer_ids(x.customer),
        x.catalogue.item_ids(x.item),
        x.minute.tolist(),
        x.quantity.tolist(),
        x.value.tolist(),
        strict=True,
    )
    return sorted(ids)


@thorough
@given(
    st.lists(good_line, min_size=1, max_size=20),
    st.text(string.ascii_letters, min_size=1, max_size=3),
    st.booleans(),
)
def test_a_line_planted_after_a_cut_off_changes_nothing_before_it(rows, new_id, new):
    frame = frame_of(rows)
    planted = frame.iloc[[0]].assign(
        timestamp=pd.Timestamp(CUTOFF), order_id="planted", quantity=99.0
    )
    if new:
        planted = planted.assign(customer_id=new_id, item_id=new_id, market="MX")
    before = Interactions.from_frame(frame).before(CUTOFF)
    after = Interactions.from_frame(pd.concat([frame, planted])).before(CUTOFF)
    assert after.as_of == before.as_of
    assert decoded(after) == decoded(before)
    if not new:
        for name in set(LINE_COLUMNS) - {"order"}:  # "planted" sorts last, but per customer
            np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


@pytest.mark.thorough
@thorough
@given(st.lists(any_line, min_size=1, max_size=20), any_line, rules)
def test_reading_as_of_a_day_knows_nothing_later(rows, later, rule):
    """Cancellations, new markets and nonsense too: as_of is the strict cut."""
    frame = frame_of(rows)
    planted = frame_of([later]).assign(timestamp=pd.Timestamp(CUTOFF))
    one = read_orders(frame, as_of=CUTOFF, **rule)
    other = read_orders(pd.concat([frame, planted]), as_of=CUTOFF, **rule)
    pd.testing.assert_frame_equal(one.orders, other.orders)
    assert other.report.lines_read == one.report.lines_read + 1
