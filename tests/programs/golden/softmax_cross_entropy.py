import numpy as np


def loss_and_gradients(A, Y):
    """A (2, 3), Y (2, 3)."""
    # losses = -(Y * tx.log_softmax(A, axis=1)).sum(axis=1)
    shifted = A - A.max(axis=1, keepdims=True)  # x - log Σ eˣ
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    losses = -(Y * log_p).sum(axis=1)

    # loss = losses.mean()
    loss = losses.sum() / 2

    # Backward, from the last line to the first.

    # loss = losses.mean()
    dlosses = np.broadcast_to(1 / 2, (2,))

    # losses = -(Y * tx.log_softmax(A, axis=1)).sum(axis=1)
    dlog_p = np.broadcast_to((-dlosses)[:, None], (2, 3)) * Y  # g · a
    dA = np.exp(log_p) * -dlog_p.sum(axis=1, keepdims=True) + dlog_p  # g - eʸ · Σ g

    return loss, dA


# fmt: off
A = np.array([[2.0, 1.0, 0.1], [0.1, 2.0, 1.9]])
Y = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
# fmt: on

loss, dA = loss_and_gradients(A, Y)
print("loss =", loss)
print("dA =", dA, sep="\n")
