"""Folds: where the cuts are, who is judged, what may be listed, and that nothing leaks."""

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest
from contracts.judged import START, catalogue, interactions
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.dataset.interactions import LINE_COLUMNS, minute_of
from restock.evaluation import Fold, evaluate, last_n, rolling_folds
from restock.models import create

pytestmark = pytest.mark.unit

IDS = catalogue(4, 5)


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def example() -> Interactions:
    """Customers 0 and 1 come back, 2 is new in the last window, 3 never comes back."""
    lines = [
        (0, 0, 0, 1, 2.0), (0, 1, 5, 1, 3.0), (0, 0, 12, 2, 4.0), (0, 2, 19, 1, 1.0),
        (1, 0, 1, 1, 2.0), (1, 3, 9, 1, 2.0), (1, 1, 15, 3, 9.0), (1, 4, 16, 1, 1.0),
        (2, 1, 17, 1, 3.0), (3, 2, 2, 1, 1.0),
    ]  # fmt: skip
    return interactions(lines, IDS, 20)


def test_windows_end_at_as_of_and_do_not_overlap() -> None:
    folds = rolling_folds(example(), horizon_days=5, windows=3)
    assert [(fold.cutoff, fold.end) for fold in folds] == [
        (day(5), day(10)), (day(10), day(15)), (day(15), day(20))
    ]  # fmt: skip
    tested = sum(len(fold.test) for fold in folds)
    assert tested == len(example().between(day(5), day(20))) == 7  # no day is left out
    earlier = rolling_folds(example(), horizon_days=5, windows=1, as_of=day(12))
    assert earlier[0].cutoff == day(7)
    assert earlier[0].test.minute.max() < earlier[0].test.as_of


def test_a_line_of_the_cut_off_day_is_tested_not_trained() -> None:
    fold = rolling_folds(example(), horizon_days=5, windows=1)[0]
    assert fold.train.as_of_date == fold.cutoff == day(15)
    assert fold.train.age_days.min() > 0
    assert 1 in fold.test.item[fold.test.customer == 1]
    assert (fold.train.minute.max() < fold.test.minute.min()) and len(fold.train) == 6


def test_judged_customers_bought_before_and_in_the_window() -> None:
    fold = rolling_folds(example(), horizon_days=5, windows=1)[0]
    assert fold.customers.tolist() == [0, 1]
    assert fold.cold.tolist() == [2]
    assert fold.customers.dtype == np.int32


def test_candidate_items_need_orders_and_recent_ones() -> None:
    fold = rolling_folds(example(), horizon_days=5, windows=1)[0]
    assert np.flatnonzero(fold.candidates).tolist() == [0, 1, 2, 3]
    twice = rolling_folds(example(), horizon_days=5, windows=1, min_item_orders=2)[0]
    assert np.flatnonzero(twice.candidates).tolist() == [0]
    recent = rolling_folds(example(), horizon_days=5, windows=1, item_window_days=8)[0]
    assert np.flatnonzero(recent.candidates).tolist() == [0, 3]


def test_items_outside_the_candidates_stay_relevant() -> None:
    fold = rolling_folds(example(), horizon_days=5, windows=1)[0]
    assert not fold.candidates[4]
    assert 4 in fold.relevance.item


def test_relevance_adds_up_the_window_and_knows_repeats_and_margins() -> None:
    ids = catalogue(2, 3, unit_cost=[1.0, np.nan, 9.0])
    lines = [
        (0, 0, 0, 1, 5),
        (0, 0, 10, 2, 6),
        (0, 0, 11, 1, 3),
        (0, 1, 11, 1, 2),
        (0, 2, 12, 1, 4),
    ]
    relevance = rolling_folds(interactions(lines, ids, 14), horizon_days=7, windows=1)[0].relevance
    assert relevance.item.tolist() == [0, 1, 2]
    assert relevance.value.tolist() == [9, 2, 4]
    assert relevance.repeat.tolist() == [True, False, False]
    np.testing.assert_array_equal(relevance.margin, [6, np.nan, 0])  # sold below cost: not below 0


def test_a_young_market_has_fewer_folds_and_an_empty_one_none() -> None:
    assert len(rolling_folds(example(), horizon_days=5, windows=9)) == 3
    assert rolling_folds(interactions([], IDS, 20), horizon_days=5) == []


def test_a_fold_may_have_no_customer() -> None:
    fold = rolling_folds(interactions([(0, 0, 0, 1, 1)], IDS, 20), horizon_days=5, windows=1)[0]
    assert fold.customers.size == fold.cold.size == fold.relevance.item.size == 0
    assert len(fold.hash) == 64


