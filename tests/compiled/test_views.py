"""Which results share memory: a view that is changed changes what it is of, a copy doesn't, and NumPy alone
says which is which. Each scenario runs as it is and compiled, on arrays of several memory orders in turn,
and must observe the same.
"""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import check_same

VIEWS = {
    # one axis more or less, or in another order
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "transpose": lambda x: x.transpose(1, 0),
    "transpose tuple": lambda x: x.transpose((0, 1)),
    "np.transpose": lambda x: np.transpose(x),
    "np.transpose a=": lambda x: np.transpose(a=x, axes=(1, 0)),
    "np.matrix_transpose": lambda x: np.matrix_transpose(x),
    "np.permute_dims": lambda x: np.permute_dims(x, (1, 0)),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "swapaxes=": lambda x: x.swapaxes(axis1=0, axis2=1),
    "np.swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "np.swapaxes a=": lambda x: np.swapaxes(a=x, axis1=0, axis2=1),
    "np.swapaxes axis2=": lambda x: np.swapaxes(x, 0, axis2=1),
    "np.moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "np.moveaxis=": lambda x: np.moveaxis(a=x, source=0, destination=1),
    "np.rollaxis": lambda x: np.rollaxis(x, 1),
    "np.rollaxis=": lambda x: np.rollaxis(a=x, axis=1, start=0),
    "np.expand_dims": lambda x: np.expand_dims(x, 0),
    "np.expand_dims=": lambda x: np.expand_dims(a=x, axis=0),
    "np.squeeze": lambda x: np.squeeze(x),
    "squeeze": lambda x: x[None].squeeze(),
    "squeeze axis": lambda x: x[None].squeeze(axis=0),
    "np.atleast_1d": lambda x: np.atleast_1d(x),
    "np.atleast_3d": lambda x: np.atleast_3d(x),
    "np.atleast_1d of two": lambda x: np.atleast_1d(np.ones(2) if False else x * 1.0, x)[1],
    "np.atleast_2d of two": lambda x: np.atleast_2d(x, x[0])[1],
    # parts
    "row": lambda x: x[1],
    "column": lambda x: x[:, 1],
    "rows": lambda x: x[1:3],
    "steps back": lambda x: x[::-1],
    "every second": lambda x: x[::2, ::-2],
    "whole": lambda x: x[...],
    "whole by nothing": lambda x: x[()],
    "new axis": lambda x: x[:, None],
    "by a list": lambda x: x[[0, 2]],
    "by a mask of numbers": lambda x: (
        x[:, np.array([True, False, True, True])] if False else x[[1], :]
    ),
    "take": lambda x: x.take([0, 2], axis=0),
    "np.take": lambda x: np.take(x, 1, axis=0),
    "np.split": lambda x: np.split(x, 2)[1],
    "np.split ary=": lambda x: np.split(ary=x, indices_or_sections=2, axis=1)[0],
    "np.array_split": lambda x: np.array_split(x, 3)[0],
    "np.hsplit": lambda x: np.hsplit(x, 2)[0],
    "np.vsplit": lambda x: np.vsplit(x, 2)[1],
    "np.unstack": lambda x: np.unstack(x)[1],
    "diagonal": lambda x: x.diagonal(),
    "np.diagonal a=": lambda x: np.diagonal(a=x),
    "np.diag": lambda x: np.diag(x),
    "np.diag v=": lambda x: np.diag(v=x),
    "np.flip": lambda x: np.flip(x),
    "np.flip m=": lambda x: np.flip(m=x, axis=0),
    "np.fliplr": lambda x: np.fliplr(x),
    "np.flipud": lambda x: np.flipud(x),
    "np.rot90": lambda x: np.rot90(x),
    "np.rot90 k": lambda x: np.rot90(m=x, k=2),
    "np.einsum ii->i": lambda x: np.einsum("ii->i", x),
    "np.einsum ij->ji": lambda x: np.einsum("ij->ji", x),
    "np.einsum ij": lambda x: np.einsum("ij", x),
    "np.einsum lists": lambda x: np.einsum(x, [0, 1], [1, 0]),
    "np.einsum sum": lambda x: np.einsum("ij->i", x),
    "np.real": lambda x: np.real(x),
    "real": lambda x: x.real,
    "np.imag": lambda x: np.imag(x),
    "np.broadcast_to": lambda x: np.broadcast_to(x, (2, 4, 4)),
    "np.broadcast_arrays": lambda x: np.broadcast_arrays(x, np.ones(4) if False else x[0])[0],
    "np.broadcast_arrays 2": lambda x: np.broadcast_arrays(x[0], x)[1],
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=0),
    "as_strided": lambda x: np.lib.stride_tricks.as_strided(x, (2, 2)),
    "by a range": lambda x: x[range(2)],
    "in its own shape": lambda x: np.reshape(x, x.shape),
    "moved nowhere": lambda x: np.moveaxis(x, 0, 0),
    # a view only where memory allows it
    "reshape": lambda x: x.reshape(-1),
    "reshape two": lambda x: x.reshape(2, 8),
    "reshape C": lambda x: x.reshape(-1, order="C"),
    "reshape F": lambda x: x.reshape(-1, order="F"),
    "reshape A": lambda x: x.reshape(-1, order="A"),
    "T.reshape": lambda x: x.T.reshape(-1),
    "reshape copy=False": lambda x: x.reshape(-1, copy=False),
    "reshape copy=True": lambda x: x.reshape(-1, copy=True),
    "np.reshape": lambda x: np.reshape(x, (8, 2)),
    "np.reshape a=": lambda x: np.reshape(a=x, shape=(8, 2)),
    "np.reshape F": lambda x: np.reshape(x, -1, "F"),
    "np.reshape copy=False": lambda x: np.reshape(x, -1, copy=False),
    "np.reshape copy=True": lambda x: np.reshape(x, -1, copy=True),
    "ravel": lambda x: x.ravel(),
    "ravel F": lambda x: x.ravel("F"),
    "ravel K": lambda x: x.ravel(order="K"),
    "np.ravel": lambda x: np.ravel(x),
    "np.ravel F": lambda x: np.ravel(x, order="F"),
    "np.ravel a=": lambda x: np.ravel(a=x),
    "flatten": lambda x: x.flatten(),
    "flatten F": lambda x: x.flatten("F"),
    "T.ravel": lambda x: x.T.ravel(),
    "slice.ravel": lambda x: x[::2].ravel(),
    "column.ravel": lambda x: x[:, 1].ravel(),
    "back.reshape": lambda x: x[::-1].reshape(-1),
    "np.ascontiguousarray": lambda x: np.ascontiguousarray(x),
    "np.asfortranarray": lambda x: np.asfortranarray(x),
    "np.require": lambda x: np.require(x, requirements="F"),
    # copies, but for what asks for none
    "copy": lambda x: x.copy(),
    "copy F": lambda x: x.copy("F"),
    "copy.T.reshape": lambda x: x.T.copy().reshape(-1),
    "copy of T, reshaped": lambda x: np.copy(x.T).reshape(-1),
    "copy order=K": lambda x: x.copy(order="K").T.reshape(-1),
    "np.copy": lambda x: np.copy(x),
    "astype": lambda x: x.astype(float),
    "astype other": lambda x: x.astype(np.float32),
    "astype copy=False": lambda x: x.astype(float, copy=False),
    "astype other copy=False": lambda x: x.astype(np.float32, copy=False),
    "astype order": lambda x: x.astype(float, order="F", copy=False),
    "np.astype": lambda x: np.astype(x, float),
    "np.astype copy=False": lambda x: np.astype(x, float, copy=False),
    "np.astype other copy=False": lambda x: np.astype(x, np.float32, copy=False),
    "np.nan_to_num": lambda x: np.nan_to_num(x),
    "np.nan_to_num copy=False": lambda x: np.nan_to_num(x, copy=False),
    "np.nan_to_num by place": lambda x: np.nan_to_num(x, False),
    "view": lambda x: x.view(),
    "positive": lambda x: +x,
    "np.positive": lambda x: np.positive(x),
    "np.roll": lambda x: np.roll(x, 1),
    "np.tile": lambda x: np.tile(x, (1, 1)),
    "np.trim": lambda x: np.clip(x, None, None) if False else np.clip(x, -9, 9),
    "np.around": lambda x: np.around(x),
    "round": lambda x: x.round(),
    "np.asarray_chkfinite": lambda x: np.nan_to_num(x.T, copy=False),
    "np.resize": lambda x: np.resize(x, (4, 4)),
    "np.concatenate": lambda x: np.concatenate([x]),
    "np.stack": lambda x: np.stack([x])[0],
    "np.vstack": lambda x: np.vstack([x]),
    "np.meshgrid": lambda x: np.meshgrid(x[0], x[1], copy=False)[0],
    "np.where": lambda x: np.where(True, x, x),
    "np.fft": lambda x: np.fft.fftshift(x),
    "np.unwrap": lambda x: np.unwrap(x),
    "np.sort": lambda x: np.sort(x),
    "np.partition": lambda x: np.partition(x, 1),
    "np.tril": lambda x: np.tril(x),
    "np.block": lambda x: np.block(x),
    "np.select": lambda x: np.select([x > 0], [x]),
    "np.choose": lambda x: np.choose(0, [x, x]),
    "np.interp": lambda x: np.interp(x, x[0], x[1]),
    "np.delete": lambda x: np.delete(x, 0, axis=0),
    "np.append": lambda x: np.append(x, x[0]),
    "np.sum none": lambda x: x[None].sum(axis=0),
    "np.max none": lambda x: np.max(x[None], axis=0),
    "np.squeeze.sum": lambda x: np.add.reduce(x[None], axis=0),
}

