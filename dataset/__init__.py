"""What an order is: the contract, cleaning, encoded interactions, time cuts, the sample."""

from restock.dataset.catalogue import Catalogue
from restock.dataset.contract import BadOrders
from restock.dataset.interactions import Interactions
from restock.dataset.pairs import Pairs
from restock.dataset.reading import read_orders
from restock.dataset.report import CleanOrders
from restock.dataset.sample import load_sample
from restock.dataset.simulate import simulate

__all__ = [
    "BadOrders",
    "Catalogue",
    "CleanOrders",
    "Interactions",
    "Pairs",
    "load_sample",
    "read_orders",
    "simulate",
]
