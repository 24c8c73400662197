"""The parts of JAX that its tests take from inside."""

from types import SimpleNamespace

from tests.peers.shims.autograd.lookup import Absent

from .. import dtypes
from ..hidden import Hidden
from ..settings import config

core = SimpleNamespace(ConcretizationTypeError=TypeError)
ad_checkpoint, xla_bridge = Absent("jax ad_checkpoint"), Absent("jax xla_bridge")
for _name in (
    "cudnn",
    "cudnn.scaled_matmul_stablehlo",
    "lax",
    "lib",
    "numpy",
    "numpy.util",
    "scipy",
):
    Hidden(f"_src.{_name}")
