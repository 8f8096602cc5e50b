"""The order lines that the engine's speed benchmarks share: Zipf's law, and a grocery chain."""

from restock.benchmarks import dunnhumby
from restock.benchmarks.growth import orders
from restock.dataset import Interactions
from restock.dataset import columns as c


def pairs_1m() -> Interactions:
    """A million (customer, item) pairs, each bought once: 50,000 customers, 5,000 items."""
    return orders(repeats=0)


def pairs_10m() -> Interactions:
    """Ten million pairs: 300,000 customers, 20,000 items."""
    return orders(300_000, 20_000, each=100 / 3, repeats=0)


def pairs_30m() -> Interactions:
    """Thirty million pairs: 600,000 customers, 30,000 items."""
    return orders(600_000, 30_000, each=50, repeats=0)


def dunnhumby_10k(products: int = 10_000) -> Interactions:
    """The order lines of Dunnhumby's most bought products, 2,469 customers."""
    lines = dunnhumby.orders()
    most = lines[c.ITEM].value_counts().index[:products]
    return Interactions.from_frame(lines[lines[c.ITEM].isin(most)])
