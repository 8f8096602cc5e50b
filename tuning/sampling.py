"""Which customers a rung takes: the same everywhere, and those of a lower rung within a higher."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from restock.dataset import Interactions
from restock.tuning.setting import Setting
from restock.tuning.trials import Rung


def sampled(interactions: Interactions, rung: Rung, setting: Setting) -> Interactions:
    """The lines of a rung's customers; the catalogue stays whole.

    Every customer who has a line here has a fixed place in 0 … 1 (``place_of``), and is taken
    below the rung's share. Of each market the first ``policy.least_customers`` are taken
    anyway, so small markets stay whole. Neither machine, process nor seed changes the choice.
    """
    if rung.customers >= 1:
        return interactions
    catalogue, customers = interactions.catalogue, interactions.customers
    place = place_of(catalogue.customer_ids(customers))
    rank = _rank_within(catalogue.customer_market[customers], place)
    taken = (place < rung.customers) | (rank < setting.policy.least_customers)
    return interactions.of_customers(customers[taken])


def place_of(ids: NDArray[np.object_]) -> NDArray[np.float64]:
    """A place in 0 … 1 for each id, evenly spread: the first 8 bytes of its BLAKE2b digest."""
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.float64) / 2.0**64


def _rank_within(group: NDArray[np.int32], place: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of the same group have a lower place (int64)."""
    order = np.lexsort((place, group))
    ordered = group[order]
    rank = np.empty(group.size, dtype=np.int64)
    rank[order] = np.arange(group.size) - np.searchsorted(ordered, ordered)
    return rank
