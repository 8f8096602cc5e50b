"""How fast are ten million order lines split?

folds_10m_vs_polars   seconds in which polars filters the lines of five training sets and five
                      windows of four weeks, all columns, over those of ``rolling_folds``, which
                      finds customers and candidates too. Agreement: whether all have as many lines
folds_10m_read_vs_polars  the same when ours then reads every column of every part
folds_10m_seconds     ours, wall clock
folds_10m_mb          how far our first round rises above the data, megabytes
last_n_10m_vs_polars  seconds in which polars ranks each customer's lines by time and takes the last
                      one from the others, over those of ``last_n``. Agreement as above
last_n_10m_seconds    ours, wall clock
"""

from collections.abc import Iterator
from pathlib import Path

from restock.benchmarks.figures import Figure
from restock.benchmarks.own_side import HORIZON_DAYS
from restock.benchmarks.peers import Side, alone, hand_over, ours, race
from restock.benchmarks.race_data import pairs_10m
from restock.dataset.interactions import MINUTES_PER_DAY

WINDOWS = 5


def figures() -> Iterator[Figure]:
    """Of folds in time, then of the last lines."""
    data = pairs_10m()
    horizon = HORIZON_DAYS * MINUTES_PER_DAY
    cutoffs = [data.as_of - horizon * back for back in range(WINDOWS, 0, -1)]
    with hand_over(data) as folder:
        yield from _in_time(folder, cutoffs, horizon)
        yield from _last_one(folder)


def _in_time(folder: Path, cutoffs: list[int], horizon: int) -> Iterator[Figure]:
    mine, read = ours("folds", windows=WINDOWS), ours("folds", windows=WINDOWS, read=True)
    peer = Side("polars", "polars_splits", "folds", {"cutoffs": cutoffs, "horizon": horizon})
    first = alone(folder, mine)
    own, theirs = race(folder, mine, peer)
    same = float((own.arrays["lines"] == theirs.arrays["lines"]).all())
    yield Figure(
        "folds_10m_vs_polars", theirs.wall / own.wall, "ratio", peer="polars", agreement=same
    )
    yield Figure("folds_10m_seconds", own.wall, "s")
    yield Figure("folds_10m_mb", first.rise_mb, "MB")
    own, theirs = race(folder, read, peer)
    yield Figure("folds_10m_read_vs_polars", theirs.wall / own.wall, "ratio", peer="polars")


def _last_one(folder: Path) -> Iterator[Figure]:
    own, theirs = race(folder, ours("last_one"), Side("polars", "polars_splits", "last_one", {}))
    same = float((own.arrays["lines"] == theirs.arrays["lines"]).all())
    yield Figure(
        "last_n_10m_vs_polars", theirs.wall / own.wall, "ratio", peer="polars", agreement=same
    )
    yield Figure("last_n_10m_seconds", own.wall, "s")
