"""What is lost when a model is not refitted: older models against fresh ones."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from restock.evaluation.estimates import Z95, Mean
from restock.evaluation.lift import log_lift
from restock.evaluation.objective import Objective
from restock.evaluation.scorecard import Scorecard


class Staleness(NamedTuple):
    """The ratio of an older model's metric to a fresh one's, and on how many cut-offs."""

    ratio: Mean
    windows: int


def staleness(fresh: Sequence[Scorecard], aged: Sequence[Scorecard], metric: str) -> Staleness:
    """How good an older model is on the folds of a fresh one: 1 is as good.

    fresh, aged: scorecards of the same candidate, fitted at the cut-off and some days before.
    Only folds that both have are compared. The ratio is paired by customer, both sides shrunk
    as everywhere (``objective.shrunk_ratio``), and its 95 % interval is that of its logarithm
    (``lift.Measured``). NaN where there is no common fold or nobody bought anything.
    """
    ours, theirs = _common(fresh, aged)
    found = log_lift(theirs, ours, Objective(weights={metric: 1.0}, guardrails={}))
    if found is None:
        return Staleness(Mean(math.nan, math.nan, math.nan), 0)
    low, high = (math.exp(found.value + sign * Z95 * found.error) for sign in (-1, 1))
    return Staleness(Mean(math.exp(found.value), low, high), len({one.cutoff for one in ours}))


def _common(
    fresh: Sequence[Scorecard], aged: Sequence[Scorecard]
) -> tuple[list[Scorecard], list[Scorecard]]:
    both = {card.fold_hash for card in fresh} & {card.fold_hash for card in aged}
    return (
        [card for card in fresh if card.fold_hash in both],
        [card for card in aged if card.fold_hash in both],
    )
