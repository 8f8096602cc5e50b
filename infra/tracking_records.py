"""What a job tells MLflow, as plain JSON: it can wait in the store while MLflow is away."""

import datetime as dt
import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _known(metrics: dict[str, float]) -> dict[str, float]:
    """NaN is no value, and JSON has no name for it."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


Metrics = Annotated[dict[str, float], AfterValidator(_known)]


class VersionRecord(_Record):
    """A plan in the registry: the one in service, or the best that wants its place.

    identity: what makes it one version; the same identity is never registered twice. model:
    hash of the fitted model in the store ("": a challenger, which is not kept). snapshot: hash
    of what it was fitted on.
    """

    role: Literal["champion", "challenger"]
    identity: str
    plan: str
    model: str = ""
    snapshot: str = ""
    publication: str = ""
    card: dict[str, str] = {}


class PartRecord(_Record):
    """A child run. files: text artifacts by file name."""

    failed: bool = False
    params: dict[str, str] = {}
    metrics: Metrics = {}
    tags: dict[str, str] = {}
    files: dict[str, str] = {}

    @property
    @abstractmethod
    def name(self) -> str:
        """The run's name; no other child of the same parent has it."""

    @property
    @abstractmethod
    def labels(self) -> dict[str, str]:
        """Tags that runs are looked for by."""


class MarketRecord(PartRecord):
    """One market's night, and the versions that its aliases point to."""

    market: str
    versions: tuple[VersionRecord, ...] = ()

    @property
    def name(self) -> str:
        """The market's code."""
        return self.market

    @property
    def labels(self) -> dict[str, str]:
        """The market."""
        return {"market": self.market}


class StudyRecord(PartRecord):
    """One family of models in one place, as a search saw it."""

    where: str
    family: str

    @property
    def name(self) -> str:
        """``FR sar``."""
        return f"{self.where} {self.family}"

    @property
    def labels(self) -> dict[str, str]:
        """The place and the family."""
        return {"market": self.where, "family": self.family}


class JobRecord(_Record):
    """A parent run and its parts.

    run_token: the same job run again has the same token, and so the same runs. made: when
    it was first recorded (UTC); aliases never move back to what was made earlier.
    """

    schema_version: Literal[1] = 1
    run_token: str
    as_of: dt.date
    made: dt.datetime
    seconds: float = Field(default=0.0, ge=0)
    failed: bool = False
    params: dict[str, str] = {}
    metrics: Metrics = {}
    tags: dict[str, str] = {}
    files: dict[str, str] = {}

    @property
    @abstractmethod
    def name(self) -> str:
        """The parent run's name."""

    @property
    @abstractmethod
    def parts(self) -> Sequence[PartRecord]:
        """The child runs."""

    @property
    def ended_ms(self) -> int:
        """Milliseconds since 1970, as MLflow counts; from the record, so that a second write
        of the same record writes the same."""
        return int(self.made.timestamp() * 1000)

    @property
    def started_ms(self) -> int:
        """When the job began."""
        return self.ended_ms - int(self.seconds * 1000)


class NightRecord(JobRecord):
    """A night of retraining: a part for each market."""

    markets: tuple[MarketRecord, ...] = ()

    @property
    def name(self) -> str:
        """``night 2011-12-10``."""
        return f"night {self.as_of}"

    @property
    def parts(self) -> Sequence[PartRecord]:
        """The markets."""
        return self.markets


class SearchRecord(JobRecord):
    """A search: a part for each study."""

    studies: tuple[StudyRecord, ...]

    @property
    def name(self) -> str:
        """``search 2011-12-10``."""
        return f"search {self.as_of}"

    @property
    def parts(self) -> Sequence[PartRecord]:
        """The studies."""
        return self.studies


class ModelRecord(PartRecord):
    """One model, as a backtest saw it."""

    model: str

    @property
    def name(self) -> str:
        """``blend (pooled)``."""
        return self.model

    @property
    def labels(self) -> dict[str, str]:
        """The model."""
        return {"model": self.model}


class BacktestRecord(JobRecord):
    """A backtest: a part for each model."""

    models: tuple[ModelRecord, ...]

    @property
    def name(self) -> str:
        """``backtest 2011-12-10``."""
        return f"backtest {self.as_of}"

    @property
    def parts(self) -> Sequence[PartRecord]:
        """The models."""
        return self.models


TrackedJob: TypeAdapter[NightRecord | SearchRecord | BacktestRecord] = TypeAdapter(
    NightRecord | SearchRecord | BacktestRecord
)
"""Reads a record from the spool: one of them fits, and only one."""
