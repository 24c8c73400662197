"""Linear algebra of matrices and stacks of them: `tx.linalg`.

Its functions are NumPy's of the same names, `np.linalg.solve(tensor, b)` calls them too. Matrices are the
last two axes. What LAPACK refuses (a singular matrix, say) is an error of ours that is a
`numpy.linalg.LinAlgError` as well.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..elsewhere import no_attribute
from ..engine import errors
from ..engine.breadth.composites import several
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import moves, products, reductions, selection
from ..engine.public import plain, public
from ..engine.symbols import eye, from_shapes, tri
from ..engine.tensors import Tensor, raw
from .decompositions import (
    cholesky,
    eigenvectors,
    eigvalsh,
    left_vectors,
    q_factor,
    right_vectors,
    svdvals,
)
from .einstein import einsum
from .inputs import whole
from .matrices import det, det_sign, inv, logabsdet, pinv, solve_columns
from .norms import norm

__all__ = [
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matrix_power",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "trace",
]


class Slogdet(NamedTuple):
    """What `slogdet` gives."""

    sign: Tensor
    logabsdet: Tensor


class Eigh(NamedTuple):
    """What `eigh` gives."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class Svd(NamedTuple):
    """What `svd` gives; the names are NumPy's."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class Qr(NamedTuple):
    """What `qr` gives."""

    Q: Tensor
    R: Tensor


@public(numpy=np.linalg.solve, namespace="linalg")
def solve(a: Operand, b: Operand) -> Tensor:
    """The solution x of `a @ x = b`: of one right side, if b has one axis, else of the columns of b.

    Shapes: a `(..., n, n)`, b `(n,)` or `(..., n, k)`, x like b; stacks broadcast.

    Raises:
        MatrixError: a matrix is singular; also a `numpy.linalg.LinAlgError`.
        ShapeError: the shapes do not fit.

    >>> solve(Tensor([[2.0, 0.0], [0.0, 4.0]]), [1.0, 2.0]).numpy()
    array([0.5, 0.5])
    """
    if as_numbers("solve", raw(b), [a, b]).ndim != 1:
        return solve_columns(a, b)
    with composite("solve"):
        return moves.squeeze(solve_columns(a, moves.expand_dims(b, -1)), -1)


@public(namespace="linalg")
def lstsq(a: Operand, b: Operand) -> Tensor:
    """The x for which `a @ x` is nearest to b; of several the shortest. Only this, not what else
    `numpy.linalg.lstsq` returns. The gradient holds while the rank of a stays the same.

    Shapes: a `(..., m, n)`, b `(m,)` or `(..., m, k)`, x `(n,)` or `(..., n, k)`; stacks broadcast.

    >>> lstsq(Tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), [1.0, 3.0, 5.0]).numpy().round(4)
    array([1., 2.])
    """
    with composite("lstsq"):
        return products.matmul(pinv(a), b)


@public(numpy=np.linalg.slogdet, export=False, namespace="linalg")
def slogdet(x: Operand) -> Slogdet:
    """The sign of each determinant, and the logarithm of its absolute value: `-inf` of a singular
    matrix, which has no gradient. The sign has none either.

    >>> sign, logarithm = slogdet(Tensor([[0.0, 2.0], [2.0, 0.0]]))
    >>> sign.item(), round(logarithm.item(), 4)
    (-1.0, 1.3863)
    """
    return Slogdet(det_sign(x), logabsdet(x))


@public(numpy=np.linalg.eigh, export=False, namespace="linalg")
def eigh(x: Operand) -> Eigh:
    """The eigenvalues of each symmetric matrix in ascending order, `(..., n)`, and its eigenvectors as
    columns, `(..., n, n)`: those of the symmetric part (x + xᵀ) / 2.

    A vector's gradient does not exist where its eigenvalue occurs twice: it is nan or infinite, and
    next to such a matrix very large. That of the values is right everywhere (see `eigvalsh`). The
    signs of the vectors are LAPACK's choice: a loss should not depend on them.

    >>> values, vectors = eigh(Tensor([[2.0, 1.0], [1.0, 2.0]]))
    >>> values.numpy().round(4)
    array([1., 3.])
    """
    with composite("eigh"):
        return Eigh(eigvalsh(x), eigenvectors(x))


@public(export=False, namespace="linalg")
def svd(x: Operand) -> Svd:
    """The reduced singular value decomposition: u `(..., m, k)`, s `(..., k)`, vᵀ `(..., k, n)` with
    `x = (u * s) @ vᵀ` and k = min(m, n). As in NumPy with `full_matrices=False`.

    The gradient of the vectors does not exist where two singular values are equal or, unless the
    matrix is square, one is 0. That of the values is right everywhere (see `svdvals`).

    >>> u, s, vt = svd(Tensor([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]))
    >>> s.numpy(), ((u * s) @ vt).shape
    (array([4., 3.]), (3, 2))
    """
    with composite("svd"):
        return Svd(left_vectors(x), svdvals(x), right_vectors(x).mT)


@public(numpy=np.linalg.svd, export=False, namespace="linalg")
def numpys_svd(x: Operand, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """What `np.linalg.svd` gives: `svd`, or only the singular values. Vectors that belong to no singular value
    are not here: of a matrix that is not square pass `full_matrices=False`.
    """
    if not compute_uv:
        return svdvals(x)
    *_, m, n = _matrices("svd", x)
    if full_matrices and m != n:
        what = "svd: there is a gradient of the reduced decomposition only"
        raise errors.BadValueError(what, [x], "pass full_matrices=False")
    return svd(x)


@public(numpy=np.linalg.qr, export=False, namespace="linalg")
def qr(x: Operand) -> Qr:
    """Orthonormal columns q `(..., m, k)` and a right triangular r `(..., k, n)` with `x = q @ r` and
    k = min(m, n). The gradient needs the first k columns of x to be independent.

    >>> q, r = qr(Tensor([[0.0, 2.0], [1.0, 3.0]]))
    >>> (q @ r).numpy().round(4)
    array([[0., 2.],
           [1., 3.]])
    """
    *_, m, n = _matrices("qr", x)
    with composite("qr"):
        q = q_factor(moves.getitem(x, (..., slice(m))) if m < n else x)
        right = tri(n, min(m, n), dtype=bool).T
        return Qr(q, selection.where(right, products.matmul(q.mT, x), 0.0))


@public(numpy=np.linalg.trace, namespace="linalg")
def trace(x: Operand, /, offset: int = 0) -> Tensor:
    """The sum of each matrix's diagonal, or of the one `offset` places to the right of it.

    >>> trace(Tensor([[1.0, 2.0], [3.0, 4.0]])).item()
    5.0
    """
    *_, m, n = _matrices("trace", x)
    places = np.nonzero(np.eye(m, n, whole("trace", "offset", offset), dtype=bool))
    rows, columns = map(from_shapes, places)
    with composite("trace"):
        return reductions.sum(moves.getitem(x, (..., rows, columns)), -1)


@public(numpy=np.linalg.matrix_power, namespace="linalg")
def matrix_power(x: Operand, n: int) -> Tensor:
    """The product of n times the same square matrix: its inverse if n is negative, else the identity if
    n is 0. Computed in about 2 · log₂ n products.

    >>> matrix_power(Tensor([[1.0, 1.0], [0.0, 1.0]]), 3).numpy()
    array([[1., 3.],
           [0., 1.]])
    """
    *_, rows, columns = _matrices("matrix_power", x)
    n = plain(n, "n")
    if rows != columns:
        what = f"matrix_power: takes square matrices, the shape is {np.shape(raw(x))}"
        raise errors.MatrixShapeError(what, [x], "the last two axes are those of the matrices")
    if not isinstance(n, int):
        raise errors.DtypeError(f"matrix_power: n must be an integer, got {n!r}", [x])
    with composite("matrix_power"):
        if n == 0:
            return selection.where(
                from_shapes(np.array(False)), x, eye(rows, dtype=as_numbers("", raw(x)).dtype)
            )
        return _power(inv(x) if n < 0 else moves.identity(x), abs(n))


def _power(x: Tensor, n: int) -> Tensor:
    if n == 1:
        return x
    half = _power(x, n // 2)
    square = products.matmul(half, half)
    return products.matmul(square, x) if n % 2 else square


@public(numpy=np.linalg.multi_dot, namespace="linalg")
def multi_dot(arrays: Sequence[Operand]) -> Tensor:
    """The product of several matrices, in the order that needs the fewest operations. The first may be
    a row with one axis, the last a column.

    >>> multi_dot([Tensor([[1.0, 2.0]]), [[1.0], [1.0]], [[3.0]]]).numpy()
    array([[9.]])
    """
    arrays = several("multi_dot", arrays)
    if len(arrays) < 2:
        what = f"multi_dot: takes at least two matrices, got {len(arrays)}"
        raise errors.BadValueError(what, arrays)
    axes = [as_numbers("multi_dot", raw(x), arrays).ndim for x in arrays]
    letters = string.ascii_letters[: len(arrays) + 1]
    parts = [a + b for a, b in pairwise(letters)]
    if axes[:1] == [1]:
        parts[0] = parts[0][1]
    if axes[-1:] == [1]:
        parts[-1] = parts[-1][0]
    ends = [v for v in (letters[0], letters[-1]) if any(v in part for part in parts)]
    return einsum(f"{','.join(parts)}->{''.join(ends)}", *arrays)


def __getattr__(name: str) -> object:
    own = ": it is not here; tx.op makes an operation of a function and its derivative"
    raise no_attribute("module 'tinygrad_xent.linalg'", name, __all__, own)


def _matrices(name: str, x: Operand) -> tuple[int, ...]:
    """The shape of x, which must have at least two axes."""
    shape: tuple[int, ...] = as_numbers(name, raw(x)).shape
    if len(shape) < 2:
        what = f"{name}: takes matrices, or stacks of them; the shape is {shape}"
        raise errors.MatrixShapeError(what, [x], "the last two axes are those of the matrices")
    return shape
