"""How old are the lists that customers see?"""

import datetime as dt

from restock.monitoring.findings import Check, Finding, Measure, Point
from restock.monitoring.policy import DriftPolicy


def check_staleness(
    published: dt.date, market: str, as_of: dt.date, policy: DriftPolicy, *, every: int = 1
) -> Check:
    """Alarm when lists were not refreshed for several nights.

    published: the day the publication in force is of. every: nights from one retraining of the
    market to the next. One missed night is no news: whoever looks before tonight's retraining
    sees one, too.
    """
    age = max((as_of - published).days, 0)
    missed = age // every
    measure = Measure(
        name="list_age_days",
        title="Days since the orders that the lists know",
        points=(Point(day=as_of, value=age, low=0, high=policy.stale_nights * every - 1),),
    )
    if missed < 2:
        return Check(market=market, as_of=as_of, measures=(measure,))
    stale = missed >= policy.stale_nights
    finding = Finding(
        market=market,
        as_of=as_of,
        kind="staleness",
        cause="stale",
        severity="alarm" if stale else "warning",
        action="retrain" if stale else "note",
        statistic=measure.name,
        value=age,
        low=0,
        high=policy.stale_nights * every - 1,
        since=published,
        evidence=(
            f"The lists of {market} know the orders before {published:%d %B %Y} and no later "
            f"ones: {missed} nights brought no new ones."
        ),
    )
    return Check(market=market, as_of=as_of, findings=(finding,), measures=(measure,))
