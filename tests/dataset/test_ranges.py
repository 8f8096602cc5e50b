"""Cuts and selections are views: what they show is what a copy of the lines would hold."""

import datetime as dt
import pickle
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contracts.judged import START, Line, catalogue, interactions
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.dataset.interactions import LINE_COLUMNS, minute_of

pytestmark = pytest.mark.unit

CUSTOMERS, ITEMS, DAYS = 5, 4, 12
IDS = catalogue(CUSTOMERS, ITEMS, markets=["DE", "FR"], home=[0, 1, 0, 1, 1])
Cut = tuple[str, int, int]

lines = st.lists(
    st.tuples(
        st.integers(0, CUSTOMERS - 1),
        st.integers(0, ITEMS - 1),
        st.integers(0, DAYS - 1),
        st.integers(1, 9).map(float),
        st.integers(0, 99).map(float),
    ),
    max_size=40,
    unique_by=lambda line: line[:3],
)
cuts = st.lists(
    st.tuples(
        st.sampled_from(["before", "between", "market", "customers"]),
        st.integers(-1, DAYS + 1),
        st.integers(-1, DAYS + 1),
    ),
    max_size=3,
)


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def cut(whole: Interactions, by: Cut) -> Interactions:
    how, one, other = by
    if how == "before":
        return whole.before(day(one))
    if how == "between":
        return whole.between(day(one), day(other))
    if how == "market":
        return whole.of_market("DE" if one % 2 else "FR")
    return whole.of_customers(np.array(sorted({one % CUSTOMERS, other % CUSTOMERS})))


def copied(whole: Interactions, by: Cut) -> Interactions:
    """The same by a mask over all lines, with a copy of each column."""
    how, one, other = by
    as_of, mask = whole.as_of, np.ones(len(whole), dtype=bool)
    if how == "before":
        as_of = minute_of(day(one))
        mask = whole.minute < as_of
    elif how == "between":
        as_of = minute_of(day(other))
        mask = (whole.minute >= minute_of(day(one))) & (whole.minute < as_of)
    elif how == "market":
        mask = whole.market == (0 if one % 2 else 1)
    else:
        mask = np.isin(whole.customer, [one % CUSTOMERS, other % CUSTOMERS])
    columns = {name: getattr(whole, name)[mask] for name in LINE_COLUMNS}
    return Interactions(**columns, catalogue=whole.catalogue, as_of=as_of)


def read(lines: Interactions) -> dict[str, NDArray[np.generic]]:
    return {name: getattr(lines, name) for name in LINE_COLUMNS}


@pytest.mark.thorough
@given(lines, cuts)
@settings(max_examples=200, deadline=None)
def test_a_view_shows_what_a_copy_would_hold(bought: list[Line], by: list[Cut]) -> None:
    view = copy = interactions(bought, IDS, DAYS)
    for one in by:
        view, copy = cut(view, one), copied(copy, one)
    for name, column in read(copy).items():
        assert getattr(view, name).dtype == column.dtype
        np.testing.assert_array_equal(getattr(view, name), column)
    assert (len(view), view.as_of, repr(view)) == (len(copy), copy.as_of, repr(copy))
    assert view.hash == copy.hash
    for fact in ("indptr", "customers", "shards", "market", "age_days"):
        np.testing.assert_array_equal(getattr(view, fact), getattr(copy, fact))
    for fact in ("indptr", "item", "of_line"):
        np.testing.assert_array_equal(getattr(view.pairs, fact), getattr(copy.pairs, fact))
    for half_life in (3.0, np.inf):
        np.testing.assert_array_equal(
            view.decayed_lines(half_life), copy.pairs.sum(copy.decay(half_life))
        )


@given(lines, st.lists(st.integers(-1, DAYS + 1), max_size=4).map(sorted))
@settings(max_examples=50, deadline=None)
def test_lines_of_items_are_counted_up_to_any_moment(bought: list[Line], days: list[int]) -> None:
    whole = interactions(bought, IDS, DAYS).of_market("FR")
    moments = [minute_of(day(number)) for number in days]
    found = whole.ranges.items_until(moments, ITEMS)
    assert found.shape == (len(days), ITEMS)
    for number, counts in zip(days, found, strict=True):
        expected = np.bincount(whole.before(day(number)).item, minlength=ITEMS)
        assert counts.tolist() == expected.tolist()


