"""Whether judging knows the future, and what a backtest of every market costs.

    python -m restock.benchmarks.proof_backtest [--json] [--only PART …]

Part leaks (``evaluation.leaks``; builds are called on worlds with another future):

leaks_caught            planted mistakes that are found, of 20 (``planted_leaks``)
leak_false_alarms       alarms in 138 clean runs: 86 of the models that need no torch, 20 of the
                        judging of nights and 12 of that of backtests, over seeds, cut-offs and
                        markets, simulated and real; and the 20 planted ones without their mistake

Part cleaning, on the bundled orders: what it changes that returns and homes are settled once for
the whole file and not anew at each cut-off:

cleaned_once_ndcg_ratio  ndcg_at_10 of ``reorder`` with the first, over that with the second

Part run, with processes of ``restock backtest`` on the bundled orders:

backtest_seconds        40 markets, 6 windows, 8 models (bar: 600 on two cores)
backtest_core_use       share of the cores' time that it computes (bar: .8)

Part growth, the same on 2 to 16 windows, and markets of one size: p in seconds = a + b·size**p,
fitted on the logarithm of what each doubling adds (1: linear):

backtest_growth_windows, backtest_growth_markets
"""

import argparse
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from restock.benchmarks import proof_backtest_run
from restock.benchmarks.clean_builds import Backtested, BacktestedLists, Judged, JudgedLists
from restock.benchmarks.figures import Figure, report
from restock.benchmarks.planted_leaks import KINDS, Planted
from restock.benchmarks.planted_shop import CUTOFF, make_world
from restock.dataset import Catalogue, Interactions, load_sample, simulate
from restock.dataset import columns as c
from restock.evaluation import evaluate, rolling_folds
from restock.evaluation.leaks import Build, ListsOf, World, find_leaks
from restock.models import Candidate, create

MODELS = (
    "popular",
    "reorder",
    "item_knn",
    "sar",
    "tifu_knn",
    "up_cf",
    "ease",
    "als",
    "blend",
    "cascade",
    "switch",
    "market_prior",
    "rerank",
)
SLOW = {"rerank": 2}
"""Models whose fits take seconds on any data → in how many worlds they are tried."""
REAL_MARKETS = ("BE", "CH", "PT")
REAL_CUTOFFS = (dt.date(2011, 3, 14), dt.date(2011, 9, 1))


def figures() -> Iterator[Figure]:
    """All figures, as they are measured."""
    for part in PARTS.values():
        yield from part()


def leaks() -> Iterator[Figure]:
    """Planted mistakes and clean runs."""
    world = make_world()
    found = {kind: find_leaks(Planted(kind), world, CUTOFF, fresh=True) for kind in KINDS}
    missed = [kind for kind, alarms in found.items() if not alarms]
    yield Figure(
        "leaks_caught",
        len(found) - len(missed),
        f"of {len(found)} planted kinds",
        agreement=f"missed: {', '.join(missed)}" if missed else None,
    )
    alarms, runs = [], 0
    for about, build, there, cutoff, common in _clean_runs():
        runs += 1
        if any(find_leaks(build, there, cutoff, seed=runs, common=common, fresh=runs % 4 == 0)):
            alarms.append(about)
    yield Figure(
        "leak_false_alarms",
        len(alarms),
        f"of {runs} clean runs",
        agreement=f"alarms: {', '.join(alarms)}" if alarms else None,
    )


def _clean_runs() -> Iterator[tuple[str, Build, World, dt.date, bool]]:
    """What, its build, the world and the cut-off, and whether the future decides who is judged."""
    worlds = list(_worlds())
    for at, (about, world, cutoff) in enumerate(worlds):
        for name in MODELS:
            if at < SLOW.get(name, len(worlds)):
                yield (
                    f"{name} {about}",
                    ListsOf(Candidate(name=name), seed=at),
                    world,
                    cutoff,
                    False,
                )
    for candidate in (Candidate(name="reorder"), Candidate(name="item_knn", scope="pooled")):
        for about, world, cutoff in worlds[:5]:
            yield f"judging {about}", Judged(candidate), world, cutoff, False
            yield f"judged lists {about}", JudgedLists(candidate), world, cutoff, True
        for about, world, cutoff in worlds[1:4]:
            yield f"backtest {about}", Backtested(candidate), world, cutoff, False
            yield f"backtest lists {about}", BacktestedLists(candidate), world, cutoff, True
    shop = make_world(seed=1)
    for kind in KINDS:
        yield f"{kind} without its mistake", Planted(kind, leaky=False), shop, CUTOFF, False


