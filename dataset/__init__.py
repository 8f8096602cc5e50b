"""What an order is: the contract, cleaning, encoded interactions, time cuts, the sample."""

from restock.dataset.catalogue import Catalogue
from restock.dataset.interactions import Interactions, Pairs

__all__ = ["Catalogue", "Interactions", "Pairs"]
