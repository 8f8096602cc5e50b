"""``restock submit databricks``: a command on the driver of a Databricks cluster."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from restock.cli.elsewhere import COMMANDS, check
from restock.cli.output import JSON, bad_input, console, errors, print_json

if TYPE_CHECKING:
    from restock.infra.cloud_jobs import JobService, JobState

LOOK_SECONDS = (1.0, 15.0)  # first, and when it takes long

# what follows the command is the command's own, options included
PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def databricks(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMAND [OPTIONS]", help=f"One of {', '.join(COMMANDS)}, and its options."
        ),
    ],
    nodes: Annotated[
        int, typer.Option(min=1, help="Machines of the cluster; the command runs on the first.")
    ] = 1,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the end.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Run a command on Databricks and follow it to its end.

    Options of this command come first: restock submit databricks --detach retrain --markets FR.
    The cluster is declared by the settings databricks.image, node_type, cluster and others, and
    is told the settings of this machine; secrets come from a secret scope.
    """
    from restock.infra.cloud_jobs import JobSpec
    from restock.infra.databricks.jobs import databricks_jobs
    from restock.infra.job_environment import job_environment
    from restock.infra.settings import load_settings

    check(command)
    with bad_input(ValueError, ImportError):
        settings = load_settings()
        spec = JobSpec(
            f"restock-{command[0]}", ["restock", *command], job_environment(settings), nodes
        )
        service = databricks_jobs(settings)
        job = service.start(spec)
    # at once: whatever ends this command, the run goes on, and is found by its number
    (errors if as_json else console).print(f"run {job} of {spec.name}")
    state = service.state(job)
    if not as_json:
        console.print(state.url, soft_wrap=True)
    if not detach:
        state = follow(service, job, as_json)
    if as_json:
        print_json({"run": job, **state._asdict()})
    raise typer.Exit(0 if detach or state.phase == "succeeded" else 1)


def follow(service: "JobService", job: str, quiet: bool) -> "JobState":
    """Say how far the job is until it has ended, then what it wrote; where it stands then."""
    began, pause = time.monotonic(), LOOK_SECONDS[0]
    seen = None
    try:
        while not (state := service.state(job)).phase.ended:
            if state.phase != seen and not quiet:
                console.print(f"{state.phase}", highlight=False)
            seen = state.phase
            time.sleep(pause)
            pause = min(pause * 1.2, LOOK_SECONDS[1])
    except (KeyboardInterrupt, OSError):
        if not quiet:
            console.print(f"The run goes on; databricks jobs cancel-run {job} ends it.")
        raise
    if not quiet:
        console.print(service.log(job, 0), markup=False, highlight=False, soft_wrap=True)
        seconds = time.monotonic() - began
        console.print(f"{state.phase} after {seconds:.0f} s", highlight=False)
        if state.reason:
            errors.print(state.reason.splitlines()[0], markup=False, soft_wrap=True)
    return state
