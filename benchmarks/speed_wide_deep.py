"""How fast does `wide_deep` train, against the usual way to feed a network?

wide_deep_vs_dataloader  CPU seconds of an epoch with a torch ``DataLoader`` over ours, one
                         thread, on the bundled orders; fused AdamW in both. The usual way: a
                         ``Dataset`` that gives one row at a time, and the default collation.
wide_deep_vs_plain       the same, but the DataLoader's side has plain AdamW: a loop over the
                         parameters, neither fused nor foreach
wide_deep_examples       purchases that ours trains on in a second, each against 16 negatives

The same network, weights, rows, negatives and order of batches on both sides: their losses step
by step are the same curve. Agreement: the largest relative difference of these losses, checked
before any clock starts.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from restock.benchmarks.figures import Figure, report, wants_json
from restock.dataset import Interactions, load_sample
from restock.models.context import FitContext
from restock.models.training import Schedule, build, generator, shuffled, threads, train
from restock.models.wide_deep import WideDeep
from restock.models.wide_deep_examples import Batch, Examples
from restock.models.wide_deep_network import Network, Sizes, loss
from restock.models.wide_deep_view import Codes, view
from restock.models.wide_deep_windows import Scale, windows

CONFIG = WideDeep().config
CONTEXT = FitContext(threads=1)
ROUNDS = 3
STEPS = 20
TOLERANCE = 1e-4

Losses = list[float]


@dataclass(frozen=True)
class Task:
    """One epoch's rows and negatives, their order, and the network that is trained on them."""

    examples: Examples
    batches: Sequence[Tensor]
    sizes: Sizes

    @classmethod
    def of(cls, interactions: Interactions) -> "Task":
        """The newest cut-offs of the default configuration, ``STEPS`` batches of them."""
        codes = Codes.of(interactions)
        now = view(interactions, codes)
        found = windows(interactions, codes, CONFIG.cutoffs, CONFIG.horizon_days)
        examples = Examples(found, codes, Scale.of(now), CONFIG.negatives, CONFIG.purchases)
        random = generator(CONTEXT)
        rows = examples.draw(random)
        return cls(
            examples, shuffled(rows, CONFIG.batch_size, random)[:STEPS], Sizes.of(now, codes)
        )

    def network(self) -> Network:
        """A new one, with the same weights each time."""

        def make() -> Network:
            return Network(self.sizes, CONFIG.embedding, CONFIG.hidden, CONFIG.second)

        return build(make, generator(CONTEXT)).start()

    @property
    def rows(self) -> int:
        """Rows in all batches."""
        return sum(len(batch) for batch in self.batches)


class OneByOne(Dataset[tuple[Batch, Tensor]]):  # type: ignore[misc]
    """One purchase at a time, with everything the network is given for it."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples.row)

    def __getitem__(self, row: int) -> tuple[Batch, Tensor]:
        own = self.examples
        at = own.row[row]
        item, pair = own.candidate[row], own.candidate_pair[row]
        window, market = own.window[at], own.market[at]
        cell = (window * own.n_markets + market) * own.n_items + item
        about = [own.item_features[window * own.n_items + item], own.pair[pair], own.sales[cell]]
        batch = Batch(
            own.customer[at],
            market,
            own.customer_features[at],
            item,
            torch.cat(about, -1),
            own.cross[pair],
            own.bucket[cell],
            torch.where(pair > 0, own.habit[pair], own.log_share[cell]),
        )
        return batch, own.weight[row]


def ours(task: Task) -> Losses:
    """``restock.models.training``: a batch is an ``index_select``."""
    network, found = task.network(), []

    def of_rows(rows: Tensor) -> Tensor:
        step = loss(network, *task.examples.batch(rows)).mean()
        found.append(step.detach())
        return step

    schedule = Schedule(1, CONFIG.batch_size, CONFIG.learning_rate, CONFIG.weight_decay, 1)
    train(network, of_rows, lambda _: task.batches, schedule, CONTEXT, generator(CONTEXT))
    return [float(step) for step in found]


def usual(task: Task, *, fused: bool) -> Losses:
    """A DataLoader that asks for one row at a time; the learning rate falls as in ours."""
    network, rate = task.network(), CONFIG.learning_rate
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=rate,
        weight_decay=CONFIG.weight_decay,
        fused=fused,
        foreach=False,
    )
    order = [batch.tolist() for batch in task.batches]
    loader, found = DataLoader(OneByOne(task.examples), batch_sampler=order), []
    for at, (batch, weight) in enumerate(loader):
        optimiser.param_groups[0]["lr"] = rate * (1 - at / len(order))
        optimiser.zero_grad()
        step = loss(network, Batch(*batch), weight).mean()
        step.backward()
        optimiser.step()
        found.append(step.detach())
    return [float(step) for step in found]


def figures() -> Iterator[Figure]:
    """All of them."""
    task = Task.of(Interactions.from_frame(load_sample().orders))
    peers: dict[str, Callable[[], Losses]] = {
        "dataloader": lambda: usual(task, fused=True),
        "plain": lambda: usual(task, fused=False),
    }
    with threads(1):
        mine = ours(task)
        apart = {name: _apart(mine, peer()) for name, peer in peers.items()}
        for name, difference in apart.items():
            if difference > TOLERANCE:
                raise AssertionError(
                    f"{name}: losses differ by {difference:.1e}, not the same work"
                )
        seconds: dict[str, list[float]] = {"ours": [], **{name: [] for name in peers}}
        for _ in range(ROUNDS):
            seconds["ours"].append(_cpu_seconds(lambda: ours(task)))
            for name, peer in peers.items():
                seconds[name].append(_cpu_seconds(peer))
    fastest = median(seconds["ours"])
    for name, difference in apart.items():
        against = "torch DataLoader, " + ("fused AdamW" if name == "dataloader" else "plain AdamW")
        ratio = median(seconds[name]) / fastest
        yield Figure(f"wide_deep_vs_{name}", ratio, "x", peer=against, agreement=difference)
    yield Figure("wide_deep_examples", task.rows / fastest, "purchases/s")


def _cpu_seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _apart(one: Losses, other: Losses) -> float:
    """The largest relative difference of two curves."""
    return max(abs(a - b) / abs(a) for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    report(figures(), wants_json(__doc__))
