"""How SoftmaxClassifier trains on a batch: a step, which is compiled for batches that come often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy.typing as npt

from .compiled import compile
from .engine.context import scope
from .engine.tensors import Tensor
from .nn import Module
from .nn.losses import binary_cross_entropy_with_logits, cross_entropy
from .optim import Optimizer

Array: TypeAlias = npt.NDArray[Any]
Stepping: TypeAlias = Callable[[Array, Array], tuple[Tensor, Tensor]]

EAGERLY = 300  # a compiled step gains in 150 to 300 steps what it costs to compile


@dataclass(frozen=True)
class Step:
    """Trains on the rows and targets of a batch; returns the loss and the logits from before.

    Args:
        weight: a factor for each class, or None; for labels only.
        smoothing: the fraction of each target that is spread evenly.
        multilabel: whether the targets are a matrix of 0 and 1, and not labels.
    """

    model: Module
    optimizers: list[Optimizer]
    weight: Array | None
    smoothing: float
    multilabel: bool

    def __call__(self, rows: Array, targets: Array) -> tuple[Tensor, Tensor]:
        logits = self.model(rows)
        loss = self.loss(logits, targets)
        self.model.zero_grad()
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss, logits

    def loss(self, logits: Tensor, y: Array) -> Tensor:
        """The loss summed over the classes and averaged over the samples: Σ -log P(target) / N."""
        smoothing = self.smoothing
        if self.weight is None and not self.multilabel:  # the same, as one operation
            return cross_entropy(logits, y, label_smoothing=smoothing)
        if self.multilabel:
            if smoothing:
                y = y * (1 - smoothing) + smoothing / 2
            total = binary_cross_entropy_with_logits(logits, y, reduction="sum")
        else:
            total = cross_entropy(
                logits, y, weight=self.weight, label_smoothing=smoothing, reduction="sum"
            )
        with scope("mean over samples", "Σ loss / N"):
            return total / len(y)


def compiled_if_often(step: Step) -> Stepping:
    """The step, compiled for batches of a size from when that has come often enough.

    Steps are counted and not timed, so that equal seeds give equal models; and from here on, whatever
    was before, so that a model that was pickled goes on as the original does.
    """
    compiled, seen = compile(step), Counter[int]()

    def run(rows: Array, targets: Array) -> tuple[Tensor, Tensor]:
        seen[len(rows)] += 1
        return compiled(rows, targets) if seen[len(rows)] > EAGERLY else step(rows, targets)

    return run
