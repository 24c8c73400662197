"""
Handwritten digits
==================

A small network reads the digits that come with scikit-learn: its curves, its mistakes, and whether its
probabilities mean what they say, beside scikit-learn's own network on the same images.
"""

# %%
# The data
# --------
# 1797 images of 8 × 8 pixels. A fifth of each digit's images is held out.

import time

import matplotlib.pyplot as plt
import numpy as np
from lesson import save, table
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import tinygrad_xent as tx

images, digit = load_digits(return_X_y=True)
images = (images / 16).astype(np.float32)
SEEDS = range(5)


def split(seed):
    """Rows to train with and rows held out."""
    return train_test_split(np.arange(len(digit)), test_size=0.2, random_state=seed, stratify=digit)


train, held_out = split(0)
print(f"\n{len(train)} images to train with, {len(held_out)} held out.")

# %%
# Training
# --------
# ``verbose=1`` shows a progress bar with each epoch's loss and accuracy. There are two models: a
# plain one, and one with label smoothing, whose target is 0.91 for the right digit and 0.01 for the
# others.

EPOCHS = 40


def make(name, seed):
    """An untrained model."""
    settings = {"max_epochs": EPOCHS, "tol": None, "random_state": seed}
    if name != "linear":
        settings |= {"hidden_layer_sizes": (128, 64), "learning_rate": 1e-3}
    if name == "smoothed":
        settings["label_smoothing"] = 0.1
    return tx.SoftmaxClassifier(**settings)


model = make("smoothed", seed=0).set_params(verbose=1)
model.fit(images[train], digit[train])

# %%
# ``partial_fit`` is one epoch of ``fit``. So here is the same run again, with a look at the
# held-out images after each epoch.


def log_loss(p, truth):
    """The mean of -log p of the right class."""
    return float(-np.log(p[np.arange(len(truth)), truth]).mean())


def curves(name):
    """Loss and accuracy on the held-out images after each epoch, and the model."""
    model, after = make(name, seed=0), []
    for _ in range(EPOCHS):
        model.partial_fit(images[train], digit[train], classes=np.arange(10))
        p = model.predict_proba(images[held_out])
        after.append((log_loss(p, digit[held_out]), (p.argmax(axis=1) == digit[held_out]).mean()))
    return model, np.array(after)


followed = {name: curves(name) for name in ("plain", "smoothed")}
# The same run, but for rounding: a long fit compiles its step.
assert np.allclose(followed["smoothed"][0].loss_curve_, model.loss_curve_, rtol=1e-6)
table(
    "Accuracy in training and on the held-out images, and -log p on the latter",
    ["epoch", *(x for name in followed for x in (f"{name}: train", "held out", "-log p"))],
    [
        (k, *(x for m, h in followed.values() for x in (m.accuracy_curve_[k - 1], *h[k - 1, ::-1])))
        for k in (1, 2, 5, 10, 20, 30, EPOCHS)
    ],
    digits=3,
)

# %%
# Five seeds, beside scikit-learn
# -------------------------------
# A seed decides which fifth is held out, the first weights, and the order of the batches. scikit-learn's
# ``MLPClassifier`` gets the same layers, learning rate, batches and number of epochs as the plain model.


def trained(name, seed, rows):
    if name != "MLPClassifier":
        return make(name, seed).fit(images[rows], digit[rows])
    order = np.random.RandomState(seed)  # an int would shuffle every epoch the same way
    model = MLPClassifier((128, 64), batch_size=32, random_state=order)
    for _ in range(EPOCHS):
        model.partial_fit(images[rows], digit[rows], classes=np.arange(10))
    return model


NAMES = ["linear", "plain", "smoothed", "MLPClassifier"]
accuracy, answers, seconds = {}, {}, {}
for name in NAMES:
    begin, answers[name] = time.perf_counter(), []
    for seed in SEEDS:
        rows, others = split(seed)
        answers[name].append((others, trained(name, seed, rows).predict_proba(images[others])))
    seconds[name] = time.perf_counter() - begin
    accuracy[name] = [(p.argmax(axis=1) == digit[rows]).mean() for rows, p in answers[name]]
