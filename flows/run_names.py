"""What runs are called, so that people find theirs."""

from collections.abc import Callable

from prefect.runtime import flow_run

from restock.infra.packing import title


def run_name(job: str) -> Callable[[], str]:
    """``drift FR DE +9 before 2011-12-10``, as far as the parameters of the run say."""

    def name() -> str:
        given = flow_run.parameters
        group = given.get("group") or "all markets"
        which = title(given["markets"]) if given.get("markets") else group
        day = given.get("as_of")
        before = f" before {day}" if day and day != "scheduled" else ""
        return f"{job} {which}{before}"

    return name
