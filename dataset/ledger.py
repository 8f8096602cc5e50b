"""What became of every line: a line is open until the first rule that sets it aside."""

import numpy as np
from numpy.typing import NDArray

QUARANTINED, NETTED = "quarantined", "netted"


class Ledger:
    """One entry per line: 0 while it is kept, else the number of the reason that took it."""

    def __init__(self, n_lines: int) -> None:
        self.entry = np.zeros(n_lines, dtype=np.int16)
        self.reasons: list[tuple[str, str]] = []  # (reason, outcome); entry 1 is the first

    @property
    def open(self) -> NDArray[np.bool_]:
        """The lines (bool) that no rule has set aside."""
        return self.entry == 0

    def set_aside(
        self,
        lines: NDArray[np.bool_] | NDArray[np.int64],
        reason: str,
        outcome: str = QUARANTINED,
    ) -> None:
        """Set aside those of ``lines`` (a mask, or positions) that are still open."""
        self.reasons.append((reason, outcome))
        at = np.flatnonzero(lines) if lines.dtype == bool else lines
        self.entry[at[self.entry[at] == 0]] = len(self.reasons)

    def reason_of(self, lines: NDArray[np.int64]) -> NDArray[np.object_]:
        """The reason (object array of str) of the lines at these positions, all set aside."""
        names = np.array([reason for reason, _ in self.reasons], dtype=object)
        return names[self.entry[lines] - 1]
