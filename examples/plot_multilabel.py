"""
Several classes at once
=======================

An image of a digit can be even, be prime and have a loop, all at once. Why its classes need one
sigmoid each and not a softmax, why the loss is cross-entropy and not the squared error, and what a
batch's loss is divided by.
"""

# %%
# The squared error and a saturated unit
# --------------------------------------
# One output unit: ``a = σ(z)``, the target ``y`` is 0 or 1. Backpropagation starts from ``delta``, the
# slope of the loss in ``z``. With the squared error it has the slope of the activation as a factor;
# cross-entropy cancels that factor:
#
# - ``(a - y)² / 2`` has ``delta = (a - y) · a (1 - a)``;
# - ``-y log a - (1 - y) log(1 - a)`` has ``delta = a - y``.

import matplotlib.pyplot as plt
import numpy as np
from lesson import save, table
from sklearn.datasets import load_digits
from sklearn.metrics import precision_recall_fscore_support
from sklearn.model_selection import train_test_split

import tinygrad_xent as tx


def quadratic(z, y):
    """Half the squared error of the sigmoids, summed over everything."""
    with tx.scope("quadratic", "Σ (σ(z) - y)² / 2"):
        error = tx.sigmoid(z) - y
        return (error * error).sum() / 2


def cross_entropy(z, y):
    """-y log σ(z) - (1 - y) log(1 - σ(z)), summed over everything."""
    return tx.binary_cross_entropy_with_logits(z, y, reduction="sum")


def delta(loss, z, y):
    """The slope of the loss in z, by the tape."""
    return tx.grad(loss)(z, np.full(np.shape(z), float(y))).numpy()


LOSSES = {"quadratic": quadratic, "cross-entropy": cross_entropy}
z = np.array([-10.0, -6.0, -3.0, 0.0, 3.0])
a = tx.sigmoid(z)
slow, fast = (delta(loss, z, y=1) for loss in LOSSES.values())
assert np.allclose(slow, (a - 1) * a * (1 - a), rtol=1e-12)
assert np.allclose(fast, a - 1, rtol=1e-12)
table(
    "delta of a unit that should be on (y = 1)",
    ["z", "a", "quadratic", "cross-entropy", "ratio"],
    [(*row, f"1 : {row[3] / row[2]:.0f}") for row in zip(z, a, slow, fast, strict=True)],
)

# %%
# At ``z = -10`` the unit is as wrong as can be, and the squared error hardly says so: ``a (1 - a)``
# is the slope of a flat curve. Now let gradient descent put a wrong unit right, with a learning
# rate of 1.


def steps_until_right(loss, z):
    """Steps of gradient descent from z until σ(z) exceeds one half; the target is 1."""
    w, count = np.array(z), 0
    while w <= 0:
        w -= delta(loss, w, y=1)
        count += 1
    return count


patience = [
    (start, *(steps_until_right(loss, start) for loss in LOSSES.values()))
    for start in (-1.0, -3.0, -5.0, -7.0)
]
table("Steps until a > 0.5", ["from z", *LOSSES], patience, digits=0)

# %%
# Softmax or a sigmoid for each class
# -----------------------------------
# The source's sample has two of five classes: ``y = [0 1 0 0 1]``. Learn the five logits of this one
# sample with each of two losses.

y = np.array([0.0, 1.0, 0.0, 0.0, 1.0])


def softmax_loss(z, y):
    """-Σ y log softmax(z), for any y: without the check that y sums to 1."""
    with tx.scope("softmax loss", "-Σ y · log softmax(z)"):
        return -(y * tx.log_softmax(z)).sum()


def learned(loss, steps=500):
    z = np.zeros(5)
    for _ in range(steps):
        z -= 0.5 * tx.grad(loss)(z, y).numpy()
    return z


