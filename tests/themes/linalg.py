"""Matrices: their inverses, determinants, factors and norms."""

import numpy as np

from tests.operations import call
from tests.random_programs import duals
from tests.random_programs.duals import Dual, matmul
from tests.themes import row, several

# --- inputs -----------------------------------------------------------------------------------------


def stack(m):
    """The axes before those of the matrices."""
    return m.choice([(), (2,), (2, 2)])


def of_square(m):
    n = m.choice([3, 2, 1])
    return call(m.matrices((*stack(m), n, n)))


def of_symmetric(m):
    n = m.choice([3, 2, 1])
    return call(m.positive_matrices((*stack(m), n, n)))


def of_wide_or_high(m):
    return call(m.matrices((*stack(m), *m.choice([(3, 2), (2, 3), (3, 3)]))))


def of_high(m):
    return call(m.matrices((*stack(m), *m.choice([(3, 2), (3, 3), (1, 1)]))))


def of_columns(m):
    n, k = m.choice([3, 2]), m.choice([2, 1])
    left, right = stack(m), m.choice([(), (1,)])
    return call(m.matrices((*left, n, n)), m.any((*right, n, k)))


def of_right_sides(m):
    n = m.choice([3, 2])
    return call(m.matrices((*stack(m), n, n)), m.any(m.choice([(n, 2), (n,)])))


def of_equations(m):
    rows, columns = m.choice([(3, 2), (2, 3)])
    return call(m.matrices((*stack(m), rows, columns)), m.any(m.choice([(rows, 2), (rows,)])))


def of_powers(m):
    n = m.choice([2, 3])
    return call(m.matrices((*stack(m), n, n)), n=m.choice([3, -2, 1, 2, 0, -1]))


def of_diagonals(m):
    return call(m.any(m.shape(min_dims=2)), offset=m.choice([0, 1, -1]))


def of_several(m):
    shapes = m.choice([[(2, 3), (3, 1), (1, 2)], [(3,), (3, 2), (2,)], [(2, 3), (3, 2)]])
    return call(*map(m.any, shapes))


def of_lengths(m):
    shape = m.shape()
    return call(m.nonzero(shape), axis=m.axes(len(shape)), keepdims=m.bool())


def of_norms(m):
    shape = (*stack(m), *m.choice([(3, 2), (2, 3), (3, 3)]))
    vectors = [(p, -1) for p in (None, 2, 1, 3, 2.5)]
    matrices = [(p, (-2, -1)) for p in (None, "fro", "nuc", 2, -2, 1, -1)]
    ord, axis = m.choice([*vectors, *matrices, (None, None)])
    return call(m.matrices(shape), ord=ord, axis=axis, keepdims=m.bool())


# --- forwards ---------------------------------------------------------------------------------------

transposed = duals.linear(lambda x: np.swapaxes(x, -1, -2))
diagonals = duals.linear(lambda x: np.diagonal(x, axis1=-2, axis2=-1))
traces = duals.linear(lambda x: np.trace(x, axis1=-2, axis2=-1))
each = duals.linear(lambda x: x[..., None, None])
across = duals.linear(lambda x: x[..., None, :])
down = duals.linear(lambda x: x[..., None])
under = duals.linear(lambda x: np.tril(x, -1))
halved = duals.linear(lambda x: x * (np.tril(np.ones(x.shape[-2:]), -1) + np.eye(x.shape[-1]) / 2))


def of_matrices(f, rate):
    """A function of matrices, and its rate from the value, the matrices and their rate."""

    def on_duals(x):
        if not isinstance(x, Dual):
            return f(x)
        y = on_duals(x.value)
        return Dual(y, rate(y, x.value, x.rate))

    return on_duals


def of_symmetric_part(f, rate):
    return lambda x: of_matrices(f, rate)((x + transposed(x)) * 0.5)


def quotients(numbers):
    """1 / (bⱼ - bᵢ), and 0 on the diagonal."""
    one = np.eye(np.shape(duals.plain(numbers))[-1])
    return (1 - one) / (across(numbers) - down(numbers) + one)


def symmetric(x):
    return (x + transposed(x)) * 0.5


