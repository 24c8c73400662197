"""NumPy by hand: derivatives worked out on paper, buffers made once and written in place.

The limit that an engine on NumPy can reach. The softmax over many classes goes through in blocks of
rows, so the whole matrix of logits never exists.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cases import (
    Array,
    Job,
    Settings,
    fan_out_data,
    scalar_network_data,
    step_results,
    training,
)
from ..operations import call, upstream
from .by_hand_calls import CALLS, by_formula

BLOCK_ELEMENTS, BLOCK_ROWS = 2**18, 128  # a block of logits stays in the cache


def step(settings: Settings) -> Job:
    x, labels, layers, rate = training(settings)
    hidden = [np.empty((len(x), len(b)), x.dtype) for _, b in layers[:-1]]
    inputs = [x, *hidden]
    dlayers = [(np.empty_like(W), np.empty_like(b)) for W, b in layers]
    dinputs = [np.empty((0, 0)), *(np.empty_like(h) for h in hidden)]  # no gradient of x itself
    masks = [np.empty(h.shape, bool) for h in hidden]
    ones = np.ones(len(x), x.dtype)
    head = Head(inputs[-1], labels, *layers[-1], *dlayers[-1], dinputs[-1] if hidden else None)

    def run() -> Any:
        for (W, b), h_in, h in zip(layers, inputs, hidden, strict=False):
            np.matmul(h_in, W, out=h)
            np.add(h, b, out=h)
            np.maximum(h, 0, out=h)
        loss = head.run()
        for i in range(len(hidden) - 1, -1, -1):
            dh, (dW, db) = dinputs[i + 1], dlayers[i]
            np.greater(hidden[i], 0, out=masks[i])
            np.multiply(dh, masks[i], out=dh)
            np.matmul(inputs[i].T, dh, out=dW)
            np.matmul(ones, dh, out=db)
            if i:
                np.matmul(dh, layers[i][0].T, out=dinputs[i])
        for (W, b), (dW, db) in zip(layers, dlayers, strict=True):
            np.multiply(dW, rate, out=dW)
            np.multiply(db, rate, out=db)
            np.subtract(W, dW, out=W)
            np.subtract(b, db, out=b)
        return loss

    return Job(
        run, lambda: step_results(run, lambda: [p.copy() for wb in layers for p in wb], rate)
    )


class Head:
    """Cross-entropy of softmax(h @ W + b): the mean loss, and the gradients into the given arrays."""

    def __init__(
        self, h: Array, labels: Array, W: Array, b: Array, dW: Array, db: Array, dh: Array | None
    ) -> None:
        self.h, self.labels, self.W, self.b, self.dW, self.db, self.dh = h, labels, W, b, dW, db, dh
        count, classes = len(h), len(b)
        rows = min(count, max(BLOCK_ROWS, BLOCK_ELEMENTS // classes))
        self.blocks = [slice(i, min(i + rows, count)) for i in range(0, count, rows)]
        self.z = np.empty((rows, classes), h.dtype)
        self.rows, self.ones = np.arange(rows), np.ones(rows, h.dtype)
        self.dW_part = np.empty_like(dW) if len(self.blocks) > 1 else None

    def run(self) -> Any:
        if self.dW_part is None:
            return self.block(self.blocks[0], self.dW, self.db) / len(self.h)
        loss = 0.0
        self.db[...] = 0
        for i, block in enumerate(self.blocks):
            db = np.empty_like(self.db)
            loss += self.block(block, self.dW_part if i else self.dW, db)
            self.db += db
            if i:
                self.dW += self.dW_part
        return loss / len(self.h)

    def block(self, block: slice, dW: Array, db: Array) -> Any:
        """The summed loss of these rows; their part of the gradients into dW and db."""
        h, labels = self.h[block], self.labels[block]
        count = len(h)
        z, rows, ones = self.z[:count], self.rows[:count], self.ones[:count]
        np.matmul(h, self.W, out=z)
        np.add(z, self.b, out=z)
        np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), out=z)
        picked = np.add.reduce(z[rows, labels])
        np.exp(z, out=z)
        sums = np.add.reduce(z, axis=1, keepdims=True)
        loss = np.add.reduce(np.log(sums), axis=None) - picked
        np.multiply(sums, len(self.h), out=sums)
        np.divide(z, sums, out=z)
        z[rows, labels] -= 1 / len(self.h)
        np.matmul(h.T, z, out=dW)
        np.matmul(ones, z, out=db)
        if self.dh is not None:
            np.matmul(z, self.W.T, out=self.dh[block])
        return loss


def linear_loss(settings: Settings) -> Job:
    x, labels, [(W, b)], _ = training(settings)
    dW, db, dx = np.empty_like(W), np.empty_like(b), np.empty_like(x)
    head = Head(x, labels, W, b, dW, db, dx)
    return Job(head.run, lambda: [np.asarray(head.run(), x.dtype), dx, dW, db])


def chain(settings: Settings) -> Job:
    def run() -> Any:
        y, dx = 1.0, 1.0
        for _ in range(settings["operations"] // 2):
            y = y * 0.999999
            y = y + 1e-6
        for _ in range(settings["operations"] // 2):
            dx = dx * 0.999999
        return y, dx

    return Job(run, lambda: [np.asarray(a) for a in run()])


def fan_out(settings: Settings) -> Job:
    x, factors = fan_out_data(settings)

    def run() -> Any:
        y = np.add.reduce(np.stack([x * c for c in factors]), axis=None)
        dx = np.zeros_like(x)
        for c in factors:
            dx += c
        return y, dx

    return Job(run, lambda: list(run()))


def scalar_network(settings: Settings) -> Job:
    x, weights = scalar_network_data(settings)

    def run() -> Any:
        loss, gradients = 0.0, []
        for row in weights:
            total = sum(w * value for w, value in zip(row, x, strict=True))
            out = max(total, 0.0)
            loss += out * out
            gradients.append([2 * out * value for value in x])
        return loss, gradients

    return Job(run, lambda: [np.asarray(a) for a in run()])


# The numbers to compare with; by hand there is nothing to trace or draw.
trace = draw = scalar_network


def operation(settings: Settings) -> Job:
    inputs, row, _ = call(settings)
    forward, backward = CALLS.get(settings["operation"]) or by_formula(settings["operation"])
    y = forward(*inputs, **row)
    g = upstream(y.shape, y.dtype)

    def run() -> Any:
        y = forward(*inputs, **row)
        return y, *backward(g, y, *inputs, **row)

    return Job(run, lambda: list(run()))
