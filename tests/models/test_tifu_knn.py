"""The contract of `tifu_knn`, and its agreement with the formula."""

from contracts.recommender import RecommenderContract


class TestTifuKnn(RecommenderContract):
    name = "tifu_knn"
