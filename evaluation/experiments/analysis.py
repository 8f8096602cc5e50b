"""What came of an experiment: was it sound, what is the effect, and what follows from it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from restock.evaluation.experiments.arms import (
    ARM,
    aggregates,
    clustered,
    standard_errors,
    terms,
)
from restock.evaluation.experiments.metric import BEFORE, Metric, Role
from restock.evaluation.experiments.sample_ratio import MISMATCH, sample_ratio_p
from restock.evaluation.experiments.sequential import Mixture
from restock.evaluation.significance import holm

Looks = Literal["fixed", "anytime"]
Decision = Literal["launch", "keep", "continue", "invalid"]


class Effect(BaseModel):
    """One metric of one arm against the control. Relative effects are ratios minus 1.

    control, treatment: values (adjusted by what was before). relative, low, high: the effect and
    its interval; error: standard error of its logarithm; p_value: two-sided; p_adjusted: by Holm
    over all metrics that are no guardrails, and all arms. anytime_low, anytime_high: ends of the
    interval that holds at all looks together, for all arms (Bonferroni),
    which needs the time before. n_control, n_treatment:
    independent units. variance_reduction: what the time before took away of the variance. good:
    surely better, or a guardrail that surely holds (True); surely worse, or not to be excluded
    (False). None where there is nothing to compare: no customer, or no control value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    role: Role
    arm: str
    control: float | None
    treatment: float | None
    relative: float | None = None
    low: float | None = None
    high: float | None = None
    error: float | None = None
    p_value: float = 1.0
    p_adjusted: float = 1.0
    anytime_low: float | None = None
    anytime_high: float | None = None
    n_control: int
    n_treatment: int
    variance_reduction: float | None = None
    good: bool | None = None


