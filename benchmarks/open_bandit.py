"""The sample of the Open Bandit Dataset: what a policy would earn, beside what it did earn.

Two policies chose fashion items for a shop's visitors in the same week: ``random``, and ``bts``
(Bernoulli Thompson sampling). An estimate of bts from the log of random is compared with the
mean reward of bts' own log. ``dataset/data/LICENSE.md`` names source and licence; the sample
lies there so that it is wherever the package is installed.
"""

from collections.abc import Callable
from functools import cache
from importlib.resources import as_file, files

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from restock.evaluation.ope import Estimate, Logged

BOOTSTRAPS = 30
POSITIONS = 3


@cache
def _read(name: str) -> pd.DataFrame:
    with as_file(files("restock.dataset") / "data" / name) as path:
        return pd.read_parquet(path)


def log_of(policy: str) -> pd.DataFrame:
    """10,000 impressions by time; columns item_id, position (1 …), click, propensity.

    policy: ``random`` or ``bts``.
    """
    both = _read("open_bandit.parquet")
    return both[both["policy"] == policy].drop(columns="policy").reset_index(drop=True)


def bts_chances() -> NDArray[np.float64]:
    """How likely bts puts each item at each position (float64, items × positions)."""
    table = _read("open_bandit_bts.parquet")
    chances = np.zeros((table["item_id"].max() + 1, POSITIONS))
    chances[table["item_id"], table["position"] - 1] = table["probability"]
    return chances


def random_to_bts() -> Logged:
    """The log of random, with bts as the target."""
    log = log_of("random")
    return Logged(
        reward=log["click"].to_numpy(np.float64),
        propensity=log["propensity"].to_numpy(),
        target=bts_chances()[log["item_id"], log["position"] - 1],
    )


def relative_error(estimator: Callable[[Logged], Estimate], log: Logged, truth: float) -> float:
    """Mean of abs(estimate - truth) / truth over ``BOOTSTRAPS`` bootstrap samples of the log.

    The protocol of the Open Bandit Pipeline (Saito et al., arXiv:2008.07146, section 5): sample b
    draws as many rows with replacement, by ``numpy.random.RandomState(b)``, and ``truth`` is the
    mean reward of the target's own log.
    """
    errors = []
    for seed in range(BOOTSTRAPS):
        # the generator of the protocol: another one draws other samples
        rows = np.random.RandomState(seed).choice(log.n, size=log.n, replace=True)
        value = estimator(Logged(log.reward[rows], log.propensity[rows], log.target[rows])).value
        errors.append(abs(value - truth) / truth)
    return float(np.mean(errors))
