"""Module: holds parameters and defines how to compute with them.

A module's parameters are the tensors among its attributes; they are found there, not registered.
A parameter's name is its path in the model ("0.weight", "encoder.0.bias") everywhere: in
`state_dict`, in errors and in pictures. A path leads to one thing; a thing with several paths, such as
a layer used twice, has the first of them as its name. Each call runs in its own scope, which a picture
folds into one box.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np

from ..arguments import Check
from ..engine import errors
from ..engine.context import MODE, Mode, ScopeEntry
from ..engine.nodes import Leaf
from ..engine.operands import as_numbers
from ..engine.tensors import Tensor, raw

if TYPE_CHECKING:
    import numpy.typing as npt


Member = TypeVar("Member")

# Kinds of dtypes: one of a larger number holds the values of one of a smaller.
WIDTHS = {"b": 0, "i": 1, "u": 1, "f": 2}


NOTED = frozenset({"_path", "_called", "_label"})
"""What modules note about themselves: attributes that a subclass can't have for its own."""


class Mismatch(NamedTuple):
    """The paths that `load_state_dict(strict=False)` could not match."""

    missing: list[str]
    unexpected: list[str]


class Module:
    """A part of a model. Subclasses set tensors and modules as attributes and define `forward`.

    Every leaf tensor among the attributes, at any depth of modules, lists, tuples and dicts,
    belongs to the state; those that require grad are the parameters. There is nothing to register
    and no `super().__init__()` to forget. Tensors get their names when an attribute is set, when the
    model is first called, and when its state or parameters are listed.

    A layer or a tensor that occurs twice has one name, the first of its paths, in `state_dict`,
    `named_parameters`, errors and pictures. Two tensors that would share a path, as in
    `self.table = {"a.b": p, "a": {"b": q}}`, are refused with a ValueError.

    Attributes:
        training: whether the module trains; `Dropout` drops only then. Set by `train` and `eval`.
        formula: what the module computes, for people to read: shown on its folded box in pictures.

    >>> class Scale(Module):
    ...     formula = "x · s"
    ...     def __init__(self):
    ...         self.factor = Tensor(2.0, requires_grad=True)
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> scale = Scale()
    >>> scale(3.0).item(), [name for name, _ in scale.named_parameters()]
    (6.0, ['factor'])
    """

    training: bool = True
    formula: str | None = None
    _checks: ClassVar[Mapping[str, Check]] = {}  # of settings, when they are assigned
    _path: str = ""  # from the outermost module that holds this one
    _called: bool = False  # this module, or one that holds it: everything has its name
    _label: str = "Module"  # what its scope is called: class and path
    _inline: str = ""  # the attribute whose items appear in paths as if they were attributes

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in NOTED & vars(cls).keys():
            raise _taken(cls, name)
        cls._label = cls.__name__

    @abstractmethod
    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """What the module computes; defined by each subclass, called through `module(x)`."""
        what = f"{type(self).__name__} defines no forward(self, x)"
        raise NotImplementedError(errors.message(what, inputs))

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """`forward`, inside a scope named by the class and the path in the model."""
        if not self._called:
            self._name_at_first_call()
        before = MODE.get()  # what `with scope(...)` does, in half the time
        outer = before if before.generator is None else before.in_force()
        entry = ScopeEntry(self._label, outer.scope, self.formula)
        try:
            MODE.set(Mode(outer.recording, entry))
            return self.forward(*inputs, **settings)
        finally:
            MODE.set(before)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in NOTED:
            raise _taken(type(self), name)
        if check := self._checks.get(name):
            value = check(self, name, value)
        own = vars(self)
        members = [member for _, member in _walk(value, (name,))]
        if any(member is self for member in members):
            what = f"{type(self).__name__}.{name}: a module can't hold itself"
            raise errors.GraphError(what)
        changes = members or any(_walk(own.get(name), (name,)))
        if changes:
            self._by_path(own | {name: value})  # refuses two members of one path
        object.__setattr__(self, name, value)
        if changes:
            self._give_names(_first_paths(self._by_path(own)))

    def _attributes(self, own: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
        """Those of these attributes that may hold tensors and modules, by their names in paths."""
        yield from enumerate(own.get(self._inline, ()))
        yield from ((name, member) for name, member in own.items() if name != self._inline)

    def _by_path(self, own: Mapping[str, Any]) -> dict[str, Module | Tensor]:
        """This module, with these attributes, and every module and leaf tensor inside, by path."""
        found: dict[str, Module | Tensor] = {"": self}
        places: dict[str, tuple[Any, ...]] = {"": ()}
        for name, value in self._attributes(own):
            for keys, member in _walk(value, (name,)):
                path = ".".join(map(str, keys))
                if found.setdefault(path, member) is not member:
                    one, other = _written(places[path]), _written(keys)
                    what = f"{type(self).__name__}: {one} and {other} would have one path, {path}"
                    fix = "rename one of the two: a path is the name of one thing in state_dict"
                    raise errors.BadValueError(what, [found[path], member], fix)
                places.setdefault(path, keys)
        return found

    def _members(self) -> dict[str, Module | Tensor]:
        """This module and every module and leaf tensor inside, each once, by its first path.

        An outermost module gives them their names: since then, something may have been put into a
        list, or into two places.
        """
        members = _first_paths(self._by_path(vars(self)))
        if not self._path:
            self._give_names(members)
        return members

    def _give_names(self, members: Mapping[str, Module | Tensor]) -> None:
        for path, member in members.items():
            name = f"{self._path}.{path}" if self._path and path else self._path or path
            if isinstance(member, Tensor):
                if member.name != name:
                    member.name = name
            elif member._path != name:
                object.__setattr__(member, "_path", name)
                object.__setattr__(member, "_label", f"{type(member).__name__} {name}")

    def _name_at_first_call(self) -> None:
        if not self._path:
            for member in self._members().values():
                if isinstance(member, Module):
                    object.__setattr__(member, "_called", True)

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module, at path "", and every module inside it, each once, by its first path."""
        yield from (
            (p, member) for p, member in self._members().items() if isinstance(member, Module)
        )

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """The path and the tensor of every parameter, each tensor once, by its first path."""
        yield from ((path, t) for path, t in self._named_state().items() if t.requires_grad)

    def parameters(self) -> list[Tensor]:
        """Every tensor that requires grad: what an optimiser takes."""
        return [tensor for _, tensor in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for tensor in self.parameters():
            tensor.zero_grad()

    def train(self, mode: bool = True) -> Self:
        """Set this module and all modules inside it to training, or with False to evaluation."""
        for _, module in self.named_modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Set this module and all modules inside it to evaluation."""
        return self.train(False)

    def _named_state(self) -> dict[str, Tensor]:
        return {p: member for p, member in self._members().items() if isinstance(member, Tensor)}

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """A copy of every leaf tensor's values, including those that require no grad: each tensor
        once, by the first of its paths.

        >>> {name: array.shape for name, array in tx.nn.MLP([4, 8, 3], rng=0).state_dict().items()}
        {'0.weight': (4, 8), '0.bias': (8,), '2.weight': (8, 3), '2.bias': (3,)}
        """
        return {path: np.array(tensor._data) for path, tensor in self._named_state().items()}

    def load_state_dict(self, state: Mapping[str, npt.ArrayLike], strict: bool = True) -> Mismatch:
        """Copy values into the tensors at the same paths: all of them or, on an error, none.

        Args:
            state: arrays by path, as `state_dict` gives them; converted to each tensor's dtype. A
                tensor with several paths may be given at any of them, or with equal values at
                several, as PyTorch saves it. NaN and infinities are values like any other.
            strict: raise if a path is missing or unexpected. A wrong shape raises either way.

        Returns:
            The missing and the unexpected paths: both empty when strict.

        Raises:
            ShapeError: the paths or shapes differ; the message lists every one. Or a value is a
                ragged list.
            DtypeError: `state` is not a mapping, a value is not an array of numbers, or it holds
                floats for a tensor of integers.
            ValueError: a number is too large for the tensor's dtype, or two paths of one tensor have
                different values.
        """
        if not isinstance(state, Mapping):
            what = "load_state_dict: takes a mapping of paths to arrays"
            raise errors.DtypeError(what, [state], "pass model.state_dict()")
        paths = self._by_path(vars(self))
        own = {path: member for path, member in paths.items() if isinstance(member, Tensor)}
        given = {path: _as_values(path, state[path]) for path in own if path in state}
        found = {id(own[path]) for path in given}
        missing = [p for p, tensor in self._named_state().items() if id(tensor) not in found]
        unexpected = [path for path in state if path not in own]
        misshapen = [
            f"{path} {array.shape} for {own[path].shape}"
            for path, array in given.items()
            if array.shape != own[path].shape
        ]
        problems = {"misshapen": misshapen}
        if strict:
            problems = {"missing": missing, "unexpected": unexpected, **problems}
        if any(problems.values()):
            listed = [f"{kind}: {', '.join(map(str, p))}" for kind, p in problems.items() if p]
            what = f"load_state_dict: does not fit {type(self).__name__}. {'; '.join(listed)}"
            fix = "build the model with the saved sizes; weights are (in, out), transpose PyTorch's"
            raise errors.ShapeError(what, fix=fix)
        new = {path: _converted(path, array, own[path].dtype) for path, array in given.items()}
        _check_equal(own, new)
        for path, array in new.items():
            own[path].data = array
        return Mismatch(missing, unexpected)

    def __repr__(self) -> str:
        """The class with the modules inside it; without any, with its `_settings()`, if defined."""
        lines = [
            f"  {name}: " + repr(member).replace("\n", "\n  ")
            for name, member in self._attributes(vars(self))
            if isinstance(member, Module)
        ]
        inside = "\n".join(["", *lines, ""]) if lines else getattr(self, "_settings", str)()
        return f"{type(self).__name__}({inside})"


def _walk(value: Any, keys: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Module | Tensor]]:
    """Every module and leaf tensor of a value, itself included, with the keys that lead to it."""
    members: Any = ()
    if isinstance(value, Module):
        yield keys, value
        members = value._attributes(vars(value))
    elif isinstance(value, Tensor):
        if type(value._node) is Leaf:  # results of operations are not state
            yield keys, value
    elif isinstance(value, dict):
        members = value.items()
    elif isinstance(value, (list, tuple)):
        members = enumerate(value)
    for key, member in members:
        yield from _walk(member, (*keys, key))


