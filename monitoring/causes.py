"""Why did it move? One readable decision from what moved."""

from collections.abc import Sequence

from restock.monitoring.findings import Action, Cause
from restock.monitoring.judging import Move

ACTIONS: dict[Cause, Action] = {
    "broken feed": "page",
    "price shock": "retrain",
    "lost supplier": "retrain",
    "new assortment": "retrain",
    "new customers": "retrain",
    "behaviour": "retrain",
    "season": "note",
}


def name_cause(moved: Sequence[Move]) -> tuple[Cause, Move] | None:
    """The cause of what moved, and the move that shows it best; None when nothing says anything.

    Moves are read in the order of ``STATISTICS``: prices, lost demand, new items, new customers,
    what is bought. The first sign decides, since it explains the later ones: lost items and new
    items change the mix, new customers do as well, and the mix alone has no cause. (A
    broken feed is found before: its days are left out of the windows.) A statistic that moved
    likewise a year ago, in windows of any length, decides only when nothing else moved: then it
    is the season.
    """
    signs = [move for move in moved if move.statistic.cause is not None]
    as_usual = {move.statistic.name for move in signs if move.seasonal}
    for seasonal in (False, True):
        there = [move for move in signs if (move.statistic.name in as_usual) is seasonal]
        cause = there[0].statistic.cause if there else None
        if cause is not None:
            alike = [move for move in there if move.statistic.cause == cause]
            best = min(alike, key=lambda move: (move.p_value, -abs(move.move)))
            return ("season" if seasonal else cause), best
    return None
