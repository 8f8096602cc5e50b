"""A sequential hybrid: several models propose, boosted trees decide."""

import datetime as dt
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.kernels.neighbours import score_own
from restock.models.base import Config, State
from restock.models.context import FitContext
from restock.models.hybrid import Hybrid, Member, Members
from restock.models.memory import horizons
from restock.models.requirements import CannotFit
from restock.models.rerank_examples import Examples, Moment, examples
from restock.models.space import Choice, Integer, LogUniform, Space, Uniform

LEAST_CUSTOMERS = 20  # that bought after a cut-off: fewer teach the trees nothing
GRADES = 30  # of the value of what was right
ROW_BYTES = 4 * 80  # of one candidate: float32 features
BINS = 80  # and as LightGBM keeps it, a byte a feature
UNLIKE = 0.6  # of what members propose: the rest another one has proposed, too


class RerankConfig(Config):
    """Who proposes, what the trees learn from, and how they grow."""

    members: Members[Member] = (
        Member(name="reorder"),
        Member(name="item_knn"),
        Member(name="ease"),
    )
    """The models that propose new items; their scores are features."""

    proposals: int = Field(100, ge=1)
    """New items that each member proposes; all items bought are candidates anyway."""

    cutoffs: int = Field(6, ge=1)
    """Earlier moments to learn from, each a horizon before the next."""

    horizon_days: int = Field(28, ge=1)
    """What was bought in so many days after a cut-off was right."""

    objective: Literal["binary", "lambdarank"] = "lambdarank"
    """What the trees minimise: the log-loss of each candidate, or what NDCG loses."""

    value_exponent: float = Field(0.0, ge=0, le=1)
    """A right item weighs value ** exponent: 0 for hits alone, 1 for revenue."""

    trees: int = Field(100, ge=1)
    """Boosted trees."""

    leaves: int = Field(31, ge=2)
    """Leaves of a tree."""

    learning_rate: float = Field(0.1, gt=0, le=1)
    """What each tree adds."""

    least_leaf: int = Field(100, ge=1)
    """Examples that a leaf must hold."""


