"""Feature tables: what was known at the cut-off and no more, in memory and in a snapshot."""

import datetime as dt
import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contracts.orders import CUTOFF, many
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.dataset.feature_tables import FeatureTables
from restock.dataset.features import Features, OrderFeatures

pytestmark = pytest.mark.unit
MIDNIGHT = pd.Timestamp(CUTOFF)
US = pd.Timedelta(microseconds=1)
ORDER_FEATURES = OrderFeatures().read("customer", many()).names


def frame(*rows: tuple[str, pd.Timestamp, float], name: str = "staff") -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["id", "known_at", name])
    return table.astype({"known_at": "datetime64[us]", name: "float64"})


def value(interactions: Interactions, customer: str, name: str = "staff") -> float:
    found = interactions.features.read("customer", interactions)
    row = interactions.catalogue.customer_codes([customer])[0]
    return float(found.values[row, found.names.index(name)])


def test_the_columns_follow_the_order_features() -> None:
    train = many().with_features(customers=frame(("c11", MIDNIGHT - US, 4.0)))
    found = train.features.read("customer", train)
    assert found.names == (*ORDER_FEATURES, "staff")
    assert found.values.dtype == np.float32
    orders = OrderFeatures().read("customer", train)
    np.testing.assert_array_equal(found.values[:, :-1], orders.values)
    assert np.isnan(found.values[:, -1]).sum() == train.n_customers - 1
    assert value(train, "c11") == 4.0
    assert train.features.read("item", train).names == OrderFeatures().read("item", train).names


def test_what_is_known_at_midnight_is_not_known_before_it() -> None:
    past, future = ("c11", MIDNIGHT - US, 1.0), ("c11", MIDNIGHT, 2.0)
    train = many().with_features(customers=frame(future, past))
    assert value(train, "c11") == 1.0
    assert value(train.before(CUTOFF + dt.timedelta(days=1)), "c11") == 2.0
    assert np.isnan(value(train.before(CUTOFF - dt.timedelta(days=1)), "c11"))


def test_cuts_keep_the_tables() -> None:
    train = many().with_features(customers=frame(("c11", pd.Timestamp("2024-02-01"), 1.0)))
    day = dt.date(2024, 3, 1)
    for cut in (
        train.before(day),
        train.between(dt.date(2024, 2, 15), day),
        train.of_market("GB"),
        train.of_markets(["FR"]),
        train.of_customers(train.customers[:3]),
    ):
        assert value(cut, "c11") == 1.0


days = st.integers(0, 5)
rows = st.lists(
    st.tuples(st.integers(10, 15), days, st.integers(0, 99)), unique_by=lambda row: row[:2]
)


@pytest.mark.thorough
@given(rows, days)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_join_is_the_last_row_before_the_cut_off(
    found: list[tuple[int, int, int]], cut: int
) -> None:
    start = pd.Timestamp("2024-06-01")
    train = many().with_features(
        customers=frame(*((f"c{c}", start + pd.Timedelta(days=day), v) for c, day, v in found))
    )
    then = train.before((start + pd.Timedelta(days=cut)).date())
    for customer in range(10, 16):
        known = [(day, v) for c, day, v in found if c == customer and day < cut]
        expected = max(known)[1] if known else np.nan
        np.testing.assert_equal(value(then, f"c{customer}"), expected)


def test_a_row_counts_as_a_whole() -> None:
    table = frame(("c11", MIDNIGHT - 2 * US, 1.0), ("c11", MIDNIGHT - US, np.nan))
    assert np.isnan(value(many().with_features(customers=table), "c11"))


def test_customers_and_items_come_one_after_the_other() -> None:
    train = many().with_features(customers=frame(("c11", MIDNIGHT - US, 1.0)))
    both = train.with_features(items=frame(("i3", MIDNIGHT - US, 7.0), name="weight"))
    assert value(both, "c11") == 1.0
    assert both.features.read("item", both).names[-1] == "weight"
    again = both.with_features(customers=frame(("c11", MIDNIGHT - US, 5.0)))
    assert value(again, "c11") == 5.0


def test_unknown_ids_are_ignored_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    at = MIDNIGHT - US
    table = frame(("c11", at, 1.0), ("nobody", at, 2.0), ("nobody", at - US, 3.0), ("x", at, 4.0))
    train = many().with_features(customers=table)
    assert isinstance(train.features, FeatureTables)
    assert train.features.table("customer").ignored == 2
    assert "the customer features: 2 ids" in caplog.text
    without = many().with_features(customers=table.iloc[:1])
    assert without.hash == train.hash
    nobody = many().with_features(customers=table.iloc[1:])
    assert np.isnan(nobody.features.read("customer", nobody).values[:, -1]).all()


def test_numbers_as_ids_are_the_texts_that_orders_have() -> None:
    orders = many()
    ids = pa.array([str(code) for code in range(orders.n_customers)])
    table = orders.catalogue.customers.set_column(0, "id", ids)
    numbered = replace(orders, catalogue=replace(orders.catalogue, customers=table))
    at = MIDNIGHT - US
    for one in (1, 1.0, "1"):
        assert value(numbered.with_features(customers=frame((one, at, 3.0))), "1") == 3.0


# files ------------------------------------------------------------------------------------
def attached(orders: Interactions) -> Interactions:
    rows = (("c11", MIDNIGHT - US, 1.5), ("c11", MIDNIGHT + US, 9.0), ("c12", MIDNIGHT - US, 2.0))
    return orders.with_features(
        customers=frame(*rows), items=frame(("i3", MIDNIGHT - US, np.nan), name="weight")
    )


