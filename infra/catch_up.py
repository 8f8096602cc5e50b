"""``python -m restock.infra.catch_up``: what was due while nothing ran.

Prefect schedules a few runs ahead. What came due while its server or every worker was away is
late, and would run one after the other when they are back; what came due after those was never
written down at all. Here the missed times of every scheduled deployment are settled by the
setting ``prefect.catch_up``:

latest   only the newest of them runs, about its own day; older ones are cancelled
all      each of them runs once
none     late ones are cancelled

``restock up`` does it before its worker starts. Doing it again changes nothing.
"""

import argparse
import asyncio
import datetime as dt
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from restock.infra.connections import CatchUp
from restock.infra.prefect_env import configure
from restock.infra.settings import SettingsError, load_settings

SHORT = dt.timedelta(minutes=5)
"""A run that is late by less is not missed: a worker is about to take it."""
MOST = 200
TAG = "catch-up"


@dataclass(frozen=True)
class Settled:
    """What was done for one deployment. started: times of runs made; cancelled: of late ones."""

    deployment: str
    started: tuple[dt.datetime, ...]
    cancelled: tuple[dt.datetime, ...]


def catch_up(client: Any, policy: CatchUp, now: dt.datetime) -> list[Settled]:
    """Settle what every deployment with an active schedule has missed; returns where it had any.

    A deployment that never had a run has missed nothing.
    """
    settled = []
    for deployment in client.read_deployments():
        schedules = [one.schedule for one in deployment.schedules if one.active]
        if schedules and not deployment.paused:
            settled.append(_settle(client, deployment, schedules, policy, now))
    return [one for one in settled if one.started or one.cancelled]


def _settle(
    client: Any, deployment: Any, schedules: Sequence[Any], policy: CatchUp, now: dt.datetime
) -> Settled:
    runs = {run.expected_start_time: run for run in _past_runs(client, deployment.id, now)}
    waiting = {time: run for time, run in runs.items() if run.state.is_scheduled()}
    # what ran, or was cancelled, settles its own time and makes those before it pointless
    last = max((time for time in runs if time not in waiting), default=min(waiting, default=now))
    missed = sorted({*waiting, *due(schedules, last, now)} - (runs.keys() - waiting.keys()))
    keep = {"latest": missed[-1:], "all": missed, "none": []}[policy]
    started = tuple(time for time in keep if time not in waiting)
    for time in started:
        _start(client, deployment.id, time)
    late = tuple(t for t in sorted(waiting) if t not in keep and now - t > SHORT)
    for time in late:
        _cancel(client, waiting[time].id, policy)
    return Settled(deployment.name, started, late)


def due(schedules: Iterable[Any], after: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """When cron schedules fire after a moment (exclusive) and until another, in order."""
    from prefect.server.schemas.schedules import CronSchedule

    async def dates() -> list[dt.datetime]:
        found: set[dt.datetime] = set()
        for one in schedules:
            cron = CronSchedule(cron=one.cron, timezone=one.timezone)
            found |= set(await cron.get_dates(n=MOST, start=after, end=until))
        return sorted(time for time in found if after < time <= until)

    return asyncio.run(dates())


def _past_runs(client: Any, deployment: UUID, now: dt.datetime) -> list[Any]:
    """The newest runs that a schedule asked for, not those that somebody started."""
    from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter.model_validate({"id": {"any_": [deployment]}}),
        flow_run_filter=FlowRunFilter.model_validate({"expected_start_time": {"before_": now}}),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=MOST,
    )
    return [run for run in runs if run.auto_scheduled or TAG in run.tags]


def _start(client: Any, deployment: UUID, time: dt.datetime) -> None:
    from prefect.states import Scheduled

    client.create_flow_run_from_deployment(
        deployment,
        state=Scheduled(scheduled_time=time, message="Due while the platform was away"),
        idempotency_key=f"catch-up {deployment} {time.astimezone(dt.UTC).isoformat()}",
        tags=[TAG],
    )


def _cancel(client: Any, run: UUID, policy: CatchUp) -> None:
    from prefect.states import Cancelled

    why = "a newer day runs" if policy == "latest" else "what was missed does not run"
    message = f"Missed while the platform was away; prefect.catch_up is {policy}: {why}"
    client.set_flow_run_state(run, Cancelled(message=message), force=True)


def main() -> int:
    """Exit 0 when everything is settled, 2 when there is no server or a setting is wrong."""
    argparse.ArgumentParser(
        prog="python -m restock.infra.catch_up",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    try:
        settings = load_settings()
        url = configure(settings, console="WARNING")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if url is None:
        print("there is no server: name it in RESTOCK_PREFECT__API_URL", file=sys.stderr)
        return 2
    from prefect.client.orchestration import get_client

    client = get_client(sync_client=True)
    for one in catch_up(client, settings.prefect.catch_up, dt.datetime.now(dt.UTC)):
        for time in one.started:
            print(f"{one.deployment}: runs for {time:%Y-%m-%d %H:%M} UTC, which was missed")
        for time in one.cancelled:
            print(f"{one.deployment}: {time:%Y-%m-%d %H:%M} UTC was missed and is left out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
