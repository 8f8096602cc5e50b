"""What applying ``deployments/`` to a Prefect server would change there, told beforehand.

It follows what ``prefect deploy`` and the server do with what is there already: schedules of the
same slug are replaced and others stay, a switch by hand stays, nothing is removed.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from restock.infra.deployments import (
    Deployment,
    PrefectFile,
    Schedule,
    automation_files,
    read_automation,
)
from restock.infra.prefect_client import deployments, pages
from restock.infra.work_pools import pools_of

Kind = Literal["pool", "deployment", "automation"]
State = Literal["created", "changed", "unchanged", "only on the server"]
NEW = "00000000-0000-0000-0000-000000000000"
"""Stands for the id of a deployment that is not there yet."""

SETS = {"expect", "after", "for_each"}
"""What a trigger names in no order."""


class Field(NamedTuple):
    """One value that changes, as JSON; None where there is none."""

    name: str
    before: str | None
    after: str | None


class Change(NamedTuple):
    """What becomes of a work pool, a deployment (``FLOW/NAME``) or an automation."""

    kind: Kind
    name: str
    state: State
    fields: tuple[Field, ...] = ()


def changes(client: Any, folder: Path, declared: PrefectFile) -> list[Change]:
    """Everything that is declared or there, by kind and name. Only reads.

    declared: what ``check`` has returned for the folder.
    """
    there = deployments(client)
    return [
        *_pools(client, folder, declared),
        *_deployments(there, declared),
        *_automations(client, folder, {name: str(one.id) for name, one in there.items()}),
    ]


def text(found: list[Change]) -> str:
    """A line for each thing, one for each field that changes, and the count of each state."""
    lines = []
    for one in found:
        lines.append(f"{one.kind} {one.name}: {one.state}")
        lines += [f"  {f.name}: {f.before or '-'} → {f.after or '-'}" for f in one.fields]
    counts = Counter(one.state for one in found)
    return "\n".join([*lines, ", ".join(f"{count} {state}" for state, count in counts.items())])


def _pools(client: Any, folder: Path, declared: PrefectFile) -> list[Change]:
    there = {pool.name: pool for pool in pages(client.read_work_pools)}
    wanted = pools_of(folder, declared)
    found = []
    for name in sorted(there.keys() | wanted.keys()):
        fields: tuple[Field, ...] = ()
        if name in there and name in wanted and (template := wanted[name].template()):
            fields = _differences(there[name].base_job_template, template)
        state = _state(name in there, name in wanted, changed=bool(fields))
        found.append(Change("pool", name, state, fields))
    return found


def _state(there: bool, wanted: bool, changed: bool = False) -> State:
    if not wanted:
        return "only on the server"
    if not there:
        return "created"
    return "changed" if changed else "unchanged"


def _deployments(there: Mapping[str, Any], declared: PrefectFile) -> list[Change]:
    from prefect.flows import Flow, load_flow_from_entrypoint

    flow: Flow[..., Any]
    commit = _commit()
    found = {}
    for one in declared.deployments:
        flow = load_flow_from_entrypoint(one.entrypoint, use_placeholder_flow=False)
        name = f"{flow.name}/{one.name}"
        before = _as_it_is(there[name]) if name in there else None
        fields: tuple[Field, ...] = ()
        if before:
            fields = _differences(before, _as_it_will_be(one, flow, declared, before, commit))
        found[name] = Change(
            "deployment",
            name,
            _state(before is not None, wanted=True, changed=bool(fields)),
            fields,
        )
    for name in there.keys() - found.keys():
        found[name] = Change("deployment", name, "only on the server")
    return [found[name] for name in sorted(found)]


def _commit() -> str | None:
    """The version that ``prefect deploy`` gives in this folder: the commit, where CI's environment
    or a remote of git names it; without it, the hash of each flow's file.
    """
    from prefect.deployments.runner import RunnerDeployment

    any_one = RunnerDeployment(name="any", flow_name="any")
    any_one._get_deployment_version_info()
    return any_one.version


def _as_it_is(one: Any) -> dict[str, Any]:
    """A deployment of the server, in the words of ``prefect.yaml``."""
    limit, options = one.global_concurrency_limit, one.concurrency_options
    return {
        "description": one.description,
        "entrypoint": one.entrypoint,
        "version": one.version,
        "parameters": one.parameters,
        "tags": sorted(one.tags),
        "work_pool": one.work_pool_name,
        "job_variables": one.job_variables,
        "pull": one.pull_steps or [],
        "concurrency_limit": limit.limit if limit else None,
        "collision_strategy": options.collision_strategy.value if options else None,
        "schedules": {
            schedule.slug or str(at): _schedule(schedule.schedule, schedule.active)
            for at, schedule in enumerate(one.schedules)
        },
        "parameter_schema": one.parameter_openapi_schema or {},
    }


def _as_it_will_be(
    one: Deployment,
    flow: Any,
    declared: PrefectFile,
    before: Mapping[str, Any],
    commit: str | None,
) -> dict[str, Any]:
    from prefect.utilities.callables import parameter_schema

    limit = one.concurrency_limit
    return {
        "description": one.description,
        "entrypoint": one.entrypoint,
        "version": commit or flow.version,
        "parameters": one.parameters,
        "tags": sorted(one.tags),
        "work_pool": one.work_pool.name,
        "job_variables": one.work_pool.job_variables,
        "pull": list(declared.pull),
        "concurrency_limit": limit.limit if limit else None,
        "collision_strategy": limit.collision_strategy if limit else None,
        "schedules": _schedules(one.schedules, before["schedules"]),
        "parameter_schema": parameter_schema(flow).model_dump(mode="json", exclude_unset=True),
    }


def _schedules(wanted: tuple[Schedule, ...], before: Mapping[str, Any]) -> dict[str, Any]:
    """By slug, else by place: with slugs on both sides the server replaces those it is sent."""
    if not wanted:
        return dict(before)
    slugs = all(one.slug for one in wanted) and not any(name.isdigit() for name in before)
    after = dict(before) if slugs else {}
    for at, one in enumerate(wanted):
        name = one.slug or str(at)
        active = one.active
        if slugs and name in before and "active" not in one.model_fields_set:
            active = before[name]["active"]  # somebody may have switched it off
        after[name] = _schedule(one, active)
    return after


def _schedule(cron: Any, active: bool) -> dict[str, Any]:
    """Also of a schedule that was made by hand and is no cron time."""
    when = getattr(cron, "cron", None) or str(cron)
    return {"cron": when, "timezone": getattr(cron, "timezone", None), "active": active}


def _automations(client: Any, folder: Path, ids: Mapping[str, str]) -> list[Change]:
    there: dict[str, list[dict[str, Any]]] = {}

    def read(**page: int) -> list[dict[str, Any]]:
        return client.request("POST", "/automations/filter", json=page).json()

    for one in pages(read):
        there.setdefault(one["name"], []).append(one)
    names = {id: name for name, id in ids.items()}
    found = {name: Change("automation", name, "only on the server") for name in there}
    for path in automation_files(folder):
        wanted = _wanted(path, ids)
        name = wanted["name"]
        copies = there.get(name, [])
        fields: tuple[Field, ...] = ()
        if copies:
            before = _same_keys(copies[0], wanted)
            fields = _differences(_named(before, names), _named(wanted, names))
            fields += tuple(Field("copy", one["id"], None) for one in copies[1:])
        found[name] = Change(
            "automation", name, _state(bool(copies), wanted=True, changed=bool(fields)), fields
        )
    return [found[name] for name in sorted(found)]


def _wanted(path: Path, ids: Mapping[str, str]) -> dict[str, Any]:
    """What would be sent of an automation; whether it is on is left to the server's pages."""
    from prefect.events.schemas.automations import AutomationCore

    class Known(dict[str, str]):
        def __missing__(self, name: str) -> str:
            return NEW

    about = AutomationCore.model_validate(read_automation(path, Known(ids)))
    return about.model_dump(mode="json", exclude={"owner_resource", "enabled"})


