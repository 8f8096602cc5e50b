"""A recommender that answers by ids: what a server or a notebook asks, one row per offer."""

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from restock.dataset import Catalogue
from restock.dataset import columns as c
from restock.dataset.catalogue import IntArray
from restock.dataset.texts import Texts
from restock.models import Recommendations, Recommender, load

DEFAULTS: dict[str, Any] = {"k": 10, "history": "any"}
"""The parameters of a request, and what they are where it does not say."""


class ServedModel:
    """A fitted model and the catalogue that its codes refer to."""

    def __init__(self, model: Recommender[Any], catalogue: Catalogue) -> None:
        if model.past.catalogue_hash != catalogue.hash:
            raise ValueError(f"this {model.name} was fitted on another catalogue")
        self.model, self.catalogue = model, catalogue
        self._customers = pd.Index(catalogue.customers["id"].to_pandas())
        self._items = catalogue.items.select(["id", "name"]).to_pandas()
        self._markets = pd.Index(catalogue.markets)

    def predict(
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Lists for the customers of a request, in its order; best first, ``rank`` from 1.

        model_input: ``customer_id``, of which whole numbers are taken as their text, and, where
        known, ``market``. params: ``k`` and
        ``history``, as in ``Recommender.recommend``. A customer that the model does not know
        gets what is popular in the given market, or in all markets together where none is
        given or it is unknown too: rows with ``fallback``.
        """
        how = DEFAULTS | (params or {})
        missing = model_input[c.CUSTOMER].isna()
        if missing.any():
            raise ValueError(f"row {int(np.argmax(missing))} has no {c.CUSTOMER}")
        ids = Texts.of(model_input[c.CUSTOMER]).objects()
        codes = self._customers.get_indexer(pd.Index(ids)).astype(np.int32)
        known = codes >= 0
        lists = self.model.recommend(codes[known], int(how["k"]), history=how["history"])
        places = self._popular(model_input, lists.k)
        if how["history"] == "repeat":
            places.items[:] = -1  # who is unknown has bought nothing
        for whole, part in (
            (places.items, lists.items),
            (places.scores, lists.scores),
            (places.fallback, lists.fallback),
        ):
            whole[known] = part
        return self._rows(ids, places)

    def _popular(self, model_input: pd.DataFrame, k: int) -> Recommendations:
        """For every row, what its market buys: the fallback of the models, and its scores."""
        popular, n = self.model.past.popularity, len(model_input)
        row = np.full(n, popular.order.shape[0] - 1)  # the last one: all markets together
        if c.MARKET in model_input:
            market = self._markets.get_indexer(pd.Index(model_input[c.MARKET]))
            row[market >= 0] = popular.row_of_market[market[market >= 0]]
        items = np.full((n, k), -1, dtype=np.int32)
        scores = np.zeros((n, k), dtype=np.float32)
        width = min(k, popular.order.shape[1])
        items[:, :width] = popular.order[row, :width]
        scores[:, :width] = popular.share[row, :width] - np.float32(1.0)
        return Recommendations(row.astype(np.int32), items, scores, items >= 0)

    def _rows(self, ids: NDArray[np.object_], lists: Recommendations) -> pd.DataFrame:
        rows, places = np.nonzero(lists.items >= 0)
        items: IntArray = lists.items[rows, places]
        return pd.DataFrame(
            {
                c.CUSTOMER: ids[rows],
                "rank": (places + 1).astype(np.int32),
                c.ITEM: self._items["id"].to_numpy()[items],
                c.ITEM_NAME: self._items["name"].to_numpy()[items],
                "score": lists.scores[rows, places],
                "fallback": lists.fallback[rows, places],
            }
        )

    # files --------------------------------------------------------------------------------
    def save(self, folder: Path) -> None:
        """Write the model's own files and ``customers``, ``items`` (Parquet), ``markets.json``."""
        self.model.save(folder)
        pq.write_table(self.catalogue.customers, folder / "customers.parquet")
        pq.write_table(self.catalogue.items, folder / "items.parquet")
        (folder / "markets.json").write_text(json.dumps(self.catalogue.markets))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. No stored code is run."""
        customers, items = (
            pq.read_table(folder / f"{name}.parquet") for name in ("customers", "items")
        )
        markets = tuple(json.loads((folder / "markets.json").read_text()))
        return cls(load(folder), Catalogue(customers, items, markets))
