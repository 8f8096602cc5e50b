"""Customers of made-up experiments."""

import numpy as np
import pandas as pd


def units(n: int, seed: int, lift: float = 0.0, arms: tuple[str, ...] = ("a", "b")) -> pd.DataFrame:
    """n customers with lasting tastes, of stores of eight, in arms at random; b earns more."""
    generator = np.random.default_rng(seed)
    taste = generator.lognormal(sigma=0.7, size=n)
    orders = generator.poisson(2 * taste)
    before = generator.poisson(2 * taste)
    value = generator.lognormal(3, 0.4, size=(2, n))
    arm = generator.choice(arms, n)
    revenue = orders * value[0] * np.where(arm == "b", 1 + lift, 1)
    return pd.DataFrame(
        {
            "arm": arm,
            "store": generator.integers(0, n // 8, n),
            "revenue": revenue,
            "orders": orders.astype(float),
            "lines": orders * 2.0,
            "items": np.minimum(orders, 5).astype(float),
            "revenue_before": before * value[1],
            "orders_before": before.astype(float),
        }
    )


def by_store(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with the arm of the store's number."""
    return frame.assign(arm=np.where(frame["store"] % 2 == 0, "a", "b"))
