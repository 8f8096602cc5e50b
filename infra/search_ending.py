"""The last step of a search: decide, write the plans, and put down what happened."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from restock.evaluation import Scorecard
from restock.infra.deciding import Cards
from restock.infra.markets import Markets
from restock.infra.plans import services, write_plan
from restock.infra.search_decision import Ruling, decide_plans
from restock.infra.search_result import MarketResult, SearchResult
from restock.infra.search_store import Finished, SearchRun
from restock.infra.search_summary import summarise
from restock.infra.store import Store
from restock.tuning.search import Search
from restock.tuning.setting import Kept
from restock.tuning.trials import ALL, Outcome

logger = logging.getLogger(__name__)


def conclude(
    store: Store,
    run: SearchRun,
    search: Search,
    batches: Sequence[Finished],
    load: Callable[[str], Kept],
    markets: Markets,
    *,
    seconds: float,
) -> SearchResult:
    """Let the gate decide, write the plan of every market, and return the record of it all.

    batches: the journal, in the order in which they ended. load: what was kept of an outcome, by
    its key. seconds: wall time so far. A market whose plan cannot be written fails alone. Doing
    it again for the same search changes no plan.
    """
    if search.choices is None:
        raise ValueError(f"search {run.token} has not chosen yet: it is in phase {search.phase}")
    judged, skipped, late = judged_later(search.reported, run.brief.sizes, load)
    nominees = {market: choice.candidate for market, choice in search.choices.markets.items()}
    known = services(store, run.brief.sizes)
    rulings = decide_plans(nominees, judged, skipped, known, markets, late)
    result = summarise(run, search, batches, judged, rulings, markets, seconds=seconds)
    written = (_written(store, one, rulings[one.market], result) for one in result.markets)
    return result.model_copy(update={"markets": tuple(written)})


def judged_later(
    reported: Iterable[Outcome], markets: Iterable[str], load: Callable[[str], Kept]
) -> tuple[Cards, dict[str, dict[str, str]], set[tuple[str, str]]]:
    """Scorecards on the report windows by market and candidate, oldest first; and, by the same,
    what failed, and what was not judged on all of them for any reason.

    A candidate that failed on one of the windows, or came too late for it, is not judged at all.
    Markets where nobody can be judged have no scorecards: they follow the others.
    """
    found: dict[str, dict[str, dict[str, Scorecard]]] = defaultdict(lambda: defaultdict(dict))
    skipped: dict[str, dict[str, str]] = defaultdict(dict)
    late: set[tuple[str, str]] = set()
    silent: set[str] = set()
    for outcome in reported:
        where, key = outcome.trial.study.where, outcome.trial.candidate.key
        if outcome.nobody:
            silent.add(where)
            continue
        for market in (markets if where == ALL else [where]) if outcome.failure else ():
            late.add((market, key))
            if outcome.failure != "skipped":
                skipped[market][key] = outcome.reason
        if outcome.kept:
            for one in load(outcome.kept).judgements:
                for name, card in one.scorecards.items():
                    found[one.market][name][card.fold_hash] = card
    cards: Cards = {
        market: {
            key: sorted(by_fold.values(), key=lambda card: card.cutoff)
            for key, by_fold in by_key.items()
            if (market, key) not in late
        }
        for market, by_key in found.items()
        if market not in silent
    }
    return cards, dict(skipped), late


def _written(
    store: Store, outcome: MarketResult, ruling: Ruling, result: SearchResult
) -> MarketResult:
    if ruling.state == "failed":
        return outcome
    try:
        written = write_plan(store, ruling.record(result.as_of, result.token))
    except Exception as error:
        logger.exception("the plan of %s could not be written", outcome.market)
        why = f"its plan could not be written: {type(error).__name__}: {error}"
        return outcome.model_copy(update={"state": "failed", "why": why})
    if written.search == result.token:
        return outcome
    why = f"{outcome.why}; what search {written.search} decided on evidence stays"
    return outcome.model_copy(update={"why": why})
