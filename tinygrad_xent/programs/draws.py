"""A random generator that notes what is drawn from it: each run draws anew, from the generator it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import own

_NOT_DRAWS = ("bit_generator", "spawn", "shuffle")


class GeneratorSymbol(np.random.Generator):
    """Stands for a generator that is an argument. The draws of the recording come from a copy of it."""

    known = False  # each run draws other numbers

    def __init__(self, recorder: Any, id: int, generator: np.random.Generator) -> None:
        self.like = own(generator)
        super().__init__(self.like.bit_generator)
        self.recorder, self.id = recorder, id

    def __deepcopy__(self, memo: Any) -> GeneratorSymbol:
        return self

    @property
    def bit_generator(self) -> Any:
        """What draws past the recording."""
        raise self.recorder.not_recordable("generator.bit_generator")

    def spawn(self, *args: Any) -> Any:
        raise self.recorder.not_recordable("generator.spawn")

    def shuffle(self, *args: Any, **kwargs: Any) -> Any:
        raise self.recorder.not_recordable("generator.shuffle, which changes an array in place,")


def _draw(name: str) -> Callable[..., Any]:
    def draw(self: GeneratorSymbol, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("out") is not None:
            raise self.recorder.not_recordable(f"generator.{name}(out=...)")
        return self.recorder.call(f"draw.{name}", (self, *args), kwargs)

    return draw


for _name in dir(np.random.Generator):
    if not _name.startswith("_") and _name not in _NOT_DRAWS:
        setattr(GeneratorSymbol, _name, _draw(_name))