class Rerank(Hybrid[RerankConfig]):
    """Candidates from several models, ranked by gradient-boosted trees.

    Candidates of a customer are all items bought and the first new ``proposals`` of each
    member. Of each (customer, item) the trees see how often, how recently and how regularly it
    was bought, what the customer and the item do now and did at this time of the year, how the
    item sells in the customer's market, the feature store, and the members' scores (see
    ``rerank_features``). They learn from ``cutoffs`` earlier moments, each with what was known
    before it and what was bought in the ``horizon_days`` after it, then score the candidates of
    every customer at ``as_of``. ``lambdarank`` weighs each pair of candidates by the NDCG that
    swapping them costs (Burges, "From RankNet to LambdaRank to LambdaMART", 2010), in trees of
    LightGBM (Ke et al., NIPS 2017). With too few customers to learn from, the sum of the
    members' scores decides.

    Cost: the members' fits, once per cut-off and once for the end; examples × features for each
    tree. Memory: 4 bytes per candidate and feature. Only the scored candidates are kept: a
    saved model needs neither LightGBM nor its members.
    """

    name = "rerank"
    config_class = RerankConfig
    effort = "trees"
    space: ClassVar[Space] = {
        "proposals": Integer(20, 300, log=True),
        "cutoffs": Integer(1, 12),
        "objective": Choice(("binary", "lambdarank")),
        "value_exponent": Uniform(0, 0.5),
        "trees": Integer(50, 1000, log=True),
        "leaves": Integer(7, 127, log=True),
        "learning_rate": LogUniform(0.01, 0.3),
        "least_leaf": Integer(10, 1000, log=True),
    }
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "large": {"members": ({"name": "reorder"}, {"name": "item_knn"})},
        "value_aware": {"value_exponent": 0.25},
    }

    def _members(self) -> Sequence[Member]:
        return self.config.members

    def check(self, interactions: Interactions, context: FitContext) -> None:
        """As every hybrid; and LightGBM must load, which wants a library of the system."""
        super().check(interactions, context)
        try:
            import_module("lightgbm")
        except OSError as error:
            raise CannotFit(
                f"{self.name}: LightGBM does not load ({error}); install the OpenMP runtime "
                "(Debian: apt-get install libgomp1)"
            ) from error

    def memory_bytes(self, interactions: Interactions) -> int:
        """What is known of pairs, and the candidates of those who bought after a cut-off.

        Or the members, whose fits are held when nothing is learned from any more.
        """
        config, pairs = self.config, interactions.pairs.item.size
        new = UNLIKE * config.proposals * len(config.members)
        found = horizons(interactions, config.cutoffs, config.horizon_days)
        candidates = sum(one.active + new * one.customers for one in found)
        learning = ROW_BYTES * pairs + (ROW_BYTES + BINS) * candidates + 64 * len(interactions)
        return max(super().memory_bytes(interactions), int(learning))

    def _fit(self, interactions: Interactions, context: FitContext) -> None:
        trees = self._train(self._examples(interactions, context), context)
        self._decide(interactions, trees, context)

    def _decide(self, interactions: Interactions, trees: Any, context: FitContext) -> None:
        """Score the candidates of every customer, with all that is known."""
        config = self.config
        now = Moment.of(interactions, config.members, config.horizon_days, context)
        sizes = np.zeros(interactions.n_customers + 1, dtype=np.int64)
        items, scores = [], []
        for found in now.candidates(interactions.customers, config.proposals):
            score = found.votes
            if trees is not None:
                score = trees.predict(found.rows, num_threads=context.threads)
            each = np.diff(found.start)
            best = np.repeat(np.maximum.reduceat(score, found.start[:-1]), each)
            sizes[found.customers + 1] = each
            items.append(found.items)
            scores.append(np.exp(score - best).astype(np.float32))  # above 0, the best is 1
        self._start = np.cumsum(sizes)
        self._items, self._scores = np.concatenate(items), np.concatenate(scores)
        self._gain: dict[str, float] = {}
        if trees is not None:
            gain = trees.feature_importance("gain")
            share = gain / max(gain.sum(), 1e-300)
            self._gain = dict(zip(now.names, share.tolist(), strict=True))

    @property
    def importance(self) -> dict[str, float]:
        """What each feature contributed to the trees' gain, the largest first; sums to 1."""
        return dict(sorted(self._gain.items(), key=lambda pair: -pair[1]))

    def _examples(self, interactions: Interactions, context: FitContext) -> list[Examples]:
        """What was right after each earlier cut-off, oldest first."""
        config = self.config
        horizon = dt.timedelta(days=config.horizon_days)
        found: list[Examples] = []
        for back in range(config.cutoffs, 0, -1):
            cutoff = interactions.as_of_date - back * horizon
            found += examples(
                interactions,
                cutoff,
                cutoff + horizon,
                config.members,
                config.proposals,
                config.value_exponent,
                context,
            )
        return found

    def _train(self, found: list[Examples], context: FitContext) -> Any:
        """The trees; None when there is too little to learn from."""
        import lightgbm

        config = self.config
        right = np.concatenate([part.right for part in found] or [np.empty(0, dtype=bool)])
        if sum(part.sizes.size for part in found) < LEAST_CUSTOMERS or not right.any():
            return None
        weight = np.concatenate([part.weight for part in found])
        rows = [part.rows for part in found]
        how: dict[str, Any] = {
            "objective": config.objective,
            "num_leaves": config.leaves,
            "learning_rate": config.learning_rate,
            "min_data_in_leaf": config.least_leaf,
            "lambda_l2": 10.0,
            "feature_fraction": 0.4,
            "bagging_fraction": 0.5,
            "bagging_freq": 1,
            "max_bin": 127,
            "seed": context.seed,
            "num_threads": context.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        if config.objective == "binary":
            data = lightgbm.Dataset(rows, label=right, weight=weight)
        else:
            grade, how["label_gain"] = graded(right, weight)
            sizes = np.concatenate([part.sizes for part in found])
            data = lightgbm.Dataset(rows, label=grade, group=sizes)
        return lightgbm.train(how, data, num_boost_round=config.trees)

    def _score(self, customers: IntArray) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = score_own(
            customers, self._start, self._items, self._scores, self.past.n_items
        )
        return scores

    def _state(self) -> State:
        return {
            "start": self._start,
            "item": self._items,
            "score": self._scores,
            "feature": np.array(list(self._gain), dtype=np.str_),
            "gain": np.array(list(self._gain.values()), dtype=np.float64),
        }

    def _restore(self, state: State) -> None:
        self._start, self._items, self._scores = state["start"], state["item"], state["score"]
        self._gain = dict(zip(state["feature"].tolist(), state["gain"].tolist(), strict=True))


def graded(
    right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[NDArray[np.int32], list[float]]:
    """The weights of right items in at most 30 grades, which LightGBM wants whole.

    Returns the grade of each example (int32), 0 for a wrong one, and what each grade gains:
    the mean weight of its examples.
    """
    edges = np.unique(np.quantile(weight[right], np.linspace(0, 1, GRADES + 1)[1:-1]))
    grade = np.where(right, 1 + np.searchsorted(edges, weight, side="left"), 0).astype(np.int32)
    total, count = np.bincount(grade, weight * right), np.bincount(grade)
    return grade, (total / np.maximum(count, 1)).tolist()
