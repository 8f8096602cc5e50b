"""When markets are retrained next, as far as the Prefect server says."""

import datetime as dt
import logging
from collections.abc import Iterable

from restock.infra.markets import Markets

MOST_RUNS = 200  # of a server: its schedules reach three days ahead

logger = logging.getLogger(__name__)


def next_nights(declared: Markets, markets: Iterable[str]) -> dict[str, dt.datetime]:
    """Market → the next scheduled start of its retraining (UTC); without the unscheduled ones.

    Empty when the server does not answer: a page without that is still a page.
    """
    try:
        starts = _scheduled()
    except Exception:
        logger.warning("the server did not say when markets are retrained next", exc_info=True)
        return {}
    found = {}
    for market in markets:
        group = declared.of(market).schedule_group
        due = [
            start
            for run_group, codes, start in starts
            if (market in codes if codes else run_group in (None, group))
        ]
        if due:
            found[market] = min(due)
    return found


def _scheduled() -> list[tuple[str | None, list[str], dt.datetime]]:
    """Group, markets and start of every run of the retraining that is to come."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowFilter,
        FlowFilterName,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    scheduled = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["retrain"])),
            flow_run_filter=FlowRunFilter(state=scheduled),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=MOST_RUNS,
        )
    return [
        (run.parameters.get("group"), run.parameters.get("markets") or [], run.expected_start_time)
        for run in runs
        if run.expected_start_time is not None
    ]
