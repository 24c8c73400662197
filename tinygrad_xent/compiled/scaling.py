"""In a block, rows that are scaled before they are summed: the scale goes to the narrower factor.

The gradient of softmax is e · s - c at each row's label, where s = c / Σe is a column. That is s · (e - Σe at
the label), and in xᵀ @ (s · m) = (s · x)ᵀ @ m the scale costs a pass over x, not over all classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

from ..programs.instructions import Instruction, Ref, replaced
from . import calls
from .blocks import Blocks


def scaled_late(blocks: Blocks) -> Blocks:
    """The blocks with the scale of such gradients in the other factor, where that is possible."""
    for i in blocks.body:
        found = _Scaled.of(i, blocks) if i.call == "minus_labels" else None
        if found is not None:
            blocks = replace(blocks, body=[*found.body()], kinds=found.kinds)
    return blocks


class _Scaled:
    """A gradient (e · share) with c taken off at the labels, and the calls that take its place.

    Args:
        blocks: of which it is. of_labels, product, share: its calls.
    """

    def __init__(
        self, blocks: Blocks, of_labels: Instruction, product: Instruction, share: Instruction
    ) -> None:
        self.old, self.kinds = blocks.body, dict(blocks.kinds)
        self.table = {i.id: i for i in self.old}
        self.of_labels, self.product, self.share = of_labels, product, share
        self.rows = (of_labels.shape or (0,))[0]
        self.new_number = count(1 + max(self.kinds))

    @classmethod
    def of(cls, i: Instruction, blocks: Blocks) -> _Scaled | None:
        """The gradient that an instruction is; None if it is none, or if it is used otherwise than in sums
        and products.
        """
        table = {x.id: x for x in blocks.body}
        product = table.get(i.args[0].id)
        if product is None or product.call != "operator.mul" or not _are_refs(product.args):
            return None
        share = table.get(product.args[1].id)
        if share is None or share.call != "operator.truediv" or not _are_refs(share.args):
            return None
        column = (i.shape or (0,))[0], 1
        of_same = {product.shape, table[product.args[0].id].shape} == {i.shape}
        if share.args[0] != i.args[2] or share.shape != column or not of_same:
            return None
        found = cls(blocks, i, product, share)
        used_once = sum(product.id in x.refs for x in blocks.body) == 1
        fits = used_once and all(found.is_linear(x) for x in blocks.body if i.id in x.refs)
        return found if fits else None

    def is_linear(self, i: Instruction) -> bool:
        """Whether a call of the gradient is a product, or a sum of its columns."""
        if i.call == "np.add.reduce":
            return dict(i.kwargs) == {"axis": 0, "keepdims": False}
        if not calls.is_product(i):
            return False
        a, b = i.args
        if b.id == self.of_labels.id and a.id in self.table:
            turned = self.table[a.id]
            return turned.call == "ndarray.transpose" and self.narrow(self.table[turned.args[0].id])
        return a.id == self.of_labels.id and self.narrow(i)

    def narrow(self, i: Instruction) -> bool:
        """Whether scaling this takes less than scaling the gradient."""
        small = calls.bytes_of(i) < calls.bytes_of(self.of_labels)
        return small and i.dtype == self.of_labels.dtype

    def body(self) -> Iterator[Instruction]:
        users = [i for i in self.old if self.of_labels.id in i.refs]
        turned = {i.args[0].id for i in users if calls.is_product(i)}
        lost = {n for n in turned if all(i in users for i in self.old if n in i.refs)}
        for i in self.old:
            if i is self.of_labels:
                yield from self.unscaled()
            elif i in users:
                yield from self.used(i)
            elif i is not self.product and i.id not in lost - {self.of_labels.id}:
                yield i

    def new(
        self, call: str, shape: Any, *args: Any, like: Instruction | None = None
    ) -> Instruction:
        old = like or self.of_labels
        i = replaced(old, id=next(self.new_number), call=call, args=args, kwargs=(), shape=shape)
        i = replaced(i, name="", gradient_of=None)
        self.kinds[i.id] = "turned" if call == "ndarray.transpose" else "rows"
        return i

    def unscaled(self) -> Iterator[Instruction]:
        """e, with its sum taken off at the label."""
        total = self.share.args[1]
        flat = self.new("ndarray.reshape", (self.rows,), total, (self.rows,))
        yield flat
        e, y = self.product.args[0], self.of_labels.args[1]
        yield replaced(self.of_labels, args=(e, y, Ref(flat.id)), gradient_of=None)

    def used(self, i: Instruction) -> Iterator[Instruction]:
        """What a sum or a product of the gradient becomes."""
        scale = Ref(self.share.id)
        if i.call == "np.add.reduce":
            flat = self.new("ndarray.reshape", (self.rows,), scale, (self.rows,), like=i)
            yield flat
            yield replaced(i, call="operator.matmul", args=(Ref(flat.id), i.args[0]), kwargs=())
        elif i.args[1].id == self.of_labels.id:
            x = self.table[self.table[i.args[0].id].args[0].id]
            scaled = self.new("operator.mul", x.shape, Ref(x.id), scale, like=i)
            turned = self.new("ndarray.transpose", x.shape[::-1], Ref(scaled.id), like=i)  # type: ignore[index]
            yield from (scaled, turned)
            yield replaced(i, args=(Ref(turned.id), i.args[1]))
        else:
            product = self.new("operator.matmul", i.shape, *i.args, like=i)
            yield product
            yield replaced(i, call="operator.mul", args=(Ref(product.id), scale), kwargs=())


def _are_refs(args: tuple[Any, ...]) -> bool:
    return len(args) == 2 and all(isinstance(x, Ref) for x in args)
