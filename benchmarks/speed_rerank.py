"""What does a night with `rerank` cost? All bundled orders, two threads, default configuration.

rerank_night_seconds  wall seconds, once the trees are there, from order lines to ten items for
                      every customer: members, features, candidates, scores, lists. Agreement:
                      the share of equal lists from a model fitted in one go.
rerank_fit_seconds    wall seconds of a whole fit, the training of the trees included.
"""

import time
from collections.abc import Iterator

import numpy as np

from restock.benchmarks.figures import Figure
from restock.dataset import Interactions, load_sample
from restock.models import FitContext, Recommendations
from restock.models.past import Past
from restock.models.rerank import Rerank

CONTEXT = FitContext(threads=2)
K = 10


def figures() -> Iterator[Figure]:
    """Both figures."""
    interactions = Interactions.from_frame(load_sample().orders)
    start = time.perf_counter()
    whole = Rerank().fit(interactions, CONTEXT)
    fit = time.perf_counter() - start
    seconds, lists = night(interactions)
    same = whole.recommend(interactions.customers, K).items == lists.items
    yield Figure("rerank_night_seconds", seconds, "s", agreement=float(same.all(axis=1).mean()))
    yield Figure("rerank_fit_seconds", fit, "s")


def night(interactions: Interactions) -> tuple[float, Recommendations]:
    """The seconds after training, the median of three, and the lists."""
    model = Rerank()
    model._past = Past.of(interactions)
    trees = model._train(model._examples(interactions, CONTEXT), CONTEXT)
    rounds = []
    for _ in range(3):
        start = time.perf_counter()
        model._decide(interactions, trees, CONTEXT)
        lists = model.recommend(interactions.customers, K)
        rounds.append(time.perf_counter() - start)
    return float(np.median(rounds)), lists
