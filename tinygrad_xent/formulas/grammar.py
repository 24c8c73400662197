"""The notation of the formulas: the grammar, a parser that gives a tree, and a writer for trees.

    + - · / @   xⁿ⁻¹ eˣ aᵀ   |x| √x Σ x   log x  softmax(x)  max(a, b)   x[index]
    g where a > b, g / 2 where a = b          0 elsewhere, unless the last case is `b else`

`Σ`, `√` and a function's name of two letters or more apply to the one value that follows, with its
powers and indices: `Σ (x - m)²` sums squares. A name followed directly by a bracket is a call:
`softmax(x)[labels]`. `where` selects. `meaning.py` defines what a formula means in NumPy.

The engine does not need this module; only code that reads a formula's tree does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any


class FormulaError(ValueError):
    """A text that is not a formula, or a formula that can't be evaluated."""


def _error(text: str, place: int, what: str, right: str = "y · (g - Σ (g · y))") -> FormulaError:
    pointer = " " * place + "^"
    return FormulaError(f"{what}\n  {text}\n  {pointer}\n  write it as in: {right}")


# --- the tree ------------------------------------------------------------------------------------


class Expression:
    """A formula or a part of one; `str` gives a text that parses back to the same tree.

    >>> str(parse("(g·b) + ( x+1 )²"))
    'g · b + (x + 1)²'
    """

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True)
class Number(Expression):
    value: int | float


@dataclass(frozen=True)
class Name(Expression):
    name: str


@dataclass(frozen=True)
class Unary(Expression):
    """`-`, `not`, or `ᵀ`, which swaps the last two axes."""

    operator: str
    operand: Expression


@dataclass(frozen=True)
class Binary(Expression):
    """`+ - · / @ and or`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Power(Expression):
    """A power; its superscript has names, numbers, plus, minus. The base `e` is Euler's number."""

    base: Expression
    exponent: Expression


@dataclass(frozen=True)
class Index(Expression):
    operand: Expression
    index: Expression


@dataclass(frozen=True)
class Compare(Expression):
    """A chain such as `a < b ≤ c`, with one operator fewer than operands."""

    operators: tuple[str, ...]
    operands: tuple[Expression, ...]


