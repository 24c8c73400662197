import numpy as np


def loss_and_gradients(x, W1, b1, W2, b2, W3, b3, t):
    """For these shapes: x (1, 2), W1 (2, 4), b1 (4,), W2 (4, 4), b2 (4,), W3 (4, 3),
    b3 (3,), t (1, 3).
    """
    # zs.append(a @ W[layer] + b[layer])
    z1 = x @ W1 + b1

    # a = tx.relu(zs[-1])
    a1 = np.maximum(z1, 0)

    # zs.append(a @ W[layer] + b[layer])
    z2 = a1 @ W2 + b2

    # a = tx.relu(zs[-1])
    a2 = np.maximum(z2, 0)

    # zs.append(a @ W[2] + b[2])
    z3 = a2 @ W3 + b3

    # -(t * (z - tx.logsumexp(z, axis=1, keepdims=True))).sum()
    top = z3.max(axis=1, keepdims=True)
    chosen1 = np.where(np.isfinite(top), top, 0)
    log_sum = np.log(np.exp(z3 - chosen1).sum(axis=1, keepdims=True)) + chosen1
    loss = -(t * (z3 - log_sum)).sum()

    # Backward, from the last line to the first; g is the gradient of a line's result.

    # back through -(t * (z - tx.logsumexp(z, axis=1, keepdims=True))).sum()
    e = np.exp(z3 - np.where(log_sum == -np.inf, 0, log_sum))  # g · softmax(x)
    chosen2 = np.where(np.abs(log_sum) == np.inf, 1, e.sum(axis=1, keepdims=True))
    dz3 = e * (t.sum(axis=1, keepdims=True) / chosen2) - t

    # back through zs.append(a @ W[2] + b[2])
    db3 = dz3.sum(axis=0)
    da2 = dz3 @ W3.T  # g @ bᵀ
    dW3 = a2.T @ dz3  # aᵀ @ g

    # back through a = tx.relu(zs[-1])
    dz2 = np.where(a2 != 0, da2, 0)  # g where y > 0

    # back through zs.append(a @ W[layer] + b[layer])
    db2 = dz2.sum(axis=0)
    da1 = dz2 @ W2.T  # g @ bᵀ
    dW2 = a1.T @ dz2  # aᵀ @ g

    # back through a = tx.relu(zs[-1])
    dz1 = np.where(a1 != 0, da1, 0)  # g where y > 0

    # back through zs.append(a @ W[layer] + b[layer])
    db1 = dz1.sum(axis=0)
    dW1 = x.T @ dz1  # aᵀ @ g

    return loss, dW1, db1, dW2, db2, dW3, db3


# fmt: off
x = np.array([[0.9, -0.4]])
W1 = np.array([[1.01, 0.51, -0.66, 0.18], [0.26, -0.13, 0.52, -0.17]])
b1 = np.array([0.16, 0.1, 0.25, 0.19])
W2 = np.array([
    [-0.53, -1.12, -1.86, 0.37],
    [-1.24, -0.24, 0.34, -0.5],
    [-0.12, -0.29, -1.05, -0.83],
    [1.82, 0.12, -0.36, 0.07],
])
b2 = np.array([0.54, -0.06, -0.6, 0.22])
W3 = np.array([
    [-0.12, -1.68, -0.56],
    [0.25, 0.63, -0.58],
    [0.39, 1.15, 0.36],
    [1.22, 0.01, -0.47],
])
b3 = np.array([0.4, 0.18, 0.42])
t = np.array([[0.0, 1.0, 0.0]])
# fmt: on

loss, dW1, db1, dW2, db2, dW3, db3 = loss_and_gradients(x, W1, b1, W2, b2, W3, b3, t)
print("loss =", loss)
print("dW1 =", dW1, sep="\n")
print("db1 =", db1, sep="\n")
print("dW2 =", dW2, sep="\n")
print("db2 =", db2, sep="\n")
print("dW3 =", dW3, sep="\n")
print("db3 =", db3, sep="\n")
