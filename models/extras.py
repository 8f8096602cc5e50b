"""What a model needs beyond the core, and what to type when it is not there."""

from collections.abc import Mapping
from importlib.util import find_spec


def missing_extras(extras: Mapping[str, str]) -> list[str]:
    """The extras of ``restock`` (values) whose modules (keys) are not installed."""
    return sorted({extra for module, extra in extras.items() if find_spec(module) is None})


def check_extras(name: str, extras: Mapping[str, str]) -> None:
    """ImportError with the command that installs what ``name`` lacks."""
    missing = missing_extras(extras)
    if missing:
        raise ImportError(f"{name} needs more: pip install 'restock[{','.join(missing)}]'")
