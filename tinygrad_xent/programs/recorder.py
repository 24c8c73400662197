"""Notes array calls as the instructions of a program, and refuses what a program could not know.

A result's shape and dtype are NumPy's own; `Computing` runs each call at once on the values of the example.
What may take part in a call: results of earlier ones, plain numbers, and arrays that are inputs or were
declared constants. Any other array is data that the program was not given.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ..engine import errors
from ..engine.nodes import Leaf, Node
from ..engine.symbols import RECORDER
from ..engine.tensors import Tensor, wrap
from . import calls, notes
from .arrays import own
from .draws import GeneratorSymbol
from .instructions import Instruction, Ref, instruction, mapped
from .symbolic import ArraySymbol

_TAME = """abs add conv conv_input conv_weight cos identity linear log_softmax logsumexp matmul mul neg
    sigmoid sin softmax softmax_cross_entropy softplus sub sum tanh"""
TAME = frozenset(_TAME.split())
"""Operations whose slope is finite wherever their inputs and their result are."""


def _is_tame(node: Node) -> bool:
    """Whether an operation's slope is finite wherever its inputs and its result are."""
    divisor = node.inputs[1] if node.op.name == "div" else None
    by_number = isinstance(divisor, (int, float)) and divisor != 0
    return by_number or node.op.name in TAME or bool(node.op.kinds & {"moves", "selects"})


CONSTANTS: WeakValueDictionary[int, np.ndarray[Any, Any]] = WeakValueDictionary()
"""The arrays of `constant(...)`, by their ids."""

_PLAIN = (bool, int, float, np.bool_, np.integer, np.floating, str, type(None), type(...))


class RecordingError(errors.GraphError):
    """Something that a program can't know when it is recorded."""


def _is_scalar_type(x: Any) -> bool:
    return isinstance(x, type) and (issubclass(x, np.generic) or x in (bool, int, float))


def like(x: Any) -> Any:
    """What a call is tried on in place of an argument."""
    return x.like if isinstance(x, (ArraySymbol, GeneratorSymbol)) else x


@lru_cache(maxsize=64)
def _name(dtype: np.dtype[Any]) -> str:
    return dtype.name


