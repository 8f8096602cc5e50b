"""How fast does `gru` train, against the usual way to feed a recurrent network?

gru_vs_dataloader  CPU seconds of an epoch with a torch ``DataLoader`` over ours, one thread, on
                   the bundled orders. The usual way: a data set that gives one question at a
                   time, collated in random batches that are padded to the longest. Ours: all
                   questions in tensors, batches of like lengths, and the orders of a customer
                   read once for all questions about them. Network, fused AdamW, its rates,
                   batch size and questions are the same. Agreement: the largest relative
                   difference of the two ways' losses of the same questions.
gru_loss           validation loss after two epochs, the peer's beside ours
"""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from restock.benchmarks.figures import Figure, report, wants_json
from restock.dataset import Interactions, load_sample
from restock.models import FitContext
from restock.models.gru import Gru
from restock.models.recurrent_examples import Codes, Questions, Sequences, ask, join
from restock.models.recurrent_network import Asked, Network
from restock.models.training import Schedule, build, generator, threads, train

WINDOWS = 6
EPOCHS = 2
ROUNDS = 3
BATCH = 128
CHECKED = 512
CONTEXT = FitContext()


class OneByOne(Dataset[dict[str, Any]]):  # type: ignore[misc]
    """One question at a time, with the orders that it may read."""

    def __init__(self, sequences: Sequences, questions: Questions) -> None:
        self.sequences, self.questions = sequences, questions

    def __len__(self) -> int:
        return self.questions.size

    def __getitem__(self, at: int) -> dict[str, Any]:
        """The orders, pairs and answers of question ``at``."""
        seen, asked = self.sequences, self.questions
        first, last = seen.indptr[asked.customer[at]], asked.step[at] + 1
        pairs = slice(asked.pairs[at], asked.pairs[at + 1])
        return {
            "baskets": [
                torch.from_numpy(seen.item[seen.basket[step] : seen.basket[step + 1]])
                for step in range(first, last)
            ],
            "step_features": torch.from_numpy(seen.features[first:last]),
            "shelf": torch.from_numpy(asked.shelves[asked.shelf[at]]),
            "features": torch.from_numpy(asked.features[at]),
            "item": torch.from_numpy(asked.item[pairs]),
            "pair_features": torch.from_numpy(asked.pair_features[pairs]),
            "answer": torch.from_numpy(asked.answer[asked.answers[at] : asked.answers[at + 1]]),
        }


def collate(parts: list[dict[str, Any]]) -> Asked:
    """Questions as tensors of their own; the network pads them to the longest."""

    def ends(sizes: list[int]) -> Tensor:
        return torch.cumsum(torch.tensor([0, *sizes]), 0)

    def joined(name: str) -> Tensor:
        return torch.cat([part[name] for part in parts])

    places = []
    for part in parts:
        at = torch.searchsorted(part["item"], part["answer"]).clamp(max=len(part["item"]) - 1)
        places.append(torch.where(part["item"][at] == part["answer"], at, -1))
    pairs = ends([len(part["item"]) for part in parts])
    indptr = ends([len(part["baskets"]) for part in parts])
    place = torch.cat(places)
    start = torch.repeat_interleave(pairs[:-1], torch.tensor([len(p["answer"]) for p in parts]))
    return Asked(
        indptr=indptr,
        basket=ends([len(basket) for part in parts for basket in part["baskets"]]),
        line_item=torch.cat([basket for part in parts for basket in part["baskets"]]),
        step_features=joined("step_features"),
        customer=torch.arange(len(parts)),
        step=indptr[1:] - 1,
        shelf=torch.arange(len(parts)),
        features=torch.stack([part["features"] for part in parts]),
        pairs=pairs,
        item=joined("item"),
        pair_features=joined("pair_features"),
        answers=ends([len(part["answer"]) for part in parts]),
        answer=joined("answer"),
        place=torch.where(place >= 0, start + place, -1),
        shelves=torch.stack([part["shelf"] for part in parts]),
    )


