"""The bundled sample gives the figures on which every published result rests."""

import datetime as dt
import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from restock.dataset import Interactions, load_sample
from restock.dataset.contract import ORDER_LINES
from restock.dataset.interactions import LINE_COLUMNS

pytestmark = pytest.mark.unit

CUTOFFS = ("2011-06-25", "2011-07-23", "2011-08-20", "2011-09-17", "2011-10-15", "2011-11-12")


@pytest.fixture(scope="module")
def protocol():
    return load_sample(cancellations="drop", home_market="most_frequent")


@pytest.fixture(scope="module")
def interactions(protocol):
    return Interactions.from_frame(protocol.orders)


@pytest.fixture(scope="module")
def netted():
    return load_sample()


def test_the_files_are_the_ones_that_the_licence_page_names():
    folder = files("restock.dataset") / "data"
    page = (folder / "LICENSE.md").read_text()
    for name in ("online_retail.parquet", "online_retail_ii_2009.parquet"):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() in page
    assert "CC BY 4.0" in page
    assert "Chen, D., Sain, S.L., Guo, K. (2012)" in page


@pytest.mark.thorough
def test_the_numbers_of_the_protocol(protocol):
    orders = protocol.orders
    assert len(orders) == 788_187
    assert orders["customer_id"].nunique() == 5_852
    assert orders["item_id"].nunique() == 4_619
    assert orders["order_id"].nunique() == 36_594
    assert len(orders[["customer_id", "item_id"]].drop_duplicates()) == 480_971
    assert len(orders[orders["timestamp"] >= "2010-12-01"]) == 396_337
    assert orders["market"].nunique() == 41
    assert (orders["quantity"] > 0).all()
    assert (orders["unit_price"] > 0).all()
    ORDER_LINES.validate(orders)


def test_every_line_of_the_two_files_is_accounted_for(protocol, netted):
    for clean in (protocol, netted):
        report = clean.report
        assert report.lines_read == 525_461 + 541_909
        assert report.lines_kept + len(clean.quarantine) == report.lines_read
        counts = report.reasons.set_index("reason")["lines"]
        assert counts["repeated in the file that continues this one"] == 22_523
        assert counts["bad-debt adjustment"] == 6
        first = clean.quarantine.iloc[0]
        assert {"invoice", "stock_code", "country", "reason"} <= set(first.index)


def test_the_page_shows_the_account_as_it_is(netted):
    page = Path(__file__).parents[2] / "docs" / "data-contract.md"
    assert f"```text\n{netted.report}\n```" in page.read_text()


@pytest.mark.thorough
def test_one_event_per_invoice_and_item(interactions):
    assert len(interactions) == 766_079
    assert interactions.n_customers == 5_852
    assert interactions.n_items == 4_619
    assert interactions.pairs.item.size == 480_971
    events = interactions.order.astype(np.int64) * interactions.n_items + interactions.item
    assert np.unique(events).size == len(interactions)


def test_the_judged_customers_of_the_six_windows(interactions):
    judged = 0
    for text in CUTOFFS:
        day = dt.date.fromisoformat(text)
        known = interactions.before(day).customers
        later = interactions.between(day, day + dt.timedelta(days=28)).customers
        judged += np.isin(later, known).sum()
    assert judged == 6_068


def test_repeat_shares_of_the_largest_markets(interactions):
    """A (customer, item, order) is a repeat when the item was bought at an earlier time."""
    first = np.full(interactions.pairs.item.size, np.iinfo(np.int32).max, dtype=np.int32)
    np.minimum.at(first, interactions.pairs.of_line, interactions.minute)
    repeat = interactions.minute > first[interactions.pairs.of_line]
    assert round(repeat.mean(), 3) == 0.372
    published = {"GB": 0.368, "DE": 0.368, "FR": 0.392, "IE": 0.717, "NL": 0.620, "PT": 0.243}
    for market, share in published.items():
        of_market = interactions.market == interactions.catalogue.market_code(market)
        # the published shares go by the country of the line, these by the home of the customer
        assert repeat[of_market].mean() == pytest.approx(share, abs=0.002)


@pytest.mark.thorough
def test_orders_that_were_cancelled_within_minutes_are_gone(protocol, netted):
    for item, units in (("23843", 80_995), ("23166", 74_215)):
        before = protocol.orders.loc[protocol.orders["item_id"] == item, "quantity"]
        after = netted.orders.loc[netted.orders["item_id"] == item, "quantity"]
        assert before.max() == units
        assert after.empty or after.max() < 5_000


def test_netting_never_makes_units(protocol, netted):
    key = ["customer_id", "item_id"]
    ordered = protocol.orders.groupby(key)["quantity"].sum()
    net = netted.orders.groupby(key)["quantity"].sum()
    assert (net <= ordered.reindex(net.index)).all()
    assert ordered.sum() - net.sum() == netted.report.units_netted


def test_customers_of_two_countries(protocol, netted):
    for clean in (protocol, netted):
        homes = clean.orders.groupby("customer_id")["market"].nunique()
        assert (homes == 1).all()
        assert clean.report.customers_abroad == 12  # a thirteenth has one line that is no product


@pytest.mark.thorough
def test_an_earlier_day_can_be_asked_for(netted):
    early = load_sample(as_of="2011-06-25")
    assert early.orders["timestamp"].max() < np.datetime64("2011-06-25")
    # what is cancelled later is not yet cancelled
    now = netted.orders[netted.orders["timestamp"] < "2011-06-25"]
    assert early.orders["quantity"].sum() > now["quantity"].sum()


@pytest.mark.thorough
def test_the_order_of_the_rows_of_the_files_does_not_matter(protocol, interactions):
    shuffled = Interactions.from_frame(protocol.orders.sample(frac=1, random_state=1))
    for name in LINE_COLUMNS:
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(interactions, name))
    assert shuffled.hash == interactions.hash
