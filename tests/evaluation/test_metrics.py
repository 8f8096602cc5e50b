"""The metrics against ranx and a plain-Python reference, and what they must not depend on."""

import dataclasses
import importlib
import math
from typing import NamedTuple

import numpy as np
import pytest
from contracts import plain_metrics
from contracts.judged import START, catalogue, interactions, recommendations
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.dataset.interactions import minute_of
from restock.evaluation import Fold, Scorecard, evaluate, rolling_folds
from restock.evaluation import metrics as m
from restock.kernels import metrics as kernels
from restock.kernels import policy
from restock.models.recommendations import Recommendations

# ranx's functions of one list; its package has other functions under the modules' names
average_precision, hit_rate, ndcg, precision, recall, reciprocal_rank = (
    importlib.import_module(f"ranx.metrics.{name}")
    for name in (
        "average_precision", "hit_rate", "ndcg", "precision", "recall", "reciprocal_rank",
    )
)  # fmt: skip

pytestmark = pytest.mark.unit

N_ITEMS, N_CUSTOMERS, CUT, DAYS = 8, 3, 10, 20


class Case(NamedTuple):
    fold: Fold
    lists: list[list[int]]  # of the judged customers
    k: int
    card: Scorecard


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small worlds: ties in the scores behind the lists, short lists, zero prices, no cost."""
    cost = draw(st.lists(st.sampled_from([np.nan, 0.0, 1.0, 50.0]), min_size=8, max_size=8))
    ids = catalogue(N_CUSTOMERS, N_ITEMS, unit_cost=cost)
    lines = [(0, 0, 0, 1, 1.0)]  # something to train on
    for customer in range(N_CUSTOMERS):
        for first, last in ((1, CUT - 1), (CUT, DAYS - 1)):
            bought = draw(st.lists(st.integers(0, N_ITEMS - 1), max_size=6, unique=True))
            when = draw(st.integers(first, last))
            for item in bought:
                value = draw(st.sampled_from([0.0, 0.5, 1.0, 3.0, 3.0, 40.0]))
                lines.append((customer, item, when, draw(st.integers(1, 3)), value))
    fold = rolling_folds(interactions(lines, ids, DAYS), horizon_days=DAYS - CUT, windows=1)[0]
    k = draw(st.integers(1, 6))
    allowed = np.flatnonzero(fold.candidates).tolist()
    lists = []
    for _ in fold.customers:
        scores = draw(st.lists(st.integers(0, 2), min_size=N_ITEMS, max_size=N_ITEMS))
        ranked = sorted(allowed, key=lambda item: (-scores[item], item))  # the tie rule
        ranked = ranked[: draw(st.integers(0, k))]
        lists.append(ranked + [-1] * (k - len(ranked)))
    given_lists = recommendations(fold.customers.tolist(), lists, k)
    return Case(fold, lists, k, evaluate(given_lists, fold, k=k))


def purchases(fold: Fold, row: int, segment: str) -> tuple[dict[int, float], dict[int, float]]:
    """(item → spend, item → margin) of a row in a segment."""
    relevance = fold.relevance
    at = range(relevance.indptr[row], relevance.indptr[row + 1])
    at = [i for i in at if segment == "all" or relevance.repeat[i] == (segment == "repeat")]
    spend = {int(relevance.item[i]): float(relevance.value[i]) for i in at}
    margin = {int(relevance.item[i]): float(relevance.margin[i]) for i in at}
    return spend, {item: value for item, value in margin.items() if not math.isnan(value)}


@pytest.mark.thorough
@given(cases())
@settings(max_examples=1000, deadline=None)
def test_all_metrics_agree_with_ranx_and_with_the_plain_reference(case: Case) -> None:
    agrees_with_the_plain_reference(case)
    agrees_with_ranx(case)


def agrees_with_the_plain_reference(case: Case) -> None:
    fold, lists, k, card = case
    names = m.columns(k)
    for row, listed in enumerate(lists):
        real = [item for item in listed if item >= 0]
        for segment in m.SEGMENTS:
            suffix = "" if segment == "all" else f"_{segment}"
            expected = plain_metrics.all_metrics(real, *purchases(fold, row, segment), k)
            for metric in (*m.AVERAGED, "captured", "spend"):
                column = f"spend{suffix}" if metric == "spend" else f"{metric}_at_{k}{suffix}"
                ours, theirs = card.values[row, names.index(column)], expected.get(metric, math.nan)
                assert abs(ours - theirs) <= 1e-9 or (math.isnan(ours) and math.isnan(theirs)), (
                    column
                )
        if real:
            before = fold.train.pairs
            start, stop = before.indptr[fold.customers[row] : fold.customers[row] + 2]
            buyers = [np.sum(before.item == item) / fold.train.customers.size for item in real]
            new = sum(item not in before.item[start:stop] for item in real) / len(real)
            assert card.column(f"new_item_share_at_{k}")[row] == pytest.approx(new, abs=1e-9)
            surprise = np.mean([-math.log2(share) for share in buyers])
            assert card.column(f"novelty_at_{k}")[row] == pytest.approx(surprise, abs=1e-9)
        discount = [1 / math.log2(place + 2) for place in range(k)]
        usual = [fold.train.value[fold.train.item == item].mean() for item in real]
        worth = sum(v * d for v, d in zip(usual, discount, strict=False)) / sum(discount)
        assert card.column(f"listed_value_at_{k}")[row] == pytest.approx(worth, rel=1e-5)


def ranx_values(listed: list[int], bought: dict[int, float], k: int) -> dict[str, float]:
    """What ranx says about one list."""
    by_spend = sorted(bought.items(), key=lambda pair: -pair[1])
    binary = np.array([[item, 1.0] for item, _ in by_spend])
    graded = np.array([[item, value] for item, value in by_spend])
    run = np.array([[item, -at] for at, item in enumerate(listed)], dtype=float).reshape(-1, 2)
    return {
        "ndcg": ndcg._ndcg(binary, run, k, 1, True),
        "map": average_precision._average_precision(binary, run, k, 1),
        "recall": recall._recall(binary, run, k, 1),
        "precision": precision._precision(binary, run, k, 1),
        "mrr": reciprocal_rank._reciprocal_rank(binary, run, k, 1),
        "hit_rate": hit_rate._hit_rate(binary, run, k, 1),
        "revenue_ndcg": ndcg._ndcg(graded, run, k, 0, True),
    }


def agrees_with_ranx(case: Case) -> None:
    fold, lists, k, card = case
    cold = [[-1] * k] * fold.cold.size
    everybody = np.array(lists + cold, dtype=np.int32).reshape(-1, k)
    over_all = m.score_lists(everybody, fold.relevance, fold, map_divisor="relevant")
    for row, listed in enumerate(lists):
        bought, _ = purchases(fold, row, "all")
        theirs = ranx_values([item for item in listed if item >= 0], bought, k)
        ours = {name: card.column(f"{name}_at_{k}")[row] for name in theirs}
        ours["map"] = over_all[row, m.columns(k).index(f"map_at_{k}")]
        ours["revenue_ndcg"] = np.nan_to_num(ours["revenue_ndcg"])  # ranx: 0 where none is spent
        for name, value in theirs.items():
            assert abs(ours[name] - value) <= 1e-9, name


# what a metric must not depend on ------------------------------------------------------------


def world(scale: float = 1.0) -> Fold:
    rng = np.random.default_rng(0)
    ids = catalogue(30, 40, unit_cost=scale * rng.uniform(0.5, 1.5, 40))
    customers, items, days = (rng.integers(0, n, 900).tolist() for n in (30, 40, 60))
    bought = dict.fromkeys(zip(customers, items, days, strict=True))
    lines = [
        (*key, float(rng.integers(1, 5)), scale * float(rng.integers(1, 64)) / 4) for key in bought
    ]
    return rolling_folds(interactions(lines, ids, 60), horizon_days=20, windows=1)[0]


def lists_of(fold: Fold, k: int = 10) -> Recommendations:
    rng = np.random.default_rng(3)
    allowed = np.flatnonzero(fold.candidates)
    lists = [rng.permutation(allowed)[:k].tolist() for _ in fold.customers]
    return recommendations(fold.customers.tolist(), lists)


def test_another_currency_scales_money_and_nothing_else() -> None:
    one, other = (evaluate(lists_of(fold), fold) for fold in (world(), world(scale=4096.0)))
    assert np.isfinite(one.column("margin_capture_at_10")).all()
    for name in m.columns(10):
        factor = 4096.0 if name.startswith(("captured", "spend", "listed_value")) else 1.0
        np.testing.assert_allclose(other.column(name), factor * one.column(name), rtol=1e-6)
    means = one.mean()
    means["listed_value_at_10"] *= 4096.0  # the only mean that is money
    assert means == pytest.approx(other.mean(), rel=1e-6)


def test_relabelled_items_and_customers_give_the_same_values() -> None:
    fold = world()
    rng = np.random.default_rng(8)
    items, customers = rng.permutation(40).astype(np.int32), rng.permutation(30).astype(np.int32)

    def relabel(part: Interactions) -> list[tuple[int, int, int, float, float]]:
        columns = (
            customers[part.customer],
            items[part.item],
            (part.minute - minute_of(START)) // 1440,
            part.quantity,
            part.value,
        )
        return list(zip(*(column.tolist() for column in columns), strict=True))

    cost = np.empty(40, np.float32)
    cost[items] = fold.train.catalogue.unit_cost
    ids = catalogue(30, 40, unit_cost=cost.tolist())
    lines = relabel(fold.train) + relabel(fold.test)
    renamed = rolling_folds(interactions(lines, ids, 60), horizon_days=20, windows=1)[0]
    lists = lists_of(fold)
    there = recommendations(customers[lists.customers].tolist(), items[lists.items].tolist())
    one, other = evaluate(lists, fold), evaluate(there, renamed)
    at = np.argsort(customers[one.customer])
    np.testing.assert_allclose(other.values, one.values[at], rtol=1e-9)
    assert one.mean() == pytest.approx(other.mean(), rel=1e-9)


def test_a_purchase_listed_higher_counts_more_where_places_count() -> None:
    fold = world()
    lists = lists_of(fold)
    items = lists.items.copy()
    items[:, [0, 1]] = items[:, [1, 0]]
    cards = [evaluate(some, fold) for some in (lists, dataclasses.replace(lists, items=items))]
    moved = 0
    for row in range(fold.customers.size):
        bought, _ = purchases(fold, row, "all")
        first, second = (int(item) in bought for item in lists.items[row, :2])
        if first != second:
            moved += 1
            higher, lower = cards if first else cards[::-1]
            for name in ("ndcg_at_10", "map_at_10", "mrr_at_10", "revenue_ndcg_at_10"):
                assert higher.column(name)[row] > lower.column(name)[row], name
            for name in ("recall_at_10", "precision_at_10", "hit_rate_at_10", "captured_at_10"):
                assert higher.column(name)[row] == lower.column(name)[row], name
    assert moved > 5


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_blocks_of_rows_change_no_digit(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fold = world()
    whole = evaluate(lists_of(fold), fold).values
    monkeypatch.setattr(kernels, "ROWS_PER_BLOCK", rows)
    monkeypatch.setattr(policy, "available_cores", lambda: 3)
    again = dataclasses.replace(fold)  # what was found of the purchases is found anew
    np.testing.assert_array_equal(evaluate(lists_of(again), again).values, whole)


def test_a_list_is_judged_alike_alone_and_after_others() -> None:
    fold, k = world(), 5
    alone = evaluate(lists_of(world(), k), world(), k=k)
    for depth in (10, 3):
        evaluate(lists_of(fold, depth), fold, k=depth)
    np.testing.assert_array_equal(evaluate(lists_of(fold, k), fold, k=k).values, alone.values)


def test_gini_is_half_the_relative_mean_difference() -> None:
    expected = plain_metrics.gini([5, 1, 1, 0, 0, 0, 9])
    assert m.gini(np.array([5, 1, 1, 9]), 7) == pytest.approx(expected)
    assert m.gini(np.array([2, 2, 2]), 3) == pytest.approx(0.0)
    assert math.isnan(m.gini(np.array([], dtype=np.int64), 3))


# names ---------------------------------------------------------------------------------------


def test_every_metric_is_explained() -> None:
    assert set(m.EXPLAINED) == set(m.METRICS)


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("ndcg_at_10", ("ndcg", 10, "all")),
        ("revenue_share_at_5_new", ("revenue_share", 5, "new")),
        ("hit_rate_at_20_repeat", ("hit_rate", 20, "repeat")),
    ],
)
def test_names_are_parsed_back(name: str, parsed: tuple[str, int, str]) -> None:
    assert m.parse_name(name) == parsed
    assert m.metric_name(*parsed) == name  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("ndgc_at_10", "ndcg_at_10"),
        ("ndcg@10", "ndcg_at_10"),
        ("ndcg_at_0", "ndcg_at_10"),
        ("ndcg_at_10_old", "ndcg_at_10"),
        ("ndcg_at_10_", "ndcg_at_10"),
        ("ndcg_at_010", "ndcg_at_10"),
        ("ndcg_at_10_all", "ndcg_at_10"),
        ("coverage_at_10_new", "coverage_at_10"),
        ("", "_at_10"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(ValueError, match=near):
        m.parse_name(wrong)
