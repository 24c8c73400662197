"""Who looks at each `backward()`: the autopsy of what is not finite.

The engine knows nothing of it. The package registers `watch_backward` with the walk; only a run that is
not finite imports the diagnosis.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from .engine.arrays import looks_finite
from .engine.context import AUTOPSY
from .engine.tensors import Tensor, raw


def watch_backward(output: Tensor, grads: dict[Any, Any]) -> None:
    """Warn, with the cause, if a loss of one element is not finite, or on request a gradient: the loss
    alone costs a small step 1 %, the gradients 5 %.
    """
    level, loss = AUTOPSY.get(), output._data
    if (level and loss.size == 1 and not isfinite(loss if loss.ndim == 0 else loss.item())) or (
        level == "gradients" and not all(looks_finite(raw(g)) for g in grads.values())
    ):
        from .check import nonfinite

        nonfinite.warn(output)