inv = of_matrices(np.linalg.inv, lambda y, x, dx: -matmul(matmul(y, dx), y))
det = of_matrices(np.linalg.det, lambda y, x, dx: y * traces(matmul(inv(x), dx)))
logabsdet = of_matrices(
    lambda x: np.linalg.slogdet(x)[1], lambda y, x, dx: traces(matmul(inv(x), dx))
)
cholesky = of_symmetric_part(
    np.linalg.cholesky,
    lambda y, x, dx: matmul(y, halved(matmul(matmul(inv(y), dx), transposed(inv(y))))),
)
vectors = of_matrices(
    lambda x: np.linalg.eigh(x)[1],
    lambda y, x, dx: matmul(y, quotients(values(x)) * matmul(matmul(transposed(y), dx), y)),
)
values = of_matrices(
    np.linalg.eigvalsh,
    lambda y, x, dx: diagonals(matmul(matmul(transposed(vectors(x)), dx), vectors(x))),
)
svdvals = of_matrices(
    lambda x: np.linalg.svd(x)[1],
    lambda y, x, dx: diagonals(matmul(matmul(transposed(left(x)), dx), right(x))),
)


def left_rate(u, s, v, dx):
    k = matmul(matmul(transposed(u), dx), v)
    turn = quotients(s * s) * (k * across(s) + down(s) * transposed(k))
    outside = matmul(dx, v) - matmul(u, k)
    return matmul(u, turn) + outside / across(s)


left = of_matrices(
    lambda x: np.linalg.svd(x, full_matrices=False)[0],
    lambda y, x, dx: left_rate(y, svdvals(x), right(x), dx),
)
right = of_matrices(
    lambda x: np.swapaxes(np.linalg.svd(x, full_matrices=False)[2], -1, -2),
    lambda y, x, dx: left_rate(y, svdvals(x), left(x), transposed(dx)),
)


def pinv_rate(y, x, dx):
    """By its factors: of full rank, it is (xᵀ x)⁻¹ xᵀ or xᵀ (x xᵀ)⁻¹."""
    t, dt = transposed(x), transposed(dx)
    if np.shape(duals.plain(x))[-2] < np.shape(duals.plain(x))[-1]:
        return transposed(pinv_rate(transposed(y), t, dt))
    i = inv(matmul(t, x))
    di = -matmul(matmul(i, matmul(dt, x) + matmul(t, dx)), i)
    return matmul(di, t) + matmul(i, dt)


pinv = of_matrices(np.linalg.pinv, pinv_rate)


def q_rate(q, x, dx):
    r = inv(matmul(transposed(q), x))
    outside = matmul(dx, r)
    k = matmul(transposed(q), outside)
    below = under(k)
    return matmul(q, below - transposed(below)) + outside - matmul(q, k)


q_factor = of_matrices(lambda x: np.linalg.qr(x)[0], q_rate)


def power(x, n):
    x, result = (inv(x) if n < 0 else x), np.eye(np.shape(duals.plain(x))[-1])
    result = result + duals.linear(lambda x: x * 0)(x)
    for _ in range(abs(n)):
        result = matmul(result, x)
    return result


def chain(*arrays):
    product = arrays[0]
    for x in arrays[1:]:
        product = matmul(product, x)
    return product


def length(x, axis, keepdims):
    duals.clear(np.sqrt(np.sum(np.square(duals.plain(x)), axis=axis)))
    return duals.sqrt(duals.total(x * x, axis=axis, keepdims=keepdims))


def norm(x, ord, axis, keepdims):
    if ord in (None, 2, "fro") and not (ord == 2 and isinstance(axis, tuple)):
        return length(x, axis, keepdims)
    sizes = duals.absolute(x)
    if not isinstance(axis, tuple):
        powers = duals.power(sizes, ord)
        return duals.power(duals.total(powers, axis=axis, keepdims=keepdims), 1 / ord)
    sums = duals.total(sizes, axis=-2, keepdims=False) if ord in (1, -1) else svdvals(x)
    choose = duals.total if ord == "nuc" else duals.largest if ord > 0 else duals.smallest
    found = choose(sums, axis=-1, keepdims=False)
    return each(found) if keepdims else found


# --- PyTorch ----------------------------------------------------------------------------------------


def signed(torch, theirs, ours):
    """Vectors with our signs: each library has its own."""
    return theirs * torch.sign((theirs.detach() * torch.as_tensor(ours)).sum(-2, keepdim=True))


