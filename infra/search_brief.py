"""From orders and wishes to the brief of a search."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from restock.infra.feed import Feed
from restock.infra.ingestion import Ingested
from restock.infra.markets import Markets, load_markets
from restock.infra.placement import Offers, Resource, place
from restock.infra.plans import Services, services
from restock.infra.programme import fold_plan
from restock.infra.runners import OWN_RUNNERS
from restock.infra.search_store import SearchRun, get_warm
from restock.infra.settings import Settings
from restock.infra.store import Store
from restock.models import Candidate
from restock.models.registry import available
from restock.tuning.brief import Brief
from restock.tuning.costs import Size
from restock.tuning.policy import SearchPolicy
from restock.tuning.search import Search
from restock.tuning.setting import Setting
from restock.tuning.trials import ALL

FAMILIES = (
    "rerank",
    "gru",
    "wide_deep",
    "blend",
    "reorder",
    "tifu_knn",
    "ease",
    "up_cf",
    "item_knn",
    "sar",
    "als",
    "popular",
)
"""What is searched unless somebody says otherwise, the best of docs/quality.md first: fewer
trials than families are for the first ones. ``lstm`` is ``gru`` with another cell, and
``market_prior`` is a scope of every family here."""
WARM = 3
"""Candidates of each place that the next search tries first."""


class Wishes(BaseModel):
    """What somebody asks of a search. None: the usual families; placements: family → resource."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    families: tuple[str, ...] | None = None
    placements: dict[str, Resource] = {}
    seconds: float | None = None
    trials: int | None = None
    seed: int = 0


def _not_installed(families: Iterable[str]) -> dict[str, str]:
    """Families that cannot run with what is installed here → what to do."""
    states = available()
    return {name: states[name] for name in families if states.get(name, "ready") != "ready"}


def plan(
    settings: Settings,
    store: Store,
    token: str,
    feed: Feed,
    offers: Offers,
    wishes: Wishes,
) -> SearchRun:
    """A search that is ready to start: what is searched, and where every family runs.

    ValueError for a family, a market, a placement or a budget that cannot be.
    """
    placements = place(wishes.families or FAMILIES, wishes.placements, offers)
    if settings.runner in OWN_RUNNERS:
        placements = placements.without(_not_installed(placements.where))
    families = list(placements.where)
    if wishes.trials is not None:
        why = f"{wishes.trials} trials are fewer than the {len(families)} families: ask for more"
        placements = placements.without(dict.fromkeys(families[wishes.trials :], why))
    markets = feed.ingested.these(feed.wanted)
    brief = make_brief(
        feed.ingested,
        load_markets(settings),
        services(store, feed.ingested.these(None)),
        markets,
        tuple(placements.where),
        warm=get_warm(store, (ALL, *markets)),
        seed=wishes.seed,
        cores=offers.slots.get("CPU", 1),
        trials=wishes.trials,
        seconds=wishes.seconds,
    )
    return SearchRun(token=token, ingested=feed.ingested, brief=brief, placements=placements)


def make_brief(
    ingested: Ingested,
    declared: Markets,
    known: Services,
    markets: Sequence[str],
    families: Sequence[str],
    *,
    warm: Mapping[str, tuple[Candidate, ...]],
    seed: int,
    cores: int,
    trials: int | None = None,
    seconds: float | None = None,
    policy: SearchPolicy | None = None,
) -> Brief:
    """What the search sets out to do.

    markets: those that get a plan; all markets with orders teach what is pooled. known: the
    plans in service; markets whose record cannot be read start from the first plan. warm: what
    the last search found best, by place. cores: that a budget of seconds is spent on.
    """
    policy = policy or SearchPolicy()
    there = ingested.these(None)
    windows = policy.selection_windows + policy.report_windows
    setting = Setting(
        fold_plans={
            code: fold_plan(declared, code).model_copy(update={"windows": windows})
            for code in there
        },
        objectives={code: declared.of(code).objective for code in there},
        rates={code: declared.of(code).rate for code in there},
        policy=policy,
        seed=seed,
    )
    return Brief(
        markets=tuple(markets),
        sizes={
            code: Size.model_validate(ingested.markets[code].model_dump(exclude={"orders"}))
            for code in there
        },
        families=tuple(families),
        setting=setting,
        service={code: known.plans[code].plan for code in there},
        warm=dict(warm),
        trials=trials,
        seconds=seconds,
        cores=cores,
    )


def warm(search: Search) -> dict[str, tuple[Candidate, ...]]:
    """What a search found best in each place, for the next one to start from."""
    best: dict[str, list[tuple[float, str, Candidate]]] = {}
    for one in search.outcomes:
        top = one.rung == len(search.brief.setting.policy.rungs) - 1
        if top and one.lift is not None:
            found = (-one.lift.value, one.trial.key, one.trial.candidate)
            best.setdefault(one.trial.study.where, []).append(found)
    return {
        where: tuple(candidate for _, _, candidate in sorted(found, key=_order)[:WARM])
        for where, found in best.items()
    }


def _order(found: tuple[float, str, Candidate]) -> tuple[float, str]:
    return found[:2]
