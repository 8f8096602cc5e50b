"""The rows of a publication."""

import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contracts.publications import table
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.infra.publication_table import (
    ROWS_PER_GROUP,
    SCHEMA,
    check_table,
    read_rows,
    write_table,
)

pytestmark = pytest.mark.unit


def changed(column: str, values: dict[int, object]) -> pa.Table:
    rows = table().to_pylist()
    for at, value in values.items():
        rows[at][column] = value
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (table().drop(["score"]), "score"),
        (table().slice(0, 0), "no recommendations"),
        (changed("customer_id", {0: None}), "missing values in customer_id"),
        (changed("reason", {3: None}), "missing values in reason"),
        (changed("market", {0: "DE"}), "another market"),
        (table("DE"), "another market"),
        (changed("score", {0: float("nan")}), "finite"),
        (changed("score", {0: float("inf")}), "finite"),
        (changed("score", {0: 1e308}), "finite"),
        (changed("score", dict.fromkeys(range(6), "high")), "no publication"),
        (changed("rank", {0: 2, 1: 3}), "ranks"),
        (changed("rank", {0: 2}), "ranks"),
        (changed("rank", {1: 3}), "ranks"),
        (table(k=3), "up to 2"),
        (changed("item_id", {0: "item 2", 1: "item 2"}), "twice"),
    ],
)
def test_a_table_that_cannot_be_published_says_why(bad: pa.Table, why: str) -> None:
    with pytest.raises(ValueError, match=f"FR: .*{why}"):
        check_table(bad, "FR", 2)


def test_other_columns_are_left_out_and_types_made_one(tmp_path: Path) -> None:
    rows = table().append_column("fallback", pa.array([True] * 6))
    checked = check_table(rows, "FR", 2)
    assert checked.schema == SCHEMA
    write_table(checked, tmp_path / "rows")
    assert read_rows(tmp_path / "rows").equals(checked)


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(6)))
def test_the_order_of_rows_does_not_change_a_byte(
    order: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    write_table(check_table(table(), "FR", 2), folder / "a")
    write_table(check_table(table().take(order), "FR", 2), folder / "b")
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


def test_ids_keep_every_character(tmp_path: Path) -> None:
    ids = ["a\nb", "<script>alert(1)</script>", "NA", "NO", "é", "e\u0301", "' or 1=1", ""]
    rows = [{**table().to_pylist()[0], "customer_id": one, "item_id": one} for one in ids]
    write_table(check_table(pa.Table.from_pylist(rows), "FR", 2), tmp_path / "rows")
    for one in ids:
        assert [row["item_id"] for row in read_rows(tmp_path / "rows", one).to_pylist()] == [one]


def test_one_customer_lies_in_one_or_two_row_groups(tmp_path: Path) -> None:
    customers = 3 * ROWS_PER_GROUP // 2
    write_table(check_table(table(customers=customers), "FR", 2), tmp_path / "rows")
    groups = pq.ParquetFile(tmp_path / "rows").metadata
    assert groups.num_row_groups == 3
    column = SCHEMA.get_field_index("customer_id")
    bounds = [groups.row_group(at).column(column).statistics for at in range(3)]
    assert all(a.max < b.min for a, b in itertools.pairwise(bounds))
    assert read_rows(tmp_path / "rows", f"customer {customers - 1:05d}").num_rows == 2
