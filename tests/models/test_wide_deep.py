"""The contract of `wide_deep`, its formula, what it can see and what it must not."""

from typing import Any, ClassVar

from contracts.recommender import RecommenderContract


class TestWideDeep(RecommenderContract):
    name = "wide_deep"
    random = True
    config: ClassVar[dict[str, Any]] = {
        "cutoffs": 1,
        "epochs": 1,
        "embedding": 2,
        "hidden": 4,
        "second": 2,
        "negatives": 2,
    }
