"""All that a real server has is found, however many pages it takes."""

from uuid import UUID, uuid4

import pytest

from restock.infra import deploy, prefect_client
from restock.infra.deployments import Deployment, PrefectFile, Schedule, WorkPool
from restock.infra.prefect_client import connected, deployments, pages

CRON, ZONE = "0 0 1 1 *", "Europe/Paris"


@pytest.mark.unit
@pytest.mark.parametrize("size", [0, 1, prefect_client.PAGE, 2 * prefect_client.PAGE + 1])
def test_every_page_is_read(size: int) -> None:
    def read(limit: int, offset: int) -> list[int]:
        return list(range(size))[offset : offset + min(limit, prefect_client.PAGE)]

    assert list(pages(read)) == list(range(size))


@pytest.mark.platform
def test_a_run_is_found_among_the_many_of_others(
    prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server gives two things at a time here; there are more of each, and ours are last."""
    from prefect import flow
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.states import Scheduled

    @flow(name=f"yearly-{uuid4()}")
    def yearly() -> None:
        pass

    monkeypatch.setattr(prefect_client, "PAGE", 2)
    monkeypatch.setattr(deploy, "SCHEDULED_SECONDS", 0.0)
    schedule = DeploymentScheduleCreate(
        schedule=CronSchedule(cron=CRON, timezone=ZONE), active=True
    )
    made: list[UUID] = []
    with connected(prefect_api) as client:
        try:
            id = client.create_flow(yearly)
            for name in ("zz-others", "zz-others-too", "zz-ours"):
                made += [client.create_deployment(id, name, schedules=[schedule])]
            for deployment in [made[0]] * 3 + [made[2]]:
                client.create_flow_run_from_deployment(deployment, state=Scheduled())
            assert {f"{yearly.name}/zz-others", f"{yearly.name}/zz-ours"} <= deployments(
                client
            ).keys()
            ours = Deployment(
                name="zz-ours",
                description="",
                entrypoint="own.flows.yearly",
                work_pool=WorkPool(name="restock"),
                schedules=(Schedule(cron=CRON, timezone=ZONE),),
            )
            declared = PrefectFile(name="own", build=(), push=(), pull=(), deployments=(ours,))
            assert deploy._wait_for_runs(client, declared) == [f"{yearly.name}/zz-ours"]
        finally:
            for one in made:
                client.delete_deployment(one)
