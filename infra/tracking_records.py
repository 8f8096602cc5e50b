"""What a night tells MLflow, as plain JSON: it can wait in the store while MLflow is away."""

import datetime as dt
import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


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


class MarketRecord(_Record):
    """One market's night: a child run, and the versions that its aliases point to.

    files: text artifacts by file name.
    """

    market: str
    failed: bool = False
    params: dict[str, str] = {}
    metrics: Metrics = {}
    tags: dict[str, str] = {}
    files: dict[str, str] = {}
    versions: tuple[VersionRecord, ...] = ()


class NightRecord(_Record):
    """A night: the parent run and its markets.

    run_token: the same night run again has the same token, and so the same runs. made: when
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
    markets: tuple[MarketRecord, ...] = ()

    @property
    def ended_ms(self) -> int:
        """Milliseconds since 1970, as MLflow counts; from the record, so that a second write
        of the same record writes the same."""
        return int(self.made.timestamp() * 1000)

    @property
    def started_ms(self) -> int:
        """When the night began."""
        return self.ended_ms - int(self.seconds * 1000)
