"""Logs as lists: rewards, what was on offer, and what other policies would have ranked."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from restock.dataset import Interactions
from restock.dataset.exposures import validate_exposures
from restock.evaluation.ope.offered import closed_up, seen, told
from restock.evaluation.ope.shown import NOBODY, NOTHING, UNSOLD, ShownLists
from restock.evaluation.ope.target import model_rankings, published_rankings
from restock.models import create

pytestmark = pytest.mark.unit

ORDERS = [
    # market, customer, order, item, day, price
    ("FR", "a", "1", "apple", "2024-01-01", 2.0),
    ("FR", "a", "1", "bread", "2024-01-01", 3.0),
    ("FR", "b", "2", "bread", "2024-01-02", 3.0),
    ("FR", "a", "3", "apple", "2024-02-01", 5.0),
    ("FR", "a", "4", "bread", "2024-02-09", 7.0),
    ("DE", "c", "5", "cider", "2024-01-03", 4.0),
]
SHOWN = [
    # market, customer, item, position, propensity, time, outcome
    ("FR", "a", "bread", 1, 0.5, "2024-02-01 09:00", "click"),
    ("FR", "a", "apple", 2, 0.25, "2024-02-01 09:00", "none"),
    ("FR", "a", "apple", 1, 0.5, "2024-02-01 15:00", "order"),
    ("FR", "b", "plum", 4, 1.0, "2024-02-02 09:00", "none"),
    ("FR", "b", "bread", 9, 0.5, "2024-02-02 09:00", "none"),
    ("FR", "stranger", "apple", 1, 0.5, "2024-02-03 09:00", "order"),
    ("DE", "a", "cider", 1, 0.5, "2024-02-03 09:00", "none"),
]


@pytest.fixture
def orders() -> Interactions:
    names = ["market", "customer_id", "order_id", "item_id", "timestamp", "unit_price"]
    frame = pd.DataFrame(ORDERS, columns=names).assign(quantity=1.0)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"]) + pd.Timedelta(hours=10)
    return Interactions.from_frame(frame)


@pytest.fixture
def log() -> pd.DataFrame:
    names = ["market", "customer_id", "item_id", "position", "propensity", "timestamp", "outcome"]
    frame = pd.DataFrame(SHOWN, columns=names).assign(policy="p")
    return validate_exposures(frame)


@pytest.fixture
def shown(log: pd.DataFrame, orders: Interactions) -> ShownLists:
    return ShownLists.of(log, orders.catalogue)


def codes(orders: Interactions, *items: str) -> list[int]:
    return orders.catalogue.item_codes(list(items)).tolist()


def test_rows_become_lists_from_the_top_whatever_their_order(
    log: pd.DataFrame, orders: Interactions, shown: ShownLists
) -> None:
    apple, bread, cider = codes(orders, "apple", "bread", "cider")
    assert shown.n == 5 and shown.k == 2
    expected = [
        [cider, NOTHING],
        [bread, apple],
        [apple, NOTHING],
        [UNSOLD, bread],  # gaps between positions are closed
        [apple, NOTHING],
    ]
    assert shown.items.tolist() == expected
    assert shown.propensity.tolist()[1] == [0.5, 0.25] and shown.propensity[0, 1] == 1
    assert shown.there.sum() == 7
    a, b = orders.catalogue.customer_codes(["a", "b"])
    # in DE, customer a is not at home, and a stranger has no orders
    assert shown.customer.tolist() == [NOBODY, a, a, b, NOBODY]
    assert len(set(shown.who.tolist())) == 4 and shown.who[1] == shown.who[2]
    shuffled = log.sample(frac=1, random_state=1).reset_index(drop=True)
    again = ShownLists.of(shuffled, orders.catalogue)
    for name in ShownLists.__dataclass_fields__:
        assert np.array_equal(getattr(again, name), getattr(shown, name))


def test_clicks_orders_and_revenue_are_what_came_of_each_place(
    orders: Interactions, shown: ShownLists
) -> None:
    assert shown.rewards("click", orders).tolist() == [[0, 0], [1, 0], [1, 0], [0, 0], [1, 0]]
    assert shown.rewards("order", orders).tolist() == [[0, 0], [0, 0], [1, 0], [0, 0], [1, 0]]
    # the apple of that day belongs to the list that led to its order, once; bread came later
    assert shown.rewards("revenue", orders).tolist() == [[0, 0], [0, 0], [5, 0], [0, 0], [0, 0]]
    rates = np.array([1.0, 2.0])
    assert shown.rewards("revenue", orders, rates).sum() == 10


def test_an_unknown_market_is_named(log: pd.DataFrame, orders: Interactions) -> None:
    with pytest.raises(ValueError, match="no orders of market NO"):
        ShownLists.of(log.assign(market="NO"), orders.catalogue)


def test_an_item_is_on_offer_when_others_saw_or_bought_it_close_by(
    orders: Interactions, shown: ShownLists
) -> None:
    apple, bread, cider = codes(orders, "apple", "bread", "cider")
    every = np.tile(np.array([apple, bread, cider, -1], np.int32), (shown.n, 1))
    on_offer = seen(shown, orders)(every)
    assert not on_offer[:, 3].any()
    assert not on_offer[1:, 2].any()  # cider is sold in DE only
    assert not on_offer[0].any()  # and there only this very list showed it
    assert on_offer[1:, :2].all()
    alone = ShownLists.of(
        validate_exposures(
            pd.DataFrame(
                [("FR", "b", "apple", 1, 0.5, "2024-06-01", "order", "p")],
                columns=[
                    "market", "customer_id", "item_id", "position",
                    "propensity", "timestamp", "outcome", "policy",
                ],
            )
        ),
        orders.catalogue,
    )  # fmt: skip
    assert not seen(alone, orders)(every[:1]).any()


def test_a_run_out_of_stock_is_seen_where_an_item_is_in_demand(orders: Interactions) -> None:
    apple, bread = codes(orders, "apple", "bread")
    days = pd.date_range("2024-03-01", periods=9)
    rows = [
        ("FR", f"c{who}", "plum" if item == "apple" and day == days[4] else item, 1, 0.5, day)
        for day in days
        for who, item in [*((n, "apple") for n in range(20)), (30, "bread")]
    ]
    names = ["market", "customer_id", "item_id", "position", "propensity", "timestamp"]
    frame = pd.DataFrame(rows, columns=names).assign(outcome="none", policy="p")
    log = ShownLists.of(validate_exposures(frame), orders.catalogue)
    every = np.tile(np.array([apple, bread], np.int32), (log.n, 1))
    on_offer = seen(log, orders)(every)
    out = log.day == int(days[4].to_datetime64().astype("datetime64[D]").astype(int))
    assert not on_offer[out, 0].any() and on_offer[~out, 0].all()
    assert on_offer[:, 1].all()  # seen once a day: its absence would tell nothing


def test_an_item_is_on_offer_on_the_days_that_a_table_tells(
    orders: Interactions, shown: ShownLists
) -> None:
    apple, bread, _ = codes(orders, "apple", "bread", "cider")
    table = pd.DataFrame(
        {"market": ["FR", "FR"], "item_id": ["apple", "nothing"], "day": ["2024-02-01"] * 2}
    )
    every = np.tile(np.array([apple, bread, -1], np.int32), (shown.n, 1))
    on_offer = told(shown, table, orders.catalogue)(every)
    assert on_offer[:, 0].tolist() == [False, True, True, False, False]
    assert not on_offer[:, 1:].any()
    assert closed_up(every, on_offer, 2).tolist()[1] == [apple, -1]
    assert closed_up(every, every == bread, 1).tolist() == [[bread]] * shown.n


def test_a_model_ranks_for_customers_and_what_is_popular_for_strangers(
    orders: Interactions, shown: ShownLists
) -> None:
    apple, bread, cider = codes(orders, "apple", "bread", "cider")
    model = create("reorder").fit(orders.before(dt.date(2024, 1, 15)))
    ranked = model_rankings(model, shown, 2)
    assert ranked[0].tolist()[0] == cider
    assert set(ranked[1].tolist()) == {apple, bread}
    assert ranked[4].tolist() == [bread, apple]  # two orders of bread, one of apple
    nothing = {code: np.zeros(orders.n_items, bool) for code in (0, 1)}
    nothing[1][apple] = True
    assert model_rankings(model, shown, 2, nothing)[4].tolist() == [apple, -1]


def test_published_lists_are_found_for_each_customer_and_for_strangers(
    orders: Interactions, shown: ShownLists
) -> None:
    apple, bread, _ = codes(orders, "apple", "bread", "cider")
    rows = [
        ("FR", "a", 2, "apple"),
        ("FR", "a", 1, "bread"),
        ("FR", "", 1, "apple"),
        ("FR", "gone", 1, "apple"),
        ("FR", "b", 1, "unsold"),
        ("FR", "b", 2, "bread"),
    ]
    table = pd.DataFrame(rows, columns=["market", "customer_id", "rank", "item_id"])
    found = published_rankings(table, shown, orders.catalogue)
    expected = [[-1, -1], [bread, apple], [bread, apple], [bread, -1], [apple, -1]]
    assert found.tolist() == expected
