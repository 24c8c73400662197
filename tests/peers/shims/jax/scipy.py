"""`jax.scipy`: our operation of the name, and what PyTorch has too and is written with ours."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_xent as tx
from tests.peers.absent import Absent
from tests.peers.counting import NotHereError
from tests.peers.written import WRITTEN

from .hidden import Hidden

_OURS = {"expit": "sigmoid", "psi": "digamma", "loggamma": "gammaln"}


def logsumexp(
    x: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False,
    where: Any = None,
) -> Any:  # fmt: skip
    if b is not None or return_sign:
        raise NotHereError("scipy logsumexp b")
    return tx.logsumexp(x if where is None else tx.where(where, x, -np.inf), axis, keepdims)


def rel_entr(x: Any, y: Any) -> Any:
    inside = (x > 0) & (y > 0)
    ratio = tx.where(inside, x, 1.0) / tx.where(inside, y, 1.0)
    edge = tx.where((x == 0) & (y >= 0), 0.0, np.inf)
    return tx.where(inside, x * tx.log(ratio), edge)


_SPECIAL = {
    "logsumexp": logsumexp,
    "softmax": lambda x, axis=None: tx.softmax(x, axis),
    "log_softmax": lambda x, axis=None: tx.log_softmax(x, axis),
    "polygamma": tx.polygamma,
    "boxcox": lambda x, power: (tx.exp(power * tx.log(x)) - 1) / power,
    "rel_entr": rel_entr,
    "kl_div": lambda x, y: rel_entr(x, y) - x + y,
    "poch": lambda x, n: tx.exp(tx.gammaln(x + n) - tx.gammaln(x)),
    "entr": lambda x: tx.where(x >= 0, -tx.xlogy(x, x), -np.inf),
}


def of_special(name: str) -> Any:
    written = _SPECIAL.get(name) or WRITTEN.get(f"special.{name}")
    return written or getattr(tx, _OURS.get(name, name), None) or Absent(f"scipy {name}")


special = Hidden("scipy.special", of_special)
linalg, cluster = Hidden("scipy.linalg"), Hidden("scipy.cluster")
