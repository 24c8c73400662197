"""Modules under their former names: old pickles and imports that use these names still load.

A pickle names the module of each class and function in it. `keep_old_names` registers a stand-in for
every former module; it looks names up in the module's successors, and imports these only when asked.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_OPS = ("arithmetic", "elementwise", "moves", "products", "reductions", "rowwise", "selection")
_BREADTH = ("comparisons", "properties", "searches")

NOW = {
    "backend": ["engine.arrays"],
    "chunked": ["nn.chunked"],
    "declarations": ["extension.declarations"],
    "errors": ["engine.errors"],
    "extend": ["extension.rows"],
    "flat": [f"engine.breadth.{name}" for name in _BREADTH],
    "functions": ["engine.breadth.composites"],
    "interop": ["engine.interop"],
    "lines": ["engine.lines"],
    "losses": ["nn.losses"],
    "meaning": ["formulas.meaning"],
    "methods": ["engine.methods"],
    "modes": ["engine.context"],
    "module": ["nn.module"],
    "operands": ["engine.operands"],
    "ops": [*(f"engine.ops.{name}" for name in _OPS), "engine.methods"],
    "optimizer": ["optim.base"],
    "public": ["engine.public"],
    "schedules": ["optim.schedules"],
    "table": ["engine.table"],
    "tape": ["engine.tape", "engine.nodes", "engine.tensors"],
    "targets": ["nn.targets"],
    "tensor": ["engine.tensors"],
    "walk": ["engine.walk"],
    "watch": ["watching"],
    "check.audit": ["textbook.auditing"],
    "check.autopsies": ["check.nonfinite.report"],
    "check.causes": ["check.nonfinite.causes"],
    "check.diagnosis": ["textbook.diagnosis"],
    "check.differences": ["check.gradients.differences"],
    "check.gradcheck": ["check.gradients.numerical"],
    "check.lint": ["check.graph.linting"],
    "check.mistakes": ["textbook.mistakes"],
    "check.point": ["check.gradients.point"],
    "check.tape_check": ["check.gradients.tape_check"],
    "check.why": ["check.graph.contributions"],
}
"""The former name of each module, and the modules that have its contents now."""


class Renamed(ModuleType):
    """A module under a former name."""

    def __getattr__(self, name: str) -> Any:
        package, _, former = self.__name__.partition(".")
        if not name.startswith("__"):  # Python's own look-ups are meant for the stand-in
            for place in NOW[former]:
                module = import_module(f"{package}.{place}")
                if hasattr(module, name):
                    return getattr(module, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


def keep_old_names() -> None:
    """Make every former name importable. No attributes are added: there is still no `tx.tensor`."""
    for former in NOW:
        name = f"{__package__}.{former}"
        sys.modules.setdefault(name, Renamed(name))
