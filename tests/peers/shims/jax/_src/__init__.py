"""The parts of JAX that its tests take from inside."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

from tests.peers.absent import Absent

from .. import dtypes
from ..hidden import Hidden
from ..settings import config


def tuple_update(x: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    return (*x[:place], value, *x[place + 1 :])


test_util = import_module("..harness", __name__)  # which alone needs absl
core = SimpleNamespace(ConcretizationTypeError=TypeError)
Hidden("_src.util", {"tuple_update": tuple_update}.get)
ad_checkpoint, xla_bridge = Absent("jax ad_checkpoint"), Absent("jax xla_bridge")
Hidden("_src.lax", {"linalg": Hidden("_src.lax.linalg")}.get)
for _name in ["array", "lax.lax", "lib", "numpy", "numpy.util", "scipy", "sharding_impls"]:
    Hidden(f"_src.{_name}")
for _name in ["cudnn", "cudnn.scaled_matmul_stablehlo"]:
    Hidden(f"_src.{_name}")
