"""The curated recommenders: what to offer each customer next.

Here: models over integer codes, their defaults and search spaces.
Not here: how they are judged, tuned, scheduled or stored.
"""

from restock.models.base import Recommender
from restock.models.candidate import Candidate
from restock.models.context import FitContext
from restock.models.presets import preset, size_of
from restock.models.recommendations import Recommendations
from restock.models.registry import available, create, load
from restock.models.requirements import CannotFit
from restock.models.shared import Shared

__all__ = [
    "Candidate",
    "CannotFit",
    "FitContext",
    "Recommendations",
    "Recommender",
    "Shared",
    "available",
    "create",
    "load",
    "preset",
    "size_of",
]
