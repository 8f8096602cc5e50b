"""The last step of a night: make what was staged current, market by market."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from restock.infra.champions import sync_champion
from restock.infra.deciding import Decided
from restock.infra.ingestion import Ingested
from restock.infra.night import MarketOutcome, Night, State
from restock.infra.programme import Programme
from restock.infra.publications import Superseded, clean_stale, make_current
from restock.infra.refitting import Staged
from restock.infra.store import Conflict, Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """What became of a market: its state, why, and the publication that is current now."""

    state: State
    reason: str
    token: str | None
    model: str | None = None


def publish_all(
    store: Store, programme: Programme, staged: Mapping[str, Staged]
) -> dict[str, Published]:
    """Swap the pointer of every market that has a staged publication. One fails alone."""
    published = {}
    for market, one in staged.items():
        before = programme.current[market]
        if one.manifest is None:
            state: State = "held" if one.held else "failed"
            published[market] = Published(state, one.error, before)
            continue
        try:
            published[market] = _publish(store, one, before)
        except Superseded as error:
            published[market] = Published("held", str(error), before)
        except Conflict as error:
            published[market] = Published("failed", f"another run was first: {error}", before)
        except Exception as error:
            logger.exception("%s could not be published", market)
            published[market] = Published("failed", f"{type(error).__name__}: {error}", before)
    return published


def _publish(store: Store, staged: Staged, before: str | None) -> Published:
    assert staged.manifest is not None
    manifest = staged.manifest
    make_current(store, manifest, replaces=before)
    sync_champion(store, manifest.market)
    clean_stale(store, manifest.market)
    if manifest.token == before:
        return Published("unchanged", "nothing new to publish", before, manifest.model)
    return Published("published", "", manifest.token, manifest.model)


def record(
    ingested: Ingested, programme: Programme, decided: Decided, published: Mapping[str, Published]
) -> Night:
    """The record of the night: every market that was to be published, with its outcome."""
    outcomes = []
    for market in programme.publish:
        size, choice = ingested.markets[market], decided.markets[market]
        became = published.get(market)
        if became is None:
            state: State = "failed" if choice.error else "held"
            became = Published(state, choice.error or choice.held, programme.current[market])
        outcomes.append(
            MarketOutcome(
                market=market,
                name=choice.name,
                state=became.state,
                reason=became.reason or choice.reason,
                verdict=choice.verdict,
                orders=size.orders,
                customers=size.customers,
                judged=choice.judged,
                champion=choice.champion,
                search=choice.search,
                replaced=choice.replaced and became.state == "published",
                basis=choice.basis,
                metrics=choice.metrics,
                leaderboard=choice.leaderboard,
                publication=became.token,
                model=became.model,
            )
        )
    return Night(
        as_of=programme.as_of,
        token=programme.token,
        snapshot=programme.snapshot.hash,
        orders_read=ingested.lines_read,
        orders_kept=ingested.lines_kept,
        set_aside=ingested.set_aside,
        markets=tuple(outcomes),
    )
