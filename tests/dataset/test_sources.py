"""Sources that cannot be read at all say what, why and what to do; the others all agree."""

import gzip
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from restock.dataset import BadOrders, Interactions, read_orders
from restock.dataset.online_retail import LEAST_OVERLAP

pytestmark = pytest.mark.unit


def test_a_missing_column(order_lines, tmp_path):
    frame = order_lines().drop(columns=["quantity", "market"])
    with pytest.raises(BadOrders, match=r"the frame: no column market, quantity among.*columns="):
        read_orders(frame)
    frame.to_parquet(tmp_path / "orders.parquet")
    with pytest.raises(BadOrders, match=r"orders\.parquet: no column market, quantity"):
        read_orders(tmp_path / "orders.parquet")


@pytest.mark.parametrize(
    ("column", "values", "cause"),
    [
        ("quantity", ["a", "b", "c"], r"'quantity' \(quantity\) holds string, not a number"),
        ("quantity", [True, False, True], "holds boolean, not a number"),
        ("unit_price", ["1.5"] * 3, "holds string, not a number"),
        ("timestamp", [20240301, 20240302, 20240303], "holds integer, not a time stamp"),
        ("timestamp", [True] * 3, "holds boolean, not a time stamp"),
        ("timestamp", ["yesterday"] * 3, "does not hold time stamps.*such as 'yesterday'"),
        ("customer_id", [True, False, True], "holds boolean, not an id"),
        ("item_id", [b"a", b"b", b"c"], "holds bytes, not an id"),
        ("order_id", pd.to_datetime(["2024-01-01"] * 3), "holds datetime64, not an id"),
        ("market", [["FR"]] * 3, "holds mixed, not text"),
        ("unit_cost", ["x"] * 3, "holds string, not a number"),
    ],
)
def test_a_column_of_the_wrong_type(order_lines, column, values, cause):
    with pytest.raises(BadOrders, match=cause):
        read_orders(order_lines(**{column: values}))


def test_wrong_types_are_named_together_by_the_names_of_the_source(order_lines):
    frame = order_lines(unit_price=["1"] * 3, quantity=["2"] * 3)
    frame = frame.rename(columns={"quantity": "Menge"})
    with pytest.raises(BadOrders, match=r"'Menge' \(quantity\).*'unit_price' \(unit_price\)"):
        read_orders(frame, columns={"Menge": "quantity"})


def test_a_csv_column_that_holds_no_numbers(order_lines, tmp_path):
    order_lines(quantity=["2,5", "3,5", "4"]).to_csv(tmp_path / "orders.csv", index=False)
    with pytest.raises(BadOrders, match=r"'quantity' does not hold numbers: 2 of its 3 values"):
        read_orders(tmp_path / "orders.csv")


def test_a_few_unreadable_cells_are_bad_lines(order_lines, tmp_path):
    frame = order_lines(4, quantity=["2", "two", "", "1e308"])
    frame["timestamp"] = ["2024-03-01", "2024-03-02T10:00", "2024-02-30", "9999-12-31"]
    frame.loc[2:, "quantity"] = ["3", "4"]
    frame.to_csv(tmp_path / "orders.csv", index=False)
    clean = read_orders(tmp_path / "orders.csv")
    assert clean.orders["quantity"].tolist() == [2.0]
    assert clean.quarantine["reason"].tolist() == [
        "quantity is not a finite number",
        "no timestamp, or an unreadable one",
        "timestamp not between 1970 and 2200",
    ]
    assert clean.quarantine["quantity"].tolist() == ["two", "3", "4"]


def test_unreadable_cells_are_judged_over_all_files_and_in_each_large_one(order_lines, tmp_path):
    order_lines(1, quantity=["?"]).to_csv(tmp_path / "a.csv", index=False)
    order_lines(2).to_csv(tmp_path / "b.csv", index=False)
    assert read_orders(tmp_path).report.lines_kept == 2
    order_lines(2000).to_csv(tmp_path / "b.csv", index=False)
    order_lines(1500, timestamp=["31.12.2023"] * 1500).to_csv(tmp_path / "c.csv", index=False)
    with pytest.raises(BadOrders, match=r"c\.csv: column 'timestamp' does not hold time stamps"):
        read_orders(tmp_path)


