"""Arms that are not as large as they should be."""

import numpy as np
import pandas as pd
import pytest
import tea_tasting as tt

from restock.evaluation.experiments import sample_ratio_p

pytestmark = pytest.mark.unit

EVEN = {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize(("n", "shares"), [((90, 120), EVEN), ((6100, 3900), {"a": 0.6, "b": 0.4})])
def test_it_is_tea_tastings(n: tuple[int, int], shares: dict[str, float]) -> None:
    frame = pd.DataFrame({"arm": np.repeat(["a", "b"], n)})
    found = tt.SampleRatio(dict(shares)).analyze(frame, "a", "b", "arm").pvalue
    assert sample_ratio_p({"a": n[0], "b": n[1]}, shares) == pytest.approx(found)


def test_51_to_49_is_caught_at_a_hundred_thousand() -> None:
    assert sample_ratio_p({"a": 51_000, "b": 49_000}, EVEN) < 0.001
    assert sample_ratio_p({"a": 49_000, "b": 51_000}, EVEN) < 0.001


def test_even_arms_are_hardly_ever_blamed() -> None:
    drawn = np.random.default_rng(0).binomial(100_000, 0.5, 200).tolist()
    blamed = sum(sample_ratio_p({"a": 100_000 - b, "b": b}, EVEN) < 0.001 for b in drawn)
    assert blamed <= 2


def test_one_odd_arm_of_three_is_seen() -> None:
    thirds = {"a": 1.0, "b": 1.0, "c": 1.0}
    assert sample_ratio_p({"a": 1000, "b": 1010, "c": 990}, thirds) > 0.5
    assert sample_ratio_p({"a": 1000, "b": 1000, "c": 800}, thirds) < 0.001


def test_nobody_is_no_mismatch_and_mistakes_are_named() -> None:
    assert sample_ratio_p({"a": 0, "b": 0}, EVEN) == 1
    with pytest.raises(ValueError, match="have shares"):
        sample_ratio_p({"a": 1, "c": 1}, EVEN)
    with pytest.raises(ValueError, match="above 0"):
        sample_ratio_p({"a": 1, "b": 1}, {"a": 1.0, "b": 0.0})
