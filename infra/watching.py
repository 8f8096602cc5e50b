"""One market's whole check: its orders, its lists, their age, and what came of them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from restock.dataset import Interactions
from restock.infra import drift_page, realised_ledger
from restock.infra.evidently_report import evidently_report
from restock.infra.markets import Markets
from restock.infra.publications import current
from restock.infra.settings import Settings
from restock.infra.store import Store
from restock.infra.watch import MarketWatch
from restock.monitoring.data_drift import check_data
from restock.monitoring.findings import Check, Kind
from restock.monitoring.line_table import line_table
from restock.monitoring.lists import check_lists_over_time
from restock.monitoring.performance import check_performance
from restock.monitoring.policy import DriftPolicy
from restock.monitoring.staleness import check_staleness

# what a batch is packed by
SECONDS, SECONDS_PER_LINE = 0.2, 2e-6
SECONDS_WITH_PAGE = 3.0


@dataclass(frozen=True)
class Watching:
    """What all checks of a run share. everything: the pages of all markets, not of alarms."""

    store: Store
    interactions: Interactions
    quarantined: Mapping[str, pd.Series]
    markets: Markets
    policy: DriftPolicy
    settings: Settings
    everything: bool = False

    def run(self, market: str) -> MarketWatch:
        """Look at a market; write its page where it alarms, and keep how it stands."""
        as_of = self.interactions.as_of_date
        pointer = current(self.store, market)
        checks: dict[Kind, Check] = {"data": self._data(market, as_of)}
        if pointer is not None:
            checks |= self._lists(market, pointer.as_of)
        name = self.markets.of(market).name
        token = pointer.token if pointer else None
        watch = MarketWatch.of(market, name, as_of, checks, token)
        alarms = {found.kind for found in watch.findings if found.severity == "alarm"}
        if self.everything or alarms - {"staleness"}:  # which a page would not explain further
            shown = self.everything or "data" in alarms
            evidently = self._evidently(market, as_of) if shown else None
            watch = drift_page.keep(self.store, watch, evidently)
        drift_page.keep_state(self.store, watch)
        return watch

    def _data(self, market: str, as_of: dt.date) -> Check:
        return check_data(
            self.interactions,
            market,
            as_of=as_of,
            quarantined=self.quarantined.get(market),
            planned=self.markets.of(market).planned,
            policy=self.policy,
        )

    def _lists(self, market: str, published: dt.date) -> dict[Kind, Check]:
        as_of, k = self.interactions.as_of_date, self.markets.of(market).k
        ledger = realised_ledger.update(
            self.store, self.interactions, market, k, self.policy, self.settings
        )
        return {
            "prediction": check_lists_over_time(ledger.lists, market, as_of, self.policy),
            "staleness": check_staleness(published, market, as_of, self.policy),
            "performance": check_performance(ledger.days, market, as_of, self.policy),
        }

    def _evidently(self, market: str, as_of: dt.date) -> bytes | None:
        """Evidently's report of the last window against the one before it; None without lines."""
        here = self.interactions.of_market(market)
        window = dt.timedelta(days=max(self.policy.window_days))
        now = line_table(here, as_of - window, as_of)
        before = line_table(here, as_of - 2 * window, as_of - window)
        return None if now.empty or before.empty else evidently_report(before, now)
