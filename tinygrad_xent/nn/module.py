"""Module: holds parameters and defines how to compute with them.

A module's parameters are the tensors among its attributes; they are found there, not registered.
A parameter's name is its path in the model ("0.weight", "encoder.0.bias") everywhere: in
`state_dict`, in errors and in pictures. Each call runs in its own scope, which a picture folds into
one box.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from ..engine import errors
from ..engine.context import MODE, Mode, ScopeEntry, during
from ..engine.nodes import Leaf
from ..engine.operands import as_numbers
from ..engine.tensors import Tensor, raw

if TYPE_CHECKING:
    import numpy.typing as npt


class Mismatch(NamedTuple):
    """The paths that `load_state_dict(strict=False)` could not match."""

    missing: list[str]
    unexpected: list[str]


class Module:
    """A part of a model. Subclasses set tensors and modules as attributes and define `forward`.

    Every leaf tensor among the attributes, at any depth of modules, lists, tuples and dicts,
    belongs to the state; those that require grad are the parameters. There is nothing to register
    and no `super().__init__()` to forget. Tensors get their names when an attribute is set.

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
    _path: str = ""  # from the outermost module that holds this one
    _label: str = "Module"  # what its scope is called: class and path
    _inline: str = ""  # the attribute whose items appear in paths as if they were attributes

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._label = cls.__name__

    @abstractmethod
    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """What the module computes; defined by each subclass, called through `module(x)`."""
        what = f"{type(self).__name__} defines no forward(self, x)"
        raise NotImplementedError(errors.message(what, inputs))

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """`forward`, inside a scope named by the class and the path in the model."""
        outer = MODE.get().in_force()  # what `with scope(...)` does, in half the time
        entry = ScopeEntry(self._label, outer.scope, self.formula)
        return during(Mode(outer.recording, entry), self.forward, *inputs, **settings)

    def __setattr__(self, name: str, value: Any) -> None:
        members = list(_walk(value, name))
        if any(member is self for _, member in members):
            what = f"{type(self).__name__}.{name}: a module can't hold itself"
            raise errors.GraphError(what)
        object.__setattr__(self, name, value)
        if members:
            self._name_members()

    def _attributes(self) -> Iterator[tuple[str, Any]]:
        """The attributes that may hold tensors and modules, by their names in paths."""
        own = vars(self)
        yield from ((str(i), member) for i, member in enumerate(own.get(self._inline, ())))
        yield from ((name, member) for name, member in own.items() if name != self._inline)

    def _name_members(self) -> None:
        for path, member in _walk(self, self._path):
            if isinstance(member, Module):
                object.__setattr__(member, "_path", path)
                object.__setattr__(member, "_label", f"{type(member).__name__} {path}".strip())
            else:
                member.name = path

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module, at path "", and every module inside it, each once."""
        seen = set()
        for path, member in _walk(self, ""):
            if isinstance(member, Module) and id(member) not in seen:
                seen.add(id(member))
                yield path, member

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """The path and the tensor of every parameter, each tensor once."""
        seen = set()
        for path, member in _walk(self, ""):
            if isinstance(member, Tensor) and member.requires_grad and id(member) not in seen:
                seen.add(id(member))
                yield path, member

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
        return {path: member for path, member in _walk(self, "") if isinstance(member, Tensor)}

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """A copy of every leaf tensor's values, by path, including those that require no grad.

        >>> {name: array.shape for name, array in tx.nn.MLP([4, 8, 3], rng=0).state_dict().items()}
        {'0.weight': (4, 8), '0.bias': (8,), '2.weight': (8, 3), '2.bias': (3,)}
        """
        return {path: np.array(tensor._data) for path, tensor in self._named_state().items()}

    def load_state_dict(self, state: Mapping[str, npt.ArrayLike], strict: bool = True) -> Mismatch:
        """Copy values into the tensors at the same paths: all of them or, on an error, none.

        Args:
            state: arrays by path, as `state_dict` gives them; converted to each tensor's dtype.
            strict: raise if a path is missing or unexpected. A wrong shape raises either way.

        Returns:
            The missing and the unexpected paths: both empty when strict.

        Raises:
            ShapeError: the paths or shapes differ; the message lists every one.
            DtypeError: `state` is not a mapping, or a value is not an array of numbers.
        """
        if not isinstance(state, Mapping):
            what = "load_state_dict: takes a mapping of paths to arrays"
            raise errors.DtypeError(what, [state], "pass model.state_dict()")
        own = self._named_state()
        new = {path: _as_values(path, state[path]) for path in own if path in state}
        missing = [path for path in own if path not in state]
        unexpected = [path for path in state if path not in own]
        misshapen = [
            f"{path} {array.shape} for {own[path].shape}"
            for path, array in new.items()
            if array.shape != own[path].shape
        ]
        problems = {"misshapen": misshapen}
        if strict:
            problems = {"missing": missing, "unexpected": unexpected, **problems}
        if any(problems.values()):
            listed = "; ".join(f"{kind}: {', '.join(p)}" for kind, p in problems.items() if p)
            what = f"load_state_dict: does not fit {type(self).__name__}. {listed}"
            fix = "build the model with the saved sizes; weights are (in, out), transpose PyTorch's"
            raise errors.ShapeError(what, fix=fix)
        for path, array in new.items():
            own[path].data = array
        return Mismatch(missing, unexpected)

    def __repr__(self) -> str:
        """The class with the modules inside it; without any, with its `_settings()`, if defined."""
        lines = [
            f"  {name}: " + repr(member).replace("\n", "\n  ")
            for name, member in self._attributes()
            if isinstance(member, Module)
        ]
        inside = "\n".join(["", *lines, ""]) if lines else getattr(self, "_settings", str)()
        return f"{type(self).__name__}({inside})"


def _walk(value: Any, path: str) -> Iterator[tuple[str, Module | Tensor]]:
    """Every module and leaf tensor of a value, itself included, with its path."""
    members: Any = ()
    if isinstance(value, Module):
        yield path, value
        members = value._attributes()
    elif isinstance(value, Tensor):
        if type(value._node) is Leaf:  # results of operations are not state
            yield path, value
    elif isinstance(value, dict):
        members = value.items()
    elif isinstance(value, (list, tuple)):
        members = enumerate(value)
    for name, member in members:
        yield from _walk(member, f"{path}.{name}" if path else str(name))


def _as_values(path: str, value: Any) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = as_numbers(f"load_state_dict: {path}", raw(value), [value])
    return array
