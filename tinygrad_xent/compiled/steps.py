"""tx.compile: a function that runs as generated NumPy from its first call on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import suppress
from threading import RLock
from types import MethodType
from typing import Any

from ..engine import errors, lines
from ..engine.memory import without_collection
from ..engine.nodes import Node
from ..engine.symbols import RECORDER
from ..engine.tensors import Tensor
from ..programs.instructions import parts
from ..programs.recorder import RecordingError
from .calling import MISS, BusyError, ChangedError, RetryError, UnlikeError
from .forms import Form

LIMIT = 8  # so many forms; more are a sign that shapes or settings keep changing
RETRIES = 8  # after so many calls that the function made again itself, somebody is told


class Compiled:
    """What `compile` returns: call it like the function.

    Attributes:
        function: the function itself.
        reason: why it runs eagerly from now on, or "".
        retried: how many calls ran eagerly after all, because a check of the step failed.
    """

    def __init__(self, function: Callable[..., Any], strict: bool) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self.strict = function, strict
        self.reason, self.retried = "", 0
        self._forms: list[Form] = []
        self._made = 0
        self._making = RLock()

    def __call__(self, *args: Any, **named: Any) -> Any:
        failed: Exception | None = None
        form: Form | None = None
        if named:
            args, named = self._positional(args, named)
        try:
            if not named:
                for form in (forms := self._forms):
                    result = form.call(*args)
                    if result is not MISS:
                        if form is not self._forms[0]:
                            self._forms = [form, *(f for f in self._forms if f is not form)]
                        return result
                if form := self._made_for(args, forms):
                    result = form.call(*args)
                    if result is not MISS:
                        return result
        except RetryError as error:
            self.retried += 1
            failed = error
        except ChangedError as error:
            raise error.__cause__ from None  # type: ignore[misc]
        except BusyError:
            pass
        except RecordingError:
            raise
        except Exception as error:
            failed = error  # of the function, which says so itself below; or only of its recording
        result = self.function(*args, **named)
        if failed is not None:
            self._went_on(failed, form, args)
        return result

    def _went_on(self, failed: Exception, form: Form | None, args: tuple[Any, ...]) -> None:
        """The function itself had no complaint where its form failed, or could not be made."""
        cause = failed.__cause__
        if not isinstance(failed, (RetryError, errors.NonFiniteError)):
            self._stop(f"compile: its recording fails: {type(failed).__name__}: {failed}")
        elif cause is not None and not isinstance(cause, (ArithmeticError, Warning)):
            self._forms = []
            self._stop(f"compile: the step fails: {failed}")
        elif isinstance(failed, UnlikeError) and form is not None:
            self._forms = [f for f in self._forms if f is not form]
            self._made -= 1
            with suppress(RecordingError):  # the next call says so
                self._made_for(args, self._forms)  # these have what the example had not
        if form is not None:
            form.retried += 1
            if form.retried == RETRIES:
                what = f"{self._name} ran as it is in {RETRIES} calls so far"
                lines.warn(f"{what}, after its compiled step had stopped: {failed}", UserWarning)

    @property
    def _name(self) -> str:
        return getattr(self.function, "__qualname__", type(self.function).__name__)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """A method: `step` of an instance is called with it."""
        return self if instance is None else MethodType(self, instance)

    def _positional(self, args: Any, named: Any) -> tuple[Any, dict[str, Any]]:
        """Arguments by name in their places, but for those that have none."""
        try:
            bound = inspect.signature(self.function).bind(*args, **named)
        except (TypeError, ValueError):  # calling the function says what is wrong
            return args, named
        if bound.kwargs and not self.reason:
            what = f"compile: arguments that have a name only: {', '.join(bound.kwargs)}"
            self._give_up(RecordingError(what, fix="give the parameters a place: no * before them"))
        return bound.args, bound.kwargs

    def _made_for(self, args: tuple[Any, ...], tried: list[Form]) -> Form | None:
        """A new form, or one that another thread has made meanwhile; None if there can be none.

        Args:
            tried: the forms that are not for these arguments.
        """
        if self.reason and self.strict:
            raise RecordingError(self.reason)
        if self.reason or RECORDER.get() is not None or any(map(_is_followed, parts(args))):
            return None
        with self._making:
            if any(form.busy() for form in self._forms):  # in another thread, or further out
                return None
            if newer := [form for form in self._forms if form not in tried]:
                return newer[0]
            if self._made == LIMIT:
                what = f"compile: {LIMIT} forms are made, and shapes or settings keep changing"
                fix = f"pass arrays of few shapes; these were: {'; '.join(self.signatures)}"
                self._give_up(RecordingError(what, fix=fix))
                return None
            try:
                with without_collection():
                    form = Form(self.function, args)
            except RecordingError as error:
                self._give_up(error)
                return None
            self._made += 1
            self._forms = [form, *self._forms]
            return form

    def _give_up(self, error: errors.GraphError) -> None:
        """Before the function has run."""
        if self.strict:
            raise error
        self._stop(str(error))

    def _stop(self, reason: str) -> None:
        """From now on the function runs as it is; with `strict`, the next call is an error."""
        self.reason = reason
        lines.warn(f"{self._name} is not compiled, and runs as it is: {reason}", UserWarning)

    def __reduce__(self) -> Any:
        """A copy is a step that is not called yet."""
        return Compiled, (self.function, self.strict)

    def __getstate__(self) -> dict[str, Any]:
        return {"function": self.function, "strict": self.strict}

    @property
    def signatures(self) -> list[str]:
        """The arguments' shapes and dtypes, for each compiled form; the one that ran last is the first."""
        return [form.signature for form in self._forms]

    @property
    def source(self) -> str:
        """The text of the form that ran last.

        Raises:
            GraphError: nothing is compiled, yet or at all.
        """
        if not self._forms:
            what = "compile: nothing is compiled" + (f": {self.reason}" if self.reason else " yet")
            raise errors.GraphError(what, fix="" if self.reason else "call the function once")
        return self._forms[0].source

    @property
    def nbytes(self) -> int:
        """The bytes of memory that the form that ran last has for its results, gradients apart."""
        return self._forms[0].nbytes if self._forms else 0

    def __repr__(self) -> str:
        how = "eagerly" if self.reason else "; ".join(self.signatures) or "not called yet"
        return f"compile({self._name}: {how})"


