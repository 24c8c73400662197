"""The parts of JAX that its tests take from inside."""

from types import SimpleNamespace

from tests.peers.shims.autograd.lookup import Absent

from .. import dtypes
from ..settings import config

ad_checkpoint = Absent("jax ad_checkpoint")
core = SimpleNamespace(ConcretizationTypeError=TypeError)
config.parse_flags_with_absl()
