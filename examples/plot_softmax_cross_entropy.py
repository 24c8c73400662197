"""
Softmax and cross-entropy
=========================

The most common loss in classification, taken apart: a batch by hand, the Jacobian that hides behind
``softmax - Y``, the condition under which that formula holds, and two ways of writing the loss that
fail. Every published figure is shown beside the one computed here; every gradient comes from
``backward()``.
"""

# %%
# A batch of two
# --------------
# Two samples, three classes. A row of ``A`` holds one sample's scores, the logits; a row of ``Y`` is 1
# at the true class. Softmax turns each row into probabilities; the loss of a sample is minus the
# logarithm of its true class's probability; the loss of the batch is the mean.

import matplotlib.pyplot as plt
import numpy as np
from lesson import save, table

import tinygrad_xent as tx
import viz

A = tx.Tensor([[2.0, 1.0, 0.1], [0.1, 2.0, 1.9]], requires_grad=True, name="A")
Y = tx.Tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], name="Y")

p = tx.softmax(A, axis=1)
with tx.scope("cross_entropy", "-Σ (Y · log softmax(A))"):
    losses = -(Y * tx.log_softmax(A, axis=1)).sum(axis=1)
loss = losses.mean()
loss.name = "loss"
loss.backward()

published = {
    "softmax, sample 1": [0.659, 0.242, 0.099],
    "softmax, sample 2": [0.073, 0.487, 0.440],
    "losses": [1.417, 2.620],
    "mean loss": [2.019],
    "dL/dA, sample 1": [0.330, -0.379, 0.049],
    "dL/dA, sample 2": [-0.464, 0.243, 0.220],
}
computed = dict(zip(published, [*p, losses, loss.reshape(1), *A.grad], strict=True))


def agrees(printed, true):
    """Whether each printed figure lies within half a unit of its third decimal of the true one."""
    return bool(np.all(np.abs(np.asarray(printed) - true.numpy()) <= 0.0005 + 1e-12))


table(
    "The batch: published to 3 decimals, and computed",
    ["figure", "published", "computed", "agrees"],
    [
        (
            name,
            "  ".join(f"{x:6.3f}" for x in figures),
            computed[name],
            agrees(figures, computed[name]),
        )
        for name, figures in published.items()
    ],
)

# %%
# The gradient has a short form: ``(softmax(A) - Y) / N``. It is 0 where the prediction equals the
# target, and each of its rows sums to 0: what one class gains, the others lose.

short_form = (p.numpy() - Y.numpy()) / len(Y)
table(
    "The gradient's short form",
    ["sample", "backward()", "(softmax - Y) / N", "sum"],
    [(i + 1, A.grad[i], short_form[i], A.grad[i].sum()) for i in range(2)],
)

# %%
# ``tx.cross_entropy`` is this same loss, for labels or for probabilities:

print(f"\n  tx.cross_entropy(A, Y)      = {tx.cross_entropy(A, Y).item():.6f}")
print(f"  tx.cross_entropy(A, [1, 0]) = {tx.cross_entropy(A, [1, 0]).item():.6f}")

# %%
# And the computation as it was recorded, each value with its gradient:

save(viz.draw(loss), "softmax_cross_entropy.svg")

# %%
# Where the short form comes from: the Jacobian
# ---------------------------------------------
# Softmax takes a vector to a vector, so its derivative is a matrix: how each probability moves with
# each logit. The diagonal holds ``a (1 - a)``, every other place minus the product of the two
# probabilities: together ``diag(a) - a aᵀ``.

z = [2.0, 1.0, -1.0]
a = tx.softmax(z := np.array(z)).numpy()
J = tx.jacobian(tx.softmax)(z).numpy()

table(
    f"The Jacobian of softmax at z = {z}, a = {a.round(6)}",
    ["row", "jacobian(softmax)", "diag(a) - a aᵀ"],
    [(i + 1, J[i], (np.diag(a) - np.outer(a, a))[i]) for i in range(3)],
)
print(f"\n  symmetric: {np.allclose(J, J.T)}; each row sums to 0: {np.allclose(J.sum(1), 0)};")
print(f"  rank {np.linalg.matrix_rank(J)} of 3: adding one number to all logits changes nothing.")

# %%
# Cross-entropy is ``-Σ y log a``. Its derivative with respect to the probabilities is ``-y / a``,
# huge where a true class has a small probability. Times the Jacobian, that becomes the tame
# ``a - y``: the division cancels.


def entropy_of(y):
    """The cross-entropy as a function of the probabilities."""
    return lambda a: -(y * tx.log(a)).sum()


rows = []
for y in ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.2, 0.3, 0.5], [1.0, 0.0, 1.0]):
    y = np.array(y)
    da = tx.grad(entropy_of(y))(a).numpy()  # -y / a
    rows.append((" ".join(f"{x:g}" for x in y), da, da @ J, a - y, np.allclose(da @ J, a - y)))
table("dL/da · da/dz", ["y", "dL/da = -y/a", "dL/da · J", "a - y", "equal"], rows, digits=3)

# %%
# The last row is the exception: there ``y`` sums to 2. The product is ``a · sum(y) - y``, and only
# ``sum(y) = 1`` makes that ``a - y``. Probabilities over classes, one-hot or soft, are safe. Several
# classes at once are not: they need one sigmoid per class.

