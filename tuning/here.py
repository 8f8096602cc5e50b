"""A whole search in this process: for a notebook, a script or a benchmark."""

from collections.abc import Sequence

import numpy as np

from restock.dataset import Interactions
from restock.evaluation import Objective
from restock.evaluation.contest import FoldPlan
from restock.models import FitContext
from restock.tuning.brief import Brief
from restock.tuning.costs import Size
from restock.tuning.ensemble import mix
from restock.tuning.policy import SearchPolicy
from restock.tuning.running import run
from restock.tuning.search import Search
from restock.tuning.setting import Kept, Setting
from restock.tuning.trials import Step, Trial


def brief_here(
    interactions: Interactions,
    families: Sequence[str],
    *,
    trials: int,
    policy: SearchPolicy | None = None,
    objective: Objective | None = None,
    horizon_days: int = 28,
    seed: int = 0,
) -> Brief:
    """What to search: every market of the interactions, with one objective for lists of ten.

    families: names of models. trials: the budget. The plan in service is taken to be the first
    incumbent, ``reorder``, everywhere.
    """
    policy = policy or SearchPolicy()
    windows = policy.selection_windows + policy.report_windows
    sizes = market_sizes(interactions)
    plan = FoldPlan(horizon_days=horizon_days, windows=windows)
    return Brief(
        markets=tuple(sizes),
        sizes=sizes,
        families=tuple(families),
        setting=Setting(
            fold_plans=dict.fromkeys(sizes, plan),
            objectives=dict.fromkeys(sizes, objective or Objective()),
            policy=policy,
            seed=seed,
        ),
        trials=trials,
    )


def search_here(
    interactions: Interactions,
    brief: Brief,
    context: FitContext | None = None,
    *,
    report: bool = True,
) -> Search:
    """Run a search to its end; ``.choices`` says what every market gets, and why.

    context: threads that trials may use together. report: also judge what was chosen on the
    newest windows (``.reported``). Scorecards and ballots stay in memory.
    """
    search, kept = Search(brief), dict[str, Kept]()
    context = context or FitContext()

    def keep(trial: Trial, left: Kept) -> str:
        kept[trial.key] = left
        return trial.key

    while not search.done:
        for work in search.ready():
            if search.phase == "report" and not report:
                return search
            if isinstance(work, Step):
                search.tell(work, run(interactions, [work], brief.setting, context, keep=keep))
            else:
                search.tell(work, mix(work, kept.__getitem__, interactions, brief.setting))
    return search


def market_sizes(interactions: Interactions) -> dict[str, Size]:
    """Lines, customers and items of every market that has a line."""
    catalogue, n_items = interactions.catalogue, max(interactions.n_items, 1)
    n = len(catalogue.markets)
    lines = np.bincount(interactions.market, minlength=n)
    customers = np.bincount(catalogue.customer_market[interactions.customers], minlength=n)
    pairs = np.unique(interactions.market.astype(np.int64) * n_items + interactions.item)
    items = np.bincount(pairs // n_items, minlength=n)
    return {
        market: Size(lines=int(lines[at]), customers=int(customers[at]), items=int(items[at]))
        for at, market in enumerate(catalogue.markets)
        if lines[at]
    }
