"""Lists out of votes: what a mixture of models would have listed, from the tops of their lists.

R rows (customers at a cut-off), M voters, D places that each ballot has, L items that any voter
names in a row.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel


@kernel
def named_items(
    ballots: NDArray[np.int32], n_items: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Which items are named in each row, and where each ballot's are among them.

    ballots: item codes (M × R × D), -1 in empty places. Returns items (R × L), ascending and
    padded with -1, and places in those rows (M × R × D), -1 where the ballot is empty.
    """
    voters, rows, depth = ballots.shape
    items = np.full((rows, voters * depth), -1, dtype=np.int32)
    places = np.full(ballots.shape, -1, dtype=np.int32)
    place_of = np.full(n_items, -1, dtype=np.int32)
    most = 1
    for row in range(rows):
        size = 0
        for voter in range(voters):
            for at in range(depth):
                item = ballots[voter, row, at]
                if item >= 0 and place_of[item] < 0:
                    place_of[item] = 0
                    items[row, size] = item
                    size += 1
        items[row, :size] = np.sort(items[row, :size])
        for place in range(size):
            place_of[items[row, place]] = place
        for voter in range(voters):
            for at in range(depth):
                if ballots[voter, row, at] >= 0:
                    places[voter, row, at] = place_of[ballots[voter, row, at]]
        for place in range(size):
            place_of[items[row, place]] = -1
        most = max(most, size)
    return items[:, :most].copy(), places


@kernel
def add_votes(
    total: NDArray[np.float64],
    places: NDArray[np.int32],
    votes: NDArray[np.float32],
    weight: float,
) -> None:
    """Add ``weight * votes`` (R × D) of one voter to ``total`` (R × L), -inf where nobody voted."""
    rows, depth = places.shape
    for row in range(rows):
        for at in range(depth):
            place = places[row, at]
            if place >= 0:
                before = total[row, place]
                total[row, place] = weight * votes[row, at] + (before if before > -np.inf else 0.0)


@kernel
def listed_with(
    total: NDArray[np.float64],
    items: NDArray[np.int32],
    places: NDArray[np.int32],
    votes: NDArray[np.float32],
    weight: float,
    k: int,
) -> NDArray[np.int32]:
    """The k best items (R × k) of ``total`` with one more voter; ``total`` stays as it is.

    Equal scores go to the lower item code; what nobody voted for leaves its place empty, -1.
    """
    rows, width = items.shape
    depth = places.shape[1]
    lists = np.full((rows, k), -1, dtype=np.int32)
    scores = np.empty(width)
    best = np.empty(k)
    for row in range(rows):
        scores[:] = total[row]
        for at in range(depth):
            place = places[row, at]
            if place >= 0:
                before = scores[place]
                scores[place] = weight * votes[row, at] + (before if before > -np.inf else 0.0)
        size = 0
        for place in range(width):
            score = scores[place]
            if not score > -np.inf or (size == k and score <= best[k - 1]):
                continue
            at = size if size < k else k - 1
            while at > 0 and best[at - 1] < score:
                best[at] = best[at - 1]
                lists[row, at] = lists[row, at - 1]
                at -= 1
            best[at] = score
            lists[row, at] = items[row, place]
            size = min(size + 1, k)
    return lists
