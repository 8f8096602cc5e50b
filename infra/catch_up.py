"""``python -m restock.infra.catch_up``: what was due while nothing ran.

Prefect schedules a few runs ahead. What came due while its server or every worker was away is
late, and would run one after the other when they are back; what came due after those was never
written down at all. Here the missed times of every scheduled deployment are settled by the
setting ``prefect.catch_up``:

latest   only the newest of them runs, about its own day; older ones are cancelled
all      each of them runs once
none     late ones are cancelled

Only what ``deployments/`` declares is settled: runs of others on the same server are left alone.
``restock up`` does it before its worker starts; elsewhere, do it before the workers are back.
Doing it again changes nothing.
"""

import argparse
import asyncio
import datetime as dt
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from restock.infra.connections import CatchUp
from restock.infra.deployments import Deployment, DeploymentsError, packaged, read_prefect_file
from restock.infra.prefect_client import connected, pages
from restock.infra.prefect_env import configure
from restock.infra.settings import SettingsError, load_settings

SHORT = dt.timedelta(minutes=5)
"""A run that is late by less is not missed: a worker is about to take it."""
DATES = 200
"""What a schedule is asked for at a time."""
TAG = "catch-up"


@dataclass(frozen=True)
class Settled:
    """What was done for one deployment. started: times of runs made; cancelled: of late ones."""

    deployment: str
    started: tuple[dt.datetime, ...]
    cancelled: tuple[dt.datetime, ...]


def catch_up(
    client: Any, declared: Iterable[Deployment], policy: CatchUp, now: dt.datetime
) -> list[Settled]:
    """Settle what the declared deployments have missed; returns those that had missed any.

    Asked are those with an active schedule on the server. One that never had a run has missed
    nothing.
    """
    ours = {(one.entrypoint, one.name) for one in declared}
    settled = []
    for deployment in pages(client.read_deployments):
        schedules = [one.schedule for one in deployment.schedules if one.active]
        known = (deployment.entrypoint, deployment.name) in ours
        if known and schedules and not deployment.paused:
            settled.append(_settle(client, deployment, schedules, policy, now))
    return [one for one in settled if one.started or one.cancelled]


def _settle(
    client: Any, deployment: Any, schedules: Sequence[Any], policy: CatchUp, now: dt.datetime
) -> Settled:
    scheduled = list(_runs(client, deployment.id, now, {"any_": ["SCHEDULED"]}))
    waiting = {run.expected_start_time: run for run in scheduled if run.run_count == 0}
    again = [run for run in scheduled if run.run_count]  # they wait for their next attempt
    begun = [*again, *islice(_runs(client, deployment.id, now, {"not_any_": ["SCHEDULED"]}), 1)]
    # what began, or was cancelled, settles its own time and makes those before it pointless
    last = max((run.expected_start_time for run in begun), default=None)
    missed = sorted({*waiting, *due(schedules, last or min(waiting, default=now), now)})
    newest = [time for time in missed[-1:] if last is None or time > last]
    keep = {"latest": newest, "all": missed, "none": []}[policy]
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

    async def dates(cron: CronSchedule) -> list[dt.datetime]:
        found: list[dt.datetime] = []
        start = after
        while True:  # a schedule gives a limited number at a time
            more = [t for t in await cron.get_dates(n=DATES, start=start, end=until) if t > start]
            if not more:
                return found
            found += more
            start = more[-1]

    crons = [CronSchedule(cron=one.cron, timezone=one.timezone) for one in schedules]
    return sorted({time for cron in crons for time in asyncio.run(dates(cron))})


def _runs(
    client: Any, deployment: UUID, until: dt.datetime, types: dict[str, Any]
) -> Iterator[Any]:
    """What a schedule asked for up to now, newest first; not what somebody started.

    types: of states, as a filter of Prefect takes them.
    """
    from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    wanted = {"expected_start_time": {"before_": until}, "state": {"type": types}}
    runs = pages(
        client.read_flow_runs,
        deployment_filter=DeploymentFilter.model_validate({"id": {"any_": [deployment]}}),
        flow_run_filter=FlowRunFilter.model_validate(wanted),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
    )
    return (run for run in runs if run.auto_scheduled or TAG in run.tags)


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

    why = "a newer one counts" if policy == "latest" else "what was missed does not run"
    message = f"Missed while the platform was away; prefect.catch_up is {policy}: {why}"
    client.set_flow_run_state(run, Cancelled(message=message), force=True)


def main() -> int:
    """Exit 0 when everything is settled, 2 when there is no server or a setting is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m restock.infra.catch_up",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=None, help="default: the packaged one")
    folder = (parser.parse_args().folder or packaged()).absolute()
    try:
        declared = read_prefect_file(folder).deployments
        settings = load_settings()
        url = configure(settings, console="WARNING")
    except (DeploymentsError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 2
    if url is None:
        print("there is no server: name it in RESTOCK_PREFECT__API_URL", file=sys.stderr)
        return 2
    try:
        with connected(url) as client:
            settled = catch_up(client, declared, settings.prefect.catch_up, dt.datetime.now(dt.UTC))
    except ConnectionError as error:
        print(error, file=sys.stderr)
        return 2
    for one in settled:
        for time in one.started:
            print(f"{one.deployment}: runs for {time:%Y-%m-%d %H:%M} UTC, which was missed")
        for time in one.cancelled:
            print(f"{one.deployment}: {time:%Y-%m-%d %H:%M} UTC was missed and is left out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
