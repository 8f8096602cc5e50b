"""How sure the gate must be, and what it says."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from restock.evaluation.verdict import Verdict

Basis = Literal["own", "pooled"]


class GatePolicy(BaseModel):
    """How sure the gate must be. The defaults are stated here, once."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    looks_per_year: int = Field(default=365, ge=1)
    """How often a year the gate is asked: nightly."""

    false_replacements_per_year: float = Field(default=0.1, gt=0)
    """Expected replacements by a plan that is not better, per market and year, at most."""

    fdr: float = Field(default=0.05, gt=0, lt=1)
    """Expected share of false ones among the replacements of one night, over all markets."""

    min_customers: int = Field(default=200, ge=1)
    """Markets with fewer distinct test customers follow the pooled choice."""

    half_way: float = Field(default=200.0, ge=0)
    """A market's log-lift is shrunk toward the pooled one with weight n / (n + half_way)."""

    min_lift: float = Field(default=0.005, ge=0)
    """A smaller (shrunk) lift is not worth a change, however sure it is."""

    min_windows: int = Field(default=2, ge=1)
    """Cut-offs in which the challenger must be ahead (all of them where there are fewer)."""

    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Of the intervals, and so of the guardrails' lower bounds."""

    resamples: int = Field(default=2000, ge=100)
    """Bootstrap samples of customers."""

    @property
    def alpha(self) -> float:
        """The error that one look may spend in one market."""
        return min(1.0, self.false_replacements_per_year / self.looks_per_year)


class Decision(BaseModel):
    """What the gate decided for a market, and why.

    chosen: the plan's key to refit and publish: the incumbent's, or the one that replaces it.
    basis: "own" customers, or the "pooled" ones of all markets. n_customers: the market's own
    distinct test customers. verdicts: per challenger, ``promoted`` where it passes everything.
    p_values: adjusted for the number of challengers (Holm). lifts: shrunk ones. evidence: the
    token of what was looked at (see ``evidence``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    market: str
    incumbent: str
    chosen: str
    replaced: bool
    basis: Basis
    n_customers: int
    verdicts: dict[str, Verdict]
    p_values: dict[str, float]
    lifts: dict[str, float]
    reasons: tuple[str, ...]
    evidence: str
