"""The inverse, the determinant and the pseudoinverse of matrices and stacks of them: rows of `tx.linalg`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import numpy as np

from ..engine import arrays as xp
from ..engine import errors
from ..engine.arrays import Array
from ..engine.methods import Operand
from ..engine.operands import check_numbers
from ..engine.ops.moves import expand_dims
from ..engine.ops.reductions import sum
from ..engine.public import op
from ..engine.symbols import asarray, eye

P = ParamSpec("P")

LAPACK: Any = np.linalg  # whose types are not those of operands


def lapack(forward: Callable[P, Array]) -> Callable[P, Array]:
    """Decorate a forward: LAPACK has no float16, which is computed in float32 and rounded at the end; and
    of complex numbers it may give real ones.
    """

    @wraps(forward)
    def call(*arrays: Any, **settings: Any) -> Array:
        arrays = tuple(map(asarray, arrays))
        check_numbers(forward.__name__, arrays, *arrays)
        if not any(x.dtype.char == "e" for x in arrays):
            return forward(*arrays, **settings)
        wide = [x.astype(np.float32) if x.dtype.char == "e" else x for x in arrays]
        narrow = np.result_type(*arrays)
        return forward(*wide, **settings).astype(narrow)

    return call


def explained(name: str, function: Callable[..., Any], *operands: Any) -> Any:
    """What a function gives in a rule, where nothing else words LAPACK's errors."""
    try:
        return function(*operands)
    except np.linalg.LinAlgError as error:
        raise errors.explain(f"the gradient of {name}", operands, (), error) from None


def _each(numbers: Any) -> Any:
    """A number per matrix, to be multiplied with the matrices."""
    return expand_dims(expand_dims(numbers, -1), -1)


def _cofactors_vjp(g: Any, x: Any, y: Any) -> Any:
    along = sum(g * y, axis=(-2, -1), keepdims=True)
    return (along * y - y @ g.mT @ y) / _each(det(x))


def _pinv_vjp(g: Any, x: Any, y: Any) -> Any:
    left, right = g.mT - x @ (y @ g.mT), g.mT - (g.mT @ y) @ x
    return left @ (y @ y.mT) + (y.mT @ y) @ right - y.mT @ g @ y.mT


# A row is laid out by hand: what it computes, a rule per input, then the other facts.
# fmt: off


@op("inv(x)", ("-yᵀ @ g @ yᵀ", lambda g, y: -(y.mT @ g @ y.mT)),
    kind="", numpy=np.linalg.inv, namespace="linalg")
@lapack
def inv(x: Operand, /) -> Array:
    """The inverse of each matrix. To solve a system of equations, `solve` is faster and more exact.

    Raises:
        MatrixError: a matrix is singular; also a `numpy.linalg.LinAlgError`.
        ShapeError: the matrices are not square.

    >>> inv(Tensor([[2.0, 0.0], [0.0, 4.0]])).numpy()
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return LAPACK.inv(x)


@op("solve_columns(a, b)",
    ("-solve_columns(aᵀ, g) @ yᵀ", lambda g, a, y: -(solve_columns(a.mT, g) @ y.mT)),
    ("solve_columns(aᵀ, g)", lambda g, a: solve_columns(a.mT, g)),
    kind="", export=False, namespace="linalg", spoken="solve")
@lapack
def solve_columns(a: Operand, b: Operand, /) -> Array:
    """The row behind `solve`: the right sides are the columns of matrices."""
    return LAPACK.solve(a, b)


@op("det(x)", ("expand(expand(g, -1), -1) · cofactors(x)", lambda g, x: _each(g) * cofactors(x)),
    kind="", numpy=np.linalg.det, namespace="linalg")
@lapack
def det(x: Operand, /) -> Array:
    """The determinant of each matrix. For large matrices it overflows where `slogdet` does not.

    Its gradient are the cofactors, right for singular matrices too: not zero if the rank is n - 1. A
    second derivative is nan where a matrix is singular.

    >>> round(det(Tensor([[1.0, 2.0], [3.0, 4.0]])).item(), 4)
    -2.0
    """
    return asarray(LAPACK.det(x))


@op("expand(expand(det(x), -1), -1) · inv(x)ᵀ",
    ("(expand(expand(trace(gᵀ @ y), -1), -1) · y - y @ gᵀ @ y) / expand(expand(det(x), -1), -1)", _cofactors_vjp),
    kind="", export=False, namespace="linalg")
@lapack
def cofactors(x: Operand, /) -> Array:
    """The row behind the gradient of `det`: the matrix of cofactors, of singular matrices too, from the
    singular value decomposition: that of a diagonal matrix has the products of all other numbers.
    """
    u, s, vt = LAPACK.svd(x)
    others = np.where(eye(s.shape[-1], dtype=bool), 1, s[..., None, :]).prod(axis=-1)
    sign = LAPACK.det(u) * LAPACK.det(vt)
    return (u * (sign[..., None] * others)[..., None, :]) @ vt


@op("log(|det(x)|)",
    ("expand(expand(g, -1), -1) · inv(x)ᵀ", lambda g, x: _each(g) * explained("slogdet", inv, x).mT),
    kind="", export=False, namespace="linalg")
@lapack
def logabsdet(x: Operand, /) -> Array:
    """The row behind `slogdet`: the logarithm of the absolute value of the determinant."""
    return asarray(LAPACK.slogdet(x)[1])


@op("det_sign(x)", None, kind="", export=False, namespace="linalg")
@lapack
def det_sign(x: Operand, /) -> Array:
    """The other one behind `slogdet`: the determinant's sign, which has no gradient."""
    return asarray(LAPACK.slogdet(x)[0])


@op("pinv(x)",
    ("(gᵀ - x @ y @ gᵀ) @ y @ yᵀ + yᵀ @ y @ (gᵀ - gᵀ @ y @ x) - yᵀ @ g @ yᵀ", _pinv_vjp),
    kind="", numpy=np.linalg.pinv, namespace="linalg")
@lapack
def pinv(x: Operand, /) -> Array:
    """The pseudoinverse of each matrix, of any shape `(..., m, n) -> (..., n, m)`.

    Singular values up to `max(m, n) · eps` times the largest count as 0, as in PyTorch (NumPy's limit is
    1e-15 in any dtype). The gradient (Golub and Pereyra, 1973) holds while the rank stays the same.

    >>> pinv(Tensor([[1.0], [1.0]])).numpy().round(4)
    array([[0.5, 0.5]])
    """
    return LAPACK.pinv(np.atleast_1d(xp.floats(asarray(x))), rtol=None)