def test_market_folds_share_the_catalogue_and_the_last_day() -> None:
    ids = catalogue(4, 5, markets=["DE", "FR"], home=[0, 0, 0, 1])
    whole = dataclasses.replace(example(), catalogue=ids)
    fold = rolling_folds(whole.of_market("FR"), horizon_days=5, windows=1)[0]
    assert fold.cutoff == day(15) and fold.train.catalogue is ids
    assert fold.train.customers.tolist() == [3]
    assert len(whole.before(fold.cutoff)) > len(fold.train)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"horizon_days": 0}, "horizon_days must be at least 1"),
        ({"windows": 0}, "windows must be at least 1"),
        ({"min_item_orders": 0}, "min_item_orders must be at least 1"),
        ({"item_window_days": 0}, "item_window_days must be at least 1"),
        ({"as_of": day(21)}, "after the last known day"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rolling_folds(example(), **wrong)  # type: ignore[arg-type]


# against a plain split of rows --------------------------------------------------------------


bought = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 4),
        st.integers(0, 19),
        st.just(1.0),
        st.integers(0, 9).map(float),
    ),
    max_size=40,
    unique_by=lambda line: line[:3],
)
Rows = list[tuple[int, int, int, float, float]]


def rows(lines: Interactions) -> pd.DataFrame:
    columns = {name: getattr(lines, name) for name in LINE_COLUMNS}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(lines)))


def assert_fold(fold: Fold, train: pd.DataFrame, test: pd.DataFrame) -> None:
    for found, wanted in ((fold.train, train), (fold.test, test)):
        pd.testing.assert_frame_equal(rows(found), wanted.reset_index(drop=True))
    both = set(test.customer) & set(train.customer)
    assert fold.customers.tolist() == sorted(both)
    assert fold.cold.tolist() == sorted(set(test.customer) - both)


