"""How long an experiment must run, from what customers of its markets did before."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from restock.dataset import Interactions
from restock.evaluation.experiments import Power, power
from restock.evaluation.experiments.record import Experiment
from restock.infra.experiment_units import CLUSTER, clusters_of, known_customers, outcomes
from restock.infra.markets import Markets
from restock.infra.records import Record

WEEKS = (1, 2, 4, 6, 8, 12)
ALPHA = 0.05


class DesignRow(Record):
    """An experiment of so many weeks. customers: there were so many to take part.

    smallest: the relative effect that they suffice to find. needed: customers, of control and
    treatment together, to find the effect that was asked about; each: of the smaller arm.
    """

    weeks: int
    cuped: bool
    customers: int
    smallest: float
    needed: int
    each: int
    clusters: int | None
    design_effect: float

    @property
    def enough(self) -> bool:
        """Whether the customers suffice."""
        return self.needed <= self.customers


class Design(Record):
    """The table, and what follows from it in words. weeks: needed; None: no length suffices."""

    experiment: Experiment
    power: float
    alpha: float
    rows: tuple[DesignRow, ...]
    weeks: int | None
    advice: str


def design(
    experiment: Experiment,
    interactions: Interactions,
    declared: Markets,
    chance: float,
    clusters: pd.Series | None = None,
    weeks: Sequence[int] = WEEKS,
) -> Design:
    """What experiments of some lengths could find, had they ended when the orders end.

    chance: of finding the effect. The level of the test is divided by the number of metrics and
    arms that are tested, as Holm's first step does. ValueError without an effect, or where past
    customers bought too little to say anything.
    """
    if experiment.effect is None:
        raise ValueError("say which relative effect is to be found, as in --effect 0.05")
    tests = sum(one.role != "guardrail" for one in experiment.metrics) * (len(experiment.arms) - 1)
    alpha = ALPHA / tests
    rows = [
        row
        for count in weeks
        for row in _rows(experiment, interactions, declared, chance, alpha, clusters, count)
    ]
    if not rows:
        raise ValueError(
            f"the orders of {', '.join(experiment.markets)} do not reach back "
            f"{min(weeks)} weeks and {experiment.before_days} days: nothing to design from"
        )
    fitting = [row.weeks for row in rows if row.cuped and row.enough]
    needed = min(fitting, default=None)
    return Design(
        experiment=experiment,
        power=chance,
        alpha=alpha,
        rows=tuple(rows),
        weeks=needed,
        advice=_advice(experiment, rows, needed),
    )


def _rows(
    experiment: Experiment,
    interactions: Interactions,
    declared: Markets,
    chance: float,
    alpha: float,
    clusters: pd.Series | None,
    weeks: int,
) -> list[DesignRow]:
    end = interactions.as_of_date
    start = end - dt.timedelta(weeks=weeks)
    if start - dt.timedelta(days=experiment.before_days) < _first_day(interactions):
        return []
    customers = known_customers(interactions, experiment.markets, start)
    units = outcomes(interactions, declared, customers, start, end, experiment.before_days)
    cluster = None
    if experiment.unit == "cluster":
        ids = interactions.catalogue.customer_ids(customers)
        units = units.assign(**{CLUSTER: clusters_of(ids, clusters)}).dropna()
        cluster = CLUSTER
    shares = _pair(experiment.arms, experiment.control)
    there = int(len(units) * experiment.share * sum(shares))
    if there < 4:
        return []
    found = []
    for cuped in (False, True):

        def solve(cuped: bool = cuped, **known: float | None) -> Power:
            return power(
                units,
                experiment.metrics[0],
                shares=shares,
                alpha=alpha,
                cuped=cuped,
                cluster=cluster,
                **known,  # type: ignore[arg-type]
            )

        smallest = solve(customers=there, power=chance).effect
        needed = _needed(solve, experiment.effect or 0.0, chance, there, smallest)
        found.append(
            DesignRow(
                weeks=weeks,
                cuped=cuped,
                customers=there,
                smallest=smallest,
                needed=needed.customers,
                each=min(needed.control, needed.treatment),
                clusters=needed.clusters,
                design_effect=needed.design_effect,
            )
        )
    return found


def _needed(
    solve: Callable[..., Power], effect: float, chance: float, there: int, smallest: float
) -> Power:
    """The fewest customers that find the effect with this chance, to one per cent.

    Searched from the guess that customers go with the square of the effect: solved for directly,
    tea-tasting begins at numbers for which the noncentral t distribution is not a number.
    """

    def enough(customers: int) -> bool:
        return solve(effect=effect, customers=customers, power=None).power >= chance

    high = max(round(there * (smallest / effect) ** 2), 5)
    while not enough(high):
        high = round(high * 1.2) + 1
    low = max(round(high / 1.2) - 1, 4)
    while low > 4 and enough(low):
        low, high = max(round(low / 1.2) - 1, 4), low
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return solve(effect=effect, customers=high, power=None)


def _first_day(interactions: Interactions) -> dt.date:
    from restock.dataset.interactions import day_of

    return day_of(int(interactions.minute.min())) if len(interactions) else dt.date.max


def _pair(arms: Mapping[str, float], control: str) -> tuple[float, float]:
    """Shares of the control and of the smallest other arm, which sees least."""
    return arms[control], min(share for arm, share in arms.items() if arm != control)


def _advice(experiment: Experiment, rows: Sequence[DesignRow], weeks: int | None) -> str:
    effect = f"{experiment.effect:.1%} of {experiment.metric}"
    if weeks is not None:
        row = next(row for row in rows if row.cuped and row.weeks == weeks)
        return (
            f"{weeks} {'week suffices' if weeks == 1 else 'weeks suffice'} to find {effect}: "
            f"{row.needed:,} of {row.customers:,} customers are needed, taking the time before "
            "into account (CUPED)"
        )
    best = min((row for row in rows if row.cuped), key=lambda row: row.smallest)
    markets = " and ".join(experiment.markets)
    return (
        f"{markets} {'is' if len(experiment.markets) == 1 else 'are'} too small to find {effect}: "
        f"with all {best.customers:,} customers {best.weeks} weeks find {best.smallest:.1%} at "
        "best. Test several markets together, a metric with less noise (orders, lines), or a "
        "larger change; a test that is too small mostly says nothing, and exaggerates when it "
        "speaks"
    )
