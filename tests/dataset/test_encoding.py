"""Encoding by counting gives what sorting all lines by seven keys gives, to the last bit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import Interactions, load_sample, read_orders
from restock.dataset.interactions import LINE_COLUMNS

pytestmark = pytest.mark.unit


def plainly(frame):
    """The columns of ``Interactions``, item names and homes by one comparison sort."""
    codes = {name: pd.factorize(frame[name], sort=True) for name in ("customer_id", "item_id")}
    (customer, customers), (item, items) = codes.values()
    market, markets = pd.factorize(frame["market"], sort=True)
    pairs = list(zip(frame["order_id"], customer, strict=True))
    known = {pair: code for code, pair in enumerate(sorted(set(pairs)))}
    order = np.array([known[pair] for pair in pairs])
    minute = frame["timestamp"].to_numpy("datetime64[m]").astype(np.int64)
    minute = pd.Series(minute).groupby(order).transform("min").to_numpy()
    quantity = frame["quantity"].to_numpy(np.float64)
    value = quantity * frame["unit_price"].to_numpy(np.float64)
    by = np.lexsort((market, value, quantity, item, order, minute, customer))
    start = np.flatnonzero(np.diff(order[by] * items.size + item[by], prepend=-1))
    of_line = np.repeat(np.arange(start.size), np.diff(start, append=by.size))
    lines = {
        "customer": customer[by][start],
        "item": item[by][start],
        "order": order[by][start],
        "minute": minute[by][start],
        "quantity": np.bincount(of_line, quantity[by]).astype(np.float32),
        "value": np.bincount(of_line, value[by]).astype(np.float32),
    }
    home = dict(zip(customer[by], markets[market[by]], strict=True))  # the last one stays
    names = frame[frame["item_name"].notna()].groupby("item_id")["item_name"]
    best = names.agg(lambda column: column.value_counts().sort_index().idxmax())
    costs = frame.groupby("item_id")["unit_cost"].max().reindex(items).astype(np.float32)
    return lines, customers, items, [home[c] for c in range(customers.size)], best, costs


@st.composite
def frames(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, orders, items = draw(st.integers(1, 120)), draw(st.integers(1, 12)), draw(st.integers(1, 9))
    text = np.array(["a", "B", "é", "10", "9", "b c", "Z", "\u4e2d", "zz", "0", "A", "x"])
    order = rng.integers(0, orders, n)
    own = rng.random() < 0.5  # every order has one customer
    who = order % 4 if own else rng.integers(0, 4, n)
    names = np.array(["n1", "n2", "n3", None], dtype=object)
    return pd.DataFrame(
        {
            "market": np.array(["FR", "DE", "GB"])[rng.integers(0, 3, n)],
            "customer_id": text[who],
            "order_id": text[order],
            "item_id": text[rng.integers(0, items, n)],
            "timestamp": np.datetime64("1970-01-03T00:00:30", "ms")
            + rng.integers(0, 10**7, n) * np.timedelta64(1000, "ms"),
            "quantity": rng.choice([0.1, 0.2, 0.3, 1e6, 7.0], n),
            "unit_price": rng.choice([0.0, 0.1, 1 / 3, 1e5], n),
            "item_name": names[rng.integers(0, 4, n)],
            "unit_cost": rng.choice([np.nan, 0.5, 2.0], n),
        }
    )


@pytest.mark.thorough
@settings(max_examples=150, deadline=None)
@given(frames(), st.randoms(use_true_random=False))
def test_every_bit_is_that_of_the_plain_sort(frame, random):
    lines, customers, items, home, best, costs = plainly(frame)
    x = Interactions.from_frame(frame)
    for name, dtype in LINE_COLUMNS.items():
        found = getattr(x, name)
        assert found.dtype == dtype
        assert found.tobytes() == lines[name].astype(dtype).tobytes(), name
    catalogue = x.catalogue
    assert catalogue.customers["id"].to_pylist() == customers.tolist()
    assert [catalogue.markets[code] for code in catalogue.customer_market] == home
    assert catalogue.items["id"].to_pylist() == items.tolist()
    assert catalogue.items["name"].to_pylist() == [best.get(name) for name in items]
    assert catalogue.unit_cost.tobytes() == costs.to_numpy().tobytes()

    rows = list(range(len(frame)))
    random.shuffle(rows)
    texts = ["market", "customer_id", "order_id", "item_id", "item_name"]
    coded = frame.iloc[rows].astype(dict.fromkeys(texts, "category"))
    assert Interactions.from_frame(coded).hash == x.hash


@pytest.mark.thorough
@settings(max_examples=60, deadline=None)
@given(frames())
def test_what_was_read_gives_the_same_as_its_frame(frame):
    clean = read_orders(frame)
    if clean.report.lines_kept:
        assert clean.interactions().hash == Interactions.from_frame(clean.orders).hash


@pytest.mark.thorough
def test_the_snapshot_of_the_sample_keeps_its_name():
    clean = load_sample()
    x = clean.interactions()
    assert x.hash == "c4dcf6181b00283e9a1f42efe649e121694131284a687dc4a81218e1c1c705bb"
    assert Interactions.from_frame(clean.orders).hash == x.hash
