"""What stands in a shim for a function that does not exist here."""

from __future__ import annotations

from typing import Any

from .counting import NotHereError


class Absent:
    """A function that does not exist here: calling it says so."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotHereError(self.__name__)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "pytest")):  # which test runners ask of every object
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")
