"""The whole of NumPy: a tensor that requires grad does not leave the tape without a word.

Every function and ufunc gets tensors in every place of up to three arguments. What it gives is on the
tape, or an error, or does not depend on the tensor's numbers: it stays the same when these move a little.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.foreign import plain
from tests.tensors import leaf
from tinygrad_xent import DtypeError, Tensor
from tinygrad_xent.engine.errors import WordedError
from tinygrad_xent.engine.interop import NO_GRADIENT

MODULES = (np, np.linalg, np.fft, np.strings, np.lib.scimath, np.lib.stride_tricks)
WAYS = ("reduce", "accumulate", "outer", "at")
SETTINGS = ("set", "test", "show_", "info", "get", "printoptions")  # they change or print these

# Text says what the numbers are; the edges of a histogram's bins are taken as fixed.
TEXTS = {"array2string", "array_repr", "array_str", "histogram"}
BY_FLOAT = {"format_float_positional", "format_float_scientific"}  # text of `float(t)`

MATRIX, OTHER = np.array([[0.31, 1.27], [2.13, 0.74]]), np.array([[0.53, 1.61], [1.93, 0.87]])
POINTS = (MATRIX, MATRIX[0], np.array(1.3))
OTHERS = (OTHER, 1, OTHER[0], (0, 1))


def functions() -> dict[str, Any]:
    """Every public function and ufunc of NumPy, and the ways of the ufuncs."""
    found: dict[str, Any] = {}
    for module in MODULES:
        for name in dir(module):
            function = getattr(module, name)
            if name.startswith(("_", *SETTINGS)) or isinstance(function, type):
                continue
            if callable(function):
                found[f"{module.__name__}.{name}"] = function
            if isinstance(function, np.ufunc):
                found |= {f"{name}.{way}": getattr(function, way) for way in WAYS}
    return found


def calls() -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Arguments, and the place of the one that is to be a tensor; or a list of two tensors."""
    for point in POINTS:
        yield 0, ([point, point],)
        for count in (1, 2, 3):
            for place in range(count):
                for rest in itertools.product(OTHERS[: 4 // count + 1], repeat=count - 1):
                    yield place, (*rest[:place], point, *rest[place:])


def with_(make: Any, place: int, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copies of the arguments; the one at the place made something else."""
    new: list[Any] = [np.array(x) if isinstance(x, np.ndarray) else x for x in args]
    new[place] = [make(x) for x in new[place]] if isinstance(new[place], list) else make(new[place])
    return tuple(new)


def outcome(function: Any, args: tuple[Any, ...]) -> Any:
    """What a function gives, and what it leaves in its arguments."""
    with np.errstate(all="ignore"):
        return function(*args), args


def parts(x: Any) -> list[Any]:
    """All that is in nested tuples, lists and dictionaries."""
    if isinstance(x, dict):
        x = list(x.items())
    return [p for part in x for p in parts(part)] if isinstance(x, (tuple, list)) else [x]


def same(a: Any, b: Any) -> bool:
    """Whether two outcomes are the same: numbers in arrays, and all else that is no tensor."""
    pairs = [(x, y) for x, y in zip(parts(a), parts(b), strict=True) if not isinstance(x, Tensor)]
    return all(str(x) == str(y) for x, y in pairs)


def leak(function: Any, place: int, args: tuple[Any, ...]) -> str:
    """How a tensor leaves the tape in a call; empty if it does not."""
    try:
        outcome(function, with_(np.array, place, args))
    except Exception:
        return ""  # no call of this function
    try:
        found = outcome(function, with_(leaf, place, args))
    except (WordedError, ValueError, TypeError, AttributeError):
        return ""
    if any(isinstance(x, Tensor) and x.requires_grad for x in parts(found[0])):
        return ""
    moved = outcome(function, with_(lambda x: leaf(x + 1e-6), place, args))
    return "" if same(found, moved) else f"argument {place} of {args}: {found[0]}"


FUNCTIONS = functions()
CALLS = list(calls())


@pytest.mark.filterwarnings("ignore")
def test_no_function_of_numpy_lets_a_tensor_off_the_tape():
    assert len(FUNCTIONS) > 700
    found = {}
    for name, function in FUNCTIONS.items():
        if name.rpartition(".")[2] not in TEXTS | BY_FLOAT:
            leaks = [fault for place, args in CALLS if (fault := leak(function, place, args))]
            if leaks:
                found[name] = leaks[0]
    assert found == {}


def test_a_leak_is_noticed():
    """Functions that are not NumPy's: one reads the values, one writes them into another argument."""
    assert leak(lambda x: plain(x) * 2, 0, (MATRIX,))
    assert leak(lambda x, t: x.__setitem__(slice(None), plain(t)), 1, (OTHER, MATRIX))
    assert not leak(lambda x: plain(x) > 0, 0, (MATRIX,))
    assert not leak(lambda x: x * 2, 0, (MATRIX,))


SPECIAL = {
    np.can_cast: lambda t: np.can_cast(t, np.float32),
    np.lexsort: lambda t: np.lexsort((t[0], t[1])),
    np.isin: lambda t: np.isin(t, [0.3]),
    np.searchsorted: lambda t: np.searchsorted(MATRIX[0], t),
    np.digitize: lambda t: np.digitize(t, [1.0, 2.0]),
    np.histogram: lambda t: np.histogram(t, bins=[0.0, 1.0, 3.0])[0],
    np.full_like: lambda t: np.full_like(t, 2.0),
    np.argpartition: lambda t: np.argpartition(t, 1),
    np.einsum_path: lambda t: np.einsum_path("ij,jk", t, t)[0],
    np.array2string: lambda t: np.array2string(t, precision=1),
}


def on(function: Any, t: Any) -> Any:
    """One call of a function without a gradient."""
    if function in SPECIAL:
        return SPECIAL[function](t)
    if function.__name__.startswith("save"):
        file = io.BytesIO()
        function(file, t)
        return np.array(len(file.getvalue()))
    try:
        return function(t)
    except TypeError:
        return function(t, OTHER)  # of two


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", sorted(NO_GRADIENT, key=lambda f: f.__name__))
def test_what_has_no_gradient_takes_any_tensor(function):
    expected = on(function, MATRIX)
    for t in (Tensor(MATRIX), leaf(MATRIX), leaf(MATRIX) * 1.0):
        found = on(function, t)
        assert type(found) is type(expected) or isinstance(found, Tensor)
        if not function.__name__.startswith("empty"):
            found = found.numpy() if isinstance(found, Tensor) else found
            assert str(found) == str(expected)


FLAT_UFUNCS = [np.logical_and, np.logical_or, np.logical_xor, np.greater, np.not_equal]


@pytest.mark.parametrize("ufunc", FLAT_UFUNCS, ids=lambda f: f.__name__)
def test_ufuncs_that_give_no_floats_have_no_gradient(ufunc):
    t = leaf(MATRIX)
    for call in (lambda x: ufunc(x, 1.0), lambda x: ufunc.outer(x, x), lambda x: ufunc(1.0, x)):
        np.testing.assert_array_equal(np.asarray(call(t)), call(MATRIX))
    found = np.empty((2, 2), bool)
    ufunc(t, 1.0, out=found)
    np.testing.assert_array_equal(found, ufunc(MATRIX, 1.0))


WITH_FLOATS = {
    "frexp": lambda t: np.frexp(t),
    "modf": lambda t: np.modf(t),
    "divmod": lambda t: np.divmod(t, 2.0),
    "unique": lambda t: np.unique(t, equal_nan=False),
    "what fills": lambda t: np.full_like(t, t),
    "what fills, by name": lambda t: np.full_like(MATRIX, fill_value=t),
    "np.full": lambda t: np.full((2, 2), t),
    "weights of a histogram": lambda t: np.histogram(MATRIX, 2, weights=t),
    "weights of both": lambda t: np.histogram(t, 2, weights=t),
    "weights of bins": lambda t: np.bincount([0, 1], weights=t[0]),
    "the step's value at 0": lambda t: np.heaviside(MATRIX, t),
    "copyto": lambda t: np.copyto(MATRIX.copy(), t),
    "put": lambda t: np.put(MATRIX.copy(), [0], t),
    "place": lambda t: np.place(MATRIX.copy(), MATRIX > 1, t),
    "putmask": lambda t: np.putmask(MATRIX.copy(), MATRIX > 1, t),
    "out": lambda t: np.add(t, 1.0, out=MATRIX.copy()),
    "a list assigned": lambda t: MATRIX.copy().__setitem__(0, [t[0, 0], t[0, 1]]),
    "a slice assigned": lambda t: MATRIX.copy().__setitem__(slice(None), t),
    "a row assigned": lambda t: MATRIX.copy().__setitem__(0, t[0]),
}


@pytest.mark.parametrize("name", WITH_FLOATS)
def test_what_has_a_gradient_is_refused(name):
    with pytest.raises(DtypeError, match=r"\.detach\(\)"):
        WITH_FLOATS[name](leaf(MATRIX))


@pytest.mark.parametrize("write", [np.isnan, np.trunc, np.logical_not])
def test_nothing_writes_into_a_tensor(write):
    for t in (leaf(MATRIX), Tensor(MATRIX)):
        with pytest.raises(ValueError, match="read-only"):
            write(MATRIX, out=t)
        np.testing.assert_array_equal(t.numpy(), MATRIX)
