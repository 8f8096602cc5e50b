"""How large and how long an experiment has to be, from what customers did before."""

from collections.abc import Mapping
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict

from restock.evaluation.experiments.arms import ARM, aggregates, clustered, terms
from restock.evaluation.experiments.metric import Metric

Unknown = Literal["effect", "customers", "power"]
DEFAULT_POWER = 0.8


class Power(BaseModel):
    """What an experiment of two arms can see.

    effect: relative, the least that is found with chance ``power``. customers: of both arms
    together; control, treatment: of each. cuped: whether the time before is used. clusters: what
    is assigned, of both arms, where that is clusters; design_effect: how many times the variance
    is that of customers who were assigned one by one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    effect: float
    customers: int
    control: int
    treatment: int
    power: float
    cuped: bool
    clusters: int | None = None
    design_effect: float = 1.0


def power(
    units: pd.DataFrame,
    metric: Metric,
    *,
    effect: float | None = None,
    customers: int | None = None,
    power: float | None = DEFAULT_POWER,
    shares: tuple[float, float] = (0.5, 0.5),
    alpha: float = 0.05,
    cuped: bool = True,
    cluster: str | None = None,
) -> Power:
    """Solve for the one of effect, customers and power that is None.

    units: one row per customer of a past period as long as the experiment (see
    ``customer_outcomes``), with the metric's columns, those of before it, and the cluster's.
    effect: relative, as in .05. customers: of both arms together. shares: of the control and of
    the treatment. cuped: take off what the time before explains. cluster: column of what is
    assigned as a whole. The arithmetic is tea-tasting's with the
    normal distribution: below some thirty units in an arm the power of the t test is a little less.

    Raises ValueError unless exactly one is None, for values out of bounds, and where past
    customers bought nothing, so that nothing can be said.
    """
    unknown = _unknown(effect, customers, power)
    if not (min(shares) > 0 and 0 < alpha < 1):
        raise ValueError(f"shares must be above 0 and alpha in (0, 1): {shares}, {alpha}")
    rows = clustered(units.assign(**{ARM: ""}), cluster) if cluster else units
    if len(rows) < 4 or units[metric.numerator].sum() <= 0:
        raise ValueError(
            f"{metric.name}: {len(rows)} units, which bought {units[metric.numerator].sum():g} in "
            "the period before: too little to design an experiment from"
        )
    each = len(units) / len(rows)
    covariate = terms(metric, rows.columns, by_cluster=cluster is not None)["numer_covariate"]
    known = covariate if cuped else None
    found = _solved(
        rows,
        metric,
        unknown,
        effect=effect,
        n=None if customers is None else customers / each,
        power=power,
        shares=shares,
        alpha=alpha,
        cuped=cuped,
        by_cluster=cluster is not None,
    )
    total = round(found["n"] * each) if customers is None else customers
    treatment = round(total * shares[1] / sum(shares))
    return Power(
        effect=found["effect"],
        customers=total,
        control=total - treatment,
        treatment=treatment,
        power=found["power"],
        cuped=known is not None,
        clusters=round(found["n"]) if cluster else None,
        design_effect=_design_effect(units, rows, metric) if cluster else 1.0,
    )


def _unknown(effect: float | None, customers: int | None, power: float | None) -> Unknown:
    given: dict[Unknown, float | None] = {
        "effect": effect,
        "customers": customers,
        "power": power,
    }
    missing = [name for name, value in given.items() if value is None]
    if len(missing) != 1:
        raise ValueError("give two of effect, customers and power, and None for the third")
    if effect is not None and not (effect > -1 and effect != 0):
        raise ValueError(f"the effect is relative and not 0, as in .05, not {effect}")
    if power is not None and not 0 < power < 1:
        raise ValueError(f"the power lies in (0, 1), not {power}")
    if customers is not None and customers < 4:
        raise ValueError(f"{customers} customers are no experiment")
    return missing[0]


def _solved(
    rows: pd.DataFrame,
    metric: Metric,
    unknown: Unknown,
    *,
    effect: float | None,
    n: float | None,
    power: float | None,
    shares: tuple[float, float],
    alpha: float,
    cuped: bool,
    by_cluster: bool,
) -> Mapping[str, float]:
    from tea_tasting.metrics import RatioOfMeans

    named = terms(metric, rows.columns, by_cluster=by_cluster)
    if not cuped:
        named = {**named, "numer_covariate": None, "denom_covariate": None}
    test = RatioOfMeans(
        **named,
        alpha=alpha,
        power=DEFAULT_POWER if power is None else power,
        rel_effect_size=effect,
        n_obs=None if n is None else max(round(n), 4),
        ratio=shares[1] / shares[0],
        use_t=False,  # scipy's non-central t is NaN for small arms and for large effects
        equal_var=False,
    )
    columns = [name for name in named.values() if name]
    asked = {"effect": "rel_effect_size", "customers": "n_obs", "power": "power"}[unknown]
    result = test.solve_power_from_aggregates(aggregates(rows, columns), asked)[0]
    return {
        "effect": float(result.rel_effect_size),
        "n": float(result.n_obs),
        "power": float(result.power),
    }


def _design_effect(units: pd.DataFrame, rows: pd.DataFrame, metric: Metric) -> float:
    """Variance of the metric with clusters over that with as many customers one by one."""

    def variance(frame: pd.DataFrame, *, by_cluster: bool) -> float:
        named = terms(metric, frame.columns, by_cluster=by_cluster)
        above, below = named["numer"], named["denom"]
        sums = aggregates(frame, [name for name in (above, below) if name]).with_zero_div()
        return float(sums.ratio_var(above, below)) / len(frame)

    alone = variance(units, by_cluster=False)
    return variance(rows, by_cluster=True) / alone if alone > 0 else 1.0
