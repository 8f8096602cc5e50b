"""What exploration costs, and which questions it buys answers to, on the simulator.

    python -m restock.benchmarks.exploration

The same 6,000 customers of a made-up market (seed 7, 600 items, ten months known, 70 days logged)
are shown lists of ten by `reorder`, drawn in several ways. For each drawing:

earned.DRAWING: ordered items per list that are due to showing it, by the simulator's truth, over
    what the undrawn lists earn (1: exploration costs nothing of it).
orders.DRAWING: all ordered lines per list, over those with undrawn lists, as they were bought: what
    is bought anyway is most of it. With the 95 % interval of the paired difference by customer.
least.DRAWING: the lowest propensity that was logged.
effective.DRAWING.TARGET: effective lists (RIPS, clicks) over lists, for the question what TARGET
    would have earned: `reorder` without a drawing, drawn more closely (softmax:0.5), and another
    model, `tifu_knn`, drawn the same way from its best 20. In words: answered or refused.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np

from restock.benchmarks.figures import Figure, report, wants_json
from restock.dataset.catalogue import IntArray
from restock.dataset.simulate import Simulation, simulate
from restock.evaluation.ope.drawing import Drawing, as_policy
from restock.infra.markets import load_markets
from restock.infra.ope_answering import answer
from restock.infra.ope_question import Question
from restock.models import Candidate, Recommender, create

WORLD: dict[str, Any] = {
    "customers": {"FR": 6000},
    "items": 600,
    "days": 375,
    "seed": 7,
    "stock_out": 0.0,
}
FIRST = dt.date(2024, 11, 1)
K = 10
DRAWINGS = (
    "epsilon:0.05",
    "epsilon:0.1",
    "epsilon:0.2",
    "softmax:0.25",
    "softmax:0.5",
    "softmax:1",
    "softmax:2",
)
DEPTH = 20


def main() -> None:
    """Measure and print."""
    report(figures(), wants_json(__doc__))


def figures() -> Iterator[Figure]:
    """All figures above, drawing by drawing."""
    past = simulate(**WORLD).interactions(everyone=True).before(FIRST)
    model = create("reorder").fit(past)
    best = _shown_by(model, "none")
    for drawing in DRAWINGS:
        simulation = _shown_by(model, drawing)
        yield Figure(f"earned.{drawing}", _earned(simulation) / _earned(best), "of undrawn lists")
        yield _orders(drawing, simulation, best)
        least = float(simulation.exposed.propensity.min())
        yield Figure(f"least.{drawing}", least, "probability")
        yield _question(drawing, simulation, "reorder", "none")
        yield _question(drawing, simulation, "reorder", "softmax:0.5")
        yield _question(drawing, simulation, "tifu_knn", f"{drawing}:{DEPTH}")


def _shown_by(model: Recommender[Any], drawing: str) -> Simulation:
    policy = as_policy(model, K, Drawing.parse(drawing), drawing, first=FIRST)
    return simulate(**WORLD, policy=policy)


def _lists(simulation: Simulation) -> int:
    return int((simulation.exposed.position == 1).sum())


def _earned(simulation: Simulation) -> float:
    truth = simulation.truth.exposures
    return float((truth["order_chance"] - truth["unshown_chance"]).sum()) / _lists(simulation)


def _orders(drawing: str, simulation: Simulation, best: Simulation) -> Figure:
    ours, theirs = _lines(simulation), _lines(best)
    ratio = float(ours.sum() / theirs.sum())
    moves = (ours - ratio * theirs) / theirs.sum()
    reach = 1.96 * float(np.sqrt(np.square(moves).sum()))
    return Figure(f"orders.{drawing}", ratio, "of undrawn lists", ratio - reach, ratio + reach)


def _lines(simulation: Simulation) -> IntArray:
    """Order lines of each customer from the first day of the log on."""
    first = (FIRST - simulation.setting.start).days
    late = simulation.lines.customer[simulation.lines.day >= first]
    return np.bincount(late, minlength=int(simulation.setting.offsets[-1])).astype(np.int32)


def _question(drawing: str, simulation: Simulation, name: str, target: str) -> Figure:
    question = Question(plans=(Candidate(name=name),), drawing=Drawing.parse(target))
    result = answer(question, simulation.exposures, simulation.interactions(), load_markets())
    (found,) = result.answers
    said = "answered"
    if found.refused:
        said = "refused"
    elif found.headline and found.headline.log_lift and found.headline.log_lift.error is not None:
        said = f"answered, lift ± {1.96 * found.headline.log_lift.error:.1%}"
    return Figure(
        f"effective.{drawing}.{name}-{target}",
        found.from_top.ess_share,
        "of the lists",
        agreement=said,
    )


if __name__ == "__main__":
    main()