# %%
# The two cases, and their labels
# -------------------------------
# One component of the gradient depends on whether its class is the true one. The source derives both
# cases correctly and works an example of each, then swaps the labels where it merges them: it puts
# ``softmax - 1`` under ``Y = 0``. Its own examples show which way round is right.


def entropy_at(z, y):
    """The cross-entropy as a function of the logits."""
    return -(y * tx.log_softmax(z)).sum()


cases = []
for y in ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]):
    true = tx.grad(entropy_at)(z, np.array(y)).numpy()[2]
    example = a[2] - 1 if y[2] == 1 else a[2]
    merged = a[2] - 1 if y[2] == 0 else a[2]
    verdict = "agrees" if np.isclose(true, example) else "WRONG"
    verdict_merged = "agrees" if np.isclose(true, merged) else "WRONG: swapped"
    cases.append((" ".join(f"{x:g}" for x in y), true, example, verdict, merged, verdict_merged))
table(
    "dH/dz of the third class",
    ["y", "backward()", "its example", "", "its merged formula", ""],
    cases,
)

# %%
# A method overwritten by its own result
# --------------------------------------
# The published class keeps the probabilities for the backward pass under the name of the method that
# makes them. An attribute of the object hides the method of the class, so the first call works and
# the second one calls an array.


class Forgetful:
    """Keeps its result under the name of the method that made it."""

    def softmax(self, scores):
        return tx.softmax(scores, axis=1).numpy()

    def forward(self, scores, target):
        self.softmax = self.softmax(scores)
        return -(target * np.log(self.softmax)).sum() / len(scores)


loss_of = Forgetful()
print(f"\n  first call:  {loss_of.forward(A.numpy(), Y.numpy()):.6f}")
try:
    loss_of.forward(A.numpy(), Y.numpy())
    second = "works"
except TypeError as error:
    second = f"TypeError: {error}"
print(f"  second call: {second}")

# %%
# Another name for the result cures it. A tape cures it more deeply: what the backward pass needs is
# kept with the operation that made it, so there is no attribute to name, and nothing is shared
# between calls.

# %%
# 0 · log 0
# ---------
# The same class computes ``-Y * log(softmax)``. Far from the maximum a probability underflows to 0;
# its logarithm is ``-inf``; multiplied by the 0 of ``Y``, that is NaN, in a sample that is
# classified perfectly. A common cure is to clip the probability. That makes the loss finite and the
# gradient 0, exactly where the network is most wrong. ``log_softmax`` never forms the probability:
# loss and gradient are right at any distance.


def multiplied(z, y):
    """-Σ Y · log p"""
    return -(y * tx.log(tx.softmax(z))).sum(axis=-1)


def clipped(z, y):
    """-Σ Y · log clip(p)"""
    return -(y * tx.log(tx.clip(tx.softmax(z), 1e-12, 1.0))).sum(axis=-1)


def stable(z, y):
    """-Σ Y · log_softmax"""
    return -(y * tx.log_softmax(z)).sum(axis=-1)


forms = (multiplied, clipped, stable)
far = []
with np.errstate(divide="ignore", invalid="ignore"):
    for what, y in (("right by 800", [1.0, 0.0]), ("wrong by 800", [0.0, 1.0])):
        for form in forms:
            value, slope = tx.value_and_grad(form)(np.array([800.0, 0.0]), np.array(y))
            far.append((what, form.__doc__, value.item(), slope))
table("Logits (800, 0)", ["sample", "written as", "loss", "gradient"], far)

# %%
# The picture
# -----------
# Left, the Jacobian. Middle and right, the loss and gradient of one sample in float32, plotted
# against how far the true class's logit lies below the other. Clipped, the gradient vanishes beyond
# 27.6, just where the sample is most wrong. Multiplied out, the gradient ends at 88 and the loss at
# 103.

distance = np.linspace(-130, 130, 1041, dtype=np.float32)
logits = np.stack([np.zeros_like(distance), -distance], axis=1)
true_class = np.array([0, 1], np.float32)

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 3.9), layout="constrained")

left.imshow(J, cmap="RdBu", vmin=-0.4, vmax=0.4)
for i, j in np.ndindex(J.shape):
    left.text(j, i, f"{J[i, j]:.6f}", ha="center", va="center")
classes = [f"class {k}\nz = {z[k]:g}" for k in range(3)]
left.set_xticks(range(3), classes)
left.set_yticks(range(3), [f"a = {x:.3f}" for x in a])
left.set_title("∂ softmax / ∂ z")

styles = (
    ("multiplied out", "#D55E00", 5.0),
    ("clipped", "#0072B2", 3.0),
    ("log_softmax", "#000000", 1.2),
)
curves = {}
with np.errstate(all="ignore"):
    for form, (label, colour, width) in zip(forms, styles, strict=True):
        values, back = tx.vjp(lambda logits, form=form: form(logits, true_class), logits)
        slopes = back(np.ones_like(distance)).numpy()[:, 1]
        curves[label] = values.numpy(), slopes
        for axes, curve in ((middle, values.numpy()), (right, slopes)):
            axes.plot(distance, curve, color=colour, linewidth=width, label=label)
for axes, title in ((middle, "loss"), (right, "∂ loss / ∂ logit of the true class")):
    axes.set_title(title)
    axes.set_xlabel("the true class's logit lies below the other by")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
save(figure, "softmax_cross_entropy.png")
