"""What a publication writes beside its rows: the manifest and the pointer, as JSON."""

import datetime as dt
import hashlib
import uuid
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from restock.dataset.columns import MARKET_PATTERN
from restock.evaluation import bar_token
from restock.infra.snapshots import HASH_PATTERN
from restock.infra.store import StoreError
from restock.models import Candidate
from restock.models.candidate import Scope

SCHEMA_VERSION: Final = 1
TOKEN_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.=-]{0,99}$"
TRAIL_STEPS = 100


class Record(BaseModel):
    """A small JSON object in the store; says which schema it was written in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, data: bytes, where: str) -> Self:
        """Read stored bytes. StoreError names the object and what is wrong with it."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            about = error.errors()[0]
            place = ".".join(str(part) for part in about["loc"])
            raise StoreError(
                f"{where} cannot be read ({place}: {about['msg']}): it is damaged or was written "
                "by another version of restock"
            ) from error

    def bytes(self) -> bytes:
        """What is stored: the same record gives the same bytes."""
        return self.model_dump_json(indent=1).encode()


class Plan(Record):
    """A candidate in service, with its whole configuration: later defaults do not change it."""

    name: str
    config: dict[str, Any]
    scope: Scope
    key: str
    label: str

    @classmethod
    def of(cls, candidate: Candidate) -> Self:
        """Write down a candidate."""
        return cls(
            name=candidate.name,
            config=candidate.resolved,
            scope=candidate.scope,
            key=candidate.key,
            label=candidate.label,
        )

    def candidate(self) -> Candidate:
        """The candidate again. ValueError when this version has no such model or parameter."""
        return Candidate(name=self.name, config=self.config, scope=self.scope)


class About(Record):
    """What the caller knows of a publication."""

    as_of: dt.date
    k: int = Field(ge=1)
    model: str = Field(pattern=HASH_PATTERN)
    plan: Plan
    snapshot: str = Field(pattern=HASH_PATTERN)
    evidence: str = ""
    """Hash of the evidence that the gate chose the plan on."""


class Manifest(About):
    """A staged publication: what its rows are, and how to know that they are whole.

    Holds no time of writing: staging the same again gives the same bytes.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    market: str = Field(pattern=MARKET_PATTERN)
    token: str = Field(pattern=TOKEN_PATTERN)
    file: str
    rows: int
    customers: int
    size: int
    sha256: str
    columns: tuple[str, ...]

    @property
    def hash(self) -> str:
        """sha256 of the manifest's bytes."""
        return hashlib.sha256(self.bytes()).hexdigest()


class Step(Record):
    """One move of a market's pointer."""

    action: Literal["published", "rolled back"]
    at: dt.datetime
    token: str
    manifest: str
    as_of: dt.date
    model: str
    plan_key: str
    plan_label: str
    evidence: str
    since: dt.date
    """``as_of`` of the publication that brought this plan into service."""
    previous: str | None
    """The token that a rollback from here returns to."""
    effective: dt.date | None = None
    """First day of orders on which it holds, where that is not ``as_of``: of a roll-back."""


class Bar(Record):
    """A plan that was rolled back: it may return on other evidence than this."""

    plan_key: str
    evidence: str
    as_of: dt.date
    token: str
    at: dt.datetime


class Pointer(Step):
    """What is current in a market, how it came there, and what may not come back.

    The one object that decides: everything else (champion record, registry) follows it.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    market: str
    plan: Plan
    swap: str
    """Id of this write: tells it from any other."""
    withdrawn: tuple[str, ...] = ()
    barred: tuple[Bar, ...] = ()
    trail: tuple[Step, ...] = ()
    """The moves before this one, oldest first; the last hundred."""

    @property
    def step(self) -> Step:
        """This move alone."""
        return Step(**{name: getattr(self, name) for name in Step.model_fields})

    @property
    def plan_before(self) -> str | None:
        """The last publication of a plan that is neither this one nor barred; None: no such."""
        not_these = {self.plan_key, *(bar.plan_key for bar in self.barred)}
        others = (
            step.token
            for step in reversed(self.trail)
            if step.plan_key not in not_these and step.token not in self.withdrawn
        )
        return next(others, None)

    @property
    def came(self) -> Step | None:
        """The publication by which the plan in service took the place of another.

        None where it did not: a plan that was returned to is not on trial.
        """
        came = self.step
        for step in reversed(self.trail):
            if step.plan_key != self.plan_key:
                break
            came = step
        return came if came.action == "published" else None

    def knows(self, token: str) -> bool:
        """Whether a publication was current once, as far as the trail tells."""
        return _last(self.trail, token) is not None

    @classmethod
    def published(cls, manifest: Manifest, now: "Pointer | None") -> "Pointer":
        """The pointer that makes a staged publication current."""
        same_plan = now is not None and now.plan_key == manifest.plan.key
        return cls(
            **_move("published", manifest),
            since=now.since if now is not None and same_plan else manifest.as_of,
            previous=now.token if now is not None else None,
            withdrawn=now.withdrawn if now is not None else (),
            barred=tuple(
                bar for bar in (now.barred if now else ()) if bar.plan_key != manifest.plan.key
            ),
            trail=_trail(now),
        )

    def rolled_back(self, manifest: Manifest, effective: dt.date | None = None) -> "Pointer":
        """The pointer that returns to an earlier publication and bars the plan left behind.

        A plan that stays in service (it was only refitted) is not barred. Everything that was
        current since that publication is withdrawn.
        """
        since = [step.token for step in reversed(self.trail)]
        left = since[: since.index(manifest.token)] if manifest.token in since else []
        withdrawn = (*self.withdrawn, *reversed(left), self.token)[-TRAIL_STEPS:]
        origin = _last(self.trail, manifest.token)
        before = origin
        while before is not None and before.previous in withdrawn:
            earlier = self.trail[: self.trail.index(before)]
            before = _last(earlier, before.previous)
        move = _move("rolled back", manifest)
        bar = Bar(
            plan_key=self.plan_key,
            evidence=self.evidence or bar_token(self.as_of),
            as_of=self.as_of,
            token=self.token,
            at=move["at"],
        )
        back = manifest.plan.key  # in service again: no longer barred
        others = tuple(one for one in self.barred if one.plan_key not in (bar.plan_key, back))
        return Pointer(
            **move,
            effective=effective,
            since=origin.since if origin else manifest.as_of,
            previous=before.previous if before else None,
            withdrawn=withdrawn,
            barred=others if bar.plan_key == back else (*others, bar),
            trail=_trail(self),
        )


def _move(action: str, manifest: Manifest) -> dict[str, Any]:
    return {
        "action": action,
        "at": dt.datetime.now(dt.UTC),
        "swap": uuid.uuid4().hex,
        "market": manifest.market,
        "token": manifest.token,
        "manifest": manifest.hash,
        "as_of": manifest.as_of,
        "model": manifest.model,
        "plan": manifest.plan,
        "plan_key": manifest.plan.key,
        "plan_label": manifest.plan.label,
        "evidence": manifest.evidence,
    }


def _last(trail: tuple[Step, ...], token: str | None) -> Step | None:
    return next((step for step in reversed(trail) if step.token == token), None)


def _trail(now: Pointer | None) -> tuple[Step, ...]:
    return () if now is None else (*now.trail, now.step)[-TRAIL_STEPS:]
