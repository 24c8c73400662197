"""The list of what is measured: in full, and tiny for the check that everything runs."""

from __future__ import annotations

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
from .operations import INPUTS

SIZES = (10, 1_000, 1_000_000)
CHAIN = chain_case(1_000_000)
GRAPHS = (CHAIN, fan_out_case(10_000), scalar_network_case(20))
LINEAR_LOSSES = (linear_loss_case(4096, 64, 1000), linear_loss_case(512, 256, 32000))
OPERATIONS = {size: tuple(operation_case(name, size) for name in INPUTS) for size in SIZES}

TINY: dict[str, Case] = {
    case.kind: case
    for case in (
        step_case(4, (3, 5, 2), "float32"),
        chain_case(100),
        fan_out_case(10),
        scalar_network_case(2, inputs=3),
        linear_loss_case(4, 3, 2),
        operation_case("add", 10),
    )
}
QUICK = (
    *(
        step_case(6, tuple(min(s, 5 + i) for i, s in enumerate(case.settings["layers"])), **rest)
        for case in STEPS
        for rest in [{key: case.settings[key] for key in ("dtype", "linear_loss")}]
    ),
    TINY["chain"],
    TINY["fan_out"],
    TINY["scalar_network"],
    TINY["linear_loss"],
    *OPERATIONS[10],
)
