"""Products of numbers of 8 bits."""

from tests.peers.shims.autograd.lookup import Absent

quantize = Absent("jax quantize")