def compile(
    function: Callable[..., Any], model: Any = None, optimizer: Any = None, *, strict: bool = False
) -> Compiled:
    """A function, a training step say, that runs as generated NumPy.

    It computes what the function computes, to the last digits, and changes what it changes. The first
    call with arguments of new shapes and dtypes records it (see `tx.program`) and writes the text of a
    step: results in memory that is made once, an update of all parameters in one go.

    Args:
        function: any function of arrays, tensors and floats. Models, optimisers and tensors that it
            finds in closures and globals, or is given, are its state, which it may train.
        model, optimizer: the short cut; then `function(prediction, target)` is the loss, and the
            step takes the model's inputs and the target, and returns the loss.
        strict: raise where a function can't be compiled. Without it, it runs as it is, with a warning.

    Returns:
        Tensors where the function returned tensors. Their graph is gone: `backward()` belongs inside.

    Raises:
        GraphError: with `strict`, for what `tx.program` refuses.

    >>> model = tx.nn.MLP([4, 8, 3], rng=0)
    >>> optimizer = tx.optim.Adam(model.parameters(), lr=0.01)
    >>> @tx.compile
    ... def step(x, y):
    ...     optimizer.zero_grad()
    ...     loss = tx.cross_entropy(model(x), y)
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> x, y = np.ones((5, 4)), np.array([0, 1, 2, 1, 0])
    >>> step(x, y).item() > step(x, y).item()
    True
    >>> step.signatures
    ['x: float64[5, 4], y: int64[5]']
    """
    if (model is None) != (optimizer is None):
        what = "compile: a model without an optimizer, or an optimizer without a model"
        raise TypeError(f"{what}: tx.compile(loss, model, optimizer)")
    if not callable(function):
        raise errors.DtypeError("compile: takes a function", [function])
    if model is None:
        return Compiled(function, strict)
    return Compiled(functools.partial(_train, function, model, optimizer), strict)


def _is_followed(x: Any) -> bool:
    """Whether somebody outside differentiates by an argument: a result, or what a transform passes on."""
    node = x._node if isinstance(x, Tensor) else None
    return isinstance(node, Node) or (node is not None and node.borrowed)


def _train(loss_of: Any, model: Any, optimizer: Any, *given: Any) -> Any:
    """One step of training, on the model's inputs and the target."""
    *inputs, target = given
    optimizer.zero_grad()
    loss = loss_of(model(*inputs), target)
    loss.backward()
    optimizer.step()
    return loss
