"""What came due while the platform was away runs once, or not at all: on a real server."""

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from restock.infra.catch_up import SHORT, TAG, catch_up, due
from restock.infra.connections import CatchUp
from restock.infra.deployments import Deployment, Schedule, WorkPool, packaged, read_prefect_file

PARIS = ZoneInfo("Europe/Paris")
# the clocks went forward on 29 March 2026
NIGHTS = [
    dt.datetime(2026, 3, day, 4, 10, tzinfo=PARIS).astimezone(dt.UTC) for day in range(26, 32)
]
NOW = dt.datetime(2026, 3, 31, 9, 0, tzinfo=PARIS).astimezone(dt.UTC)
TWO_YEARS = dt.timedelta(days=728)
DECLARED = [
    Deployment(
        name="central-europe",
        description="",
        entrypoint="own.flows.nightly",
        work_pool=WorkPool(name="restock"),
    )
]


@pytest.mark.thorough
@pytest.mark.unit
def test_every_schedule_fires_once_on_every_local_day_across_both_clock_changes() -> None:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for one in read_prefect_file(packaged()).scheduled:
        for schedule in one.schedules:
            minute, hour, _, _, weekday = schedule.cron.split()
            if not hour.isdigit():
                continue  # every hour: no local day to be missed
            zone = ZoneInfo(schedule.timezone)
            found = [t.astimezone(zone) for t in due([schedule], start, start + TWO_YEARS)]
            days = [time.date() for time in found]
            step = 7 if weekday == "0" else 1
            assert all(b - a == dt.timedelta(step) for a, b in itertools.pairwise(days))
            assert len(days) > 700 / step
            assert {(t.hour, t.minute) for t in found} == {(int(hour), int(minute))}


@pytest.mark.unit
@pytest.mark.parametrize(("cron", "times"), [("0 * * * *", 2400), ("30 4 * * *", 100)])
def test_everything_due_in_a_hundred_days_is_found(cron: str, times: int) -> None:
    """Prefect gives a limited number at a time, and an hourly schedule has more."""
    schedule = Schedule(cron=cron, timezone="Europe/Paris")
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    found = due([schedule, schedule], start, start + dt.timedelta(days=100))
    assert len(found) == times and found == sorted(set(found))
    assert found[0] > start and found[-1] <= start + dt.timedelta(days=100)