WHOLE = np.arange(1.0, 17.0).reshape(4, 4)


def of_c(x=WHOLE):
    return x.copy()


def of_fortran(x=WHOLE):
    return np.asfortranarray(x)


def every_second():
    big = np.zeros((8, 4))
    big[::2] = WHOLE
    return big[::2]


def backwards():
    return WHOLE[::-1].copy()[::-1]


def columns():
    big = np.zeros((4, 8))
    big[:, 1::2] = WHOLE
    return big[:, 1::2]


ORDERS = [of_c, of_fortran, every_second, backwards, columns]


def change_the_view(x, view):
    v = view(x)
    v *= 2.0
    return v.sum()


def write_to_the_view(x, view):
    v = view(x)
    v[...] = 7.0
    return v * 1.0


def change_the_array(x, view):
    v = view(x)
    x += 1.0
    return v * 1.0


def change_a_result_of_it(x, view):
    x = x * 1.0
    v = view(x)
    v *= 2.0
    return x


def change_what_was_changed(x, view):
    y = np.ones((4, 4))
    y = x.T + 0.0
    x += y
    v = view(x)
    v -= 1.0
    return v.sum()


def change_after_another_view(x, view):
    w, v = x[1:], view(x)
    v *= 2.0
    w = x[1:]
    w += 1.0
    return w.sum() + view(x).sum()