def _same_keys(there: Any, wanted: Any) -> Any:
    """What the server has of the keys that are sent: it adds ids of its own."""
    if isinstance(there, dict) and isinstance(wanted, dict):
        return {key: _same_keys(there[key], wanted[key]) for key in wanted if key in there}
    if isinstance(there, list) and isinstance(wanted, list) and len(there) == len(wanted):
        return [_same_keys(a, b) for a, b in zip(there, wanted, strict=True)]
    return there


def _named(value: Any, names: Mapping[str, str]) -> Any:
    """Ids of deployments as names, which people know; sets of events in one order."""
    if isinstance(value, dict):
        found = {key: _named(inner, names) for key, inner in value.items()}
        return found | {key: sorted(found[key]) for key in SETS & found.keys()}
    if isinstance(value, list):
        return [_named(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Field, ...]:
    old, new = _flat(before), _flat(after)
    return tuple(
        Field(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _flat(value: Mapping[str, Any], within: str = "") -> dict[str, str]:
    """``{"a": {"b": 1}}`` → ``{"a.b": "1"}``."""
    found: dict[str, str] = {}
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            found |= _flat(inner, f"{within}{key}.")
        elif inner not in (None, {}, []):
            found[within + key] = json.dumps(inner, ensure_ascii=False, sort_keys=True)
    return found
