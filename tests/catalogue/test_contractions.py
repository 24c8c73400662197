"""Sums of products: every form of subscripts and of axes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import leaf
from tinygrad_xent.engine.errors import AxisError, BadValueError

EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ba", (2, 3)),
    (" i j -> j i ", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iji->j", (3, 2, 3)),
    ("iiii->i", (2, 2, 2, 2)),
    ("ij->", (2, 3)),
    ("...ij->...ji", (5, 2, 3)),
    ("...ij,...jk", (5, 2, 3), (3, 4)),
    ("i...,i...->...", (3, 5, 1), (3, 4)),
    ("i...->...", (2, 3)),
    ("...i,...i", (1, 1, 3), (4, 3)),
    ("...,...", (2, 3), (3,)),
    ("bij,bjk->ik", (5, 2, 3), (5, 3, 4)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("ab,bc,cd,de,ae->", (2, 3), (3, 4), (4, 5), (5, 6), (2, 6)),
    ("i,i,i,i->i", (3,), (3,), (3,), (3,)),
    ("i,j,k->kji", (2,), (3,), (4,)),
    ("iij,jkk->k", (2, 2, 3), (3, 4, 4)),
    (",i->i", (), (3,)),
    ("ij,jk", (2, 1), (3, 4)),
    ("i,i", (1,), (3,)),
]


@pytest.mark.parametrize(("subscripts", "shapes"), [(s, shapes) for s, *shapes in EINSUMS])
def test_einsum_of_every_form(subscripts, shapes):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in shapes]
    expected = np.einsum(subscripts, *arrays)
    for function in (tx.einsum, np.einsum):
        found = function(subscripts, *map(leaf, arrays))
        assert found.requires_grad
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-13)
    assert tx.check.gradcheck(lambda *x: tx.einsum(subscripts, *x), *arrays)


def test_einsum_keeps_dtypes():
    a = np.arange(6).reshape(2, 3)
    assert tx.einsum("ij,kj->ik", a, a).dtype == np.int64
    assert tx.einsum("ij,kj->ik", a.astype(np.float32), a.astype(np.float16)).dtype == np.float32


def test_einsum_never_builds_the_product_of_all():
    """A chain that ends with a vector goes through vectors; all indices at once would be 10¹² numbers."""
    a, x = np.ones((1000, 1000)), np.ones(1000)
    assert tx.einsum("ij,jk,kl,l->i", a, a, a, x)[0].item() == 1e9


def test_numpys_options():
    x = leaf(np.ones((2, 3)))
    for optimize in (False, True, "greedy"):
        assert np.einsum("ij->j", x, optimize=optimize).requires_grad
    with pytest.raises(tx.DtypeError, match="no operation"):
        np.einsum("ij->j", x, dtype=np.float32)


MALFORMED = [
    ("i1", "letters, commas", (2, 2)),
    ("....i", "letters, commas", (2,)),
    ("ij-", "letters, commas", (2, 2)),
    ("i->i->i", "letters, commas", (2,)),
    ("i,j", "are those of 2 operands, given were 1", (2,)),
    ("i", "are those of 1 operands, given were 2", (2,), (2,)),
    ("i->ii", "the output names each axis once", (2,)),
    ("i->j", "the output names each axis once", (2,)),
    ("...i->i", "the output names each axis once", (2, 3)),
]
UNFIT = [
    ("ij->i", r"name 2 axes of the shape \(2,\)", (2,)),
    ("i->i", r"name 1 axes of the shape \(2, 3\)", (2, 3)),
    ("ij,jk->ik", "the axes of 'j' have the lengths 3 and 4", (2, 3), (4, 5)),
    ("ii", "the axes of 'i' have the lengths 2 and 3", (2, 3)),
    ("ii", "the axes of 'i' have the lengths 1 and 3", (1, 3)),
    ("...i,...i", "the axes of '...' have the lengths 2 and 4", (2, 3), (4, 3)),
]


@pytest.mark.parametrize(
    ("kind", "subscripts", "words", "shapes"),
    [
        (kind, subscripts, words, shapes)
        for kind, cases in ((BadValueError, MALFORMED), (tx.ShapeError, UNFIT))
        for subscripts, words, *shapes in cases
    ],
)
def test_einsum_refuses_in_words(kind, subscripts, words, shapes):
    with pytest.raises(kind, match=rf"(?s)einsum.*{words}.*fix: "):
        tx.einsum(subscripts, *(np.ones(shape) for shape in shapes))


def test_einsum_wants_text_first():
    with pytest.raises(tx.DtypeError, match="the subscripts, as text"):
        tx.einsum(np.ones(2), "i")


@pytest.mark.parametrize(
    ("axes", "left", "right"),
    [
        (2, (2, 3, 4), (3, 4, 5)),
        (0, (2,), (3,)),
        (np.int64(1), (2, 3), (3, 2)),
        (((0, 2), (1, -1)), (2, 3, 4), (5, 2, 4)),
        ((1, 0), (2, 3), (3, 2)),
        (([], []), (2,), (3,)),
    ],
)
def test_tensordot_of_every_form(axes, left, right):
    a, b = np.cos(np.arange(np.prod(left))), np.sin(np.arange(np.prod(right)))
    a, b = a.reshape(left), b.reshape(right)
    expected = np.tensordot(a, b, axes)
    for function in (tx.tensordot, np.tensordot):
        found = function(leaf(a), b, axes)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-13)
    assert tx.check.gradcheck(lambda a, b: tx.tensordot(a, b, axes), a, b)


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        (3, "no 3 axes"),
        (1, r"the axes \[1\] of \(2, 3\) do not pair with \[0\]"),
        (((0, 0), (0, 0)), "do not pair"),
        (((0,), (0, 1)), "do not pair"),
        ((5, 0), "an axis of .* does not exist"),
    ],
)
def test_tensordot_refuses_in_words(axes, words):
    with pytest.raises(tx.ShapeError, match=rf"tensordot: .*{words}"):
        tx.tensordot(np.ones((2, 3)), np.ones((2, 3)), axes)


@pytest.mark.parametrize(("left", "right"), [((2, 3), (5, 3, 4)), ((6, 2, 3), (5, 3, 4))])
def test_dot_of_stacks(left, right):
    a, b = np.ones(left), np.cos(np.arange(60.0)).reshape(right)
    y = np.dot(leaf(a), b)
    assert y.requires_grad
    np.testing.assert_allclose(y.numpy(), np.dot(a, b), rtol=1e-12, atol=1e-13)
    assert tx.check.gradcheck(np.dot, a, b)


@pytest.mark.parametrize(
    ("left", "right", "axis"),
    [((3,), (3,), -1), ((2, 3), (3,), -1), ((3, 2), (3, 2), 0), ((4, 3, 2), (3, 2), -2)],
)
def test_cross_products(left, right, axis):
    a = np.cos(np.arange(np.prod(left))).reshape(left)
    b = np.sin(np.arange(np.prod(right))).reshape(right)
    for found in (tx.cross(a, b, axis), np.cross(leaf(a), b, axis=axis)):
        np.testing.assert_allclose(found.numpy(), np.cross(a, b, axis=axis), rtol=1e-14)
    assert np.linalg.cross(leaf(a), b, axis=axis).requires_grad


def test_shapes_that_do_not_fit():
    with pytest.raises(tx.ShapeError, match=r"cross: takes vectors of length 3.*has 2"):
        tx.cross([1.0, 2.0], [3.0, 4.0])
    with pytest.raises(tx.DtypeError, match="no operation"):
        np.cross(leaf(np.ones((3, 2))), np.ones((3, 2)), axisa=0, axisb=0)
    with pytest.raises(tx.ShapeError, match=r"inner: the last axes of \(2,\) and \(3,\) differ"):
        tx.inner(np.ones(2), np.ones(3))
    with pytest.raises(tx.ShapeError, match="matmul"):
        tx.vdot(np.ones(2), np.ones(3))
    for n in (1, 3):
        with pytest.raises(tx.ShapeError, match=f"vecdot: vectors of length 2 and {n}"):
            tx.vecdot(np.ones(2), np.ones(n))
    with pytest.raises(AxisError, match="vecdot: axis -1"):
        tx.vecdot(np.ones(2), 2.0)
    with pytest.raises(tx.ShapeError, match="matmul"):
        tx.matvec(np.ones((2, 3)), np.ones(2))


def test_edges_of_the_others():
    assert tx.inner(2.0, [1.0, 2.0]).tolist() == [2.0, 4.0]
    assert tx.outer(2.0, [1.0, 2.0]).tolist() == [[2.0, 4.0]]
    assert tx.kron(2.0, 3.0).item() == 6.0
    assert tx.vdot(np.ones((0, 2)), np.ones(0)).item() == 0.0
    assert tx.einsum("ij,jk->ik", np.ones((2, 0)), np.ones((0, 4))).tolist() == [[0.0] * 4] * 2
    assert tx.einsum("i->i", [1.0, 2.0]).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("left", "right", "axis"),
    [
        ((3, 3), (3,), 0),
        ((3, 2), (3,), 0),
        ((3,), (3, 2), 0),
        ((2, 3), (4, 1, 3), -1),
        ((3, 2), (3, 2), 0),
    ],
)
def test_the_axis_of_vecdot_is_taken_before_the_vectors_broadcast(left, right, axis):
    a = np.cos(np.arange(np.prod(left))).reshape(left)
    b = np.sin(np.arange(np.prod(right))).reshape(right)
    for found in (tx.vecdot(a, b, axis), np.vecdot(leaf(a), b, axis=axis)):
        np.testing.assert_allclose(found.numpy(), np.vecdot(a, b, axis=axis), rtol=1e-14)
    assert tx.check.gradcheck(lambda a, b: tx.vecdot(a, b, axis), a, b)


@pytest.mark.parametrize("axes", [1.5, None, [1], [0, 1, 2], "ij", ([0.5], [0])], ids=str)
def test_axes_of_tensordot_that_are_no_pair(axes):
    with pytest.raises(tx.DtypeError, match=r"tensordot: axes=.* is no number of axes"):
        tx.tensordot(np.ones((3, 3)), np.ones((3, 3)), axes)


@pytest.mark.parametrize("axis", ["x", (0,), 1.5], ids=str)
def test_the_axis_of_vectors_is_one_number(axis):
    for f in (tx.cross, tx.vecdot):
        with pytest.raises(tx.DtypeError, match=f"{f.__name__}: takes one axis, got"):
            f(np.ones((3, 3)), np.ones((3, 3)), axis)


@pytest.mark.parametrize("shape", [(0, 1), (1, 0), (0, 2)])
def test_an_empty_diagonal_of_unequal_axes_is_refused(shape):
    """NumPy reads beyond the end of some of these."""
    with pytest.raises(tx.ShapeError, match="the axes of 'i' have the lengths"):
        tx.einsum("ii->i", np.zeros(shape))
