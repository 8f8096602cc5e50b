"""Training on a CUDA card: how fast, how well it uses the card, and does it learn the same?

    python -m restock.benchmarks.gpu [--json] [--device cuda|cpu] [--lines 30m]

Trains `wide_deep`, `gru` and `rerank` with their defaults on simulated order lines.

copy_gb_per_s, matmul_tflop_per_s        what the device reaches on a large copy and a large
                                         float32 product: the peers of the shares below
MODEL.fit_seconds                        a whole fit
MODEL.rows_per_s                         rows that training went through, validation included
MODEL.bandwidth_share, .compute_share    of what the device reaches: bytes that the operations
                                         of a step read and write, and their floating-point
                                         operations, both counted in a small fit
MODEL.parity                             ndcg_at_10 of a small fit on the device, less the same
                                         on the CPU; within .001

`rerank` grows its trees with LightGBM on the CPU, whatever the device: it has no rows or shares.
Without a card the command says so and exits 2; ``--device cpu --lines 200k`` runs all of it on
the CPU.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from restock.benchmarks.figures import Figure, report
from restock.dataset import Interactions, simulate
from restock.evaluation import evaluate, rolling_folds
from restock.models import FitContext, create
from restock.models.requirements import CannotFit, check_device
from restock.models.training import Step

MODELS = ("wide_deep", "gru", "rerank")
LINES_PER_CUSTOMER = 130  # in two simulated years
SMALL = 200_000
PARITY = 1e-3
LARGE = 8192  # side of the matrices that show what the device reaches; a quarter of it on a CPU
ROUNDS = 5
# they read a few rows of a table, not all of it
LOOKUPS = ("index", "embedding", "gather", "select", "searchsorted")


@dataclass
class Seen:
    """What training did: rows, and seconds from each first step to its last."""

    rows: int = 0
    spans: dict[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Seconds of all trainings together."""
        return sum(end - begin for begin, end in self.spans.values())


@contextmanager
def watched(device: str) -> Iterator[Seen]:
    """Look at the steps of ``restock.models.training`` while a model is fitted."""
    seen, step = Seen(), Step.__call__

    def look(self: Step, rows: torch.Tensor) -> torch.Tensor:
        begin = time.perf_counter()
        part = step(self, rows)
        seen.rows += len(rows)
        seen.spans[id(self)] = (seen.spans.get(id(self), (begin, 0))[0], time.perf_counter())
        return part

    Step.__call__ = look  # type: ignore[method-assign]
    try:
        yield seen
        synchronise(device)
    finally:
        Step.__call__ = step  # type: ignore[method-assign]


class Traffic(TorchDispatchMode):  # type: ignore[misc]
    """Counts the bytes that operations read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and add what it moves."""
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            written = _bytes(out)
            lookup = any(word in func.__name__ for word in LOOKUPS)
            self.bytes += written + (written if lookup else _bytes((args, kwargs)))
        return out


def _bytes(values: Any) -> int:
    tensors = (leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor))
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def synchronise(device: str) -> None:
    """Wait for a card to finish."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def figures(device: str, lines: int) -> Iterator[Figure]:
    """All of them."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
    copy, product = reached(device)
    yield Figure("copy_gb_per_s", copy / 1e9, "GB/s", peer=name)
    yield Figure("matmul_tflop_per_s", product / 1e12, "TFLOP/s", peer=name)
    small, large = world(min(SMALL, lines)), world(lines)
    yield Figure("lines", len(large), "lines")
    for model in MODELS:
        yield from of_model(model, device, small, large, copy, product)


def of_model(
    model: str, device: str, small: Interactions, large: Interactions, copy: float, product: float
) -> Iterator[Figure]:
    """Its parity first, then its speed."""
    apart = ndcg(model, small, device) - ndcg(model, small, "cpu")
    yield Figure(f"{model}.parity", apart, "ndcg_at_10", peer="CPU")
    if abs(apart) > PARITY:
        raise AssertionError(
            f"{model}: ndcg_at_10 on {device} differs by {apart:.4f} from the CPU's"
        )
    moved, worked, rows = counted(model, small, device)
    context = FitContext(device=device, threads=torch.get_num_threads())
    with watched(device) as seen:
        begin = time.perf_counter()
        create(model).fit(large, context)
    yield Figure(f"{model}.fit_seconds", time.perf_counter() - begin, "s")
    if not rows:
        return
    rate = seen.rows / seen.seconds
    yield Figure(f"{model}.rows_per_s", rate, "rows/s")
    yield Figure(f"{model}.bandwidth_share", rate * moved / rows / copy, "of the copy")
    yield Figure(f"{model}.compute_share", rate * worked / rows / product, "of the product")


def counted(model: str, small: Interactions, device: str) -> tuple[float, float, int]:
    """Bytes and floating-point operations of a small fit, and the rows it trained on."""
    traffic, work = Traffic(), FlopCounterMode(display=False)
    with watched(device) as seen, work, traffic:
        create(model).fit(small, FitContext(device=device))
    return traffic.bytes, work.get_total_flops(), seen.rows


def world(lines: int) -> Interactions:
    """About so many simulated lines."""
    return simulate(customers=max(lines // LINES_PER_CUSTOMER, 50)).interactions()


def ndcg(model: str, small: Interactions, device: str) -> float:
    """Mean ndcg_at_10 of the newest window."""
    (fold,) = rolling_folds(small, windows=1, min_item_orders=3)
    fitted = create(model).fit(fold.train, FitContext(device=device))
    lists = fitted.recommend(fold.customers, 10, allowed=fold.candidates)
    return float(evaluate(lists, fold, k=10).mean()["ndcg_at_10"])


def reached(device: str) -> tuple[float, float]:
    """Bytes per second of a large copy, and operations per second of a large product."""
    side = LARGE if device.startswith("cuda") else LARGE // 4
    one, other = torch.ones(side, side, device=device), torch.ones(side, side, device=device)
    copied = best(device, lambda: other.copy_(one))
    multiplied = best(device, lambda: torch.mm(one, one, out=other))
    return 2 * _bytes(one) / copied, 2 * side**3 / multiplied


def best(device: str, work: Any) -> float:
    """Seconds of the fastest of some rounds, after one that does not count."""
    found = []
    for _ in range(ROUNDS + 1):
        synchronise(device)
        begin = time.perf_counter()
        work()
        synchronise(device)
        found.append(time.perf_counter() - begin)
    return min(found[1:])


def number(text: str) -> int:
    """``200k``, ``30m`` or a plain number."""
    factor = {"k": 1_000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    return int(float(text[:-1] if factor > 1 else text) * factor)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON per figure")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu")
    parser.add_argument("--lines", type=number, help="lines to train on (30m; on a CPU 200k)")
    options = parser.parse_args()
    try:
        check_device("gpu benchmark", options.device)
    except (CannotFit, ValueError) as error:
        print(f"{error}; or run the same on the CPU: --device cpu --lines 200k", file=sys.stderr)
        sys.exit(2)
    default = SMALL if options.device == "cpu" else 30_000_000
    report(figures(options.device, options.lines or default), options.json)


if __name__ == "__main__":
    main()