@pytest.mark.parametrize("name", ["orders.parquet", "orders.csv"])
def test_an_empty_file(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(BadOrders, match=rf"{name}: the file is empty \(0 bytes\)"):
        read_orders(tmp_path / name)


def test_a_source_without_lines(order_lines, tmp_path):
    none = order_lines().iloc[:0]
    none.to_parquet(tmp_path / "none.parquet")
    none.to_csv(tmp_path / "none.csv", index=False)
    for source in (none, tmp_path / "none.parquet", tmp_path / "none.csv"):
        with pytest.raises(BadOrders, match="there is no order line in it"):
            read_orders(source)


def test_one_of_several_files_may_be_without_lines(order_lines, tmp_path):
    order_lines().iloc[:0].to_csv(tmp_path / "a.csv", index=False)
    order_lines().to_csv(tmp_path / "b.csv", index=False)
    assert len(read_orders([tmp_path / "a.csv", tmp_path / "b.csv"]).orders) == 3


@pytest.mark.parametrize("keep", [4, 100, 0.5, 0.999])
def test_a_truncated_parquet_file(order_lines, tmp_path, keep):
    path = tmp_path / "orders.parquet"
    order_lines(1000).to_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(len(whole) * keep)])
    with pytest.raises(BadOrders, match=r"orders\.parquet: cannot be read as Parquet.*truncated"):
        read_orders(path)


def test_a_parquet_file_damaged_in_the_middle(order_lines, tmp_path):
    path = tmp_path / "orders.parquet"
    order_lines(5000, quantity=np.arange(5000) + 1.0).to_parquet(path)
    content = bytearray(path.read_bytes())
    content[100:2000] = b"\xff" * 1900
    path.write_bytes(content)
    with pytest.raises(BadOrders, match="cannot be read as Parquet"):
        read_orders(path)


def test_a_csv_file_cut_within_a_line(order_lines, tmp_path):
    path = tmp_path / "orders.csv"
    order_lines().to_csv(path, index=False)
    path.write_text(path.read_text()[:-12])
    with pytest.raises(BadOrders, match="cannot be read as CSV.*truncated"):
        read_orders(path)


def test_a_truncated_gzip_file(order_lines, tmp_path):
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(order_lines(500).to_csv(index=False).encode())[:-200])
    with pytest.raises(BadOrders, match="cannot be read as CSV"):
        read_orders(path)


def test_text_in_another_encoding(order_lines, tmp_path):
    path = tmp_path / "orders.csv"
    order_lines(customer_id=["café"] * 3).to_csv(path, index=False, encoding="latin-1")
    with pytest.raises(BadOrders, match="say delimiter= and encoding="):
        read_orders(path)
    clean = read_orders(path, encoding="latin-1")
    assert clean.orders["customer_id"].unique().tolist() == ["café"]


def test_a_byte_order_mark_and_another_delimiter(order_lines, tmp_path):
    path = tmp_path / "orders.csv"
    order_lines().to_csv(path, index=False, sep=";", encoding="utf-8-sig")
    assert len(read_orders(path, delimiter=";").orders) == 3


def test_an_item_id_with_a_line_break_in_a_csv_file(order_lines, tmp_path):
    order_lines(item_id=["A\nB", "C", "D,E"]).to_csv(tmp_path / "orders.csv", index=False)
    clean = read_orders(tmp_path / "orders.csv")
    assert clean.orders["item_id"].tolist() == ["C", "D,E"]
    assert clean.quarantine["item_id"].tolist() == ["A\nB"]


@pytest.mark.parametrize("kind", ["frame", "orders.csv", "orders.parquet"])
def test_an_id_with_a_nul_character_takes_no_good_line_with_it(order_lines, tmp_path, kind):
    source = order_lines(item_id=["A\0", "A", "A\0B"])
    if kind != "frame":
        path = tmp_path / kind
        if kind == "orders.csv":
            source.to_csv(path, index=False)
        else:
            source.to_parquet(path)
        source = path
    clean = read_orders(source)
    assert clean.orders["item_id"].tolist() == ["A"]
    assert clean.orders.index.tolist() == [1]
    assert len(clean.quarantine) == 2


