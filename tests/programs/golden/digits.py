import numpy as np


def step(
    W1,
    b1,
    W2,
    b2,
    W3,
    b3,
    mean_W1,
    square_W1,
    mean_b1,
    square_b1,
    mean_W2,
    square_W2,
    mean_b2,
    square_b2,
    mean_W3,
    square_W3,
    mean_b3,
    square_b3,
    X,
    y,
    lr,
    t,
):
    """For these shapes: W1 (4, 6), b1 (6,), W2 (6, 5), b2 (5,), W3 (5, 3), b3 (3,),
    mean_W1 (4, 6), square_W1 (4, 6), mean_b1 (6,), square_b1 (6,), mean_W2 (6, 5),
    square_W2 (6, 5), mean_b2 (5,), square_b2 (5,), mean_W3 (5, 3), square_W3 (5, 3),
    mean_b3 (3,), square_b3 (3,), X (8, 4), y (8,).
    """
    # loss = tx.cross_entropy(model(X), y, label_smoothing=0.1)
    z1 = X @ W1 + b1
    h1 = np.maximum(z1, 0)
    z2 = h1 @ W2 + b2
    h2 = np.maximum(z2, 0)
    z3 = h2 @ W3 + b3
    if not ((y >= 0) & (y < 3)).all():
        raise IndexError("cross_entropy: a label is out of range for 3 classes")
    y_column = y[:, None]
    shifted = z3 - z3.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # x - log Σ eˣ
    rows = np.arange(8)[:, None]
    z4 = 0.9 * log_p[rows, y_column] + (1 / 30) * log_p.sum(axis=1, keepdims=True)
    loss = -z4.mean()

    # Backward, from the last line to the first; g is the gradient of a line's result.

    # back through loss = tx.cross_entropy(model(X), y, label_smoothing=0.1)
    dz4 = np.broadcast_to(np.float32(-1 / 8), (8, 1))
    changed = np.zeros((8, 3), np.float32)  # scatter(g, indices)
    changed[rows, y_column] = 0.9 * dz4
    dlog_p = (1 / 30) * dz4 + changed
    dz3 = dlog_p - np.exp(log_p) * dlog_p.sum(axis=1, keepdims=True)  # g - eʸ · Σ g
    dW3 = h2.T @ dz3  # xᵀ @ g
    db3 = dz3.sum(axis=0)
    dz2 = np.where(h2 != 0, dz3 @ W3.T, 0)  # g where y > 0
    dW2 = h1.T @ dz2  # xᵀ @ g
    db2 = dz2.sum(axis=0)
    dz1 = np.where(h1 != 0, dz2 @ W2.T, 0)  # g where y > 0
    dW1 = X.T @ dz1  # xᵀ @ g
    db1 = dz1.sum(axis=0)

    # Update.

    # optimizer.step()
    for gradient in (dW1, db1, dW2, db2, dW3, db3):
        if not np.isfinite(gradient).all():
            raise FloatingPointError("a gradient is not finite")
    t += 1
    decay = 1 - lr * 0.01
    mean_W1[...] = 0.9 * mean_W1 + (1 - 0.9) * dW1
    square_W1[...] = 0.999 * square_W1 + (1 - 0.999) * (dW1 * dW1)
    root = float(np.sqrt(1 - 0.999**t))
    eps = 1e-8 * root
    step_size = lr * root / (1 - 0.9**t)
    W1[...] = decay * W1 - step_size * (mean_W1 / (np.sqrt(square_W1) + eps))
    mean_b1[...] = 0.9 * mean_b1 + (1 - 0.9) * db1
    square_b1[...] = 0.999 * square_b1 + (1 - 0.999) * (db1 * db1)
    b1[...] = decay * b1 - step_size * (mean_b1 / (np.sqrt(square_b1) + eps))
    mean_W2[...] = 0.9 * mean_W2 + (1 - 0.9) * dW2
    square_W2[...] = 0.999 * square_W2 + (1 - 0.999) * (dW2 * dW2)
    W2[...] = decay * W2 - step_size * (mean_W2 / (np.sqrt(square_W2) + eps))
    mean_b2[...] = 0.9 * mean_b2 + (1 - 0.9) * db2
    square_b2[...] = 0.999 * square_b2 + (1 - 0.999) * (db2 * db2)
    b2[...] = decay * b2 - step_size * (mean_b2 / (np.sqrt(square_b2) + eps))
    mean_W3[...] = 0.9 * mean_W3 + (1 - 0.9) * dW3
    square_W3[...] = 0.999 * square_W3 + (1 - 0.999) * (dW3 * dW3)
    W3[...] = decay * W3 - step_size * (mean_W3 / (np.sqrt(square_W3) + eps))
    mean_b3[...] = 0.9 * mean_b3 + (1 - 0.9) * db3
    square_b3[...] = 0.999 * square_b3 + (1 - 0.999) * (db3 * db3)
    b3[...] = decay * b3 - step_size * (mean_b3 / (np.sqrt(square_b3) + eps))

    return loss, t


