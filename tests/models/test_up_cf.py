"""The contract of `up_cf`, and its agreement with the formula."""

from contracts.recommender import RecommenderContract


class TestUpCf(RecommenderContract):
    name = "up_cf"
