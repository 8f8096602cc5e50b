"""What the service counts, in Prometheus' text format."""

import time
from collections.abc import Iterator
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from restock.serving.shelf import Shelf

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Counters of one server."""

    def __init__(self, shelf: Shelf) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each
        self._registry = CollectorRegistry()
        about: dict[str, Any] = {"namespace": "restock", "registry": self._registry}
        self.requests = Counter("requests", "Answered requests.", ["route", "status"], **about)
        self.seconds = Histogram(
            "request_seconds",
            "Time from the request to its answer.",
            ["route"],
            buckets=_SECONDS,
            **about,
        )
        self.lists = Counter("lists", "Lists answered.", ["market", "fallback"], **about)
        self.exposures = Counter(
            "exposures", "Lists written down as shown, on this machine.", ["market"], **about
        )
        self._registry.register(_State(shelf))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)


class _State(Collector):
    """What the shelf knows, read when somebody asks."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def collect(self) -> Iterator[Metric]:
        shelf, now = self._shelf, time.time()
        age = GaugeMetricFamily(
            "restock_publication_age_seconds",
            "Since the served publication became current.",
            labels=["market"],
        )
        customers = GaugeMetricFamily(
            "restock_publication_customers", "Customers with a list.", labels=["market"]
        )
        swaps = GaugeMetricFamily(
            "restock_publications_taken",
            "Publications taken into service since the start.",
            labels=["market"],
        )
        for market, lists in shelf.lists.items():
            age.add_metric([market], now - lists.about.published.timestamp())
            customers.add_metric([market], lists.about.customers)
            swaps.add_metric([market], shelf.swaps[market])
        yield from (age, customers, swaps)
        yield GaugeMetricFamily(
            "restock_problems", "See /health for what they are.", value=len(shelf.problems)
        )
        yield GaugeMetricFamily(
            "restock_exposures_sent", "Lists that the store has taken.", value=shelf.sent
        )
        yield GaugeMetricFamily(
            "restock_exposure_files_waiting",
            "Files of exposures that the store has not taken yet.",
            value=shelf.waiting,
        )


class Measured:
    """Counts and times every request by its route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application around another."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)
