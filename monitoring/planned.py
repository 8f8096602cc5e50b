"""What a market plans, so that nobody is woken when it comes."""

import datetime as dt
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import model_validator

from restock.monitoring.findings import Cause, Record

What = Literal["assortment", "prices", "season", "customers"]
EXPLAINS: dict[What, tuple[Cause, ...]] = {
    "assortment": ("new assortment", "lost supplier", "behaviour"),
    "prices": ("price shock",),
    "season": ("new assortment", "lost supplier", "new customers", "behaviour"),
    "customers": ("new customers", "behaviour"),
}


class Planned(Record):
    """A change that was announced: drift that it explains is noted, not alarmed."""

    what: What
    first: dt.date
    last: dt.date
    """Inclusive."""
    note: str = ""
    """For people, as in "Christmas range"."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"a planned change ends ({self.last}) before it starts ({self.first})")
        return self


def explained(
    cause: Cause, first: dt.date, end: dt.date, planned: Sequence[Planned]
) -> Planned | None:
    """The plan that explains a cause seen from ``first`` (inclusive) to ``end`` (exclusive).

    A broken feed is never planned. None where no plan covers a day of it.
    """
    for plan in planned:
        if cause in EXPLAINS[plan.what] and plan.first < end and first <= plan.last:
            return plan
    return None