# fmt: off
W1 = np.array([
    [0.08890469372272491, -0.09341224282979965, 0.4528472125530243, 0.07417558133602142, -0.3787754476070404, 0.25568631291389465],
    [0.9220672845840454, 0.6696873903274536, -0.4976159632205963, -0.8947880864143372, -0.4407216012477875, 0.029221879318356514],
    [-1.6440449953079224, -0.1547090709209442, -0.88099205493927, -0.517791211605072, -0.3848492205142975, -0.2236579805612564],
    [0.2910667359828949, 0.7371682524681091, -0.09088773280382156, 0.9662355780601501, -0.47036367654800415, 0.24855515360832214],
], dtype=np.float32)
b1 = np.zeros(6, np.float32)
W2 = np.array([
    [0.5216187238693237, 0.05427802726626396, -0.4292594790458679, -0.532158374786377, -0.2642681300640106],
    [0.1271297186613083, -0.5829033255577087, -0.12076757103204727, -0.09192860126495361, 0.3122573494911194],
    [0.12393350154161453, 0.2051745355129242, -0.3774881362915039, -0.07483246922492981, 0.4526284635066986],
    [0.8622328639030457, -0.726921796798706, 0.8740643262863159, 0.7770415544509888, 0.45109033584594727],
    [0.15268352627754211, -0.1812434196472168, 0.841788649559021, 1.1317557096481323, 1.0401743650436401],
    [0.759275496006012, 0.2063336819410324, -0.697623074054718, -0.002571594901382923, 0.3790159821510315],
], dtype=np.float32)
b2 = np.zeros(5, np.float32)
W3 = np.array([
    [-0.8148313164710999, 0.24989713728427887, 0.2718696594238281],
    [0.440216064453125, -0.7489019632339478, -0.4184974431991577],
    [-0.2760258913040161, -0.7398476600646973, 1.1000728607177734],
    [-0.3136414885520935, 0.2080586552619934, -0.16353563964366913],
    [1.0014761686325073, 0.8350695967674255, 0.4005673825740814],
], dtype=np.float32)
b3 = np.array([0.0, 0.0, 0.0], dtype=np.float32)
mean_W1 = np.zeros((4, 6), np.float32)
square_W1 = np.zeros((4, 6), np.float32)
mean_b1 = np.zeros(6, np.float32)
square_b1 = np.zeros(6, np.float32)
mean_W2 = np.zeros((6, 5), np.float32)
square_W2 = np.zeros((6, 5), np.float32)
mean_b2 = np.zeros(5, np.float32)
square_b2 = np.zeros(5, np.float32)
mean_W3 = np.zeros((5, 3), np.float32)
square_W3 = np.zeros((5, 3), np.float32)
mean_b3 = np.array([0.0, 0.0, 0.0], dtype=np.float32)
square_b3 = np.array([0.0, 0.0, 0.0], dtype=np.float32)
X = np.array([
    [0.1257302165031433, -0.13210485875606537, 0.6404226422309875, 0.10490011423826218],
    [-0.5356693863868713, 0.3615950644016266, 1.3040000200271606, 0.9470809698104858],
    [-0.7037352323532104, -1.2654215097427368, -0.6232744455337524, 0.04132597893476486],
    [-2.32503080368042, -0.218791663646698, -1.2459110021591187, -0.7322673797607422],
    [-0.5442590117454529, -0.3163001537322998, 0.4116305410861969, 1.042513370513916],
    [-0.12853465974330902, 1.3664634227752686, -0.6651946902275085, 0.35151007771492004],
    [0.9034701585769653, 0.0940122976899147, -0.7434992790222168, -0.9217253923416138],
    [-0.4577258229255676, 0.22019512951374054, -1.0096181631088257, -0.20917557179927826],
], dtype=np.float32)
y = np.array([2, 0, 1, 2, 2, 1, 1, 0])
lr = 0.001
t = 0
# fmt: on

loss, t = step(
    W1,
    b1,
    W2,
    b2,
    W3,
    b3,
    mean_W1,
    square_W1,
    mean_b1,
    square_b1,
    mean_W2,
    square_W2,
    mean_b2,
    square_b2,
    mean_W3,
    square_W3,
    mean_b3,
    square_b3,
    X,
    y,
    lr,
    t,
)
print("loss =", loss)
print("t =", t)
