"""Off-policy estimates from a log of the shop against the same world shown the plan itself.

    python -m restock.benchmarks.ope_truth

1,500 customers of a simulated market, 300 items, runs out of stock; 35 days of lists of five that
`reorder` draws by softmax:1 after ten months. For each plan and drawing:

clicks.PLAN.ESTIMATOR: clicks per list, with the 95 % interval; in words, the truth: what the same
    customers clicked, on the same days, when the world is run with the plan in place of the log.
    ESTIMATOR is snips or dr; NaN where the question is refused.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np

from restock.benchmarks.figures import Figure, report, wants_json
from restock.dataset.exposures import OUTCOME
from restock.dataset.simulate import Simulation, simulate
from restock.evaluation.ope.drawing import Drawing, as_policy
from restock.infra.markets import load_markets
from restock.infra.ope_answering import answer
from restock.infra.ope_question import Question
from restock.models import Candidate, create

WORLD: dict[str, Any] = {"customers": {"FR": 1500}, "items": 300, "days": 340, "seed": 4}
FIRST = dt.date(2024, 11, 1)
K = 5
LOGGED = ("reorder", "softmax:1")
PLANS = (
    LOGGED,
    ("reorder", "softmax:0.5"),
    ("tifu_knn", "softmax:1:20"),
    ("tifu_knn", "softmax:0.7:20"),
    ("popular", "softmax:1:20"),
)


def main() -> None:
    """Measure and print."""
    report(figures(), wants_json(__doc__))


def figures() -> Iterator[Figure]:
    """All figures above, plan by plan."""
    log = shown_by(*LOGGED)
    for name, drawing in PLANS:
        truth = clicks(shown_by(name, drawing))
        question = Question(plans=(Candidate(name=name),), drawing=Drawing.parse(drawing))
        result = answer(question, log.exposures, log.interactions(), load_markets())
        for row in result.answers[0].rows:
            if row.estimator not in ("snips", "dr"):
                continue
            title = f"clicks.{name}-{drawing}.{row.estimator}"
            said = f"truth {truth:.3f}, logged {result.logged.value:.3f}, {result.lists} lists"
            worth = row.worth
            if worth is None or worth.value is None:
                yield Figure(title, np.nan, "per list", agreement=f"refused; {said}")
            else:
                yield Figure(title, worth.value, "per list", worth.low, worth.high, agreement=said)


def shown_by(name: str, drawing: str) -> Simulation:
    """The world in which a model, fitted on what came before, draws the lists."""
    past = simulate(**WORLD).interactions(everyone=True).before(FIRST)
    policy = as_policy(create(name).fit(past), K, Drawing.parse(drawing), name, first=FIRST)
    return simulate(**WORLD, policy=policy)


def clicks(simulation: Simulation) -> float:
    """Items clicked or ordered, per list."""
    log = simulation.exposures
    return float((log[OUTCOME] != "none").sum() / (log["position"] == 1).sum())


if __name__ == "__main__":
    main()
