"""Findings of data drift in words, with the numbers."""

import datetime as dt
from collections.abc import Sequence

from restock.monitoring.judging import Move
from restock.monitoring.planned import Planned

_WORDS = {
    "price_level": "The same items cost {value} times what they did (usually {low} to {high})",
    "price_net": "Items dearer by 5 % less cheaper ones are {value} (usually {low} to {high})",
    "range_prices": "Prices of {category} moved together: {value} (usually {low} to {high})",
    "lost_item_rate": "{value} of the usual demand is for items that nobody orders any more "
    "(usually {low} to {high})",
    "new_item_rate": "{value} of the lines are of items never sold before "
    "(usually {low} to {high})",
    "new_customers": "The share of customers who never ordered before moved by {value} "
    "(usually {low} to {high})",
    "unseen_customers": "The share of customers new or back after half a year moved by {value} "
    "(usually {low} to {high})",
    "item_js": "What is ordered is another mix of items: distance {value} "
    "(usually {low} to {high})",
    "category_js": "What is ordered is another mix of categories: distance {value} "
    "(usually {low} to {high})",
    "quantity": "A line has {value} pieces (usually {low} to {high})",
    "basket_lines": "An order has {value} lines (usually {low} to {high})",
    "order_value": "An order is worth {value} (usually {low} to {high})",
    "assortment": "{value} items were sold (usually {low} to {high})",
    "volume": "There are {value} times the orders per day of the weeks before "
    "(usually {low} to {high})",
    "weekday_js": "Orders come on other weekdays: distance {value} (usually {low} to {high})",
    "quarantined_share": "{value} of the lines were set aside (usually {low} to {high})",
}
_SHARES = {
    "price_net", "lost_item_rate", "new_item_rate", "new_customers",
    "unseen_customers", "quarantined_share",
}  # fmt: skip
_POSITIVE = {"new_item_rate", "item_js", "category_js", "weekday_js", "quarantined_share"}
_FAULTS = {
    "prices": "{share} of the prices are off by a factor of five or more",
    "quantities": "quantities are {times} times what they were",
    "doubled": "all quantities are even ({times} times what they were): lines came twice",
    "repeated": "{share} of the lines were there already in the week before",
    "quarantined": "{share} of the lines were set aside",
    "orders": "only {share} of the orders came that these days usually have",
}


def of_move(move: Move, category: str, plan: Planned | None = None) -> str:
    """One sentence about a move. category: whose prices moved, for the statistic of categories."""
    name, shown = move.statistic.name, move.statistic.shown
    form = "{:.1%}" if name in _SHARES else "{:.3g}"
    low, high = shown(move.low), shown(move.high)
    if move.statistic.name in _POSITIVE:
        low = max(low, 0.0)
    text = _WORDS[name].format(
        value=form.format(shown(move.value)),
        low=form.format(low),
        high=form.format(high),
        category=category,
    )
    text += f" over {move.width} days, against {move.windows} windows before; "
    text += f"chance without drift {_chance(move.p_value)}."
    if move.seasonal:
        text += " It moved likewise a year ago."
    if plan is not None:
        text += f" Planned ({plan.what}, {plan.first} to {plan.last})"
        text += f": {plan.note}." if plan.note else "."
    return text


def of_fault(name: str, value: float, days: Sequence[dt.date]) -> str:
    """One sentence about a fault of the feed on some days."""
    what = _FAULTS[name].format(share=f"{value:.0%}", times=f"{value:.3g}")
    when = f"On {days[0]}" if len(days) == 1 else f"From {days[0]} to {days[-1]}"
    return f"{when}, {what}. Its lines are not compared with others."


def _chance(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"{p:.2g}"
