"""
Classic mistakes
================

Softmax and cross-entropy, written by hand, go wrong in a dozen well-known ways. Some give ``nan``,
some train, only worse, and most give no error at all. There is one cell per mistake: the broken
version, the tool that catches it and what it says, and the fix. The tools are in ``tx.check``; they
read the recorded computation, so a healthy run does not pay for them.
"""

# %%
# The problem that all cells share: five samples, three classes, a linear layer; then the right loss
# and the right gradient. ``quiet`` keeps NumPy's own warnings out of the way: they do not name our
# operations.

import itertools
import textwrap
import warnings

import matplotlib.pyplot as plt
import numpy as np
from lesson import heading, number, save, table

import tinygrad_xent as tx
import viz
from tinygrad_xent import check

quiet = np.errstate(all="ignore")
rng = np.random.default_rng(7)
X = rng.normal(size=(5, 4)).round(2)
labels = np.array([0, 1, 2, 1, 0])
Y = np.eye(3)[labels]
N = len(X)


def say(report):
    """Print what a tool says, with long lines wrapped."""
    print()
    for line in str(report).splitlines():
        print(textwrap.fill(line, 98, initial_indent="  ", subsequent_indent="      "))


def layer():
    """A fresh weight and bias, the same each time."""
    numbers = np.random.default_rng(8)
    W = tx.Tensor(numbers.normal(size=(4, 3)).round(2), requires_grad=True, name="W")
    return W, tx.Tensor(np.zeros(3), requires_grad=True, name="b")


def far_logits():
    """Logits as after long training: two samples, each with its class ahead by 900."""
    return tx.Tensor([[900.0, 0.0, 0.0], [0.0, 900.0, 0.0]], requires_grad=True, name="Z")


W, b = layer()
Z = X @ W + b
loss = tx.cross_entropy(Z, labels)
loss.backward()
P = tx.softmax(Z).numpy()
true_w, true_bias, true_z = W.grad.numpy(), b.grad.numpy(), (P - Y) / N

print(f"  loss {loss.item():.6f}, and lint says: {check.lint(loss, [W, b])}")
print(f"  autopsy of a healthy loss: {check.explain_nonfinite(loss)}")

# %%
# exp without a shift
# -------------------
# ``exp(900)`` is more than a float64 can hold. The quotient is then ``inf / inf``, which is ``nan``; the
# loss shows the ``nan``, the autopsy shows the ``exp``.

heading("1 · exp without a shift")


@quiet
def softmax_without_a_shift(z):
    e = tx.exp(z)
    return e / e.sum(axis=1, keepdims=True)


unshifted = check.explain_nonfinite(softmax_without_a_shift(far_logits()).sum())
say(unshifted)

# %%
# The fix: ``tx.softmax``, which subtracts each row's largest logit first.

print(f"\n  fixed: {tx.softmax(far_logits()).numpy().tolist()}")

# %%
# The largest logit of the whole batch
# ------------------------------------
# Subtracting *a* maximum is not enough: it has to be the row's own. A row that lies far below the
# batch's maximum has only zeros after ``exp``, and 0 / 0 is ``nan``, for that row alone.

heading("2 · The largest logit of the whole batch")


@quiet
def softmax_shifted_by_the_batch(z):
    e = tx.exp(z - z.max())  # should be z.max(axis=1, keepdims=True)
    return e / e.sum(axis=1, keepdims=True)


two_rows = tx.Tensor([[0.0, 1.0], [900.0, 901.0]], requires_grad=True, name="Z")
shifted = check.explain_nonfinite(softmax_shifted_by_the_batch(two_rows).sum())
say(shifted)
print(f"\n  fixed: {tx.softmax(two_rows).numpy().round(4).tolist()}")

# %%
# log of softmax, and 0 · log 0
# -----------------------------
# The formula on paper is ``-Σ Y log p``. On a machine a probability underflows to 0, its logarithm is
# ``-inf``, and where the label is 0 the product ``0 · -inf`` is ``nan``: a sample that is classified
# correctly makes the loss ``nan``.

heading("3 · log of softmax, and 0 · log 0")


@quiet
def loss_as_on_paper(z, y):
    p = tx.softmax(z, axis=1)
    return -(y * tx.log(p)).sum(axis=1).mean()


