"""Who is in which arm: decided by a hash of the customer's id, and by nothing else.

A hash needs no memory: the same id is in the same arm on every machine and on every day, whoever
else there is, so that a website can ask for it without a table. Different salts are independent.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from restock.evaluation.folds import FloatArray

SLOTS = 1000
"""How finely a layer is divided among experiments."""
Purpose = Literal["arm", "slot"]


def hashed(salt: str, ids: Sequence[str], purpose: Purpose = "arm") -> FloatArray:
    """A number in [0, 1) per id (float64), uniform over ids, independent over salts and purposes.

    The first 53 bits of BLAKE2b (RFC 7693) of the id's UTF-8 bytes; the salt is its key, the
    purpose its personalisation. ValueError for a salt of no or more than 64 bytes.
    """
    key = salt.encode()
    if not 1 <= len(key) <= hashlib.blake2b.MAX_KEY_SIZE:
        raise ValueError(f"a salt has 1 to 64 bytes, not {len(key)}: {salt!r}")
    started = hashlib.blake2b(digest_size=8, key=key, person=purpose.encode())
    digests = bytearray()
    for one in ids:
        hasher = started.copy()
        hasher.update(one.encode())
        digests += hasher.digest()
    bits = np.frombuffer(bytes(digests), dtype=">u8") >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53


def slots_of(layer: str, ids: Sequence[str]) -> NDArray[np.int64]:
    """The slot (int64, from 0 to ``SLOTS`` - 1) of each id in a layer."""
    return (hashed(layer, ids, "slot") * SLOTS).astype(np.int64)


def arms_of(salt: str, ids: Sequence[str], shares: Mapping[str, float]) -> NDArray[np.object_]:
    """The arm (its name) of each id. shares: arm → its part of the customers; they sum to 1."""
    check_shares(shares)
    edges = np.cumsum(list(shares.values()))[:-1]
    names = np.array(list(shares), dtype=object)
    taken: NDArray[np.object_] = names[np.searchsorted(edges, hashed(salt, ids), side="right")]
    return taken


def check_shares(shares: Mapping[str, float]) -> None:
    """ValueError unless there are two arms or more, each with a share, and the shares sum to 1."""
    if len(shares) < 2:
        raise ValueError(f"an experiment needs two arms or more, not {list(shares)}")
    if not all(0 < share < 1 for share in shares.values()):
        raise ValueError(f"every arm needs a share between 0 and 1: {dict(shares)}")
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise ValueError(f"the arms' shares sum to {sum(shares.values()):g}, not to 1")