CHANGES = [
    change_the_view,
    write_to_the_view,
    change_the_array,
    change_a_result_of_it,
    change_what_was_changed,
    change_after_another_view,
]


def observed(change, view, orders):
    def scenario(compile):
        f = compile(lambda x: change(x, view))
        for order in orders:
            x = order()
            try:
                yield f(x)
            except Exception as error:
                yield type(error).__name__
            yield x.copy()

    return scenario


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", VIEWS)
def test_views_and_copies(name, change):
    for first in ORDERS:
        rest = ORDERS[1:] if first is of_c else [of_c]
        check_same(observed(change, VIEWS[name], [first, *rest]))


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_that_is_returned(name):
    def scenario(compile):
        for first in ORDERS:
            f = compile(lambda x: VIEWS[name](x))
            for order in (first, of_c, of_fortran):
                x = order()
                try:
                    y = f(x)
                except Exception as error:
                    yield type(error).__name__
                    continue
                yield y
                yield [y is x, np.shares_memory(x, y)]

    check_same(scenario)


NUMBERS = {
    "itself": lambda x: x,
    "whole": lambda x: x[()] if isinstance(x, np.ndarray) else x,
    "all of it": lambda x: x[...] if isinstance(x, np.ndarray) else x,
    "times one": lambda x: x * 1,
    "plus nothing": lambda x: x + 0,
    "copy": lambda x: x.copy() if isinstance(x, np.ndarray) else x + 1,
    "copied": lambda x: np.copy(x),
    "of one row": lambda x: np.reshape(x, 1)[0],
    "reshaped": lambda x: np.reshape(x, ()),
    "squeezed": lambda x: np.squeeze(x),
    "negative twice": lambda x: np.negative(-x),
    "both": lambda x: (x, np.reshape(x, ())),
    "a sum": lambda x: np.sum(x),
    "filled": lambda x: (np.sum(x).fill(2.0), x + 1)[1],
    "put": lambda x: np.put(np.max(x), [0], 2.0) or x * 1,
    "chosen": lambda x: np.where(True, x, x),
    "changed": lambda x: np.add(x, 1, out=x) if isinstance(x, np.ndarray) else x,
    "a tensor": lambda x: tx.Tensor(x) * np.ones(2, np.float32),
    "the values of a tensor": lambda x: tx.sum(tx.Tensor(x) * 2.0).data,
    "a tensor of it": lambda x: tx.Tensor(x) * 1,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_arrays_without_axes_and_numbers(name):
    """NumPy gives a number where it computes one, and an array where it makes a view."""

    def scenario(compile):
        for make in (np.array, np.float64, float, lambda n: np.array(n, np.float32), np.atleast_1d):
            f = compile(lambda x: NUMBERS[name](x))
            for n in (3.0, 4.0):
                x = make(n)
                found = f(x)
                if isinstance(x, np.ndarray):
                    x[...] = 7.0  # seen by a view only
                for y in found if isinstance(found, tuple) else (found,):
                    yield y
                    yield type(y).__name__

    check_same(scenario)
