"""The contract of `als`."""

from typing import Any, ClassVar

from contracts.recommender import RecommenderContract


class TestAls(RecommenderContract):
    name = "als"
    config: ClassVar[dict[str, Any]] = {"factors": 8, "iterations": 3}
    random = True
