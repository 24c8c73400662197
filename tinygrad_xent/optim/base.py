"""What optimisers share: a list of parameters, updates in place, and state that can be saved.

The update rules are in `rules.py`. A large parameter is updated a few rows at a time.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from ..arguments import Check, Checked, number, one_of
from ..engine import errors, lines
from ..engine.arrays import all_finite
from ..engine.nodes import Leaf, touch
from ..engine.quiet import quietly
from ..engine.symbols import Symbol, check, empty, noting
from ..engine.tensors import Tensor

if TYPE_CHECKING:
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[Any]

BLOCK = 1 << 18  # elements: with their gradient, buffers and scratch they stay in the cache


class Optimizer(Checked):
    """The base class of optimisers: a subclass names its settings and buffers and defines `update`.

    Args:
        params: leaf tensors that require grad, each once: `model.parameters()`.
        settings: the numbers of the update rule, by name; they become attributes.
        buffers: names of the arrays that `update` carries from step to step; each parameter has its
            own, of its shape.

    Attributes:
        lr: the learning rate; may be set between steps, as the schedules do.
        params: the tensors it updates.
        nonfinite: what a step does if a gradient is nan or infinite. "skip" (the default) leaves
            weights, buffers and counts as they are and warns; the third such step in a row raises.
            "raise" raises at once, "proceed" updates all the same. `Optimizer.nonfinite = "raise"`
            changes the default.
        elementwise: whether `update` treats every element alike. Then a large parameter is updated
            a few rows at a time, so that they stay in the cache and the scratch stays small.

    float16 parameters are updated in float32, and so are their buffers: in float16 an ε of 1e-8 is 0.
    """

    checks: ClassVar[Mapping[str, Check]] = {
        "lr": number(0),
        "nonfinite": one_of("skip", "raise", "proceed"),
    }
    lr: float
    nonfinite: str = "skip"
    elementwise: bool = False
    _skipped: int = 0  # steps in a row

    def __init__(
        self, params: Iterable[Tensor], settings: dict[str, Any], buffers: Sequence[str] = ()
    ) -> None:
        self._settings, self._names = tuple(settings), tuple(buffers)
        self.set_all(settings)
        self.params = check_parameters(type(self).__name__, params)
        self._counts = [0] * len(self.params)  # updates made: none in steps without a gradient
        self._buffers = [
            tuple(np.zeros(p.shape, _working_dtype(p)) for _ in buffers) for p in self.params
        ]
        self._plan()

    def _plan(self) -> None:
        """Work out how each parameter is updated: in which way, and with which scratch."""
        self._leaves: list[Any] = [tensor._source() for tensor in self.params]
        shapes = [tensor.shape for tensor in self.params]
        by_rows = self.elementwise and not noting()
        rows = [_rows_at_once(shape) if by_rows else None for shape in shapes]
        pieces = [s if n is None else (n, *s[1:]) for s, n in zip(shapes, rows, strict=True)]
        dtypes = [_working_dtype(tensor) for tensor in self.params]
        scratch = _scratch(pieces, dtypes)
        ways = [self.update if n is None else self._update_by_rows for n in rows]
        ways = [
            way if dtype == tensor.dtype else partial(self._update_in, dtype, way)
            for way, dtype, tensor in zip(ways, dtypes, self.params, strict=True)
        ]
        self._jobs = list(zip(self._leaves, ways, self._buffers, scratch, strict=True))

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
        """Update every parameter that has a gradient; see `nonfinite` for gradients that are nan.

        Raises:
            GraphError: no parameter has a gradient.
            NonFiniteError: a gradient is not finite, in the third step in a row.

        Warns:
            NonFiniteWarning: a gradient is not finite, and the step is skipped.
        """
        graded = [leaf for leaf in self._leaves if leaf.grad is not None]
        if not graded:
            what = f"{type(self).__name__}.step: no parameter has a gradient"
            raise errors.GraphError(what, self.params[:4], "call loss.backward()")
        if self.nonfinite != "proceed" and (bad := spoilt_of(graded)):
            self._refuse(bad)
            return
        if self._skipped:
            self._skipped = 0
        counts = self._counts
        try:
            for i, (leaf, update, buffers, scratch) in enumerate(self._jobs):
                if leaf.grad is not None:
                    t = counts[i] + 1
                    update(leaf.data, leaf.grad._data, t, buffers, scratch)
                    counts[i] = t  # not before: an interrupted update was none
        finally:
            touch(graded)

    def _refuse(self, leaf: Leaf) -> None:
        """Skip a step, with a warning; raise in the third in a row, or at once if so set."""
        self.checks["nonfinite"](self, "nonfinite", self.nonfinite)  # it may be the class's
        self._skipped += 1
        what = f"{type(self).__name__}.step: {spoilt(leaf)}"
        fix = 'optimizer.nonfinite = "raise" stops at the first, "proceed" updates all the same'
        if self.nonfinite == "raise" or self._skipped >= SKIPS:
            again = "" if self.nonfinite == "raise" else f", for the {SKIPS}rd step in a row"
            raise errors.NonFiniteError(what + again, fix=fix)
        what += "; the step is skipped, weights and optimiser stay as they are"
        lines.warn(errors.message(what, fix=fix), errors.NonFiniteWarning)

    def _update_in(
        self, dtype: Any, way: Callable[..., None], w: Array, g: Array, *rest: Any
    ) -> None:
        """Update float16 values by way of a copy in a dtype with more digits."""
        wide = w.astype(dtype)
        way(wide, g.astype(dtype), *rest)
        w[...] = wide

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

    def move_buffers(self, moved: Mapping[int, Array]) -> None:
        """Go on with the buffers in other arrays, given by the ids of the old ones."""
        self._buffers = [tuple(moved.get(id(a), a) for a in arrays) for arrays in self._buffers]
        self._plan()

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
            settings, counts = dict(state["settings"]), list(map(_count, state["counts"]))
            columns = [[_numbers(a) for a in column] for column in state["buffers"].values()]
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
        self.set_all(settings)
        self._counts, self._skipped = counts, 0
        for k, column in enumerate(columns):
            for arrays, saved_array in zip(self._buffers, column, strict=True):
                arrays[k][...] = saved_array

    def __getstate__(self) -> dict[str, Any]:
        """Copied or pickled together with its model, it updates the parameters of the copy."""
        return {k: v for k, v in vars(self).items() if k not in ("_leaves", "_jobs")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._plan()

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)}" for name in self._settings)
        return f"{type(self).__name__}({len(self.params)} parameters, {settings})"


SKIPS = 3  # so many steps in a row with a gradient that is not finite are an error


def spoilt_of(leaves: Iterable[Leaf]) -> Leaf | None:
    """The first leaf whose gradient has an element that is not finite. What `backward()` has looked at,
    and nobody has touched since, is not looked at again.
    """
    for leaf in leaves:
        g, flaw = leaf.grad, leaf.flaw
        if isinstance(g._data, Symbol):
            what = f"the gradient of {leaf.name or 'a parameter'} is not finite"
            check(np.isfinite(g._data), what, FloatingPointError)
            continue
        looked = flaw is not None and g._node is None
        if flaw if looked else not _is_finite(g._data):
            return leaf
    return None


@quietly  # a square may overflow
def _is_finite(array: Array) -> bool:
    return all_finite([array])


def spoilt(leaf: Leaf) -> str:
    """That the leaf's gradient is not finite, and why, as far as `backward()` found out."""
    text = f"the gradient of {leaf.name or f'a parameter of shape {leaf.shape}'} is not finite"
    return f"{text}: {leaf.flaw}" if leaf.flaw else text


def _working_dtype(tensor: Tensor) -> Any:
    return np.dtype(np.float32) if tensor.dtype == np.float16 else tensor.dtype


def _count(x: Any) -> int:
    if isinstance(x, (bool, np.bool_)) or x != int(x) or x < 0:
        raise ValueError(f"a count of {x}")
    return int(x)


def _numbers(x: Any) -> Array:
    array = np.asarray(x)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"a buffer of dtype {array.dtype}")
    return array


def _rows_at_once(shape: tuple[int, ...]) -> int | None:
    """How many rows of a large parameter are updated at a time; None: all of them."""
    size = math.prod(shape)
    return None if size <= BLOCK else max(1, BLOCK // (size // shape[0]))


def _scratch(shapes: Sequence[tuple[int, ...]], dtypes: Sequence[Any]) -> list[tuple[Array, Array]]:
    """Two arrays of each shape, all slices of the same two: updates run one after the other."""
    if noting():  # what is written to is another array then, so one will do for all of a shape
        pairs = [*zip(shapes, dtypes, strict=True)]
        made = {pair: (empty(*pair), empty(*pair)) for pair in {*pairs}}
        return [made[pair] for pair in pairs]
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
