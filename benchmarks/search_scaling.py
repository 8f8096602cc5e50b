"""Would a search over 200 markets keep 64 nodes busy? A simulation from stated costs.

    python -m restock.benchmarks.search_scaling [--json] [--plots FOLDER]

Events only: no model is fitted. A search is played as ``tuning.search`` runs it (a pool of all
markets, then brackets of successive halving in every market, mixtures, the report), packed as
``infra.search_batches`` packs it, on nodes of 8 cores with one Dask worker for each. What trials
cost is assumed: a median and a spread for families and markets of a retailer that nobody has
measured. What flow, scheduler and batches cost beside them is rounded from runs of
``restock.benchmarks.search`` on 2 cores. All of it is stated below: put your own in its place.

hours_NODES, core_use_NODES   wall time and share of the cores that fit models
critical_path_hours           no number of nodes makes the search shorter than this
flow_load_64                  share of its core that the flow's process needs
scheduler_load_64             the same of Dask's scheduler
store_requests_per_second_64  reads and writes of the workers
fastest_nodes                 with more than these the search takes longer: small rungs are cut
                              into more tasks than the flow's one process can hand out
"""

import argparse
import heapq
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from restock.benchmarks.figures import Figure, report
from restock.infra.search_batches import batch_seconds
from restock.infra.search_driver import AHEAD

CORES = 8
NODES = (1, 2, 4, 8, 16, 32, 64, 128)
MARKETS, FAMILIES, TRIALS, BRACKET, KEEP = 200, 12, 50, 9, 3
RUNGS = (0.15, 0.35, 1.0)
"""Of a whole trial's seconds, what a trial costs at each rung."""

# In seconds of one core. Assumed:
TRIAL_SECONDS = 6.0
"""A trial on a market of some 5,000 customers at the top rung, three windows: the median."""
SPREAD = 1.0
"""Standard deviation of its logarithm, over families and markets."""
POOL_TRIAL_SECONDS, POOL_TRIALS = 240.0, 10
"""The same median on the lines of all markets, and how many of them each family has."""
PART_SECONDS, PART_TRIALS = 20.0, 2
"""Rungs longer than this are cut, but not below so many trials (``tuning.parts``)."""
# Rounded from measurements (see the docstring):
FLOW_SECONDS_PER_TASK = 0.25
"""Of the flow's process: submitting a Prefect task and taking its result."""
FLOW_SECONDS_PER_TRIAL = 0.0015
"""Of the flow's process: telling outcomes, drawing the next points."""
SCHEDULER_SECONDS_PER_TASK = 0.003
BATCH_SECONDS = 0.35
"""Of the worker: what a batch costs beside its trials."""
REQUESTS_PER_BATCH, REQUESTS_PER_KEPT = 3, 1


class Part(NamedTuple):
    """Trials of a study that run one after the other. kept: scorecards that are stored."""

    study: int
    seconds: float
    trials: int
    kept: int


Studies = list[list[list[Part]]]
"""Study → its rungs in order → parts that may run side by side."""


@dataclass
class Played:
    """What a run came to, in seconds. busy: core-seconds of model work."""

    cores: int
    wall: float = 0.0
    busy: float = 0.0
    flow: float = 0.0
    scheduler: float = 0.0
    requests: int = 0
    tasks: int = 0


