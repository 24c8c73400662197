"""What optimisers share: a list of parameters, updates in place, and state that can be saved.

The update rules are in `rules.py`. A large parameter is updated a few rows at a time.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..arguments import check_number
from ..engine import errors
from ..engine.nodes import Leaf, touch
from ..engine.tensors import Tensor

if TYPE_CHECKING:
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[Any]

BLOCK = 1 << 18  # elements: with their gradient, buffers and scratch they stay in the cache


class Optimizer:
    """The base class of optimisers: a subclass names its settings and buffers and defines `update`.

    Args:
        params: leaf tensors that require grad, each once: `model.parameters()`.
        settings: the numbers of the update rule, by name; they become attributes.
        buffers: names of the arrays that `update` carries from step to step; each parameter has its
            own, of its shape.

    Attributes:
        lr: the learning rate; may be set between steps, as the schedules do.
        params: the tensors it updates.
        elementwise: whether `update` treats every element alike. Then a large parameter is updated
            a few rows at a time, so that they stay in the cache and the scratch stays small.
    """

    lr: float
    elementwise: bool = False

    def __init__(
        self, params: Iterable[Tensor], settings: dict[str, Any], buffers: Sequence[str] = ()
    ) -> None:
        who = type(self).__name__
        check_number(who, "lr", settings["lr"], 0)
        self._settings, self._names = tuple(settings), tuple(buffers)
        for name, value in settings.items():
            setattr(self, name, value)
        self.params = check_parameters(who, params)
        self._counts = [0] * len(self.params)  # updates made: none in steps without a gradient
        self._buffers = [tuple(np.zeros(p.shape, p.dtype) for _ in buffers) for p in self.params]
        self._plan()

    def _plan(self) -> None:
        """Work out how each parameter is updated: in rows, and with which scratch."""
        self._leaves: list[Any] = [tensor._source() for tensor in self.params]
        shapes = [tensor.shape for tensor in self.params]
        rows = [_rows_at_once(shape) if self.elementwise else None for shape in shapes]
        pieces = [s if n is None else (n, *s[1:]) for s, n in zip(shapes, rows, strict=True)]
        self._scratch = _scratch(pieces, [tensor.dtype for tensor in self.params])
        self._jobs = list(zip(self._leaves, rows, self._buffers, self._scratch, strict=True))

    @abstractmethod
    def update(
        self, w: Array, g: Array, t: int, buffers: tuple[Array, ...], scratch: tuple[Array, Array]
    ) -> None:
        """Change one parameter in place.

        Args:
            w: the parameter's values.
            g: its gradient, not to be changed.
            t: the number of this update, from 1.
            buffers: the arrays named at construction, zero before the first update.
            scratch: two arrays for intermediate results.
        """
        raise NotImplementedError(errors.message(f"{type(self).__name__} defines no update"))

    def step(self) -> None:
        """Update every parameter that has a gradient.

        Raises:
            GraphError: no parameter has a gradient.
        """
        counts, changed = self._counts, list[Leaf]()
        try:
            for i, (leaf, rows, buffers, scratch) in enumerate(self._jobs):
                if leaf.grad is not None:
                    changed.append(leaf)
                    counts[i] = t = counts[i] + 1
                    if rows is None:
                        self.update(leaf.data, leaf.grad._data, t, buffers, scratch)
                    else:
                        self._update_by_rows(leaf.data, leaf.grad._data, t, buffers, scratch)
        finally:
            touch(changed)
        if not changed:
            what = f"{type(self).__name__}.step: no parameter has a gradient"
            raise errors.GraphError(what, self.params[:4], "call loss.backward()")

    def _update_by_rows(
        self, w: Array, g: Array, t: int, buffers: tuple[Array, ...], scratch: tuple[Array, Array]
    ) -> None:
        one, two = scratch
        for start in range(0, len(w), len(one)):
            rows = slice(start, start + len(one))
            few = w[rows]
            carried = tuple(array[rows] for array in buffers)
            self.update(few, g[rows], t, carried, (one[: len(few)], two[: len(few)]))

    def zero_grad(self) -> None:
        """Forget every parameter's gradient: `.grad` is None again."""
        for leaf in self._leaves:
            leaf.grad = None

    def state_dict(self) -> dict[str, Any]:
        """A copy of the state: after `load_state_dict`, training continues bit for bit.

        It holds only numbers, strings, lists and arrays, so `tx.save` takes it.
        """
        return {
            "kind": type(self).__name__,
            "settings": {name: getattr(self, name) for name in self._settings},
            "counts": list(self._counts),
            "buffers": {
                name: [np.array(arrays[k]) for arrays in self._buffers]
                for k, name in enumerate(self._names)
            },
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state: settings, counts and buffers; on an error, change nothing.

        Raises:
            ShapeError: it is another optimiser's, or does not fit the parameters.
            DtypeError: it is not the state of an optimiser.
        """
        who = f"{type(self).__name__}.load_state_dict"
        try:
            form = (str(state["kind"]), *state["settings"], *state["buffers"])
            settings, counts = dict(state["settings"]), list(map(int, state["counts"]))
            columns = [[np.asarray(a) for a in column] for column in state["buffers"].values()]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{who}: not the state of an optimiser ({type(error).__name__}: {error})"
            fix = "pass what optimizer.state_dict() returned"
            raise errors.DtypeError(what, fix=fix) from None
        own = (type(self).__name__, *self._settings, *self._names)
        if form != own:
            what = f"{who}: the state holds {', '.join(form)}; this optimiser has {', '.join(own)}"
            fix = "create the optimiser with the settings of the saved one"
            raise errors.ShapeError(what, fix=fix)
        shapes = [leaf.shape for leaf in self._leaves]
        for saved in ([a.shape for a in column] for column in columns):
            if saved != shapes:
                what = f"{who}: arrays of shapes {saved} for parameters of shapes {shapes}"
                fix = "build the model with the saved sizes; the order of parameters matters too"
                raise errors.ShapeError(what, fix=fix)
        if len(counts) != len(shapes):
            what = f"{who}: the state has {len(counts)} parameters, the optimiser has {len(shapes)}"
            raise errors.ShapeError(what)
        for name, value in settings.items():
            setattr(self, name, value)
        self._counts = counts
        for k, column in enumerate(columns):
            for arrays, saved_array in zip(self._buffers, column, strict=True):
                arrays[k][...] = saved_array

    def __getstate__(self) -> dict[str, Any]:
        """Copied or pickled together with its model, it updates the parameters of the copy."""
        return {k: v for k, v in vars(self).items() if k not in ("_leaves", "_scratch", "_jobs")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._plan()

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)}" for name in self._settings)
        return f"{type(self).__name__}({len(self.params)} parameters, {settings})"


def _rows_at_once(shape: tuple[int, ...]) -> int | None:
    """How many rows of a large parameter are updated at a time; None: all of them."""
    size = math.prod(shape)
    return None if size <= BLOCK else max(1, BLOCK // (size // shape[0]))


def _scratch(shapes: Sequence[tuple[int, ...]], dtypes: Sequence[Any]) -> list[tuple[Array, Array]]:
    """Two arrays of each shape, all slices of the same two: updates run one after the other."""
    sizes = [math.prod(shape) for shape in shapes]
    largest: dict[Any, int] = {}
    for n, dtype in zip(sizes, dtypes, strict=True):
        largest[dtype] = max(n, largest.get(dtype, 0))
    room = {dtype: (np.empty(n, dtype), np.empty(n, dtype)) for dtype, n in largest.items()}
    return [
        (room[dtype][0][:n].reshape(shape), room[dtype][1][:n].reshape(shape))
        for shape, n, dtype in zip(shapes, sizes, dtypes, strict=True)
    ]


def check_parameters(who: str, params: Any) -> tuple[Tensor, ...]:
    """The parameters as a tuple, or an error that says why they can't be optimised."""
    fix = "pass a list of tensors: model.parameters()"
    if (
        isinstance(params, Tensor)
        or hasattr(params, "parameters")
        or not isinstance(params, Iterable)
    ):
        what = f"{who}: takes a list of parameters, not one {type(params).__name__}"
        raise errors.DtypeError(what, fix=fix)
    found = tuple(params)
    if not found:
        raise errors.BadValueError(f"{who}: there are no parameters", fix=fix)
    for tensor in found:
        if not isinstance(tensor, Tensor):
            what = f"{who}: a parameter must be a Tensor"
            raise errors.DtypeError(what, [tensor], fix)
        if not (tensor.requires_grad and type(tensor._node) is Leaf):
            what = f"{who}: a parameter must be a leaf that requires grad"
            leaf = "make it with Tensor(data, requires_grad=True)"
            raise errors.GraphError(what, [tensor], leaf)
    if len({id(tensor) for tensor in found}) < len(found):
        what = f"{who}: a parameter appears twice and would be updated twice"
        twice = [t for i, t in enumerate(found) if any(t is other for other in found[:i])]
        raise errors.BadValueError(what, twice, "pass each tensor once")
    return found
