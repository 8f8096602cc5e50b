"""What the simulated world must have in common with real orders: named statistics of both."""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from restock.dataset.interactions import MINUTES_PER_DAY, Interactions
from restock.kernels.simulation_statistics import count_rebuys

Statistics = dict[str, float]

TARGETS = "simulator_targets.toml"

YEAR = 365
SINCE = np.array([14, 28, 56, 112, 224, 365], dtype=np.int32)  # days since last bought
MISSED = np.array([1, 2, 3, 5, 10], dtype=np.int32)  # orders since without it
AGES = (1, 2, 3, 5, 10, 20)  # order numbers (from 0) at which age groups begin
TOPS = (0.01, 0.05, 0.1, 0.2, 0.5)


def statistics(interactions: Interactions) -> Statistics:
    """Statistics of order lines, named ``group.what``; the same for real and simulated ones.

    An order is all that a customer buys in one day. Cost: a few passes over the lines.
    Raises ValueError when there is no line.
    """
    if len(interactions) == 0:
        raise ValueError("there are no order lines to describe")
    lines = _by_day(interactions)
    orders = lines.groupby(["customer", "day"], sort=True).agg(
        lines=("item", "size"), repeats=("repeat", "sum")
    )
    orders = orders.reset_index()
    orders["number"] = orders.groupby("customer").cumcount()
    found: Statistics = {}
    for part in (
        _customers(orders, int(lines["day"].max())),
        _baskets(orders),
        _repeats(lines, orders, interactions.n_items),
        _loyalty(lines, orders),
        _items(lines),
        _tastes(lines),
        _amounts(interactions),
        _worth(interactions),
        _calendar(orders, interactions),
        _markets(interactions),
    ):
        found.update(part)
    return found


@cache
def targets() -> Statistics:
    """The statistics of the bundled sample that the frozen parameters were fitted to."""
    text = (files("restock.dataset") / "data" / TARGETS).read_text()
    return {name: float(value) for name, value in tomllib.loads(text).items()}


def targets_to_toml(statistics: Statistics, heading: str) -> str:
    """The text of a file of targets; a statistic that is not known is left out."""
    known = {name: value for name, value in statistics.items() if np.isfinite(value)}
    lines = [f"# {line}".rstrip() for line in heading.splitlines()] + [""]
    return "\n".join(lines + [f'"{name}" = {value:.6g}' for name, value in known.items()]) + "\n"


def compare_statistics(real: Statistics, simulated: Statistics) -> pd.DataFrame:
    """One row per statistic: real, simulated and their ratio."""
    frame = pd.DataFrame({"real": pd.Series(real), "simulated": pd.Series(simulated)})
    frame["ratio"] = frame["simulated"] / frame["real"]
    return frame


def _by_day(x: Interactions) -> pd.DataFrame:
    """One row per customer, day and item, sorted so; ``repeat``: bought on an earlier day."""
    day = x.minute // MINUTES_PER_DAY
    frame = pd.DataFrame({"customer": x.customer, "day": day - day.min(), "item": x.item})
    frame = frame.drop_duplicates().sort_values(["customer", "day", "item"], ignore_index=True)
    frame["repeat"] = frame.duplicated(["customer", "item"])
    return frame


def _quantiles(name: str, values: pd.Series, at: Sequence[float]) -> Statistics:
    found = (
        np.quantile(values.to_numpy(dtype=np.float64), at) if len(values) else [np.nan] * len(at)
    )
    return {f"{name}_q{round(q * 100):02d}": float(v) for q, v in zip(at, found, strict=True)}


