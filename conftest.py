"""What every test shares: names for the doctests, and no leftovers between tests."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.engine.public import PUBLIC


@pytest.fixture(autouse=True)
def doctest_names(doctest_namespace):
    """The names that the packages' docstrings use without importing them."""
    doctest_namespace.update(np=np, tx=tx, Tensor=tx.Tensor)


@pytest.fixture(autouse=True)
def own_operations():
    """Take out of the table whatever the test added."""
    before = set(PUBLIC)
    yield
    for name in set(PUBLIC) - before:
        tx.remove_op(name)
