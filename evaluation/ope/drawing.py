"""Lists that are drawn, not only ranked, and the exact probability of what was drawn.

A log of lists that could not have been others says nothing of others. A *drawing* shows what
stands lower down now and then, and says how likely that was: what a publication or a service
calls to turn a ranking into a list, and what off-policy estimates ask for the probability with
which it would have shown a list that is in a log.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from restock.dataset import exposures as e
from restock.dataset.catalogue import Catalogue, IntArray
from restock.dataset.simulated_shop import Policy, Shown, Situation
from restock.evaluation.folds import BoolArray, FloatArray
from restock.models import Recommender

BLOCK_CELLS = 2_000_000  # lists × depth at a time: 16 MB a float array


class Drawing(BaseModel):
    """How a list is drawn from a ranking, place by place, without repeating an item.

    ``none`` takes the best item left. ``epsilon`` does so too, but with chance ``epsilon`` it
    takes any of those left, all alike. ``softmax`` takes the item of rank r with a chance in
    proportion to r^(-1 / temperature): the softmax of -log(rank) / temperature, drawn without
    replacement (Plackett and Luce). Ranks, not raw scores: those of two models, or of a model
    and of the popular items that fill up its lists, have no common unit, and a temperature would
    mean another thing for each. At temperature 1 the second item is half as likely to lead as
    the first; at 0.5 a quarter as likely; the higher, the more is explored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["none", "epsilon", "softmax"] = "none"

    epsilon: float = Field(default=0.1, gt=0, le=1)
    """Chance, at each place, of any item left (``epsilon``)."""

    temperature: float = Field(default=0.5, ge=0.05, le=20)
    """How far chances reach down the ranking (``softmax``)."""

    depth: int = Field(default=50, ge=1, le=1000)
    """How many of the best items are drawn from; never fewer than the list is long."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """``none``, ``epsilon:0.1`` or ``softmax:0.5``, and ``softmax:0.5:20`` for a depth of 20.

        ValueError says how to write it.
        """
        kind, *values = text.strip().split(":")
        name = {"epsilon": "epsilon", "softmax": "temperature"}.get(kind)
        if kind == "none" and not values:
            return cls()
        if name is None or not 1 <= len(values) <= 2:
            raise ValueError(f"{text!r} is no drawing: write none, epsilon:0.1 or softmax:0.5")
        try:
            how = {name: float(values[0]), **({"depth": int(values[1])} if values[1:] else {})}
            return cls.model_validate({"kind": kind, **how})
        except ValueError:
            raise ValueError(
                f"{text!r} is no drawing: epsilon lies in (0, 1], a temperature in 0.05..20, a "
                "depth in 1..1000"
            ) from None

    @property
    def label(self) -> str:
        """For people, and for ``parse``."""
        if self.kind == "none":
            return "none"
        value = self.epsilon if self.kind == "epsilon" else self.temperature
        usual = type(self).model_fields["depth"].default
        return f"{self.kind}:{value:g}" + (f":{self.depth}" if self.depth != usual else "")

    def reach(self, k: int) -> int:
        """How long a ranking must be, to draw lists of k from it."""
        return k if self.kind == "none" else max(k, self.depth)


def draw(
    items: IntArray, k: int, drawing: Drawing, generator: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Draw a list of k from each ranking.

    items: int32 (rows × any), best first, no item twice in a row, -1 after the last; what lies
    beyond ``drawing.reach(k)`` is not shown. Returns the lists (int32, rows × k, -1 after the
    last) and the propensities (float64, rows × k): the probability of each item at its place
    given those above it, in (0, 1]; 1 where there is none. The same generator gives the same.
    """
    ranked = _checked(items, drawing.reach(k))
    rows = len(ranked)
    shown = np.full((rows, k), -1, np.int32)
    propensities = np.ones((rows, k))
    chance = generator.random((2, rows, k))  # whether to explore or how far; then whereto
    for block in _blocks(ranked):
        here = ranked[block]
        left, lines = here >= 0, np.arange(len(here))
        for place in range(min(k, here.shape[1])):
            chances = _next_chances(left, drawing)
            rank = _taken(left, chances, drawing, chance[:, block, place])
            some = left.any(axis=1)
            shown[block, place] = np.where(some, here[lines, rank], -1)
            propensities[block, place] = np.where(some, chances[lines, rank], 1.0)
            left[lines, rank] = False
    return shown, propensities


def chances(items: IntArray, shown: IntArray, drawing: Drawing) -> FloatArray:
    """How likely the drawing would have put each shown item at its place, below those above it.

    items: the rankings that it would have drawn from, as ``draw`` takes them. shown: int32
    (rows × k), what was shown by whatever policy, negative where nothing was (or an item without
    a code). Float64 (rows × k) in [0, 1]; 1 at -1. Of what ``draw`` drew, exactly its
    propensities.
    """
    found = np.ones(np.shape(shown))
    for place, (block, _, all_chances, rank) in _walk(items, shown, drawing):
        likely = np.where(rank >= 0, all_chances[np.arange(rank.size), rank], 0.0)
        found[block, place] = np.where(shown[block, place] == -1, 1.0, likely)
    return found


def place_chances(
    items: IntArray, shown: IntArray, drawing: Drawing
) -> Iterator[tuple[slice, int, IntArray, FloatArray]]:
    """What the drawing would have put at each place of the shown lists, below the items above.

    Yields the rows, the place from 0, the rankings (int32, rows × reach, -1 after the last) and
    the chance of each of their items (float64, as many; 0 where one is shown above already).
    """
    for place, (block, ranked, all_chances, _) in _walk(items, shown, drawing):
        yield block, place, ranked, all_chances


