"""Products summed over axes that are named or placed.

All of them are made of transposes, reshapes and one matrix product per pair of arrays, which BLAS
computes; NumPy's `einsum` would loop over every index.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine import errors
from ..engine.context import composite
from ..engine.methods import Operand
from ..engine.operands import as_numbers
from ..engine.ops import arithmetic, moves, products, reductions
from ..engine.public import plain, public
from ..engine.tensors import Tensor, raw


@public(numpy=np.einsum)
def einsum(subscripts: str, /, *operands: Operand, optimize: Any = None) -> Tensor:
    """Products summed over axes that have the same letter, by Einstein's convention: `"ij,jk->ik"` is the
    matrix product, `"ii"` the trace, `"...ij->...ji"` a transpose of stacks.

    A letter that is not in the output is summed; without `->` the output has, in alphabetical order,
    the letters that occur once. `...` stands for any further axes, which broadcast. A letter twice in
    one operand is its diagonal. As in NumPy, an axis of length 1 stretches. More than two operands are
    multiplied in pairs, in the order that `numpy.einsum_path` finds cheap.

    Args:
        optimize: is there for NumPy's sake and changes nothing: the order is always a cheap one.

    Raises:
        BadValueError: the subscripts are malformed, or are not those of so many operands.
        ShapeError: they do not fit the shapes.

    >>> einsum("ij,j->i", Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 1.0])).numpy()
    array([3., 7.])
    """
    if not isinstance(subscripts, str):
        what = "einsum: the first argument is the subscripts, as text"
        raise errors.DtypeError(what, [subscripts, *operands], 'einsum("ij,jk->ik", a, b)')
    shapes = [as_numbers("einsum", raw(x), operands).shape for x in operands]
    terms, output = _labels(subscripts, shapes, operands)
    sizes = _sizes(terms, shapes, operands)
    with composite("einsum"):
        factors = [_factor(x, labels, sizes) for x, labels in zip(operands, terms, strict=True)]
        for together in _path(subscripts, shapes):
            chosen = [factors.pop(i) for i in sorted(together, reverse=True)]
            wanted = {*output, *(label for _, labels in factors for label in labels)}
            product = chosen.pop()
            while chosen:
                later = {label for _, labels in chosen[:-1] for label in labels}
                product = _pair(product, chosen.pop(), wanted | later, sizes)
            factors.append(product)
        x, labels = _summed(*factors[0], keep=set(output))
        return moves.transpose(x, tuple(map(labels.index, output)))


_PARTS = re.compile(r"([a-zA-Z]*)(\.\.\.)?([a-zA-Z]*)")
_DOTS = [f"...{i}" for i in range(64, 0, -1)]
_Factor = tuple[Any, list[str]]


def _labels(
    subscripts: str, shapes: list[tuple[int, ...]], operands: Sequence[Any]
) -> tuple[list[list[str]], list[str]]:
    """A label for each axis of each operand, and of the output. The axes that `...` stands for are
    called ...1, ...2, and so on from the last one.
    """
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    found = [_PARTS.fullmatch(term) for term in [*left.split(","), right]]
    words = f"einsum: the subscripts {subscripts!r}"
    if not all(found):
        what = f"{words} are letters, commas, at most one `...` per operand, and one `->`"
        raise errors.BadValueError(what, operands, 'write them as in "...ij,...jk->...ik"')
    *ours, output = [match.groups() for match in found if match]
    if len(ours) != len(shapes):
        what = f"{words} are those of {len(ours)} operands, given were {len(shapes)}"
        raise errors.BadValueError(what, operands, "separate them by commas, one part per operand")
    terms = []
    for (before, dots, after), shape in zip(ours, shapes, strict=True):
        free = len(shape) - len(before + after)
        if free < 0 or (free and not dots):
            what = f"{words} name {len(before + after)} axes of the shape {shape}"
            raise errors.ShapeError(what, operands, "a letter per axis, or `...` for any others")
        terms.append([*before, *_DOTS[64 - free :], *after])
    used = [label for term in terms for label in term]
    dots = [label for label in _DOTS if label in used]
    if not arrow:
        return terms, dots + sorted(x for x in set(used) if used.count(x) == 1 and x.isalpha())
    named = output[0] + output[2]
    if len(set(named)) < len(named) or not set(named) <= set(used) or (dots and not output[1]):
        what = (
            f"{words}: the output names each axis once, of those of the operands, with their `...`"
        )
        raise errors.BadValueError(what, operands, "a letter that is left out is summed")
    return terms, [*output[0], *dots, *output[2]]


def _sizes(
    terms: list[list[str]], shapes: list[tuple[int, ...]], operands: Sequence[Any]
) -> dict[str, int]:
    """The length of each label's axes; those of length 1 stretch."""
    sizes: dict[str, int] = {}
    for labels, shape in zip(terms, shapes, strict=True):
        for label, n in zip(labels, shape, strict=True):
            own, known = shape[labels.index(label)], sizes.get(label, n)
            other = own if own != n else known
            if own != n or len({n, known} - {1}) > 1:
                name = label.rstrip("0123456789")
                what = f"einsum: the axes of {name!r} have the lengths {other} and {n}"
                raise errors.ShapeError(what, operands, "axes of the same letter are equally long")
            sizes[label] = known if n == 1 else n
    return sizes


