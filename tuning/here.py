"""A whole search in this process: for a notebook, a script or a benchmark."""

from collections.abc import Sequence
from itertools import islice

from restock.dataset import Interactions
from restock.evaluation import Objective
from restock.evaluation.contest import FoldPlan
from restock.models import FitContext
from restock.tuning.brief import Brief
from restock.tuning.costs import sizes_by_market
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
    sizes = sizes_by_market(interactions)
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
        ready = search.ready()
        if search.phase == "report" and not report:
            return search
        steps = [work for work in ready if isinstance(work, Step)]
        # all at once: what is ready together shares its folds, and often what it fits on
        came = iter(run(interactions, steps, brief.setting, context, keep=keep))
        for work in ready:
            if isinstance(work, Step):
                search.tell(work, list(islice(came, work.size)))
            else:
                search.tell(work, mix(work, kept.__getitem__, interactions, brief.setting))
    return search