by_softmax, by_sigmoid = learned(softmax_loss), learned(cross_entropy)
shared, own = tx.softmax(by_softmax), tx.sigmoid(by_sigmoid)
table(
    "After 500 steps on y = [0 1 0 0 1]",
    ["class", "y", "softmax", "above 0.5", "sigmoid", "above 0.5"],
    [(k, int(y[k]), shared[k], shared[k] > 0.5, own[k], own[k] > 0.5) for k in range(5)],
    digits=4,
)
ends = softmax_loss(by_softmax, y).item(), cross_entropy(by_sigmoid, y).item()
print(
    f"\n  The softmax's loss is {ends[0]:.4f} and can't fall below 2 log 2 = {2 * np.log(2):.4f};"
)
print(f"  the sigmoids' is {ends[1]:.4f} and can fall to 0.")

# %%
# A softmax shares out one unit of probability. Two classes get a half each, three a third: "present" has
# no fixed threshold, and "none" can't be said at all. Sigmoids decide class by class; their threshold is
# 0.5, ``z > 0``.
#
# What a batch's loss is divided by
# ---------------------------------
# With N samples of K classes there are N · K losses. Is their mean taken over N or over N · K? Both are
# in use, so a page that says "the mean" must say which: the gradients differ by the factor K, and so do
# the learning rates that go with them.

Z = np.array([[0.5, -1.0, 2.0, -0.3, 0.0], [-2.0, 1.0, 0.2, -0.7, 1.5]])
Y = np.array([[0.0, 1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0]])
N, K = Z.shape
over_all = tx.value_and_grad(lambda Z: tx.binary_cross_entropy_with_logits(Z, Y))(Z)
over_samples = tx.value_and_grad(lambda Z: cross_entropy(Z, Y) / N)(Z)
A = tx.sigmoid(Z)
batch = []
for name, divisor, (loss, gradient) in (
    ("over N · K", N * K, over_all),
    ("over N", N, over_samples),
):
    right = np.allclose(gradient.numpy(), (A - Y) / divisor, rtol=1e-12)
    batch.append((name, divisor, loss, gradient.numpy()[0], "agrees" if right else "WRONG"))
table(
    f"The same batch, N = {N}, K = {K}",
    ["mean", "divisor", "loss", "dL/dz of sample 1", "(a - y) / divisor"],
    batch,
    digits=4,
)

# %%
# PyTorch's and this package's ``binary_cross_entropy_with_logits`` take the mean over N · K. The
# estimator below takes it over N: its loss is then minus the log-probability of a sample's whole row.
#
# Four attributes of a digit
# --------------------------
# Real images now: 1797 scanned digits of 8 × 8 pixels that come with scikit-learn. A digit may be
# even, at least 5 or prime, and its figure may have a closed loop; a 1 has none of these. (A 4
# counts as open.)

images, digit = load_digits(return_X_y=True)
images = images / 16
ATTRIBUTES = ["even", "at least 5", "prime", "closed loop"]
OF_DIGIT = np.array(
    [[d % 2 == 0, d >= 5, d in (2, 3, 5, 7), d in (0, 6, 8, 9)] for d in range(10)], float
)
attributes = OF_DIGIT[digit]
table(
    "The attributes",
    ["digit", *ATTRIBUTES, "in all"],
    [(d, *("×" if has else "" for has in row), int(row.sum())) for d, row in enumerate(OF_DIGIT)],
)
X_train, X_test, Y_train, Y_test, digit_train, digit_test = train_test_split(
    images, attributes, digit, test_size=0.2, random_state=0, stratify=digit
)

# %%
# One small network, three losses. Each starts from the same weights and sees the same batches. The
# steps are SGD's, with momentum: Adam divides by the size of the gradient and would hide some of
# the difference. The first two are also trained from a bad start: with output biases of -8 every
# unit is off, and sure of it.

EPOCHS = 60


