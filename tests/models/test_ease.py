"""The contract of `ease`, and its agreement with the formula."""

from contracts.recommender import RecommenderContract


class TestEase(RecommenderContract):
    name = "ease"
