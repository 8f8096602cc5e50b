"""Random numbers by counter: a draw is a function of its key, never of what was drawn before.

Keys are uint64. A stream is ``uint64[2]`` (key, counter); each draw moves the counter by one,
so that a stream can be opened anywhere, in any order, on any machine, with the same result.
The mixing function is the finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable
pseudorandom number generators", OOPSLA 2014).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel

Stream = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLY_2 = np.uint64(0x94D049BB133111EB)
_S11, _S27, _S30, _S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)
_ONE = np.uint64(1)
_S16, _S32, _S48, _LOW = np.uint64(16), np.uint64(32), np.uint64(48), np.uint64(0xFFFF)
_SCALE = 2.0**-53


@inlined
def whole(value: np.signedinteger[Any]) -> int:
    """An integer of any width as 64 bits, so that callees are compiled for one type only."""
    return np.int64(value)  # type: ignore[return-value]


@inlined
def mix(key: np.uint64, value: int) -> np.uint64:
    """The key of branch ``value`` under ``key``."""
    z = np.uint64(key) + (np.uint64(value) + _ONE) * _GOLDEN  # a signed key would shift wrongly
    z = (z ^ (z >> _S30)) * _MULTIPLY_1
    z = (z ^ (z >> _S27)) * _MULTIPLY_2
    return z ^ (z >> _S31)


@kernel
def keys_below(keys: NDArray[np.uint64], value: int) -> NDArray[np.uint64]:
    """``mix(key, value)`` for each of some keys."""
    found = np.empty_like(keys)
    for at in range(keys.size):
        found[at] = mix(keys[at], value)
    return found


@inlined
def chance(key: np.uint64, value: int) -> float:
    """The uniform number in (0, 1] of branch ``value`` under ``key``."""
    return (np.float64(mix(key, value) >> _S11) + 0.5) * _SCALE


@inlined
def bell(key: np.uint64, value: int) -> float:
    """Branch ``value`` under ``key`` as a nearly normal number with mean 0, sd 1, within 3.5.

    The sum of four 16-bit uniforms: what quantities need, in a tenth of the time.
    """
    z = mix(key, value)
    total = (z & _LOW) + ((z >> _S16) & _LOW) + ((z >> _S32) & _LOW) + (z >> _S48)
    return (np.float64(total) / 65536.0 - 2.0) * 1.7320508075688772


@inlined
def open_stream(stream: Stream, key: np.uint64) -> None:
    """Point a stream at the first draw of ``key``."""
    stream[0] = key
    stream[1] = np.uint64(0)


@inlined
def uniform(stream: Stream) -> float:
    """The next uniform number in (0, 1]."""
    stream[1] += _ONE
    z = stream[0] + stream[1] * _GOLDEN
    z = (z ^ (z >> _S30)) * _MULTIPLY_1
    z = (z ^ (z >> _S27)) * _MULTIPLY_2
    z = z ^ (z >> _S31)
    return (np.float64(z >> _S11) + 0.5) * _SCALE


@inlined
def exponential(stream: Stream) -> float:
    """The next standard exponential number."""
    return -np.log(uniform(stream))


@inlined
def normal(stream: Stream) -> float:
    """The next standard normal number (Box and Muller)."""
    radius = np.sqrt(-2.0 * np.log(uniform(stream)))
    return radius * np.cos(2.0 * np.pi * uniform(stream))


@kernel
def gamma(stream: Stream, shape: float) -> float:
    """The next gamma number with this shape and scale 1 (Marsaglia and Tsang 2000)."""
    boost = 1.0
    if shape < 1.0:
        boost = uniform(stream) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    while True:
        x = normal(stream)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and np.log(uniform(stream)) < 0.5 * x * x + d - d * v + d * np.log(v):
            return d * v * boost


@kernel
def alias_tables(weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Walker's alias tables of rows that sum to 1: a draw is one number and one look-up."""
    rows, items = weights.shape
    alias = np.ones((rows, items), dtype=np.float32)
    other = np.zeros((rows, items), dtype=np.int32)
    small, large = np.empty(items, dtype=np.int32), np.empty(items, dtype=np.int32)
    for row in range(rows):
        scaled = weights[row] * items
        n_small, n_large = 0, 0
        for item in range(items):
            other[row, item] = item
            if scaled[item] < 1.0:
                small[n_small] = item
                n_small += 1
            else:
                large[n_large] = item
                n_large += 1
        while n_small > 0 and n_large > 0:
            n_small -= 1
            low, high = small[n_small], large[n_large - 1]
            alias[row, low] = scaled[low]
            other[row, low] = high
            scaled[high] -= 1.0 - scaled[low]
            if scaled[high] < 1.0:
                n_large -= 1
                small[n_small] = high
                n_small += 1
    return alias, other
