"""How a search spends and decides. The defaults are stated here, once."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from restock.tuning.trials import Rung


class SearchPolicy(BaseModel):
    """Budgets, halving, shrinkage and what becomes of failures."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    engine: Literal["tpe", "random"] = "tpe"
    """What proposes configurations."""

    rungs: tuple[Rung, ...] = (
        Rung(customers=0.1, effort=0.25),
        Rung(customers=0.25, effort=0.5),
        Rung(customers=1.0),
    )
    """Successive halving: what a trial is given before it is compared; the last is the whole."""

    keep_one_in: int = Field(default=3, ge=2)
    """Of the trials of a rung, this share goes on to the next."""

    bracket: int = Field(default=9, ge=1)
    """Trials that start together."""

    least_customers: int = Field(default=200, ge=1)
    """A market is never cut below so many customers, and below it does not search on its own."""

    half_way: float = Field(default=200.0, ge=0)
    """A market's lift is shrunk toward that of all markets with weight n / (n + half_way)."""

    stop_z: float = Field(default=1.64, ge=0)
    """A trial stops when its lift plus so many standard errors is under the plan in service.

    Over all markets the best of each family goes on all the same: mixtures need it."""

    least_gain: float = Field(default=0.001, ge=0)
    """A study ends when a whole bracket gained less than this (log-lift), ``patience`` times."""

    patience: int = Field(default=2, ge=1)
    """Brackets without gain before a study ends."""

    selection_windows: int = Field(default=3, ge=1)
    """Older windows, on which trials are compared and chosen."""

    report_windows: int = Field(default=3, ge=1)
    """The newest windows, on which only what was chosen is judged."""

    portfolio: int = Field(default=5, ge=1)
    """Best configurations over all markets that every market's own search starts from."""

    tie: float = Field(default=0.002, ge=0)
    """Lifts that differ by less are a tie: the cheaper candidate is taken."""

    trial_seconds: float = Field(default=600.0, gt=0)
    """A trial that took longer at a rung is recorded as over time and goes no further."""

    on_failure: Literal["record", "stop"] = "record"
    """A trial that fails is recorded and the search goes on, or the search stops."""

    ballots: int = Field(default=50, ge=10)
    """Places of the lists that are kept for mixtures."""
