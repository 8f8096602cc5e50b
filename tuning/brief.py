"""What a search sets out to do: markets, families, budget, and what is known before."""

from statistics import median
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from restock.models import Candidate
from restock.tuning.costs import Size, seconds, together
from restock.tuning.setting import Setting
from restock.tuning.trials import ALL

POOR_RUNG = 0.1
"""Share of the cost of a whole trial above which the lowest rung spares too little."""


class Brief(BaseModel):
    """A JSON value: with the outcomes it says everything, so that a search can be resumed.

    markets: those that get a plan. sizes: every market with orders; all of them teach what is
    pooled. families: names of models. service: the plan in service by market. warm: by place
    (a market's code or ALL) what an earlier search found best. trials, seconds: the budget, one
    of them; a budget in trials makes every decision independent of the clock. cores: that the
    seconds are spent on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    markets: tuple[str, ...]
    sizes: dict[str, Size]
    families: tuple[str, ...]
    setting: Setting
    service: dict[str, Candidate] = {}
    warm: dict[str, tuple[Candidate, ...]] = {}
    trials: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    cores: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if (self.trials is None) == (self.seconds is None):
            raise ValueError("a search has one budget: trials, or seconds")
        return self

    @property
    def selection(self) -> tuple[int, ...]:
        """The windows that trials are compared on, counted back from the newest, 0."""
        policy = self.setting.policy
        first = policy.report_windows
        return tuple(range(first, first + policy.selection_windows))

    @property
    def report(self) -> tuple[int, ...]:
        """The newest windows, on which only what was chosen is judged."""
        return tuple(range(self.setting.policy.report_windows))

    @property
    def large(self) -> tuple[str, ...]:
        """The markets that search on their own."""
        least = self.setting.policy.least_customers
        return tuple(m for m in self.markets if self.sizes[m].customers > least)

    def size(self, where: str) -> Size:
        """What a candidate of this place is fitted on."""
        if where != ALL:
            return self.sizes[where]
        return together(self.sizes.values())

    def share(self, where: str, rung: int) -> float:
        """The share of a place's customers that a rung takes."""
        policy = self.setting.policy
        wanted = policy.rungs[rung].customers
        sizes = [self.sizes[where]] if where != ALL else list(self.sizes.values())
        taken = sum(
            max(wanted * size.customers, min(policy.least_customers, size.customers))
            for size in sizes
        )
        return taken / max(sum(size.customers for size in sizes), 1)

    def rungs(self, where: str, family: str) -> tuple[int, ...]:
        """The rungs that a family's trials climb in a place: below the last, those that differ.

        That is those that spare two fifths of the customers. In the place ALL there are none for
        a family that is cheaper than the usual one and whose first rung costs more than POOR_RUNG
        of the whole: models that count what goes together rank otherwise on few customers, and
        to spare them spares little.
        """
        last = len(self.setting.policy.rungs) - 1
        below = [at for at in range(last) if self.share(where, at) <= 0.6]
        if below and where == ALL:
            whole = self._seconds(family, last)
            cheap = whole < median(self._seconds(name, last) for name in self.families)
            if cheap and self._seconds(family, below[0]) > POOR_RUNG * whole:
                below = []
        return (*below, last)

    def _seconds(self, family: str, rung: int) -> float:
        """Of a trial of the family's default in the place ALL, as estimated."""
        default = Candidate(name=family, scope="pooled")
        shape = self.setting.policy.rungs[rung]
        shape = shape.model_copy(update={"customers": min(1.0, self.share(ALL, rung))})
        return seconds(default, self.size(ALL), rung=shape)
