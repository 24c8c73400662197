"""What a change in place does to dtypes: NumPy casts where it is safe enough, and refuses where it isn't;
numbers and arrays without axes, too. Each scenario runs as it is and compiled, and must observe the same.
"""

import itertools

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import check_same, quietly

DTYPES = ["bool", "int8", "uint8", "int32", "int64", "float16", "float32", "float64"]


def array(dtype, shape=(3, 2), seed=0):
    values = np.random.default_rng(seed).integers(1, 5, shape)
    return np.asarray(values).astype(dtype)


def add(x, y):
    x += y
    return x


def subtract(x, y):
    x -= y
    return x


def multiply(x, y):
    x *= y
    return x


def divide(x, y):
    x /= y
    return x


def floor_divide(x, y):
    x //= y
    return x


def remainder(x, y):
    x %= y
    return x


def power(x, y):
    x **= y
    return x


def either(x, y):
    x |= y
    return x


def both(x, y):
    x &= y
    return x


def item(x, y):
    x[...] = y
    return x


def add_out(x, y):
    return np.add(x, y, out=x)


def add_out_unsafe(x, y):
    return np.add(x, y, out=x, casting="unsafe")


def add_out_same_kind(x, y):
    np.add(x, y, x, casting="same_kind")
    return x


def where_out(x, y):
    return np.multiply(y, 2, out=x, where=x > 2)


def divide_where(x, y):
    return np.true_divide(x, y, where=y > 1, out=x)


def sum_out(x, y):
    return np.sum(x + y, out=x) if not np.ndim(x) else np.sum(x[None] + y, axis=0, out=x)


def sum_where(x, y):
    return np.sum(x, where=y > 2), np.add.reduce(x, axis=None, where=y > 2)


def sum_where_out(x, y):
    out = x * 1
    return np.sum(x[None], axis=0, where=y > 2, out=out)


def mean_dtype(x, y):
    return np.mean(x, dtype=np.float64), np.sum(y, dtype="float32")


def mean_out(x, y):
    return np.mean(x[None] + y, axis=0, out=x)


def clip_out(x, y):
    return np.clip(x, 2, y, out=x)


def clip_method(x, y):
    return x.clip(2, 3, out=y)


def matmul_out(x, y):
    return np.matmul(x.T, y, out=None) if np.ndim(x) == 2 else x


def cumsum_out(x, y):
    return np.cumsum(y, axis=0, out=x) if np.ndim(x) else x


def round_out(x, y):
    return np.round(y, 1, out=x)


def copyto(x, y):
    np.copyto(x, y)
    return x


def copyto_unsafe(x, y):
    np.copyto(x, y, casting="unsafe", where=True)
    return x


def fill(x, y):
    x.fill(2.5)
    return x


def half(x, y):
    x += 0.5
    return x


def halved(x, y):
    x /= 2
    return x


def plus_large(x, y):
    x += 300
    return x


def no_change(x, y):
    return x + y


def whole(x, y):
    return x[()] + 1, x[...] * 2


def change_whole(x, y):
    z = x[()]
    z += 1
    return z


def change_all(x, y):
    z = x[...]
    z += 1
    return z


def change_a_row(x, y):
    if np.ndim(x):
        z = x[0]
        z += y[0]
    return x


def square_root(x, y):
    return x**0.5, x**2, x**-1.0, x**1.0, x**3, x**1, x**2.0


def powers_of(x, y):
    return x**y, 2**x, 2.0**x, np.power(x, 0.5)


def negative(x, y):
    return -x, abs(x), +x, ~x if x.dtype.kind in "bi" else x


def numpy_numbers(x, y):
    return x + np.float32(1), x * np.int8(3), x / np.float16(2), x + 1, x * 2.5, x // 2


def caught(x, y):
    try:
        x += 0.5
    except TypeError:
        return x * 3
    return x


def asked(x, y):
    return np.add(x, y, dtype=np.float64), np.sqrt(x, dtype="f4"), np.astype(x, y.dtype)


def tensor_like(x, y):
    return np.where(y > 2, x, 0), np.where(x > 2, 1.5, x), np.maximum(x, 0), np.maximum(x, 2.5)


CASES = [
    add,
    subtract,
    multiply,
    divide,
    floor_divide,
    remainder,
    power,
    either,
    both,
    item,
    add_out,
    add_out_unsafe,
    add_out_same_kind,
    where_out,
    divide_where,
    sum_out,
    sum_where,
    sum_where_out,
    mean_dtype,
    mean_out,
    clip_out,
    clip_method,
    matmul_out,
    cumsum_out,
    round_out,
    copyto,
    copyto_unsafe,
    fill,
    half,
    halved,
    plus_large,
    no_change,
    whole,
    change_whole,
    change_all,
    change_a_row,
    square_root,
    powers_of,
    negative,
    numpy_numbers,
    caught,
    asked,
    tensor_like,
]


def observed(case, pairs, shape):
    """What a case gives, and what becomes of its first argument, for arrays of these pairs of dtypes."""

    def scenario(compile):
        for dtype, other in pairs:
            f = compile(lambda x, y: case(x, y))
            for seed in (0, 1):
                x, y = array(dtype, shape, seed), array(other, shape, seed + 5)
                try:
                    with np.errstate(all="ignore"):
                        yield f(x, y)
                except Exception as error:
                    yield type(error).__mro__[-4:]
                yield x.copy()

    return scenario


@pytest.mark.parametrize("case", CASES)
def test_casts(case):
    check_same(observed(case, [*itertools.product(DTYPES, DTYPES)], (3, 2)))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", [(), (1,)])
def test_arrays_of_one_number(case, shape):
    pairs = [*itertools.product(("int32", "float32", "float64"), ("int8", "float64"))]
    check_same(observed(case, pairs, shape))


OTHER_DTYPES = {
    "astype": lambda x: x.astype(">f8"),
    "full_like": lambda x: np.full_like(x, 3, dtype=">i4"),
    "text": lambda x: x.astype("U5"),
    "objects": lambda x: x.astype(object),
    "complex": lambda x: (x * 1j).real,
}


@pytest.mark.parametrize("name", OTHER_DTYPES)
def test_dtypes_that_are_no_numbers_in_the_own_byte_order(name):
    f = OTHER_DTYPES[name]
    for x in (np.ones(3), np.ones(3, ">f8")):
        found, right = quietly(tx.compile(f), x), f(x)
        assert found.dtype.str == right.dtype.str
        np.testing.assert_array_equal(found, right)
