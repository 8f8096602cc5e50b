"""Did every arm get its share of the customers? If not, nothing else may be believed."""

from collections.abc import Mapping

MISMATCH = 0.001
"""p below which the shares are taken for wrong: a check that is made of every experiment may
hardly ever be wrong itself (Fabijan et al., KDD 2019)."""


def sample_ratio_p(counts: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Chance of shares that are off as far, if assignment is right (tea-tasting's test).

    counts: customers of each arm. shares: what each was to get; only proportions count. Of more
    than two arms the least p of one against the others, times the number of arms (Bonferroni).
    Raises ValueError when the arms differ, or a share is not above 0.
    """
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import SampleRatio

    if counts.keys() != shares.keys() or len(counts) < 2:
        raise ValueError(f"arms {sorted(counts)} were counted, and {sorted(shares)} have shares")
    if not all(share > 0 for share in shares.values()):
        raise ValueError(f"every arm needs a share above 0: {dict(shares)}")
    total, whole = sum(counts.values()), sum(shares.values())
    if total == 0:
        return 1.0
    arms = list(counts) if len(counts) > 2 else list(counts)[1:]
    found = []
    for arm in arms:
        both = {0: Aggregates(count_=total - counts[arm]), 1: Aggregates(count_=counts[arm])}
        test = SampleRatio(shares[arm] / (whole - shares[arm]))
        found.append(test.analyze(both, 0, 1).pvalue)
    return float(min(1.0, min(found) * len(found)))