on_paper = loss_as_on_paper(far_logits(), Y[:2])
underflow = check.explain_nonfinite(on_paper)
say(underflow)

# %%
# It need not have happened yet: lint sees the danger in the graph of a loss that is still finite.

paper_lint = check.lint(loss_as_on_paper(X @ W + b, Y))
say(paper_lint)
print(f"\n  fixed: {number(tx.cross_entropy(far_logits(), labels[:2]).item())}")

# %%
# Clipping as a fix
# -----------------
# ``log(clip(p, 1e-12, 1))`` is never infinite, so it looks like a cure. But where the clip acts,
# its gradient is 0: a sample that is wrong by 900, such as the one below, learns nothing, although
# its true gradient is ±1.

heading("4 · Clipping as a fix")


def clipped_loss(z, y):
    p = tx.clip(tx.softmax(z, axis=1), 1e-12, 1.0)
    return -(y * tx.log(p)).sum()


wrong_by_far = Y[:1]  # class 0, where the logits say class 1


def slope(f):
    z = tx.Tensor([[0.0, 900.0, 0.0]], requires_grad=True, name="Z")
    f(z).backward()
    return z.grad.numpy()[0]


clipped_slope = slope(lambda z: clipped_loss(z, wrong_by_far))
true_slope = slope(lambda z: tx.cross_entropy(z, labels[:1]))
table(
    "A sample of class 0 that is taken for class 1: the gradient of its logits",
    ["loss", "gradient"],
    [("log of clip of softmax", clipped_slope), ("cross_entropy", true_slope)],
    digits=0,
)

# %%
# Two tools see it: ``why`` asks what gradient the probability of the true class gets, and finds
# that the clip, its only use, passes nothing on; lint names the clip.

z = tx.Tensor([[0.0, 900.0, 0.0]], requires_grad=True, name="Z")
clipped = clipped_loss(z, wrong_by_far)
steps = tx.trace(clipped)
(probabilities,) = [entry for entry in steps if entry.op == "softmax"]
lost = check.why(probabilities, (0, 0), of=steps)
clip_lint = check.lint(clipped)
say(lost)
say(clip_lint)

# %%
# Softmax twice
# -------------
# ``cross_entropy`` takes logits. Given probabilities it takes their softmax, and since
# probabilities differ by 1 at most, the result is nearly uniform: the loss can't fall below 0.55
# for three classes, however sure the model is. It trains, slowly, and nothing complains. A picture
# shows lint's finding as a badge.

heading("5 · Softmax twice")
W, b = layer()
twice = tx.cross_entropy(tx.softmax(X @ W + b), labels)
twice_lint = check.lint(twice)
print(f"\n  fixed: {check.lint(tx.cross_entropy(X @ W + b, labels))}")
floor = tx.cross_entropy(np.array([[1.0, 0.0, 0.0]]), [0])
say(twice_lint)
save(viz.draw(twice, findings=twice_lint, direction="LR"), "classic_mistakes_lint.svg")
print(f"  the loss of a perfect prediction: {floor:.4f}; of its logits: 0.0000")

# %%
# A sigmoid before a loss on logits
# ---------------------------------
# The same mistake with two classes: ``softplus(z) - t z`` is binary cross-entropy of the *logit* z.

heading("6 · A sigmoid before a loss on logits")
w = tx.Tensor(np.array([0.5, -0.3, 0.2, 0.1]), requires_grad=True, name="w")
t = (labels == 0).astype(float)
p = tx.sigmoid(X @ w)
squashed_lint = check.lint((tx.softplus(p) - t * p).mean())
say(squashed_lint)
z = X @ w
print(f"\n  fixed: {check.lint((tx.softplus(z) - t * z).mean())}")

# %%
# A column against a row
# ----------------------
# ``X @ w`` with a ``w`` of shape (4, 1) is a column. Minus labels of shape (5,) it broadcasts to a
# table of all 25 pairs: the mean is taken, the loss is a number, and it trains on nonsense.

heading("7 · A column against a row")
column = tx.Tensor([[0.5], [-0.3], [0.2], [0.1]], requires_grad=True, name="w")
pairs = X @ column - t
pairs_lint = check.lint((pairs * pairs).mean())
say(pairs_lint)
errors = (X @ column).reshape(-1) - t
print(f"\n  fixed: {check.lint((errors * errors).mean())}")

