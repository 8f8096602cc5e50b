"""Orders at an address are read as those of a file or a folder are."""

from pathlib import Path

import pandas as pd
import pytest
from contracts.azurite import ACCOUNT, azurite  # noqa: F401

from restock.dataset import read_orders
from restock.dataset.contract import BadOrders
from restock.infra.orders_source import orders_here
from restock.infra.store import open_store

FRAME = pd.DataFrame(
    {
        "customer_id": ["c1", "c2"],
        "item_id": ["a", "b"],
        "order_id": ["o1", "o2"],
        "timestamp": pd.to_datetime(["2024-01-01 10:00", "2024-01-02 10:00"]),
        "quantity": [1, 2],
        "unit_price": [3.0, 4.0],
        "market": ["FR", "FR"],
    }
)


def customers(source: str) -> list[str]:
    with orders_here(source) as path:
        return sorted(read_orders(path).orders["customer_id"])


def check_file_folder_and_neither(address: str) -> None:
    store = open_store(address)
    store.put("day/1.csv", FRAME[:1].to_csv(index=False).encode())
    store.put("day/more/2.parquet", FRAME[1:].to_parquet(index=False))
    store.put("day/_SUCCESS", b"")
    store.put("day/more.parquet", b"")  # a folder, as Azure lists them
    store.put("spark.parquet/part-0.parquet", FRAME.to_parquet(index=False))
    assert customers(f"{address}/day/1.csv") == ["c1"]
    assert customers(f"{address}/day/") == ["c1", "c2"]
    assert customers(f"{address}/spark.parquet") == ["c1", "c2"]
    for nothing in ("gone.csv", "gone"):
        with pytest.raises(BadOrders, match=f"{address}/{nothing}: there is no Parquet or CSV fil"):
            customers(f"{address}/{nothing}")


@pytest.mark.unit
def test_a_folder_as_a_store(home: Path) -> None:
    check_file_folder_and_neither((home / "shop").as_uri())


@pytest.mark.platform
def test_a_container(home: Path, azurite: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("RESTOCK_AZURE__CONNECTION_STRING", azurite)
    check_file_folder_and_neither(f"azure://{ACCOUNT}/orders-of-a-shop")


@pytest.mark.unit
def test_a_path_is_read_where_it_is_and_a_copy_is_gone_afterwards(home: Path) -> None:
    with orders_here("orders.csv") as path:
        assert path == "orders.csv"
    open_store((home / "shop").as_uri()).put("o.csv", FRAME.to_csv(index=False).encode())
    with orders_here(f"{(home / 'shop').as_uri()}/o.csv") as path:
        assert Path(path).exists()
    assert not Path(path).exists()
    with pytest.raises(ValueError, match="s3://bucket/o is no store"), orders_here("s3://bucket/o"):
        pass
