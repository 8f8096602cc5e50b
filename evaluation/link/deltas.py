"""Offline deltas: how far two candidates are apart in each metric, on the same folds."""

from collections.abc import Mapping, Sequence

from restock.evaluation import metrics as m
from restock.evaluation.lift import Yardstick
from restock.evaluation.objective import Objective
from restock.evaluation.scorecard import Scorecard

STEMS = ("ndcg", "map", "recall", "hit_rate", "revenue_capture", "revenue_ndcg", "revenue_share")
"""The metrics that entries usually have; those of new and of repeated items beside them."""


def usual_metrics(k: int = 10) -> tuple[str, ...]:
    """What entries usually hold the deltas of."""
    whole = [m.metric_name(stem, k) for stem in STEMS]
    parts = [m.metric_name("ndcg", k, segment) for segment in ("repeat", "new")]
    return (*whole, *parts)


def offline_deltas(
    treatment: Sequence[Scorecard],
    control: Sequence[Scorecard],
    metrics: Sequence[str] | None = None,
    rates: Mapping[str, float] | None = None,
) -> tuple[dict[str, float], dict[str, float]]:
    """The log ratios treatment / control of metrics, and their standard errors.

    treatment, control: one scorecard per fold, of the same folds; every fold must end before
    the experiment starts. rates: as for ``Yardstick``. Each is the log lift of an objective of
    that metric alone (``lift.Measured``): ratios are shrunk, errors clustered by customer. What
    cannot be known, as for want of new items, is left out. ValueError for different folds.
    """
    names = metrics or usual_metrics(control[0].k if control else 10)
    alone = [Objective(weights={name: 1.0}, guardrails={}) for name in names]
    measured = Yardstick(control, alone, rates).measure(treatment)
    lifts = {name: measured.lift(one) for name, one in zip(names, alone, strict=True)}
    known = {name: lift for name, lift in lifts.items() if lift is not None}
    return (
        {name: lift.value for name, lift in known.items()},
        {name: lift.error for name, lift in known.items()},
    )
