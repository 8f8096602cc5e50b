"""Refitting the chosen plans on everything that is known, and staging their lists."""

import datetime as dt
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from restock.dataset import Interactions
from restock.dataset.catalogue import IntArray
from restock.dataset.eligibility import allowed_items
from restock.dataset.interactions import MINUTES_PER_DAY
from restock.evaluation import check_lists
from restock.evaluation.contest import FoldPlan
from restock.evaluation.folds import BoolArray, candidate_items
from restock.infra import logs
from restock.infra.model_store import put_model
from restock.infra.publication_table import UNKNOWN_CUSTOMER
from restock.infra.publications import current, read_current, read_manifest, stage
from restock.infra.records import About, Manifest, Plan
from restock.infra.snapshots import SnapshotRef
from restock.infra.store import Store
from restock.models import Candidate, FitContext, Recommendations, Recommender
from restock.models.popularity import Popularity

LISTS_VERSION = 1  # raise it when the same model would give other rows

logger = logging.getLogger(__name__)


class RefitUnit(BaseModel):
    """A plan and the markets that it serves; one market, unless the plan is pooled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidate: Candidate
    markets: tuple[str, ...]
    evidence: dict[str, str] = {}

    @property
    def title(self) -> str:
        """What it is about: a market's code, or the plan that markets share."""
        return self.candidate.name if self.candidate.pooled else self.markets[0]


class Staged(BaseModel):
    """What became of one market: a staged publication, or the reason why there is none.

    held: a check did not pass (not an error: the publication before stays on purpose).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    market: str
    manifest: Manifest | None = None
    error: str = ""
    held: bool = False


class Held(Exception):
    """The new lists did not pass their checks: what is published stays."""


@dataclass(frozen=True)
class Refitting:
    """What all refits of a night share."""

    store: Store
    snapshot: SnapshotRef
    interactions: Interactions
    plans: Mapping[str, FoldPlan]
    eligible: pd.DataFrame | None
    context: FitContext
    accept_changes: bool = False
    """Publish lists however much they changed since the last publication."""

    def run(self, unit: RefitUnit) -> list[Staged]:
        """Fit the unit's plan, store the model, and stage the lists of each of its markets.

        A market that fails says why, and the others go on.
        """
        candidate = unit.candidate
        everything = self.interactions
        train = everything if candidate.pooled else everything.of_market(unit.markets[0])
        model = candidate.create().fit(train, self.context)
        card = {
            "plan": Plan.of(candidate).model_dump(mode="json"),
            "snapshot": self.snapshot.hash,
            "as_of": self.interactions.as_of_date.isoformat(),
            "markets": list(unit.markets),
        }
        ref = put_model(self.store, model, card)
        return [self._stage_or_say_why(unit, market, model, ref.hash) for market in unit.markets]

    def _stage_or_say_why(
        self, unit: RefitUnit, market: str, model: Recommender[Any], model_hash: str
    ) -> Staged:
        try:
            with logs.about(market):
                manifest = self._stage(unit, market, model, model_hash)
            return Staged(market=market, manifest=manifest)
        except Held as held:
            return Staged(market=market, error=str(held), held=True)
        except Exception as error:
            logger.exception("%s: %s could not be staged", market, unit.candidate.label)
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            return Staged(market=market, error=f"{kind}{error}")

    def _stage(
        self, unit: RefitUnit, market: str, model: Recommender[Any], model_hash: str
    ) -> Manifest:
        there, plan = self.interactions.of_market(market), self.plans[market]
        allowed = self._allowed(there, market)
        content = content_name(there.as_of_date, model_hash, plan.k, allowed)
        now = current(self.store, market)
        if now is not None and now.as_of > there.as_of_date:
            raise Held(f"{now.token}, of the orders before {now.as_of}, is newer: it stays")
        if now is not None and now.token.startswith(content):
            same = read_manifest(self.store, market, now.token)
            if same is not None:
                return same
        lists = model.recommend(there.customers, plan.k, allowed=allowed)
        table = publication_table(there, lists, market, model.past.popularity, allowed)
        compare = now is not None and not self.accept_changes
        previous = read_current(self.store, market) if compare else None
        check = check_lists(table, there.customers.size + 1, previous)  # 1: the unknown customer
        if not check.ok:
            raise Held(f"{'; '.join(check.reasons)}; if that is right, run with --accept-changes")
        evidence = unit.evidence.get(market, "")
        about = About(
            as_of=there.as_of_date,
            k=plan.k,
            model=model_hash,
            plan=Plan.of(unit.candidate),
            snapshot=self.snapshot.hash,
            evidence=evidence,
        )
        token = f"{content}-{hashlib.sha256(evidence.encode()).hexdigest()[:6]}"
        return stage(self.store, market, token, table, about)

    def _allowed(self, interactions: Interactions, market: str) -> BoolArray:
        plan = self.plans[market]
        allowed = candidate_items(interactions, plan.min_item_orders, plan.item_window_days)
        if self.eligible is not None:
            allowed &= allowed_items(self.eligible, interactions.catalogue, market)
        if not allowed.any():
            raise ValueError(f"no item may be offered in market {market}")
        return allowed


def content_name(as_of: dt.date, model: str, k: int, allowed: BoolArray) -> str:
    """What a publication's token starts with: the same lists have the same."""
    about = f"{LISTS_VERSION}:{model}:{k}:".encode() + np.packbits(allowed).tobytes()
    return f"{as_of}-{hashlib.sha256(about).hexdigest()[:12]}"


