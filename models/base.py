"""The contract of a recommender: public methods check, subclasses write the arithmetic."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.policy import granted, over_blocks, threads
from restock.kernels.selection import ANY, NEW, REPEAT, best_items, fill_up
from restock.models.context import FitContext
from restock.models.past import Past
from restock.models.recommendations import Recommendations
from restock.models.requirements import check_device, check_extras, check_memory
from restock.models.space import Space

SCHEMA_VERSION = 1
CELLS_PER_BLOCK = 8_000_000  # 32 MB of float32 scores at a time
CELLS_PER_CUSTOMER = 256  # of lists that are made without the scores of all items

History = Literal["any", "repeat", "new"]
BoolArray = NDArray[np.bool_]
State = dict[str, NDArray[Any]]
Lists = tuple[IntArray, NDArray[np.float32]]
_HISTORY = {"any": ANY, "repeat": REPEAT, "new": NEW}


class Config(BaseModel):
    """What to train: the hyper-parameters of a recommender, each with its default, once."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


C = TypeVar("C", bound=Config)


def joined(best: Callable[[int, int], Lists], customers: int, cells: int) -> Lists:
    """The lists of all customers, made in blocks that fit ``CELLS_PER_BLOCK``.

    cells: of a customer; items, where scores of all of them are made.
    """
    size = CELLS_PER_BLOCK // max(cells, 1)
    blocks = over_blocks(best, max(customers, 1), size, threads())  # no customer: one empty block
    items, scores = (np.concatenate(column) for column in zip(*blocks, strict=True))
    return items, scores


