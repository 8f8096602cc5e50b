"""Adding scores on one scale."""

import numpy as np
import pytest

from restock.kernels.mixing import add_scaled, make_positive, scale_and_add_prior

pytestmark = pytest.mark.unit

NONE = -np.inf


@pytest.mark.parametrize(
    ("total", "scores", "expected"),
    [
        ([NONE, NONE], [4.0, 2.0], [3.0, 1.5]),  # the best of a row becomes 1
        ([1.0, NONE], [4.0, NONE], [4.0, NONE]),  # no evidence adds nothing
        ([1.0, NONE], [NONE, NONE], [1.0, NONE]),
        ([NONE, 1.0], [0.0, -2.0], [NONE, 1.0]),  # nor does a row without a score above 0
        ([1.0, 1.0], [2.0, -1.0], [4.0, -0.5]),  # but a score below 0 tells against an item
    ],
)
def test_a_row_is_scaled_by_its_best(
    total: list[float], scores: list[float], expected: list[float]
) -> None:
    table = np.array([total])
    add_scaled(table, np.array([scores], dtype=np.float32), 3.0)
    assert table[0].tolist() == expected


@pytest.mark.parametrize(
    ("scores", "prior", "expected"),
    [
        ([4.0, 2.0], [0.0, 1.0], [1.0, 3.5]),
        ([4.0, NONE], [1.0, 1.0], [4.0, NONE]),  # the member knows nothing of it
        ([4.0, 2.0], [NONE, 1.0], [NONE, 3.5]),  # the market never sold it
        ([-4.0, -2.0], [1.0, 0.5], [3.0, 1.5]),  # no score above 0: the prior alone
    ],
)
def test_a_prior_is_added_to_scaled_scores(
    scores: list[float], prior: list[float], expected: list[float]
) -> None:
    table = np.array([scores], dtype=np.float32)
    rows = np.array([1], dtype=np.int32)
    scale_and_add_prior(table, np.array([[9, 9], prior], dtype=np.float32), rows, 3.0)
    assert table[0].tolist() == expected


def test_scores_become_positive_and_keep_their_order() -> None:
    scores = np.array([[-3.0, -np.inf, -1.0, -200.0], [-np.inf] * 4], dtype=np.float32)
    make_positive(scores)
    np.testing.assert_allclose(scores[0, [0, 2]], [np.exp(-2.0), 1.0], rtol=1e-6)
    assert 0 < scores[0, 3] < 1e-30
    assert scores[0, 1] == -np.inf
    assert (scores[1] == -np.inf).all()