table(
    "Accuracy on the held-out fifth",
    ["model", *(f"seed {seed}" for seed in SEEDS), "mean", "seconds"],
    [
        (name, *(f"{a:.2%}" for a in row), f"{np.mean(row):.2%}", seconds[name])
        for name, row in accuracy.items()
    ],
    digits=1,
)

# %%
# Which digits it mistakes for which
# ----------------------------------
# All five held-out fifths together; an image may be in more than one.

rows = np.concatenate([rows for rows, _ in answers["smoothed"]])
truth = digit[rows]
pooled = {name: np.concatenate([p for _, p in answers[name]]) for name in NAMES}
said = pooled["smoothed"].argmax(axis=1)
confused = confusion_matrix(truth, said)
table(
    f"The smoothed model: {(said != truth).sum()} of {len(truth)} answers are wrong",
    ["digit", *(f"as {k}" for k in range(10)), "right"],
    [
        (k, *(str(n) if n else "·" for n in row), f"{row[k] / row.sum():.1%}")
        for k, row in enumerate(confused)
    ],
)

# %%
# Do the probabilities mean what they say?
# ----------------------------------------
# Of all answers given with 90% confidence, nine in ten should be right. Sort the answers by
# confidence into ten equal groups and compare each group's mean confidence with its accuracy; the
# mean difference is the expected calibration error.


def calibration(p, truth, groups=10):
    """Confidence and accuracy of each group, and the calibration error."""
    order = np.argsort(p.max(axis=1))
    right = p.argmax(axis=1) == truth
    parts = np.array_split(order, groups)
    points = np.array([(p[part].max(axis=1).mean(), right[part].mean()) for part in parts])
    return points, float(np.abs(points[:, 0] - points[:, 1]).mean())


# %%
# Smoothing taught the network to say 0.91 where it is nearly always right: it is too modest. One
# number cures that: multiply the logits by β, found on half of the images by gradient descent on
# their -log p. (log p is as good as the logits: softmax ignores a shift.) The other half judges.

log_p = np.log(pooled["smoothed"].astype(float))
fit_on, judge = rows % 2 == 0, rows % 2 == 1  # by image: none is in both halves
beta = tx.Tensor(1.0, requires_grad=True, name="β")
optimizer = tx.optim.SGD([beta], lr=1.0)
for _ in range(200):
    optimizer.zero_grad()
    tx.cross_entropy(beta * log_p[fit_on], truth[fit_on]).backward()
    optimizer.step()

judged = {name: p[judge].astype(float) for name, p in pooled.items()}
judged[f"smoothed, β = {beta.item():.2f}"] = tx.softmax(beta.item() * log_p[judge]).numpy()
table(
    f"The other half: {judge.sum()} answers",
    ["model", "accuracy", "mean confidence", "calibration error", "-log p", "99% sure, and wrong"],
    [
        (
            name,
            (p.argmax(axis=1) == truth[judge]).mean(),
            p.max(axis=1).mean(),
            calibration(p, truth[judge])[1],
            log_loss(p, truth[judge]),
            int(((p.max(axis=1) > 0.99) & (p.argmax(axis=1) != truth[judge])).sum()),
        )
        for name, p in judged.items()
    ],
    digits=4,
)

# %%
# The pictures
# ------------
# The curves: thin in training, thick on the held-out images. The loss is -log p of the right digit,
# except that the smoothed model's training loss uses the smoothed target and can't fall below 0.50.

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
COLOURS = {"plain": ORANGE, "smoothed": BLUE}
figure, (losses, accuracies) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
epochs = np.arange(1, EPOCHS + 1)
for name, (m, after) in followed.items():
    losses.plot(epochs, m.loss_curve_, color=COLOURS[name], linewidth=0.9)
    losses.plot(epochs, after[:, 0], color=COLOURS[name], linewidth=2.5)
    accuracies.plot(epochs, m.accuracy_curve_, color=COLOURS[name], linewidth=0.9)
    accuracies.plot(epochs, after[:, 1], color=COLOURS[name], linewidth=2.5)
    for axes, curve, words in (
        (losses, m.loss_curve_, "training"),
        (losses, after[:, 0], "held out"),
    ):
        axes.text(EPOCHS + 0.6, curve[-1], f"{name}, {words}", color=COLOURS[name], va="center")
    words = f"{name}, held out"
    accuracies.text(EPOCHS + 0.6, after[-1, 1], words, color=COLOURS[name], va="center")
