"""What every recommender must hold. Inherit ``RecommenderContract`` and name the model.

class TestSar(RecommenderContract):
    name = "sar"
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from contracts.orders import CUTOFF, Orders, lines, many, orders
from distributed import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import restock.models
from restock.dataset import Interactions
from restock.models import (
    Candidate,
    FitContext,
    Recommendations,
    Recommender,
    available,
    create,
    load,
    registry,
)
from restock.models import space as sp
from restock.models.popularity import popularity

unit = pytest.mark.unit
some = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)
K = 5
HISTORIES = ("any", "repeat", "new")


def everyone(interactions: Interactions) -> np.ndarray:
    return np.arange(interactions.n_customers, dtype=np.int32)


def assert_same(one: Recommendations, other: Recommendations) -> None:
    for part in ("customers", "items", "scores", "fallback"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part), err_msg=part)


def glue(parts: list[Recommendations]) -> Recommendations:
    names = ("customers", "items", "scores", "fallback")
    return Recommendations(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def fit_and_recommend(
    customers: np.ndarray,
    interactions: Interactions,
    name: str,
    config: dict[str, Any],
    module: str,
    folder: str | None,
) -> Recommendations:
    """What a worker does: it knows the model by name only."""
    if folder is not None and folder not in restock.models.__path__:
        restock.models.__path__.append(folder)
    registry.MODELS.setdefault(name, module)
    return create(name, **config).fit(interactions).recommend(customers, 10)


class RecommenderContract:
    """Inherited by the tests of each model."""

    name: ClassVar[str]
    config: ClassVar[dict[str, Any]] = {}
    random: ClassVar[bool] = False
    """Whether the seed may change a result."""
    folder: ClassVar[str | None] = None
    """Where the model's module lies, when that is not ``models/``."""

    def model(self) -> Recommender[Any]:
        return create(self.name, **self.config)

    def lists(self, interactions: Interactions, k: int = K, **how: Any) -> Recommendations:
        return self.model().fit(interactions).recommend(everyone(interactions), k, **how)

    # what changes nothing -----------------------------------------------------------------
    @unit
    @given(orders, st.randoms(use_true_random=False))
    @some
    def test_the_order_of_rows_changes_nothing(self, found: Orders, random: Any) -> None:
        frame = found.frame()
        rows = list(range(len(frame)))
        random.shuffle(rows)
        shuffled = Interactions.from_frame(frame.iloc[rows]).before(CUTOFF)
        assert_same(self.lists(found.train()), self.lists(shuffled))

    @unit
    @given(orders, st.lists(st.integers(0, 6), max_size=3))
    @some
    def test_batches_of_customers_change_nothing(self, found: Orders, cuts: list[int]) -> None:
        train = found.train()
        model = self.model().fit(train)
        whole = model.recommend(everyone(train), K)
        for parts in (
            np.split(everyone(train), sorted(cuts)),
            np.split(everyone(train), train.n_customers),
        ):
            assert_same(whole, glue([model.recommend(part, K) for part in parts]))
        backwards = model.recommend(everyone(train)[::-1], K)
        np.testing.assert_array_equal(backwards.items, whole.items[::-1])

    @unit
    @given(orders)
    @some
    def test_the_number_of_threads_changes_nothing(self, found: Orders) -> None:
        train = found.train()
        one, three = (
            self.model().fit(train, FitContext(threads=n)).recommend(everyone(train), K)
            for n in (1, 3)
        )
        assert_same(one, three)

    @unit
    @given(orders)
    @some
    def test_new_names_in_the_same_order_change_nothing(self, found: Orders) -> None:
        assert_same(self.lists(found.train()), self.lists(found.train("new-{:09}")))

    @unit
    @given(orders)
    @some
    def test_fitting_again_changes_nothing(self, found: Orders) -> None:
        train, other = found.train(), many(customers=20, items=12, n=100)
        model = self.model().fit(train)
        first = model.recommend(everyone(train), K)
        model.fit(other).fit(train)
        assert_same(first, model.recommend(everyone(train), K))
        assert_same(first, self.lists(train))

    @unit
    def test_the_seed_decides(self) -> None:
        train = many()
        same, again, other = (
            self.model().fit(train, FitContext(seed=seed)).recommend(everyone(train), K)
            for seed in (7, 7, 8)
        )
        assert_same(same, again)
        if self.random:
            assert (same.scores != other.scores).any()
        else:
            assert_same(same, other)

    @unit
    @given(orders, lines(customers=4))
    @some
    def test_another_market_changes_nothing(self, found: Orders, more: tuple) -> None:
        french = tuple((c - c % 2, *rest) for c, *rest in found.lines)
        abroad = tuple((c * 2 + 1, item * 3, *rest) for c, item, *rest in more)
        alone = Orders(french).train().of_market("FR")
        among = Orders(french + abroad).train().of_market("FR")
        tables = [
            replace(found, customers=inside.customers).arrow(inside.catalogue).to_pylist()
            for inside in (alone, among)
            for found in [self.model().fit(inside).recommend(inside.customers, 3)]
        ]
        assert tables[0] == tables[1]

    @unit
    @given(orders)
    @some
    def test_saving_and_loading_changes_nothing(
        self, tmp_path_factory: pytest.TempPathFactory, found: Orders
    ) -> None:
        folder = tmp_path_factory.mktemp("saved")
        train = found.train()
        model = self.model().fit(train)
        model.save(folder / "a")
        self.model().fit(train).save(folder / "b")
        for file in ("model.npz", "model.json"):
            assert (folder / "a" / file).read_bytes() == (folder / "b" / file).read_bytes()
        loaded = load(folder / "a")
        assert type(loaded) is type(model)
        assert loaded.config == model.config
        for history in HISTORIES:
            assert_same(
                model.recommend(everyone(train), K, history=history),
                loaded.recommend(everyone(train), K, history=history),
            )

    @unit
    def test_a_memory_mapped_snapshot_changes_nothing(self, tmp_path: Path) -> None:
        train = many()
        train.save(tmp_path / "snapshot")
        assert_same(self.lists(train), self.lists(Interactions.open(tmp_path / "snapshot")))

    # what a list is -----------------------------------------------------------------------
    @unit
    @given(orders, st.sampled_from(HISTORIES))
    @some
    def test_a_list_is_best_first_without_doubles(self, found: Orders, history: str) -> None:
        train = found.train()
        lists = self.lists(train, k=10, history=history)  # longer than there are items
        assert lists.items.dtype == np.int32
        assert lists.scores.dtype == np.float32
        assert lists.fallback.dtype == np.bool_
        assert lists.items.shape == lists.scores.shape == lists.fallback.shape
        assert lists.items.shape == (train.n_customers, 10)
        for items, scores, fallback in zip(lists.items, lists.scores, lists.fallback, strict=True):
            size = int((items >= 0).sum())
            assert (items[size:] == -1).all()
            assert (scores[size:] == 0).all()
            assert not fallback[size:].any()
            assert np.unique(items[:size]).size == size
            assert items.max() < train.n_items
            assert np.isfinite(scores).all()
            assert (np.diff(scores[:size]) <= 0).all()
            assert (np.diff(fallback[:size].astype(int)) >= 0).all()  # the fallback comes last

    @unit
    @given(orders)
    @some
    def test_equal_scores_go_by_item_code(self, found: Orders) -> None:
        train = found.train()
        model = self.model().fit(train)
        scores = model.scores(everyone(train))
        assert scores.shape == (train.n_customers, train.n_items)
        lists = model.recommend(everyone(train), K)
        for row, items, fallback in zip(scores, lists.items, lists.fallback, strict=True):
            best = np.argsort(-row, kind="stable")[: min(K, int((row > -np.inf).sum()))]
            np.testing.assert_array_equal(items[~fallback & (items >= 0)], best)

    @unit
    def test_a_score_with_evidence_is_above_0(self) -> None:
        """Hybrids scale scores by the best of each customer."""
        train = many()
        scores = self.model().fit(train).scores(everyone(train))
        assert (scores[scores > -np.inf] > 0).all()

    @unit
    @given(orders, st.sampled_from(HISTORIES))
    @some
    def test_a_short_list_is_the_start_of_a_long_one(self, found: Orders, history: str) -> None:
        train = found.train()
        model = self.model().fit(train)
        ten = model.recommend(everyone(train), 10, history=history)
        assert_same(model.recommend(everyone(train), 5, history=history), ten.head(5))

    @unit
    @given(orders)
    @some
    def test_new_is_never_bought_and_repeat_always(self, found: Orders) -> None:
        train = found.train()
        model = self.model().fit(train)
        bought = set(zip(train.customer.tolist(), train.item.tolist(), strict=True))
        for history in ("new", "repeat"):
            lists = model.recommend(everyone(train), 10, history=history)
            rows, places = np.nonzero(lists.items >= 0)
            listed = set(zip(rows.tolist(), lists.items[rows, places].tolist(), strict=True))
            if history == "repeat":
                assert listed == bought  # ten places are enough for all of it
            else:
                assert not listed & bought

    @unit
    @given(orders, st.lists(st.booleans(), min_size=8, max_size=8))
    @some
    def test_only_allowed_items_are_listed(self, found: Orders, mask: list[bool]) -> None:
        train = found.train()
        allowed = np.array(mask[: train.n_items])
        items = self.lists(train, allowed=allowed).items
        assert allowed[items[items >= 0]].all()
        model = self.model().fit(train)
        everything = model.recommend(everyone(train), train.n_items)
        for row, whole in zip(items, everything.items, strict=True):
            expected = [item for item in whole if item >= 0 and allowed[item]][:K]
            assert row[row >= 0].tolist() == expected

    @unit
    @given(orders)
    @some
    def test_cold_customers_get_what_is_popular_and_are_told_so(self, found: Orders) -> None:
        train = found.train()
        cold = np.setdiff1d(everyone(train), train.customers).astype(np.int32)
        assert cold.size  # one customer buys after the cut-off only
        model = self.model().fit(train)
        assert (model.scores(cold) == -np.inf).all()
        lists = model.recommend(cold, K)
        popular = popularity(train)
        best = popular.order[popular.row_of_market[train.catalogue.customer_market[cold]]][:, :K]
        np.testing.assert_array_equal(lists.items[:, : best.shape[1]], best)
        np.testing.assert_array_equal(lists.fallback, lists.items >= 0)

    @unit
    def test_no_customer_is_no_list(self) -> None:
        train = many()
        lists = self.model().fit(train).recommend(np.array([], dtype=np.int32), K)
        assert lists.items.shape == lists.scores.shape == lists.fallback.shape == (0, K)

    # what is refused ----------------------------------------------------------------------
    @unit
    def test_an_unknown_parameter_is_refused_with_the_nearest(self) -> None:
        for parameter in self.model().config_class.model_fields:
            with pytest.raises(ValueError, match=f"did you mean '{parameter}'"):
                create(self.name, **{parameter + "x": 1})
        with pytest.raises(ValueError, match="extra"):
            self.model().config_class.model_validate({"nonsense": 1})
        with pytest.raises(ValueError, match="no parameter"):
            Candidate(name=self.name, config={"nonsense": 1})

    @unit
    def test_nothing_works_before_fit(self, tmp_path: Path) -> None:
        one = np.array([0], dtype=np.int32)
        for use in (
            lambda: self.model().recommend(one, K),
            lambda: self.model().scores(one),
            lambda: self.model().save(tmp_path),
        ):
            with pytest.raises(ValueError, match=f"{self.name} is not fitted"):
                use()

    @unit
    def test_nothing_to_fit_on_is_refused(self) -> None:
        train = many()
        with pytest.raises(ValueError, match=f"{self.name}: no order lines"):
            self.model().fit(train.of_customers(np.array([], dtype=np.int32)))

    @unit
    def test_bad_arguments_are_refused(self) -> None:
        train = many()
        model = self.model().fit(train)
        one = np.array([0], dtype=np.int32)
        bad: list[tuple[str, Any, Any, dict[str, Any]]] = [
            ("k must be", one, 0, {}),
            ("k must be", one, 2.5, {}),
            ("history must be", one, K, {"history": "old"}),
            ("integer codes", np.array(["a"]), K, {}),
            ("integer codes", np.array([0.5]), K, {}),
            ("integer codes", one[:, None], K, {}),
            ("customer codes must lie in", np.array([train.n_customers]), K, {}),
            ("customer codes must lie in", np.array([-1]), K, {}),
            ("allowed must be", one, K, {"allowed": np.ones(train.n_items + 1, dtype=bool)}),
            ("allowed must be", one, K, {"allowed": np.ones(train.n_items)}),
            ("allowed must be", one, K, {"allowed": [True]}),
        ]
        for message, customers, k, how in bad:
            with pytest.raises(ValueError, match=message):
                model.recommend(customers, k, **how)

    # what it says of itself ---------------------------------------------------------------
    @unit
    def test_it_is_registered_and_explains_its_parameters(self) -> None:
        assert available()[self.name] == "ready"
        assert type(self.model()).name == self.name
        config = self.model().config_class
        for name, field in config.model_fields.items():
            assert field.description, f"{config.__name__}.{name} has no docstring"
            assert not field.is_required(), f"{config.__name__}.{name} has no default"

    @unit
    def test_its_search_space_lies_within_its_bounds(self) -> None:
        model = self.model()
        for name, dimension in model.space.items():
            for value in ends(dimension):
                assert getattr(create(self.name, **{name: value}).config, name) == value
            if isinstance(dimension, sp.Conditional):
                other = model.space[dimension.field]
                assert set(dimension.values) < set(ends(other))

    # elsewhere ----------------------------------------------------------------------------
    @pytest.mark.platform
    @pytest.mark.parametrize("parts", [2, 7])
    def test_two_processes_give_the_same_lists(self, cluster: Client, parts: int) -> None:
        train = many()
        shuffled = np.random.default_rng(parts).permutation(everyone(train))
        kind = type(self.model())
        about = {
            "interactions": cluster.scatter(train, broadcast=True, hash=False),
            "name": self.name,
            "config": self.config,
            "module": f"{kind.__module__}:{kind.__name__}",
            "folder": self.folder,
        }
        workers = sorted(cluster.nthreads())
        futures = [
            cluster.submit(fit_and_recommend, part, **about, workers=workers[n % 2], pure=False)
            for n, part in enumerate(np.array_split(shuffled, parts))
        ]
        there = glue(cluster.gather(futures))
        assert_same(there, self.model().fit(train).recommend(shuffled, 10))


def ends(dimension: sp.Dimension) -> list[Any]:
    """The outermost values of a dimension of a search space."""
    match dimension:
        case sp.Choice(options):
            return list(options)
        case sp.PowerOfTwo(low, high):
            return [2**low, 2**high]
        case sp.Conditional(_, _, then):
            return ends(then)
        case sp.Uniform(low, high) | sp.LogUniform(low, high):
            assert low < high
            return [low, high]
        case sp.Integer(low, high, _):
            assert low < high
            return [low, high]