def _taken(kind: type, name: str) -> errors.BadValueError:
    what = f"{kind.__name__}.{name}: an attribute that Module keeps its own notes in"
    return errors.BadValueError(what, fix=f"choose another name: {name.strip('_')}")


def _written(keys: tuple[Any, ...]) -> str:
    """The place that keys lead to, as a program writes it: `table['a'][0]`."""
    return "".join([*map(str, keys[:1]), *(f"[{key!r}]" for key in keys[1:])]) or "itself"


def _first_paths(by_path: Mapping[str, Member]) -> dict[str, Member]:
    """Each thing once, by the first of its paths."""
    first: dict[int, str] = {}
    for path, member in by_path.items():
        first.setdefault(id(member), path)
    return {path: by_path[path] for path in first.values()}


def _as_values(path: str, value: Any) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = as_numbers(f"load_state_dict: {path}", raw(value), [value])
    return array


def _converted(path: str, array: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """A copy in a tensor's dtype: floats are rounded, integers stay what they are."""
    what = f"load_state_dict: {path} is {array.dtype}, and its tensor {dtype}"
    if WIDTHS[array.dtype.kind] > WIDTHS[dtype.kind]:
        raise errors.DtypeError(what, [array], "build the model with the dtype of the saved one")
    with np.errstate(all="ignore"):
        new = array.astype(dtype)
    lost = np.isfinite(new) != np.isfinite(array) if dtype.kind == "f" else new != array
    if lost.any():
        what += f", which can't hold {array[lost].flat[0]}"
        raise errors.BadValueError(what, fix="build the model with the dtype of the saved one")
    return new


def _check_equal(own: Mapping[str, Tensor], new: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raise if two paths of one tensor have different values."""
    first: dict[int, str] = {}
    for path, array in new.items():
        other = first.setdefault(id(own[path]), path)
        if other != path and not np.array_equal(array, new[other], equal_nan=True):
            what = f"load_state_dict: {other} and {path} are one tensor, with two different values"
            raise errors.BadValueError(what, [own[path]], f"leave one of them out, such as {path}")
