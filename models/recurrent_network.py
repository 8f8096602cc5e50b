"""The network of the recurrent models: what is repeated, what is new, and how much of each.

Needs torch: import this module inside a fit only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from restock.models.recurrent_examples import (
    ASKED_FEATURES,
    PAIR_FEATURES,
    STEP_FEATURES,
    Questions,
    Sequences,
)

COPY_WIDTH = 32
"""Hidden units that weigh the features of a pair."""
LEAST_DEVIATION = 0.1
"""A feature that hardly varies is not blown up."""
NEVER = -1e4
"""A log probability that no sum notices."""


@dataclass(frozen=True)
class Asked:
    """Sequences and questions as tensors on one device, names as in ``recurrent_examples``.

    place: int64 (answers), the pair of each answer, -1 where the customer had not bought it.
    """

    indptr: Tensor
    basket: Tensor
    line_item: Tensor
    step_features: Tensor
    customer: Tensor
    step: Tensor
    shelf: Tensor
    features: Tensor
    pairs: Tensor
    item: Tensor
    pair_features: Tensor
    answers: Tensor
    answer: Tensor
    place: Tensor
    shelves: Tensor

    @classmethod
    def of(cls, sequences: Sequences, questions: Questions, device: str) -> Self:
        """Move them to ``device`` once, before the first step."""
        of_pair = np.repeat(np.arange(questions.size), np.diff(questions.pairs))
        of_answer = np.repeat(np.arange(questions.size), np.diff(questions.answers))
        n_items = questions.shelves.shape[1]
        bought = of_pair * n_items + questions.item
        wanted = of_answer * n_items + questions.answer
        place = np.minimum(np.searchsorted(bought, wanted), bought.size - 1)
        place[bought[place] != wanted] = -1
        arrays = {
            **{name: getattr(sequences, name) for name in ("indptr", "basket")},
            "line_item": sequences.item,
            "step_features": sequences.features,
            **{f.name: getattr(questions, f.name) for f in fields(questions)},
            "place": place,
        }
        return cls(**{name: torch.from_numpy(a).to(device) for name, a in arrays.items()})

    def in_order(self, batch_size: int) -> Sequence[Tensor]:
        """All question numbers in batches, as they come (int64)."""
        parts: Sequence[Tensor] = torch.arange(
            len(self.customer), device=self.customer.device
        ).split(batch_size)
        return parts

    def by_length(self, batch_size: int, random: torch.Generator) -> list[Tensor]:
        """All question numbers in batches (int64, on the CPU): like lengths together.

        A customer's questions lie together too: they share one pass over the orders. Batches
        come in random order, and so do customers of the same length, up to a factor of two.
        """
        customer = self.customer.cpu()
        draw = torch.rand(len(self.indptr), generator=random, dtype=torch.float64)[customer]
        length = (self.step - self.indptr[self.customer] + 1).cpu().double()
        order = torch.argsort(torch.log2(length).ceil() + draw, stable=True)
        parts = order.split(batch_size)
        return [parts[at] for at in torch.randperm(len(parts), generator=random).tolist()]


@dataclass(frozen=True)
class Reply:
    """What the network says to some questions.

    wanted: float32 (questions × d). logits: float32 (questions × items), and log_sum, their
    log-sum-exp: what is generated. gate: float32 (questions × 2), the log probabilities to copy
    and to generate. copied: float32, the log probability of each pair among those of its
    question, one question after the other; row: int64, the question of each, and start: int64
    (questions), where it begins.
    """

    wanted: Tensor
    logits: Tensor
    log_sum: Tensor
    gate: Tensor
    copied: Tensor
    row: Tensor
    start: Tensor


class Network(nn.Module):  # type: ignore[misc]
    """A recurrent encoder over orders, a head that generates and one that copies.

    The formulas are those of ``restock.models.recurrent.Recurrent``.
    """

    def __init__(self, cell: Literal["gru", "lstm"], n_items: int, width: int, copy: bool) -> None:
        super().__init__()
        recurrent = {"gru": nn.GRU, "lstm": nn.LSTM}[cell]
        self.copy = copy
        self.items = nn.Embedding(n_items, width)
        self.encoder = recurrent(width + STEP_FEATURES, width, batch_first=True)
        self.wish = nn.Linear(width + ASKED_FEATURES, width)
        self.gate = nn.Linear(width, 1)
        self.pair_line = nn.Parameter(torch.empty(PAIR_FEATURES))
        self.pair_in = nn.Linear(PAIR_FEATURES, COPY_WIDTH)
        self.pair_state = nn.Linear(width, COPY_WIDTH, bias=False)
        self.pair_out = nn.Linear(COPY_WIDTH, 1)
        self.wish_again = nn.Parameter(torch.empty(1))
        self.again = nn.Parameter(torch.empty(n_items))
        self.register_buffer("habit", torch.zeros(PAIR_FEATURES))
        self.register_buffer("mean", torch.zeros(PAIR_FEATURES))
        self.register_buffer("scale", torch.ones(PAIR_FEATURES))

    def start_from_habit(self, pair_features: NDArray[np.float32]) -> None:
        """Before training: copying follows ``reorder``, whose log score is the first feature.

        pair_features: those of all pairs, whose means and deviations scale the inputs.
        """
        deviation = pair_features.std(0, dtype=np.float64)
        with torch.no_grad():
            self.mean.copy_(torch.from_numpy(pair_features.mean(0, dtype=np.float64)))
            self.scale.copy_(torch.from_numpy(np.maximum(deviation, LEAST_DEVIATION)))
            self.habit[0] = self.scale[0]
            self.gate.weight.zero_()
            self.pair_out.weight.zero_()

    def forward(self, data: Asked, rows: Tensor) -> Reply:
        """Answer the questions ``rows`` (int64)."""
        known = torch.cat([self._state(data, rows), data.features.index_select(0, rows)], 1)
        wanted = torch.tanh(self.wish(known))
        personal = wanted @ self.items.weight.T
        logits = personal + data.shelves.index_select(0, data.shelf[rows])
        gate = 1 + self.gate(wanted)
        gate = functional.logsigmoid(torch.cat([gate, -gate], 1))
        if not self.copy:
            gate = torch.tensor([[NEVER, 0.0]], device=gate.device).expand(len(rows), 2)
        pair, row, start = runs(data.pairs[rows], data.pairs[rows + 1])
        copied = self._copy(data, wanted, personal, pair, row)
        return Reply(wanted, logits, logits.logsumexp(1), gate, copied, row, start)

    def losses(self, data: Asked, rows: Tensor) -> Tensor:
        """Minus the mean log probability of what each question's customer bought (questions)."""
        reply = self(data, rows)
        first, last = data.answers[rows], data.answers[rows + 1]
        answer, row, _ = runs(first, last)
        item, place = data.answer[answer], data.place[answer]
        logit = _cells(reply.logits, row, item) - reply.log_sum.index_select(0, row)
        generated = reply.gate[:, 1].index_select(0, row) + logit
        bought = place >= 0
        at = torch.where(bought, reply.start[row] + place - data.pairs[rows][row], 0)
        copied = reply.gate[:, 0].index_select(0, row) + reply.copied.index_select(0, at)
        both = torch.logaddexp(generated, torch.where(bought, copied, NEVER))
        total = torch.zeros(len(rows), device=rows.device).index_add(0, row, both)
        return -total / (last - first)

    def all_losses(self, data: Asked, batch_size: int) -> Tensor:
        """``losses`` of all questions (float32, questions), without gradients."""
        losses = torch.empty(len(data.customer), device=data.customer.device)
        with torch.no_grad():
            for rows in data.in_order(batch_size):
                losses[rows] = self.losses(data, rows)
        return losses

    def answers(
        self, data: Asked, batch_size: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """What scores are made of, for all questions in order.

        ``wanted`` (questions × d), the log of what turns exp(logit) into the probability that an
        item is generated (questions), and the probability that a pair is copied (pairs).
        """
        # room for all before the first batch: what is left of a batch would lie in the way of
        # the large blocks of the next one
        device, size = data.customer.device, len(data.customer)
        wanted = torch.empty((size, self.items.weight.shape[1]), device=device)
        level, copied = torch.empty(size, device=device), torch.empty(len(data.item), device=device)
        with torch.no_grad():
            for rows in data.in_order(batch_size):
                reply = self(data, rows)
                wanted[rows] = reply.wanted
                level[rows] = reply.gate[:, 1] - reply.log_sum
                pairs = slice(data.pairs[rows[0]], data.pairs[rows[-1] + 1])
                copied[pairs] = torch.exp(
                    reply.gate[:, 0].index_select(0, reply.row) + reply.copied
                )
        return wanted.cpu().numpy(), level.cpu().numpy(), copied.cpu().numpy()

    def by_width(self) -> NDArray[np.float32]:
        """The item embeddings (float32, d × items)."""
        embeddings: NDArray[np.float32] = self.items.weight.detach().cpu().numpy()
        return np.ascontiguousarray(embeddings.T)

    def _state(self, data: Asked, rows: Tensor) -> Tensor:
        """The encoder's state after the last order that each question knows (questions × d)."""
        customer, which = torch.unique(data.customer[rows], return_inverse=True)
        step, first = data.step[rows], data.indptr[customer]
        last = first.scatter_reduce(0, which, step, "amax")
        order, row, _ = runs(first, last + 1)
        n_steps = int((last + 1 - first).max())
        inputs = torch.cat([self._baskets(data, order), data.step_features[order]], 1)
        inputs = functional.pad(inputs, (0, 0, 0, 1))  # the last row stands for no order
        place = torch.full((len(customer) * n_steps,), len(order), device=rows.device)
        place[row * n_steps + order - first[row]] = torch.arange(len(order), device=rows.device)
        padded = inputs.index_select(0, place).view(len(customer), n_steps, -1)
        states, _ = self.encoder(padded)
        at = which * n_steps + step - first[which]
        return states.reshape(len(customer) * n_steps, -1).index_select(0, at)

    def _baskets(self, data: Asked, order: Tensor) -> Tensor:
        """The mean embedding of the items of each order (orders × d)."""
        line, _, start = runs(data.basket[order], data.basket[order + 1])
        item = data.line_item[line]
        return functional.embedding_bag(item, self.items.weight, start, mode="mean")

    def _copy(
        self, data: Asked, wanted: Tensor, personal: Tensor, pair: Tensor, row: Tensor
    ) -> Tensor:
        """The log probability of each pair among those of its question (float32, pairs)."""
        item = data.item[pair]
        inputs = (data.pair_features.index_select(0, pair) - self.mean) / self.scale
        hidden = self.pair_in(inputs) + self.pair_state(wanted).index_select(0, row)
        score = inputs @ (self.habit + self.pair_line)
        score = score + self.pair_out(torch.relu(hidden)).squeeze(1)
        score = score + self.again.index_select(0, item)
        score = score + self.wish_again * _cells(personal, row, item)
        most = torch.full((len(wanted),), -torch.inf, device=score.device)
        most = most.scatter_reduce(0, row, score.detach(), "amax")
        weight = torch.exp(score - most.index_select(0, row))
        total = torch.zeros_like(most).index_add(0, row, weight)
        return score - (most + torch.log(total)).index_select(0, row)


def runs(first: Tensor, last: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``first[i], …, last[i] - 1`` for every run i, one run after the other (all int64).

    Also the i of each element, and where each run starts.
    """
    sizes = last - first
    start = torch.cumsum(sizes, 0) - sizes
    row = torch.repeat_interleave(torch.arange(len(sizes), device=first.device), sizes)
    return torch.arange(len(row), device=first.device) + (first - start)[row], row, start


def _cells(table: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """``table[row, column]``; its gradient adds up in order, as that of indexing does not."""
    return table.reshape(-1).index_select(0, row * table.shape[1] + column)
