"""Tiny worlds to judge: interactions from plain rows, and scorecards with given values."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from restock.dataset import Catalogue, Interactions
from restock.dataset.interactions import minute_of
from restock.evaluation import Scorecard
from restock.evaluation import metrics as m
from restock.models.recommendations import Recommendations

START = dt.date(2024, 1, 1)
Line = tuple[int, int, int, float, float]  # customer, item, day, quantity, value


def catalogue(
    n_customers: int,
    n_items: int,
    *,
    markets: Sequence[str] = ("FR",),
    home: Sequence[int] | None = None,
    unit_cost: Sequence[float] | None = None,
) -> Catalogue:
    """Ids that sort like their codes; everybody lives in the first market unless told."""
    home = [0] * n_customers if home is None else home
    cost = [np.nan] * n_items if unit_cost is None else unit_cost
    return Catalogue(
        customers=pa.table(
            {
                "id": [f"C{code:06d}" for code in range(n_customers)],
                "market": pa.array(home, pa.int32()),
            }
        ),
        items=pa.table(
            {
                "id": [f"I{code:06d}" for code in range(n_items)],
                "name": pa.array([None] * n_items, pa.string()),
                "category": pa.array([None] * n_items, pa.string()),
                "unit_cost": pa.array(cost, pa.float32()),
            }
        ),
        markets=tuple(markets),
    )


def interactions(lines: Sequence[Line], ids: Catalogue, days: int) -> Interactions:
    """Interactions of ``days`` days from ``START``; a customer's lines of a day are an order.

    Two lines of one customer, day and item must not be given.
    """
    ordered = sorted(lines, key=lambda line: (line[0], line[2], line[1]))
    columns = list(zip(*ordered, strict=True)) if ordered else [[], [], [], [], []]
    customer, item, day, quantity, value = (np.array(column) for column in columns)
    key = customer.astype(np.int64) * 100_000 + day.astype(np.int64)
    _, order = np.unique(key, return_inverse=True)
    begin = minute_of(START)
    return Interactions(
        customer=customer.astype(np.int32),
        item=item.astype(np.int32),
        order=order.astype(np.int32),
        minute=(begin + day.astype(np.int64) * 1440 + 600).astype(np.int32),
        quantity=quantity.astype(np.float32),
        value=value.astype(np.float32),
        catalogue=ids,
        as_of=begin + days * 1440,
    )


def recommendations(
    customers: Sequence[int], lists: Sequence[Sequence[int]], k: int | None = None
) -> Recommendations:
    """Lists as a model would give them; ``k`` where there may be none."""
    items = np.array(lists, dtype=np.int32).reshape(len(customers), k or len(lists[0]))
    return Recommendations(
        np.array(customers, dtype=np.int32),
        items,
        np.zeros(items.shape, np.float32),
        np.zeros(items.shape, bool),
    )


def scorecard(
    values: dict[str, Any],
    *,
    market: str = "FR",
    window: int = 0,
    fold_hash: str = "",
    customers: Sequence[int] | None = None,
    k: int = 10,
    horizon_days: int = 28,
    lists: Any = None,
    n_candidates: int = 100,
) -> Scorecard:
    """A scorecard with given columns, the others NaN; ``window`` shifts the cut-off.

    ``ndcg`` alone stands for all metrics, so that any objective finds its columns.
    """
    n = len(next(iter(values.values())))
    names = m.columns(k)
    table = np.full((n, len(names)), np.nan)
    for name, column in values.items():
        table[:, names.index(name)] = column
    cutoff = START + dt.timedelta(days=horizon_days * window)
    return Scorecard(
        fold_hash=fold_hash or f"{market} {cutoff} {n}",
        k=k,
        cutoff=cutoff,
        horizon_days=horizon_days,
        customer=np.arange(n, dtype=np.int32) if customers is None else np.int32(customers),
        market=np.full(n, market, dtype=object),
        cold=np.zeros(n, dtype=bool),
        part=np.zeros(n, dtype=np.int32),
        lists=np.zeros((n, k), np.int32) - 1 if lists is None else np.int32(lists),
        values=table,
        n_candidates=(n_candidates,),
    )


def of_quality(
    quality: Any, spend: Any, *, market: str = "FR", window: int = 0, **rest: Any
) -> Scorecard:
    """A scorecard whose lists catch the share ``quality`` of every customer's purchases."""
    quality, spend = np.asarray(quality, dtype=float), np.asarray(spend, dtype=float)
    return scorecard(
        {
            "ndcg_at_10": quality,
            "revenue_capture_at_10": quality,
            "captured_at_10": quality * spend,
            "spend": spend,
        },
        market=market,
        window=window,
        **rest,
    )
