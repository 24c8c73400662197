"""The bias as one more row of its weight matrix, where the two lie side by side: x @ W + b is [x 1] @ [W; b],
and both gradients are one product, [x 1]ᵀ @ g. That saves two passes over the result and costs a copy of x, so
it is done where x is much narrower, or so small that calls are what costs. Two new calls:

with_ones(x)    x with a column of ones
below(W, b)     W with b as its last row: both as they lie in memory
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ..engine.sums import BLOCK
from ..programs.instructions import Instruction, Ref, replaced
from . import calls
from .lanes import Lane
from .small import FEW

NARROWER = 4  # times, at least: with fewer, products of odd sizes cost what the passes did
ANY = 1 << 62  # rows: each block has its own sum
_LAST, _OTHERS = -1, slice(None, -1)


class _Layer(NamedTuple):
    """The calls of x @ W + b and of its gradients, x.T @ g and the sum of g."""

    x: Instruction
    product: Instruction
    added: Instruction
    slope: Instruction
    total: Instruction

    def pays(self) -> bool:
        rows, width = self.x.shape  # type: ignore[misc]
        out = self.added.shape[1]  # type: ignore[index]
        return NARROWER * width <= out or rows * max(width, out) <= FEW


def with_bias_rows(
    early: list[Instruction],
    groups: list[list[Lane]],
    kept: set[int],
    first: int,
    rows: int = BLOCK,
) -> list[Instruction]:
    """The early calls, with such layers in two products.

    Args:
        groups: of the update; neighbours in a group lie side by side, and so do their gradients.
        kept: results that are needed afterwards.
        first: a number from which on numbers are free.
        rows: so many are summed by a product at most, for a sum of more would lose digits.
    """
    found = (x for x in _layers(early, groups) if not {x.product.id, x.slope.refs[0]} & kept)
    layers = [x for x in found if x.pays() and x.x.shape[0] <= rows]  # type: ignore[index]
    return _rewritten(early, layers, itertools.count(first)) if layers else early


def host_of(i: Instruction, table: dict[int, Instruction]) -> Instruction:
    """The result in whose memory a gradient lies: that of both, or itself."""
    if i.call == "operator.getitem" and i.args[1] in (_LAST, _OTHERS):
        host = table[i.args[0].id]
        turned = table.get(host.refs[0]) if calls.is_product(host) else None
        if turned is not None and turned.call == "ndarray.transpose":
            return host if table[turned.refs[0]].call == "with_ones" else i
    return i


def _layers(early: list[Instruction], groups: list[list[Lane]]) -> Iterator[_Layer]:
    table = {i.id: i for i in early}
    uses = Counter(number for i in early for number in i.refs)
    beside = dict(_neighbours(groups))
    for added in early:
        if added.call not in ("operator.add", "np.add") or added.dtype not in calls.BLAS:
            continue
        product = table.get(added.refs[0])
        if product is None or len(added.refs) < 2 or not calls.is_product(product):
            continue
        x, weight = (table[x.id] for x in product.args if isinstance(x, Ref))
        if uses[product.id] > 1 or len(x.shape or ()) != 2 or x.dtype != added.dtype:
            continue
        for slope, total in beside.get((weight.id, added.refs[1]), ()):
            if slope in table and total in table:
                found = _Layer(x, product, added, table[slope], table[total])
                if _is_slope(found, table):
                    yield found


def _neighbours(
    groups: list[list[Lane]],
) -> Iterator[tuple[tuple[int, int], list[tuple[int, int]]]]:
    """Pairs of states that lie side by side, with the pairs of arrays from outside that do."""
    for group in groups:
        for a, b in itertools.pairwise(group):
            outside = [*zip(a.outside, b.outside, strict=True)]
            for pair in zip(a.states, b.states, strict=True):
                yield pair, outside


def _is_slope(layer: _Layer, table: dict[int, Instruction]) -> bool:
    """Whether these are xᵀ @ g and the sum of the same g."""
    slope, total = layer.slope, layer.total
    if not calls.is_product(slope) or calls.reduction(total) != ("add", 0, False):
        return False
    turned = table.get(slope.refs[0])
    transposed = turned is not None and turned.call == "ndarray.transpose" and len(turned.args) == 1
    same = slope.args[1] == total.args[0] and table[slope.refs[1]].shape == layer.added.shape
    return transposed and same and turned.args[0] == Ref(layer.x.id)  # type: ignore[union-attr]


def _rewritten(
    early: list[Instruction], layers: list[_Layer], numbers: Iterator[int]
) -> list[Instruction]:
    """The calls with those of the layers replaced. Each gradient keeps its number, as a view of both."""
    place = {i.id: k for k, i in enumerate(early)}
    ones: dict[int, Instruction] = {}
    new: dict[int, list[Instruction]] = {}

    def made(like: Instruction, call: str, *args: object, **more: object) -> Instruction:
        number = next(numbers)
        return replaced(like, id=number, call=call, args=args, kwargs=(), **{"name": "", **more})

    for x, product, added, slope, total in layers:
        (rows, width), out = x.shape, added.shape[1]  # type: ignore[misc, index]
        before = []
        if x.id not in ones:
            ones[x.id] = made(added, "with_ones", Ref(x.id), shape=(rows, width + 1))
            before.append(ones[x.id])
        both = (width + 1, out)
        layer = made(added, "below", product.args[1], Ref(added.refs[1]), shape=both, name="layer")
        args = Ref(ones[x.id].id), Ref(layer.id)
        new[added.id] = [*before, layer, replaced(added, call="operator.matmul", args=args)]
        turned = made(slope, "ndarray.transpose", args[0], shape=(width + 1, rows))
        whole = made(
            slope, "operator.matmul", Ref(turned.id), slope.args[1], shape=both, name="dlayer"
        )
        parts = (
            replaced(slope, args=(Ref(whole.id), _OTHERS)),
            replaced(total, args=(Ref(whole.id), _LAST)),
        )
        views = [replaced(i, call="operator.getitem", kwargs=()) for i in parts]
        first, second = sorted((slope, total), key=lambda i: place[i.id])
        new[first.id], new[second.id] = [turned, whole, *views], []
    done = [i for old in early for i in new.get(old.id, [old])]
    gone = {x.product.id for x in layers} | {x.slope.refs[0] for x in layers}
    used = {number for i in done for number in i.refs}
    return [i for i in done if i.id not in gone or i.id in used]
