"""The contract of an order line: its columns, their types, and the bounds of a sane value."""

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from restock.dataset import columns as c
from restock.dataset.schemas import pa

MAX_ID_LENGTH = 200  # characters
MIN_QUANTITY, MAX_QUANTITY = 1e-3, 1e7  # units on one line
MIN_PRICE, MAX_PRICE = 1e-6, 1e9  # per unit, in the market's currency; below MIN_PRICE is free
FIRST_DAY, LAST_DAY = dt.date(1970, 1, 1), dt.date(2200, 1, 1)  # the last one is exclusive


_ID = rf"\S(.{{0,{MAX_ID_LENGTH - 2}}}\S)?"  # no blank at either end, one line


class BadOrders(ValueError):
    """A source of order lines that cannot be read at all; one bad line is never the cause.

    The message names the source, the cause and the remedy.
    """

    def __init__(self, source: str, cause: str, remedy: str) -> None:
        super().__init__(f"{source}: {cause}; {remedy}")
        self.source, self.cause, self.remedy = source, cause, remedy


def _texts(pattern: str) -> pa.Column:
    # asked of each distinct value once: a million lines have a few thousand ids
    distinct = pa.Check(
        lambda column: column.drop_duplicates().str.fullmatch(pattern), error=f"like {pattern}"
    )
    return pa.Column(object, distinct)


ORDER_LINES = pa.DataFrameSchema(
    {
        c.MARKET: _texts(c.MARKET_PATTERN),
        c.CUSTOMER: _texts(_ID),
        c.ORDER: _texts(_ID),
        c.ITEM: _texts(_ID),
        # pandera's own dtype check does not tell units of time apart
        c.TIMESTAMP: pa.Column(checks=pa.Check(lambda column: column.dtype == "datetime64[ms]")),
        c.QUANTITY: pa.Column(float, pa.Check.in_range(MIN_QUANTITY, MAX_QUANTITY)),
        c.UNIT_PRICE: pa.Column(float, pa.Check.in_range(MIN_PRICE, MAX_PRICE)),
        c.ITEM_NAME: pa.Column(object, nullable=True, required=False),
        c.CATEGORY: pa.Column(object, nullable=True, required=False),
        c.UNIT_COST: pa.Column(float, pa.Check.ge(0), nullable=True, required=False),
    },
    strict=True,
)
"""What a frame of clean order lines is; ``read_orders`` returns nothing else."""


def _is_time(column: pd.Series) -> bool:
    kinds = ("datetime", "datetime64", "date", "string", "empty")
    return pd.api.types.is_datetime64_any_dtype(column) or _inferred(column) in kinds


def _is_number(column: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(column):
        return False
    kinds = ("integer", "floating", "decimal", "mixed-integer-float", "empty")
    return pd.api.types.is_numeric_dtype(column) or _inferred(column) in kinds


def _is_id(column: pd.Series) -> bool:
    kinds = ("string", "integer", "floating", "mixed-integer", "mixed-integer-float", "empty")
    return not pd.api.types.is_bool_dtype(column) and _inferred(column) in kinds


def _inferred(column: pd.Series) -> str:
    values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
    return pd.api.types.infer_dtype(values, skipna=True)


_IDS = "an id (text or whole numbers)"
_TEXT = "text"
_NUMBERS = "a number"
_TIMES = "a time stamp (or ISO 8601 text)"
EXPECTED = {
    c.MARKET: (_TEXT, _is_id),
    c.CUSTOMER: (_IDS, _is_id),
    c.ORDER: (_IDS, _is_id),
    c.ITEM: (_IDS, _is_id),
    c.TIMESTAMP: (_TIMES, _is_time),
    c.QUANTITY: (_NUMBERS, _is_number),
    c.UNIT_PRICE: (_NUMBERS, _is_number),
    c.ITEM_NAME: (_TEXT, _is_id),
    c.CATEGORY: (_TEXT, _is_id),
    c.UNIT_COST: (_NUMBERS, _is_number),
}


def check_columns(columns: Mapping[str, pd.Series], source: str, names: Mapping[str, str]) -> None:
    """Raise BadOrders when a column has a type that no order line can have in it.

    columns: under our names; names: our name → the name in the source.
    """
    said = [
        f"column {names[name]!r} ({name}) holds {_inferred(columns[name])}, not {wanted}"
        for name, (wanted, fits) in EXPECTED.items()
        if name in columns and not fits(columns[name])
    ]
    if said:
        raise BadOrders(
            source, ", ".join(said), "convert it, or map another column with columns={…}"
        )


def check_lines(orders: pd.DataFrame) -> None:
    """Raise pandera's SchemaError when a frame of clean lines breaks the contract."""
    ORDER_LINES.validate(orders)


def as_limit(as_of: dt.date | str | None) -> np.datetime64 | None:
    """The first moment that is not known: the local midnight that starts ``as_of``."""
    if as_of is None:
        return None
    stamp = pd.Timestamp(as_of)
    if stamp != stamp.normalize() or stamp.tzinfo is not None:
        raise ValueError(f"as_of must be a date (the first day that is not known), not {as_of}")
    return stamp.to_datetime64().astype("datetime64[ms]")
