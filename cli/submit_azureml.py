"""``restock submit azureml``: a flow as a job of Azure ML, by the work pool of that name."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from restock.cli import options
from restock.cli.output import BadUsage, bad_input, console, errors

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

POOL = "azureml"
APPLY = "python -m restock.infra.deploy --folder azureml --other-flows"
FLOWS = ("retrain", "search", "backtest")


def azureml(
    flow: Annotated[str, typer.Argument(help=f"The flow: {', '.join(FLOWS)}.")],
    orders: Annotated[
        str | None,
        typer.Option(help="Order lines: an address, or a path that the nodes can read."),
    ] = None,
    markets: Annotated[
        str | None, typer.Option(help="Only these markets, as in FR,DE. Default: all.")
    ] = None,
    as_of: options.AsOf = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter", "-p", help="Another one of the flow, as in budget_seconds=600 (JSON)."
        ),
    ] = None,
    compute: Annotated[
        str | None, typer.Option(help="A compute cluster. Default: the pool's.")
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(min=1, help="Machines. Default: the deployment's.")
    ] = None,
    job: Annotated[
        list[str] | None,
        typer.Option("--job", help='Another job variable, as in services=["ssh"] (JSON).'),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the end.")] = False,
) -> None:
    """Run a flow on Azure ML and follow it to its end.

    Its log is that of all nodes. Ctrl-C leaves it running and says how to cancel it. Exits 1 when
    the run does not complete.
    """
    from restock.infra.prefect_client import connected

    if flow not in FLOWS:
        raise BadUsage(f"{flow!r} is no flow that runs on Azure ML: use {', '.join(FLOWS)}")
    day = options.day(as_of)
    given = {
        "orders": orders,
        "markets": options.codes(markets),
        "as_of": day.isoformat() if day else None,
        **options.values("--parameter", parameter or ()),
    }
    wanted = {"compute": compute, "instance_count": nodes, **options.values("--job", job or ())}
    with connected(_server()) as client:
        run = _start(client, f"{flow}/{POOL}", _said(given), _said(wanted))
        _say_where(run)
        if detach:
            console.print(str(run.id))
            _aside(run)
            return
        try:
            _follow(client, run)
        except KeyboardInterrupt:
            _aside(run)
            raise typer.Exit(1) from None
        state = client.read_flow_run(run.id).state
    errors.print(
        f"{run.name}: {state.name}" + (f", {state.message}" if state.message else ""),
        soft_wrap=True,
    )
    raise typer.Exit(0 if state.is_completed() else 1)


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _server() -> str:
    """Address of the server that stands. BadUsage where there is none."""
    from restock.infra.prefect_env import configure
    from restock.infra.settings import SettingsError, load_settings

    with bad_input(SettingsError):
        url = configure(load_settings())
    if url is None:
        raise BadUsage(
            "there is no Prefect server: name one that the nodes reach in RESTOCK_PREFECT__API_URL"
        )
    return url


def _start(
    client: Any, deployment: str, parameters: dict[str, Any], wanted: dict[str, Any]
) -> "FlowRun":
    """BadUsage for a deployment, parameter or job variable that the server does not know."""
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

    from restock.infra.work_pools import check_variables

    try:
        found = client.read_deployment_by_name(deployment)
        pool = client.read_work_pool(found.work_pool_name)
    except ObjectNotFound:
        raise BadUsage(f"the server has no deployment {deployment}: {APPLY}") from None
    takes = found.parameter_openapi_schema["properties"]
    if unknown := parameters.keys() - takes.keys():
        raise BadUsage(f"{deployment} takes no {', '.join(unknown)}: it has {', '.join(takes)}")
    known = pool.base_job_template["variables"]["properties"]
    defaults = {name: about.get("default") for name, about in known.items()}
    with bad_input(ValueError):
        check_variables({**defaults, **found.job_variables, **wanted})
    if pool.status != "READY":
        errors.print(
            f"no worker polls the pool {pool.name} yet, so that the run waits for this: "
            + _prefect(f"worker start --pool {pool.name}"),
            highlight=False,
            soft_wrap=True,
        )
    try:
        run: FlowRun = client.create_flow_run_from_deployment(
            found.id, parameters={**found.parameters, **parameters}, job_variables=wanted
        )
    except PrefectHTTPStatusError as error:
        if error.response.status_code not in (400, 409, 422):
            raise
        raise BadUsage(f"{deployment}: {error.response.text}") from None
    return run


def _say_where(run: "FlowRun") -> None:
    from prefect.utilities.urls import url_for

    where = url_for("flow-run", obj_id=run.id)
    errors.print(f"{run.name}: {where}", highlight=False, soft_wrap=True)


def _follow(client: Any, run: "FlowRun") -> None:
    from restock.cli.logs import drawn
    from restock.infra.run_log import RunLog

    for line in RunLog(client, run).follow():
        console.print(drawn(line), soft_wrap=True, highlight=False)


def _aside(run: "FlowRun") -> None:
    cancel = _prefect(f"flow-run cancel {run.id}")
    errors.print(
        f"it runs on: restock logs {run.id} -f\nto cancel it: {cancel}",
        highlight=False,
        soft_wrap=True,
    )


def _prefect(command: str) -> str:
    """A command of Prefect's own, which does not know our settings."""
    from prefect.settings import PREFECT_API_URL

    return f"PREFECT_API_URL={PREFECT_API_URL.value()} prefect {command}"
