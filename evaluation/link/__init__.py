"""From offline deltas to measured lift: which offline figures foretell what an experiment shows.

Here: the entry of an experiment, the regression of lifts on offline deltas, how well each metric
foretold, and the weights that follow. Not here: running or analysing experiments.
"""

from restock.evaluation.link.deltas import offline_deltas
from restock.evaluation.link.entry import Ahead, Entry
from restock.evaluation.link.learning import Link, Prediction, foretold, learn
from restock.evaluation.link.quality import Quality, qualities

__all__ = [
    "Ahead",
    "Entry",
    "Link",
    "Prediction",
    "Quality",
    "foretold",
    "learn",
    "offline_deltas",
    "qualities",
]
