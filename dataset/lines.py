"""The lines of one or more sources side by side, under our names, before any rule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import columns as c
from restock.dataset.contract import check_columns
from restock.dataset.sources import Opened, hand_back
from restock.dataset.texts import Texts
from restock.dataset.times import as_times

Floats = NDArray[np.float64]
_TEXTS = (c.MARKET, c.CUSTOMER, c.ORDER, c.ITEM, c.ITEM_NAME, c.CATEGORY)


@dataclass(eq=False)
class Lines:
    """Parallel columns of order lines (mutable: cleaning replaces them one by one).

    time: datetime64[ms], NaT where unreadable; in UTC where ``aware``, else local.
    quantity, unit_price, unit_cost: float64, NaN where unreadable. item_name, category and
    unit_cost are None when no source has them.
    """

    market: Texts
    customer_id: Texts
    order_id: Texts
    item_id: Texts
    time: NDArray[np.datetime64]
    aware: NDArray[np.bool_]
    quantity: Floats
    unit_price: Floats
    item_name: Texts | None = None
    category: Texts | None = None
    unit_cost: Floats | None = None

    def __len__(self) -> int:
        return int(self.time.size)

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        """Drop every other line, and the texts that no line has then; column by column."""
        for field in fields(self):
            column = getattr(self, field.name)
            if isinstance(column, Texts):
                setattr(self, field.name, column[chosen].compact())
            elif column is not None:
                setattr(self, field.name, column[chosen])
            del column
            hand_back()  # it makes room for the next one

    def frame(self) -> pd.DataFrame:
        """The columns of ``restock.dataset.columns`` that are there, text as objects."""
        columns: dict[str, NDArray[np.generic]] = {}
        for name in (*c.REQUIRED, *c.OPTIONAL):
            column = self.time if name == c.TIMESTAMP else getattr(self, name)
            if column is not None:
                columns[name] = column.objects() if isinstance(column, Texts) else column
        return pd.DataFrame(columns)

    @classmethod
    def of(cls, part: Opened, names: dict[str, str], time_format: str | None) -> Self:
        """The lines of one source. Raises BadOrders when a column has an impossible type.

        names: our name → the name in the source. time_format: of time stamps that are text
        (strptime's codes); None is ISO 8601.
        """
        found = {name: part.text(names[name]) for name in _TEXTS if name in names}
        texts = {name: text for name, text in found.items() if text is not None}
        columns = {ours: part.column(name) for ours, name in names.items() if ours not in texts}
        if part.typed:
            check_columns(columns, part.name, names)
        time, aware = as_times(columns.pop(c.TIMESTAMP), time_format)
        others = {
            name: Texts.of(column) if name in _TEXTS else _numbers(column)
            for name, column in columns.items()
        }
        return cls(time=time, aware=aware, **texts, **others)  # type: ignore[arg-type]

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """The lines of all parts, in their order; what only some have is missing elsewhere."""
        if len(parts) == 1:
            return parts[0]
        joined: dict[str, Any] = {}
        for field in fields(cls):
            columns = [getattr(part, field.name) for part in parts]
            if all(column is None for column in columns):
                joined[field.name] = None
                continue
            texts = any(isinstance(column, Texts) for column in columns)
            empty: Callable[[int], Any] = _no_text if texts else _no_number
            filled = [
                empty(len(part)) if column is None else column
                for part, column in zip(parts, columns, strict=True)
            ]
            joined[field.name] = Texts.concat(filled) if texts else np.concatenate(filled)
        return cls(**joined)


def _no_text(n_lines: int) -> Texts:
    return Texts(np.full(n_lines, -1, dtype=np.int32), np.empty(0, dtype=object))


def _no_number(n_lines: int) -> Floats:
    return np.full(n_lines, np.nan)


def _numbers(column: pd.Series) -> Floats:
    """float64 values of a column, NaN where there is none; text is parsed once per value."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    texts = Texts.of(column)
    parsed = pd.to_numeric(pd.Series(texts.values), errors="coerce").to_numpy(np.float64)
    return texts.lookup(parsed, np.nan).astype(np.float64)
