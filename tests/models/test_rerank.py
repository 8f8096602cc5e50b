"""The contract of `rerank`, its features by plain counting, and what it learns."""

import datetime as dt
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.orders import CUTOFF, DAYS, Orders, many, orders
from contracts.recommender import RecommenderContract, everyone, some
from hypothesis import given

from restock.dataset import Interactions
from restock.dataset.features import Entity, Features, OrderFeatures
from restock.dataset.interactions import minute_of
from restock.models import CannotFit, FitContext, create, load
from restock.models.hybrid import Member
from restock.models.rerank_examples import examples
from restock.models.rerank_features import HALF_LIVES, Known

MEMBERS = (Member(name="reorder"), Member(name="item_knn"))
QUICK: dict[str, Any] = {
    "cutoffs": 2,
    "trees": 5,
    "least_leaf": 2,
    "proposals": 3,
    "members": [{"name": "reorder"}, {"name": "item_knn"}],
}


@pytest.mark.thorough
class TestRerank(RecommenderContract):
    name = "rerank"
    config: ClassVar[dict[str, Any]] = QUICK
    random = True


@pytest.mark.thorough
class TestBinary(RecommenderContract):
    name = "rerank"
    config: ClassVar[dict[str, Any]] = {**QUICK, "objective": "binary", "value_exponent": 0.25}
    random = True


def row_of(known: Known, train: Interactions, customer: int, item: int) -> dict[str, float]:
    """The features of one bought pair by name."""
    codes = train.catalogue
    c, i = codes.customer_codes([f"c{customer}"]), codes.item_codes([f"i{item}"])
    start, stop = train.pairs.indptr[c[0]], train.pairs.indptr[c[0] + 1]
    place = start + np.flatnonzero(train.pairs.item[start:stop] == i[0])
    row = known.rows(c, i, place.astype(np.int64))[0]
    return dict(zip(known.names, row.astype(float), strict=True))


@pytest.mark.unit
@given(orders)
@some
def test_features_of_a_pair_are_those_of_plain_counting(found: Orders) -> None:
    train = found.train()
    known = Known.of(train, 28)
    bought = {(c, i) for c, i, *_ in found.lines}
    for customer, item in bought:
        days = sorted({d for c, i, d, _ in found.lines if (c, i) == (customer, item)})
        every = sorted({d for c, _, d, _ in found.lines if c == customer})
        row = row_of(known, train, customer, item)
        ago = [len([d for d in every if d > day]) for day in days]
        assert row["pair.lines"] == len(days)
        assert row["pair.days_since"] == DAYS - days[-1]
        assert row["pair.orders_ago"] == min(ago)
        assert row["pair.share_of_orders"] == pytest.approx(len(days) / len(every))
        assert row["pair.orders_decayed"] == pytest.approx(sum(0.85**n for n in ago), rel=1e-5)
        last_three = len([n for n in ago if n < 3]) / min(len(every), 3)
        assert row["pair.in_last_3_orders"] == pytest.approx(last_three)
        for half_life in HALF_LIVES:
            expected = sum(0.5 ** ((DAYS - day) / half_life) for day in days)
            assert row[f"pair.lines_decayed_{half_life:.0f}"] == pytest.approx(expected, rel=1e-5)
        if len(days) > 1:
            gap = (days[-1] - days[0]) / (len(days) - 1)
            assert row["pair.gap_days"] == pytest.approx(gap)
            assert row["pair.overdue"] == pytest.approx((DAYS - days[-1]) / gap)
        else:
            assert np.isnan(row["pair.gap_days"])
        lines = {(c, d) for c, i, d, _ in found.lines if i == item}
        assert row["item.lines_28"] == len([1 for _, d in lines if DAYS - d <= 28])
        buyers = {c for c, _ in lines}
        assert row["item.lines_of_a_buyer"] == pytest.approx(len(lines) / len(buyers))
        assert row["customer.orders"] == len(every)
        home = {c for c, *_ in found.lines if c % 2 == customer % 2}
        assert row["market.customers"] == len(home)


@pytest.mark.unit
def test_what_was_never_bought_has_no_past_of_its_own() -> None:
    train = Orders(((0, 1, 5, 1), (2, 3, 9, 1))).train()
    customer, item = train.catalogue.customer_codes(["c0"]), train.catalogue.item_codes(["i3"])
    known = Known.of(train, 28)
    row = dict(zip(known.names, known.rows(customer, item, np.array([-1]))[0], strict=True))
    assert all(np.isnan(v) for name, v in row.items() if name.startswith("pair."))
    assert row["item.lines"] == 1
    assert row["customer.orders"] == 1


