"""JAX in terms of tinygrad_xent, as far as its tests of derivatives can tell.

Arrays are our tensors. There is no forward mode: `jacfwd` and `jvp` ask the reverse mode for the same
numbers.
Nothing is compiled, so `jit` leaves a function as it is. Names that are not here stop a test when they
are called, not when they are imported.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import tinygrad_xent as tx
from tests.peers.absent import Absent

from . import dtypes, lax, nn, numpy, random, scipy
from .checks import check_grads
from .hidden import Hidden
from .settings import config, setting
from .transforms import grad, jacfwd, jacrev, jvp, value_and_grad, vjp
from .transforms import jacrev as jacobian

Array = tx.Tensor
device_put = tx.asarray
Hidden("test_util", {"check_grads": check_grads}.get)
lib = SimpleNamespace(__version__="0")
checking_leaks = debug_infs = debug_nans = disable_jit = enable_checks = enable_x64 = (
    softmax_custom_jvp
) = setting
default_matmul_precision = legacy_prng_key = numpy_dtype_promotion = numpy_rank_promotion = setting


def jit(f: Any, **settings: Any) -> Any:
    return f


def __getattr__(name: str) -> Any:
    if name.startswith(("__", "pytest")):
        raise AttributeError(name)
    return Absent(f"jax {name}")