def train(loss, bias=0.0):
    """A trained network, and its exact match on the training images after each epoch."""
    model = tx.nn.MLP([64, 32, 4], rng=0)
    model[2].bias.data -= bias
    optimizer = tx.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    epoch = tx.data.batches(X_train, Y_train, batch_size=32, rng=0)
    curve = [exact_match(model(X_train).numpy() > 0, Y_train)]
    for _ in range(EPOCHS):
        for rows, targets in epoch:
            optimizer.zero_grad()
            (loss(model(rows), targets) / len(rows)).backward()
            optimizer.step()
        curve.append(exact_match(model(X_train).numpy() > 0, Y_train))
    return model, curve


def exact_match(predicted, truth):
    """The share of the rows in which every attribute is right."""
    return float((predicted == (truth > 0.5)).all(axis=1).mean())


trained = {
    (name, start): train(loss, bias)
    for name, loss in LOSSES.items()
    for start, bias in (("fair", 0.0), ("saturated", 8.0))
}
shown = (1, 2, 5, 10, 20, EPOCHS)
table(
    "Training images with all four attributes right",
    ["loss", "start", *(f"epoch {k}" for k in shown)],
    [(*key, *(f"{curve[k]:.1%}" for k in shown)) for key, (_, curve) in trained.items()],
)

# %%
# Cross-entropy alone hardly notices the saturated start. (10.2% of the images are 1s, so always
# answering "none of them" is right that often.)
#
# Now the softmax, with the attributes of each digit sharing the probability evenly. It is given the
# threshold that does best on the training images: the best case for it. A 1 has no attribute and so
# nothing to learn from: its row of targets is 0, and so is the loss.


def even_shares(z, y):
    return softmax_loss(z, y / np.maximum(y.sum(axis=1, keepdims=True), 1))


def softmax_of(model, X):
    return tx.softmax(model(X).detach(), axis=1).numpy()


one_softmax, _ = train(even_shares)
thresholds = np.linspace(0.05, 0.6, 111)
on_training = [exact_match(softmax_of(one_softmax, X_train) > t, Y_train) for t in thresholds]
best = thresholds[np.argmax(on_training)]
share = softmax_of(one_softmax, X_test)

# %%
# And the estimator, which sees an indicator matrix and puts a sigmoid on each column. Beside it,
# the same estimator with the task that a softmax is made for: an image shows exactly one of ten
# digits, and the attributes are then looked up.

estimator = tx.SoftmaxClassifier((32,), max_epochs=EPOCHS, tol=None, random_state=0)
by_digit = estimator.fit(X_train, digit_train).predict(X_test)
p_test = estimator.fit(X_train, Y_train).predict_proba(X_test)
present = {
    "softmax, above 0.5": share > 0.5,
    f"softmax, above {best:.3f}": share > best,
    "sigmoids, quadratic": trained["quadratic", "fair"][0](X_test).numpy() > 0,
    "sigmoids, cross-entropy": trained["cross-entropy", "fair"][0](X_test).numpy() > 0,
    "SoftmaxClassifier, sigmoids": p_test > 0.5,
    "SoftmaxClassifier, ten digits": OF_DIGIT[by_digit] > 0.5,
}
ones = digit_test == 1
table(
    f"{len(X_test)} held-out images: all four attributes right",
    ["output and rule", "of all images", "of the 1s, which have none"],
    [
        (name, f"{exact_match(p, Y_test):.1%}", f"{exact_match(p[ones], Y_test[ones]):.1%}")
        for name, p in present.items()
    ],
)

# %%
# Sigmoids treat the attributes as independent, and may answer with a set that no digit has. Knowing the
# ten sets that occur is worth something; where any set can occur there is nothing to look up.
#
# Attribute by attribute, with a sigmoid each:

predicted = p_test > 0.5
precision, recall, f1, support = precision_recall_fscore_support(Y_test, predicted)
per_label = [
    (
        name,
        int(support[k]),
        (predicted[:, k] == Y_test[:, k]).mean(),
        precision[k],
        recall[k],
        f1[k],
    )
    for k, name in enumerate(ATTRIBUTES)
]
table(
    "SoftmaxClassifier on the held-out images, attribute by attribute",
    ["attribute", "images that have it", "accuracy", "precision", "recall", "F1"],
    per_label,
    digits=3,
)