def _walk(
    items: IntArray, shown: IntArray, drawing: Drawing
) -> Iterator[tuple[int, tuple[slice, IntArray, FloatArray, NDArray[np.int64]]]]:
    """Down the shown lists: the rows, their rankings, all chances, the rank shown (-1: none)."""
    ranked = _checked(items, drawing.reach(shown.shape[1]))
    if len(ranked) != len(shown):
        raise ValueError(f"{len(ranked)} rankings for {len(shown)} lists: give one each")
    for block in _blocks(ranked):
        here = ranked[block]
        left, lines = here >= 0, np.arange(len(here))
        for place in range(shown.shape[1]):
            item = shown[block, place]
            same = (here == item[:, None]) & (item >= 0)[:, None]
            rank = np.where(same.any(axis=1), same.argmax(axis=1), -1)
            yield place, (block, here, _next_chances(left, drawing), rank)
            known = rank >= 0
            left[lines[known], rank[known]] = False


def _next_chances(left: BoolArray, drawing: Drawing) -> FloatArray:
    """The chance (float64, rows × reach) of each item left to be the next; rows may be empty."""
    if drawing.kind == "softmax":
        weight = np.arange(1, left.shape[1] + 1) ** (-1.0 / drawing.temperature)
        worth = left * weight
        total = worth.sum(axis=1, keepdims=True)
        return np.divide(worth, total, out=worth, where=total > 0)
    explored = drawing.epsilon if drawing.kind == "epsilon" else 0.0
    best = left & (np.cumsum(left, axis=1, dtype=np.int16) == 1)
    return (1 - explored) * best + left * (explored / np.maximum(left.sum(axis=1), 1))[:, None]


def _taken(
    left: BoolArray, chances: FloatArray, drawing: Drawing, chance: FloatArray
) -> NDArray[np.int64]:
    """The ranks that two uniform numbers per row (2 × rows) take from those left."""
    if drawing.kind == "softmax":
        below = np.cumsum(chances, axis=1)
        spot = chance[0] * below[:, -1]
        # the first item whose share holds the spot; what is gone has no share
        rank: NDArray[np.int64] = ((below > spot[:, None]) & left).argmax(axis=1)
        return rank
    explores = (drawing.kind == "epsilon") & (chance[0] < drawing.epsilon)
    count = np.cumsum(left, axis=1, dtype=np.int16)
    wanted = np.where(explores, np.floor(chance[1] * count[:, -1]), 0)
    nth: NDArray[np.int64] = ((count == wanted[:, None] + 1) & left).argmax(axis=1)
    return nth


def _checked(items: IntArray, reach: int) -> IntArray:
    ranked = np.asarray(items)
    if ranked.ndim != 2 or ranked.dtype.kind not in "iu":
        raise ValueError("items must be a table of integer codes (rows × ranks), best first")
    ranked = ranked[:, :reach].astype(np.int32)
    if ((ranked[:, 1:] >= 0) & (ranked[:, :-1] < 0)).any():
        raise ValueError("items has a gap in a ranking: -1 stands after the last item only")
    return ranked


def _blocks(ranked: IntArray) -> Iterator[slice]:
    rows = max(BLOCK_CELLS // max(ranked.shape[1], 1), 1)
    for first in range(0, len(ranked), rows):
        yield slice(first, first + rows)


# what serves and what is logged --------------------------------------------------------------
def as_policy(
    recommender: Recommender[Any],
    k: int,
    drawing: Drawing | None = None,
    name: str | None = None,
    *,
    first: dt.date | None = None,
) -> Policy:
    """A fitted recommender as a policy that the simulator can serve: lists of k items.

    Its codes must be the world's: fit it on ``interactions(everyone=True)`` of a simulation of
    the same setting, cut before the first day. name: in the exposure log; the recommender's own
    by default. first: nothing is shown before this day. The policy raises ValueError for a
    recommender with other codes.
    """
    how = drawing or Drawing()

    def serve(situation: Situation) -> Shown:
        if first is not None and situation.day < first:
            rows = situation.customers.size
            return Shown(np.zeros((rows, 0), np.int32), np.zeros((rows, 0)))
        if recommender.past.catalogue_hash != situation.catalogue.hash:
            raise ValueError(
                f"{recommender.name} was fitted on other customers and items than this world's: "
                "fit it on its interactions(everyone=True), cut before the first day"
            )
        lists = recommender.recommend(situation.customers, how.reach(k), allowed=situation.allowed)
        return Shown(*draw(lists.items, k, how, situation.random))

    serve.name = name or recommender.name  # type: ignore[attr-defined]
    return serve


def exposure_rows(
    catalogue: Catalogue,
    customers: IntArray,
    shown: IntArray,
    propensities: FloatArray,
    *,
    policy: str,
    time: dt.datetime | NDArray[np.datetime64],
    outcome: str = "none",
) -> pd.DataFrame:
    """What was drawn as an exposure log (see ``restock.dataset.exposures``), a row per item.

    customers: codes (rows). shown, propensities: as ``draw`` gives them. time: local time of
    the market, one for all or one each. outcome: what is known to have come of it so far; log
    the same lists again with what came of them later.
    """
    row, place = np.nonzero(shown >= 0)
    who = np.asarray(customers)[row]
    times = np.broadcast_to(np.asarray(time, dtype="datetime64[ms]"), len(shown))
    markets = np.array(catalogue.markets, dtype=object)
    frame = pd.DataFrame(
        {
            e.MARKET: markets[catalogue.customer_market[who]],
            e.CUSTOMER: catalogue.customer_ids(who),
            e.ITEM: catalogue.item_ids(shown[row, place]),
            e.POSITION: place + 1,
            e.PROPENSITY: propensities[row, place],
            e.POLICY: policy,
            e.TIME: times[row],
            e.OUTCOME: outcome,
        }
    )
    return e.validate_exposures(frame)
