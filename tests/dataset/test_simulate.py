"""The simulated world without a policy: seeded, chunked, clean, inside its own rules."""

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import Interactions, read_orders, simulate
from restock.dataset import columns as c
from restock.dataset.contract import ORDER_LINES
from restock.dataset.simulate import Simulation, make_setting, run, simulate_chunks
from restock.dataset.simulated_markets import market_codes, share_out
from restock.dataset.simulator_parameters import frozen
from restock.kernels.simulation import available_items

pytestmark = pytest.mark.unit

SMALL = {"markets": 3, "customers": [60, 20, 5], "items": 120, "days": 150}


@pytest.fixture(scope="module")
def world() -> Simulation:
    return simulate(**SMALL, seed=1)


def test_the_seed_decides(world: Simulation) -> None:
    pd.testing.assert_frame_equal(simulate(**SMALL, seed=1).orders, world.orders)
    other = simulate(**SMALL, seed=2).orders
    assert len(other) != len(world) or not other.equals(world.orders)


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 25), min_size=1, max_size=4),
    items=st.integers(1, 60),
    days=st.integers(1, 90),
    seed=st.integers(0, 2**31 - 1),
    chunk_lines=st.integers(1, 400),
)
def test_chunks_are_the_whole_in_the_same_order(
    sizes: list[int], items: int, days: int, seed: int, chunk_lines: int
) -> None:
    asked = {"markets": len(sizes), "customers": sizes, "items": items, "days": days, "seed": seed}
    whole = simulate(**asked)
    chunks = list(simulate_chunks(**asked, chunk_lines=chunk_lines))
    for name, column in whole.lines._asdict().items():
        joined = np.concatenate([getattr(chunk.lines, name) for chunk in chunks])
        np.testing.assert_array_equal(joined, column)
    owners = [set(chunk.lines.customer.tolist()) for chunk in chunks]
    assert sum(map(len, owners)) == len(set().union(*owners)), "a customer is never split"


def test_chunks_stay_small(world: Simulation) -> None:
    most = int(np.bincount(world.lines.customer).max())
    sizes = [len(chunk) for chunk in simulate_chunks(**SMALL, seed=1, chunk_lines=most)]
    assert max(sizes) <= most
    assert sum(sizes) == len(world)


def test_another_market_changes_nothing() -> None:
    alone = simulate(customers={"FR": 30}, items=120, days=150).orders
    beside = simulate(customers={"DE": 50, "FR": 30, "NO": 3}, items=120, days=150).orders
    beside = beside[beside[c.MARKET] == "FR"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, beside)


def test_interactions_are_those_of_the_frame(world: Simulation) -> None:
    encoded = Interactions.from_frame(world.orders)
    direct = world.interactions()
    assert direct.as_of_date == dt.date(2024, 1, 1) + dt.timedelta(days=SMALL["days"])
    assert replace(direct, as_of=encoded.as_of).hash == encoded.hash


def test_under_the_catalogue_of_everyone_codes_are_numbers(world: Simulation) -> None:
    whole = world.interactions(everyone=True)
    assert (whole.n_customers, whole.n_items) == (85, 120)
    np.testing.assert_array_equal(whole.customer, world.lines.customer)
    ids = whole.catalogue.customer_ids(whole.customer)
    assert (ids == world.orders[c.CUSTOMER].to_numpy()).all()
    assert (whole.catalogue.item_ids(whole.item) == world.orders[c.ITEM].to_numpy()).all()
    assert (np.diff(pd.Index(whole.catalogue.customers["id"].to_pylist()).argsort()) == 1).all()


def test_every_row_is_clean(world: Simulation) -> None:
    ORDER_LINES.validate(world.orders)
    read = read_orders(world.orders)
    assert len(read.quarantine) == 0
    assert len(read.orders) == len(world) > 500


def test_without_order_lines_there_are_still_a_frame_and_interactions() -> None:
    setting = make_setting(markets=1, customers=1, items=1, days=1, start=dt.date(2024, 1, 6))
    empty = run(setting)  # a Saturday: nobody orders
    assert len(empty) == 0
    assert list(empty.orders.columns) == list(c.REQUIRED + c.OPTIONAL)
    assert len(empty.interactions()) == 0
    assert len(empty.exposures) == 0


def test_nothing_is_sold_that_cannot_be_had(world: Simulation) -> None:
    lines, kernel = world.lines, world.setting.world
    market = np.searchsorted(world.setting.offsets, lines.customer, side="right") - 1
    for row, day in {*zip(market.tolist(), lines.day.tolist(), strict=True)}:
        sold = lines.item[(market == row) & (lines.day == day)]
        assert available_items(kernel, row, kernel.burn + day)[sold].all()
    assert (kernel.local <= 0).any(), "some items are in no assortment"


