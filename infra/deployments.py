"""What ``deployments/`` declares: read strictly, and checked before anything is changed.

Prefect ignores what it does not know in ``prefect.yaml``, and takes a schedule or a parameter
that cannot work: the first sign would be a night that did not happen.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from restock.infra.markets import Markets
from restock.infra.work_pools import wrong_pools

PREFECT_FILE = "prefect.yaml"
AUTOMATIONS = "automations"
OFTEN = ("nightly", "weekly", "daily", "backtest")
"""Tags of what every schedule group has once: retraining, search, looking for drift, backtest."""


class DeploymentsError(ValueError):
    """``deployments/`` cannot be applied; the text lists every reason."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedule(_Part):
    """A cron time in a time zone."""

    cron: str
    timezone: str
    slug: str | None = None
    active: bool = True


class Concurrency(_Part):
    """How many runs at once, and what happens to the next one."""

    limit: int = Field(ge=1)
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"]


class WorkPool(_Part):
    """Where the runs of a deployment are done."""

    name: str
    job_variables: dict[str, Any] = {}


class Deployment(_Part):
    """A flow with its parameters, schedules and place."""

    name: str
    description: str
    entrypoint: str
    parameters: dict[str, Any] = {}
    schedules: tuple[Schedule, ...] = ()
    concurrency_limit: Concurrency | None = None
    work_pool: WorkPool
    tags: tuple[str, ...] = ()


class PrefectFile(_Part):
    """The whole of ``prefect.yaml``."""

    name: str
    build: tuple[Any, ...]
    push: tuple[Any, ...]
    pull: tuple[Any, ...]
    definitions: dict[str, Any] = {}
    deployments: tuple[Deployment, ...]

    @property
    def scheduled(self) -> tuple[Deployment, ...]:
        """Deployments of which a run will appear by itself."""
        return tuple(one for one in self.deployments if any(s.active for s in one.schedules))


def packaged() -> Path:
    """The ``deployments`` folder that is installed with the package."""
    with as_file(files("restock.deployments")) as folder:
        return Path(folder)


def read_prefect_file(folder: Path) -> PrefectFile:
    """Read ``prefect.yaml``. DeploymentsError names every key that is wrong."""
    path = folder / PREFECT_FILE
    try:
        return PrefectFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise DeploymentsError(f"{path}: {error}") from None
    except ValidationError as error:
        lines = (
            f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()
        )
        raise DeploymentsError("\n".join(f"{path}: {line}" for line in lines)) from None


def automation_files(folder: Path) -> Sequence[Path]:
    """The automations, in the order of their names."""
    return sorted((folder / AUTOMATIONS).glob("*.yaml"))


def check(folder: Path, markets: Markets | None) -> PrefectFile:
    """Read everything and try every flow, parameter and automation; changes nothing.

    markets: that the nightly and the weekly deployments must cover, each exactly once; None for
    other flows.
    Raises DeploymentsError with all that is wrong.
    """
    declared = read_prefect_file(folder)
    wrong = [
        *_twice(declared),
        *_wrong_parameters(declared),
        *_wrong_schedules(declared),
        *_wrong_automations(folder, declared),
        *wrong_pools(folder, declared),
    ]
    if markets is not None:
        wrong += _wrong_groups(declared, markets)
    if wrong:
        raise DeploymentsError("\n".join(wrong))
    return declared


def _twice(declared: PrefectFile) -> Iterable[str]:
    names = Counter((one.entrypoint, one.name) for one in declared.deployments)
    return [f"{name}: declared {count} times" for (_, name), count in names.items() if count > 1]


def _wrong_parameters(declared: PrefectFile) -> Iterable[str]:
    from prefect.flows import Flow, load_flow_from_entrypoint

    flow: Flow[..., Any]

    for one in declared.deployments:
        try:
            flow = load_flow_from_entrypoint(one.entrypoint, use_placeholder_flow=False)
            unknown = one.parameters.keys() - flow.parameters.properties.keys()
            if unknown:
                yield f"{one.name}: {one.entrypoint} has no parameter {', '.join(sorted(unknown))}"
                continue
            missing = set(flow.parameters.required or ()) - one.parameters.keys()
            if not missing:
                flow.validate_parameters({**_defaults(flow), **one.parameters})
            elif one.schedules:  # else whoever starts it gives them
                yield f"{one.name}: {one.entrypoint} needs {', '.join(sorted(missing))}"
        except Exception as error:
            yield f"{one.name}: {type(error).__name__}: {error}"


def _defaults(flow: Any) -> dict[str, Any]:
    import inspect

    parameters = inspect.signature(flow.fn).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _wrong_schedules(declared: PrefectFile) -> Iterable[str]:
    from prefect.client.schemas.schedules import CronSchedule

    for one in declared.deployments:
        for schedule in one.schedules:
            try:
                CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
            except ValidationError as error:
                reasons = "; ".join(found["msg"] for found in error.errors())
                yield f"{one.name}: {schedule.cron!r} in {schedule.timezone}: {reasons}"


def read_automation(path: Path, ids: Mapping[str, str]) -> dict[str, Any]:
    """What a file declares, with the server's ids (``FLOW/NAME`` → id) for names of deployments.

    KeyError for a deployment that has no id.
    """
    about: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for action in about.get("actions", ()):
        if "deployment" in action:
            action["deployment_id"] = ids[action.pop("deployment")]
            action["source"] = "selected"
    return about


def _wrong_automations(folder: Path, declared: PrefectFile) -> Iterable[str]:
    from prefect.events.schemas.automations import AutomationCore

    names = (f"{one.entrypoint.rpartition('.')[2]}/{one.name}" for one in declared.deployments)
    ids = dict.fromkeys(names, str(UUID(int=0)))
    for path in automation_files(folder):
        try:
            about = read_automation(path, ids)
            unknown = set(about) - set(AutomationCore.model_fields)
            if unknown:
                yield f"{path}: unknown {', '.join(sorted(unknown))}"
            AutomationCore.model_validate(about)
        except KeyError as error:
            yield f"{path}: no deployment {error}; there are {', '.join(ids)}"
        except (ValidationError, yaml.YAMLError, TypeError, AttributeError) as error:
            yield f"{path}: {error}"


def _wrong_groups(declared: PrefectFile, markets: Markets) -> Iterable[str]:
    """Every group has one deployment of each kind of ``OFTEN``, in its own time zone."""
    for often in OFTEN:
        runs = [one for one in declared.scheduled if often in one.tags]
        groups = Counter(one.parameters.get("group") for one in runs)
        for group, zone in markets.schedule_groups.items():
            if groups[group] != 1:
                yield f"schedule group {group}: {groups[group]} {often} deployments, not one"
            for one in runs:
                zones = {schedule.timezone for schedule in one.schedules}
                if one.parameters.get("group") == group and zones != {zone}:
                    there = ", ".join(sorted(zones))
                    yield f"{one.name}: scheduled in {there}, but {group} is {zone}"
        for unknown in groups.keys() - markets.schedule_groups.keys():
            yield f"there is no schedule group {unknown}"
