"""The routes: what is asked, what is answered, and what is written down before that."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from difflib import get_close_matches
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from restock.serving.answers import (
    Alive,
    Ask,
    CustomerList,
    Health,
    MarketState,
    Problem,
    Status,
)
from restock.serving.journal import Journal
from restock.serving.lists import Lists
from restock.serving.metrics import CONTENT_TYPE, Measured, Metrics
from restock.serving.shelf import Shelf

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
CUSTOMER_PATTERN = "^[^\\x00-\\x1f\\x7f\ufffd]*[^\\x00-\\x1f\\x7f\ufffd/]$"
"""No control characters, nothing that was no UTF-8, no slash at the end: an id that is nobody's
would be logged as a customer."""
LIST = "/markets/{market}/customers/{customer:path}"
_NOT_CACHED = {"Cache-Control": "no-store"}  # a list that a cache answers would not be logged
_ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "Nothing is published in this market."},
    409: {"model": Problem, "description": "The published lists are shorter than `k`."},
    422: {"model": Problem, "description": "The request is wrong; the text says how."},
    503: {"model": Problem, "description": "Not yet, or not now: see /health."},
}

logger = logging.getLogger(__name__)


def create_app(shelf: Shelf, journal: Journal, lifespan: Lifespan | None = None) -> FastAPI:
    """The service over what a shelf holds; what it shows goes to the journal first."""
    metrics = Metrics(shelf)
    app = FastAPI(
        title="restock",
        summary="What to offer each customer next: the current publications, read-only.",
        version="1",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_middleware(Measured, metrics=metrics)
    app.add_exception_handler(RequestValidationError, _wrong)
    app.add_exception_handler(AnyHTTPException, _refused)

    @app.get(LIST, response_model=CustomerList, responses=_ERRORS, operation_id="customer_list")
    async def customer_list(
        market: Annotated[str, Path(description="Code of the market, as in FR.")],
        customer: Annotated[
            str,
            Path(
                description="Id of the customer, as in the orders.",
                max_length=200,
                pattern=CUSTOMER_PATTERN,
            ),
        ],
        ask: Annotated[Ask, Query()],
    ) -> Response:
        """What a customer is offered; one who is not known gets what is popular in the market.

        Unless `log=false`, the list counts as shown: it is written to the exposures.
        """
        lists = _lists(shelf, market)
        about = lists.about
        if ask.k is not None and ask.k > about.k:
            raise HTTPException(409, f"k is {ask.k}, but {market} publishes lists of {about.k}")
        answer = lists.answer(customer, ask.k or about.k)
        if ask.log and answer.shown:
            try:
                journal.write(market, lists.zone, customer, about.policy, answer.items)
            except OSError as error:
                logger.error("exposures cannot be written down: %s", error)
                raise HTTPException(
                    503, "what is shown cannot be written down on the server; see its log"
                ) from error
            metrics.exposures.labels(market).inc()
        metrics.lists.labels(market, str(answer.fallback).lower()).inc()
        return Response(answer.body, media_type="application/json", headers=_NOT_CACHED)

    @app.get("/markets", operation_id="markets")
    async def markets() -> list[MarketState]:
        """What is served, market by market."""
        return _states(shelf)

    @app.head("/health", include_in_schema=False)  # load balancers ask like this
    @app.get(
        "/health",
        responses={503: {"model": Health, "description": "It has nothing to answer with yet."}},
        operation_id="health",
    )
    async def health(response: Response) -> Health:
        """Readiness: whether lists can be answered, of which publications, and what is wrong."""
        found = _health(shelf)
        response.status_code = 503 if found.status in ("starting", "empty") else 200
        return found

    @app.head("/health/live", include_in_schema=False)
    @app.get("/health/live", operation_id="alive")
    async def alive() -> Alive:
        """Liveness: the process answers."""
        return Alive()

    @app.get("/metrics", response_class=Response, operation_id="metrics")
    async def prometheus() -> Response:
        """Counters and times for Prometheus."""
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    return app


def _lists(shelf: Shelf, market: str) -> Lists:
    """What is served in a market now. HTTPException says why nothing is."""
    lists = shelf.lists.get(market)
    if lists is not None:
        return lists
    if not shelf.looked:
        raise HTTPException(503, "the publications are being read: ask again in some seconds")
    there = ", ".join(shelf.lists) or "no market yet"
    raise HTTPException(404, f"nothing is published in {market!r} here; served is {there}")


def _states(shelf: Shelf) -> list[MarketState]:
    now = time.time()
    return [
        MarketState(
            **lists.about.model_dump(
                include={"market", "token", "as_of", "plan", "k", "customers", "published"}
            ),
            age_seconds=round(now - lists.about.published.timestamp(), 1),
        )
        for lists in shelf.lists.values()
    ]


def _health(shelf: Shelf) -> Health:
    ago = shelf.looked_seconds_ago
    status: Status = "empty" if shelf.looked else "starting"
    if shelf.lists:
        status = "degraded" if shelf.problems else "ready"
    problems = shelf.problems
    if status == "empty" and not problems:
        problems = {"store": "nothing is published in it yet: run restock retrain"}
    return Health(
        status=status,
        markets=_states(shelf),
        problems=problems,
        looked_seconds_ago=None if ago is None else round(ago, 1),
        exposures_waiting=shelf.waiting,
    )


async def _wrong(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": "; ".join(map(_sentence, error.errors()))}, 422)


def _sentence(fault: dict[str, Any]) -> str:
    name = str(fault["loc"][-1])
    if fault["type"] == "extra_forbidden":
        known = list(Ask.model_fields)
        near = get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        return f"unknown parameter {name}; {hint}"
    if fault["type"] == "string_pattern_mismatch":
        return f"{name} holds a control character, is not UTF-8, or ends with a slash"
    said = repr(fault["input"])
    return f"{name} is {said if len(said) <= 50 else said[:50] + '…'}: {fault['msg']}"


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AnyHTTPException)
    detail = error.detail
    if error.status_code == 404 and detail == "Not Found":
        detail = f"there is no {request.url.path}; see /openapi.json"
    if error.status_code == 405:
        detail = f"{request.method} is not allowed here: all is read, by GET"
    return JSONResponse({"detail": detail}, error.status_code, headers=error.headers)