def test_files_that_are_not_there_or_of_another_kind(order_lines, tmp_path):
    with pytest.raises(BadOrders, match=r"none\.csv: there is no such file"):
        read_orders(tmp_path / "none.csv")
    (tmp_path / "orders.xlsx").write_text("x")
    with pytest.raises(BadOrders, match="neither Parquet nor CSV"):
        read_orders(tmp_path / "orders.xlsx")
    with pytest.raises(BadOrders, match="no Parquet or CSV file in this folder"):
        read_orders(tmp_path)
    with pytest.raises(BadOrders, match="it is empty"):
        read_orders([])


def test_a_file_listed_twice(order_lines, tmp_path):
    path = tmp_path / "orders.csv"
    order_lines().to_csv(path, index=False)
    with pytest.raises(BadOrders, match="listed twice"):
        read_orders([path, tmp_path / ".." / tmp_path.name / "orders.csv"])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("copies", [1, 3])
def test_a_copy_of_a_file_counts_once_and_its_lines_are_set_aside(
    order_lines, tmp_path, suffix, copies
):
    a, b = order_lines(4), order_lines(4, customer_id=["D"] * 4)  # of one size, as CSV
    for name, frame in {"a": a, "b": b}.items():
        path = tmp_path / f"{name}{suffix}"
        frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    before = read_orders(tmp_path)
    for copy in range(copies):
        (tmp_path / f"b copy {copy}{suffix}").write_bytes((tmp_path / f"b{suffix}").read_bytes())
    after = read_orders(tmp_path)
    wanted, found = (Interactions.from_frame(clean.orders).hash for clean in (before, after))
    assert found == wanted
    assert len(after.quarantine) == 4 * copies and set(after.quarantine["customer_id"]) == {"D"}
    assert set(after.quarantine["reason"]) == {"in a file with the same content as another"}
    assert after.report.lines_read == before.report.lines_read + 4 * copies


def test_a_copy_of_a_feed_that_knows_overlaps_counts_once(retail_lines, tmp_path):
    retail_lines(2 * LEAST_OVERLAP).to_csv(tmp_path / "a.csv", index=False)
    wanted = read_orders(tmp_path).orders
    (tmp_path / "b.csv").write_bytes((tmp_path / "a.csv").read_bytes())
    found = read_orders(tmp_path).orders
    assert len(found) == 2 * LEAST_OVERLAP
    pd.testing.assert_frame_equal(found.reset_index(drop=True), wanted.reset_index(drop=True))


def test_files_that_hold_no_line_may_be_alike(order_lines, tmp_path):
    for name in ("a", "b"):
        order_lines().iloc[:0].to_csv(tmp_path / f"{name}.csv", index=False)
    order_lines().to_csv(tmp_path / "c.csv", index=False)
    clean = read_orders(tmp_path)
    assert len(clean.orders) == 3 and clean.quarantine.empty


def test_two_columns_of_one_name(order_lines, tmp_path):
    frame = order_lines()
    frame.columns = ["market", "customer_id", "order_id", "item_id", "timestamp"] + ["quantity"] * 2
    frame.to_csv(tmp_path / "orders.csv", index=False)
    for source in (frame, tmp_path / "orders.csv"):
        with pytest.raises(BadOrders, match="two columns"):
            read_orders(source)