def same(one: Features, other: Features) -> None:
    assert one.names == other.names
    np.testing.assert_array_equal(one.values, other.values)


def test_a_parquet_file_is_as_good_as_a_frame(tmp_path: Path) -> None:
    table = frame(("c11", MIDNIGHT - US, 4.0), ("c12", MIDNIGHT - US, 5.0))
    table.set_index("id").to_parquet(tmp_path / "staff.parquet")
    one = many().with_features(customers=tmp_path / "staff.parquet")
    assert one.hash == many().with_features(customers=table.iloc[::-1]).hash
    assert value(one, "c12") == 5.0
    (tmp_path / "text.parquet").write_text("id,known_at")
    with pytest.raises(ValueError, match=r"text\.parquet cannot be read as Parquet"):
        many().with_features(customers=str(tmp_path / "text.parquet"))


def test_a_snapshot_holds_what_was_known_and_reads_it_late(tmp_path: Path) -> None:
    train = attached(many())
    train.save(tmp_path)
    assert pq.read_table(tmp_path / "features" / "customer.parquet")["staff"].to_pylist() == [
        *(1.5, 2.0)
    ]
    opened = Interactions.open(tmp_path)
    assert isinstance(opened.features, FeatureTables)
    assert isinstance(opened.features._tables["item"], Path)
    assert opened.hash == train.hash
    for entity in ("customer", "item"):
        same(opened.features.read(entity, opened), train.features.read(entity, train))
    (tmp_path / "features" / "item.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks its feature table .*item\.parquet"):
        Interactions.open(tmp_path)


def test_another_process_gets_the_tables_not_their_places(tmp_path: Path) -> None:
    attached(many()).save(tmp_path)
    opened = Interactions.open(tmp_path)
    sent = pickle.loads(pickle.dumps(opened))  # noqa: S301 - as Dask does between its processes
    assert isinstance(sent.features, FeatureTables)
    (tmp_path / "features" / "customer.parquet").unlink()
    assert value(sent, "c11") == 1.5


def test_the_hash_names_the_tables_too_but_not_the_future(tmp_path: Path) -> None:
    plain = many()
    train = attached(plain)
    other = plain.with_features(customers=frame(("c11", MIDNIGHT - US, 1.0)))
    another = plain.with_features(customers=frame(("c11", MIDNIGHT - US, 1.25)))
    item = plain.with_features(items=frame(("i3", MIDNIGHT - US, 1.0)))
    assert len({x.hash for x in (plain, train, other, another, item)}) == 5
    later = plain.with_features(
        customers=frame(("c11", MIDNIGHT - US, 1.0), ("c11", MIDNIGHT, 5.0))
    )
    assert later.hash == other.hash
    plain.save(tmp_path)
    assert not (tmp_path / "features").exists()
    assert "features" not in (tmp_path / "meta.json").read_text()


# what is refused --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="id"), "the customer features have no column id; they need id"),
        (lambda t: t.drop(columns="known_at"), "no column known_at"),
        (lambda t: t.drop(columns="staff"), "no column beside id and known_at"),
        (lambda t: t.assign(known_at="2024-01-01"), "known_at .*datetime64.*, not object"),
        (
            lambda t: t.assign(known_at=t["known_at"].dt.tz_localize("UTC")),
            "without a time zone .*not datetime64.*UTC",
        ),
        (lambda t: t.assign(known_at=pd.NaT), "rows without known_at"),
        (lambda t: t.assign(id=None), "rows without id"),
        (lambda t: t.assign(staff="many"), "column staff .* numbers, not object"),
        (lambda t: t.assign(staff=1e39), "column staff .* finite or missing"),
        (lambda t: pd.concat([t, t.assign(staff=2.0)]), "two rows of 'c11' known at 2024-06-30"),
        (lambda t: t.rename(columns={"staff": "orders"}), "orders: the customer features have"),
        (lambda t: pd.concat([t, t[["staff"]]], axis=1), "two columns staff"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(change, message: str) -> None:
    table = frame(("c11", MIDNIGHT - US, 1.0))
    with pytest.raises(ValueError, match=message):
        many().with_features(customers=change(table))


def test_tables_belong_to_their_interactions() -> None:
    train = many().with_features(customers=frame(("c11", MIDNIGHT - US, 1.0)))
    other = replace(many(customers=1), features=train.features)
    with pytest.raises(ValueError, match="know 'c11', these interactions do not"):
        other.features.read("customer", other)


class Elsewhere:
    """Features that lie in another system."""

    def read(self, entity: str, interactions: Interactions) -> Features:
        return Features((), np.empty((interactions.n_customers, 0), dtype=np.float32))


def test_features_from_elsewhere_are_not_dropped_silently(tmp_path: Path) -> None:
    there = replace(many(), features=Elsewhere())
    with pytest.raises(ValueError, match="features of Elsewhere lie outside"):
        there.save(tmp_path)
    with pytest.raises(ValueError, match="from Elsewhere, which feature tables would replace"):
        there.with_features(items=frame(("i3", MIDNIGHT, 1.0)))


# the guide --------------------------------------------------------------------------------
@pytest.mark.thorough
def test_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "features.md").read_text().split("\n## Feast\n")[0]
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    first, second = capsys.readouterr().out.splitlines()
    assert "'staff': 4.0" in first and "'staff': 9.0" in second
    for entity in ("customer", "item"):
        for name in OrderFeatures().read(entity, many()).names:
            assert f"`{name}`" in page
