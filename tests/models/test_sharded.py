"""Fits by shards: whatever parts the work is done in, the lists of one machine come out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.orders import Orders, many, orders
from contracts.recommender import assert_same, everyone, some
from hypothesis import given
from hypothesis import strategies as st

from restock.dataset import Interactions
from restock.models import create
from restock.models.co_occurrence import CoOccurrence, by_name
from restock.models.rows import total_cost
from restock.models.sharded import Counts, Sharded, ShardedNeighbours, merge, needed

pytestmark = pytest.mark.unit

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "reorder": ("reorder", {"half_life_days": 30.0}),
    "bm25": ("item_knn", {"neighbours": 3, "half_life_days": 30.0}),
    "cosine": ("item_knn", {"weighting": "cosine", "neighbours": 2}),
    "sar": ("sar", {"similarity": "jaccard"}),
    "few neighbours": ("sar", {"similarity": "lift", "neighbours": 3, "threshold": 2}),
}
cases = pytest.mark.parametrize("case", CASES)


def model(case: str) -> Sharded[Any]:
    name, config = CASES[case]
    made = create(name, **config)
    assert isinstance(made, Sharded)
    return made


def counted(case: str, shards: list[Interactions], parts: int) -> Counts:
    """What the shards come to, items compared in so many parts, by what each of them takes."""
    made = model(case)
    counts = merge([made.count_shard(shard) for shard in shards])
    if not isinstance(made, ShardedNeighbours):
        return counts
    rows = [made.rows_of_shard(shard, counts) for shard in shards]
    buyers, way = counts["buyers"], made.way
    about = (way, rows, buyers, total_cost(rows))
    found = [
        way.compare(needed(*about, (part, part + 1, parts)), buyers, part, parts)
        for part in range(parts)
    ]
    joined = way.join([way.join(found[:1]), *found[1:]])
    return counts | way.complete(buyers, joined)


def sharded(train: Interactions, lines: int, monkeypatch: pytest.MonkeyPatch) -> list[Interactions]:
    monkeypatch.setattr("restock.dataset.interactions.SHARD_LINES", lines)
    fresh = replace(train)
    return [fresh.shard(n) for n in range(fresh.shards.size - 1)]


@pytest.mark.thorough
@cases
@given(orders, st.integers(1, 12), st.integers(1, 4))
@some
def test_lists_are_those_of_one_machine(case: str, found: Orders, lines: int, parts: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        shards = sharded(found.train(), lines, patch)
        train = replace(found.train())
        whole = model(case).fit(train)
        counts = counted(case, shards, parts)
        again = model(case).fit_shard(train, counts)
        assert_same(whole.recommend(everyone(train), 10), again.recommend(everyone(train), 10))
        for shard in shards:
            who = shard.customers
            own = model(case).fit_shard(shard, counts).recommend(who, 10)
            assert_same(own, whole.recommend(who, 10))


@cases
def test_the_files_are_those_of_one_machine(
    case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    shards = sharded(many(), 100, monkeypatch)
    assert len(shards) == 9
    train = replace(many())
    model(case).fit(train).save(tmp_path / "whole")
    model(case).fit_shard(train, counted(case, shards, 3)).save(tmp_path / "parts")
    for name in ("model.npz", "model.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_part_of_a_fit_that_knows_one_shard_alone_is_not_saved_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shards = sharded(many(), 20, monkeypatch)
    counts = counted("sar", shards, 1)
    part = model("sar").fit_shard(shards[0], counts)
    with pytest.raises(ValueError, match="one shard's part of a fit"):
        part.save(tmp_path / "part")
    model("sar").fit(many()).save(tmp_path / "whole")


def test_the_order_of_the_sum_is_that_of_the_shards() -> None:
    ones = [{"lines": np.array([x])} for x in (1e16, 1.0, 1.0)]
    assert merge(ones)["lines"] == merge([merge(ones[:2]), ones[2]])["lines"] == 1e16
    assert merge(ones[::-1])["lines"] == 1e16 + 2


@pytest.mark.parametrize(("byte", "narrow"), [(255, 65535), (3, 65535), (3, 9)])
def test_counts_of_any_size_fill_the_tiles_of_one_machine(
    monkeypatch: pytest.MonkeyPatch, byte: int, narrow: int
) -> None:
    for module in ("triangle", "co_occurrence"):
        monkeypatch.setattr(f"restock.models.{module}.NARROW", narrow)
    monkeypatch.setattr("restock.models.triangle.BYTE", byte)
    shards = sharded(many(items=150), 200, monkeypatch)
    train = replace(many(items=150))
    counts = counted("sar", shards, 3)
    together = CoOccurrence.of(train.pairs.indptr, train.pairs.item, train.n_items)
    assert (together.levels.items.wide.size > 0) == (narrow == 9)
    for name, array in by_name(together.levels).items():
        np.testing.assert_array_equal(counts[name], array)


def test_most_counts_travel_as_a_byte_for_two_items() -> None:
    train, sar = replace(many()), create("sar")
    assert isinstance(sar, Sharded)
    counts = sar.count_shard(train)
    rows = [sar.rows_of_shard(train, counts)]  # type: ignore[attr-defined]
    found = sar.way.compare(rows, counts["buyers"], 0, 1)  # type: ignore[attr-defined]
    sold = np.count_nonzero(counts["buyers"])
    assert sum(part.nbytes for part in found.values()) == sold * (sold + 1) // 2


def test_rows_hold_what_a_part_compares_and_no_weight_that_is_one() -> None:
    train, knn = replace(many()), create("item_knn", weighting="cosine", half_life_days=None)
    assert isinstance(knn, ShardedNeighbours)
    counts = knn.count_shard(train)
    whole = knn.rows_of_shard(train, counts)
    assert whole.weights is not None  # many lines for a pair
    about = (knn.way, [whole], counts["buyers"], whole.cost)
    parts = [needed(*about, (part, part + 1, 3))[0] for part in range(3)]
    assert sum(part.customers.size for part in parts) == whole.customers.size
    assert all(part.places.size < whole.places.size for part in parts[:2])
    assert needed(*about, (0, 3, 3))[0].places.size == whole.places.size

    once = np.unique(
        train.customer.astype(np.int64) * train.n_items + train.item, return_index=True
    )
    single = train._select(np.isin(np.arange(len(train)), once[1]))
    assert knn.rows_of_shard(single, knn.count_shard(single)).weights is None
