"""`jax.test_util`."""

from .checks import check_grads