def test_stock_outs_stop_sales() -> None:
    asked = {"markets": 1, "customers": 60, "items": 80, "days": 100}
    short, full = simulate(**asked, stock_out=0.6), simulate(**asked, stock_out=0.0)
    assert len(short) < 0.7 * len(full)


def test_items_come_and_go() -> None:
    setting = make_setting(markets=1, customers=10, items=3000, days=730)
    birth, death = setting.world.birth[0], setting.world.death[0]
    begin, end = setting.world.burn, setting.world.burn + 730
    p = frozen()
    share = 1 - 1 / (1 + p.births_per_day * 730)
    assert (birth >= begin).mean() == pytest.approx(share, abs=0.03)
    assert 0.1 < (death < end).mean() < 0.7
    assert (birth < death).all()


def test_nobody_orders_on_a_closed_day(world: Simulation) -> None:
    date = world.orders[c.TIMESTAMP]
    assert not date.dt.strftime("%m-%d").isin(frozen().closed).any()
    resting = [day for day, level in enumerate(frozen().weekday) if level == 0]
    assert resting == [5]
    assert not date.dt.weekday.isin(resting).any()
    assert date.dt.hour.between(6, 20).all()
    one = world.orders.groupby([c.CUSTOMER, date.dt.normalize()])[c.ORDER].nunique()
    assert (one == 1).all()


def test_prices_are_in_the_currency_of_the_market() -> None:
    asked = {"customers": {"JP": 40, "GB": 40}, "items": 60, "days": 120}
    local = simulate(**asked, currency="local")
    reporting = simulate(**asked, currency="reporting")
    ratio = local.orders[c.UNIT_PRICE] / reporting.orders[c.UNIT_PRICE]
    japan = local.orders[c.MARKET] == "JP"
    rate = local.truth.markets.set_index("code").rate
    assert ratio[japan].median() == pytest.approx(rate["JP"], rel=0.02)
    assert (ratio[~japan] == rate["GB"]).all()
    assert (local.orders[c.UNIT_PRICE] > local.orders[c.UNIT_COST]).mean() > 0.95


def test_sizes_are_as_skewed_as_asked() -> None:
    sizes = share_out(frozen(), 40, 5852)
    assert sizes.sum() == 5852
    assert sizes[0] / 5852 == pytest.approx(frozen().leader_share, abs=0.01)
    assert (np.diff(sizes) <= 0).all() and sizes[-1] >= 1
    equal = simulate(markets=2, customers=[7, 9], items=20, days=20).setting.markets
    assert sorted(market.customers for market in equal) == [7, 9]


def test_market_codes_are_valid_and_distinct() -> None:
    codes = market_codes(160)
    assert len(set(codes)) == 160
    assert pd.Series(codes).str.fullmatch(c.MARKET_PATTERN).all()


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"customers": 3, "markets": 5}, "5 markets"),
        ({"customers": [3], "markets": 2}, "2 markets"),
        ({"customers": {"FR": 0}}, "1 markets"),
        ({"markets": 0}, "market"),
        ({"items": 0}, "items"),
        ({"days": 0}, "days"),
        ({"stock_out": 1.0}, "stock_out"),
        ({"currency": "gold"}, "currency"),
    ],
)
def test_a_world_that_cannot_be_is_refused(asked: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        simulate(**asked)


def test_chunks_without_a_line_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one line"):
        next(simulate_chunks(markets=1, customers=2, chunk_lines=0))


def test_a_setting_can_be_changed_before_it_is_run() -> None:
    """How drift with a known cause is made: here the prices of a market double on day 60."""
    asked = {"customers": {"FR": 30, "DE": 30}, "items": 60, "days": 120}
    changed = make_setting(**asked)
    row = [market.code for market in changed.markets].index("FR")
    changed.world.price[row, changed.world.burn + 60 :] *= 2
    before, after = simulate(**asked), run(changed)
    assert (before.lines.item == after.lines.item).all()
    ratio = after.lines.price / before.lines.price
    late = (before.lines.day >= 60) & (before.orders[c.MARKET] == "FR").to_numpy()
    assert ratio[late] == pytest.approx(2.0, rel=0.2)
    assert (ratio[~late] == 1.0).all()


@pytest.mark.thorough
def test_the_page_about_it_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    logged, better = names["logged"], names["better"]
    assert isinstance(logged, Simulation) and isinstance(better, Simulation)
    worth = [(s.lines.quantity * s.lines.price).sum() for s in (logged, better)]
    assert worth[1] > worth[0]
