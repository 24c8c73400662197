"""Labels of any type as positions among the classes, and the weights of the classes.

What is wrong is said of the labels as the user wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import check_number
from .engine import errors

if TYPE_CHECKING:
    import numpy.typing as npt


def positions(who: str, y: npt.NDArray[Any], classes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The place of each label among the sorted classes.

    Raises:
        ValueError: a label is not among them.

    >>> positions("fit", np.array(["b", "a", "b"]), np.array(["a", "b"]))
    array([1, 0, 1])
    """
    places = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    unknown = np.unique(y[classes[places] != y])
    if len(unknown):
        what = f"{who}: labels {unknown} are not among the classes {classes}"
        fix = "name all that will ever occur in the first partial_fit(X, y, classes=...)"
        raise errors.BadValueError(what, fix=fix)
    return places


def class_weights(
    who: str, given: Any, y: npt.NDArray[Any], classes: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """The weight of each class.

    Args:
        given: "balanced", which gives all classes the same share of the loss over the labels `y`, or
            a dictionary of weights by label, 1 for labels that are not in it.

    Raises:
        ValueError: something else is given, a label that is not among the classes, a weight below 0.
        DtypeError: a weight is not a number.

    >>> class_weights("fit", {"b": 2.5}, np.array(["b", "a"]), np.array(["a", "b"]))
    array([1. , 2.5])
    """
    if isinstance(given, str) and given == "balanced":
        return len(y) / (len(classes) * np.bincount(positions(who, y, classes)))
    fix = 'use None, "balanced" or a dictionary with a number for each label'
    if not isinstance(given, Mapping):
        raise errors.BadValueError(f"{who}: unknown class_weight {given!r:.80}", fix=fix)
    labels = classes.tolist()
    if unknown := [label for label in given if label not in labels]:
        what = f"{who}: {unknown} in class_weight are not among the classes {labels}"
        if missing := [label for label in labels if label not in given]:
            what += f", of which {missing} are not in class_weight"
        raise errors.BadValueError(what, fix=fix)
    for label, weight in given.items():
        check_number(who, f"class_weight[{label!r}]", weight, 0)
    return np.array([given.get(label, 1) for label in labels], float)
