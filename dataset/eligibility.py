"""Which items may be offered where: out of stock, delisted and unsold ones are left out."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.dataset import columns as c
from restock.dataset.catalogue import Catalogue

DAY = "day"


def read_eligibility(path: Path, *, days: bool = False) -> pd.DataFrame:
    """Read a table of the items that may be offered: columns market and item_id, as text.

    days: a column day, where there is one, is kept too: the day that each row speaks of. Parquet
    or CSV. ValueError for a table that has no such column or no row: an empty table would leave
    every list empty.
    """
    if not path.is_file():
        raise ValueError(f"there is no eligibility table {path}")
    if path.suffix == ".csv":
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    else:
        table = pd.read_parquet(path)
    missing = [name for name in (c.MARKET, c.ITEM) if name not in table.columns]
    if missing:
        raise ValueError(f"the eligibility table {path} has no column {', '.join(missing)}")
    if table.empty:
        raise ValueError(
            f"the eligibility table {path} is empty: nothing could be offered anywhere; "
            "list the items that may be, or leave the option out to allow all"
        )
    named = [c.MARKET, c.ITEM, *([DAY] if days and DAY in table.columns else [])]
    return table[named].astype(str)


def allowed_items(table: pd.DataFrame, catalogue: Catalogue, market: str) -> NDArray[np.bool_]:
    """The items of the catalogue that the table allows in a market (bool, items).

    ValueError when it allows none: the market's publication then stays as it is.
    """
    wanted = table.loc[table[c.MARKET] == market, c.ITEM]
    allowed = np.isin(catalogue.items["id"].to_numpy(zero_copy_only=False), wanted.to_numpy())
    if not allowed.any():
        raise ValueError(
            f"the eligibility table allows no known item in market {market}: it must list the "
            "items of every market that is published"
        )
    return allowed
