"""Modules whose names are looked up when they are used."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


class Found(ModuleType):
    """A module whose names are looked up when they are used."""

    def __init__(self, name: str, find: Callable[[str], Any], **known: Any) -> None:
        super().__init__(f"{__package__}.{name}")
        self.__path__: Any = []
        self.__dict__.update(known)
        self._find = find
        sys.modules[self.__name__] = self

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "pytest")) and name != "__version__":
            raise AttributeError(name)
        return self._find(name)