def _path(subscripts: str, shapes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Which operands to multiply, step by step; the product is put at the end."""
    if len(shapes) < 3:
        return [tuple(range(len(shapes)))]
    empty = [np.broadcast_to(0.0, shape) for shape in shapes]
    return np.einsum_path(subscripts, *empty, optimize="greedy")[0][1:]


def _factor(x: Operand, labels: list[str], sizes: dict[str, int]) -> _Factor:
    """An operand without its axes that stretch, and with the diagonal of those with the same label."""
    narrow = [i for i, n in enumerate(np.shape(raw(x))) if n == 1 and sizes[labels[i]] != 1]
    if narrow:
        x = moves.squeeze(x, tuple(narrow))
        labels = [label for i, label in enumerate(labels) if i not in narrow]
    while twice := [label for label in labels if labels.count(label) > 1]:
        i, n = labels.index(twice[0]), sizes[twice[0]]
        j = labels.index(twice[0], i + 1)
        rest = [k for k in range(len(labels)) if k not in (i, j)]
        x = moves.transpose(x, (*rest, i, j))
        x = moves.reshape(x, (*np.shape(raw(x))[:-2], n * n))
        x = moves.getitem(x, (..., slice(None, None, n + 1)))
        labels = [*(labels[k] for k in rest), twice[0]]
    return x, labels


def _summed(x: Any, labels: list[str], keep: set[str]) -> _Factor:
    """A factor summed over the labels that nothing else has."""
    axes = tuple(i for i, label in enumerate(labels) if label not in keep)
    return (reductions.sum(x, axes) if axes else x), [v for v in labels if v in keep]


def _pair(a: _Factor, b: _Factor, wanted: set[str], sizes: dict[str, int]) -> _Factor:
    """The product of two factors, summed over what is not wanted any more."""
    x, left = _summed(*a, keep={*wanted, *b[1]})
    y, right = _summed(*b, keep={*wanted, *left})
    both = [label for label in left if label in right and label in wanted]
    terms = [label for label in left if label in right and label not in wanted]
    rows = [label for label in left if label not in right]
    columns = [label for label in right if label not in left]
    x = moves.transpose(x, tuple(left.index(v) for v in (*both, *rows, *terms)))
    y = moves.transpose(y, tuple(right.index(v) for v in (*both, *terms, *columns)))
    lengths = [[sizes[v] for v in part] for part in (both, rows, terms, columns)]
    stack, m, k, n = lengths[0], *map(math.prod, lengths[1:])
    if terms:
        product = products.matmul(
            moves.reshape(x, (*stack, m, k)), moves.reshape(y, (*stack, k, n))
        )
    else:  # nothing is summed: a matrix product would be slower
        product = arithmetic.mul(moves.reshape(x, (*stack, m, 1)), moves.reshape(y, (*stack, 1, n)))
    labels = [*both, *rows, *columns]
    return moves.reshape(product, tuple(sizes[v] for v in labels)), labels


@public(numpy=(np.tensordot, np.linalg.tensordot))
def tensordot(a: Operand, b: Operand, axes: Any = 2) -> Tensor:
    """The sum of products over pairs of axes, which the result does not have.

    Args:
        axes: how many of a's last axes to pair with b's first ones, in order; or a pair `(axes of a,
            axes of b)`, each one axis or several.

    Raises:
        ShapeError: two paired axes differ in length, or not equally many are named.

    >>> tensordot(Tensor(np.ones((2, 3))), np.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    ours, theirs = _paired(a, b, plain(axes, "axes"))
    with composite("tensordot", "Σ (a · b)"):
        return _product(a, b, ours, theirs)


def _paired(a: Operand, b: Operand, axes: Any) -> tuple[list[int], list[int]]:
    """The places of the axes that are summed, none of them negative."""
    left, right = (as_numbers("tensordot", raw(x), [a, b]).shape for x in (a, b))
    if isinstance(axes, int):
        if not 0 <= axes <= min(len(left), len(right)):
            what = f"tensordot: there are no {axes} axes to pair"
            raise errors.ShapeError(what, [a, b], "at most as many as the smaller ndim")
        axes = range(len(left) - axes, len(left)), range(axes)
    ours, theirs = (np.array(part, int).reshape(-1).tolist() for part in axes)
    try:
        lengths = [left[i] for i in ours], [right[i] for i in theirs]
    except IndexError:
        what = f"tensordot: an axis of {axes} does not exist"
        raise errors.AxisError(what, [a, b], errors.AXIS_FIX) from None
    ours, theirs = [i % len(left) for i in ours], [i % len(right) for i in theirs]
    if lengths[0] != lengths[1] or len({*ours}) + len({*theirs}) < 2 * len(ours):
        what = f"tensordot: the axes {ours} of {left} do not pair with {theirs} of {right}"
        fix = "name as many different axes of each, of the same lengths in pairs"
        raise errors.ShapeError(what, [a, b], fix)
    return ours, theirs


def _product(a: Operand, b: Operand, ours: list[int], theirs: list[int]) -> Tensor:
    """The product summed over paired axes, as a product of two matrices."""
    left, right = np.shape(raw(a)), np.shape(raw(b))
    rows = [i for i in range(len(left)) if i not in ours]
    columns = [i for i in range(len(right)) if i not in theirs]
    terms = math.prod(left[i] for i in ours)
    height, width = [left[i] for i in rows], [right[i] for i in columns]
    a = moves.reshape(moves.transpose(a, (*rows, *ours)), (math.prod(height), terms))
    b = moves.reshape(moves.transpose(b, (*theirs, *columns)), (terms, math.prod(width)))
    return moves.reshape(products.matmul(a, b), (*height, *width))


@public(numpy=np.inner)
def inner(a: Operand, b: Operand, /) -> Tensor:
    """The sum of products over both last axes: `y[..., :] = Σ a[..., k] · b[:, k]`. With a single number
    it is the product.

    >>> inner(Tensor([1.0, 2.0]), Tensor([[3.0, 4.0], [5.0, 6.0]])).numpy()
    array([11., 17.])
    """
    left, right = (as_numbers("inner", raw(x), [a, b]).shape for x in (a, b))
    if not (left and right):
        return arithmetic.mul(a, b)
    if left[-1] != right[-1]:
        what = f"inner: the last axes of {left} and {right} differ"
        raise errors.ShapeError(what, [a, b], "a @ b sums over other axes; transpose one (.mT)?")
    with composite("inner", "Σ (a · b)"):
        return _product(a, b, [len(left) - 1], [len(right) - 1])


@public(numpy=np.outer)
def outer(a: Operand, b: Operand) -> Tensor:
    """Each number of a with each of b, as a matrix; both are flattened first.

    >>> outer(Tensor([1.0, 2.0]), [3.0, 4.0]).numpy()
    array([[3., 4.],
           [6., 8.]])
    """
    with composite("outer"):
        return arithmetic.mul(moves.reshape(a, (-1, 1)), moves.reshape(b, (1, -1)))


@public(numpy=np.vdot)
def vdot(a: Operand, b: Operand, /) -> Tensor:
    """The sum of products of two arrays of equally many numbers, both flattened.

    >>> vdot(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]])).item()
    11.0
    """
    with composite("vdot"):
        return products.matmul(moves.reshape(a, -1), moves.reshape(b, -1))


@public(numpy=(np.vecdot, np.linalg.vecdot))
def vecdot(a: Operand, b: Operand, /, axis: int = -1) -> Tensor:
    """The sum of products along an axis, of vectors or stacks of them that broadcast.

    >>> vecdot(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 1.0])).numpy()
    array([3., 7.])
    """
    with composite("vecdot", "Σ (a · b)"):
        return reductions.sum(arithmetic.mul(a, b), axis)


@public(numpy=getattr(np, "matvec", ()))
def matvec(a: Operand, x: Operand, /) -> Tensor:
    """Matrices times vectors, `(..., m, n), (..., n) -> (..., m)`, in stacks that broadcast.

    >>> matvec(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([[1.0, 1.0], [0.0, 1.0]])).numpy()
    array([[3., 7.],
           [2., 4.]])
    """
    with composite("matvec", "a @ x"):
        return moves.squeeze(products.matmul(a, moves.expand_dims(x, -1)), -1)


@public(numpy=getattr(np, "vecmat", ()))
def vecmat(x: Operand, a: Operand, /) -> Tensor:
    """Vectors times matrices, `(..., m), (..., m, n) -> (..., n)`, in stacks that broadcast.

    >>> vecmat(Tensor([1.0, 1.0]), Tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([4., 6.])
    """
    with composite("vecmat", "x @ a"):
        return moves.squeeze(products.matmul(moves.expand_dims(x, -2), a), -2)


@public(numpy=np.kron)
def kron(a: Operand, b: Operand) -> Tensor:
    """The Kronecker product: each number of a times the whole of b, side by side.

    >>> kron(Tensor([1.0, 10.0]), Tensor([1.0, 2.0])).numpy()
    array([ 1.,  2., 10., 20.])
    """
    left, right = (as_numbers("kron", raw(x), [a, b]).shape for x in (a, b))
    n = max(len(left), len(right))
    left, right = (1,) * (n - len(left)) + left, (1,) * (n - len(right)) + right
    with composite("kron"):
        a = moves.expand_dims(moves.reshape(a, left), tuple(range(1, 2 * n, 2)))
        b = moves.expand_dims(moves.reshape(b, right), tuple(range(0, 2 * n, 2)))
        shape = tuple(i * k for i, k in zip(left, right, strict=True))
        return moves.reshape(arithmetic.mul(a, b), shape)


@public(numpy=(np.cross, np.linalg.cross))
def cross(a: Operand, b: Operand, axis: int | None = -1) -> Tensor:
    """The cross product of vectors of length 3 along an axis; stacks of them broadcast.

    Raises:
        ShapeError: the axis has not length 3 (NumPy's vectors of length 2 are deprecated there).

    >>> cross(Tensor([1.0, 0.0, 0.0]), Tensor([0.0, 1.0, 0.0])).numpy()
    array([0., 0., 1.])
    """
    axis = -1 if axis is None else plain(axis, "axis")
    shapes = [as_numbers("cross", raw(x), [a, b]).shape for x in (a, b)]
    for shape in shapes:
        if not -len(shape) <= axis < len(shape):
            what = f"cross: axis {axis} is out of bounds for the shape {shape}"
            raise errors.AxisError(what, [a, b], errors.AXIS_FIX)
        if shape[axis] != 3:
            what = f"cross: takes vectors of length 3, the axis {axis} of {shape} has {shape[axis]}"
            raise errors.ShapeError(what, [a, b], "the axis of the components is `axis`")
    with composite("cross"):
        a, b = (_last(x, axis, len(s)) for x, s in zip((a, b), shapes, strict=True))
        after, before = (..., [1, 2, 0]), (..., [2, 0, 1])
        y = arithmetic.sub(
            arithmetic.mul(moves.getitem(a, after), moves.getitem(b, before)),
            arithmetic.mul(moves.getitem(a, before), moves.getitem(b, after)),
        )
        order = list(range(y.ndim - 1))
        order.insert(axis % y.ndim, y.ndim - 1)
        return y if axis == -1 else moves.transpose(y, tuple(order))


def _last(x: Operand, axis: int, ndim: int) -> Operand:
    """x with an axis moved to the end."""
    order = [i for i in range(ndim) if i != axis % ndim]
    return x if axis in (-1, ndim - 1) else moves.transpose(x, (*order, axis))
