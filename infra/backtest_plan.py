"""What a backtest sets out to do: models, markets, windows and ages."""

import hashlib
import json

from restock.evaluation.backtest.grid import FRESH, Grid
from restock.evaluation.folds import METRIC_VERSION
from restock.infra.backtest_run import BacktestRun
from restock.infra.backtest_wishes import MODELS, Wishes
from restock.infra.feed import Feed
from restock.infra.markets import Markets
from restock.infra.plans import services
from restock.infra.programme import fold_plan
from restock.infra.store import Store


def plan_backtest(store: Store, feed: Feed, declared: Markets, wishes: Wishes) -> BacktestRun:
    """Decide what is judged where. ValueError: a market has no orders.

    The plan in service of every market is judged there beside the models.
    """
    ingested = feed.ingested
    markets = ingested.these(feed.wanted)
    known = services(store, markets)
    models = list(wishes.models or MODELS)
    models += [wishes.instead] if wishes.instead else []
    candidates = {one.key: one for one in models}
    everywhere = tuple(candidates)
    service, contenders = {}, {}
    for market in markets:
        plan = known.plans[market].plan
        candidates.setdefault(plan.key, plan)
        service[market] = plan.key
        contenders[market] = tuple(dict.fromkeys([*everywhere, plan.key]))
    grid = Grid(
        as_of=ingested.as_of,
        fold_plans={
            market: fold_plan(declared, market).model_copy(update={"windows": wishes.windows})
            for market in markets
        },
        ages=tuple(sorted({FRESH, *wishes.ages})),
        contenders=contenders,
    )
    run = BacktestRun(
        token="",
        ingested=ingested,
        grid=grid,
        models=everywhere,
        candidates=tuple(candidates.values()),
        service=service,
        instead=wishes.instead.key if wishes.instead else None,
        since=wishes.since,
    )
    return run.model_copy(update={"token": _token(run)})


def _token(run: BacktestRun) -> str:
    """The name of the backtest: the same orders, models and splits have the same."""
    about = {
        "metrics": METRIC_VERSION,
        "snapshot": run.ingested.snapshot.hash,
        "grid": run.grid.model_dump(mode="json"),
        "models": list(run.models),
        "candidates": [one.key for one in run.candidates],
        "service": run.service,
        "instead": run.instead,
        "since": str(run.since),
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return f"{run.ingested.as_of}-{digest[:12]}"