def test_frame_parquet_csv_and_folder_read_alike(order_lines, tmp_path):
    frame = order_lines(6, item_id=["é", "<b>", "7", "NA", "a b", 'say "x"'], item_name="n")
    folder = tmp_path / "folder"
    folder.mkdir()
    frame.to_parquet(tmp_path / "orders.parquet")
    frame.to_csv(tmp_path / "orders.csv", index=False)
    frame.to_csv(tmp_path / "orders.csv.gz", index=False)
    frame[:2].to_parquet(folder / "a.parquet")
    frame[2:].to_csv(folder / "b.csv", index=False)
    wanted = Interactions.from_frame(read_orders(frame).orders).hash
    for source in ("orders.parquet", "orders.csv", "orders.csv.gz", "folder"):
        clean = read_orders(str(tmp_path / source))
        assert Interactions.from_frame(clean.orders).hash == wanted, source


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
)
def test_every_kind_of_text_and_number_of_parquet(order_lines, tmp_path, kind):
    frame = order_lines(4)
    table = pa.table(
        {
            **{n: pa.array(frame[n].tolist(), kind) for n in ("market", "customer_id", "item_id")},
            "order_id": pa.array([1, None, 2, 3], pa.int64()),
            "timestamp": frame["timestamp"].to_numpy().astype("datetime64[D]"),
            "quantity": pa.array([1, 2, None, 4], pa.int16()),
            "unit_price": pa.array([Decimal(n) for n in (1, 2, 3, 4)], pa.decimal128(9, 2)),
        }
    )
    pq.write_table(table, tmp_path / "orders.parquet", row_group_size=2)
    clean = read_orders(tmp_path / "orders.parquet")
    assert clean.orders["order_id"].tolist() == ["1", "3"]
    assert clean.orders["unit_price"].tolist() == [1.0, 4.0]
    assert clean.quarantine["reason"].tolist() == ["no order_id", "quantity is not a finite number"]
    assert clean.quarantine["quantity"].tolist()[0] == 2


def test_the_frame_that_was_given_stays_as_it_was(order_lines):
    frame = order_lines(2, customer_id=["A", "A"], market=["FR", "DE"], quantity=[2.0, -1.0])
    before = frame.copy(deep=True)
    read_orders(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_row_groups_with_words_of_their_own_are_one_column(tmp_path, order_lines):
    """Each row group of a Parquet file has a dictionary of its own, in the order of its lines."""
    whole = order_lines(4, customer_id=["b", None, "a", "b"], item_id=["Z", "Y", "Y", "X"])
    whole.to_parquet(tmp_path / "orders.parquet", row_group_size=2)
    clean = read_orders(tmp_path / "orders.parquet")
    assert clean.orders["customer_id"].tolist() == ["b", "a", "b"]
    assert clean.orders["item_id"].tolist() == ["Z", "Y", "X"]
    assert clean.quarantine["item_id"].tolist() == ["Y"]
    assert clean.kept.tolist() == [0, 2, 3]


ODD = ["b", " a", "a", None, "", "NA", "x" * 28 + "1", "x" * 28 + "0", "é", "e\u0301", "a ", "A\0"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), "category", "csv"])
def test_odd_texts_come_to_the_same_from_a_frame_and_a_file(order_lines, tmp_path, kind):
    """However a file holds texts: with dictionaries of its row groups, or without."""
    n = 3 * len(ODD)
    texts = {
        "customer_id": ODD * 3,
        "item_id": ODD[::-1] * 3,
        "market": ["NA", " FR", "FR", "Namibia", None, "nowhere"] * (n // 6),
        "order_id": [f"order {line % 7}" for line in range(n)],
        "note": ODD * 3,
    }
    frame = order_lines(n, **texts)
    if kind == "csv":
        frame.to_csv(path := tmp_path / "orders.csv", index=False)
    elif kind == "category":
        frame.astype(dict.fromkeys(texts, "category")).to_parquet(
            path := tmp_path / "orders.parquet", row_group_size=5
        )
    else:
        table = pa.Table.from_pandas(frame)
        for name in texts:
            table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
        plain = {"use_dictionary": kind == pa.string(), "row_group_size": 5}
        pq.write_table(table, path := tmp_path / "orders.parquet", **plain)
    wanted, found = read_orders(frame), read_orders(path)
    assert found.interactions().hash == wanted.interactions().hash
    assert found.interactions().hash == Interactions.from_frame(found.orders).hash
    pd.testing.assert_frame_equal(found.orders, wanted.orders)
    blank = "" if kind == "csv" else None  # a CSV file has but one way to say nothing
    for name in (*texts, "reason"):
        given = wanted.quarantine[name].fillna(blank) if kind == "csv" else wanted.quarantine[name]
        assert found.quarantine[name].tolist() == given.tolist(), name


def test_two_parquet_columns_of_one_name(order_lines, tmp_path):
    table = pa.Table.from_pandas(order_lines())
    table = table.append_column("market", table["item_id"])
    pq.write_table(table, tmp_path / "orders.parquet")
    with pytest.raises(BadOrders, match="two columns have one name"):
        read_orders(tmp_path / "orders.parquet")
