"""NumPy by hand: derivatives worked out on paper, buffers made once and written in place.

The limit that an engine on NumPy can reach. The softmax over many classes goes through in blocks of
rows, so the whole matrix of logits never exists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import cases
from ..cases import BETAS, EPS, Array, Job, Settings, step_job, training

BLOCK_ELEMENTS, BLOCK_ROWS = 2**18, 128  # a block of logits stays in the cache


Arrays = list[Array]
Update = Callable[[], None]


def sgd(parameters: Arrays, gradients: Arrays, rate: float) -> Update:
    pairs = list(zip(parameters, gradients, strict=True))

    def update() -> None:
        for w, g in pairs:
            np.multiply(g, rate, out=g)
            np.subtract(w, g, out=w)

    return update


def adam_update(parameters: Arrays, gradients: Arrays, rate: float) -> Update:
    buffers = [tuple(np.zeros_like(w) for _ in range(3)) for w in parameters]
    rows = list(zip(parameters, gradients, buffers, strict=True))
    (first, second), count = BETAS, 0

    def update() -> None:
        nonlocal count
        count += 1
        step, scale = rate / (1 - first**count), (1 - second**count) ** -0.5
        for w, g, (m, v, spare) in rows:
            np.multiply(m, first, out=m)
            np.multiply(g, 1 - first, out=spare)
            np.add(m, spare, out=m)
            np.multiply(v, second, out=v)
            np.multiply(g, g, out=spare)
            np.multiply(spare, 1 - second, out=spare)
            np.add(v, spare, out=v)
            np.sqrt(v, out=spare)
            np.multiply(spare, scale, out=spare)
            np.add(spare, EPS, out=spare)
            np.divide(m, spare, out=spare)
            np.multiply(spare, step, out=spare)
            np.subtract(w, spare, out=w)

    return update


def adam(settings: Settings) -> Job:
    return step(settings, adam_update)


def step(settings: Settings, optimizer: Callable[[Arrays, Arrays, float], Update] = sgd) -> Job:
    x, labels, layers, rate = training(settings)
    hidden = [np.empty((len(x), len(b)), x.dtype) for _, b in layers[:-1]]
    inputs = [x, *hidden]
    dlayers = [(np.empty_like(W), np.empty_like(b)) for W, b in layers]
    dinputs = [None, *(np.empty_like(h) for h in hidden)]  # no gradient of x itself
    masks = [np.empty(h.shape, bool) for h in hidden]
    ones = np.ones(len(x), x.dtype)
    head = cross_entropy(inputs[-1], labels, *layers[-1], *dlayers[-1], dinputs[-1])
    flat, dflat = ([a for pair in pairs for a in pair] for pairs in (layers, dlayers))
    update = optimizer(flat, dflat, rate)

    def run() -> Any:
        for (W, b), h_in, h in zip(layers, inputs, hidden, strict=False):
            np.matmul(h_in, W, out=h)
            np.add(h, b, out=h)
            np.maximum(h, 0, out=h)
        loss = head()
        for i in range(len(hidden) - 1, -1, -1):
            dh, (dW, db) = dinputs[i + 1], dlayers[i]
            np.greater(hidden[i], 0, out=masks[i])
            np.multiply(dh, masks[i], out=dh)
            np.matmul(inputs[i].T, dh, out=dW)
            np.matmul(ones, dh, out=db)
            if i:
                np.matmul(dh, layers[i][0].T, out=dinputs[i])
        update()
        return loss

    return step_job(run, lambda: [p.copy() for p in flat], rate)


def cross_entropy(
    h: Array, labels: Array, W: Array, b: Array, dW: Array, db: Array, dh: Array | None
) -> Callable[[], Any]:
    """What computes the mean loss of softmax(h @ W + b), and the gradients into the given arrays."""
    count, classes = len(h), len(b)
    rows = min(count, max(BLOCK_ROWS, BLOCK_ELEMENTS // classes))
    first, *others = (slice(i, min(i + rows, count)) for i in range(0, count, rows))
    logits = np.empty((rows, classes), h.dtype)
    dW_part, db_part = np.empty_like(dW), np.empty_like(db)
    places, ones = np.arange(rows), np.ones(rows, h.dtype)

    def block(part: slice, dW: Array, db: Array) -> Any:
        """The summed loss of these rows; their part of the gradients into dW and db."""
        h_in, size = h[part], part.stop - part.start
        z, row = logits[:size], places[:size]
        label = labels[part]
        np.matmul(h_in, W, out=z)
        np.add(z, b, out=z)
        np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), out=z)
        picked = np.add.reduce(z[row, label])
        np.exp(z, out=z)
        sums = np.add.reduce(z, axis=1, keepdims=True)
        loss = np.add.reduce(np.log(sums), axis=None) - picked
        np.multiply(sums, count, out=sums)
        np.divide(z, sums, out=z)
        z[row, label] -= 1 / count
        np.matmul(h_in.T, z, out=dW)
        np.matmul(ones[:size], z, out=db)
        if dh is not None:
            np.matmul(z, W.T, out=dh[part])
        return loss

    def run() -> Any:
        loss = block(first, dW, db)
        for part in others:
            loss += block(part, dW_part, db_part)
            np.add(dW, dW_part, out=dW)
            np.add(db, db_part, out=db)
        return loss / count

    return run


def linear_loss(settings: Settings) -> Job:
    x, labels, [(W, b)], _ = training(settings)
    dx, dW, db = (np.empty_like(a) for a in (x, W, b))
    run = cross_entropy(x, labels, W, b, dW, db, dx)
    return Job(run, lambda: [np.asarray(run(), x.dtype), dx, dW, db])


def chain(settings: Settings) -> Job:
    def run() -> Any:
        dx = 1.0
        for _ in range(settings["operations"] // 2):
            dx = dx * 0.999999
        return cases.chain(1.0, settings), dx

    return Job(run, run)
