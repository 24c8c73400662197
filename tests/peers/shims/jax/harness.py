"""The harness of JAX's tests: samples of test cases, random arrays, and comparisons."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from absl.testing import absltest, parameterized

from tests.peers.absent import Absent
from tests.peers.counting import NotHereError
from tests.peers.shims.autograd.containers import leaves

from .checks import check_grads, plain
from .settings import setting

default_gradient_tolerance: dict[Any, float] = {}
CASES = 10  # of each product of parameters, as in JAX's own runs
NUMPY_SCALAR_SHAPE = PYTHON_SCALAR_SHAPE = ()
JaxTestLoader = absltest.TestLoader

_REAL, _COMPLEX = [np.float32, np.float64], [np.complex64, np.complex128]
dtypes = SimpleNamespace(
    floating=_REAL,
    all_floating=[np.float16, *_REAL],
    complex=_COMPLEX,
    inexact=_REAL + _COMPLEX,
    all_inexact=[np.float16, *_REAL, *_COMPLEX],
    integer=[np.int32, np.int64],
    all_integer=[np.int8, np.int16, np.int32, np.int64],
    all_unsigned=[np.uint8, np.uint16, np.uint32, np.uint64],
    custom_floats=[],
    boolean=[np.bool_],
    numeric=[*_REAL, *_COMPLEX, np.int32, np.int64],
    all=[np.bool_, np.int32, np.int64, np.float16, *_REAL, *_COMPLEX],
)


def sample_product_testcases(*groups: Iterable[Any], **values: Iterable[Any]) -> list[Any]:
    """Some of the products of groups of parameters, always the same ones."""
    axes = [list(group) for group in groups]
    axes += [[{name: value} for value in given] for name, given in values.items()]
    sizes = [len(axis) for axis in axes]
    n = math.prod(sizes)
    chosen = np.random.default_rng(0).choice(n, min(n, CASES), replace=False)
    cases = []
    for indices in zip(*np.unravel_index(chosen, sizes), strict=True):
        parts = [axis[i] for axis, i in zip(axes, indices, strict=True)]
        cases.append({name: value for part in parts for name, value in part.items()})
    return cases


def sample_product(*groups: Iterable[Any], **values: Iterable[Any]) -> Any:
    return parameterized.parameters(  # type: ignore[no-untyped-call]
        *sample_product_testcases(*groups, **values)
    )


def __getattr__(name: str) -> Any:
    if name.startswith(("__", "pytest")):
        raise AttributeError(name)
    return Absent(f"jax test_util.{name}")


def with_config(**settings: Any) -> Any:
    return lambda cls: cls


ignore_warning = run_on_devices = skip_on_devices = skip_on_flag = setting


def numpy_version() -> tuple[int, ...]:
    return parse_version(np.__version__)


def _dims_of_shape(shape: Any) -> Any:
    return shape


def device_under_test() -> str:
    return "cpu"


def parse_version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3])


def test_device_matches(kinds: Iterable[str]) -> bool:
    return "cpu" in kinds


def is_device_cuda() -> bool:
    return False


def is_cuda_compute_capability_at_least(*version: Any) -> bool:
    return False


is_device_rocm = is_device_cuda
is_cuda_version_at_least = is_cuda_compute_capability_at_least


def num_float_bits(dtype: Any) -> int:
    return int(np.finfo(dtype).bits)


def tolerance(dtype: Any, tol: Any = None) -> float:
    """`check_grads` has tolerances of its own."""
    return 0.0


def join_tolerance(one: Any, other: Any) -> Any:
    return None


def sampler(
    draw: Callable[..., Any], scale: float = 1.0, post: Callable[[Any], Any] = lambda x: x
) -> Callable[..., Any]:
    """Random arrays of a shape and a dtype."""

    def sample(shape: Any, dtype: Any) -> Any:
        x = np.asarray(scale * draw(*shape)).astype(dtype)
        if x.dtype.kind == "c":
            x = x + 1j * np.asarray(scale * draw(*shape))
        return np.asarray(post(x)).astype(dtype)

    return sample


def rand_default(rng: Any, scale: float = 3) -> Any:
    return sampler(rng.randn, scale)


def rand_small(rng: Any) -> Any:
    return sampler(rng.randn, 1e-3)


def rand_positive(rng: Any) -> Any:
    return sampler(rng.rand, 2, lambda x: x + 1)


def rand_small_positive(rng: Any) -> Any:
    return sampler(rng.rand, 2e-5)


def rand_not_small(rng: Any, offset: float = 10.0) -> Any:
    return sampler(rng.randn, 3, lambda x: x + np.where(x > 0, offset, -offset))


def rand_bool(rng: Any) -> Any:
    return lambda shape, dtype: (rng.rand(*shape) < 0.5).astype(dtype)


def rand_uniform(rng: Any, low: float = 0.0, high: float = 1.0) -> Any:
    return sampler(rng.rand, 1, lambda x: low + (high - low) * x)


def rand_int(rng: Any, low: int = 0, high: int | None = None) -> Any:
    return lambda shape, dtype: rng.randint(low, high, shape).astype(dtype)


def rand_unique_int(rng: Any, high: int | None = None) -> Any:
    return lambda shape, dtype: (
        rng.permutation(high or math.prod(shape))[: math.prod(shape)].reshape(shape).astype(dtype)
    )


class JaxTestCase(parameterized.TestCase):
    def rng(self) -> Any:
        return np.random.RandomState(0)

    def assertAllClose(  # noqa: N802
        self, xs: Any, ys: Any, *, check_dtypes: bool = True, atol: Any = None, rtol: Any = None
    ) -> None:
        for x, y in zip(map(plain, leaves(xs)), map(plain, leaves(ys)), strict=True):
            assert not check_dtypes or x.dtype == y.dtype, f"the dtypes are {x.dtype} and {y.dtype}"
            near = max(EXACT.get(x.dtype, 0.0), EXACT.get(y.dtype, 0.0))
            np.testing.assert_allclose(
                x, y, rtol=near if rtol is None else rtol, atol=near if atol is None else atol
            )

    assertArraysAllClose = assertAllClose  # noqa: N815

    def assertArraysEqual(self, x: Any, y: Any, *, check_dtypes: bool = True) -> None:  # noqa: N802
        self.assertAllClose(x, y, check_dtypes=check_dtypes, atol=0, rtol=0)

    def assertDeprecationWarnsOrRaises(self, *what: Any) -> Any:  # noqa: N802
        raise NotHereError("jax deprecations")

    @contextmanager
    def assertNoWarnings(self) -> Any:  # noqa: N802
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield

    def _CompileAndCheck(self, f: Any, arguments: Any, **settings: Any) -> None:  # noqa: N802
        """Nothing is compiled."""

    def _CheckAgainstNumpy(  # noqa: N802
        self, theirs: Any, ours: Any, arguments: Any, *, check_dtypes: bool = True, tol: Any = None,
        rtol: Any = None, atol: Any = None,
    ) -> None:  # fmt: skip
        given = arguments()
        expected = theirs(*map(plain, given))
        self.assertAllClose(
            ours(*given), expected, check_dtypes=check_dtypes, rtol=rtol or tol, atol=atol or tol
        )


EXACT = {np.dtype("float16"): 1e-3, np.dtype("float32"): 1e-6, np.dtype("float64"): 1e-15}
