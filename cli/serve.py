"""``restock serve``: the current publications over HTTP."""

from typing import Annotated

import typer

from restock.cli import options
from restock.cli.output import JSON, bad_input, console


def serve(
    markets: Annotated[
        str | None,
        typer.Option(help="Markets to serve, as in FR,DE. Default: all that are published."),
    ] = None,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on. There is no password: see docs/serving.md."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Answer what each customer is offered in the current publications, over HTTP.

    \b
    curl 'http://127.0.0.1:8000/markets/FR/customers/12583?k=3'
    curl http://127.0.0.1:8000/health

    What a night publishes, or a rollback brings back, is served some seconds later. Lists that
    were answered are logged as shown, with propensities: restock ope reads them from the store.
    Until Ctrl-C or SIGTERM: then answers under way are finished, and the log is sent.
    """
    import json

    from restock.serving.companion import CannotServe
    from restock.serving.messages import Started
    from restock.serving.server import serve

    def say(address: str, started: Started) -> None:
        if as_json:
            typer.echo(json.dumps({"address": address, **started.model_dump(exclude={"kind"})}))
            return
        console.print(f"Serving {started.store} at {address} (Ctrl-C ends it)", soft_wrap=True)
        console.print(f"Try {address}/health and {address}/markets", soft_wrap=True)

    with bad_input(CannotServe):
        serve(host, port, options.words(markets) or [], say)
