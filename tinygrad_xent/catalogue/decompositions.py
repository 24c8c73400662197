"""Factors of matrices and of stacks of them: rows of `tx.linalg`, each of them one factor.

Cholesky's factor and the eigenvalues are those of the symmetric part (x + xᵀ) / 2, so that they are
functions of all numbers of x, and their gradient is symmetric as in PyTorch. Of a symmetric matrix the
values are NumPy's, which reads the lower triangle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import arrays as xp
from ..engine.arrays import Array
from ..engine.methods import Operand
from ..engine.ops.moves import expand_dims
from ..engine.ops.selection import where
from ..engine.public import op
from ..engine.symbols import tri
from ..engine.tensors import raw
from .matrices import LAPACK, explained, lapack, solve_columns


def _symmetric(x: Any) -> Array:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise np.linalg.LinAlgError("the last 2 dimensions must be square")
    x = xp.floats(x)
    symmetric: Array = (x + x.mT) / 2
    return symmetric


def _mirrored(x: Any) -> Any:
    """The lower triangle of each square matrix, and its mirror image."""
    return where(tri(x.shape[-1], dtype=bool), x, x.mT)


def _cholesky_vjp(g: Any, y: Any) -> Any:
    """Murray (2016), Differentiation of the Cholesky decomposition, equation 10."""
    return solve_columns(y.mT, solve_columns(y.mT, _mirrored(y.mT @ g)).mT) / 2


def _q_vjp(g: Any, x: Any, y: Any) -> Any:
    turned = (g - y @ _mirrored(g.mT @ y)).mT
    return explained("qr", solve_columns, y.mT @ x, turned).mT


def _weighted(u: Any, g: Any, v: Any) -> Any:
    """Σ gᵢ · uᵢ @ vᵢᵀ over the columns."""
    return (u * expand_dims(g, -2)) @ v.mT


def _by_gaps(turn: Any, numbers: Any) -> Any:
    """Each number of antisymmetric matrices divided by the gap between the two eigenvalues it belongs to.
    What does not turn has no gap to be divided by: the diagonal, and equal eigenvalues whose vectors
    have no gradient.
    """
    gap = expand_dims(numbers, -2) - expand_dims(numbers, -1)
    still = (raw(turn) == 0) & (raw(gap) == 0)
    return where(still, 0, turn / where(still, 1, gap))


def _eigenvectors_vjp(g: Any, x: Any, y: Any) -> Any:
    turn = y.mT @ g
    return y @ _by_gaps(turn - turn.mT, eigvalsh(x)) @ y.mT / 2


def _singular_vjp(g: Any, y: Any, s: Any, others: Any) -> Any:
    """The gradient of left singular vectors y; `others` are the right ones. Vectors of full length turn
    only among themselves, fewer also towards what is not among them.
    """
    turn = y.mT @ g
    c = y @ (_by_gaps(turn - turn.mT, s * s) * expand_dims(s, -2))
    if y.shape[-2] > y.shape[-1]:
        c = c + (g - y @ turn) / expand_dims(s, -2)
    return c @ others.mT


_TURNED = (
    "y @ ((yᵀ @ g - gᵀ @ y) · expand(svdvals(x), -2) / (expand(svdvals(x)², -2) - expand(svdvals(x)², -1)) "
    "where expand(svdvals(x), -2) ≠ expand(svdvals(x), -1)) + (g - y @ yᵀ @ g) / expand(svdvals(x), -2)"
)

# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


@op("cholesky(x)",
    ("solve_columns(yᵀ, solve_columns(yᵀ, tril(yᵀ @ g) + tril(yᵀ @ g, -1)ᵀ)ᵀ) / 2", _cholesky_vjp),
    kind="", numpy=np.linalg.cholesky, namespace="linalg")
@lapack
def cholesky(x: Operand, /) -> Array:
    """The lower triangular factor of each positive definite matrix: `x = y @ yᵀ`.

    It is that of the symmetric part (x + xᵀ) / 2. Of a symmetric matrix the values are NumPy's, which
    reads the lower triangle only, and the gradient is symmetric as in PyTorch.

    Raises:
        MatrixError: a matrix is not positive definite; also a `numpy.linalg.LinAlgError`.
        ShapeError: the matrices are not square.

    >>> cholesky(Tensor([[4.0, 2.0], [2.0, 5.0]])).numpy()
    array([[2., 0.],
           [1., 2.]])
    """
    return LAPACK.cholesky(_symmetric(x))


@op("eigvalsh(x)",
    ("eigenvectors(x) · expand(g, -2) @ eigenvectors(x)ᵀ",
     lambda g, x: _weighted(v := eigenvectors(x), g, v)),
    kind="", numpy=np.linalg.eigvalsh, namespace="linalg")
@lapack
def eigvalsh(x: Operand, /) -> Array:
    """The eigenvalues of each symmetric matrix, in ascending order: `(..., n, n) -> (..., n)`.

    They are those of the symmetric part (x + xᵀ) / 2. The gradient of equal eigenvalues is that of any
    of their eigenvectors; that of a symmetric function of them is right.

    >>> eigvalsh(Tensor([[2.0, 1.0], [1.0, 2.0]])).numpy().round(4)
    array([1., 3.])
    """
    return LAPACK.eigvalsh(_symmetric(x))


@op("eigenvectors(x)",
    ("y @ ((yᵀ @ g - gᵀ @ y) / (expand(eigvalsh(x), -2) - expand(eigvalsh(x), -1)) "
     "where expand(eigvalsh(x), -2) ≠ expand(eigvalsh(x), -1)) @ yᵀ / 2", _eigenvectors_vjp),
    kind="", export=False, namespace="linalg", spoken="eigh")
@lapack
def eigenvectors(x: Operand, /) -> Array:
    """The row behind `eigh`: the eigenvectors, as columns."""
    return LAPACK.eigh(_symmetric(x))[1]


@op("svdvals(x)",
    ("left_vectors(x) · expand(g, -2) @ right_vectors(x)ᵀ",
     lambda g, x: _weighted(left_vectors(x), g, right_vectors(x))),
    kind="", numpy=np.linalg.svdvals, namespace="linalg")
@lapack
def svdvals(x: Operand, /) -> Array:
    """The singular values of each matrix, in descending order: `(..., m, n) -> (..., min(m, n))`.

    The gradient of equal ones, and of those that are 0, is that of any of their singular vectors.

    >>> svdvals(Tensor([[3.0, 0.0], [0.0, -4.0]])).numpy()
    array([4., 3.])
    """
    return LAPACK.svd(x, compute_uv=False)


@op("left_vectors(x)",
    (f"({_TURNED}) @ right_vectors(x)ᵀ",
     lambda g, x, y: _singular_vjp(g, y, svdvals(x), right_vectors(x))),
    kind="", export=False, namespace="linalg", spoken="svd")
@lapack
def left_vectors(x: Operand, /) -> Array:
    """One row behind `svd`: the left singular vectors, as columns."""
    return LAPACK.svd(x, full_matrices=False)[0]


@op("right_vectors(x)",
    (f"left_vectors(x) @ ({_TURNED})ᵀ",
     lambda g, x, y: _singular_vjp(g, y, svdvals(x), left_vectors(x)).mT),
    kind="", export=False, namespace="linalg", spoken="svd")
@lapack
def right_vectors(x: Operand, /) -> Array:
    """The other row behind `svd`: the right singular vectors, as columns."""
    return LAPACK.svd(x, full_matrices=False)[2].mT


@op("q_factor(x)",
    ("solve_columns(yᵀ @ x, (g - y @ (tril(gᵀ @ y) + tril(gᵀ @ y, -1)ᵀ))ᵀ)ᵀ", _q_vjp),
    kind="", export=False, namespace="linalg", spoken="qr")
@lapack
def q_factor(x: Operand, /) -> Array:
    """The row behind `qr`: orthonormal columns, of matrices that are not wider than high."""
    return LAPACK.qr(x)[0]
