"""A ledger of experiments to show and to learn from."""

import datetime as dt

import numpy as np

from restock.evaluation.link import Entry

EVIL = "<script>alert(1)</script>"


def ledger(n: int, *, text: str = "blend (pooled)", ope: bool = True) -> list[Entry]:
    """Experiments in which money counted more than order."""
    random = np.random.default_rng(0)
    found = []
    for at in range(n):
        ndcg, share, money = random.normal(0, 0.2) + random.normal(0, 0.1, 3)
        lift = 0.1 * money + random.normal(0, 0.004)
        start = dt.date(2025, 1, 6) + dt.timedelta(days=35 * at)
        found.append(
            Entry(
                name=f"test-{at}",
                markets=("FR", "DE") if at % 3 == 0 else ("FR",),
                start=start,
                end=start + dt.timedelta(days=28),
                control="reorder (market)",
                treatment=text,
                lift=lift,
                error=0.004,
                offline={
                    "ndcg_at_10": ndcg,
                    "revenue_share_at_10": share,
                    "revenue_ndcg_at_10": money,
                },
                offline_error={"ndcg_at_10": 0.02},
                ope=lift + random.normal(0, 0.01) if ope and at % 2 else None,
                ope_error=0.01 if ope and at % 2 else None,
            )
        )
    return found
