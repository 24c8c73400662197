"""The arrays of other libraries themselves, behind every door (`tests/foreign.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.foreign import DOORS, X, accepted, differs, faults
from tests.tensors import leaf
from tinygrad_xent import DtypeError, Tensor

torch = pytest.importorskip("torch")
jax, polars, xarray = map(pytest.importorskip, ("jax", "polars", "xarray"))
jax.config.update("jax_enable_x64", True)


def floats(make: Any) -> Any:
    return lambda a: make(a) if a.dtype.kind == "f" else None


def to_polars(a: Any) -> Any:
    return (polars.Series if a.ndim == 1 else polars.DataFrame)(a) if a.ndim < 3 else None


def with_null(a: Any) -> Any:
    return polars.Series([None, *a[1:].tolist()]) if a.ndim == 1 and a.dtype == bool else None


CONVERTED = {
    "torch": lambda a: torch.from_numpy(a.copy()),
    "list of torch": lambda a: [torch.from_numpy(row.copy()) for row in a] if a.ndim > 1 else None,
    "jax": jax.numpy.asarray,
    "xarray": xarray.DataArray,
    "polars": to_polars,
}
REFUSED = {
    "torch with a gradient": (
        floats(lambda a: torch.tensor(a, requires_grad=True)),
        r"(?s)torch\.Tensor that requires grad would cut the tape.*\.detach\(\)",
    ),
    "bfloat16 of torch": (floats(lambda a: torch.tensor(a).bfloat16()), "BFloat16"),
    "sparse of torch": (floats(lambda a: torch.tensor(a).to_sparse()), r"can't .*to_dense"),
    "bfloat16 of jax": (
        floats(lambda a: jax.numpy.asarray(a, "bfloat16")),
        "takes (numbers|floats)",
    ),
    "an xarray Dataset": (floats(lambda a: xarray.Dataset({"a": xarray.DataArray(a)})), "Dataset"),
    "missing in polars": (with_null, "takes numbers|must be"),
}
ON_THE_LEFT = {"xarray", "polars", "an xarray Dataset", "missing in polars"}  # these decide first


def at(door: str, kinds: dict[str, Any]) -> dict[str, Any]:
    return {
        kind: how
        for kind, how in kinds.items()
        if not (door.startswith("foreign") and kind in ON_THE_LEFT)
    }


@pytest.mark.parametrize("door", DOORS)
def test_what_holds_an_array_acts_as_that_array(door):
    kinds = {kind: (make,) for kind, make in at(door, CONVERTED).items()}
    assert faults(DOORS[door], differs, kinds) == {}


@pytest.mark.parametrize("door", DOORS)
def test_what_would_lose_something_is_refused(door):
    assert faults(DOORS[door], accepted, at(door, REFUSED)) == {}


@pytest.mark.parametrize("name", ["__add__", "__mul__", "__truediv__", "__pow__", "__gt__"])
def test_an_array_of_xarray_holds_the_tensor(name):
    t = leaf(X + 1)
    held = getattr(xarray.DataArray(X), name)(t)
    expected = getattr(np.ndarray, name)(X, t)
    assert isinstance(held.data, Tensor)
    assert held.data.requires_grad == expected.requires_grad
    np.testing.assert_array_equal(held.data.numpy(), expected.numpy())


@pytest.mark.parametrize("side", [polars.Series(X[0]), polars.DataFrame(X)], ids=type)
def test_polars_refuses_a_tensor_on_its_right_side(side):
    with pytest.raises((TypeError, polars.exceptions.SchemaError)):
        side * leaf(X[0])


def test_torch_takes_no_tensor_on_the_tape():
    for f in (torch.tensor, torch.as_tensor, lambda t: torch.from_numpy(np.asarray(t))):
        with pytest.raises(DtypeError):
            f(leaf(X))
    with pytest.raises(TypeError):
        torch.add(torch.ones(2, 3), leaf(X))
    np.testing.assert_array_equal(torch.from_numpy(np.array(Tensor(X))).numpy(), X)


def test_labels_of_torch_name_their_dtype():
    """`torch.dtype` has no `kind`."""
    z = leaf(X)
    labels = torch.tensor([0, 2])
    assert tx.cross_entropy(z, labels).item() == tx.cross_entropy(z, [0, 2]).item()
    with pytest.raises(DtypeError, match="labels must be integers, got"):
        tx.cross_entropy(z, labels.to(torch.float64)[:1])
