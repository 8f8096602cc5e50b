"""Packed publications answer what the published rows say, to the last digit."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from contracts.served import table
from hypothesis import given, settings
from hypothesis import strategies as st

from restock.infra.publication_table import check_table, write_table
from restock.serving.lists import About, Lists
from restock.serving.packing import pack

pytestmark = pytest.mark.unit

COLUMNS = ["rank", "item_id", "item_name", "score", "bought_before", "reason"]


def packed(rows: pa.Table, folder: Path, said: int | None = None) -> Lists:
    """As a server sees them."""
    folder.mkdir(exist_ok=True, parents=True)
    k = max(rows["rank"].to_pylist())
    write_table(check_table(rows, "FR", k), folder / "rows.parquet")
    about = About(
        market="FR",
        token="run-1",
        as_of="2026-01-01",
        model="m",
        plan="reorder (market)",
        policy="reorder-market-1",
        k=k,
        customers=len(set(rows["customer_id"].to_pylist()) - {""}),
        rows=rows.num_rows if said is None else said,
        published="2026-01-01T00:00:00Z",
        time_zone="Europe/Paris",
    )
    pack(folder / "rows.parquet", about, folder / "arrays")
    return Lists.open(folder / "arrays")


def published(rows: pa.Table, customer: str) -> list[dict]:
    """The published rows of a customer, best first."""
    schema_rows = check_table(rows, "FR", max(rows["rank"].to_pylist())).to_pylist()
    return [{c: row[c] for c in COLUMNS} for row in schema_rows if row["customer_id"] == customer]


IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)


@settings(max_examples=30)
@given(customers=st.lists(IDS, min_size=1, max_size=12, unique=True), k=st.integers(1, 6))
def test_every_list_is_the_published_one_whatever_the_ids(
    tmp_path_factory: pytest.TempPathFactory, customers: list[str], k: int
) -> None:
    rows = table("FR", customers, k)
    lists = packed(rows, tmp_path_factory.mktemp("lists"))
    for customer in customers:
        for wanted in (1, k):
            answer = lists.answer(customer, wanted)
            said = json.loads(answer.body)
            assert said["items"] == published(rows, customer)[:wanted]
            assert said["customer"] == customer and said["fallback"] is answer.fallback is False
            assert json.loads(answer.items) == [item["item_id"] for item in said["items"]]


def test_an_unknown_customer_gets_the_list_of_unknown_customers(tmp_path: Path) -> None:
    rows = table("FR", ["b", "d"], 3)
    lists = packed(rows, tmp_path)
    for customer in ("a", "c", "e", "bb", "\u0000", "", "é"):
        said = json.loads(lists.answer(customer, 2).body)
        assert said["fallback"] is True and said["customer"] == customer
        assert said["items"] == published(rows, "")[:2]
        assert said["publication"] == {
            "token": "run-1",
            "as_of": "2026-01-01",
            "model": "m",
            "plan": "reorder (market)",
        }


def test_without_such_a_list_the_answer_is_empty(tmp_path: Path) -> None:
    lists = packed(table("FR", ["b"], 2, unknown=False), tmp_path)
    answer = lists.answer("a", 2)
    assert json.loads(answer.body)["items"] == [] and answer.shown == 0 and answer.fallback
    assert lists.answer("b", 2).shown == 2


def test_lists_may_end_anywhere_in_a_part_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table("FR", [f"{n:03d}" for n in range(40)], 7)
    monkeypatch.setattr("restock.serving.packing.ROWS_AT_ONCE", 10)
    lists = packed(rows, tmp_path)
    for n in range(40):
        said = json.loads(lists.answer(f"{n:03d}", 7).body)
        assert said["items"] == published(rows, f"{n:03d}")


def test_an_item_with_two_names_keeps_both(tmp_path: Path) -> None:
    rows = table("FR", ["a", "b"], 1).to_pylist()
    for row, name in zip(rows, ("lamp", "Lamp", None), strict=True):
        row |= {"item_id": "1", "item_name": name}
    lists = packed(pa.Table.from_pylist(rows), tmp_path)
    names = [json.loads(lists.answer(c, 1).body)["items"][0]["item_name"] for c in ("", "a", "b")]
    assert names == ["lamp", "Lamp", None]


def test_a_file_of_other_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds 6 rows, not 7"):
        packed(table("FR", ["a"], 3), tmp_path, said=7)


def test_rows_that_are_not_sorted_are_refused(tmp_path: Path) -> None:
    about = packed(table("FR", ["a"], 1), tmp_path / "sorted").about
    write_table(table("FR", ["b", "a"], 1), tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="'a' after 'b'"):
        pack(tmp_path / "rows.parquet", about, tmp_path / "arrays")


def test_a_server_holds_thirteen_bytes_of_a_row_and_no_object(tmp_path: Path) -> None:
    few = packed(table("FR", [f"{n:05d}" for n in range(200)], 10), tmp_path / "few")
    many = packed(table("FR", [f"{n:05d}" for n in range(400)], 10), tmp_path / "many")
    assert many.about.rows - few.about.rows == 2000

    def size(name: str) -> int:
        return sum(path.stat().st_size for path in (tmp_path / name / "arrays").glob("*.npy"))

    a_customer = 5 + 8 + 4  # its id, where that begins, its first row
    assert (size("many") - size("few")) / 200 <= 10 * 13 + a_customer
    assert all(array.dtype != np.object_ for array in many._arrays.values())
