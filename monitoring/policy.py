"""When something is drift and what follows from it. The defaults are stated here, once."""

from pydantic import BaseModel, ConfigDict, Field


class DriftPolicy(BaseModel):
    """Windows, thresholds and error rates of the detectors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    window_days: tuple[int, ...] = (7, 28)
    """Lengths of the current window, shortest first; it is compared with four such before it."""

    history_windows: int = Field(default=26, ge=4)
    """Earlier windows that say what is usual in a market."""

    least_customers: int = Field(default=50, ge=10)
    """A window with fewer ordering customers is not tested."""

    false_alarms: float = Field(default=0.05, gt=0, lt=1)
    """Share of the days on which any market at all may alarm though no data drifted.

    An upper bound (Bonferroni over statistics, windows and markets): about a third is measured.
    """

    most_by_chance: float = Field(default=0.01, gt=0, lt=1)
    """A move of what customers buy is confirmed when so few permutations of them come as far."""

    label_delay_days: int = Field(default=2, ge=0)
    """Orders of younger days may still arrive: what lists came to then is not final."""

    least_fall: float = Field(default=0.05, gt=0, lt=1)
    """The fall of realised ndcg that is looked for, as a share: larger ones are found sooner."""

    chance_alarms: float = Field(default=0.12, gt=0, lt=1)
    """Chance that the performance of a market alarms within 275 days though nothing fell."""

    trial_days: int = Field(default=56, ge=7)
    """So long a new plan is held against the one before it, and rolled back if it is worse."""

    false_rollbacks: float = Field(default=0.05, gt=0, lt=1)
    """Chance that a plan as good as the one before it is ever rolled back."""

    stale_nights: int = Field(default=3, ge=2)
    """After so many nights without a publication the lists in force are stale."""


class ResponsePolicy(BaseModel):
    """What an alert starts, and what it does not."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    cooldown_days: int = Field(default=14, ge=0)
    """After an alert of one cause was answered, the same market and cause stays quiet so long."""

    storm_share: float = Field(default=0.3, gt=0, le=1)
    """More of the watched markets than this alarm within a day: a data incident, one page."""

    storm_least: int = Field(default=3, ge=2)
    """Fewer markets than this are never a storm."""

    persistent_days: int = Field(default=42, ge=1)
    """An alarm so soon after a retraining that answered the last one asks for a search."""
