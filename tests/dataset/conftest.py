"""Order lines to try things on."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

Factory = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def order_lines() -> Factory:
    """A function that makes a clean frame of n lines; keywords replace columns."""

    def make(n: int = 3, **columns: Any) -> pd.DataFrame:
        frame = {
            "market": ["FR"] * n,
            "customer_id": [f"C{line}" for line in range(n)],
            "order_id": [f"O{line}" for line in range(n)],
            "item_id": ["ITEM"] * n,
            "timestamp": pd.date_range("2024-03-01 10:00", periods=n, freq="D"),
            "quantity": [2.0] * n,
            "unit_price": [1.5] * n,
        }
        return pd.DataFrame({**frame, **columns})

    return make


@pytest.fixture(scope="session")
def retail_lines() -> Factory:
    """The same in the columns of Online Retail: one customer, one order line after the other."""

    def make(n: int = 3, **columns: Any) -> pd.DataFrame:
        frame = {
            "invoice": [str(536365 + line) for line in range(n)],
            "stock_code": ["85123A"] * n,
            "description": [" WHITE HANGING HEART "] * n,
            "quantity": [6] * n,
            "invoice_date": pd.date_range("2010-12-01 08:26", periods=n, freq="h"),
            "unit_price": [2.55] * n,
            "customer_id": [17850] * n,
            "country": ["United Kingdom"] * n,
        }
        return pd.DataFrame({**frame, **columns})

    return make
