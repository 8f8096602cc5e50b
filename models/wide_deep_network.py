"""The wide and deep network, and the arrays that score without it. Imports torch: only in a fit."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from restock.models.base import State
from restock.models.wide_deep_examples import BOUGHT, Batch
from restock.models.wide_deep_view import BUCKETS, CROSSES, HABIT, Codes, View
from restock.models.wide_deep_windows import Scale, standard

MARKET = 4
"""Numbers that an embedding of a market has."""
SLOW = 0.1
"""Adam moves a weight as far for a rare customer as for a frequent one: embeddings are trained
ten times smaller than they are used, which slows them down, and keeps rare ones near 0."""
START = 0.05  # an embedding's largest number before training
PAIRS_AT_ONCE = 65_536


class Sizes(NamedTuple):
    """How many customers, items and markets there are, and features of each kind."""

    customers: int
    items: int
    markets: int
    customer_features: int
    item_features: int

    @classmethod
    def of(cls, known: View, codes: Codes) -> "Sizes":
        """As ``Scale`` makes features of a view."""
        pair, item, sales = (t.shape[-1] for t in (known.pair, known.item_features, known.sales))
        return cls(
            codes.customers.size,
            codes.items.size,
            codes.markets.size,
            known.customer_features.shape[1] + 1 + known.calendar.size,
            item + 1 + pair + 1 + sales,
        )


class Network(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """``score = offset + wide + deep`` of customers and their candidates.

    wide: a weight for each count × recency of the pair, for each market × popularity × bought
    before, and for each feature of the candidate. deep: two layers over the embeddings and
    features of customer, market, calendar and candidate.
    """

    def __init__(self, sizes: Sizes, embedding: int, hidden: int, second: int) -> None:
        super().__init__()
        self.customer = nn.Embedding(sizes.customers, embedding)
        self.item = nn.Embedding(sizes.items, embedding)
        self.market = nn.Embedding(sizes.markets, MARKET)
        self.left = nn.Linear(embedding + MARKET + sizes.customer_features, hidden)
        self.right = nn.Linear(embedding + sizes.item_features, hidden, bias=False)
        self.second = nn.Linear(hidden, second)
        self.out = nn.Linear(second, 1)
        self.cross = nn.Embedding(CROSSES, 1)
        self.sells = nn.Embedding(sizes.markets * BUCKETS * 2, 1)
        self.wide = nn.Linear(sizes.item_features, 1, bias=False)

    def start(self) -> "Network":
        """Begin near the offset: nothing wide, little that is deep. Returns itself."""
        with torch.no_grad():
            for embedding in (self.customer, self.item, self.market):
                embedding.weight.mul_(START * embedding.embedding_dim**0.5 / SLOW)
            for module in (self.cross, self.sells, self.wide):
                module.weight.zero_()
            self.out.weight.mul_(0.1)
        return self

    def of_customers(self, customer: Tensor, market: Tensor, features: Tensor) -> Tensor:
        """The customers' part of the first layer (rows × hidden)."""
        known = [SLOW * self.customer(customer), SLOW * self.market(market), features]
        return self.left(torch.cat(known, -1))

    def of_items(self, item: Tensor, features: Tensor) -> Tensor:
        """The candidates' part of the first layer (… × hidden)."""
        return self.right(torch.cat([SLOW * self.item(item), features], -1))

    def deep(self, first: Tensor) -> Tensor:
        """What follows the first layer (…)."""
        return self.out(torch.relu(self.second(torch.relu(first)))).squeeze(-1)

    def linear(self, market: Tensor, bucket: Tensor, cross: Tensor, features: Tensor) -> Tensor:
        """The wide part (…)."""
        sells = (market * BUCKETS + bucket) * 2 + (cross > 0)
        weights = self.cross(cross) + self.sells(sells) + self.wide(features)
        return weights.squeeze(-1)

    def forward(self, batch: Batch) -> Tensor:
        """Scores (rows × candidates)."""
        left = self.of_customers(batch.customer, batch.market, batch.customer_features)
        right = self.of_items(batch.item, batch.item_features)
        wide = self.linear(batch.market[:, None], batch.bucket, batch.cross, batch.item_features)
        return batch.offset + wide + self.deep(left[:, None] + right)


def loss(network: nn.Module, batch: Batch, weight: Tensor) -> Tensor:
    """Softmax over each row's candidates, the first of which was bought (rows).

    Candidates stand for those that were not drawn: ``weight`` is the logarithm of how many
    (Jean et al., ACL 2015, eq. 8), 0 for the purchase itself.
    """
    scores = network(batch) + weight
    return torch.logsumexp(scores, 1) - scores[:, 0]


def arrays(network: Network, known: View, codes: Codes, scale: Scale) -> State:
    """What ``kernels.wide_deep.score`` reads, for a view (see there), computed on the CPU.

    pair_score: float32 (pairs), the whole score of what was bought before.
    """
    everyone = np.arange(codes.customers.size)
    with torch.no_grad():
        left = network.of_customers(
            torch.as_tensor(everyone),
            torch.as_tensor(codes.market),
            torch.as_tensor(scale.customers(known, everyone)),
        )
        items = torch.as_tensor(scale.items(known))
        sales = torch.as_tensor(standard(known.sales, scale.sales))
        found = _never(network, known, items, sales) | {"left": left}
        found["pair_score"] = _own(network, known, codes, scale, left, items, sales)
    return {name: np.ascontiguousarray(tensor.detach().numpy()) for name, tensor in found.items()}


def _never(network: Network, known: View, items: Tensor, sales: Tensor) -> dict[str, Tensor]:
    """The network for items never bought; of their sales only the first differs by market."""
    markets, n_items, columns = sales.shape
    pair = torch.zeros(n_items, known.pair.shape[1] + 1)
    common = sales[0].clone()
    common[:, 0] = 0
    every = torch.arange(n_items)
    spread = (markets, n_items)
    about = torch.cat([items.expand(*spread, -1), pair.expand(*spread, -1), sales], -1)
    home = torch.arange(markets)[:, None]
    none = torch.zeros(spread, dtype=torch.int64)
    wide = network.linear(home, torch.as_tensor(known.bucket), none, about)
    return {
        "right": network.of_items(every, torch.cat([items, pair, common], -1)).T,
        "slope": network.right.weight[:, -columns],
        "share": sales[:, :, 0],
        "base": torch.as_tensor(known.sales[:, :, 0]) + wide + network.out.bias,
        "second": network.second.weight,
        "second_bias": network.second.bias,
        "out": network.out.weight[0],
    }


def _own(
    network: Network,
    known: View,
    codes: Codes,
    scale: Scale,
    left: Tensor,
    items: Tensor,
    sales: Tensor,
) -> Tensor:
    """The scores of all pairs, some at a time."""
    scores = torch.empty(known.item.size)
    customers, bucket = known.customer, torch.as_tensor(known.bucket)
    for begin in range(0, known.item.size, PAIRS_AT_ONCE):
        part = slice(begin, begin + PAIRS_AT_ONCE)
        customer, item = torch.as_tensor(customers[part]), torch.as_tensor(known.item[part])
        market = torch.as_tensor(codes.market[customers[part]])
        pair = torch.as_tensor(scale.pairs(known.pair[part]))
        about = torch.cat([items[item], pair, sales[market, item]], -1)
        cross = torch.as_tensor(known.cross[part])
        wide = network.linear(market, bucket[market, item], cross, about)
        deep = network.deep(left[customer] + network.of_items(item, about))
        scores[part] = torch.as_tensor(known.pair[part, HABIT] + np.float32(BOUGHT)) + wide + deep
    return scores