def _worlds() -> Iterator[tuple[str, World, dt.date]]:
    """Simulated markets under three seeds, and small real ones."""
    for seed in range(3):
        orders = simulate(customers={"FR": 120, "DE": 80}, items=150, days=300, seed=seed).orders
        # of costs the highest in the file counts: judging margins is as of the whole file
        cutoff = CUTOFF - dt.timedelta(days=45 * seed)
        yield f"seed {seed}", World(orders.drop(columns=c.UNIT_COST)), cutoff
    sample = load_sample().orders
    real = World(sample[sample[c.MARKET].isin(REAL_MARKETS)])
    for cutoff in REAL_CUTOFFS:
        yield f"{'+'.join(REAL_MARKETS)} {cutoff}", real, cutoff
    for market in REAL_MARKETS[:2]:
        alone = World(sample[(sample[c.MARKET] == market).to_numpy()])
        yield f"{market} {REAL_CUTOFFS[1]}", alone, REAL_CUTOFFS[1]


def cleaning() -> Iterator[Figure]:
    """Returns and homes as the whole file settles them, or as they were known at each cut-off."""
    whole = Interactions.from_frame(load_sample().orders)
    once: list[float] = []
    anew: list[float] = []
    for fold in rolling_folds(whole):
        known = Interactions.from_frame(load_sample(as_of=fold.cutoff).orders)
        for found, train in ((once, fold.train), (anew, _under(whole.catalogue, known))):
            model = create("reorder").fit(train)
            lists = model.recommend(fold.customers, 10, allowed=fold.candidates)
            found.append(evaluate(lists, fold).mean()["ndcg_at_10"])
    ratios = np.divide(once, anew)
    yield Figure(
        "cleaned_once_ndcg_ratio",
        float(np.sum(once) / np.sum(anew)),
        "of six windows",
        low=float(ratios.min()),
        high=float(ratios.max()),
        agreement="low and high: the least and the largest of a window",
    )


def _under(catalogue: Catalogue, known: Interactions) -> Interactions:
    """The same lines under the codes of another catalogue, homes as they were known here.

    Lines of ids that the other one has not (all their orders were cancelled later) are lost.
    """
    mine = known.catalogue
    customer, item = (
        pc.index_in(ours["id"], value_set=theirs["id"]).fill_null(-1).to_numpy().astype(np.int32)
        for ours, theirs in ((mine.customers, catalogue.customers), (mine.items, catalogue.items))
    )
    home = catalogue.customer_market.copy()
    markets = np.array([catalogue.market_code(one) for one in mine.markets], dtype=np.int32)
    there = customer >= 0
    home[customer[there]] = markets[mine.customer_market[there]]
    customers = catalogue.customers.set_column(1, "market", pa.array(home))
    lines = known.of_customers(np.flatnonzero(there).astype(np.int32))
    lines = lines._select(item[lines.item] >= 0)
    return replace(
        lines,
        customer=customer[lines.customer],
        item=item[lines.item],
        catalogue=replace(catalogue, customers=customers),
    )


PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "leaks": leaks,
    "cleaning": cleaning,
    "run": proof_backtest_run.figures,
    "growth": proof_backtest_run.growth,
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    parser.add_argument("--only", nargs="*", choices=tuple(PARTS), help="parts to run")
    options = parser.parse_args()
    chosen = [part for name, part in PARTS.items() if name in (options.only or PARTS)]
    report((figure for part in chosen for figure in part()), options.json)


if __name__ == "__main__":
    main()