class Recorder:
    """Notes the calls of one recording, in order.

    Attributes:
        instructions: what was noted.
        examples: the value of each input, by its number.
        constants: by the id of a declared constant's array.
        refused: the first error, which the function may have caught.
        ordered: whether something depends on the memory order of the inputs.
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.examples: dict[int, Any] = {}
        self.constants: dict[int, tuple[Any, ArraySymbol]] = {}
        self.refused: RecordingError | None = None
        self.ordered = False
        self.optional: set[int] = set()  # inputs that are none if nothing reads them
        self.old_gradients: dict[int, int] = {}  # of an input, the input that is its gradient
        self.varying: set[int] = set()  # the instructions whose results differ from run to run
        self.stand_ins: dict[int, Any] = {}  # by the ids of arrays, the symbols that stand for them
        self.notes = notes.Notes()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Record what is computed inside, in this thread or task."""
        if RECORDER.get() is not None:
            what = "program: another program is being recorded here"
            raise RecordingError(what, fix="record one after the other")
        token = RECORDER.set(self)
        try:
            with np.errstate(all="ignore"):  # each run has warnings of its own
                yield
        finally:
            RECORDER.reset(token)

    # --- what a program starts from -----------------------------------------------------------------

    def input(self, name: str, value: Any) -> ArraySymbol:
        """An array, or a plain number, that each run is given."""
        sample, example = self.started(value)
        made: ArraySymbol = self.note("input", (), {}, sample, name=name)
        self.examples[made.id] = example
        return made

    # --- what is known of the example: a recorder's kind decides ------------------------------------

    @abstractmethod
    def started(self, value: Any) -> tuple[Any, Any]:
        """For an input's value what its symbol is like, and what is kept of it."""
        raise NotImplementedError

    @abstractmethod
    def old_gradient(self, symbol: ArraySymbol) -> Tensor:
        """What a leaf has for a gradient before the function is called."""
        raise NotImplementedError

    @abstractmethod
    def result(self, name: str, args: Any, kwargs: Any) -> Any:
        """What the result of a call is like, at the example."""
        raise NotImplementedError

    @abstractmethod
    def numbers(self, x: Any) -> Any:
        """The value at the example of what takes part in a call."""
        raise NotImplementedError

    @abstractmethod
    def finite(self, arrays: list[Any]) -> bool:
        """Whether all numbers of these are finite at the example: if not, the walk back is recorded with
        the masks of what was chosen.
        """
        raise NotImplementedError

    # --- what else a program starts from ------------------------------------------------------------

    def generator(self, name: str, generator: np.random.Generator) -> GeneratorSymbol:
        """A generator that each run is given, and draws from anew."""
        number = self._add("input", (), {}, (), "generator", {"name": name})
        self.examples[number] = own(generator)
        return GeneratorSymbol(self, number, generator)

    def constant(self, value: Any, name: str = "") -> ArraySymbol:
        """An array that is the same in each run. Its numbers are copied: later changes do not count."""
        known = self.constants.get(id(value))
        if known is None or known[0] is not value:
            copy = np.array(value)
            known = value, self.note("constant", (copy,), {}, copy, name=name)
            self.constants[id(value)] = known
        return known[1]

    def table(self, value: Any) -> ArraySymbol:
        """An array that follows from shapes and settings alone."""
        made: ArraySymbol = self.note("table", (np.array(value),), {}, np.array(value))
        return made

    def literal(self, value: Any) -> ArraySymbol:
        """A number whose calculations are noted."""
        made: ArraySymbol = self.note("literal", (value,), {}, value)
        return made

    # --- calls --------------------------------------------------------------------------------------

    def call(self, name: str, args: Any, kwargs: Any) -> Any:
        """Note a call. Several results are returned as a tuple.

        Raises:
            What the call itself raises on the values of the example.
        """
        self._refuse_settings()
        args, kwargs = tuple(args), dict(kwargs)
        noted = mapped(self.noted, args), mapped(self.noted, kwargs) if kwargs else kwargs
        return self.note(name, *noted, self.result(name, args, kwargs))

    def _refuse_settings(self) -> None:
        """Raise if the function has asked NumPy for an error, or anything else but silence, where it computes."""
        for kind, way in np.geterr().items():
            if way != "ignore":
                raise self.refuse(
                    f"program: np.errstate({kind}={way!r}), which a run would not know",
                    fix=f"np.errstate({kind}={way!r}) around the call; tx.isfinite and tx.where inside",
                )

    def note(self, call: str, args: Any, kwargs: Any, like: Any, **more: Any) -> Any:
        """Add an instruction, with what is known about where it comes from.

        Args:
            like: an array, or several, of the shape, dtype and memory order of what comes out of it.
        """
        kind = type(like)
        if isinstance(like, (tuple, list)):
            whole = self._add(call, args, kwargs, None, "tuple", more)
            found = [
                self.note("operator.getitem", (Ref(whole), i), {}, part)
                for i, part in enumerate(like)
            ]
            return kind(*found) if hasattr(kind, "_fields") else kind(found)
        if kind in (bool, int, float):
            shape, dtype = (), f"Python {kind.__name__}"
        elif isinstance(like, (np.ndarray, np.generic)):
            shape, dtype = like.shape, _name(self._numbers_of(like.dtype, call))
        else:
            raise self.not_recordable(f"{call}, which gives {kind.__name__}")
        number = self._add(call, args, kwargs, shape, dtype, more)
        return ArraySymbol(self, number, like, number not in self.varying)

    def _add(
        self, call: str, args: Any, kwargs: Any, shape: Any, dtype: str, more: dict[str, Any]
    ) -> int:
        number = len(self.instructions)
        named = tuple(sorted(kwargs.items())) if kwargs else ()
        known = self.notes.here(number) | more
        made = instruction(
            id=number, call=call, args=args, kwargs=named, shape=shape, dtype=dtype, **known
        )
        self.instructions.append(made)
        starts = call in ("input", "np.empty") or call.startswith("draw.")
        if starts or not self.varying.isdisjoint(made.refs):
            self.varying.add(number)
        return number

    def _numbers_of(self, dtype: np.dtype[Any], what: str) -> np.dtype[Any]:
        """The dtype, if it is one of numbers in the machine's own byte order."""
        if not dtype.isnative or dtype.kind not in "biufc":
            raise self.not_recordable(f"{what} of dtype {dtype.str}")
        return dtype

    def check(self, holds: Any, what: str, error: type[Exception]) -> None:
        """Note that a mask must hold in each run; what is the same in each run is looked at once."""
        if holds.known:
            calls.check(holds.like, what, error.__name__)
            return
        self.call("check", (holds, what, error.__name__), {})

    def needs_masks(self, nodes: list[Any]) -> bool:
        """Whether a walk over these nodes, newest first, may multiply the 0 of a number that was not chosen
        by a slope that is not finite: then it is recorded with the masks of what was chosen.
        """
        unchosen: set[Any] = set()
        for node in nodes:
            below = node in unchosen
            if below and not _is_tame(node):
                return True
            if below or "selects" in node.op.kinds:
                unchosen.update(x for x in node.inputs if isinstance(x, (Node, Leaf)))
        return False

    def noted(self, x: Any) -> Any:
        """An argument as an instruction holds it."""
        if isinstance(x, ArraySymbol):
            return Ref(self.current(x))
        if isinstance(x, _PLAIN):
            return x
        if isinstance(x, np.ndarray) and id(x) in CONSTANTS:
            return Ref(self.constant(x).id)
        if isinstance(x, GeneratorSymbol):
            return Ref(x.id)
        if isinstance(x, np.dtype) or _is_scalar_type(x):
            return self._numbers_of(np.dtype(x), "an argument").name
        if isinstance(x, type):
            return x
        if isinstance(x, range):  # as an index it stands for rows, not for axes
            return list(x)
        if isinstance(stands := self.stand_ins.get(id(x)), ArraySymbol) and isinstance(
            x, np.ndarray
        ):
            return Ref(
                self.current(stands)
            )  # code that has the array itself: a method that names it
        if isinstance(x, (np.ndarray, Tensor)):
            raise self.foreign(x)
        raise self.not_recordable(f"an argument of type {type(x).__name__}")

    def current(self, x: ArraySymbol) -> int:
        """The instruction whose result a symbol stands for now."""
        if x.recorder is not self:
            what = "program: a value of another recording"
            raise RecordingError(what, [x], "a tensor of one program is not known to another")
        if x.stale:
            what = "program: a view of an array that was changed in place afterwards"
            raise self.refuse(what, [x], "take the view again after the change")
        return x.id

    def refuse(self, what: str, operands: Any = (), fix: str = "") -> RecordingError:
        """An error, which is raised again at the end if the function catches it."""
        error = RecordingError(what, operands, fix)
        self.refused = self.refused or error
        return error

    # --- what a program can't know ------------------------------------------------------------------

    def foreign(self, x: Any) -> RecordingError:
        """The error for an array that the program was not given."""
        called = f", {name}," if isinstance(name := getattr(x, "name", None), str) else ""
        kind = "a tensor" if isinstance(x, Tensor) else "an array"
        what = f"program: {kind}{called} is not an argument of the function that is recorded"
        fix = (
            "pass it as an argument; or tx.constant(array), whose numbers stay as they are; what follows"
            " from shapes alone is made by tx.zeros, tx.arange, tx.eye; random numbers come from a"
            " generator that is an argument"
        )
        return self.refuse(what, [x], fix)

    def asked_for_a_value(self, x: ArraySymbol, how: str, instead: str) -> RecordingError:
        """The error for code that looks at numbers, which each run has others of."""
        what = f"program: {how} needs the numbers themselves, which differ from run to run"
        fix = f"{instead}; return a value to see it; what is to be the same in each run is passed as a"
        return self.refuse(what, [x], f"{fix} plain int, bool or str")

    def data_shaped(self, name: str) -> RecordingError:
        """The error for functions whose result has a shape, or a dtype, that depends on values."""
        what = f"program: {name} gives a result whose shape or dtype depends on the numbers"
        return self.refuse(what, fix="tx.where(mask, x, 0) keeps the shape")

    def not_recordable(self, name: str) -> RecordingError:
        """The error for what is no array call."""
        what = f"program: {name} can't be recorded"
        return self.refuse(what, fix="use functions of tinygrad_xent or NumPy on the arguments")


class Computing(Recorder):
    """A recorder that runs each call on the example's numbers as well."""

    def started(self, value: Any) -> tuple[Any, Any]:
        kept = own(value)
        return kept, kept

    def old_gradient(self, symbol: ArraySymbol) -> Tensor:
        return wrap(symbol, None)

    def result(self, name: str, args: Any, kwargs: Any) -> Any:
        likes = mapped(like, args), mapped(like, kwargs) if kwargs else kwargs
        return calls.function(name)(*likes[0], **likes[1])

    def numbers(self, x: Any) -> Any:
        return like(x)

    def finite(self, arrays: list[Any]) -> bool:
        return all(np.isfinite(like(x)).all() for x in arrays)
