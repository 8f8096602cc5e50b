"""A file that lacks columns is refused by its header, with the words of a whole reading."""

import pandas as pd
import pytest

from restock.dataset import BadOrders, read_orders
from restock.dataset.header import check_header

pytestmark = pytest.mark.unit


def _write(frame: pd.DataFrame, path) -> None:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep=";")


@pytest.mark.parametrize("name", ["orders.csv", "orders.csv.gz", "orders.parquet"])
@pytest.mark.parametrize(
    ("renamed", "columns"),
    [
        ({"quantity": "Menge", "market": "Land"}, None),
        ({"quantity": "Menge"}, {"Menge": "quantty"}),
        ({"quantity": "Menge"}, {"Anzahl": "quantity"}),
        ({"order_id": "invoice", "item_id": "stock_code", "timestamp": "invoice_date"}, None),
    ],
)
def test_what_reading_refuses_by_its_columns_is_refused_at_once(
    order_lines, tmp_path, monkeypatch, name, renamed, columns
):
    path = tmp_path / name
    _write(order_lines().rename(columns=renamed), path)
    with pytest.raises(BadOrders) as whole:
        read_orders(path, columns=columns, delimiter=";")
    for reader in ("pyarrow.csv.read_csv", "pyarrow.parquet.read_table"):
        monkeypatch.setattr(reader, None)  # no line is read
    with pytest.raises(BadOrders) as header:
        check_header(path, columns=columns, delimiter=";")
    assert str(header.value) == str(whole.value)


@pytest.mark.parametrize("name", ["orders.csv", "orders.parquet"])
def test_what_can_be_read_passes(order_lines, retail_lines, tmp_path, name):
    _write(order_lines().rename(columns={"quantity": "Menge"}), tmp_path / name)
    check_header(tmp_path / name, columns={"Menge": "quantity"}, delimiter=";")
    _write(retail_lines(), tmp_path / name)
    check_header(tmp_path, delimiter=";")


def test_one_bad_file_of_a_folder_is_named(order_lines, tmp_path):
    _write(order_lines(), tmp_path / "a.csv")
    _write(order_lines().drop(columns="market"), tmp_path / "b.csv")
    with pytest.raises(BadOrders, match=r"b\.csv: no column market among"):
        check_header(tmp_path, delimiter=";")
    (tmp_path / "b.csv").write_bytes(b"")
    with pytest.raises(BadOrders, match=r"b\.csv: the file is empty"):
        check_header(tmp_path, delimiter=";")
