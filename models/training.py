"""The training loop of the models that use torch: batches, early stopping, seeds, processes.

A model gives a network, a loss over row numbers and a validation loss; everything it trains on
is in tensors before the first step, so a batch is an ``index_select``. torch is imported inside
the functions: a saved model is loaded and scored without it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf, isfinite, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from restock.models.context import FitContext
from restock.models.requirements import CannotFit

if TYPE_CHECKING:
    import torch
    from torch import Generator, Tensor

BF16 = False
"""Matrix products in bfloat16 on a CUDA card. Not measured yet: ``benchmarks.gpu`` times both."""
COMPILE = False
"""``torch.compile`` of the loss on a CUDA card. Not measured yet: ``benchmarks.gpu`` times both."""

# MKL, which torch multiplies matrices with, rounds by the number of threads unless told before its
# first product: then a fit does not depend on the cores that it was given.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


def _is_strict() -> bool:
    """Whether this CPU has MKL's strict modes: Intel's have, others ignore them."""
    try:
        return "GenuineIntel" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


STRICT = _is_strict()
"""Where it is False, networks are trained on one thread: a result may not depend on cores."""

Loss = Callable[["Tensor"], "Tensor"]
M = TypeVar("M")


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: what a model's config says about training.

    epochs: passes over the rows at most. batch_size: rows of a step, over all processes
    together. learning_rate, weight_decay: of AdamW (Loshchilov and Hutter, ICLR 2019); the rate
    falls linearly to 0 over the epochs, since a constant one leaves the last steps' noise in
    the weights.
    patience: epochs without a better validation loss before training stops.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int


@dataclass
class Curve:
    """What training went through: one number per epoch.

    loss: mean training loss of the epoch's steps. validation: loss after the epoch.
    best: the epoch (from 0) whose weights were kept.
    """

    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best: int = 0


def generator(context: FitContext) -> "Generator":
    """A generator of random numbers of its own, on the CPU: the same on every process."""
    import torch

    return torch.Generator().manual_seed(context.seed)


def build(make: Callable[[], M], random: "Generator") -> M:
    """The module that ``make`` makes, its parameters drawn from ``random``.

    Matrices and embeddings: uniform within ± 1 / sqrt(last dimension); vectors: 0. torch's
    own generator, which modules draw from when they are made, is left as it was.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        module: Any = make()
    with torch.no_grad():
        for parameter in module.parameters():
            bound = 1 / sqrt(parameter.shape[-1]) if parameter.dim() > 1 else 0.0
            drawn = torch.rand(parameter.shape, generator=random) * 2 - 1
            parameter.copy_(drawn * bound)
    made: M = module
    return made


def shuffled(rows: int, batch_size: int, random: "Generator") -> Sequence["Tensor"]:
    """Row numbers 0..rows - 1 in random order, cut into batches (int64)."""
    import torch

    parts: Sequence[Tensor] = torch.randperm(rows, generator=random).split(batch_size)
    return parts


def train(
    network: "torch.nn.Module",
    loss: Loss,
    batches: Callable[["Generator"], Sequence["Tensor"]],
    schedule: Schedule,
    context: FitContext,
    random: "Generator",
    validate: Callable[[], "Tensor"] | None = None,
) -> Curve:
    """Train ``network`` in place, on ``context.device``; its best weights stay in it.

    batches: called before each epoch with ``random``; gives the row numbers of each step
    (int64, on the CPU; see ``shuffled``). It may also draw what the epoch needs, such as
    negatives, as long as it draws the same on every process. loss: the mean loss of rows
    (int64, on the device), each row weighing the same. validate: the losses (any shape) whose mean
    decides when to stop, called without gradients after each epoch; without it all epochs are
    trained.

    CannotFit when the loss is no longer a number: training that ran away.

    With ``context.process_group`` each process takes every n-th row of a batch, and gradients
    are averaged: a step is the one that a single process makes, up to rounding. All processes
    must be given the same rows and seed; they end with equal weights.
    """
    import torch

    device = torch.device(context.device)
    network.to(device)
    peers = Peers(context.process_group)
    peers.share(network)
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True
    )
    step = Step(loss, parameters, optimiser, device, peers)
    curve, best, kept = Curve(), inf, None
    with threads(context.threads):
        for epoch in range(schedule.epochs):
            network.train()
            total = torch.zeros((), device=device)
            parts = batches(random)
            for at, rows in enumerate(parts):
                step.slow_down((epoch + at / len(parts)) / schedule.epochs)
                total += step(rows)
            curve.loss.append(peers.total(total) / max(len(parts), 1))
            if not isfinite(curve.loss[-1]):
                raise CannotFit(
                    f"the loss of epoch {epoch + 1} is {curve.loss[-1]}: training ran away; take a "
                    f"learning_rate below {schedule.learning_rate:g}, or less weight_decay than "
                    f"{schedule.weight_decay:g}"
                )
            curve.best = epoch
            if validate is None:
                continue
            network.eval()
            with torch.no_grad():
                curve.validation.append(peers.mean(validate()))
            if curve.validation[-1] < best:
                best, kept = curve.validation[-1], _copy(network)
            curve.best = curve.validation.index(min(curve.validation))
            if epoch - curve.best >= schedule.patience:
                break
    if kept is not None:
        network.load_state_dict(kept)
    peers.share(network)
    network.eval()
    return curve


