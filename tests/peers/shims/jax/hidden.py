"""Modules of JAX's whose names are looked up when they are used."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tests.peers.absent import Absent


class Hidden(ModuleType):
    """A module that `find` looks names up for; or of whose names none is here."""

    def __init__(self, name: str, find: Callable[[str], Any] = lambda name: None) -> None:
        super().__init__(f"{__package__}.{name}")
        self.__path__, self._find = [], find
        sys.modules[self.__name__] = self

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "pytest")):
            raise AttributeError(name)
        inner = self.__name__.removeprefix(f"{__package__}.")
        return self._find(name) or Absent(f"jax {inner}.{name}")