def test_blocks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shop()
    usual = read(whole.before(day(200))), whole.ranges.items_until([whole.as_of // 2], 50)
    monkeypatch.setattr("restock.dataset.ranges.CUSTOMERS_PER_BLOCK", 3)
    monkeypatch.setattr("restock.dataset.ranges.threads", lambda: 3)
    parted = read(whole.before(day(200))), whole.ranges.items_until([whole.as_of // 2], 50)
    for name, column in usual[0].items():
        np.testing.assert_array_equal(parted[0][name], column)
    np.testing.assert_array_equal(parted[1], usual[1])


def shop(customers: int = 20, days: int = 400, each: int = 200) -> Interactions:
    """Customers with ``each`` lines over a year and more; a line a day at most."""
    rng = np.random.default_rng(0)
    bought = np.sort(np.argsort(rng.random((customers, days)))[:, :each], axis=1)
    size = customers * each
    return Interactions(
        customer=np.repeat(np.arange(customers, dtype=np.int32), each),
        item=rng.integers(0, 50, size, dtype=np.int32),
        order=np.arange(size, dtype=np.int32),
        minute=(minute_of(START) + bought.ravel() * 1440).astype(np.int32),
        quantity=rng.random(size).astype(np.float32),
        value=rng.random(size).astype(np.float32),
        catalogue=catalogue(customers, 50),
        as_of=minute_of(day(days)),
    )


def test_views_of_views_hold_no_line() -> None:
    whole = shop(each=300)
    fr = whole.of_market("FR")
    views = [fr, fr.before(day(300)), fr.before(day(300)).between(day(9), day(250))]
    for view in views:
        for name in set(LINE_COLUMNS) - {"customer"}:
            assert view.ranges.columns[name] is getattr(whole, name)
            getattr(view, name)
        assert not set(vars(view)) & set(LINE_COLUMNS)  # what was read is not kept


@pytest.mark.parametrize(
    "read",
    [lambda view: None, lambda view: view.value, lambda view: view.decay_table(30.0)],
)
def test_cutting_and_reading_take_no_memory_that_stays(
    read: Callable[[Interactions], object],
) -> None:
    whole = shop(each=390)
    bytes_of_a_copy = 4 * len(LINE_COLUMNS) * len(whole)
    read(whole.before(day(1)))  # what belongs to the whole is there
    tracemalloc.start()
    try:
        views = [whole.before(day(400 - n)) for n in range(12)]
        for view in views:
            read(view)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < bytes_of_a_copy / 2 and len(views[0]) > len(whole) / 2


def test_a_view_travels_without_what_it_is_a_part_of() -> None:
    whole = shop()
    view = whole.before(day(5))
    sent = pickle.dumps(view)
    assert len(sent) < len(pickle.dumps(whole)) / 4
    again = pickle.loads(sent)  # noqa: S301 - our own
    assert again.hash == view.hash and len(again) == len(view)


def test_a_view_is_saved_and_replaced_as_what_it_shows(tmp_path: Path) -> None:
    view = shop().between(day(50), day(80))
    view.save(tmp_path)
    opened = Interactions.open(tmp_path)
    later = replace(view, as_of=view.as_of + 1440)
    for name, column in read(view).items():
        np.testing.assert_array_equal(getattr(opened, name), column)
        np.testing.assert_array_equal(getattr(later, name), column)
    assert opened.hash == view.hash != later.hash
    again = opened.before(day(60))  # of columns that nobody may write to
    np.testing.assert_array_equal(again.value, view.before(day(60)).value)
    assert again.parquet(tmp_path).is_file()


def test_a_name_that_nobody_has_is_an_error() -> None:
    for orders in (shop(), shop().before(day(9))):
        with pytest.raises(AttributeError, match="'Interactions' object has no attribute 'prize'"):
            _ = orders.prize  # type: ignore[attr-defined]