# %%
# The gradient by hand
# --------------------
# The true rule is ``dL/dW = Xᵀ (P - Y) / N``. ``diagnose`` is given what was derived by hand and what
# ``backward()`` finds, and names the slip.

heading("8 · The gradient by hand")
by_hand = {
    "Xᵀ (Y - P) / N": X.T @ (Y - P) / N,
    "Xᵀ (P - Y)": X.T @ (P - Y),
    "Xᵀ (P - 1) / N": X.T @ (P - 1) / N,
    "Xᵀ (P - 1)": X.T @ (P - 1),
    "(P - Y)ᵀ X / N": (P - Y).T @ X / N,
    "Xᵀ (P - Y) / N²": X.T @ (P - Y) / N**2,
    "Xᵀ (P - Y) / N": X.T @ (P - Y) / N,
}
said = {rule: check.diagnose(claim, true_w, x=X, p=P, y=Y) for rule, claim in by_hand.items()}
table(
    "dL/dW by hand",
    ["rule", "diagnosis"],
    [(rule, ", ".join(d.mistakes) or ("right" if d.is_right else "?")) for rule, d in said.items()],
)

# %%
# The bias is added to every row, so its gradient is the sum over the batch. If that sum is left
# out, or taken over the classes, the shape or the figures are wrong.

bias_by_hand = {
    "(P - Y) / N, row by row": (P - Y) / N,
    "Σ over the batch of P - 1, / N": (P - 1).sum(axis=0) / N,
    "Σ over the batch of P - Y, / N": (P - Y).sum(axis=0) / N,
}
bias_said = {rule: check.diagnose(g, true_bias, p=P, y=Y) for rule, g in bias_by_hand.items()}
table(
    "dL/db by hand",
    ["rule", "diagnosis"],
    [
        (rule, ", ".join(d.mistakes) or ("right" if d.is_right else "?"))
        for rule, d in bias_said.items()
    ],
)

# %%
# The diagonal of the Jacobian only
# ---------------------------------
# Softmax is not an elementwise function: every probability depends on every logit. Going back
# through it by ``g * p * (1 - p)``, as for a sigmoid, forgets everything off the diagonal.

heading("9 · The diagonal of the Jacobian only")
g = -Y / P / N  # the gradient of the probabilities
diagonal = check.diagnose(g * P * (1 - P), true_z, p=P, y=Y)
say(diagonal)

# %%
# Gradients that add up
# ---------------------
# ``backward()`` adds to ``.grad``: without ``zero_grad()`` the second step uses the sum of both steps.

heading("10 · Gradients that add up")
W, b = layer()
for _ in range(2):
    tx.cross_entropy(X @ W + b, labels).backward()
summed = check.diagnose(W.grad, true_w)
say(summed)
print("\n  fixed: W.zero_grad() before each backward()")

# %%
# The method overwritten by its result
# ------------------------------------
# A published class assigns ``self.softmax = self.softmax(z)``. The first call works; then the name
# means an array, and the method is gone. A check that calls a function once misses that;
# ``gradcheck`` calls it many times.

heading("11 · The method overwritten by its result")


class Classifier:
    def softmax(self, z):
        return tx.softmax(z, axis=1)

    def loss(self, z):
        self.softmax = self.softmax(z)  # should be another name
        return -tx.log(self.softmax[0, 0])


try:
    check.gradcheck(Classifier().loss, [[2.0, 1.0, -1.0]])
    overwritten = "nothing"
except TypeError as error:
    overwritten = str(error)
print(f"\n  gradcheck says: {overwritten}")


class Fixed(Classifier):
    def loss(self, z):
        self.p = self.softmax(z)
        return -tx.log(self.p[0, 0])


repaired = check.gradcheck(Fixed().loss, [[2.0, 1.0, -1.0]])
print(f"  fixed: {repaired}")

# %%
# Logits that are never trained
# -----------------------------
# ``detach()``, ``.numpy()`` or ``no_grad()`` in the wrong place cuts the tape. Here a penalty on the
# weights still reaches them, so the loss falls, and nothing is learned.

