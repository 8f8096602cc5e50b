"""How to train, never what: seed, device, threads, and sessions that come from outside."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FitContext:
    """Passed to ``fit``. A model that needs Spark or a process group finds it here.

    threads: cores that the fit may use. spark: a running ``SparkSession``.
    process_group: an initialised ``torch.distributed`` group. scratch: a folder that every
    executor of ``spark`` can read; none: a temporary one of this machine.
    """

    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    spark: Any = None
    process_group: Any = None
    scratch: Path | None = None
