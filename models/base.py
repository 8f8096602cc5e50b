"""The contract of a recommender: public methods check, subclasses write the arithmetic."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.selection import ANY, NEW, REPEAT, top_k
from restock.models.context import FitContext
from restock.models.popularity import Popularity, popularity
from restock.models.recommendations import Recommendations

SCHEMA_VERSION = 1
CELLS_PER_BLOCK = 4_000_000  # 16 MB of float32 scores at a time

History = Literal["any", "repeat", "new"]
BoolArray = NDArray[np.bool_]
State = dict[str, NDArray[Any]]
_HISTORY = {"any": ANY, "repeat": REPEAT, "new": NEW}


class Config(BaseModel):
    """What to train: the hyper-parameters of a recommender, each with its default, once."""

    model_config = ConfigDict(frozen=True, extra="forbid")


C = TypeVar("C", bound=Config)


class Recommender(ABC, Generic[C]):
    """Learns from interactions, then lists the k best items of any customer.

    A subclass names itself, its config and writes ``_fit``, ``_score``, ``_state`` and
    ``_restore`` on integer codes. Everything else is common: checks, history filters,
    eligibility, the tie rule (lower item code first), the fallback, files.
    """

    name: ClassVar[str]
    config_class: type[C]
    compute: ClassVar[Literal["cpu", "gpu", "spark"]] = "cpu"

    def __init__(self, config: C | None = None) -> None:
        self.config: C = config if config is not None else self.config_class()
        self._fitted = False

    # what a subclass writes ---------------------------------------------------------------
    @abstractmethod
    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        """Learn. ``interactions`` has at least one line."""

    @abstractmethod
    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        """Scores (customers × items); -inf where the model has nothing to say."""

    @abstractmethod
    def _state(self) -> State:
        """The learned arrays, by name: what ``save`` writes."""

    @abstractmethod
    def _restore(self, state: State) -> None:
        """Take back what ``_state`` gave."""

    # what everybody calls -----------------------------------------------------------------
    def fit(self, interactions: Interactions, context: FitContext | None = None) -> Self:
        """Learn from interactions (everything in them is past). Returns itself.

        Raises ValueError when there is no line to learn from.
        """
        if len(interactions) == 0:
            raise ValueError(
                f"{self.name}: no order lines before {interactions.as_of_date} to fit on; "
                "choose a later cut-off or more markets"
            )
        self._catalogue_hash = interactions.catalogue.hash
        self._n_items = interactions.n_items
        self._customer_market = interactions.catalogue.customer_market
        self._bought_indptr = interactions.pairs.indptr
        self._bought_items = interactions.pairs.item
        self._popularity = popularity(interactions)
        self._fit(interactions, context or FitContext())
        self._fitted = True
        return self

    def recommend(
        self,
        customers: IntArray,
        k: int,
        *,
        history: History = "any",
        allowed: BoolArray | None = None,
    ) -> Recommendations:
        """The k best items of each customer.

        customers: integer codes. history: items bought before are welcome ("any", shops
        re-order), wanted alone ("repeat") or left out ("new"). allowed: bool (items), the
        eligible ones; None allows all. Where the model has nothing to say, and for customers
        without history, the market's popular items follow, marked as fallback.
        """
        customers, allowed = self._check(customers, k, history, allowed)
        return self._recommend(customers, k, _HISTORY[history], allowed)

    def _recommend(
        self, customers: IntArray, k: int, history: int, allowed: BoolArray
    ) -> Recommendations:
        rows = max(1, CELLS_PER_BLOCK // max(self._n_items, 1))
        blocks = [customers[at : at + rows] for at in range(0, len(customers), rows)]
        parts = [self._top(block, self.scores(block), k, history, allowed) for block in blocks]
        if not parts:
            shape = (0, k)
            return Recommendations(
                customers,
                np.zeros(shape, np.int32),
                np.zeros(shape, np.float32),
                np.zeros(shape, bool),
            )
        items, scores, fallback = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Recommendations(customers, items, scores, fallback)

    def scores(self, customers: IntArray) -> NDArray[np.float32]:
        """Raw scores (customers × items, float32), -inf where the model has nothing to say.

        For hybrids; ``recommend`` is what applications want. Customers without history
        have a row of -inf.
        """
        scores = self._score(customers)
        cold = self._bought_indptr[customers + 1] == self._bought_indptr[customers]
        scores[cold] = -np.inf
        return scores

    def _top(
        self,
        customers: IntArray,
        scores: NDArray[np.float32],
        k: int,
        history: int,
        allowed: BoolArray,
    ) -> tuple[IntArray, NDArray[np.float32], BoolArray]:
        popular = self._popularity
        return top_k(
            scores,
            self._bought_indptr[customers],
            self._bought_indptr[customers + 1],
            self._bought_items,
            allowed,
            history,
            popular.order,
            popular.share,
            popular.row_of_market[self._customer_market[customers]],
            k,
        )

    def _check(
        self, customers: IntArray, k: int, history: str, allowed: BoolArray | None
    ) -> tuple[IntArray, BoolArray]:
        if not self._fitted:
            raise ValueError(f"{self.name} is not fitted: call fit(interactions) first")
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        if history not in _HISTORY:
            raise ValueError(f"history must be one of any, repeat, new, not {history!r}")
        codes = np.asarray(customers)
        if codes.ndim != 1 or (codes.size and codes.dtype.kind not in "iu"):
            raise ValueError(
                "customers must be a 1-d array of integer codes; "
                "catalogue.customer_codes(ids) gives them"
            )
        known = len(self._customer_market)
        if codes.size and not (codes.min() >= 0 and codes.max() < known):
            raise ValueError(f"customer codes must lie in 0..{known - 1}")
        if allowed is None:
            return codes.astype(np.int32), np.ones(self._n_items, dtype=bool)
        if allowed.shape != (self._n_items,) or allowed.dtype != np.bool_:
            raise ValueError(f"allowed must be bool of shape ({self._n_items},)")
        return codes.astype(np.int32), allowed

    # files --------------------------------------------------------------------------------
    def save(self, folder: Path) -> None:
        """Write ``model.npz`` (arrays, no pickle) and ``model.json`` (name, config, schema)."""
        if not self._fitted:
            raise ValueError(f"{self.name} is not fitted: there is nothing to save")
        folder.mkdir(parents=True, exist_ok=True)
        common: State = {
            "customer_market": self._customer_market,
            "bought_indptr": self._bought_indptr,
            "bought_items": self._bought_items,
            "popular_order": self._popularity.order,
            "popular_share": self._popularity.share,
            "popular_row": self._popularity.row_of_market,
        }
        own = {f"own.{key}": value for key, value in self._state().items()}
        np.savez_compressed(folder / "model.npz", allow_pickle=False, **common, **own)
        about = {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "config": self.config.model_dump(mode="json"),
            "catalogue_hash": self._catalogue_hash,
            "n_items": self._n_items,
        }
        (folder / "model.json").write_text(json.dumps(about, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. No stored code is run."""
        about = json.loads((folder / "model.json").read_text())
        if about["schema_version"] != SCHEMA_VERSION or about["name"] != cls.name:
            raise ValueError(
                f"{folder} holds {about['name']} of schema {about['schema_version']}, not "
                f"{cls.name} of schema {SCHEMA_VERSION}; use restock.models.load(folder)"
            )
        model = cls(cls.config_class.model_validate(about["config"]))
        with np.load(folder / "model.npz", allow_pickle=False) as arrays:
            state = {key: arrays[key] for key in arrays.files}
        model._catalogue_hash = about["catalogue_hash"]
        model._n_items = about["n_items"]
        model._customer_market = state["customer_market"]
        model._bought_indptr = state["bought_indptr"]
        model._bought_items = state["bought_items"]
        model._popularity = Popularity(
            state["popular_order"], state["popular_share"], state["popular_row"]
        )
        own = {key[4:]: value for key, value in state.items() if key.startswith("own.")}
        model._restore(own)
        model._fitted = True
        return model
