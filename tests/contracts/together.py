"""What processes of a group do in tests: importable by Dask workers."""

from typing import Any

import numpy as np

from restock.dataset import Interactions
from restock.models import FitContext, create


def fit(
    group: Any, interactions: Interactions, name: str, config: dict[str, Any], seed: int = 0
) -> tuple[list[float], list[float], np.ndarray, float]:
    """Training and validation losses, everybody's top 5, how far the processes' states differ."""
    model: Any = create(name, **config).fit(
        interactions, FitContext(seed=seed, process_group=group)
    )
    everyone = np.arange(interactions.n_customers, dtype=np.int32)
    lists = model.recommend(everyone, 5).items
    apart = 0.0
    if group is not None:
        import torch
        import torch.distributed as dist

        for array in model._state().values():
            low, high = (torch.as_tensor(array.astype(np.float64)) for _ in range(2))
            dist.all_reduce(low, dist.ReduceOp.MIN, group=group)
            dist.all_reduce(high, dist.ReduceOp.MAX, group=group)
            apart = max(apart, float((high - low).abs().max()))
    return model.curve.loss, model.curve.validation, lists, apart


def who(group: Any) -> tuple[int, int]:
    """Rank and size."""
    return group.rank(), group.size()


def listening(group: Any) -> tuple[int, dict[int, str]]:
    """The port of the group's store, and the addresses that this process listens on: port → IP."""
    import psutil
    from torch.distributed import distributed_c10d as c10d

    at = [one.laddr for one in psutil.Process().net_connections("tcp") if one.status == "LISTEN"]
    return _store(c10d._get_process_group_store(group)).port, {one.port: one.ip for one in at}


def _store(store: Any) -> Any:
    """The one that others put their prefixes before."""
    while hasattr(store, "underlying_store"):
        store = store.underlying_store
    return store


def fail(group: Any, rank: int) -> None:
    """One process fails while the others wait for it."""
    import torch
    import torch.distributed as dist

    if group.rank() == rank:
        raise ZeroDivisionError(f"process {rank} has a bad day")
    dist.all_reduce(torch.zeros(1), group=group)
