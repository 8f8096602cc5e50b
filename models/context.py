"""How to train, never what: seed, device, threads, and what comes from outside."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from restock.kernels.policy import threads
from restock.models.shared import Key, Shared

T = TypeVar("T")


@dataclass(frozen=True)
class FitContext:
    """Passed to ``fit``. A model that needs Spark or a process group finds it here.

    device: where networks are trained, as in "cuda:0"; models without one look at neither it nor
    process_group, so that one context serves them all.
    threads: cores that the fit may use, by default what ``kernels.policy.threads`` says.
    spark: a running ``SparkSession``.
    process_group: an initialised ``torch.distributed`` group. scratch: a folder that every
    executor of ``spark`` can read; none: a temporary one of this machine.
    shared: what many fits on the same interactions make once; for nothing but those fits.
    part: which part of those interactions this fit sees; empty: all of them.
    """

    seed: int = 0
    device: str = "cpu"
    threads: int = field(default_factory=threads)
    spark: Any = None
    process_group: Any = None
    scratch: Path | None = None
    shared: Shared | None = None
    part: Key = ()

    def once(self, key: Key, make: Callable[[], T]) -> T:
        """What ``make()`` gives, or gave an earlier fit on the same interactions under this key.

        The key names everything that the value depends on but the interactions: what it is,
        the fields of the config that it uses, the seed where chance has a say. Nobody may
        change the value afterwards.
        """
        return make() if self.shared is None else self.shared.once((*self.part, *key), make)

    def keeps(self, size: int) -> bool:
        """Whether a value of so many bytes would be there for the fits to come."""
        return self.shared is not None and size <= self.shared.limit

    def of_part(self, *part: Any) -> Self:
        """The context of a fit on a part of the interactions, told apart by ``part``."""
        return replace(self, part=(*self.part, *part))
