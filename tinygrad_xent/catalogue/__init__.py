"""What people expect of an array library beyond the core: a file per theme, rows and composites.

They are imported at the first use of a name that the core does not have, so that `import tinygrad_xent`
does not wait for them. Nothing of the engine needs them: a theme is read by whoever wants to know it.
"""

from . import (
    activations,
    attention,
    axes,
    contractions,
    convolution,
    creation,
    decompositions,
    einstein,
    exponentials,
    joining,
    linalg,
    matrices,
    missing,
    normalization,
    norms,
    ordering,
    picking,
    random_numbers,
    repeating,
    rounding,
    running,
    statistics,
    trigonometry,
    updating,
)

__all__ = [
    "activations",
    "attention",
    "axes",
    "contractions",
    "convolution",
    "creation",
    "decompositions",
    "einstein",
    "exponentials",
    "joining",
    "linalg",
    "matrices",
    "missing",
    "normalization",
    "norms",
    "ordering",
    "picking",
    "random_numbers",
    "repeating",
    "rounding",
    "running",
    "statistics",
    "trigonometry",
    "updating",
]
