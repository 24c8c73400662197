"""Watches each `backward()` for values that are not finite, and starts their autopsy.

The engine does not know this module. The package registers `watch_backward` with the walk; the diagnosis
is imported only if a value is not finite.
"""

from __future__ import annotations

from math import isfinite

import numpy as np

from .engine.context import AUTOPSY
from .engine.gradients import Gradients
from .engine.nodes import Leaf
from .engine.symbols import Symbol
from .engine.tensors import Tensor, raw


def watch_backward(output: Tensor, grads: Gradients) -> None:
    """Warn, with the cause, if a loss of one element or a gradient is not finite. The cause is noted
    with the gradients too, so that the optimiser can name it.
    """
    loss = output._data
    if isinstance(loss, Symbol):  # nobody knows
        return
    sound = grads.finite and (loss.size != 1 or isfinite(loss if loss.ndim == 0 else loss.item()))
    if sound or not AUTOPSY.get():
        return
    from .check import nonfinite

    why = nonfinite.warn(output)
    for leaf, g in grads.items():
        if type(leaf) is Leaf and not np.isfinite(raw(g)).all():
            leaf.flaw = why