heading("12 · Logits that are never trained")
W, b = layer()
Z = X @ W + b
cut = tx.cross_entropy(Z.detach(), labels) + 0.01 * (W * W).sum()
cut_lint = check.lint(cut, [W, b])
say(cut_lint)
whole = tx.cross_entropy(Z, labels) + 0.01 * (W * W).sum()
print(f"\n  fixed: {check.lint(whole, [W, b])}")

# %%
# Overwritten before backward
# ---------------------------
# ``backward()`` needs the values of the forward pass. If a parameter was updated in between, it
# raises an error that names both lines.

heading("13 · Overwritten before backward")
V = tx.Tensor([[0.5], [0.25], [0.1]], requires_grad=True, name="V")
W, b = layer()
score = (tx.tanh(X @ W + b) @ V).sum()
V.data -= 0.1
try:
    score.backward()
    early = "nothing"
except tx.GraphError as error:
    early = str(error)
say(early)

# %%
# A raw NumPy array is not watched: changed in place after it was used, it makes ``backward()``
# silently wrong. The same goes for ``V.data[0] = 1``. ``check_unchanged`` computes the loss again
# and compares.

inputs = X.copy()
W, b = layer()
loss = tx.tanh(inputs @ W + b).sum()
inputs[0, 0] = 100.0
try:
    check.check_unchanged(loss)
    behind = "nothing"
except tx.GraphError as error:
    behind = str(error)
say(behind)

# %%
# A mask by product
# -----------------
# The entropy counts ``p log p`` as 0 where ``p = 0``. A product with a mask of zeros does not: ``0 · inf``
# is ``nan``. ``where`` selects, and what was not selected has no say, in the gradient either: there
# too ``0 · inf`` lies in wait, since the slope of ``log`` at 0 is infinite.

heading("14 · A mask by product")


@quiet
def entropy(p, selected):
    some, terms = p.numpy() > 0, p * tx.log(p)
    return -tx.where(some, terms, 0.0).sum() if selected else -(terms * some).sum()


p = tx.Tensor([0.5, 0.5, 0.0], requires_grad=True, name="p")
masked = check.explain_nonfinite(entropy(p, selected=False))
entropy(p, selected=True).backward()
say(masked)
print(f"\n  fixed: {p.grad.numpy().round(4).tolist()}")

# %%
# A learning rate too large
# -------------------------
# The parameters themselves explode. Here nobody has to ask: ``backward()`` looks at the loss and
# warns in that very step, with the text of the autopsy. It is a warning, not an error: the
# gradients are delivered, and a long run goes on.

heading("15 · A learning rate too large")
W, b = layer()
with quiet, warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(60):
        error = (X @ W + b) - Y
        loss = (error * error).sum()
        W.grad = b.grad = None
        loss.backward()
        W.data -= 1e8 * W.grad.numpy()
        b.data -= 1e8 * b.grad.numpy()
        if caught:
            break
say(caught[0].message)

# %%
# Recursion without creation order
# --------------------------------
# ``backward()`` walks the operations from the newest to the oldest. Why not simply recurse from the
# loss into the inputs? Two ways suggest themselves: pass on what a value has gathered each time
# something arrives, or visit each value once. Both are wrong as soon as a value is used twice and
# was itself computed. To find the smallest graphs that show it, here are all graphs of up to three
# additions of multiples, ``s·u + t·v``, in order of size. A graph is a list of pairs: the two
# values that each operation reads, by number; 0 is the leaf.

heading("16 · Recursion without creation order")
SLOPES = ((2.0, 3.0), (5.0, 7.0), (11.0, 13.0))


def creation_order(graph):
    """Newest first: when a value's turn comes, everything that used it has had its turn."""
    grads = [0.0] * len(graph) + [1.0]
    for op in range(len(graph), 0, -1):
        for source, s in zip(graph[op - 1], SLOPES[op - 1], strict=True):
            grads[source] += s * grads[op]
    return grads[0]


def pass_on_what_was_gathered(graph):
    """Recursion: at each arrival pass on all that has been gathered so far."""
    grads = [0.0] * (len(graph) + 1)

    def arrive(value, g):
        grads[value] += g
        if value:
            for source, s in zip(graph[value - 1], SLOPES[value - 1], strict=True):
                arrive(source, s * grads[value])

    arrive(len(graph), 1.0)
    return grads[0]


