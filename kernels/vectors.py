"""Sums over vectors that are fast and the same everywhere.

A compiler may only use a vector unit for a sum when it may reorder it, and then the machine
decides the order. Here the order is written down: sixteen running sums, folded in halves.
"""

from typing import Any

import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from restock.kernels.policy import inlined, kernel

LANES = 16
ir = cgutils.ir  # llvmlite's, which comes with numba


def _dot(typing_context: Any, one: Any, other: Any) -> Any:
    """``sum of one * other`` of two contiguous float32 vectors of one length, as float32."""
    vector = ir.VectorType(ir.FloatType(), LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sides = [
            context.make_array(kind)(context, builder, array)
            for kind, array in zip(signature.args, arguments, strict=True)
        ]
        size = builder.extract_value(sides[0].shape, 0)
        whole = builder.sub(size, builder.urem(size, size.type(LANES)))

        def add_product(total: Any, at: Any, kind: Any) -> None:
            places = [builder.gep(side.data, [at]) for side in sides]
            values = [
                builder.load(builder.bitcast(place, kind.as_pointer()), align=4) for place in places
            ]
            builder.store(builder.fadd(builder.load(total), builder.fmul(*values)), total)

        sums = cgutils.alloca_once_value(builder, vector([0.0] * LANES))
        with cgutils.for_range_slice(builder, size.type(0), whole, size.type(LANES)) as (at, _):
            add_product(sums, at, vector)
        total = cgutils.alloca_once_value(builder, _folded(builder, builder.load(sums)))
        with cgutils.for_range_slice(builder, whole, size, size.type(1)) as (at, _):
            add_product(total, at, ir.FloatType())
        return builder.load(total)

    return types.float32(one, other), generate


def _folded(builder: Any, lanes: Any) -> Any:
    """The sum of the lanes: the lower half plus the upper half, until one is left."""
    index, width = ir.IntType(32), LANES
    while width > 1:
        width //= 2
        places = ir.VectorType(index, width)
        unused = ir.Constant(lanes.type, ir.Undefined)
        low, high = (
            builder.shuffle_vector(lanes, unused, places([index(first + n) for n in range(width)]))
            for first in (0, width)
        )
        lanes = builder.fadd(low, high)
    return builder.extract_element(lanes, index(0))


dot = intrinsic(_dot)


@kernel
def multiply(
    vector: NDArray[np.float32], matrix: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """``out = vector @ matrix``, eight rows at a time: an order that needs no sum over lanes."""
    size, whole = vector.size, vector.size - vector.size % 8
    out[:] = 0.0
    for at in range(0, whole, 8):
        a, b, c, d = vector[at], vector[at + 1], vector[at + 2], vector[at + 3]
        e, f, g, h = vector[at + 4], vector[at + 5], vector[at + 6], vector[at + 7]
        for to in range(out.size):
            out[to] += (
                (a * matrix[at, to] + b * matrix[at + 1, to])
                + (c * matrix[at + 2, to] + d * matrix[at + 3, to])
            ) + (
                (e * matrix[at + 4, to] + f * matrix[at + 5, to])
                + (g * matrix[at + 6, to] + h * matrix[at + 7, to])
            )
    for at in range(whole, size):
        add_scaled(vector[at], matrix[at], out)


@inlined
def add_scaled(scale: float, vector: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """``out += scale * vector``."""
    for at in range(out.size):
        out[at] += scale * vector[at]
