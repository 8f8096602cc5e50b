"""The table of the items that may be offered."""

from pathlib import Path

import pandas as pd
import pytest

from restock.dataset import Interactions
from restock.dataset.eligibility import allowed_items, read_eligibility

pytestmark = pytest.mark.unit


def _catalogue():
    frame = pd.DataFrame(
        {
            "market": ["FR", "FR", "NA"],
            "customer_id": ["1", "2", "3"],
            "order_id": ["a", "b", "c"],
            "item_id": ["007", "8", "9"],
            "timestamp": pd.Timestamp("2024-01-01"),
            "quantity": 1,
            "unit_price": 1.0,
        }
    )
    return Interactions.from_frame(frame).catalogue


def test_only_listed_items_of_the_market_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "eligible.csv"
    path.write_text("market,item_id\nFR,007\nNA,9\nFR,unheard-of\n")
    table = read_eligibility(path)
    assert allowed_items(table, _catalogue(), "FR").tolist() == [True, False, False]
    assert allowed_items(table, _catalogue(), "NA").tolist() == [False, False, True]


def test_an_empty_table_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "eligible.csv"
    path.write_text("market,item_id\n")
    with pytest.raises(ValueError, match="is empty.*leave the option out"):
        read_eligibility(path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "eligible.csv"
    path.write_text("market,sku\nFR,1\n")
    with pytest.raises(ValueError, match="no column item_id"):
        read_eligibility(path)


def test_a_market_without_an_eligible_item_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "eligible.csv"
    path.write_text("market,item_id\nNA,9\n")
    with pytest.raises(ValueError, match="no known item in market FR"):
        allowed_items(read_eligibility(path), _catalogue(), "FR")
