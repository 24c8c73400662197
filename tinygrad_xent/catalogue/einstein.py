"""`einsum`: products summed over axes that are named.

It is made of transposes, reshapes and one matrix product per pair of operands, which BLAS computes;
NumPy's own function loops over every index.
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
from ..engine.public import public
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
