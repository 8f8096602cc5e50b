"""The words of a search: studies, trials, pieces of work, and what came of them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from restock.models import Candidate

ALL = "all"
"""The place of a study whose candidates are fitted on the orders of all markets."""

Origin = Literal["default", "service", "warm", "asked", "hybrid"]
Failure = Literal["", "error", "memory", "time", "diverged", "skipped"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Rung(_Value):
    """How much of the whole a trial is given before it is compared."""

    customers: float = Field(gt=0, le=1)
    """Share of the customers, who are trained on and judged; small markets stay whole."""

    effort: float = Field(default=1.0, gt=0, le=1)
    """Share of the epochs (or iterations) that the configuration asks for."""


class StudyKey(_Value):
    """One family of models in one place: what an engine searches at a time."""

    where: str
    """A market's code, or ALL."""

    family: str
    """Name in the registry of models."""

    @property
    def title(self) -> str:
        """For people: ``FR sar``."""
        return f"{self.where} {self.family}"


class Trial(_Value):
    """One candidate of a study. ``index`` counts from 0 within the study."""

    study: StudyKey
    index: int = Field(ge=0)
    origin: Origin
    candidate: Candidate

    @property
    def key(self) -> str:
        """Unique within a search: ``FR/sar/12``."""
        return f"{self.study.where}/{self.study.family}/{self.index}"


class Told(_Value):
    """What an engine learns of a point: its log-lift at the highest rung; None if it failed.

    point: dimension → value, the ``scope`` among them in the place ALL.
    """

    point: dict[str, Any]
    value: float | None


class Ask(_Value):
    """Points still to be drawn, by whoever does the step: ``count`` trials from ``first`` on."""

    count: int = Field(ge=1)
    first: int = Field(ge=0)
    seed: int
    history: tuple[Told, ...] = ()


class Step(_Value):
    """Trials of one study at one rung, on some windows (counted back from the newest, 0).

    The trials are the named ones and those of ``ask``. keep: scorecards and ballots are stored.
    """

    study: StudyKey
    rung: int
    windows: tuple[int, ...]
    trials: tuple[Trial, ...] = ()
    ask: Ask | None = None
    keep: bool = False

    @property
    def size(self) -> int:
        """How many trials it runs."""
        return len(self.trials) + (self.ask.count if self.ask else 0)

    @property
    def title(self) -> str:
        """For people: ``FR sar``."""
        return self.study.title


class Mix(_Value):
    """Greedy ensemble selection over kept trials of one place, on the same windows.

    markets: for each of these a mixture of its own is sought, and one for all of them together.
    """

    where: str
    windows: tuple[int, ...]
    members: tuple[Trial, ...]
    kept: tuple[str, ...]
    """Where the ballots of each member are stored, parallel to ``members``."""

    markets: tuple[str, ...]

    @property
    def title(self) -> str:
        """For people: ``all mixture``."""
        return f"{self.where} mixture"


class Lift(_Value):
    """How much better than the yardstick, on the same customers.

    value: logarithm of the utility's ratio. error: its standard error, customers as clusters.
    customers: distinct ones. The yardstick is ``models.slate.FIRST_INCUMBENT`` in each market,
    so that the lifts of two candidates may be subtracted.
    """

    value: float
    error: float
    customers: int

    def upper(self, z: float) -> float:
        """The upper bound, ``z`` standard errors away."""
        return self.value + z * self.error

    def lower(self, z: float) -> float:
        """The lower bound, ``z`` standard errors away."""
        return self.value - z * self.error


class Outcome(_Value):
    """What a trial came to at a rung.

    lift: over all customers of the place. markets: the same market by market, for a study of
    ALL at the top rung. metrics: means over those customers by public name. seconds: wall time
    of fitting and scoring, what was shared included. failure, reason: why there is no lift.
    nobody: there was nobody to judge it on. kept: where scorecards and ballots are stored.
    """

    trial: Trial
    rung: int
    windows: tuple[int, ...]
    lift: Lift | None = None
    markets: dict[str, Lift] = {}
    metrics: dict[str, float] = {}
    seconds: float = 0.0
    failure: Failure = ""
    reason: str = ""
    nobody: bool = False
    kept: str = ""


class Mixture(_Value):
    """A hybrid that a Mix proposes. market: whose customers it was sought for, or ALL."""

    market: str
    candidate: Candidate
    gain: float
    """Log-lift over the best single member, as far as the ballots tell."""
