"""A client of a Prefect server that answers, and all that the server has of something."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

PAGE = 200
"""The most that a server gives at a time."""


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A client of the server that prefect is set to, here named ``url``; closed at the end.

    ConnectionError when nobody answers there.
    """
    from httpx import TransportError
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        try:
            client.hello()
        except TransportError as error:
            raise ConnectionError(f"the Prefect server {url} does not answer: {error}") from None
        yield client


def pages(read: Callable[..., list[Any]], **wanted: Any) -> Iterator[Any]:
    """All that the server has of something: it gives a page at a time."""
    for offset in count(0, PAGE):
        page = read(**wanted, limit=PAGE, offset=offset)
        yield from page
        if len(page) < PAGE:
            return


def deployments(client: Any) -> dict[str, Any]:
    """``FLOW/NAME`` → every deployment of the server."""
    return {
        f"{client.read_flow(one.flow_id).name}/{one.name}": one
        for one in pages(client.read_deployments)
    }
