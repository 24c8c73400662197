"""
Backpropagation through two hidden layers
=========================================

The equations of a small network, written out by hand and compared with ``backward()``: those of the
output layer, which the source publishes; those of the hidden layers, which it leaves to the reader;
and the condition under which the published ones hold.
"""

# %%
# The network
# -----------
# Two inputs, two hidden layers of rectified units, a softmax over three classes. A sample is a row, so
# a layer is ``a @ W + b``. The weights are drawn once from a seeded generator.

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from lesson import save, table

import tinygrad_xent as tx
import viz

SIZES = (2, 4, 4, 3)
rng = np.random.default_rng(94)
W = [
    tx.Tensor(rng.normal(0, 1, (m, n)).round(2), requires_grad=True, name=f"W{layer}")
    for layer, (m, n) in enumerate(pairwise(SIZES), start=1)
]
b = [
    tx.Tensor(rng.normal(0, 0.5, n).round(2), requires_grad=True, name=f"b{layer}")
    for layer, n in enumerate(SIZES[1:], start=1)
]
x = tx.Tensor([[0.9, -0.4]], name="x")
t = tx.Tensor([[0.0, 1.0, 0.0]], name="t")


def forward(x, W):
    """The pre-activations z1, z2, z3 and the activations a1, a2, a3 = softmax(z3)."""
    a, zs, activations = x, [], []
    for layer in (0, 1):
        with tx.scope(f"layer {layer + 1}", "relu(a @ W + b)"):
            zs.append(a @ W[layer] + b[layer])
            a = tx.relu(zs[-1])
        activations.append(a)
    with tx.scope("layer 3", "a @ W + b"):
        zs.append(a @ W[2] + b[2])
    activations.append(tx.softmax(zs[-1], axis=1))
    return zs, activations


def cross_entropy(z, t):
    """-Σ t · (z - log Σ eᶻ): log of softmax without forming it, summed over classes and samples."""
    with tx.scope("cross_entropy", "-Σ t · (z - log Σ eᶻ)"):
        return -(t * (z - tx.logsumexp(z, axis=1, keepdims=True))).sum()


(z1, z2, z3), (a1, a2, a3) = forward(x, W)
E = cross_entropy(z3, t)
E.name = "E"

table(
    "Forward: a unit with z below 0 is off",
    ["layer", "z", "a"],
    [("1  relu", z1, a1), ("2  relu", z2, a2), ("3  softmax", z3, a3)],
    digits=4,
)
spelled_out = -(t * tx.log(a3)).sum()
print(f"\n  E = -Σ t log a3 = {spelled_out.item():.6f} = -Σ t (z3 - log Σ exp z3) = {E.item():.6f}")

# %%
# The output layer, as published
# ------------------------------
# ``dE/dz3 = a3 - t``, ``dE/dW3 = a2ᵀ (a3 - t)``, ``dE/db3 = a3 - t``. The table compares them with
# what the tape finds. ``backward()`` keeps only the parameters' gradients; ``trace`` gives that of
# every value on the way, ``z3`` among them.

E.backward(retain_graph=True)
steps = tx.trace(E)


def compare(name, by_hand, tape):
    """One row: a hand-derived gradient, the tape's, and how far apart they are."""
    tape = np.asarray(tape).reshape(np.shape(by_hand))
    apart = np.abs(by_hand - tape).max()
    size = f"{np.shape(by_hand)[0]} × {np.shape(by_hand)[1]}"
    return name, size, np.abs(tape).max(), apart, "agrees" if apart < 1e-12 else "WRONG"


def values(*tensors):
    """The plain arrays: the equations by hand must use nothing of the engine."""
    return [tensor.numpy() for tensor in tensors]


X, A1, A2, A3, Z1, Z2, T = values(x, a1, a2, a3, z1, z2, t)
delta3 = A3 - T

header = ["gradient", "shape", "largest entry", "largest difference", "verdict"]
table(
    "The output layer",
    header,
    [
        compare("dE/dz3 = a3 - t", delta3, steps[z3].gradient),
        compare("dE/dW3 = a2ᵀ (a3 - t)", A2.T @ delta3, W[2].grad.numpy()),
        compare("dE/db3 = a3 - t", delta3, b[2].grad.numpy()),
    ],
)

# %%
# The hidden layers, left to the reader
# -------------------------------------
# A layer's error goes back through that layer's weights, and only to units that were on:
#
# - ``delta2 = (delta3 W3ᵀ) * (z2 > 0)``, then ``dE/dW2 = a1ᵀ delta2`` and ``dE/db2 = delta2``;
# - ``delta1 = (delta2 W2ᵀ) * (z1 > 0)``, then ``dE/dW1 = xᵀ delta1`` and ``dE/db1 = delta1``.
#
# It is one equation, twice: the reader's share of the work is to see that it repeats.

delta2 = (delta3 @ W[2].numpy().T) * (Z2 > 0)
delta1 = (delta2 @ W[1].numpy().T) * (Z1 > 0)

table(
    "The hidden layers",
    header,
    [
        compare("delta2 = (delta3 W3ᵀ) * (z2 > 0)", delta2, steps[z2].gradient),
        compare("dE/dW2 = a1ᵀ delta2", A1.T @ delta2, W[1].grad.numpy()),
        compare("dE/db2 = delta2", delta2, b[1].grad.numpy()),
        compare("delta1 = (delta2 W2ᵀ) * (z1 > 0)", delta1, steps[z1].gradient),
        compare("dE/dW1 = xᵀ delta1", X.T @ delta1, W[0].grad.numpy()),
        compare("dE/db1 = delta1", delta1, b[0].grad.numpy()),
    ],
)

