"""How kernels are compiled: once per CPU type, cached on disk, without the GIL."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile ``function`` in nopython mode, cached and free of the GIL.

    ``fastmath`` stays off: it reorders sums, and results must not depend on the machine.
    """
    compiled: F = numba.njit(cache=True, nogil=True)(function)
    return compiled