@pytest.fixture
def deployment(prefect_api: str) -> Iterator[tuple[Any, UUID]]:
    """A client, and a deployment that is due at 4:10 every morning in Paris."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    @flow(name=f"nightly-{uuid4()}")
    def nightly() -> None:
        pass

    with get_client(sync_client=True) as client:
        cron = CronSchedule(cron="10 4 * * *", timezone="Europe/Paris")
        found = client.create_deployment(
            flow_id=client.create_flow(nightly),
            name="central-europe",
            schedules=[DeploymentScheduleCreate(schedule=cron, active=True)],
            entrypoint="own.flows.nightly",
        )
        yield client, found
        client.delete_deployment(found)


def put(client: Any, deployment: UUID, time: dt.datetime, *, ran: bool) -> UUID:
    """A run as a schedule makes it: late, or done."""
    from prefect.states import Completed, Scheduled

    state = Scheduled(scheduled_time=time)
    run = client.create_flow_run_from_deployment(deployment, state=state, tags=[TAG])
    if ran:
        client.set_flow_run_state(run.id, Completed(), force=True)
    return UUID(str(run.id))


def states(client: Any, deployment: UUID) -> dict[dt.datetime, list[str]]:
    """Time → the types of state of the runs that are about it, before ``NOW``."""
    from prefect.client.schemas.filters import DeploymentFilter

    only = DeploymentFilter.model_validate({"id": {"any_": [deployment]}})
    found: dict[dt.datetime, list[str]] = {}
    for run in client.read_flow_runs(deployment_filter=only):
        if run.expected_start_time <= NOW:
            found.setdefault(run.expected_start_time, []).append(run.state.type.value)
    return dict(sorted(found.items()))


WAITS, DONE, OUT = ["SCHEDULED"], ["COMPLETED"], ["CANCELLED"]


@pytest.mark.platform
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("latest", [DONE, OUT, None, None, None, WAITS]),
        ("all", [DONE, WAITS, WAITS, WAITS, WAITS, WAITS]),
        ("none", [DONE, OUT, None, None, None, None]),
    ],
)
def test_missed_nights_are_settled_as_the_setting_says_and_twice_is_once(
    deployment: tuple[Any, UUID], policy: CatchUp, expected: list[list[str] | None]
) -> None:
    client, nightly = deployment
    put(client, nightly, NIGHTS[0], ran=True)
    put(client, nightly, NIGHTS[1], ran=False)
    for _ in range(2):
        catch_up(client, DECLARED, policy, NOW)
        found = states(client, nightly)
        assert [found.get(night) for night in NIGHTS] == expected
        assert len(found) == sum(one is not None for one in expected)


@pytest.mark.platform
def test_what_was_due_a_moment_ago_and_what_never_ran_is_left_alone(
    deployment: tuple[Any, UUID],
) -> None:
    client, nightly = deployment
    assert catch_up(client, DECLARED, "latest", NOW) == []
    put(client, nightly, NIGHTS[4], ran=True)
    put(client, nightly, NIGHTS[5], ran=False)
    catch_up(client, DECLARED, "none", NIGHTS[5] + SHORT / 2)
    catch_up(client, DECLARED, "latest", NOW)
    assert states(client, nightly) == {NIGHTS[4]: DONE, NIGHTS[5]: WAITS}


@pytest.mark.platform
def test_what_people_start_by_hand_does_not_stand_for_a_night(deployment: tuple[Any, UUID]) -> None:
    from prefect.states import Completed, Scheduled

    client, nightly = deployment
    put(client, nightly, NIGHTS[3], ran=True)
    by_hand = client.create_flow_run_from_deployment(
        nightly, state=Scheduled(scheduled_time=NOW - dt.timedelta(hours=1))
    )
    client.set_flow_run_state(by_hand.id, Completed(), force=True)
    catch_up(client, DECLARED, "latest", NOW)
    assert states(client, nightly)[NIGHTS[5]] == WAITS


@pytest.mark.platform
def test_a_newer_night_that_ran_makes_an_older_late_one_pointless(
    deployment: tuple[Any, UUID],
) -> None:
    client, nightly = deployment
    put(client, nightly, NIGHTS[4], ran=False)
    put(client, nightly, NIGHTS[5], ran=True)
    catch_up(client, DECLARED, "latest", NOW)
    assert states(client, nightly) == {NIGHTS[4]: OUT, NIGHTS[5]: DONE}


@pytest.mark.platform
def test_a_night_that_waits_for_its_next_attempt_is_not_missed(
    deployment: tuple[Any, UUID],
) -> None:
    from prefect.states import AwaitingRetry, Running

    client, nightly = deployment
    run = put(client, nightly, NIGHTS[4], ran=False)
    client.set_flow_run_state(run, Running(), force=True)
    client.set_flow_run_state(run, AwaitingRetry(scheduled_time=NOW), force=True)
    catch_up(client, DECLARED, "latest", NOW)
    assert states(client, nightly) == {NIGHTS[4]: WAITS, NIGHTS[5]: WAITS}


@pytest.mark.platform
def test_what_others_deploy_to_the_same_server_is_left_alone(
    deployment: tuple[Any, UUID],
) -> None:
    client, nightly = deployment
    put(client, nightly, NIGHTS[0], ran=True)
    put(client, nightly, NIGHTS[1], ran=False)
    others = DECLARED[0].model_copy(update={"entrypoint": "restock.flows.retrain.retrain"})
    assert catch_up(client, [others], "none", NOW) == []
    assert states(client, nightly) == {NIGHTS[0]: DONE, NIGHTS[1]: WAITS}