def numbers(x):
    return x.detach().numpy()


def reduced(torch, x):
    return torch.linalg.svd(x, full_matrices=False)


def every(x, axis):
    return tuple(range(x.ndim)) if axis is None else axis


def torch_length(torch, x, axis, keepdims):
    axes = every(x, axis)
    if axes == ():
        return abs(x)
    return torch.linalg.vector_norm(x, dim=axes, keepdim=keepdims)


def torch_norm(torch, x, ord, axis, keepdims):
    if ord is None or not isinstance(axis, tuple):
        return torch.linalg.vector_norm(x, ord or 2, every(x, axis), keepdims)
    return torch.linalg.matrix_norm(x, ord, axis, keepdims)


row("inv", of_square, inv, lambda torch, x: torch.linalg.inv(x))
row(
    "solve_columns",
    of_columns,
    lambda a, b: matmul(inv(a), b),
    lambda torch, a, b: torch.linalg.inv(a) @ b,
)
row("det", of_square, det, lambda torch, x: torch.linalg.det(x))
row(
    "cofactors",
    of_square,
    lambda x: each(det(x)) * transposed(inv(x)),
    lambda torch, x: torch.linalg.det(x)[..., None, None] * torch.linalg.inv(x).mT,
)
row("logabsdet", of_square, logabsdet, lambda torch, x: torch.linalg.slogdet(x)[1])
row(
    "det_sign",
    of_square,
    duals.flat(lambda x: np.linalg.slogdet(x)[0]),
    lambda torch, x: torch.linalg.slogdet(x)[0],
)
row("pinv", of_wide_or_high, pinv, lambda torch, x: torch.linalg.pinv(x))
row("cholesky", of_symmetric, cholesky, lambda torch, x: torch.linalg.cholesky((x + x.mT) / 2))
row(
    "eigvalsh",
    of_symmetric,
    lambda x: values(symmetric(x)),
    lambda torch, x: torch.linalg.eigvalsh((x + x.mT) / 2),
)
row(
    "eigenvectors",
    of_symmetric,
    lambda x: vectors(symmetric(x)),
    lambda torch, x: signed(
        torch,
        torch.linalg.eigh((x + x.mT) / 2)[1],
        np.linalg.eigh((numbers(x) + numbers(x.mT)) / 2)[1],
    ),
)
row("svdvals", of_wide_or_high, svdvals, lambda torch, x: torch.linalg.svdvals(x))
row(
    "left_vectors",
    of_wide_or_high,
    left,
    lambda torch, x: signed(
        torch, reduced(torch, x)[0], np.linalg.svd(numbers(x), full_matrices=False)[0]
    ),
)
row(
    "right_vectors",
    of_wide_or_high,
    right,
    lambda torch, x: signed(
        torch,
        reduced(torch, x)[2].mT,
        np.linalg.svd(numbers(x), full_matrices=False)[2].swapaxes(-1, -2),
    ),
)
row(
    "q_factor",
    of_high,
    q_factor,
    lambda torch, x: signed(torch, torch.linalg.qr(x)[0], np.linalg.qr(numbers(x))[0]),
)
row("length", of_lengths, length, torch_length)
row("norm", of_norms, norm, torch_norm)
row(
    "solve",
    of_right_sides,
    lambda a, b: matmul(inv(a), b),
    lambda torch, a, b: torch.linalg.inv(a) @ b,
)
row(
    "lstsq",
    of_equations,
    lambda a, b: matmul(pinv(a), b),
    lambda torch, a, b: torch.linalg.pinv(a) @ b,
)
row("matrix_power", of_powers, power, lambda torch, x, n: torch.linalg.matrix_power(x, n))
row("multi_dot", of_several, chain, lambda torch, *arrays: torch.linalg.multi_dot(arrays))
row(
    "trace",
    of_diagonals,
    duals.linear(lambda x, offset: np.trace(x, offset, -2, -1)),
    lambda torch, x, offset: torch.diagonal(x, offset, -2, -1).sum(-1),
)
several("slogdet", of_square)
several("eigh", of_symmetric)
several("svd", of_wide_or_high)
several("qr", of_wide_or_high)
