import numpy as np


def step(W, b, Z, leaders, side, lr):
    """For these shapes: W (2, 2), b (2,), Z (6, 2), leaders (2,), side (6,)."""
    # logits = layer(Z)
    logits = Z @ W + b

    # loss = tx.cross_entropy(logits[leaders], side[leaders])
    part1 = logits[leaders]
    part2 = side[leaders]
    if not ((part2 >= 0) & (part2 < 2)).all():
        raise IndexError("cross_entropy: a label is out of range for 2 classes")
    shifted = part1 - part1.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(2)
    loss = -log_p[rows, part2].mean()  # -Σ log softmax(x)[labels] / N

    # Backward, from the last line to the first; g is the gradient of a line's result.

    # back through loss = tx.cross_entropy(logits[leaders], side[leaders])
    dpart1 = 1 / 2 * np.exp(log_p)  # g · (softmax(x) - Y) / N
    dpart1[rows, part2] -= 1 / 2
    dlogits = np.zeros((6, 2))  # scatter(g, index)
    np.add.at(dlogits, leaders, dpart1)

    # back through logits = layer(Z)
    dW = Z.T @ dlogits  # xᵀ @ g
    db = dlogits.sum(axis=0)

    # Update.

    # optimizer.step()
    for gradient in (dW, db):
        if not np.isfinite(gradient).all():
            raise FloatingPointError("a gradient is not finite")
    W -= lr * (0.02 * W + dW)
    b -= lr * (0.02 * b + db)

    return loss


# fmt: off
W = np.array([
    [0.19369307573550387, -0.32557075163361393],
    [-0.6491614679377623, -0.6837331748681422],
])
b = np.array([0.4430310209648889, 0.5837245353312901])
Z = np.array([
    [0.1257302210933933, -0.1321048632913019],
    [0.6404226504432821, 0.10490011715303971],
    [-0.535669373161111, 0.36159505490948474],
    [1.3040000451301372, 0.9470809631292422],
    [-0.7037352358069926, -1.2654214710460525],
    [-0.6232744625373522, 0.0413259793472436],
])
leaders = np.array([0, 5])
side = np.array([0, 1, 1, 0, 1, 1])
lr = 0.5
# fmt: on

loss = step(W, b, Z, leaders, side, lr)
print("loss =", loss)
