"""From orders and an assignment to a result: soundness first, then effects, then the decision."""

import datetime as dt

import numpy as np
import pandas as pd

from restock.dataset import Interactions
from restock.dataset import columns as c
from restock.dataset import exposures as e
from restock.dataset.catalogue import IntArray
from restock.dataset.interactions import MINUTES_PER_DAY, day_of
from restock.evaluation.experiments import Analysis, analyze, sample_ratio_p
from restock.evaluation.experiments.arms import ARM
from restock.evaluation.experiments.record import Experiment
from restock.evaluation.experiments.sample_ratio import MISMATCH
from restock.infra.experiment_result import ExperimentResult, Look, Shown
from restock.infra.experiment_units import CLUSTER, outcomes
from restock.infra.markets import Markets

MOST_ASTRAY = 0.1
"""Share of an arm's customers who saw another arm's lists, above which nothing is decided."""


def known_before(interactions: Interactions) -> dt.date:
    """The first day that the orders do not know, whatever day they were asked for.

    A feed that is silent for longer than it ever was between two days with orders has not
    arrived: then it is the day after the last order.
    """
    days = np.unique(interactions.minute // MINUTES_PER_DAY)
    silent = (interactions.as_of // MINUTES_PER_DAY) - 1 - int(days[-1]) if days.size else 0
    if days.size < 2 or silent <= int(np.diff(days).max()):
        return interactions.as_of_date
    return day_of((int(days[-1]) + 1) * MINUTES_PER_DAY)


def analysis_of(
    experiment: Experiment,
    assignment: pd.DataFrame,
    interactions: Interactions,
    declared: Markets,
    exposures: pd.DataFrame | None = None,
) -> ExperimentResult:
    """What the orders say of an experiment on the day before which they are known.

    assignment: as ``experiment_assigning.assign`` gave it. exposures: the log of its days.
    Everybody who was assigned counts, whether or not he was shown anything: who comes to be shown
    something may depend on the arm. ValueError before its first day is over.
    """
    codes_of(experiment, assignment, interactions)
    start, end = experiment.period
    known = known_before(interactions)
    as_of = min(known, end)
    if as_of <= start:
        raise ValueError(
            f"{experiment.name} starts on {start}, and the orders are known before "
            f"{known}: there is nothing to analyze yet"
        )
    whole = as_of == end
    analysis = _analysis(experiment, assignment, interactions, declared, as_of, whole=whole)
    shown = () if exposures is None else shown_to(experiment, assignment, exposures, as_of)
    shown_ratio = _shown_ratio(experiment, shown)
    notes = []
    if not whole:
        notes.append(
            f"it runs until {end}: only the interval that holds on all days may decide before that"
        )
    if any(one.others for one in shown):
        notes.append(
            "customers were shown lists of an arm that is not theirs: effects are too small by it"
        )
    if any(one.others > MOST_ASTRAY * one.customers for one in shown):
        reason = (
            f"more than {MOST_ASTRAY:.0%} of an arm's customers were shown another arm's lists: "
            "what was compared are not the arms; find out who serves them"
        )
        told = {"decision": "invalid", "winner": "", "reasons": (reason, *analysis.reasons)}
        analysis = analysis.model_copy(update=told)
    if shown_ratio is not None and shown_ratio < MISMATCH:
        notes.append(
            f"those who were shown a list do not have the arms' shares (p = {shown_ratio:.1g}): "
            "lists were lost on one side, or an arm changed who comes; find out which, first"
        )
    several = len(experiment.markets) > 1
    market = declared.of(experiment.markets[0])
    return ExperimentResult(
        experiment=experiment,
        as_of=as_of,
        state="finished" if whole else "running",
        unit=declared.reporting_currency if several else market.currency,
        analysis=analysis,
        looks=_looks(experiment, assignment, interactions, declared, as_of),
        shown=shown,
        shown_ratio_p=shown_ratio,
        notes=tuple(notes),
    )


def _analysis(
    experiment: Experiment,
    assignment: pd.DataFrame,
    interactions: Interactions,
    declared: Markets,
    as_of: dt.date,
    *,
    whole: bool,
    primary_only: bool = False,
) -> Analysis:
    codes = codes_of(experiment, assignment, interactions)
    start = experiment.period[0]
    units = outcomes(interactions, declared, codes, start, as_of, experiment.before_days)
    units[ARM] = assignment[ARM].to_numpy()
    cluster = None
    if experiment.unit == "cluster":
        units[CLUSTER] = assignment[CLUSTER].to_numpy()
        cluster = CLUSTER
    return analyze(
        units,
        experiment.metrics[:1] if primary_only else experiment.metrics,
        control=experiment.control,
        shares=experiment.arms,
        cluster=cluster,
        looks="fixed" if whole else "anytime",
    )


def codes_of(
    experiment: Experiment, assignment: pd.DataFrame, interactions: Interactions
) -> IntArray:
    """The codes of those assigned (int32). ValueError when the orders do not know them all:
    everybody had ordered before he was assigned."""
    there = interactions.catalogue.customers["id"].to_pandas()
    missing = assignment.loc[~assignment[c.CUSTOMER].isin(there), c.CUSTOMER]
    if len(missing):
        raise ValueError(
            f"{len(missing)} of the {len(assignment)} customers assigned to {experiment.name}, as "
            f"{missing.iloc[0]!r}, have no order here: take the orders that they were assigned "
            "from, and the later ones"
        )
    return interactions.catalogue.customer_codes(assignment[c.CUSTOMER].tolist())


def _looks(
    experiment: Experiment,
    assignment: pd.DataFrame,
    interactions: Interactions,
    declared: Markets,
    as_of: dt.date,
) -> tuple[Look, ...]:
    """The primary metric as it would have been read every day."""
    start = experiment.period[0]
    found = []
    for count in range(1, (as_of - start).days + 1):
        until = start + dt.timedelta(days=count)
        analysis = _analysis(
            experiment, assignment, interactions, declared, until, whole=False, primary_only=True
        )
        for one in analysis.effects:
            if one.relative is None or one.anytime_low is None or one.anytime_high is None:
                continue
            found.append(
                Look(
                    day=until - dt.timedelta(days=1),
                    arm=one.arm,
                    relative=one.relative,
                    low=one.anytime_low,
                    high=one.anytime_high,
                )
            )
    return tuple(found)


def shown_to(
    experiment: Experiment, assignment: pd.DataFrame, exposures: pd.DataFrame, as_of: dt.date
) -> tuple[Shown, ...]:
    """What each arm's customers were shown before ``as_of``.

    A policy of the log is the arm, or the key of its plan where no other arm has the same.
    """
    start, end = experiment.period
    day = exposures[e.TIME]
    known = (day >= pd.Timestamp(start)) & (day < pd.Timestamp(min(as_of, end)))
    during = exposures[known]
    log = during.merge(assignment[[c.CUSTOMER, c.MARKET, ARM]], on=[c.CUSTOMER, c.MARKET])
    keys = [plan.key for plan in experiment.plans.values()]
    arm_of = {plan.key: arm for arm, plan in experiment.plans.items() if keys.count(plan.key) == 1}
    arm_of |= {arm: arm for arm in experiment.arms}
    meant = log[e.POLICY].map(arm_of)
    astray = meant.notna() & (meant != log[ARM])
    return tuple(
        Shown(
            arm=arm,
            customers=int(rows[c.CUSTOMER].nunique()),
            others=int(rows.loc[astray[rows.index], c.CUSTOMER].nunique()),
            items=len(rows),
            clicks=int((rows[e.OUTCOME] == "click").sum()),
            orders=int((rows[e.OUTCOME] == "order").sum()),
        )
        for arm, rows in ((arm, log[log[ARM] == arm]) for arm in experiment.arms)
    )


def _shown_ratio(experiment: Experiment, shown: tuple[Shown, ...]) -> float | None:
    """The shares again, of those who were shown something: a broken page shows itself here."""
    if not shown or experiment.unit == "cluster":
        return None
    return sample_ratio_p({one.arm: one.customers for one in shown}, experiment.arms)
