"""What a fit needs of the place where it runs, checked before it starts."""

import logging
from collections.abc import Mapping
from importlib.util import find_spec

from restock.kernels.free_memory import free_memory

WORTH_TELLING = 100 * 2**20  # bytes: a night has hundreds of smaller fits

logger = logging.getLogger(__name__)


class CannotFit(RuntimeError):
    """This fit cannot run here; the message says why and what to do."""


def missing_extras(extras: Mapping[str, str]) -> list[str]:
    """The extras of ``restock`` (values) whose modules (keys) are not installed."""
    return sorted({extra for module, extra in extras.items() if find_spec(module) is None})


def check_extras(name: str, extras: Mapping[str, str]) -> None:
    """ImportError with the command that installs what ``name`` lacks."""
    missing = missing_extras(extras)
    if missing:
        raise ImportError(f"{name} needs more: pip install 'restock[{','.join(missing)}]'")


def check_memory(name: str, needed: int, remedy: str) -> None:
    """CannotFit when ``needed`` bytes, the model's own estimate, are more than are free.

    A container's limit counts. The estimate is told before the fit, unless it is small.
    """
    free = free_memory()
    level = logging.INFO if needed >= WORTH_TELLING else logging.DEBUG
    sizes = (name, needed / 2**20, free / 2**20)
    logger.log(level, "%s: a fit takes about %.0f MB, %.0f MB are free", *sizes)
    if needed > free:
        raise CannotFit(
            f"{name}: this fit needs about {needed / 2**30:.1f} GB of memory, "
            f"{free / 2**30:.1f} GB are free; {remedy}"
        )


def check_device(name: str, device: str) -> None:
    """CannotFit when a CUDA device is asked for and there is none. Needs torch for CUDA.

    ValueError for a device of another kind.
    """
    if device == "cpu":
        return
    if not device.startswith("cuda"):
        raise ValueError(f"{name}: device must be cpu, cuda or cuda:N, not {device!r}")
    import torch

    if not torch.cuda.is_available():
        raise CannotFit(
            f"{name}: device {device!r} is asked for, and torch {torch.__version__} sees no CUDA "
            "card; use FitContext(device='cpu'), or a machine with a card and a CUDA build of torch"
        )
    cards, wanted = torch.cuda.device_count(), torch.device(device).index or 0
    if wanted >= cards:
        raise CannotFit(
            f"{name}: device {device!r} is asked for, and there are {cards} cards: the last one is "
            f"cuda:{cards - 1}"
        )
