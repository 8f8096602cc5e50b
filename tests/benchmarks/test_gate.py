"""The gate's benchmark on a small world: it asks the real gate, and counts what is false."""

import datetime as dt

import numpy as np
import pytest

from restock.benchmarks import gate_tail, gate_world, gate_year, judging
from restock.benchmarks.gate import true_ratio
from restock.benchmarks.gate_world import Shaken, World, retail, simulated
from restock.benchmarks.rates import poisson, share
from restock.dataset import Interactions

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def orders() -> Interactions:
    return simulated({"GB": 120, "PT": 30}, 0)


@pytest.fixture(scope="module")
def world(orders: Interactions) -> World:
    plans = {"a": Shaken(0), "b": Shaken(1), "once": Shaken(0, fresh=False), "bad": Shaken(2, 3.0)}
    return World(orders, plans)


def test_a_day_judges_all_plans_on_the_same_fold(world: World) -> None:
    day = world.day(world.last_night)
    assert set(day.cards) == {"popular", "a", "b", "once", "bad"}
    for market in ("GB", "PT"):
        assert len({cards[market].fold_hash for cards in day.cards.values()}) == 1
    a, b, bad = (day.cards[plan]["GB"] for plan in ("a", "b", "bad"))
    assert (a.lists != b.lists).any()
    assert bad.mean()["ndcg_at_10"] < a.mean()["ndcg_at_10"]


def test_a_plan_is_the_same_whenever_it_is_refitted(orders: Interactions, world: World) -> None:
    again = World(orders, {"a": Shaken(0)}).day(world.last_night)
    np.testing.assert_array_equal(
        again.cards["a"]["GB"].lists, world.day(world.last_night).cards["a"]["GB"].lists
    )


def test_a_night_sees_only_windows_that_are_over(world: World) -> None:
    night = world.last_night
    judged = world.judged(night, {"GB": {"one": "a"}})["GB"]["one"]
    assert len(judged) == 6 and max(card.end for card in judged) == night
    world.forget_before(night)
    assert all(card.cutoff >= night - dt.timedelta(days=168) for card in judged)


def test_published_lists_are_those_of_the_market(world: World) -> None:
    lists = world.published(world.last_night, "a", "PT")
    home = world.interactions.catalogue.customer_market[lists["customer_id"].to_numpy()]
    assert set(home) == {world.markets.index("PT")}
    assert lists["customer_id"].unique().to_pylist() != []
    assert len(lists["customer_id"].unique()) == world.orderers(world.last_night, "PT")


def test_drawn_customers_bring_their_orders(
    orders: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_world, "sample", lambda: orders)
    drawn = retail({"DE": 50, "FR": 20}, seed=3)
    assert drawn.n_customers == 70 and drawn.catalogue.markets == ("DE", "FR")
    assert (np.diff(drawn.customer) >= 0).all()
    picked = np.random.default_rng(3).choice(orders.customers, 50)
    for new, old in enumerate(picked[:5]):
        for name in ("item", "minute", "value"):
            np.testing.assert_array_equal(
                getattr(drawn, name)[drawn.customer == new],
                getattr(orders, name)[orders.customer == old],
            )
    of_order = {}
    for order, customer in zip(drawn.order.tolist(), drawn.customer.tolist(), strict=True):
        assert of_order.setdefault(order, customer) == customer


def test_a_year_reports_its_three_rates(
    orders: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_year, "NIGHTS", 2)
    world = World(orders, {"a": Shaken(0), "b": Shaken(1)})
    figures = {
        figure.figure: figure
        for figure in gate_year.year(world, equal=[("a", "b")], better=[("b", "a")], own=["GB"])
    }
    assert set(figures) == {
        "aa_replacements_per_market_year", "refresh_rate", "false_discovery_rate"
    }  # fmt: skip
    assert figures["refresh_rate"].value == 1.0
    assert figures["aa_replacements_per_market_year"].high > 100  # two nights prove nothing


def test_replacements_are_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a gate that always replaces, every night of every market is a false one."""

    def always(judged: dict, in_service: dict) -> dict:
        class Decision:
            replaced, basis = True, "own"

            def __init__(self, chosen: str) -> None:
                self.chosen = chosen

        other = {m: next(p for p in plans if p != in_service[m]) for m, plans in judged.items()}
        return {market: Decision(chosen) for market, chosen in other.items()}

    monkeypatch.setattr(gate_year, "decide", always)
    run = gate_year.EqualPlans(("a", "b"), {"GB": "a", "PT": "b"})
    run.on(world, world.last_night)
    assert run.replacements == 2 and run.in_service == {"GB": "b", "PT": "a"}
    mixed = gate_year.MixedMarkets([("a", "b")], [("bad", "a")], ["GB", "PT"])
    mixed.on(world, 0, world.last_night)
    assert (mixed.true, mixed.false) == (1, 1)
    mixed.on(world, 1, world.last_night)  # both swap back: no better now
    assert (mixed.true, mixed.false) == (1, 3)


def test_the_true_ratio_is_that_of_all_judged_days(orders: Interactions) -> None:
    world = World(orders, {"better": Shaken(0), "worse": Shaken(2, 3.0)})
    world.day(world.last_night)
    cards = world.day(world.last_night).cards
    sums = [cards[plan]["GB"].column("ndcg_at_10").sum() for plan in ("better", "worse")]
    assert true_ratio(world) == pytest.approx(sums[0] / sums[1]) and sums[0] > sums[1]


def test_rates_have_exact_intervals() -> None:
    none = poisson("x", 0, 10.0, "u")
    assert (none.value, none.low) == (0, 0) and none.high == pytest.approx(0.3689, abs=1e-4)
    some = poisson("x", 5, 10.0, "u")
    assert (some.low, some.high) == (
        pytest.approx(0.1623, abs=1e-4),
        pytest.approx(1.1668, abs=1e-4),
    )
    all_of_them = share("x", 10, 10, "u")
    assert (all_of_them.low, all_of_them.high) == (pytest.approx(0.6915, abs=1e-4), 1.0)
    assert share("x", 0, 0, "u").value == 0.0


def test_real_pairs_are_made_equal(orders: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_tail, "sample", lambda: orders)
    monkeypatch.setattr(gate_tail, "DRAWS", 30)
    found = list(gate_tail.pairs())
    assert len(found) == 12
    for _, challenger, champion in found:
        np.testing.assert_allclose(challenger.sum(axis=0), champion.sum(axis=0))
    ours, usual = gate_tail.error_rates(*found[0][1:], n=100, alpha=0.3)
    assert 0 <= ours <= 0.6 and 0 < usual <= 0.6


def test_purchases_are_ranked_among_all_and_among_few(
    orders: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "sample", lambda: orders)
    monkeypatch.setattr(judging, "PURCHASES", 100)
    monkeypatch.setattr(judging, "available", lambda: ["popular", "reorder"])
    figures = {figure.figure: figure.value for figure in judging.figures()}
    for name in ("popular", "reorder"):
        assert 0 < figures[f"hit_rate_all.{name}"] < figures[f"hit_rate_sampled_99.{name}"] < 1
        assert 0 < figures[f"map_r.{name}"] <= figures[f"map_min_k_r.{name}"] < 1
    assert 0.9 < figures["rank_agreement.map_at_10"] <= 1