@pytest.mark.unit
def test_the_rows_of_a_cut_off_know_nothing_of_what_follows() -> None:
    whole = many()
    cutoff = CUTOFF - dt.timedelta(days=28)
    later = whole.minute >= minute_of(cutoff)
    other = replace(
        whole,
        item=np.where(later, (whole.item + 1) % whole.n_items, whole.item).astype(np.int32),
        value=np.where(later, whole.value * 100, whole.value).astype(np.float32),
    )
    one, changed = (
        examples(found, cutoff, CUTOFF, MEMBERS, 5, 0.0, FitContext())[0]
        for found in (whole, other)
    )
    np.testing.assert_array_equal(one.rows, changed.rows)
    assert (one.right != changed.right).any()


@pytest.mark.unit
def test_examples_are_what_was_bought_in_the_horizon() -> None:
    whole = many()
    cutoff, end = CUTOFF - dt.timedelta(days=28), CUTOFF
    found = examples(whole, cutoff, end, MEMBERS, 40, 1.0, FitContext())
    before, after = whole.before(cutoff), whole.between(cutoff, end)
    customers = np.intersect1d(before.customers, after.customers)
    bought = set(zip(after.customer.tolist(), after.item.tolist(), strict=True))
    right = sum(int(part.right.sum()) for part in found)
    assert right == sum(customer in customers for customer, _ in bought)  # 40 proposals: all items
    assert sum(part.sizes.size for part in found) == customers.size
    weight = np.concatenate([part.weight for part in found])
    hit = np.concatenate([part.right for part in found])
    assert (weight[~hit] == 1).all()
    assert np.unique(weight[hit]).size > 1  # more money, more weight


@pytest.mark.unit
@pytest.mark.parametrize("objective", ["lambdarank", "binary"])
def test_a_range_that_turned_over_leaves_the_members_to_vote(objective: str) -> None:
    """Nothing that could be proposed before the horizon was bought in it."""
    days = ((who % 3, DAYS - 40) if old else (5, DAYS - 2) for who in range(25) for old in (1, 0))
    lines = tuple((at // 2, item, day, 1) for at, (item, day) in enumerate(days))
    config = {**QUICK, "members": [{"name": "reorder"}], "objective": objective}
    model: Any = create("rerank", **config).fit(Orders(lines).train())
    assert model.importance == {}


@pytest.mark.unit
def test_too_little_to_learn_from_leaves_the_members_to_vote() -> None:
    train = Orders(((0, 1, DAYS - 1, 1), (0, 2, DAYS - 1, 1), (2, 2, DAYS - 2, 1))).train()
    model = create("rerank", **QUICK).fit(train)
    vote = create("blend", members=[{"name": "reorder"}, {"name": "item_knn"}]).fit(train)
    np.testing.assert_array_equal(
        model.recommend(everyone(train), 2).items, vote.recommend(everyone(train), 2).items
    )
    assert model.importance == {}  # type: ignore[attr-defined]


class Wishes:
    """A feature store that knows what each customer is up to: a group of items."""

    def read(self, entity: Entity, interactions: Interactions) -> Features:
        base = OrderFeatures().read(entity, interactions)
        size = interactions.n_customers if entity == "customer" else interactions.n_items
        group = (np.arange(size) % 2).astype(np.float32)[:, None]
        return Features((*base.names, "group"), np.hstack([base.values, group]))


@pytest.mark.unit
def test_it_learns_from_the_feature_store() -> None:
    """Customers buy items of their own group alone, but the past of each pair does not tell."""
    rng = np.random.default_rng(0)
    visits = [(c, d) for c in range(60) for d in range(4, DAYS, 7)]
    lines = [(c, int(i), d, 1) for c, d in visits for i in rng.integers(0, 20, 3)]
    train = Orders(tuple(lines)).train()
    group = np.arange(train.n_customers)[train.customer] % 2 == train.item % 2
    late = train.minute >= (train.as_of - 90 * 1440)
    train = train._select(group | ~late)  # in the last 90 days, only their own group
    config = {**QUICK, "trees": 60, "proposals": 20}
    blind = create("rerank", **config).fit(train)
    told = create("rerank", **config).fit(replace(train, features=Wishes()))
    hits = [
        (
            model.recommend(train.customers, 5, history="any").items % 2
            == train.customers[:, None] % 2
        ).mean()
        for model in (blind, told)
    ]
    assert "customer.group" in told.importance  # type: ignore[attr-defined]
    assert hits[1] > 0.9


@pytest.mark.unit
def test_what_the_trees_used_adds_up_and_is_saved(tmp_path: Any) -> None:
    model = create("rerank", **QUICK).fit(many())
    gain = model.importance  # type: ignore[attr-defined]
    assert sum(gain.values()) == pytest.approx(1)
    assert list(gain.values()) == sorted(gain.values(), reverse=True)
    model.save(tmp_path)
    assert load(tmp_path).importance == gain  # type: ignore[attr-defined]


@pytest.mark.unit
def test_a_system_without_openmp_is_told_before_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr("restock.models.rerank.import_module", broken)
    with pytest.raises(CannotFit, match=r"libgomp\.so\.1.*apt-get install libgomp1"):
        create("rerank", **QUICK).fit(many())
