"""HIPS's autograd in terms of tinygrad_xent, as far as its own tests can tell.

`autograd.numpy` is NumPy itself: its functions find ours through NumPy's dispatch. Functions of SciPy
are looked up on tinygrad_xent by their name. What is not here stops a test when it is called, not when
it is imported.
"""

from __future__ import annotations

import builtins
import sys
from functools import partial
from typing import Any

import numpy as onp
from scipy import stats

import tinygrad_xent as tx
from tests.peers.absent import Absent

from .checks import check_equivalent, check_grads, combo_check, scalar_close
from .containers import leaves
from .derivatives import (
    checkpoint,
    elementwise_grad,
    grad,
    grad_and_aux,
    hessian,
    hessian_tensor_product,
    hessian_vector_product,
    jacobian,
    make_hvp,
    make_vjp,
    pulled_back,
    tensor_jacobian_product,
    unary_to_nary,
    value_and_grad,
    vector_jacobian_product,
)
from .lookup import Found

dict, isinstance, list, tuple = builtins.dict, builtins.isinstance, builtins.list, builtins.tuple


def __getattr__(name: str) -> Any:
    if name.startswith(("__", "pytest")):
        raise AttributeError(name)
    return Absent(f"autograd {name}")


def array(x: Any, *args: Any, **kwargs: Any) -> Any:
    """`np.array`, which NumPy does not pass on for a list of tensors."""
    if isinstance(x, (tuple, list)) and any(isinstance(leaf, tx.Tensor) for leaf in leaves(x)):
        return tx.stack([array(part) for part in x])
    return x if isinstance(x, tx.Tensor) else onp.array(x, *args, **kwargs)


def absent_or(name: str) -> Any:
    return _own.get(name) or Absent(f"autograd {name}")


def of_scipy(module: str, name: str) -> Any:
    """A function of ours by SciPy's name; of distributions there are none."""
    owner = None if module.startswith("stats") else getattr(tx, module, tx)
    name = {"psi": "digamma", "expit": "sigmoid"}.get(name, name)
    return getattr(owner, name, None) or Absent(f"scipy {name}")


def isbox(x: Any) -> bool:
    return isinstance(x, tx.Tensor)


_own = globals()
numpy = Found("numpy", lambda name: getattr(onp, name), array=array)
for _name in ("linalg", "fft", "random"):
    _theirs = getattr(onp, _name)
    setattr(numpy, _name, Found(f"numpy.{_name}", partial(getattr, _theirs)))
for _name in [
    "linalg",
    "signal",
    "special",
    "integrate",
    "misc",
    "stats",
    "stats.multivariate_normal",
]:
    Found(f"scipy.{_name}", partial(of_scipy, _name))
scipy = Found("scipy", lambda name: sys.modules[f"{__name__}.scipy.{name}"])
scipy.stats.dirichlet = Absent("scipy dirichlet")
scipy.stats.dirichlet.rvs = stats.dirichlet.rvs  # a file draws a sample when it is imported
for _name in ["extend", "tracer", "util", "wrap_util", "test_util", "builtins", "misc"]:
    Found(_name, absent_or)
core = Found("core", absent_or, make_vjp=pulled_back)