# %%
# A comparison that can't fail shows nothing, so here are three common slips that it must catch.

everywhere = (delta3 @ W[2].numpy().T) @ W[1].numpy().T
wrong_mask = (delta2 @ W[1].numpy().T) * (Z1 < 0)
table(
    "Slips",
    header,
    [
        compare("relu's mask forgotten", X.T @ everywhere, W[0].grad.numpy()),
        compare("relu's mask inverted", X.T @ wrong_mask, W[0].grad.numpy()),
        compare("a2 for a1 in dE/dW2", A2.T @ delta2, W[1].grad.numpy()),
    ],
)

# %%
# Hand and tape could still share a mistake. A difference quotient depends on neither: move one
# weight a little both ways and see what the loss does.

H = 1e-6


def slope(layer, index):
    """The central difference of E in one weight."""
    ends = []
    for step in (H, -H):
        moved = [w.numpy().copy() for w in W]
        moved[layer][index] += step
        zs, _ = forward(x, moved)
        ends.append(cross_entropy(zs[2], t).item())
    return (ends[0] - ends[1]) / (2 * H)


strongest = [np.unravel_index(np.abs(w.grad.numpy()).argmax(), w.shape) for w in W]
table(
    "The largest entry of each gradient, and the slope of the loss itself",
    ["weight", "backward()", "by hand", "difference quotient"],
    [
        (f"W{layer}[{i}, {j}]", w.grad.numpy()[i, j], hand[i, j], slope(layer - 1, (i, j)))
        for layer, w, hand, (i, j) in zip(
            (1, 2, 3), W, (X.T @ delta1, A1.T @ delta2, A2.T @ delta3), strongest, strict=True
        )
    ],
)

# %%
# The condition that the source does not state
# --------------------------------------------
# On the way to ``a3 - t`` the derivation arrives at ``a3 · Σ t - t`` and puts 1 for the sum. That
# is right for a one-hot target and for any probabilities, but not for a sample that has two classes
# at once.

rows = []
for target in ([0, 1, 0], [0.2, 0.3, 0.5], [1, 0, 1], [0, 0, 0]):
    T = np.array([target], float)
    gradient = tx.grad(cross_entropy)(z3.detach(), T).numpy()
    published, general = A3 - T, A3 * T.sum() - T
    assert np.allclose(gradient, general)
    verdict = "agrees" if np.allclose(gradient, published) else "WRONG"
    rows.append((" ".join(map(str, target)), f"{T.sum():g}", gradient, published, verdict))
table("dE/dz3", ["t", "Σ t", "backward() = a3 Σ t - t", "a3 - t", "a3 - t is"], rows)

# %%
# Softmax shares out one unit of probability, and two classes can't both have it: with ``t = [1, 0, 1]``
# the best it can do is a half each. A sample with several classes needs one sigmoid per class.

# %%
# The pictures
# ------------
# First the recorded computation, each layer as one box.

save(viz.draw(E, fold=0, parameters="outside"), "mlp_backprop.svg")

# %%
# Then the network itself, with the gradient on it: a line is a weight, its width the size of
# ``dE/dw``, its colour the sign. Nothing passes a unit that is off.

figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
UP, DOWN = "#D55E00", "#0072B2"
places = [
    [(layer, (size - 1) / 2 - unit) for unit in range(size)] for layer, size in enumerate(SIZES)
]
largest = max(np.abs(w.grad.numpy()).max() for w in W)
for layer, w in enumerate(W):
    for (i, j), g in np.ndenumerate(w.grad.numpy()):
        start, end = places[layer][i], places[layer + 1][j]
        axes.plot(*zip(start, end, strict=True), color="#DDDDDD", linewidth=0.6, zorder=1)
        if g:
            colour, width = (UP if g > 0 else DOWN), 0.3 + 6 * abs(g) / largest
            axes.plot(*zip(start, end, strict=True), color=colour, linewidth=width, zorder=2)
for column, activations in zip(places, (X, A1, A2, A3), strict=True):
    for (right, up), value in zip(column, activations[0], strict=True):
        face = "white" if value == 0 else "#FFF3C4"
        axes.scatter(right, up, s=1100, color=face, edgecolor="black", zorder=3)
        axes.text(right, up, f"{value:.2f}" if value else "off", ha="center", va="center", zorder=4)
for layer, name in enumerate(("x", "a1 = relu", "a2 = relu", "a3 = softmax")):
    axes.text(layer, max(SIZES) / 2, name, ha="center", fontweight="bold")
for k, target in enumerate(t.numpy()[0]):
    axes.text(3.22, places[3][k][1], f"t = {target:g}", va="center")
axes.plot([], [], color=UP, linewidth=4, label="dE/dw > 0: the step lowers w")
axes.plot([], [], color=DOWN, linewidth=4, label="dE/dw < 0: the step raises w")
axes.legend(loc="lower center", bbox_to_anchor=(0.5, -0.06), ncols=2, frameon=False)
axes.set_xlim(-0.3, 3.6)
axes.set_ylim(-1.9, 2.3)
axes.axis("off")
save(figure, "mlp_backprop.png")
