"""What a picture may be asked for: each option of `draw` with its type, its default and its check."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral, Real
from types import NoneType
from typing import Any, Literal, Protocol, TypeAlias, TypedDict, TypeGuard, TypeVar, cast, get_args

from tinygrad_xent import Tensor, Trace, nn

from .labels import Digits
from .pages import PAGES
from .theme import Theme

Shown: TypeAlias = Literal["value", "grad", "formula", "shape", "contribution"]
ViewName: TypeAlias = Literal["operations", "architecture"]
Direction: TypeAlias = Literal["TB", "LR", "BT", "RL", "backward"]
Parameters: TypeAlias = Literal["inside", "outside"]
PageName: TypeAlias = Literal["A4", "slide"]
End: TypeAlias = str | Tensor | nn.Module
Marked: TypeAlias = End | tuple[End, End]

SHOWABLE = get_args(Shown)
VIEWS = get_args(ViewName)
DIRECTIONS = get_args(Direction)
PLACES = get_args(Parameters)

Function = TypeVar("Function", bound=Callable[..., Any])


class Finding(Protocol):
    """What becomes a badge: a rule, and the entry that does not keep it. `tx.check.lint` finds such."""

    @property
    def rule(self) -> str: ...

    @property
    def entry(self) -> int | None: ...


class DrawOptions(TypedDict, total=False):
    """The options of `draw`, which explains them, and of whatever else makes pictures."""

    view: ViewName
    show: str | Iterable[str]
    fold: int | None
    parameters: Parameters
    constants: bool
    legend: bool
    direction: Direction | None
    page: PageName | None
    theme: Theme
    font: str | None
    names: Mapping[str, Tensor] | None
    highlight: Marked | Iterable[Marked]
    findings: Iterable[Finding]
    precision: Digits
    title: str | None
    caption: str | None
    alt: str | None
    max_nodes: int
    time_limit: float


DEFAULTS: DrawOptions = {
    "view": "operations",
    "show": ("value", "grad", "formula", "shape"),
    "fold": None,
    "parameters": "inside",
    "constants": True,
    "legend": True,
    "direction": None,
    "page": None,
    "theme": "auto",
    "font": None,
    "names": None,
    "highlight": (),
    "findings": (),
    "precision": 4,
    "title": None,
    "caption": None,
    "alt": None,
    "max_nodes": 200,
    "time_limit": 10.0,
}


def takes_options(function: Function) -> Function:
    """Show the options with their defaults in the signature, where `help` and editors look.

    >>> @takes_options
    ... def sketch(tensor, **options): ...
    >>> list(inspect.signature(sketch).parameters)[:3]
    ['tensor', 'view', 'show']
    """
    plain = inspect.signature(function)
    own = [p for p in plain.parameters.values() if p.kind is not p.VAR_KEYWORD]
    kind = inspect.Parameter.KEYWORD_ONLY
    types = DrawOptions.__annotations__
    more = [
        inspect.Parameter(name, kind, default=default, annotation=types[name].__forward_arg__)
        for name, default in DEFAULTS.items()
    ]
    function.__signature__ = plain.replace(parameters=own + more)  # type: ignore[attr-defined]
    return function


def resolved(what: str, given: DrawOptions) -> DrawOptions:
    """All options: those given, checked, and the defaults of the others.

    Args:
        what: the function that was called, for errors.

    Raises:
        TypeError: there is no option of this name.
        ValueError: an option has a value that it can't have.
    """
    if unknown := given.keys() - DEFAULTS.keys():
        raise TypeError(f"viz.{what} has no option {min(unknown)!r}; it has {', '.join(DEFAULTS)}")
    kept: dict[str, Any] = {**given}
    for option, value in given.items():
        if isinstance(value, Iterator):  # what a generator has given once is gone
            kept[option] = tuple(value)
        holds, wanted = _CHECKS.get(option, _ANY)
        if not holds(kept[option]):
            raise ValueError(f"viz: {option} should be {wanted}, got {kept[option]!r:.200}")
    return cast(DrawOptions, {**DEFAULTS, **kept})


def names_by_entry(trace: Trace, options: DrawOptions) -> dict[int, str]:
    """The caller's names of values, by the id of their entry."""
    return {trace[tensor].id: name for name, tensor in (options["names"] or {}).items()}


def shown(show: str | Iterable[str]) -> frozenset[str]:
    """What is to be shown, of one name or several."""
    return frozenset([show] if isinstance(show, str) else show)


def _one_of(choices: Iterable[Any]) -> tuple[Callable[[Any], bool], str]:
    known = tuple(choices)
    return (
        lambda value: isinstance(value, (str, bool, NoneType)) and value in known,
        f"one of {known}",
    )


def _all(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether a value has several parts that are all of a kind."""
    return lambda value: isinstance(value, Iterable) and all(kind(part) for part in value)


def _is_shown(value: object) -> bool:
    return isinstance(value, str) and value in SHOWABLE


def is_marked(value: object) -> TypeGuard[Marked]:
    """Whether it is one thing that may be highlighted, or a pair of them: the ends of a path."""
    ends = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    return all(isinstance(end, get_args(End)) for end in ends)


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_whole(value: object, least: int, most: float = math.inf) -> bool:
    return isinstance(value, Integral) and least <= int(value) <= most


def _is_format(value: object) -> bool:
    """Whether a number can be written so."""
    if isinstance(value, str):
        return bool(re.fullmatch(r"[+ ]?,?\.\d\d?[eEfgG%]", value))
    return _is_whole(value, 1, 17)


def _is_font(value: object) -> bool:
    """Whether it is the name of a family, or None: it must stand in quotes in CSS."""
    return value is None or (isinstance(value, str) and bool(re.fullmatch(r"[\w .+-]+", value)))


_ANY = (lambda value: True), "anything"  # a theme is checked where themes are known
_TEXT = _is_text, "a text or None"
_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "view": _one_of(VIEWS),
    "show": (
        lambda show: show in SHOWABLE if isinstance(show, str) else _all(_is_shown)(show),
        f"names from {SHOWABLE}",
    ),
    "fold": (lambda fold: fold is None or _is_whole(fold, 0), "None or a whole number from 0"),
    "parameters": _one_of(PLACES),
    "constants": _one_of((True, False)),
    "legend": _one_of((True, False)),
    "direction": _one_of((*DIRECTIONS, None)),
    "page": _one_of((*PAGES, None)),
    "font": (_is_font, "the name of a font, or None"),
    "names": (
        lambda names: (
            names is None
            or (
                isinstance(names, Mapping)
                and all(isinstance(n, str) and isinstance(t, Tensor) for n, t in names.items())
            )
        ),
        "tensors by their name",
    ),
    "highlight": (
        lambda value: is_marked(value) or _all(is_marked)(value),
        "tensors, modules, names, or pairs of them",
    ),
    "findings": (
        _all(lambda finding: hasattr(finding, "rule") and hasattr(finding, "entry")),
        "what tx.check.lint found",
    ),
    "precision": (
        _is_format,
        'a whole number of significant digits from 1 to 17, or a format such as ".3f"',
    ),
    "title": _TEXT,
    "caption": _TEXT,
    "alt": _TEXT,
    "max_nodes": (lambda most: _is_whole(most, 1), "a whole number from 1"),
    "time_limit": (
        lambda limit: isinstance(limit, Real) and float(limit) > 0,
        "a number of seconds above 0",
    ),
}
