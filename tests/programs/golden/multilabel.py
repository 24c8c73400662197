import numpy as np


def step(
    W1,
    b1,
    W2,
    b2,
    velocity_W1,
    velocity_b1,
    velocity_W2,
    velocity_b2,
    rows,
    targets,
    lr,
):
    """For these shapes: W1 (4, 5), b1 (5,), W2 (5, 3), b2 (3,), velocity_W1 (4, 5),
    velocity_b1 (5,), velocity_W2 (5, 3), velocity_b2 (3,), rows (6, 4), targets (6, 3).
    """
    # loss = tx.binary_cross_entropy_with_logits(model(rows), targets)
    z1 = rows @ W1 + b1
    h = np.maximum(z1, 0)
    z2 = h @ W2 + b2
    if not ((targets >= 0) & (targets <= 1)).all():
        raise ValueError("binary_cross_entropy_with_logits: a target is not in [0, 1]")
    minus = -z2
    e = np.exp(-np.abs(minus))
    difference = 1 - targets
    loss = (z2 * difference + (np.maximum(minus, 0) + np.log1p(e))).mean()

    # Backward, from the last line to the first; g is the gradient of a line's result.

    # back through loss = tx.binary_cross_entropy_with_logits(model(rows), targets)
    dz2 = 1 / 18 * difference - 1 / 18 * (np.exp(np.minimum(minus, 0)) / (e + 1))
    dW2 = h.T @ dz2  # xᵀ @ g
    db2 = dz2.sum(axis=0)
    dz1 = np.where(h != 0, dz2 @ W2.T, 0)  # g where y > 0
    dW1 = rows.T @ dz1  # xᵀ @ g
    db1 = dz1.sum(axis=0)

    # Update.

    # optimizer.step()
    for gradient in (dW1, db1, dW2, db2):
        if not np.isfinite(gradient).all():
            raise FloatingPointError("a gradient is not finite")
    velocity_W1[...] = 0.9 * velocity_W1 + dW1
    W1 -= lr * velocity_W1
    velocity_b1[...] = 0.9 * velocity_b1 + db1
    b1 -= lr * velocity_b1
    velocity_W2[...] = 0.9 * velocity_W2 + dW2
    W2 -= lr * velocity_W2
    velocity_b2[...] = 0.9 * velocity_b2 + db2
    b2 -= lr * velocity_b2

    return loss


# fmt: off
W1 = np.array([
    [0.0889046919352223, -0.09341224466100138, 0.4528471989539067, 0.07417558418617766, -0.37877544623616877],
    [0.2556863153700187, 0.9220672745790841, 0.6696873713613738, -0.4976159573990386, -0.8947881032357202],
    [-0.4407215990005625, 0.029221880235611165, -1.6440450272145315, -0.15470906923379127, -0.8809920795571974],
    [-0.5177912121523456, -0.38484921750009676, -0.22365798545899454, 0.29106674361360513, 0.7371682730105539],
])
b1 = np.zeros(5)
W2 = np.array([
    [-0.08129245863703839, 0.8642273812710848, -0.4207060511259435],
    [0.22231448839587548, 0.5714047144131564, 0.05945859779806228],
    [-0.47023021331670156, -0.5829503132304588, -0.2894912305979906],
    [0.13926362396547104, -0.6385386054208646, -0.13229424949393928],
    [-0.10070273835852832, 0.342060782010527, 0.13576234953062985],
])
b2 = np.array([0.0, 0.0, 0.0])
velocity_W1 = np.zeros((4, 5))
velocity_b1 = np.zeros(5)
velocity_W2 = np.zeros((5, 3))
velocity_b2 = np.array([0.0, 0.0, 0.0])
rows = np.array([
    [0.1257302210933933, -0.1321048632913019, 0.6404226504432821, 0.10490011715303971],
    [-0.535669373161111, 0.36159505490948474, 1.3040000451301372, 0.9470809631292422],
    [-0.7037352358069926, -1.2654214710460525, -0.6232744625373522, 0.0413259793472436],
    [-2.3250307746388343, -0.21879166393254573, -1.2459109472530652, -0.7322673547034516],
    [-0.5442589828573099, -0.31630015636915454, 0.4116305363741328, 1.0425133694426776],
    [-0.12853466294403426, 1.3664634705496859, -0.6651946734866135, 0.3515100700930197],
])
targets = np.array([
    [0.0, 1.0, 1.0],
    [0.0, 0.0, 1.0],
    [1.0, 1.0, 0.0],
    [1.0, 1.0, 1.0],
    [1.0, 1.0, 1.0],
    [0.0, 1.0, 0.0],
])
lr = 0.1
# fmt: on

loss = step(
    W1,
    b1,
    W2,
    b2,
    velocity_W1,
    velocity_b1,
    velocity_W2,
    velocity_b2,
    rows,
    targets,
    lr,
)
print("loss =", loss)
