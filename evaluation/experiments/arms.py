"""The sums of an arm that all its figures follow from; of clusters where arms were drawn so."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from restock.evaluation.experiments.metric import BEFORE, Metric
from restock.evaluation.folds import FloatArray

if TYPE_CHECKING:
    from tea_tasting.aggr import Aggregates

ARM = "arm"
Z95 = float(norm.ppf(0.975))
CUSTOMERS = "customers"
"""Column of a clustered frame: customers of the cluster."""


def clustered(units: pd.DataFrame, cluster: str) -> pd.DataFrame:
    """One row per cluster: its arm, the sums of its customers, and how many they are.

    Customers of one cluster (a store, a chain) act alike, so that they are one piece of evidence:
    figures become ratios of sums over clusters (Deng, Knoblich and Lu, KDD 2018, section 4).
    Raises ValueError when a cluster has customers in two arms: then it was not drawn as a whole;
    and when a customer has no cluster.
    """
    if units[cluster].isna().any():
        lost = int(units[cluster].isna().sum())
        raise ValueError(
            f"{lost} customers have no {cluster!r}: give each of them one of their own, or analyze "
            "without clusters"
        )
    arms = units.groupby(cluster)[ARM].nunique()
    if (arms > 1).any():
        raise ValueError(
            f"cluster {arms.index[arms > 1][0]} has customers in {int(arms.max())} arms: draw "
            "clusters, not customers, or analyze without clusters"
        )
    # as many before as during: tea-tasting wants a column for each
    ones = {CUSTOMERS: 1.0, CUSTOMERS + BEFORE: 1.0}
    sums = units.drop(columns=ARM).assign(**ones).groupby(cluster).sum(numeric_only=True)
    return sums.assign(**{ARM: units.groupby(cluster)[ARM].first()}).reset_index()


def terms(metric: Metric, columns: Iterable[str], *, by_cluster: bool) -> dict[str, str | None]:
    """The columns of a metric as tea-tasting names them; covariates where the data have them."""
    there = set(columns)
    below = metric.denominator or (CUSTOMERS if by_cluster else None)
    below_before = below and below + BEFORE
    known = {metric.numerator + BEFORE, *([below_before] if below_before else ())} <= there
    return {
        "numer": metric.numerator,
        "denom": below,
        "numer_covariate": metric.numerator + BEFORE if known else None,
        "denom_covariate": below_before if known else None,
    }


def aggregates(rows: pd.DataFrame, names: Iterable[str]) -> "Aggregates":
    """Count, means, variances and covariances of some columns."""
    wanted = sorted(set(names))
    return of_matrix(rows[wanted].to_numpy(dtype=np.float64), wanted)


def of_matrix(values: FloatArray, names: list[str]) -> "Aggregates":
    """The same of a matrix (rows × names, names ascending)."""
    from tea_tasting.aggr import Aggregates

    n = len(values)
    spread: Any = np.cov(values, rowvar=False, ddof=1) if n > 1 else np.zeros((len(names),) * 2)
    spread = np.atleast_2d(spread)
    return Aggregates(
        count_=n,
        mean_={name: float(values[:, at].mean()) if n else 0.0 for at, name in enumerate(names)},
        var_={name: float(spread[at, at]) for at, name in enumerate(names)},
        cov_={
            (left, right): float(spread[i, j])
            for i, left in enumerate(names)
            for j, right in enumerate(names)
            if i < j
        },
    )


def standard_errors(
    named: Mapping[str, str | None], both: Mapping[int, "Aggregates"]
) -> tuple[float, float]:
    """Of the difference of arm 1 and arm 0, and of the logarithm of their ratio, by tea-tasting.

    named: the columns (see ``terms``). NaN where a mean is not above 0.
    """
    from tea_tasting.metrics import RatioOfMeans

    arguments: dict[str, Any] = {**named, "confidence_level": 0.95, "use_t": False}
    with np.errstate(all="ignore"):
        found = RatioOfMeans(**arguments, equal_var=False).analyze_aggregates(both[0], both[1])
    upper, ratio = 1 + found.rel_effect_size_ci_upper, 1 + found.rel_effect_size
    error = float(found.effect_size_ci_upper - found.effect_size) / Z95
    return error, float(np.log(upper / ratio)) / Z95 if min(upper, ratio) > 0 else np.nan