class Race:
    """The same questions and the same first weights for both ways."""

    def __init__(self, interactions: Interactions) -> None:
        config = Gru().config
        self.schedule = Schedule(
            EPOCHS, BATCH, config.learning_rate, config.weight_decay, config.patience
        )
        codes = Codes.of(interactions)
        self.sequences = Sequences.of(interactions, codes, config.orders)
        latest, *earlier = (
            ask(interactions, codes, self.sequences, config.horizon_days, back, hindsight=back > 1)
            for back in range(1, WINDOWS + 2)
        )
        self.questions = join(earlier)
        self.known = Asked.of(self.sequences, self.questions, "cpu")
        self.judged = Asked.of(self.sequences, latest, "cpu")
        self.size = codes.items.size, config.width

    def network(self) -> Network:
        """A new network; always the same weights."""
        items, width = self.size
        network = build(lambda: Network("gru", items, width, True), generator(CONTEXT))
        network.start_from_habit(self.questions.pair_features)
        return network

    def ours(self) -> tuple[float, float]:
        """Seconds of the epochs, and the validation loss after them."""
        network = self.network()
        start = time.process_time()
        train(
            network,
            lambda rows: network.losses(self.known, rows).mean(),
            lambda random: self.known.by_length(BATCH, random),
            self.schedule,
            CONTEXT,
            generator(CONTEXT),
        )
        return time.process_time() - start, self.judge(network)

    def peer(self) -> tuple[float, float]:
        """The same with a ``DataLoader``."""
        network = self.network()
        loader: Any = DataLoader(
            OneByOne(self.sequences, self.questions),
            BATCH,
            shuffle=True,
            collate_fn=collate,
            generator=generator(CONTEXT),
        )
        optimiser = torch.optim.AdamW(
            network.parameters(),
            lr=self.schedule.learning_rate,
            weight_decay=self.schedule.weight_decay,
            fused=True,
        )
        steps = EPOCHS * len(loader)
        rate = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
        start = time.process_time()
        for _ in range(EPOCHS):
            for batch in loader:
                optimiser.zero_grad(set_to_none=True)
                network.losses(batch, batch.customer).mean().backward()
                optimiser.step()
                rate.step()
        return time.process_time() - start, self.judge(network)

    def judge(self, network: Network) -> float:
        """The mean validation loss."""
        return float(network.all_losses(self.judged, BATCH).mean())

    def agreement(self) -> float:
        """The largest relative difference of the losses of the same questions."""
        network, alone = self.network(), OneByOne(self.sequences, self.questions)
        rows = torch.randperm(len(alone), generator=generator(CONTEXT))[:CHECKED]
        batch = collate([alone[at] for at in rows.tolist()])
        with torch.no_grad():
            ours = network.losses(self.known, rows)
            theirs = network.losses(batch, batch.customer)
        return float(((ours - theirs).abs() / theirs).max())


def figures() -> Iterator[Figure]:
    """See the module's docstring."""
    with threads(CONTEXT.threads):
        race = Race(Interactions.from_frame(load_sample().orders))
        agreement = race.agreement()
        if agreement > 1e-3:
            raise RuntimeError(f"gru: both ways give different losses ({agreement:.2g})")
        race.ours()  # the first steps of a process are slow
        rounds = [(race.ours(), race.peer()) for _ in range(ROUNDS)]
    ratios = [theirs[0] / ours[0] for ours, theirs in rounds]
    peer = f"DataLoader, {median(theirs[0] for _, theirs in rounds) / EPOCHS:.2f} s an epoch"
    yield Figure(
        "gru_vs_dataloader", median(ratios), "ratio", min(ratios), max(ratios), peer, agreement
    )
    (_, ours), (_, theirs) = rounds[0]
    yield Figure("gru_loss", ours, "nats", peer=f"DataLoader: {theirs:.4f}")


def main() -> None:
    """``python -m restock.benchmarks.speed_gru [--json]``"""
    as_json = wants_json(__doc__)
    report(figures(), as_json)


if __name__ == "__main__":
    main()
