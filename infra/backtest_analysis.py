"""From the scorecards of a backtest to its record: market by market, and all together."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from restock.evaluation import metrics as m
from restock.evaluation.backtest.grid import FRESH, FitUnit
from restock.evaluation.backtest.ranks import mean_ranks
from restock.evaluation.backtest.running import AgedJudgement
from restock.evaluation.backtest.significance import all_pairs
from restock.evaluation.backtest.stability import list_stability, stability
from restock.evaluation.backtest.staleness import staleness
from restock.evaluation.estimates import Mean, mean_over_folds
from restock.evaluation.objective import Objective
from restock.evaluation.scorecard import Scorecard
from restock.infra.backtest_money import what_if
from restock.infra.backtest_result import (
    Aged,
    BacktestResult,
    Contender,
    CriticalDifference,
    MarketBacktest,
    Pair,
    WindowResult,
)
from restock.infra.backtest_run import BacktestRun
from restock.infra.markets import Markets
from restock.infra.night import Estimate

SHOWN = ("ndcg", "recall", "hit_rate", "revenue_share", "revenue_capture", "novelty")
"""Accuracy, then money, then what the lists are like."""
LEADING = "ndcg"
ALL = "all"
ENOUGH_CUSTOMERS = 20
"""Markets with fewer judged ones are not ranked: their ranks are mostly chance, which makes no
difference look real that is not, but hides real ones."""

ByKey = dict[str, list[Scorecard]]


class Cards(NamedTuple):
    """Market → key → scorecards, oldest window first; of older models by age; and what failed.

    skipped: market → key → why, where a model was not judged on some fold.
    """

    fresh: dict[str, ByKey]
    aged: dict[int, dict[str, ByKey]]
    skipped: dict[str, dict[str, str]]


def sort_cards(found: Iterable[AgedJudgement]) -> Cards:
    """Scorecards by market, model and age.

    A model that was not judged on some fold at its cut-off is skipped in that market: the
    others must not be compared with it on the rest.
    """
    by_age: dict[int, dict[str, ByKey]] = defaultdict(lambda: defaultdict(dict))
    skipped: dict[str, dict[str, str]] = defaultdict(dict)
    for age, judged in sorted(found, key=lambda one: (one.judgement.market, one.judgement.cutoff)):
        for key, card in judged.scorecards.items():
            by_age[age][judged.market].setdefault(key, []).append(card)
        if age == FRESH:
            skipped[judged.market] |= judged.skipped
    fresh = {
        market: {key: cards for key, cards in by_key.items() if key not in skipped[market]}
        for market, by_key in by_age.pop(FRESH, {}).items()
    }
    return Cards(fresh, dict(by_age), dict(skipped))


def conclude(
    run: BacktestRun,
    found: Iterable[AgedJudgement],
    failures: Sequence[tuple[FitUnit, str]],
    declared: Markets,
) -> BacktestResult:
    """The record of a backtest, without its times and the address of its page."""
    cards = sort_cards(found)
    failed = {market: why for unit, why in failures for market in unit.markets}
    labels = {one.key: one for one in run.candidates}
    markets = tuple(
        _market(run, market, cards, declared) for market in run.markets if market not in failed
    )
    alike, k = _alike(run, [market for market in cards.fresh if market not in failed])
    pooled = _pooled(run, cards, alike, k, declared)
    plans = [run.grid.fold_plans[market] for market in alike or run.markets]
    return BacktestResult(
        token=run.token,
        as_of=run.grid.as_of,
        snapshot=run.ingested.snapshot.hash,
        windows=tuple(sorted({card.cutoff for card in _all_cards(cards.fresh)})),
        horizon_days=plans[0].horizon_days,
        models=tuple(
            Contender(key=key, label=one.label, family=one.name, scope=one.scope)
            for key, one in labels.items()
        ),
        metrics=_names(k),
        markets=markets,
        pooled=pooled,
        critical=_critical(run, cards, alike, k),
        what_if=what_if(run, {m: c for m, c in cards.fresh.items() if m not in failed}, declared),
        failed=failed,
        notes=_notes(run, cards, alike),
    )


def _market(run: BacktestRun, market: str, cards: Cards, declared: Markets) -> MarketBacktest:
    here = declared.of(market)
    by_key = _in_order(run, cards.fresh.get(market, {}))
    aged = {age: by_market.get(market, {}) for age, by_market in cards.aged.items()}
    ours = _sheet(by_key, aged, here.objective, here.k)
    service = run.service[market]
    return ours.model_copy(
        update={
            "market": market,
            "name": here.name,
            "in_service": service if service in by_key else "",
            "skipped": cards.skipped.get(market, {}),
            "note": "" if by_key else "Nobody bought again in these windows: nothing was judged.",
        }
    )


def _pooled(
    run: BacktestRun, cards: Cards, alike: Sequence[str], k: int, declared: Markets
) -> MarketBacktest:
    """All markets with windows and lists of one length, money in the reporting currency."""
    rates = {market: declared.of(market).rate for market in alike}
    everywhere = [key for key in run.models if all(key in cards.fresh[market] for market in alike)]
    by_key = {key: _joined(cards.fresh, alike, key, rates) for key in everywhere}
    aged = {
        age: {key: _joined(by_market, alike, key, rates) for key in everywhere}
        for age, by_market in cards.aged.items()
    }
    ours = _sheet(by_key, aged, Objective.at(k), k)
    return ours.model_copy(update={"market": ALL, "name": f"{len(alike)} markets together"})


def _sheet(
    by_key: ByKey,
    aged: Mapping[int, ByKey],
    objective: Objective,
    k: int,
) -> MarketBacktest:
    """What is said of a market, or of all: everything but its name."""
    return MarketBacktest(
        market="",
        name="",
        customers=_customers(by_key),
        means={key: _means(cards, k) for key, cards in by_key.items()},
        stability={key: _estimate(_stability(cards)) for key, cards in by_key.items()},
        windows=tuple(one for key, cards in by_key.items() for one in _windows(key, cards, k)),
        ages=tuple(_ages(by_key, aged, k)),
        pairs=tuple(
            Pair(one=p.one, other=p.other, lift=_estimate(p.lift), p_value=p.p_value)
            for p in all_pairs(by_key, objective)
        ),
    )


def _customers(by_key: Mapping[str, Sequence[Scorecard]]) -> int:
    """Distinct judged ones; every model has the same."""
    cards = next(iter(by_key.values()), [])
    return len({who for card in cards for who in card.customer[~card.cold].tolist()})


def _windows(key: str, cards: Sequence[Scorecard], k: int) -> Iterable[WindowResult]:
    before: list[Scorecard] = []
    for cutoff in sorted({card.cutoff for card in cards}):
        here = [card for card in cards if card.cutoff == cutoff]
        stays = _between(before, here) if before else None
        yield WindowResult(
            key=key,
            cutoff=cutoff,
            metrics=_means(here, k),
            stability=_estimate(stays) if stays else None,
        )
        before = here


def _ages(by_key: ByKey, aged: Mapping[int, ByKey], k: int) -> Iterable[Aged]:
    metric = m.metric_name(LEADING, k)
    for key, fresh in by_key.items():
        for age in sorted(aged):
            found = staleness(fresh, aged[age].get(key, []), metric)
            if found.windows:
                yield Aged(
                    key=key, age_days=age, ratio=_estimate(found.ratio), windows=found.windows
                )


def _stability(cards: Sequence[Scorecard]) -> Mean:
    return stability(_by_cutoff(cards))


def _between(before: Sequence[Scorecard], here: Sequence[Scorecard]) -> Mean:
    return list_stability(_by_cutoff(before)[0], _by_cutoff(here)[0])


def _by_cutoff(cards: Sequence[Scorecard]) -> list[Scorecard]:
    """One scorecard per cut-off: markets put together."""
    days = sorted({card.cutoff for card in cards})
    found = [[card for card in cards if card.cutoff == day] for day in days]
    return [here[0] if len(here) == 1 else Scorecard.concat(here) for here in found]


def _means(cards: Sequence[Scorecard], k: int) -> dict[str, Estimate]:
    return {name: _estimate(mean_over_folds(cards, name)) for name in _names(k)}


def _names(k: int) -> tuple[str, ...]:
    return tuple(m.metric_name(name, k) for name in SHOWN)


def _critical(
    run: BacktestRun, cards: Cards, alike: Sequence[str], k: int
) -> CriticalDifference | None:
    """Mean ranks over the markets with enough customers; None with fewer than two of them."""
    metric = m.metric_name(LEADING, k)
    values: dict[str, dict[str, float]] = {}
    for market in alike:
        by_key = cards.fresh[market]
        known = {key: by_key[key] for key in run.models if key in by_key}
        if len(known) == len(run.models) and _customers(known) >= ENOUGH_CUSTOMERS:
            values[market] = {key: mean_over_folds(c, metric).value for key, c in known.items()}
    if len(values) < 2:
        return None
    found = mean_ranks(values)
    return CriticalDifference(
        metric=metric,
        ranks=found.ranks,
        distance=found.distance,
        p_value=found.p_value,
        markets=tuple(values),
    )


def _alike(run: BacktestRun, judged: Sequence[str]) -> tuple[list[str], int]:
    """The markets whose windows and lists have the usual length, and that of the lists."""
    plans = run.grid.fold_plans
    shapes = Counter((plans[market].horizon_days, plans[market].k) for market in judged)
    if not shapes:
        return [], next(iter(plans.values())).k
    usual = max(shapes, key=lambda shape: (shapes[shape], shape))
    here = [market for market in judged if (plans[market].horizon_days, plans[market].k) == usual]
    return here, usual[1]


def _notes(run: BacktestRun, cards: Cards, alike: Sequence[str]) -> tuple[str, ...]:
    notes = []
    others = sorted(set(cards.fresh) - set(alike))
    if others:
        notes.append(
            f"{', '.join(others)}: windows or lists of another length, not among all markets."
        )
    if run.instead is not None and run.since is not None:
        days: set[dt.date] = {card.cutoff for card in _all_cards(cards.fresh)}
        if all(day < run.since for day in days):
            notes.append(f"No window begins on {run.since} or later: the what-if says nothing.")
    return tuple(notes)


def _joined(
    by_market: Mapping[str, ByKey], markets: Sequence[str], key: str, rates: Mapping[str, float]
) -> list[Scorecard]:
    return [
        card.in_currency(rates)
        for market in markets
        for card in by_market.get(market, {}).get(key, [])
    ]


def _in_order(run: BacktestRun, by_key: ByKey) -> ByKey:
    """As the run names them: no result depends on which unit came back first."""
    return {one.key: by_key[one.key] for one in run.candidates if one.key in by_key}


def _all_cards(by_market: Mapping[str, ByKey]) -> Iterable[Scorecard]:
    return (card for by_key in by_market.values() for cards in by_key.values() for card in cards)


def _estimate(mean: Mean) -> Estimate:
    """NaN-free."""
    value, low, high = (None if np.isnan(number) else float(number) for number in mean)
    return Estimate(value=value, low=low, high=high)