def _customers(orders: pd.DataFrame, last_day: int) -> Statistics:
    each = orders.groupby("customer")["day"].agg(["size", "min"])
    year = orders[orders["day"] > last_day - YEAR].groupby("customer").size()
    gap = orders.groupby("customer")["day"].diff().dropna()
    often = orders[orders["customer"].map(each["size"]) >= 8]
    gaps = often.groupby("customer")["day"].apply(
        lambda days: days.diff().std() / days.diff().mean()
    )
    return {
        **_quantiles("customers.orders", each["size"], (0.5, 0.75, 0.9, 0.95, 0.99)),
        "customers.orders_mean": float(each["size"].mean()),
        "customers.one_order": float((each["size"] == 1).mean()),
        "customers.one_order_in_last_year": float((year == 1).mean()),
        "customers.new_after_half_year": float((each["min"] > YEAR // 2).mean()),
        "customers.new_after_a_year": float((each["min"] > YEAR).mean()),
        "customers.active_in_last_year": float(year.size / each.shape[0]),
        **_quantiles("gaps.days", gap, (0.1, 0.25, 0.5, 0.75, 0.9, 0.95)),
        "gaps.variation_within": float(gaps.median()) if len(gaps) else np.nan,
    }


def _baskets(orders: pd.DataFrame) -> Statistics:
    size = orders["lines"].astype(np.float64)
    grouped = size.groupby(orders["customer"])
    n, mean, var = grouped.transform("size"), grouped.transform("mean"), grouped.transform("var")
    some = n >= 3
    within = ((var - mean)[some]).mean() / (mean[some] ** 2).mean() if some.any() else np.nan
    return {
        **_quantiles("baskets.items", size, (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)),
        "baskets.items_mean": float(size.mean()),
        "baskets.overdispersion_within": float(within),
    }


def _repeats(lines: pd.DataFrame, orders: pd.DataFrame, n_items: int) -> Statistics:
    found = {"repeats.share": float(lines["repeat"].mean())}
    group = np.searchsorted(AGES, orders["number"].to_numpy(), side="right")
    sums = orders.groupby(group)[["repeats", "lines"]].sum()
    for at, start in enumerate(AGES, 1):
        share = sums["repeats"] / sums["lines"]
        found[f"repeats.share_from_order_{start + 1}"] = float(share.get(at, np.nan))
    counts = lines["customer"].value_counts().sort_index()
    indptr = np.concatenate([[0], np.cumsum(counts.to_numpy())]).astype(np.int64)
    day, item = (lines[name].to_numpy(dtype=np.int32) for name in ("day", "item"))
    chances, rebuys, second, again = count_rebuys(indptr, day, item, n_items, SINCE, MISSED, 10)
    since = [f"upto_{days}" for days in SINCE.tolist()] + ["later"]
    missed = [f"missed_{n}" for n in (0, *MISSED.tolist())]
    with np.errstate(invalid="ignore", divide="ignore"):
        for rows, name in ((slice(0, 1), "once"), (slice(1, 3), "twice"), (slice(3, 10), "often")):
            some, hits = chances[rows].sum(axis=0), rebuys[rows].sum(axis=0)
            for axis, labels in ((1, since), (0, missed)):
                rate = hits.sum(axis=axis) / some.sum(axis=axis)
                for label, value in zip(labels, rate, strict=True):
                    found[f"rebuys.{name}_{label}"] = float(value)
        for label, value in zip(since, again / second, strict=True):
            found[f"rebuys.second_order_{label}"] = float(value)
        by_times = rebuys.sum(axis=(1, 2)) / chances.sum(axis=(1, 2))
    for times in (1, 2, 3, 5, 10):
        found[f"rebuys.times_{times}"] = float(by_times[times - 1])
    return found


def _loyalty(lines: pd.DataFrame, orders: pd.DataFrame) -> Statistics:
    """How faithful customers of 10 to 19 orders are, and what small and large orders repeat."""
    n = orders.groupby("customer").size()
    some = n[(n >= 10) & (n <= 19)].index
    mine = lines[lines["customer"].isin(some)]
    often = mine.groupby(["customer", "item"]).size() / n
    rank = often.groupby("customer").rank(ascending=False, method="first")
    found = {
        f"loyalty.orders_with_item_{r}": float(often[rank == r].mean()) for r in (1, 3, 5, 10, 20)
    }
    share = mine.groupby("customer")["repeat"].mean()
    found.update(_quantiles("loyalty.repeat_share", share, (0.1, 0.5, 0.9)))
    late = orders[orders["number"] >= 5]
    edges = [0, 5, 20, 60, np.inf]
    for low, high in pairwise(edges):
        part = late[(late["lines"] > low) & (late["lines"] <= high)]
        name = f"loyalty.repeats_over_{low:.0f}_items"
        found[name] = float((part["repeats"] / part["lines"]).mean()) if len(part) else np.nan
    return found


def _top_shares(name: str, counts: NDArray[np.int64]) -> Statistics:
    ranked = np.sort(counts[counts > 0])[::-1]
    total = np.cumsum(ranked) / ranked.sum()
    return {
        f"{name}_{round(top * 100):02d}": float(total[max(int(ranked.size * top), 1) - 1])
        for top in TOPS
    }


def _items(lines: pd.DataFrame) -> Statistics:
    counts = np.bincount(lines["item"])
    span = lines.groupby("item")["day"].agg(["min", "max"])
    last = int(lines["day"].max())
    window = lines["day"].to_numpy() // 28
    recent = [_top_shares("", np.bincount(part)) for _, part in lines["item"].groupby(window)]
    return {
        **_top_shares("items.share_of_top", counts),
        "items.share_of_top_01_in_28_days": float(np.mean([part["_01"] for part in recent])),
        "items.share_of_top_10_in_28_days": float(np.mean([part["_10"] for part in recent])),
        "items.sold_in_28_days": float(
            lines["item"].groupby(window).nunique().mean() / span.shape[0]
        ),
        "items.new_after_90_days": float((span["min"] > 90).mean()),
        "items.gone_90_days": float((span["max"] < last - 90).mean()),
    }


def _tastes(lines: pd.DataFrame) -> Statistics:
    """How alike the buyers of two popular items are, and how far that tells what comes next.

    cosine: over customers; the mean, and the nearest, fifth and fiftieth neighbour of an item.
    kin: customers' new items of the second half of the time, by their likeness to what the
    customer had bought in the first half, relative to items drawn by popularity.
    """
    first = lines[~lines["repeat"]]
    best = first["item"].value_counts().index[:400]
    some = first[first["item"].isin(best)]
    early = (some["day"] <= lines["day"].max() / 2).to_numpy()
    column = pd.Index(best).get_indexer(some["item"])
    shape = (int(lines["customer"].max()) + 1, len(best))

    def bought(rows: NDArray[np.bool_]) -> sparse.csr_array:
        cells = (some["customer"].to_numpy()[rows], column[rows])
        return sparse.csr_array((np.ones(int(rows.sum())), cells), shape=shape)

    nearest = np.sort(_likeness(bought(np.ones(early.size, dtype=bool))), axis=1)
    before, after = bought(early), bought(~early).toarray()
    kin = before @ _likeness(before)
    open_to = (1.0 - before.toarray()) * after.sum(axis=0)
    judged = (before.sum(axis=1) >= 3) & (after.sum(axis=1) > 0) & (open_to.sum(axis=1) > 0)
    chosen = (kin * after)[judged].sum(axis=1) / after[judged].sum(axis=1)
    by_popularity = (kin * open_to)[judged].sum(axis=1) / open_to[judged].sum(axis=1)
    return {
        "tastes.cosine_mean": float(nearest.mean()),
        "tastes.cosine_nearest": float(np.median(nearest[:, -1])),
        "tastes.cosine_fifth": float(np.median(nearest[:, -5:][:, 0])),
        "tastes.cosine_fiftieth": float(np.median(nearest[:, -50:][:, 0])),
        "tastes.kin": float(chosen.mean() / by_popularity.mean()) if judged.any() else np.nan,
    }


def _likeness(bought: sparse.csr_array) -> NDArray[np.float64]:
    """Cosine of the columns, 0 on the diagonal."""
    norm = np.sqrt(np.maximum(bought.sum(axis=0), 1e-12))
    alike: NDArray[np.float64] = (bought.T @ bought).toarray() / np.outer(norm, norm)
    np.fill_diagonal(alike, 0.0)
    return alike


def _amounts(x: Interactions) -> Statistics:
    price = x.value / x.quantity
    item_price = pd.Series(price).groupby(x.item).median()
    value = pd.Series(x.value)
    at = (0.05, 0.25, 0.5, 0.75, 0.95)
    usual = np.log(x.quantity.astype(np.float64))
    slope = np.polyfit(np.log(np.maximum(price.astype(np.float64), 0.01)), usual, 1)[0]
    by_item = value.groupby(x.item).sum().sort_values(ascending=False)
    return {
        **_quantiles("amounts.quantity", pd.Series(x.quantity), at),
        **_quantiles("amounts.item_price", item_price, at),
        **_quantiles("amounts.line_value", value, at),
        **_quantiles("amounts.order_value", value.groupby(x.order).sum(), at),
        "amounts.quantity_per_price": float(slope),
        "amounts.revenue_of_top_10": float(
            by_item.iloc[: max(len(by_item) // 10, 1)].sum() / by_item.sum()
        ),
    }


def _worth(x: Interactions) -> Statistics:
    """Whether customers of 5 orders and more spend more on what they buy more often.

    The slope, within customers, of the log of the mean value of a line on the log of the times
    that the item was bought. Then the price of the median line to that of the median item, and
    how much of all revenue the largest customers bring.
    """
    first = np.flatnonzero(np.diff(x.order, prepend=-1))
    orders = np.bincount(x.customer[first], minlength=x.n_customers)
    lines = pd.DataFrame({"customer": x.customer, "item": x.item, "value": np.log(x.value + 0.01)})
    lines = lines[orders[x.customer] >= 5]
    pairs = lines.groupby(["customer", "item"])["value"].agg(["mean", "size"]).reset_index()
    times = np.log(pairs["size"])
    times -= times.groupby(pairs["customer"]).transform("mean")
    value = pairs["mean"] - pairs["mean"].groupby(pairs["customer"]).transform("mean")
    spent = np.sort(np.bincount(x.customer, x.value))[::-1]
    spread = float((times**2).mean())
    top = {
        f"worth.revenue_of_top_{share * 100:g}_percent": float(
            spent[: max(int(x.customers.size * share), 1)].sum() / spent.sum()
        )
        for share in (0.001, 0.01, 0.1)
    }
    slope = float((times * value).mean()) / spread if spread > 0 else np.nan
    price = x.value.astype(np.float64) / x.quantity
    typical = pd.Series(price).groupby(x.item).median()
    dear = float(np.median(price) / typical.median())
    return {"worth.value_per_times": slope, "worth.price_of_lines_to_items": dear, **top}


def _calendar(orders: pd.DataFrame, x: Interactions) -> Statistics:
    first = int(x.minute.min()) // MINUTES_PER_DAY
    date = pd.to_datetime(orders["day"] + first, unit="D")
    month = date.dt.month.value_counts(normalize=True).reindex(range(1, 13), fill_value=0.0)
    weekday = date.dt.weekday.value_counts(normalize=True).reindex(range(7), fill_value=0.0)
    return {
        **{f"calendar.month_{m:02d}": float(month[m]) for m in range(1, 13)},
        **{f"calendar.weekday_{d}": float(weekday[d]) for d in range(7)},
        "calendar.minute_mean": float((x.minute % MINUTES_PER_DAY).mean()),
    }


def _markets(x: Interactions) -> Statistics:
    sizes = np.bincount(x.catalogue.customer_market[x.customers])
    ranked = np.sort(sizes[sizes > 0])[::-1] / sizes.sum()
    ranks = (1, 2, 5, 10, 20)
    return {f"markets.share_{r}": float(ranked[r - 1]) for r in ranks if r <= ranked.size}
