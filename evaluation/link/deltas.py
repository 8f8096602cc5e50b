"""Offline deltas: how far two candidates are apart in each metric, on the same folds."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from restock.evaluation import metrics as m
from restock.evaluation.lift import Yardstick
from restock.evaluation.objective import Objective
from restock.evaluation.scorecard import Scorecard
from restock.evaluation.totals import Ground, numerators

STEMS = ("ndcg", "map", "recall", "hit_rate", "revenue_capture", "revenue_ndcg", "revenue_share")
"""The metrics that entries usually have; those of new and of repeated items beside them."""

LISTED_VALUE = "listed_value"
"""What lists are worth, wanted or not: an objective cannot weigh it, a forecast can."""


def usual_metrics(k: int = 10) -> tuple[str, ...]:
    """What entries usually hold the deltas of."""
    whole = [m.metric_name(stem, k) for stem in STEMS]
    parts = [m.metric_name("ndcg", k, segment) for segment in ("repeat", "new")]
    return (*whole, *parts, m.metric_name(LISTED_VALUE, k))


def offline_deltas(
    treatment: Sequence[Scorecard],
    control: Sequence[Scorecard],
    metrics: Sequence[str] | None = None,
    rates: Mapping[str, float] | None = None,
) -> tuple[dict[str, float], dict[str, float]]:
    """The log ratios treatment / control of metrics, and their standard errors.

    treatment, control: one scorecard per fold, of the same folds; every fold must end before
    the experiment starts. rates: as for ``Yardstick``. Each is the log lift of an objective of
    that metric alone (``lift.Measured``): ratios are shrunk, errors clustered by customer; that
    of ``listed_value`` is the plain log ratio of its sums. What cannot be known, as for want of
    new items, is left out. ValueError for different folds.
    """
    wanted = metrics or usual_metrics(control[0].k if control else 10)
    of_lists = [name for name in wanted if m.parse_name(name)[0] == LISTED_VALUE]
    names = [name for name in wanted if name not in of_lists]
    alone = [Objective(weights={name: 1.0}, guardrails={}) for name in names]
    measured = Yardstick(control, alone, rates).measure(treatment)
    lifts = {name: measured.lift(one) for name, one in zip(names, alone, strict=True)}
    known = {name: (lift.value, lift.error) for name, lift in lifts.items() if lift is not None}
    for name in of_lists:
        if (found := _of_lists(treatment, control, name, rates or {})) is not None:
            known[name] = found
    ordered = [name for name in wanted if name in known]
    return {name: known[name][0] for name in ordered}, {name: known[name][1] for name in ordered}


def _of_lists(
    treatment: Sequence[Scorecard],
    control: Sequence[Scorecard],
    name: str,
    rates: Mapping[str, float],
) -> tuple[float, float] | None:
    """log(sum a / sum c) over customers, and its error by the delta method, paired by customer."""
    ground = Ground(tuple(control))
    sides = [
        ground.by_customer([numerators(card, (name,)) for card in cards])[:, 0]
        for cards in (ground.arranged(treatment), control)
    ]
    rate = np.array([rates.get(str(market), 1.0) for market in ground.market_of_customer])
    mine, theirs = (side * rate for side in sides)
    if rate.size < 2 or min(mine.sum(), theirs.sum()) <= 0:
        return None
    each = mine / mine.sum() - theirs / theirs.sum()
    error = math.sqrt(float(each @ each) * rate.size / (rate.size - 1))
    return math.log(mine.sum() / theirs.sum()), error
