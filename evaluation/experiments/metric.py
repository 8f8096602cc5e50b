"""What an experiment is judged by."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["primary", "secondary", "guardrail"]
BEFORE = "_before"
"""Ends the name of a column that holds the same of the time before the experiment."""


class Metric(BaseModel):
    """A figure per customer, or a ratio of two sums over customers. More of it is better.

    The column ``<numerator>_before`` (and that of the denominator) is used to take away noise
    where the data have it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(min_length=1)

    numerator: str
    """Column that is added up."""

    denominator: str | None = None
    """Column that the sum is divided by, as in revenue per order; None: the customers."""

    role: Role = "secondary"
    """The primary metric decides; a guardrail may not get worse than its margin."""

    margin: float = Field(default=0.0, ge=0, lt=1)
    """Of a guardrail: the relative loss that is borne."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return (self.numerator, self.denominator) if self.denominator else (self.numerator,)


METRICS: dict[str, Metric] = {
    "revenue": Metric(name="revenue", numerator="revenue"),
    "orders": Metric(name="orders", numerator="orders"),
    "lines": Metric(name="lines", numerator="lines"),
    "items": Metric(name="items", numerator="items"),
    "revenue_per_order": Metric(
        name="revenue_per_order", numerator="revenue", denominator="orders"
    ),
}
"""What ``customer_outcomes`` has the columns for."""


def metrics(primary: str, guardrails: dict[str, float]) -> tuple[Metric, ...]:
    """The primary metric, the guardrails with their margins, and all others as secondary ones.

    ValueError names the known ones.
    """
    for name in (primary, *guardrails):
        if name not in METRICS:
            raise ValueError(f"there is no metric {name!r}; known: {', '.join(METRICS)}")
    found = [METRICS[primary].model_copy(update={"role": "primary"})]
    for name, margin in guardrails.items():
        found.append(Metric(**METRICS[name].model_dump() | {"role": "guardrail", "margin": margin}))
    return (*found, *(one for name, one in METRICS.items() if name not in (primary, *guardrails)))
