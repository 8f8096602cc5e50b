"""Half a step of alternating least squares: the factors of all rows, the other side held fixed.

Matrices are CSR over integer codes, factors float32 (rows × k). Every row is solved alone, in
the order of its entries, so neither blocks nor threads change a bit.
"""

import numpy as np
from numpy.typing import NDArray

from restock.kernels.policy import kernel
from restock.kernels.vectors import add_scaled, dot, multiply

SOLVED = 1e-20
FloatArray = NDArray[np.float32]


@kernel
def solve_rows(
    first: int,
    last: int,
    indptr: NDArray[np.int64],
    columns: NDArray[np.int32],
    extra: FloatArray,
    ridge: FloatArray,
    products: FloatArray,
    fixed: FloatArray,
    solved: FloatArray,
    steps: int,
) -> None:
    """Improve ``solved[first:last]`` by ``steps`` steps of conjugate gradients.

    Row u minimises ``sum over all j of c_uj (p_uj - x_u . y_j)^2 + ridge_u |x_u|^2`` with
    ``c = 1 + extra, p = 1`` at its entries and ``c = 1, p = 0`` elsewhere, so it solves
    ``(Y'Y + sum extra y y' + ridge I) x = sum c y`` (Hu, Koren and Volinsky, 2008, equation
    4), starting from what ``solved`` holds (Takács, Pilászy and Tikk, RecSys 2011).
    ``products`` is Y'Y, with Y ``fixed``.

    Cost: (steps + 1) × (entries × 4 k + rows × 2 k²) operations.
    """
    k = fixed.shape[1]
    residual = np.empty(k, dtype=np.float32)
    direction = np.empty(k, dtype=np.float32)
    image = np.empty(k, dtype=np.float32)
    for row in range(first, last):
        x, start, stop = solved[row], indptr[row], indptr[row + 1]
        multiply(x, products, image)
        for at in range(k):
            residual[at] = -image[at] - ridge[row] * x[at]
        for entry in range(start, stop):
            y = fixed[columns[entry]]
            missing = np.float32(1.0) + extra[entry] - extra[entry] * dot(x, y)
            add_scaled(missing, y, residual)
        direction[:] = residual
        before = dot(residual, residual)
        for _ in range(steps):
            if before < SOLVED:
                break
            multiply(direction, products, image)
            add_scaled(ridge[row], direction, image)
            for entry in range(start, stop):
                y = fixed[columns[entry]]
                add_scaled(extra[entry] * dot(direction, y), y, image)
            length = before / dot(direction, image)
            add_scaled(length, direction, x)
            add_scaled(-length, image, residual)
            after = dot(residual, residual)
            ratio = after / before
            for at in range(k):
                direction[at] = residual[at] + ratio * direction[at]
            before = after
