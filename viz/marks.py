"""What a picture is to make stand out: values by tensor or name, and the paths between two of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import cast

from tinygrad_xent import Tensor, nn
from tinygrad_xent.tracing import Trace

from .graph import Edge, Node
from .options import End, Marked, is_marked

MOST = 12  # names in an error


@dataclass(frozen=True)
class Marks:
    """Entries of a trace that are marked, and the uses of values on marked paths.

    Attributes:
        entries: ids of the marked entries.
        uses: (source, user) of each step of a path.
    """

    entries: frozenset[int] = frozenset()
    uses: frozenset[tuple[int, int]] = frozenset()

    def has(self, part: Node | Edge) -> bool:
        """Whether a node has a marked entry, or an edge is a step of a path."""
        if isinstance(part, Edge):
            return any((u.source, u.user) in self.uses for u in (*part.uses, *part.repeated))
        return not self.entries.isdisjoint(part.entries + part.held)


def marks_of(
    trace: Trace, highlight: Marked | Iterable[Marked], called: dict[int, str] | None = None
) -> Marks:
    """The marks for what a user names.

    Args:
        highlight: tensors, modules, names of values, names of scopes; a pair of these stands for all
            paths from the first to the second. One of them or several.
        called: names of entries in the picture, where these are not their own.

    Raises:
        KeyError: a tensor took no part in the computation.
        ValueError: nothing has this name, or no path leads from the first of a pair to the second.

    >>> import tinygrad_xent as tx
    >>> x, y = (Tensor(1.0, requires_grad=True, name=name) for name in "xy")
    >>> total = tx.tanh(x) + y
    >>> marks = marks_of(tx.trace(total), ("x", total))
    >>> sorted(marks.entries), sorted(marks.uses)
    ([0, 2, 3], [(0, 2), (2, 3)])
    """
    if not (items := items_of(highlight)):
        return Marks()
    finder = _Finder(trace, called or {})
    entries: set[int] = set()
    uses: set[tuple[int, int]] = set()
    for item in items:
        if isinstance(item, tuple):
            path = finder.path(*item)
            entries |= path
            uses |= {(s, e) for e in path for s in trace[e].inputs if s in path}
        else:
            entries |= finder.find(item)
    return Marks(frozenset(entries), frozenset(uses))


def items_of(highlight: Marked | Iterable[Marked]) -> list[Marked]:
    """One thing to be marked, or several."""
    return [highlight] if is_marked(highlight) else list(cast(Iterable[Marked], highlight))


def label_of(module: nn.Module) -> str:
    """What the scope of a module is called: its class and its path in the model."""
    return module._label


def some(names: Iterable[str], wanted: object) -> str:
    """Some of these names, those most like the wanted one first.

    >>> some(["W", "logits", "loss"], "Logits")
    "'logits', 'W', 'loss'"
    """
    every = sorted(filter(None, names))
    alike = get_close_matches(str(wanted), every, 3)
    shown = list(dict.fromkeys([*alike, *every]))
    told = ", ".join(map(repr, shown[:MOST])) or "none has a name"
    return told + (f" and {len(shown) - MOST:,} more" if len(shown) > MOST else "")


class _Finder:
    """Looks up the entries of a trace."""

    def __init__(self, trace: Trace, called: dict[int, str]) -> None:
        self.trace = trace
        self.named: dict[str, set[int]] = {}
        for entry in trace:
            names = {called.get(entry.id, entry.name), *entry.scope}
            paths = {name.split(" ")[-1] for name in entry.scope}  # "Linear head" is "head" too
            for name in (names | paths) - {None, ""}:
                self.named.setdefault(str(name), set()).add(entry.id)

    def find(self, item: End) -> set[int]:
        """The entries that a tensor, a module or a name stands for."""
        item = label_of(item) if isinstance(item, nn.Module) else item
        if isinstance(item, Tensor):
            return {self.trace[item].id}
        if isinstance(item, str) and item in self.named:
            return self.named[item]
        raise ValueError(
            f"viz: highlight should be tensors, names, or pairs of them, got {item!r:.80}\n"
            f"  fix: the names in this computation are: {some(self.named, item)}"
        )

    def path(self, *ends: End) -> set[int]:
        """The entries on all paths from the first to the second."""
        start, stop = (self.find(end) for end in ends)
        after, before = set(start), set(stop)
        for entry in self.trace:  # in creation order, so inputs come first
            if not after.isdisjoint(entry.inputs):
                after.add(entry.id)
        for entry in reversed(self.trace.entries):
            if entry.id in before:
                before.update(entry.inputs)
        if not (found := after & before):
            one, other = (repr(end.name) if isinstance(end, Tensor) else repr(end) for end in ends)
            raise ValueError(f"viz: highlight: no path leads from {one} to {other}")
        return found
