"""Which statistics of a window are watched, and how far a move must go to matter."""

import math
from typing import Literal, NamedTuple

from restock.monitoring.findings import Cause

Scale = Literal["plain", "log"]
Side = Literal["up", "both"]


class Statistic(NamedTuple):
    """A statistic of a window (see ``restock.monitoring.windows``) and its thresholds.

    title: for people. cause: what a move is a sign of; None: a warning at most, since nothing
    that a retraining answers follows from it. side: which moves count. floor: smaller moves
    never matter, however sure (in the units of the value). spread: least spread that is
    believed. scale: "log" values are shown as exp. by_customer: confirmed by a permutation of
    customers.
    """

    name: str
    title: str
    cause: Cause | None
    side: Side
    floor: float
    spread: float
    scale: Scale = "plain"
    by_customer: bool = False

    @property
    def sides(self) -> int:
        """To how many sides a move counts: each is a test."""
        return 2 if self.side == "both" else 1

    def shown(self, value: float) -> float:
        """A value as people read it."""
        return math.exp(value) if self.scale == "log" else value


STATISTICS = (
    Statistic("price_level", "price of the same items", "price shock", "both", 0.02, 0.005, "log"),
    Statistic(
        "price_net", "items dearer by 5 % less cheaper ones", "price shock", "both", 0.2, 0.03
    ),
    Statistic(
        "range_prices", "the same of the category that moved most", "price shock", "both", 2.0, 0.5
    ),
    Statistic("lost_item_rate", "usual demand now gone", "lost supplier", "up", 0.04, 0.005),
    Statistic("new_item_rate", "lines on new items", "new assortment", "up", 0.03, 0.003),
    Statistic(
        "new_customers", "rise of the share of customers who never ordered before",
        "new customers", "up", 0.08, 0.02,
    ),
    Statistic(
        "unseen_customers", "rise of the share of customers new or back after half a year",
        "new customers", "up", 0.08, 0.02,
    ),
    Statistic(
        "item_js", "distance of the item mix", "behaviour", "up", 0.03, 0.01, by_customer=True
    ),
    Statistic(
        "category_js", "distance of the category mix", "behaviour", "up", 0.02, 0.005,
        by_customer=True,
    ),
    Statistic(
        "quantity", "quantity of a line", "behaviour", "both", 0.15, 0.03, "log", by_customer=True
    ),
    Statistic(
        "basket_lines", "lines of an order", "behaviour", "both", 0.15, 0.03, "log",
        by_customer=True,
    ),
    Statistic(
        "order_value", "value of an order", "behaviour", "both", 0.15, 0.03, "log",
        by_customer=True,
    ),
    Statistic("assortment", "items sold", None, "both", 0.15, 0.03, "log"),
    Statistic("volume", "orders per day against before", None, "both", 0.25, 0.05, "log"),
    Statistic("weekday_js", "distance of the weekday mix", None, "up", 0.05, 0.01),
    Statistic("quarantined_share", "lines set aside", None, "up", 0.03, 0.005),
)  # fmt: skip
"""In order of precedence: what explains more comes first."""