def visit_once(graph):
    """Recursion: gather at each arrival, pass on at the first visit only."""
    grads, visited = [0.0] * len(graph) + [1.0], set()

    def visit(value):
        if value == 0 or value in visited:
            return
        visited.add(value)
        for source, s in zip(graph[value - 1], SLOPES[value - 1], strict=True):
            grads[source] += s * grads[value]
        for source in graph[value - 1]:
            visit(source)

    visit(len(graph))
    return grads[0]


def every_path(graph):
    """The definition: the sum over all paths of the product of the slopes. Right, and exponential."""

    def paths(value):
        if value == 0:
            return 1.0
        pairs = zip(graph[value - 1], SLOPES[value - 1], strict=True)
        return sum(s * paths(source) for source, s in pairs)

    return paths(len(graph))


def on_the_tape(graph):
    """The graph computed with tensors, and the gradient that `backward()` finds."""
    values = [tx.Tensor(1.0, requires_grad=True, name="x")]
    for (u, v), (s, t) in zip(graph, SLOPES, strict=False):
        values.append(s * values[u] + t * values[v])
    values[-1].backward()
    return values[0].grad.item()


def used(graph):
    """Whether every operation but the last is read by another."""
    read = {source for pair in graph for source in pair}
    return set(range(1, len(graph))) <= read


graphs = [
    graph
    for size in (1, 2, 3)
    for graph in itertools.product(
        *(list(itertools.product(range(op), repeat=2)) for op in range(1, size + 1))
    )
    if used(graph)
]
rows = []
for walk in (creation_order, on_the_tape, pass_on_what_was_gathered, visit_once):
    wrong = [graph for graph in graphs if walk(graph) != every_path(graph)]
    first = wrong[0] if wrong else None
    size = str(len(first)) if first else "-"
    figures = f"{walk(first):g} for {every_path(first):g}" if first else "-"
    rows.append((walk.__name__, f"{len(wrong)} of {len(graphs)}", size, str(first or "-"), figures))
table(
    "Which walks are right",
    ["walk", "wrong", "smallest", "its operations read", "gradient"],
    rows,
)

# %%
# Two operations are enough: ``a = 2x + 3x``, then ``y = 5a + 7a``. The first arrival at ``a``
# passes on 5, the second 12, where 7 was meant. Visiting once fails only with a third operation:
# the loss reads ``a`` and something made from ``a``, and ``a`` passes its gradient on before that
# something has been visited.

x = tx.Tensor(1.0, requires_grad=True, name="x")
a = 2 * x + 3 * x
a.name = "a"
y = 5 * a + 7 * a
y.name = "y"
smallest = check.why(a, of=y)
say(smallest)
save(viz.draw(y), "classic_mistakes.svg")

# %%
# In one picture: what clipping costs. The loss of a sample, plotted against how far its true
# class's logit lies behind, and its slope: clipped, the loss is flat just where there is most to
# learn.

behind_by = np.linspace(0, 60, 241)
curves = {}
for name, f in {
    "log of clipped softmax": lambda z: clipped_loss(z, wrong_by_far),
    "cross_entropy": lambda z: tx.cross_entropy(z, labels[:1], reduction="sum"),
}.items():
    values = []
    for d in behind_by:
        z = tx.Tensor([[0.0, d, 0.0]], requires_grad=True)
        here = f(z)
        here.backward()
        values.append((here.item(), z.grad.numpy()[0, 0]))
    curves[name] = np.array(values)

styles = {"log of clipped softmax": ("#D55E00", (60, 25)), "cross_entropy": ("#0072B2", (51, 58))}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for name, (colour, place) in styles.items():
    for k, axis in enumerate(axes):
        axis.plot(behind_by, curves[name][:, k], color=colour, linewidth=2)
    axes[0].text(*place, name, color=colour, ha="right", va="top")
for axis, title in zip(axes, ("Loss", "Gradient of the true class's logit"), strict=True):
    axis.set_title(title, loc="left", fontweight="bold")
    axis.set(xlabel="the true class lies behind by")
    axis.spines[["top", "right"]].set_visible(False)
save(figure, "classic_mistakes.png")
