"""What the settings of SoftmaxClassifier may be, and which of them a model keeps once it is made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .arguments import check_number, check_sizes
from .engine import errors
from .nn import MLP
from .optim import SGD, Adam, AdamW, Optimizer

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": partial(SGD, momentum=0.9),
}


def check(model: Any) -> None:
    """Raise unless every setting has a value that it may have."""
    who = "SoftmaxClassifier"
    check_sizes(who, hidden(model))
    check_sizes(who, [model.batch_size, model.max_epochs])
    for name, table in (("activation", MLP.ACTIVATIONS), ("optimizer", OPTIMIZERS)):
        if getattr(model, name) not in table:
            what = f"{who}: unknown {name} {getattr(model, name)!r}"
            raise errors.BadValueError(what, fix=f"use one of {', '.join(table)}")
    check_number(who, "learning_rate", model.learning_rate, 0)
    check_number(who, "alpha", model.alpha, 0)
    check_number(who, "label_smoothing", model.label_smoothing, 0, 1)
    check_number(who, "validation_fraction", model.validation_fraction, 0, 1, open=True)
    if model.tol is not None:
        check_number(who, "tol", model.tol, 0)


def hidden(model: Any) -> Any:
    """The hidden widths; like scikit-learn's perceptron, also from a single number."""
    sizes = model.hidden_layer_sizes
    return (sizes,) if isinstance(sizes, (int, np.integer)) else sizes


def form(model: Any) -> dict[str, Any]:
    """The settings that make the network and the optimiser: they stay those of the first call."""
    sizes = [int(size) for size in hidden(model)]
    return {
        "hidden_layer_sizes": sizes,
        "activation": model.activation,
        "optimizer": model.optimizer,
    }


def check_can_go_on(model: Any, made_as: dict[str, Any] | None) -> None:
    """Raise if `partial_fit` can't do what the settings say.

    Args:
        model: the classifier.
        made_as: the `form` of the network that is there; None if there is none.
    """
    if isinstance(model.class_weight, str) and model.class_weight == "balanced":
        what = 'partial_fit: class_weight="balanced" needs all samples at once'
        fix = "compute the weights from all of y and pass them as a dictionary"
        raise errors.BadValueError(what, fix=fix)
    if model.early_stopping:
        what = "partial_fit: early_stopping=True needs all samples at once, and several epochs"
        fix = "set_params(early_stopping=False), and score samples that you hold out yourself"
        raise errors.BadValueError(what, fix=fix)
    for name, made in (made_as or {}).items():
        if (now := form(model)[name]) != made:
            what = f"partial_fit: {name}={now!r}, but the model was made with {made!r}"
            raise errors.BadValueError(what, fix="set it back, or call fit for a new model")
