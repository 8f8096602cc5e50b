"""Training examples of a wide and deep network, as tensors. Imports torch: only inside a fit.

A row is a purchase in the horizon of a cut-off. It competes with items that the customer had
bought before and did not buy then, and with items that the customer never bought, drawn by how
they sell in the market. Negatives are drawn anew for each epoch, all at once.
"""

from collections.abc import Sequence
from math import inf, log
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from restock.models.wide_deep_view import HABIT, Codes, Ints
from restock.models.wide_deep_windows import Scale, Window, standard

BOUGHT = -4.0
"""Logarithm of the share of a horizon's purchases that one recent order line is worth, about."""


class Batch(NamedTuple):
    """What the network is given: (rows) of the customer, (rows × candidates) of the items.

    offset: what the score is before anything is learned.
    """

    customer: Tensor
    market: Tensor
    customer_features: Tensor
    item: Tensor
    item_features: Tensor
    cross: Tensor
    bucket: Tensor
    offset: Tensor


class Examples:
    """The rows of some windows, on a device; ``draw`` before each epoch, then ``batch``."""

    def __init__(
        self, windows: Sequence[Window], codes: Codes, scale: Scale, negatives: int, most: int
    ) -> None:
        """negatives: of each kind for each row. most: rows of a customer, cut-off and epoch."""
        self.negatives, self.most = negatives, most
        self.n_items, self.n_markets = codes.items.size, codes.markets.size
        rows = np.cumsum([0, *(w.customers.size for w in windows)])
        pairs = np.cumsum([0, *(w.pairs.size for w in windows)])
        customers = np.concatenate([w.customers for w in windows])
        none = np.zeros(1, dtype=np.int64)

        def gather(parts: Sequence[NDArray[Any]]) -> Tensor:
            return torch.as_tensor(np.concatenate(parts))

        self.customer = torch.as_tensor(customers)
        self.market = torch.as_tensor(codes.market[customers])
        self.window = gather([np.full(w.customers.size, at) for at, w in enumerate(windows)])
        self.customer_features = gather([scale.customers(w.view, w.customers) for w in windows])
        self.item_features = gather([scale.items(w.view) for w in windows])
        self.log_share = gather([w.view.sales[:, :, 0].reshape(-1) for w in windows])
        self.bucket = gather([w.view.bucket.reshape(-1) for w in windows])
        sales = [standard(w.view.sales, scale.sales) for w in windows]
        self.sales = gather([part.reshape(-1, part.shape[-1]) for part in sales])
        features = [scale.pairs(w.view.pair[w.pairs]) for w in windows]
        self.pair = gather([np.zeros((1, features[0].shape[1]), dtype=np.float32), *features])
        habits = [w.view.pair[w.pairs, HABIT] + np.float32(BOUGHT) for w in windows]
        self.habit = gather([np.zeros(1, dtype=np.float32), *habits])
        self.cross = gather([none, *(w.view.cross[w.pairs] for w in windows)])
        self.pair_item = gather([none, *(w.view.item[w.pairs] for w in windows)])
        self.positive = gather([_moved(w, rows[at], pairs[at]) for at, w in enumerate(windows)])
        self.negative = gather([w.negative + pairs[at] for at, w in enumerate(windows)])
        self.start = torch.as_tensor(np.cumsum([0, *(n for w in windows for n in w.of_row)]))
        self.known = gather([w.known + rows[at] * self.n_items for at, w in enumerate(windows)])
        share = torch.exp(self.log_share.double()).view(-1, self.n_items)
        upto = share.cumsum(1) / share.sum(1, keepdim=True)
        # one ascending array for all windows and markets: the n-th goes from n to n + 1
        self.upto = (upto + torch.arange(len(upto))[:, None]).view(-1)

    def to(self, device: torch.device) -> "Examples":
        """Move everything to a device. Returns itself."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(device))
        return self

    def draw(self, random: Generator) -> int:
        """Choose this epoch's rows and negatives; the number of rows."""
        device = self.customer.device

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=random, dtype=torch.float64).to(device)

        positive = self.positive
        order = torch.argsort(positive[:, 0] + uniform(len(positive)))
        rows = positive[order, 0]
        rank = torch.arange(len(rows), device=device) - torch.searchsorted(rows, rows)
        positive = positive[order[rank < self.most]]
        row, item, pair = positive.unbind(1)
        shape = (len(positive), self.negatives)
        again, heavy = self._not_again(row, uniform(*shape))
        new, light = self._never(row, uniform(*shape))
        self.row = row
        self.candidate = torch.cat([item[:, None], self.pair_item[again], new], 1)
        self.candidate_pair = torch.cat([pair[:, None], again, torch.zeros_like(new)], 1)
        self.weight = torch.cat([torch.zeros_like(heavy[:, :1]), heavy, light], 1)
        return len(row)

    def _not_again(self, row: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs bought before and not then, and the logarithm of how many each stands for."""
        size = (self.start[row + 1] - self.start[row])[:, None]
        place = self.start[row][:, None] + (uniform * size).long()
        if not len(self.negative):
            return torch.zeros_like(place), torch.full(place.shape, -inf, device=place.device)
        pair = self.negative[place.clamp(max=len(self.negative) - 1)]
        weight = torch.where(size > 0, torch.log(size / self.negatives), -inf).float()
        return torch.where(size > 0, pair, 0), weight.expand(place.shape)

    def _never(self, row: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Items drawn by their share of the market, and log(1 / (share × draws))."""
        cell = ((self.window[row] * self.n_markets + self.market[row]) * self.n_items)[:, None]
        place = torch.searchsorted(self.upto, uniform + cell // self.n_items)
        item = (place - cell).clamp(0, self.n_items - 1)
        key = row[:, None] * self.n_items + item
        found = torch.searchsorted(self.known, key).clamp(max=len(self.known) - 1)
        weight = -self.log_share[cell + item] - log(self.negatives)
        return item, torch.where(self.known[found] == key, -inf, weight)

    def batch(self, rows: Tensor) -> tuple[Batch, Tensor]:
        """The inputs of rows, and the weight of each candidate (rows × candidates)."""
        at = self.row.index_select(0, rows)
        item, pair = (
            table.index_select(0, rows) for table in (self.candidate, self.candidate_pair)
        )
        window, market = self.window.index_select(0, at), self.market.index_select(0, at)
        cell = (window * self.n_markets + market)[:, None] * self.n_items + item
        features = [
            self.item_features[window[:, None] * self.n_items + item],
            self.pair[pair],
            self.sales[cell],
        ]
        inputs = Batch(
            self.customer.index_select(0, at),
            market,
            self.customer_features.index_select(0, at),
            item,
            torch.cat(features, -1),
            self.cross[pair],
            self.bucket[cell],
            torch.where(pair > 0, self.habit[pair], self.log_share[cell]),
        )
        return inputs, self.weight.index_select(0, rows)


def _moved(window: Window, row: int, pair: int) -> Ints:
    """The positives of a window, behind other windows' rows and pairs."""
    moved = window.positive + np.array([row, 0, 0])
    moved[:, 2] += np.where(moved[:, 2] > 0, pair, 0)
    return moved