class Analysis(BaseModel):
    """The verdict. counts: customers by arm; winner: the arm to launch, if one is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    looks: Looks
    counts: dict[str, int]
    sample_ratio_p: float
    effects: tuple[Effect, ...]
    decision: Decision
    winner: str = ""
    reasons: tuple[str, ...]


def analyze(
    units: pd.DataFrame,
    metrics: Sequence[Metric],
    *,
    control: str,
    shares: Mapping[str, float],
    cluster: str | None = None,
    confidence: float = 0.95,
    looks: Looks = "fixed",
) -> Analysis:
    """Compare every arm with the control.

    units: one row per customer that was assigned, whatever became of it: the column ``arm``,
    those of the metrics, the same with ``_before`` (optional: they take noise away, CUPED, Deng
    et al., WSDM 2013), and that of the cluster. shares: arm → share that it was to get. cluster:
    column of what was assigned as a whole, if not customers. looks: "fixed": the experiment is
    over, its p-values count; "anytime": it runs, and only the anytime interval may decide.

    The shares are checked first: when they are off beyond chance (p < .001), the analysis is
    invalid. Means are compared by Welch's t, ratios by the delta method, both by tea-tasting.
    Raises ValueError for an arm that is not declared, a missing column, a value that is not
    finite, or a cluster in two arms.
    """
    _check(units, metrics, control, shares)
    counts = {arm: int((units[ARM] == arm).sum()) for arm in shares}
    p = sample_ratio_p(_drawn(units, cluster, shares), shares)
    rows = clustered(units, cluster) if cluster else units
    found = [
        _effect(
            rows,
            metric,
            control,
            arm,
            confidence,
            by_cluster=cluster is not None,
            comparisons=len(shares) - 1,
        )
        for arm in shares
        if arm != control
        for metric in metrics
    ]
    effects = _judged(found, {one.name: one for one in metrics}, 1 - confidence, looks)
    decision, winner, reasons = _decide(effects, p, looks)
    return Analysis(
        looks=looks,
        counts=counts,
        sample_ratio_p=p,
        effects=tuple(effects),
        decision=decision,
        winner=winner,
        reasons=tuple(reasons),
    )


def _check(
    units: pd.DataFrame, metrics: Sequence[Metric], control: str, shares: Mapping[str, float]
) -> None:
    if control not in shares or len(shares) < 2:
        raise ValueError(f"the control {control!r} and another arm are needed, not {list(shares)}")
    strange = set(units[ARM]) - set(shares)
    if strange:
        raise ValueError(f"arm {min(strange)!r} has no declared share; known: {list(shares)}")
    wanted = {column for metric in metrics for column in metric.columns}
    before = {name + BEFORE for name in wanted} & set(units)
    for name in sorted(wanted | before):
        if name not in units:
            raise ValueError(f"the units have no column {name!r}, which a metric needs")
        if not np.isfinite(units[name].to_numpy(dtype=np.float64)).all():
            raise ValueError(f"column {name!r} has a value that is no number: a customer who did "
                             "nothing has 0")  # fmt: skip


def _drawn(units: pd.DataFrame, cluster: str | None, shares: Mapping[str, float]) -> dict[str, int]:
    """How many were drawn into each arm: clusters, where those were drawn."""
    rows = units.drop_duplicates([cluster, ARM]) if cluster else units
    return {arm: int((rows[ARM] == arm).sum()) for arm in shares}


def _effect(
    rows: pd.DataFrame,
    metric: Metric,
    control: str,
    arm: str,
    confidence: float,
    *,
    by_cluster: bool,
    comparisons: int,
) -> Effect:
    from tea_tasting.metrics import RatioOfMeans

    named = terms(metric, rows.columns, by_cluster=by_cluster)
    columns = [name for name in named.values() if name]
    theirs, mine = (rows[rows[ARM] == one] for one in (control, arm))
    bare: dict[str, Any] = {"metric": metric.name, "role": metric.role, "arm": arm}
    bare |= {"n_control": len(theirs), "n_treatment": len(mine)}
    if min(len(theirs), len(mine)) < 2:
        return Effect(**bare, control=None, treatment=None)
    both = {0: aggregates(theirs, columns), 1: aggregates(mine, columns)}
    arguments: dict[str, Any] = {**named, "confidence_level": confidence, "use_t": True}
    test = RatioOfMeans(**arguments, equal_var=False)
    with np.errstate(all="ignore"):
        result = test.analyze_aggregates(both[0], both[1])
    error, log_error = standard_errors(named, both)
    if not (result.control > 0 and result.treatment > 0 and error > 0):
        return Effect(**bare, control=_known(result.control), treatment=_known(result.treatment))
    raw, _ = standard_errors({"numer": named["numer"], "denom": named["denom"]}, both)
    times = _times(named, both, error, (1 - confidence) / comparisons)
    reach = times and times * log_error
    return Effect(
        **bare,
        control=result.control,
        treatment=result.treatment,
        relative=result.rel_effect_size,
        low=result.rel_effect_size_ci_lower,
        high=result.rel_effect_size_ci_upper,
        error=log_error,
        p_value=result.pvalue,
        anytime_low=_moved(result.rel_effect_size, -reach) if reach else None,
        anytime_high=_moved(result.rel_effect_size, reach) if reach else None,
        variance_reduction=1 - (error / raw) ** 2 if named["numer_covariate"] else None,
    )


def _times(
    named: Mapping[str, str | None], both: Mapping[int, Any], error: float, alpha: float
) -> float | None:
    """Half the anytime interval in standard errors; None where nothing is known of before.

    error: standard error of the difference. What adds up over the days is the difference times
    the mean below the line. The interval is tightest at the variance that the time before had,
    which was known before the first look. Tuned anew at every look it would not hold.
    """
    above, below = named["numer_covariate"], named["denom_covariate"]
    if above is None:
        return None
    sums = (both[0] + both[1]).with_zero_div()
    per_unit = float(sums.ratio_var(above, below) * sums.mean(below) ** 2)
    planned = per_unit * (1 / both[0].count() + 1 / both[1].count())
    if not (math.isfinite(planned) and planned > 0):
        return None
    variance = (error * float(sums.mean(named["denom"]))) ** 2
    return float(Mixture.tightest_at(planned, alpha).half_width(variance)) / math.sqrt(variance)


def _judged(
    effects: Sequence[Effect], metrics: Mapping[str, Metric], alpha: float, looks: Looks
) -> list[Effect]:
    """The effects with adjusted p-values and what they say."""
    tested = {f"{at}": one.p_value for at, one in enumerate(effects) if one.role != "guardrail"}
    adjusted = holm(tested)
    found = []
    for at, one in enumerate(effects):
        p = adjusted.get(f"{at}", one.p_value)
        low, high = (one.low, one.high) if looks == "fixed" else (one.anytime_low, one.anytime_high)
        good: bool | None = None
        if low is not None and high is not None:
            if one.role == "guardrail":
                good = low > -metrics[one.metric].margin
                if looks == "anytime" and not good and high > -metrics[one.metric].margin:
                    good = None
            elif looks == "anytime" or p <= alpha:
                good = True if low > 0 else False if high < 0 else None
        found.append(one.model_copy(update={"p_adjusted": p, "good": good}))
    return found


def _decide(
    effects: Sequence[Effect], ratio_p: float, looks: Looks
) -> tuple[Decision, str, list[str]]:
    if ratio_p < MISMATCH:
        return (
            "invalid",
            "",
            [
                f"the arms did not get their shares (p = {ratio_p:.1g}): customers were lost or "
                "counted twice on one side, so that no difference can be believed; find out where"
            ],
        )
    reasons: list[str] = []
    better: dict[str, float] = {}
    waiting = False
    for arm in dict.fromkeys(one.arm for one in effects):
        mine = [one for one in effects if one.arm == arm]
        primary = [one for one in mine if one.role == "primary"]
        guards = [one for one in mine if one.role == "guardrail"]
        reasons += [_in_words(one, looks) for one in (*primary, *guards)]
        if all(one.good for one in (*primary, *guards)) and primary:
            better[arm] = primary[0].relative or 0.0
        elif not any(one.good is False for one in (*primary, *guards)):
            waiting = True
    if better:
        return "launch", max(better, key=lambda arm: (better[arm], arm)), reasons
    return ("continue" if waiting and looks == "anytime" else "keep"), "", reasons


def _in_words(one: Effect, looks: Looks) -> str:
    low, high = (one.low, one.high) if looks == "fixed" else (one.anytime_low, one.anytime_high)
    about = f"{one.arm}: {one.metric}"
    if one.relative is None or low is None or high is None:
        return (
            f"{about} cannot be compared: too few customers, nothing was bought, or, while it "
            "runs, nothing is known of the time before"
        )
    interval = f"{one.relative:+.1%} ({low:+.1%} to {high:+.1%})"
    if one.role == "guardrail":
        says = {True: "holds", False: "may be worse than its margin", None: "is not settled yet"}
        return f"guardrail {about} {says[one.good]}: {interval}"
    says = {True: "is better", False: "is worse", None: "is within noise"}
    return f"{about} {says[one.good]}: {interval}"


def _moved(relative: float, log: float) -> float:
    return float((1 + relative) * math.exp(log) - 1)


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


__all__ = ["BEFORE", "Analysis", "Decision", "Effect", "Looks", "analyze"]