@dataclass(frozen=True)
class Call(Expression):
    """`Σ`, `√`, `abs` (written |x|) or a named function."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Piecewise(Expression):
    """The value of the first case (value, condition) whose condition holds, else `otherwise`."""

    cases: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression = Number(0)


def children(tree: Expression) -> Iterator[Expression]:
    """The direct parts of a tree, in the order in which they are written."""
    waiting: list[Any] = [getattr(tree, f.name) for f in reversed(fields(tree))]  # type: ignore[arg-type]
    while waiting:
        found = waiting.pop()
        if isinstance(found, tuple):
            waiting += reversed(found)
        elif isinstance(found, Expression):
            yield found


def names(tree: Expression) -> set[str]:
    """The names in a formula that need a value: not those of functions, nor π, nor the e of eˣ.

    >>> sorted(names(parse("g · eˣ⁻ʸ / Σ w")))
    ['g', 'w', 'x', 'y']
    """
    if isinstance(tree, Name):
        return {tree.name} - {"π"}
    if isinstance(tree, Power) and tree.base == EULER:
        return names(tree.exponent)
    return {name for child in children(tree) for name in names(child)}


EULER = Name("e")

# --- from text to tree ---------------------------------------------------------------------------

_PLAIN = "abcdefghijklmnoprstuvwxyzβγδθ0123456789+-()"
_RAISED = "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵝᵞᵟᶿ⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾"
_LOWER, _RAISE = str.maketrans(_RAISED, _PLAIN), str.maketrans(_PLAIN, _RAISED)
_NAME = "[A-Za-z_][A-Za-z_0-9]*|[α-ω]"
_TOKEN = re.compile(
    rf"(?P<number>\d+(?:\.\d+)?)|(?P<call>(?:{_NAME})\()|(?P<name>{_NAME})|(?P<raised>[{_RAISED}]+)"
    r"|(?P<symbol>[-+·/@()\[\]|,<>≤≥=≠Σ√ᵀ])"
)
_WORDS = ("where", "else", "and", "or", "not")
_MEANT = {
    "**": "x²",
    "*": "g · y",
    "^": "x², or pow(x, n)",
    "==": "g where a = b",
    "<=": "g where x ≤ 1",
    ">=": "g where x ≥ 1",
    "!=": "g where x ≠ 1",
    "∑": "Σ x (the letter sigma)",
    "×": "g · y",
    "−": "a - b",  # the mathematical minus that other texts use
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


def _tokens(text: str, source: str, start: int = 0) -> Iterator[_Token]:
    """The words and signs of a text that begins at `start` in the source."""
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        meant = next((m for sign, m in _MEANT.items() if text.startswith(sign, place)), None)
        found = None if meant else _TOKEN.match(text, place)
        if not found:
            what = f"{text[place]!r} is not part of the notation"
            raise _error(source, start + place, what, *([meant] if meant else []))
        kind, word = str(found.lastgroup), found.group()
        if word.rstrip("(") in _WORDS:  # `not(a = b)` is not a call
            kind, word = "symbol", word.rstrip("(")
        yield _Token(kind, word, start + place)
        place += len(word)
    yield _Token("end", "the end", start + place)


def parse(text: str) -> Expression:
    """The tree of a formula.

    Raises:
        FormulaError: the text is not a formula; the message points at the place.

    >>> parse("g / 2y")
    Traceback (most recent call last):
    tinygrad_xent.formulas.grammar.FormulaError: 'y' follows a value without a sign between them
      g / 2y
           ^
      write it as in: g / (2 · y)
    """
    return _Parser(text, text).whole(_Parser.formula)


class _Parser:
    """A recursive descent parser: one method per level, the most loosely binding first."""

    def __init__(self, text: str, source: str, start: int = 0) -> None:
        self.source, self.tokens = source, list(_tokens(text, source, start))
        self.at = 0
        self.in_bars = False  # between | and |, where `log |` can't be the log of |...|

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def accept(self, *texts: str) -> str:
        """Step over the next sign if it is one of these, and return it; else return ""."""
        token = self.token
        if token.kind == "symbol" and token.text in texts:
            self.at += 1
            return token.text
        return ""

    def expect(self, text: str, right: str) -> None:
        if not self.accept(text):
            raise self.error(f"{text!r} is missing before {self.token.text!r}", right)

    def error(self, what: str, *right: str) -> FormulaError:
        return _error(self.source, self.token.place, what, *right)

    def whole(self, level: Callable[[_Parser], Expression]) -> Expression:
        tree = level(self)
        if self.token.kind == "end":
            return tree
        if self.starts_operand():
            what = f"{self.token.text!r} follows a value without a sign between them"
            raise self.error(what, "g / (2 · y)")
        raise self.error(f"{self.token.text!r} does not belong here")

    # levels

    def formula(self) -> Expression:
        """`value where condition, value where condition, value else`."""
        value = self.either()
        if not self.accept("where"):
            return value
        cases = [(value, self.either())]
        while self.accept(","):
            value = self.either()
            if self.accept("else"):
                return Piecewise(tuple(cases), value)
            self.expect("where", "g where a > b, g / 2 where a = b")
            cases.append((value, self.either()))
        return Piecewise(tuple(cases))

    def chain(self, level: Callable[[], Expression], *signs: str) -> Expression:
        tree = level()
        while sign := self.accept(*signs):
            tree = Binary(sign, tree, level())
        return tree

    def either(self) -> Expression:
        return self.chain(self.both, "or")

    def both(self) -> Expression:
        return self.chain(self.negated, "and")

    def negated(self) -> Expression:
        return Unary("not", self.negated()) if self.accept("not") else self.comparison()

    def comparison(self) -> Expression:
        operands, operators = [self.total()], []
        while sign := self.accept(*"<>≤≥=≠"):
            operators.append(sign)
            operands.append(self.total())
        return Compare(tuple(operators), tuple(operands)) if operators else operands[0]

    def total(self) -> Expression:
        return self.chain(self.product, "+", "-")

    def product(self) -> Expression:
        return self.chain(self.signed, "·", "/", "@")

    def signed(self) -> Expression:
        return Unary("-", self.signed()) if self.accept("-") else self.prefixed()

    def prefixed(self) -> Expression:
        """A function and the one value it applies to, or just a value."""
        if sign := self.accept("Σ", "√"):
            return Call(sign, (self.prefixed(),))
        token = self.token
        if token.kind == "name" and len(token.text) > 1:  # one letter is always a variable
            self.at += 1
            if self.token.text == "(":
                right = f"{token.text}(x), without a space"
                raise self.error(f"does {token.text} take the bracket, or all that follows?", right)
            if self.starts_operand():
                return Call(token.text, (self.prefixed(),))
            self.at -= 1  # `min ≤ x`: a variable of that name
        return self.postfixed()

    def starts_operand(self) -> bool:
        token = self.token
        opens = ("(", "Σ", "√") if self.in_bars else ("(", "Σ", "√", "|")
        return token.kind in ("number", "name", "call") or token.text in opens

    def postfixed(self) -> Expression:
        tree = self.atom()
        while True:
            token = self.token
            if token.kind == "raised":
                inner = _Parser(token.text.translate(_LOWER), self.source, token.place)
                tree = Power(tree, inner.whole(_Parser.total))
                self.at += 1
            elif self.accept("ᵀ"):
                tree = Unary("ᵀ", tree)
            elif self.accept("["):
                tree = Index(tree, self.inside(self.formula))
                self.expect("]", "x[index]")
            else:
                return tree

    def atom(self) -> Expression:
        token = self.token
        self.at += token.kind in ("number", "name", "call")
        if token.kind == "number":
            return Number(float(token.text) if "." in token.text else int(token.text))
        if token.kind == "name":
            return Name(token.text)
        if token.kind == "call":
            return Call(token.text[:-1], self.inside(self.arguments))
        if self.accept("("):
            tree: Expression = self.inside(self.formula)
            self.expect(")", "g · (1 - y)")
            return tree
        if self.accept("|"):
            tree = self.inside(self.total, bars=True)
            self.expect("|", "|x|")
            return Call("abs", (tree,))
        raise self.error(f"a value is missing before {token.text!r}")

    def arguments(self) -> tuple[Expression, ...]:
        found = [self.formula()]
        while self.accept(","):
            found.append(self.formula())
        self.expect(")", "max(a, b)")
        return tuple(found)

    def inside(self, level: Callable[[], Any], bars: bool = False) -> Any:
        """What this level reads within a pair of brackets or bars."""
        before, self.in_bars = self.in_bars, bars
        found = level()
        self.in_bars = before
        return found


# --- from tree to text ---------------------------------------------------------------------------

_LEVEL = {"or": 1, "and": 2, "not": 3, "+": 5, "-": 5, "·": 6, "/": 6, "@": 6}
_CASES, _COMPARISON, _SIGNED, _PREFIXED, _POSTFIXED = 0, 4, 7, 8, 9
# Functions that are written without brackets where the result can still be read.
_SPACED = ("log", "sin", "cos", "tan", "tanh", "max", "min", "argmax", "any", "all")


def _text(tree: Expression, least: int = _CASES) -> str:
    """The text of a tree, in brackets if the tree binds less tightly than `least`."""
    level, text = _written(tree)
    return text if level >= least else f"({text})"


def _written(tree: Expression) -> tuple[int, str]:
    """How tightly the text of a tree binds, and the text."""
    match tree:
        case Number(value):
            return _POSTFIXED, str(value)
        case Name(name):
            return _POSTFIXED, name
        case Unary("ᵀ", operand):
            return _POSTFIXED, f"{_text(operand, _POSTFIXED)}ᵀ"
        case Unary("-", operand):
            return _SIGNED, f"-{_text(operand, _SIGNED)}"
        case Unary(sign, operand):
            return _LEVEL[sign], f"{sign} {_text(operand, _LEVEL[sign])}"
        case Binary(sign, left, right):
            level = _LEVEL[sign]
            return level, f"{_text(left, level)} {sign} {_text(right, level + 1)}"
        case Power(base, exponent):
            written = f"({base})" if isinstance(base, Power) else _text(base, _POSTFIXED)
            return _POSTFIXED, written + _raised(exponent)
        case Index(operand, index):
            return _POSTFIXED, f"{_text(operand, _POSTFIXED)}[{index}]"
        case Compare(operators, operands):
            first, *rest = [_text(x, _COMPARISON + 1) for x in operands]
            pairs = zip(operators, rest, strict=True)
            return _COMPARISON, " ".join([first, *(f"{sign} {x}" for sign, x in pairs)])
        case Call(function, arguments):
            return _call(function, arguments)
        case Piecewise(cases, otherwise):
            parts = [f"{_text(v, 1)} where {_text(c, 1)}" for v, c in cases]
            last = [] if otherwise == Number(0) else [f"{_text(otherwise, 1)} else"]
            return _CASES, ", ".join(parts + last)
    raise TypeError(f"{tree!r} is not a formula")


def _call(function: str, arguments: tuple[Expression, ...]) -> tuple[int, str]:
    if function == "abs":
        return _POSTFIXED, f"|{_text(arguments[0], _COMPARISON + 1)}|"
    if function in ("Σ", "√"):
        gap = " " if function == "Σ" else ""
        operand = _text(arguments[0], _PREFIXED)
        return _PREFIXED, f"{function}{gap}{f'({operand})' if operand[0] == '|' else operand}"
    if function in _SPACED and len(arguments) == 1:
        level, operand = _written(arguments[0])
        if level >= _PREFIXED and operand[0] not in "(|":
            return _PREFIXED, f"{function} {operand}"
    least = _CASES if len(arguments) == 1 else 1
    return _POSTFIXED, f"{function}({', '.join(_text(x, least) for x in arguments)})"


def _raised(exponent: Expression) -> str:
    text = str(exponent).replace(" + ", "+").replace(" - ", "-")
    if not set(text) <= set(_PLAIN):
        raise FormulaError(f"{exponent} can't be a superscript: use exp(x) or pow(x, n)")
    return text.translate(_RAISE)