accuracies.text(EPOCHS + 0.6, 1.0, "both, training", color=GREY, va="center")
losses.set(xlabel="epoch", yscale="log", xlim=(1, EPOCHS))
losses.set_title("Loss", loc="left", fontweight="bold")
accuracies.set(xlabel="epoch", ylim=(0.9, 1.004), xlim=(1, EPOCHS))
accuracies.yaxis.set_major_formatter("{x:.0%}")
accuracies.set_title("Accuracy", loc="left", fontweight="bold")
for axes in (losses, accuracies):
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#EEEEEE")
save(figure, "digits_training.png")

# %%
# What it mistakes for what, and how sure each model is compared with how often it is right.

figure, (matrix, plane) = plt.subplots(1, 2, figsize=(12, 5.4), layout="constrained")
share = confused / confused.sum(axis=1, keepdims=True)
matrix.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1.1)
for (i, j), n in np.ndenumerate(confused):
    if n:
        style = {"color": "white"} if i == j else {"color": ORANGE, "fontweight": "bold"}
        matrix.text(j, i, n, ha="center", va="center", **style)
matrix.set(xticks=range(10), yticks=range(10), xlabel="answer", ylabel="digit")
matrix.tick_params(length=0)
matrix.spines[:].set_visible(False)
matrix.set_title("The smoothed model's answers", loc="left", fontweight="bold")

plane.plot([0.5, 1], [0.5, 1], color=GREY, linewidth=1)
plane.text(
    0.63, 0.62, "confidence = accuracy", color=GREY, rotation=45, rotation_mode="anchor", va="top"
)
styles = (
    (ORANGE, "o-", (-8, 12), "right"),
    (BLUE, "o-", (-2, -10), "left"),
    (GREY, "s--", (-14, -2), "right"),
    (GREEN, "D-", (8, -3), "left"),
)
for (name, p), (colour, line, offset, side) in zip(list(judged.items())[1:], styles, strict=True):
    points, _ = calibration(p, truth[judge])
    plane.plot(*points.T, line, color=colour, linewidth=1.8, markersize=5)
    place = {"xytext": offset, "textcoords": "offset points", "ha": side}
    up = "bottom" if offset[1] > 0 else "top"
    plane.annotate(name.replace(", β", ",\nβ"), points[0], color=colour, va=up, **place)
plane.set(xlabel="mean confidence of a tenth of the answers", ylabel="how many of them are right")
plane.set(xlim=(0.5, 1.01), ylim=(0.5, 1.02))
plane.xaxis.set_major_formatter("{x:.0%}")
plane.yaxis.set_major_formatter("{x:.0%}")
plane.set_aspect("equal")
plane.spines[["top", "right"]].set_visible(False)
plane.set_title("Confidence and accuracy", loc="left", fontweight="bold")
save(figure, "digits_answers.png")

# %%
# And images that the smoothed model gets wrong, the surest first: its answer, and the right one.

wrong = np.flatnonzero(said != truth)
wrong = wrong[np.argsort(-pooled["smoothed"][wrong].max(axis=1))]
wrong = [k for i, k in enumerate(wrong) if rows[k] not in rows[wrong[:i]]]  # each image once
figure, panels = plt.subplots(2, 8, figsize=(12, 3.9), layout="constrained")
for panel in panels.flat:
    panel.axis("off")
for k, panel in zip(wrong, panels.flat, strict=False):
    panel.imshow(images[rows[k]].reshape(8, 8), cmap="gray_r")
    sure = pooled["smoothed"][k].max()
    panel.set_title(f"{said[k]}? {sure:.0%}\n", color=ORANGE, fontweight="bold", fontsize=12)
    panel.text(3.5, -0.75, f"it is {truth[k]}", ha="center", va="bottom", fontsize=10)
save(figure, "digits_wrong.png")