@pytest.mark.thorough
@given(bought, st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_folds_are_what_filtering_rows_gives(
    bought: Rows, horizon: int, windows: int, least: int, recent: int
) -> None:
    whole = interactions(bought, IDS, 20)
    frame, first = rows(whole), minute_of(START)
    folds = rolling_folds(
        whole,
        horizon_days=horizon,
        windows=windows,
        min_item_orders=least,
        item_window_days=recent,
    )
    cutoffs = [20 - horizon * n for n in range(windows, 0, -1)]
    wanted = [number for number in cutoffs if (frame.minute < first + number * 1440).any()]
    assert [fold.cutoff for fold in folds] == [day(number) for number in wanted]
    for fold, number in zip(folds, wanted, strict=True):
        at = first + number * 1440
        train = frame[frame.minute < at]
        test = frame[(frame.minute >= at) & (frame.minute < at + horizon * 1440)]
        assert_fold(fold, train, test)
        sold = train.item.value_counts()
        lately = train.item[train.minute >= at - recent * 1440]
        expected = set(sold.index[sold >= least]) & set(lately)
        assert set(np.flatnonzero(fold.candidates)) == expected


@pytest.mark.thorough
@given(bought, st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_the_last_lines_of_each_customer_are_split_off(bought: Rows, n: int) -> None:
    whole = interactions(bought, IDS, 20)
    frame = rows(whole)
    test = frame.groupby("customer").tail(n)
    train = frame.drop(test.index)
    fold = last_n(whole, n)
    assert_fold(fold, train, test)
    assert set(np.flatnonzero(fold.candidates)) == set(train.item)
    assert (fold.train.as_of, fold.cutoff, fold.horizon_days) == (whole.as_of, day(20), 0)


def test_last_lines_are_judged_like_a_window() -> None:
    fold = last_n(example(), min_item_orders=2)
    assert np.flatnonzero(fold.candidates).tolist() == [0, 1]
    assert (fold.customers.tolist(), fold.cold.tolist()) == ([0, 1], [2, 3])
    lists = create("reorder").fit(fold.train).recommend(fold.customers, 1, allowed=fold.candidates)
    card = evaluate(lists, fold, k=1)
    assert card.mean()["recall_at_1"] == 0  # 0 came to buy item 2, 1 item 4
    assert last_n(example(), 2).hash != fold.hash
    for wrong in ({"n": 0}, {"min_item_orders": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be at least 1, not 0"):
            last_n(example(), **wrong)


def test_no_fold_holds_a_training_line() -> None:
    whole = example()
    for fold in rolling_folds(whole, horizon_days=5, windows=3):
        for part in (fold.train, fold.test):
            assert part.ranges.columns["item"] is whole.item
            assert not set(vars(part)) & set(LINE_COLUMNS)


# what happens after a cut-off is not seen before it ------------------------------------------


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 120
    minutes = pd.to_timedelta(rng.integers(0, 80 * 1440, n), "min")
    return pd.DataFrame(
        {
            "market": "FR",
            "customer_id": rng.integers(0, 9, n).astype(str),
            "order_id": np.arange(n).astype(str),
            "item_id": rng.integers(0, 12, n).astype(str),
            "timestamp": pd.Timestamp("2024-01-01") + minutes,
            "quantity": 1.0,
            "unit_price": rng.integers(1, 9, n) * 1.0,
        }
    )  # fmt: skip


CUT = dt.date(2024, 2, 25)
END = dt.date(2024, 3, 10)


def last_fold(lines: pd.DataFrame) -> Fold:
    return rolling_folds(Interactions.from_frame(lines), horizon_days=14, windows=1, as_of=END)[0]


@given(
    kind=st.sampled_from(["plant", "alter", "remove"]),
    customer=st.integers(0, 8),
    item=st.integers(0, 11),
    hours=st.integers(0, 14 * 24 - 1),
    price=st.floats(0, 1e6),
    which=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_no_line_after_the_cut_off_changes_training(
    kind: str, customer: int, item: int, hours: int, price: float, which: int
) -> None:
    lines = frame()
    before = last_fold(lines)
    late = lines.index[
        (lines.timestamp >= pd.Timestamp(CUT)) & (lines.timestamp < pd.Timestamp(END))
    ]
    if kind == "plant":
        when = pd.Timestamp(CUT) + pd.Timedelta(hours=hours)
        new = pd.DataFrame([["FR", str(customer), "planted", str(item), when, 3.0, price]])
        changed = pd.concat([lines, new.set_axis(lines.columns, axis=1)], ignore_index=True)
    elif kind == "alter":
        changed = lines.copy()
        changed.loc[late[which % late.size], ["unit_price", "quantity"]] = [price, 7.0]
    else:
        changed = lines.drop(late[which % late.size])
    after = last_fold(changed)
    for name in LINE_COLUMNS:
        if name != "order":  # only a number that names an order
            np.testing.assert_array_equal(getattr(after.train, name), getattr(before.train, name))
    assert after.train.as_of == before.train.as_of
    np.testing.assert_array_equal(after.candidates, before.candidates)
    np.testing.assert_array_equal(after.surprise, before.surprise)


def test_row_order_changes_nothing() -> None:
    lines = frame()
    shuffled = lines.sample(frac=1, random_state=1)
    assert last_fold(lines).hash == last_fold(shuffled).hash


def test_the_hash_covers_all_that_makes_scorecards_comparable() -> None:
    base = example()
    fold = rolling_folds(base, horizon_days=5, windows=1)[0]
    others = [
        rolling_folds(base, horizon_days=5, windows=2)[0],
        rolling_folds(base, horizon_days=4, windows=1)[0],
        rolling_folds(base, horizon_days=5, windows=1, min_item_orders=2)[0],
        dataclasses.replace(fold, customers=fold.customers[:1]),
        dataclasses.replace(fold, cold=fold.cold[:0]),
        dataclasses.replace(fold, cutoff=day(14)),
        dataclasses.replace(fold, horizon_days=6),
        rolling_folds(dataclasses.replace(base, value=base.value * 2), horizon_days=5, windows=1)[
            0
        ],
        rolling_folds(
            dataclasses.replace(base, catalogue=catalogue(4, 6)), horizon_days=5, windows=1
        )[0],
    ]
    hashes = [fold.hash, *(other.hash for other in others)]
    assert len(set(hashes)) == len(hashes)
    assert rolling_folds(base, horizon_days=5, windows=1)[0].hash == fold.hash


def test_the_hash_covers_who_the_customers_are() -> None:
    """The same purchases by another customer, judged or cold, are another fold."""
    ids = catalogue(6, 5)
    hashes = set()
    for warm, cold in ((0, 2), (1, 2), (0, 4)):
        lines = [(0, 0, 0, 1, 1.0), (1, 0, 0, 1, 1.0), (warm, 1, 9, 1, 1.0), (cold, 1, 9, 1, 1.0)]
        hashes.add(rolling_folds(interactions(lines, ids, 10), horizon_days=5, windows=1)[0].hash)
    assert len(hashes) == 3


def test_the_hash_covers_metric_version_and_tie_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def fresh() -> str:
        return rolling_folds(example(), horizon_days=5, windows=1)[0].hash

    usual = fresh()
    monkeypatch.setattr("restock.evaluation.folds.METRIC_VERSION", 99)
    newer = fresh()
    monkeypatch.setattr("restock.evaluation.folds.TIE_RULE", "by chance")
    assert len({usual, newer, fresh()}) == 3
