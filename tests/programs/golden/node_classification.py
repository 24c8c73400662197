import numpy as np


def loss_and_gradients(Z, W, b, classes):
    """For these shapes: Z (5, 4), W (4, 3), b (3,), classes (5,)."""
    h = Z @ W + b

    # p = tx.softmax(h, axis=1)
    e = np.exp(h - h.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)  # eˣ / Σ eˣ

    # loss = -tx.log(p[np.arange(N), classes]).mean()
    kept = np.arange(5)  # kept from the recording
    part = p[kept, classes]
    loss = -np.log(part).mean()

    # Backward, from the last line to the first; g is the gradient of a line's result.

    # back through loss = -tx.log(p[np.arange(N), classes]).mean()
    dp = np.zeros((5, 3))  # scatter(g, index)
    np.add.at(dp, (kept, classes), -1 / 5 / part)

    # back through p = tx.softmax(h, axis=1)
    dh = p * (dp - (dp * p).sum(axis=1, keepdims=True))  # y · (g - Σ (g · y))

    # back through h = Z @ W + b
    db = dh.sum(axis=0)
    dW = Z.T @ dh  # aᵀ @ g

    return loss, dW, db


# fmt: off
Z = np.array([
    [0.5, 0.6, 0.7, 0.8],
    [0.3, 0.8, 0.3, 0.4],
    [0.7, 0.9, 0.6, 0.9],
    [0.2, 0.1, 0.2, 0.3],
    [0.8, 0.4, 0.3, 0.2],
])
W = np.array([
    [0.17, 0.75, 0.53],
    [0.4, -0.04, -0.04],
    [-0.14, 0.67, 0.4],
    [0.51, -0.18, 0.77],
])
b = np.array([0.05, -0.11, -0.32])
classes = np.array([0, 1, 0, 1, 2])
# fmt: on

loss, dW, db = loss_and_gradients(Z, W, b, classes)
print("loss =", loss)
print("dW =", dW, sep="\n")
print("db =", db, sep="\n")
