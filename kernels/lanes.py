"""Eight float64 side by side, as a vector unit computes with them.

numba leaves short loops to the compiler, which does them number by number. Here what is meant is
said: each operation is done eight times, rounded as it would be alone, so that a sum has the order
in which it is written.
"""

import operator
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numba.core import cgutils, types
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model
from numpy.typing import NDArray

WIDTH = 8
ir = cgutils.ir  # llvmlite's, which comes with numba
_VECTOR = ir.VectorType(ir.DoubleType(), WIDTH)
_INDEX = ir.IntType(32)


class Lanes:
    """What kernels see of them: an arithmetic, lane by lane. Not for use outside of kernels."""

    __add__: Callable[["Lanes", "Lanes"], "Lanes"]
    __sub__: Callable[["Lanes", "Lanes"], "Lanes"]
    __mul__: Callable[["Lanes", "Lanes"], "Lanes"]
    __truediv__: Callable[["Lanes", "Lanes"], "Lanes"]


class _Type(types.Type):
    pass


_LANES = _Type("Lanes")


@register_model(_Type)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _spread(typing: Any, value: Any) -> Any:
    """The same float64 in all lanes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _all(builder, arguments[0])

    return _LANES(types.float64), generate


def _row(typing: Any, matrix: Any, at: Any) -> Any:
    """A row of a contiguous matrix with WIDTH columns, of floats or of whole numbers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.get_data_type(matrix.dtype)
        found = builder.load(_place(context, builder, matrix, arguments, number), align=2)
        if matrix.dtype == types.float64:
            return found
        if matrix.dtype == types.float32:
            return builder.fpext(found, _VECTOR)
        whole = builder.sitofp if matrix.dtype.signed else builder.uitofp
        return whole(found, _VECTOR)

    return _LANES(matrix, types.int64), generate


def _put(typing: Any, lanes: Any, matrix: Any, at: Any) -> Any:
    """Write them into a row of a contiguous float64 matrix with WIDTH columns."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, matrix, arguments[1:], ir.DoubleType())
        builder.store(arguments[0], place, align=8)
        return context.get_dummy_value()

    return types.void(_LANES, matrix, types.int64), generate


def _from(typing: Any, lanes: Any, size: Any, least: Any) -> Any:
    """Each lane whose ``size`` is at least ``least``, 0 in the others."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes, size, least = arguments
        enough = builder.fcmp_ordered(">=", size, _all(builder, least))
        return builder.select(enough, lanes, _VECTOR([0.0] * WIDTH))

    return _LANES(_LANES, _LANES, types.float64), generate


def _largest(typing: Any, lanes: Any) -> Any:
    """The largest of them; none is NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, unused = arguments[0], ir.Constant(_VECTOR, ir.Undefined)
        width = WIDTH
        while width > 1:
            width //= 2
            places = ir.VectorType(_INDEX, WIDTH)([_INDEX((n + width) % WIDTH) for n in range(8)])
            right = builder.shuffle_vector(left, unused, places)
            left = builder.select(builder.fcmp_ordered(">", left, right), left, right)
        return builder.extract_element(left, _INDEX(0))

    return types.float64(_LANES), generate


def _all(builder: Any, value: Any) -> Any:
    unused = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(unused, value, _INDEX(0))
    return builder.shuffle_vector(first, unused, ir.VectorType(_INDEX, WIDTH)([0] * WIDTH))


def _place(context: Any, builder: Any, matrix: Any, arguments: Any, number: Any) -> Any:
    data = context.make_array(matrix)(context, builder, arguments[0]).data
    start = builder.mul(arguments[1], arguments[1].type(WIDTH))
    return builder.bitcast(builder.gep(data, [start]), ir.VectorType(number, WIDTH).as_pointer())


def _arithmetic(sign: Any, instruction: str) -> None:
    @infer_global(sign)
    class _LaneByLane(ConcreteTemplate):  # type: ignore[misc]
        cases: ClassVar[list[Any]] = [signature(_LANES, _LANES, _LANES)]

    @lower_builtin(sign, _LANES, _LANES)  # type: ignore[untyped-decorator]
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, instruction)(*arguments)


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")
spread: Callable[[float], Lanes] = intrinsic(_spread)
row: Callable[[NDArray[Any], int], Lanes] = intrinsic(_row)
put: Callable[[Lanes, NDArray[np.float64], int], None] = intrinsic(_put)
at_least: Callable[[Lanes, Lanes, float], Lanes] = intrinsic(_from)
largest: Callable[[Lanes], float] = intrinsic(_largest)