# %%
# The pictures
# ------------
# What each loss tells a unit that should be on, and what becomes of it in the network.

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
zs = np.linspace(-10, 6, 400)
left.plot(zs, -delta(cross_entropy, zs, y=1), color=BLUE, linewidth=2.5)
left.plot(zs, -delta(quadratic, zs, y=1), color=ORANGE, linewidth=2.5)
left.text(-6, 0.9, "cross-entropy\na - y", color=BLUE, ha="center", va="top")
left.text(-6, 0.04, "squared error\n(a - y) · a (1 - a)", color=ORANGE, ha="center", va="bottom")
left.annotate(
    "sure and wrong:\nnothing to learn from",
    (-9.5, 0.01),
    (-9.8, 0.42),
    color=GREY,
    arrowprops={"arrowstyle": "->", "color": GREY},
)
left.set(xlabel="z", ylabel="-delta, the push on z", ylim=(-0.02, 1.05))
left.set_title("A unit that should be on", loc="left", fontweight="bold")
for (name, start), (_, curve) in trained.items():
    dashes = "-" if start == "fair" else (0, (3, 1.5))
    right.plot(
        curve, color=BLUE if name == "cross-entropy" else ORANGE, linewidth=2, linestyle=dashes
    )
right.text(12, 1.03, "cross-entropy, either start", color=BLUE, va="bottom")
right.text(3.2, 0.78, "squared error,\nfair start", color=ORANGE, va="top")
right.text(12.5, 0.44, "squared error,\nstart in saturation", color=ORANGE, va="center")
right.set(
    xlabel="epoch", ylabel="images with all four attributes right", ylim=(-0.02, 1.12), xlim=(0, 40)
)
right.yaxis.set_major_formatter("{x:.0%}")
right.set_title("The network on its training images", loc="left", fontweight="bold")
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#EEEEEE")
save(figure, "multilabel_saturation.png")

# %%
# What the estimator says about one held-out image of each digit, and about the four that it gets
# most wrong. A bar is a probability, its colour the truth; the line is the threshold.

wrongness = np.abs(p_test - Y_test).max(axis=1)
chosen = [int(np.flatnonzero(digit_test == d)[0]) for d in range(10)]
chosen += [int(k) for k in np.argsort(-wrongness)[:4]]
figure, panels = plt.subplots(
    4, 7, figsize=(12, 6.6), height_ratios=[2, 1.3] * 2, layout="constrained"
)
for place, k in enumerate(chosen):
    row, column = divmod(place, 7)
    image, bars = panels[2 * row, column], panels[2 * row + 1, column]
    image.imshow(X_test[k].reshape(8, 8), cmap="gray_r")
    image.set_title(f"{digit_test[k]}" + (", wrong" if place >= 10 else ""), fontweight="bold")
    image.axis("off")
    truth = Y_test[k] > 0.5
    bars.barh(range(4), p_test[k], color=np.where(truth, BLUE, "#BBBBBB"), height=0.7)
    bars.axvline(0.5, color="black", linewidth=0.8)
    for j in np.flatnonzero((p_test[k] > 0.5) != truth):
        bars.text(1.04, j, "×", color=ORANGE, va="center", fontsize=13, fontweight="bold")
    bars.set(xlim=(0, 1), ylim=(3.5, -0.5), xticks=[], yticks=range(4))
    bars.set_yticklabels(ATTRIBUTES if column == 0 else [""] * 4)
    bars.tick_params(length=0)
    bars.spines[["top", "right", "bottom"]].set_visible(False)
figure.suptitle("Blue: the image has the attribute. Grey: it does not. ×: the estimator is wrong.")
save(figure, "multilabel_digits.png")