class Step:
    """One step of the optimiser on one batch of rows."""

    def __init__(
        self,
        loss: Loss,
        parameters: Sequence["Tensor"],
        optimiser: "torch.optim.Optimizer",
        device: "torch.device",
        peers: "Peers",
    ) -> None:
        import torch

        self.on_card = device.type == "cuda"
        self.loss = torch.compile(loss) if COMPILE and self.on_card else loss
        self.parameters, self.optimiser = parameters, optimiser
        self.device, self.peers = device, peers
        self.rate: float = optimiser.defaults["lr"]

    def slow_down(self, done: float) -> None:
        """Set the learning rate for the share of the training that is done."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * (1 - done)

    def __call__(self, rows: "Tensor") -> "Tensor":
        """Take the step; this process's part of the batch's mean loss (scalar, no gradient)."""
        import torch

        mine = rows[self.peers.rank :: self.peers.size]
        self.optimiser.zero_grad(set_to_none=True)
        part = torch.zeros((), device=self.device)
        if len(mine):
            on_device = mine.to(self.device, non_blocking=True)
            with torch.autocast("cuda", torch.bfloat16, enabled=BF16 and self.on_card):
                part = self.loss(on_device) * (len(mine) / len(rows))
            part.backward()
        self.peers.add_up(self.parameters)
        self.optimiser.step()
        return part.detach()


class Peers:
    """The processes that train together; without a group, this one alone."""

    def __init__(self, group: Any) -> None:
        self.group = group
        self.rank: int = group.rank() if group is not None else 0
        self.size: int = group.size() if group is not None else 1

    def share(self, network: "torch.nn.Module") -> None:
        """Give every process the first one's weights."""
        if self.size > 1:
            import torch.distributed as dist

            for tensor in network.state_dict().values():
                dist.broadcast(tensor, group=self.group, group_src=0)

    def add_up(self, parameters: Sequence["Tensor"]) -> None:
        """Replace each gradient by its sum over the processes, in one exchange."""
        if self.size == 1:
            return
        import torch
        import torch.distributed as dist

        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat, group=self.group)
        for parameter, part in zip(
            parameters, flat.split([p.numel() for p in parameters]), strict=True
        ):
            parameter.grad = part.view_as(parameter)

    def total(self, part: "Tensor") -> float:
        """The sum of a scalar over the processes."""
        if self.size > 1:
            import torch.distributed as dist

            dist.all_reduce(part, group=self.group)
        return float(part)

    def mean(self, losses: "Tensor") -> float:
        """The first process's mean, so that all decide alike.

        Added up by one thread: torch's own sum depends on the number of threads.
        """
        import torch

        mean = torch.tensor(losses.detach().double().cpu().numpy().mean(), device=losses.device)
        if self.size > 1:
            import torch.distributed as dist

            dist.broadcast(mean, group=self.group, group_src=0)
        return float(mean)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads for a while, or one where more would round otherwise."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count if STRICT else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _copy(network: "torch.nn.Module") -> dict[str, "Tensor"]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