class Recommender(ABC, Generic[C]):
    """Learns from interactions, then lists the k best items of any customer.

    A subclass names itself and its config and writes ``_fit``, ``_score``, ``_state`` and
    ``_restore`` on integer codes. Everything else is common: checks, history filters,
    eligibility, the tie rule (lower item code first), the fallback, files.
    """

    name: ClassVar[str]
    config_class: type[C]
    compute: ClassVar[Literal["cpu", "gpu", "spark"]] = "cpu"
    space: ClassVar[Space] = {}
    """What a search may vary: config field → where to look (see ``restock.models.space``)."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Name (``small``, ``large``, …) → the parameters that differ from the defaults."""
    extras: ClassVar[Mapping[str, str]] = {}
    """Modules that a fit needs beyond the core → the extra of ``restock`` that installs them."""
    effort: ClassVar[str | None] = None
    """The config field that says how long a fit learns, in rounds; none: it learns in one go."""

    def __init__(self, config: C | None = None) -> None:
        self.config: C = config if config is not None else self.config_class()
        self._past: Past | None = None

    def __repr__(self) -> str:
        """The name, the parameters that differ from their defaults, and whether it is fitted."""
        usual = self.config_class()
        said = [f"{key}={v!r}" for key, v in self.config if v != getattr(usual, key)]
        state = "not fitted" if self._past is None else "fitted"
        return f"<{self.name} {', '.join([*said, state])}>"

    # what a subclass writes ---------------------------------------------------------------
    @abstractmethod
    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        """Learn. ``interactions`` has at least one line; ``self.past`` is already there."""

    @abstractmethod
    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        """A new array of scores (customers × items); -inf where there is no evidence."""

    @abstractmethod
    def _state(self) -> State:
        """The learned arrays, by name: what ``save`` writes."""

    @abstractmethod
    def _restore(self, state: State) -> None:
        """Take back what ``_state`` gave; ``self.past`` is already there."""

    # what everybody calls -----------------------------------------------------------------
    def fit(self, interactions: Interactions, context: FitContext | None = None) -> Self:
        """Learn from interactions (everything in them is past). Returns itself.

        Raises TypeError when given anything else (a frame), ValueError when there is no line
        to learn from, ImportError when an extra is missing, CannotFit when the machine lacks
        what this fit needs: all before it starts.
        """
        if not isinstance(interactions, Interactions):
            raise TypeError(
                f"{self.name}: fit takes Interactions, not {type(interactions).__name__}; "
                "Interactions.from_frame(frame) makes them from a frame of order lines"
            )
        context = context or FitContext()
        check_extras(self.name, self.extras)
        if len(interactions) == 0:
            raise ValueError(
                f"{self.name}: no order lines before {interactions.as_of_date} to fit on; "
                "choose a later cut-off or more markets"
            )
        self.check(interactions, context)
        if context.shared is not None and not context.part:
            context.shared.serve(interactions)
        with granted(context.threads):
            self._past = context.once(("past",), lambda: Past.of(interactions))
            self._learn(interactions, context)
        return self

    def _learn(self, interactions: Interactions, context: FitContext) -> None:
        """``_fit``, or take over what an equal model learned from the same interactions."""

        def learn() -> dict[str, Any]:
            self._fit(interactions, context)
            return dict(vars(self))

        how = (context.seed, context.device, context.spark is not None)
        key = ("fit", self.name, self.config.model_dump_json(), *how)
        vars(self).update(context.once(key, learn))

    def memory_bytes(self, interactions: Interactions) -> int:
        """What a fit on these interactions holds at its peak beside them: the model's estimate."""
        return 64 * len(interactions)

    def check(self, interactions: Interactions, context: FitContext) -> None:
        """Raise CannotFit, with the remedy, when this fit cannot run here."""
        if self.compute == "gpu":
            check_device(self.name, context.device)
        check_memory(
            self.name,
            self.memory_bytes(interactions),
            "use a larger machine, fewer markets at once, or a smaller configuration",
        )

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
        items, scores = self._best(customers, k, history, allowed)
        fallback = self._fill_up(customers, items, scores, history, allowed)
        return Recommendations(customers, items, scores, fallback)

    def _best(self, customers: IntArray, k: int, history: int, allowed: BoolArray) -> Lists:
        """The k best items of each customer by the model alone, and their scores.

        Items are -1 where it has none. Equal scores are ordered by item code. For models that
        can do it without holding (customers × items) scores; who inherits from one of them and
        writes another ``_score`` writes this one too.
        """

        def best(first: int, last: int) -> Lists:
            block = customers[first:last]
            return self._select(block, self.scores(block), k, history, allowed)

        return joined(best, len(customers), self.past.n_items)

    def _select(
        self,
        customers: IntArray,
        scores: NDArray[np.float32],
        k: int,
        history: int,
        allowed: BoolArray,
    ) -> Lists:
        lists: Lists = best_items(scores, *self.past.bought_by(customers), allowed, history, k)
        return lists

    def _fill_up(
        self,
        customers: IntArray,
        items: IntArray,
        scores: NDArray[np.float32],
        history: int,
        allowed: BoolArray,
    ) -> BoolArray:
        """Fill empty places from the market's popular items, in place; which ones were."""
        past = self.past
        popular = past.popularity

        def fill(first: int, last: int) -> BoolArray:
            block = customers[first:last]
            filled: BoolArray = fill_up(
                items[first:last],
                scores[first:last],
                *past.bought_by(block),
                allowed,
                history,
                popular.order,
                popular.share,
                popular.row_of_market[past.customer_market[block]],
            )
            return filled

        size = CELLS_PER_BLOCK // CELLS_PER_CUSTOMER
        return np.concatenate(over_blocks(fill, max(len(customers), 1), size, threads()))

    def scores(self, customers: IntArray) -> NDArray[np.float32]:
        """Raw scores (customers × items, float32), -inf where the model has nothing to say.

        For hybrids; ``recommend`` is what applications want. Customers without history
        have a row of -inf.
        """
        indptr = self.past.bought_indptr
        scores = self._score(customers)
        scores[indptr[customers + 1] == indptr[customers]] = -np.inf
        return scores

    @property
    def past(self) -> Past:
        """What the model keeps of what it was fitted on; ValueError before ``fit``."""
        if self._past is None:
            raise ValueError(f"{self.name} is not fitted: call fit(interactions) first")
        return self._past

    def _check(
        self, customers: IntArray, k: int, history: str, allowed: BoolArray | None
    ) -> tuple[IntArray, BoolArray]:
        past = self.past
        if not isinstance(k, int | np.integer) or k < 1:
            raise ValueError(f"k must be a whole number of at least 1, not {k}")
        if history not in _HISTORY:
            raise ValueError(f"history must be one of any, repeat, new, not {history!r}")
        codes = np.asarray(customers)
        if codes.ndim != 1 or (codes.size and codes.dtype.kind not in "iu"):
            raise ValueError(
                "customers must be a 1-d array of integer codes; "
                "catalogue.customer_codes(ids) gives them"
            )
        known = past.customer_market.size
        if codes.size and not (codes.min() >= 0 and codes.max() < known):
            raise ValueError(f"customer codes must lie in 0..{known - 1}")
        if allowed is None:
            return codes.astype(np.int32), np.ones(past.n_items, dtype=bool)
        mask = np.array(allowed)
        if mask.shape != (past.n_items,) or mask.dtype != np.bool_:
            raise ValueError(f"allowed must be a bool array of shape ({past.n_items},)")
        return codes.astype(np.int32), mask

    # files --------------------------------------------------------------------------------
    def save(self, folder: Path | str) -> None:
        """Write ``model.npz`` (arrays, no pickle) and ``model.json`` (name, config, schema).

        The same model always gives the same bytes.
        """
        past, folder = self.past, Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        own = {f"own.{key}": value for key, value in self._state().items()}
        np.savez(folder / "model.npz", allow_pickle=False, **past.arrays(), **own)
        about = {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "config": self.config.model_dump(mode="json"),
            "catalogue_hash": past.catalogue_hash,
            "n_items": past.n_items,
        }
        (folder / "model.json").write_text(json.dumps(about, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what ``save`` wrote. No stored code is run."""
        folder = Path(folder)
        about = json.loads((folder / "model.json").read_text())
        if about["schema_version"] != SCHEMA_VERSION or about["name"] != cls.name:
            raise ValueError(
                f"{folder} holds {about['name']} of schema {about['schema_version']}, not "
                f"{cls.name} of schema {SCHEMA_VERSION}; restock.models.load finds the class"
            )
        model = cls(cls.config_class.model_validate(about["config"]))
        with np.load(folder / "model.npz", allow_pickle=False) as arrays:
            state = {key: arrays[key] for key in arrays.files}
        model._past = Past.restore(about["n_items"], about["catalogue_hash"], state)
        own = {key[4:]: value for key, value in state.items() if key.startswith("own.")}
        model._restore(own)
        return model