def studies(count: int, trials: int, seconds: float, seed: int = 0) -> Studies:
    """Studies of brackets of successive halving, each with its own cost of a trial."""
    rng = random.Random(seed)
    found = []
    for study in range(count):
        each = seconds * rng.lognormvariate(0.0, SPREAD)
        rungs = []
        for _ in range(-(-trials // BRACKET)):
            left = BRACKET
            for at, share in enumerate(RUNGS):
                rungs.append(_parts(study, left, each * share, at == len(RUNGS) - 1))
                left = max(1, left // KEEP)
        found.append(rungs)
    return found


def _parts(study: int, trials: int, each: float, keep: bool) -> list[Part]:
    size = trials if trials * each <= PART_SECONDS else PART_TRIALS
    sizes = [min(size, trials - first) for first in range(0, trials, size)]
    return [Part(study, n * each, n, n if keep else 0) for n in sizes]


class Play:
    """One flow that submits and tells, one thing at a time, and cores that work."""

    def __init__(self, nodes: int, work: Studies) -> None:
        self.played = Played(nodes * CORES)
        self._work, self._at, self._left = work, [0] * len(work), [0] * len(work)
        self._waiting: deque[Part] = deque()
        self._waiting_seconds = self._flow = 0.0
        self._cores = [0.0] * self.played.cores
        self._flying: list[tuple[float, int, list[Part]]] = []

    def run(self) -> Played:
        """To the end."""
        for study in range(len(self._work)):
            self._release(study)
        self._submit()
        while self._flying:
            end, _, batch = heapq.heappop(self._flying)
            self._spend(max(self._flow, end), FLOW_SECONDS_PER_TASK / 2)
            self._tell(batch)
            self._submit()
        self.played.wall = self._flow
        return self.played

    def _release(self, study: int) -> None:
        if self._at[study] < len(self._work[study]):
            parts = self._work[study][self._at[study]]
            self._at[study] += 1
            self._left[study] = len(parts)
            self._waiting.extend(parts)
            self._waiting_seconds += sum(part.seconds for part in parts)

    def _submit(self) -> None:
        slots = self.played.cores
        idle = max(slots - len(self._flying), 0)
        room = batch_seconds(max(self._waiting_seconds, 0.0), slots, idle)
        while self._waiting and room and len(self._flying) < AHEAD * slots:
            batch, load = list[Part](), 0.0
            while self._waiting and (not batch or load + self._waiting[0].seconds <= room):
                batch.append(self._waiting.popleft())
                load += batch[-1].seconds
            self._waiting_seconds -= load
            self._spend(self._flow, FLOW_SECONDS_PER_TASK / 2)
            start = max(heapq.heappop(self._cores), self._flow)
            end = start + load + BATCH_SECONDS
            heapq.heappush(self._cores, end)
            self.played.tasks += 1
            heapq.heappush(self._flying, (end, self.played.tasks, batch))

    def _spend(self, since: float, seconds: float) -> None:
        self._flow = since + seconds
        self.played.flow += seconds

    def _tell(self, batch: list[Part]) -> None:
        self.played.scheduler += SCHEDULER_SECONDS_PER_TASK
        self.played.requests += REQUESTS_PER_BATCH
        for part in batch:
            self._spend(self._flow, FLOW_SECONDS_PER_TRIAL * part.trials)
            self.played.busy += part.seconds
            self.played.requests += REQUESTS_PER_KEPT * part.kept
            self._left[part.study] -= 1
            if not self._left[part.study]:
                self._release(part.study)


def play(nodes: int) -> Played:
    """The whole search: the place ALL first, then all markets."""
    first, then = (Play(nodes, work).run() for work in search())
    return Played(
        first.cores,
        **{
            name: getattr(first, name) + getattr(then, name)
            for name in ("wall", "busy", "flow", "scheduler", "requests", "tasks")
        },
    )


@cache
def search() -> tuple[Studies, Studies]:
    """The studies of the place ALL, and those of the markets."""
    pool = studies(FAMILIES, POOL_TRIALS, POOL_TRIAL_SECONDS)
    return pool, studies(FAMILIES * MARKETS, TRIALS, TRIAL_SECONDS)


def critical_path() -> float:
    """Seconds of the longest chains of rungs: no number of nodes is faster."""
    return sum(
        max(sum(max(part.seconds for part in rung) for rung in rungs) for rungs in work)
        for work in search()
    )


def figures(played: dict[int, Played], path: float) -> Iterator[Figure]:
    """What is reported."""
    for nodes, one in played.items():
        yield Figure(f"hours_{nodes}", round(one.wall / 3600, 2), "h")
        yield Figure(f"core_use_{nodes}", round(_use(one), 3), "share of the cores")
    at = played[64]
    yield Figure("critical_path_hours", round(path / 3600, 2), "h")
    yield Figure("flow_load_64", round(at.flow / at.wall, 2), "share of a core")
    yield Figure("scheduler_load_64", round(at.scheduler / at.wall, 3), "share of a core")
    yield Figure("store_requests_per_second_64", round(at.requests / at.wall, 1), "1/s")
    yield Figure("fastest_nodes", min(played, key=lambda n: played[n].wall), "nodes")


def _use(one: Played) -> float:
    return one.busy / (one.wall * one.cores)


def plot(played: dict[int, Played], path: float, folder: Path) -> None:
    """Wall time beside what could not be beaten, and who is busy, by nodes."""
    import matplotlib.pyplot as plt

    nodes = list(played)
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    work = played[1].busy
    hours = [one.wall / 3600 for one in played.values()]
    left.loglog(nodes, hours, "o-", label="simulated", color="#1f6f8b")
    ideal = [work / (n * CORES) / 3600 for n in nodes]
    left.loglog(nodes, ideal, "--", label="work ÷ cores", color="#999999")
    left.axhline(path / 3600, ls=":", color="#c0392b", label="longest chain of rungs")
    left.set(xlabel="nodes of 8 cores", ylabel="hours", title="Wall time of the search")
    right.semilogx(nodes, [_use(one) for one in played.values()], "o-", label="cores at models")
    right.semilogx(nodes, [one.flow / one.wall for one in played.values()], "s-", label="the flow")
    scheduler = [one.scheduler / one.wall for one in played.values()]
    right.semilogx(nodes, scheduler, "^-", label="Dask's scheduler")
    right.set(xlabel="nodes of 8 cores", ylabel="share of their time", ylim=(0, 1.05))
    right.set_title("Who is busy")
    for axis in (left, right):
        axis.set_xticks(nodes, [str(n) for n in nodes])
        axis.minorticks_off() if axis is right else None
        axis.legend(frameon=False)
        axis.grid(alpha=0.25)
    folder.mkdir(parents=True, exist_ok=True)
    fig.savefig(folder / "search-scaling.png", dpi=130)


def main() -> None:
    """Run the simulation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    parser.add_argument("--plots", type=Path, help="folder for search-scaling.png")
    options = parser.parse_args()
    played = {nodes: play(nodes) for nodes in NODES}
    path = critical_path()
    report(figures(played, path), options.json)
    if options.plots:
        plot(played, path, options.plots)


if __name__ == "__main__":
    main()
