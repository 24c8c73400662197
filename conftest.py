"""What every test shares: names for the doctests, and no leftovers between tests."""

import numpy as np
import pytest

import tinygrad_xent as tx


@pytest.fixture(autouse=True)
def doctest_names(doctest_namespace):
    """The names that the packages' docstrings use without importing them."""
    doctest_namespace.update(np=np, tx=tx, Tensor=tx.Tensor)
