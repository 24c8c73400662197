"""The list of what is measured: in full, and tiny for the check that everything runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from .cases import (
    STEPS,
    Case,
    chain_case,
    fan_out_case,
    linear_loss_case,
    operation_case,
    scalar_network_case,
    step_case,
)
from .operations import NAMES


def powers(low: int, high: int, step: int = 1) -> list[int]:
    return [2**i for i in range(low, high + 1, step)]


SIZES = (10, 1_000, 1_000_000)
CHAIN = chain_case(1_000_000)
GRAPHS = (CHAIN, fan_out_case(10_000), scalar_network_case(20))
LINEAR_LOSSES = (linear_loss_case(4096, 64, 1000), linear_loss_case(512, 256, 32000))
OPERATIONS = {size: tuple(operation_case(name, size) for name in NAMES) for size in SIZES}
PICTURES = tuple(
    scalar_network_case(neurons, kind=kind)
    for kind, most in (("trace", 1000), ("draw", 100))
    for neurons in (1, 3, 10, 30, 100, 300, 1000)
    if neurons <= most
)


class Curve(NamedTuple):
    """How time and memory grow with one number of a case."""

    title: str
    cases: dict[int, Case]


LINEAR = "operations"  # the curve that must be a straight line
CURVES = (
    Curve(LINEAR, {n: chain_case(n) for n in (1_000, 10_000, 100_000, 1_000_000)}),
    # In float64: in float32 rounding alone puts some unit of a deep network across relu's kink.
    Curve("depth", {n: step_case(128, (64, *[64] * n, 10), "float64") for n in powers(0, 6)}),
    Curve("width", {n: step_case(128, (64, n, n, 10), "float32") for n in powers(4, 11)}),
    Curve("classes", {n: step_case(512, (64, n), "float32", True) for n in powers(3, 15, 2)}),
    Curve("batch", {n: step_case(n, (64, 64, 64, 10), "float32") for n in powers(0, 14, 2)}),
)

TINY: dict[str, Case] = {
    case.kind: case
    for case in (
        step_case(4, (3, 5, 2), "float32"),
        chain_case(100),
        fan_out_case(10),
        scalar_network_case(2, inputs=3),
        scalar_network_case(2, inputs=3, kind="trace"),
        scalar_network_case(2, inputs=3, kind="draw"),
        linear_loss_case(4, 3, 2),
        operation_case("add", 10),
    )
}


def tiny(case: Case) -> Case:
    """The smallest case that takes the same way through every peer."""
    return replace(TINY[case.kind], settings={**TINY[case.kind].settings, **way(case)})


def way(case: Case) -> dict[str, Any]:
    return {k: case.settings[k] for k in ("dtype", "linear_loss") if k in case.settings}


QUICK = (
    *(
        step_case(
            6,
            tuple(min(size, 5 + i) for i, size in enumerate(s["layers"])),
            s["dtype"],
            s["linear_loss"],
        )
        for s in (case.settings for case in STEPS)
    ),
    *(case for kind, case in TINY.items() if kind not in ("step", "operation")),
    *OPERATIONS[SIZES[0]],
)
