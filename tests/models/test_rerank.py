"""The contract of `rerank`, its features by plain counting, and what it learns."""

from typing import Any, ClassVar

from contracts.recommender import RecommenderContract

QUICK = {"cutoffs": 2, "trees": 5, "least_leaf": 2, "proposals": 3}


class TestRerank(RecommenderContract):
    name = "rerank"
    config: ClassVar[dict[str, Any]] = {
        **QUICK,
        "members": [{"name": "reorder"}, {"name": "item_knn"}],
    }
    random = True