def publication_table(
    interactions: Interactions,
    lists: Recommendations,
    market: str,
    popular: Popularity,
    allowed: BoolArray,
) -> pa.Table:
    """The rows of a market: every customer's list with reasons, and that of unknown customers."""
    catalogue = interactions.catalogue
    table = lists.frame(catalogue)
    rows, places = np.nonzero(lists.items >= 0)
    times, last = _purchases(interactions, lists.customers[rows], lists.items[rows, places])
    table["bought_before"] = times > 0
    dates = (last.astype("datetime64[D]")).astype(str)
    table["reason"] = np.select(
        [times > 0, table["fallback"].to_numpy()],
        [
            np.char.add(np.char.add(_ordered(times), ", last on "), dates),
            f"popular in {market}",
        ],
        "bought by shops with similar orders",
    )
    unknown = _for_unknown(interactions, market, popular, allowed, lists.k)
    return pa.Table.from_pandas(
        pd.concat([unknown, table.drop(columns="fallback")], ignore_index=True),
        preserve_index=False,
    )


def _ordered(times: IntArray) -> np.ndarray:
    once = np.where(times == 1, "ordered once", "ordered ")
    return np.where(times == 1, once, np.char.add(np.char.add(once, times.astype(str)), " times"))


def _purchases(
    interactions: Interactions, customers: IntArray, items: IntArray
) -> tuple[IntArray, IntArray]:
    """How often each customer ordered each item, and the day of the last time (since 1970)."""
    pairs, width = interactions.pairs, interactions.n_items
    key = pairs.customer.astype(np.int64) * width + pairs.item
    wanted = customers.astype(np.int64) * width + items
    at = np.minimum(np.searchsorted(key, wanted), key.size - 1)
    known = key[at] == wanted
    times = np.bincount(pairs.of_line, minlength=key.size)
    last = np.zeros(key.size, dtype=np.int64)
    last[pairs.of_line] = interactions.minute // MINUTES_PER_DAY  # lines are in order of time
    return np.where(known, times[at], 0), np.where(known, last[at], 0)


def _for_unknown(
    interactions: Interactions, market: str, popular: Popularity, allowed: BoolArray, k: int
) -> pd.DataFrame:
    """The list for a customer that the market does not know."""
    row = popular.row_of_market[interactions.catalogue.market_code(market)]
    order, share = popular.order[row], popular.share[row]
    keep = np.flatnonzero((order >= 0) & allowed[order])[:k]
    codes = pa.array(order[keep])
    return pd.DataFrame(
        {
            "market": market,
            "customer_id": UNKNOWN_CUSTOMER,
            "rank": np.arange(1, keep.size + 1, dtype=np.int32),
            "item_id": interactions.catalogue.items["id"].take(codes).to_pandas(),
            "item_name": interactions.catalogue.items["name"].take(codes).to_pandas(),
            "score": share[keep] - np.float32(1.0),
            "bought_before": False,
            "reason": f"popular in {market}",
        }
    )
