"""
A published example, audited
============================

Five nodes of a graph, each with an embedding of four numbers, are to be put into three classes: one
linear layer, softmax, cross-entropy, one step of gradient descent. A textbook page works it through
by hand to two digits. Here the same data goes through the tape, every figure on the page is
compared with the true one, each wrong one is traced to its cause, and then the classifier is
trained.
"""

# %%
# The data
# --------
# A row of ``Z`` is a node's embedding, a column of ``W`` the weights of a class.

from itertools import permutations
from textwrap import indent

import matplotlib.pyplot as plt
import numpy as np
from lesson import save, table

import tinygrad_xent as tx
import viz

RATE = 0.2

Z = tx.Tensor(
    [
        [0.5, 0.6, 0.7, 0.8],
        [0.3, 0.8, 0.3, 0.4],
        [0.7, 0.9, 0.6, 0.9],
        [0.2, 0.1, 0.2, 0.3],
        [0.8, 0.4, 0.3, 0.2],
    ],
    name="Z",
)
W = tx.Tensor(
    [
        [0.17, 0.75, 0.53],
        [0.40, -0.04, -0.04],
        [-0.14, 0.67, 0.40],
        [0.51, -0.18, 0.77],
    ],
    requires_grad=True,
    name="W",
)
b = tx.Tensor([0.05, -0.11, -0.32], requires_grad=True, name="b")
classes = np.array([0, 1, 0, 1, 2])
N, K = 5, 3

table("The nodes", ["node", "embedding", "class"], zip(range(1, 6), Z, classes, strict=True), 1)
table("The layer", ["class", "weights", "bias"], zip(range(3), W.T, b, strict=True), 2)

# %%
# And this is what the page prints, digit for digit.

published = {
    "h1": "0.68 0.57 0.82",
    "h2": "0.58 0.21 0.23",
    "h3": "0.90 0.62 0.95",
    "h4": "0.25 0.12 0.09",
    "h5": "0.47 0.55 0.40",
    "p1": "0.33 0.29 0.38",
    "p2": "0.42 0.29 0.29",
    "p3": "0.36 0.27 0.37",
    "p4": "0.37 0.32 0.31",
    "p5": "0.33 0.36 0.31",
    "class": "2 0 2 0 1",
    "loss": "-1.1358",
    "dL/dw0": "-1.62 -1.77 -1.29 -1.73",
    "new w0": "0.49 0.75 0.12 0.86",
}


def right(p):
    """How many nodes get their own class."""
    return int((tx.argmax(p, axis=1).numpy() == classes).sum())


def printed(*quantities):
    """The page's figures as an array, one row per quantity."""
    return np.array([published[name].split() for name in quantities], float)


# %%
# How the audit judges
# --------------------
# A printed figure may be the true one rounded. It may follow from a figure that was printed before
# it, right or wrong. Or it is an error. ``audit`` decides from the numbers alone. Where it finds an
# error we look for the cause: a guess at what the author did explains the error only if it gives
# every printed figure to its last digit.

report = []  # all findings, for the list at the end


def step(title, true, alternatives=None):
    """Print the page's figures of one step beside the true ones, each with its verdict."""
    claims = {name: published[name] for name in true if name in published}
    findings = list(tx.check.audit(claims, true, alternatives=alternatives))
    report.extend(findings)
    rows = [(f.quantity, " ".join(f.published), true[f.quantity], short(f)) for f in findings]
    table(title, ["", "published", "true", "verdict"], rows)


def short(finding):
    """The verdict in one phrase; for several wrong figures, only how many they are."""
    wrong = [v for v in finding.verdicts if v.startswith("error")]
    return finding.verdict if len(wrong) < 2 else f"error in {len(wrong)} of {len(finding.true)}"


def guess(name, figures):
    """Whether these figures, rounded, are what the page prints under a name."""
    wrong = tx.check.audit({name: published[name]}, {name: figures}).errata
    return "explains it" if not wrong else "does not"


# %%
# Step 1: logits
# --------------
# ``h = Z W + b``: for each node one number per class, the larger the likelier.


def forward(W, b):
    """Logits, probabilities and the mean loss of the five nodes."""
    h = Z @ W + b
    p = tx.softmax(h, axis=1)
    with tx.scope("cross_entropy", "-Σ log p[class] / N"):
        loss = -tx.log(p[np.arange(N), classes]).mean()
    return h, p, loss


h, p, loss = forward(W, b)
h.name, p.name, loss.name = "h", "p", "loss"

step("Step 1 · logits h = Z W + b", {f"h{n}": h[n - 1].detach() for n in range(1, 6)})

# %%
# Four rows are right and the fifth is not. What was multiplied there? Two guesses: the bias was
# forgotten, or the embedding was read in another order. There are 24 orders.

rows = [("bias forgotten", Z[4] @ W, guess("h5", Z[4] @ W))]
misread = []
for order in permutations(range(4)):
    x5 = Z.numpy()[4][list(order)]
    if guess("h5", x5 @ W + b) == "explains it":
        misread.append(x5)
        rows.append((f"node 5 read as {x5}", x5 @ W + b, guess("h5", x5 @ W + b)))
table("Where does the published h5 come from?", ["guess", "h5 would be", "verdict"], rows)
print(f"\n  {len(misread)} of the 24 orders gives the page's figures.")

# %%
# One order and no other: the last two components of node 5 changed places. The same slip will turn
# up again below.

Z_misread = Z.numpy().copy()
for x5 in misread:
    Z_misread[4] = x5

# %%
# Step 2: probabilities
# ---------------------
# Softmax makes each row positive with sum 1. The predicted class is the largest.

from_h5 = {"p5": tx.softmax(printed("h5")[0])}
step(
    "Step 2 · probabilities p = softmax(h)",
    {f"p{n}": p[n - 1].detach() for n in range(1, 6)} | {"class": tx.argmax(p, axis=1)},
    {"the published h5": from_h5},
)
print(f"\n  Right so far: {right(p)} of 5 nodes.")

# %%
# Step 3: the loss
# ----------------
# The mean of minus the logarithm of the probability that each node's own class got. Such a logarithm
# is never positive, so the loss is never negative.

P_page = printed("p1", "p2", "p3", "p4", "p5")
loss_page = -np.log(P_page[np.arange(N), classes]).mean()
step(
    "Step 3 · loss = -Σ log p[class] / N", {"loss": loss}, {"the published p": {"loss": loss_page}}
)

# %%
# The sign was lost. The size follows from the probabilities as printed, the wrong ``p5`` among
# them: they give 1.135761. In practice the loss is one call, which works directly on the logits and
# so never takes the logarithm of a probability that underflowed to 0:

by_library = tx.cross_entropy(h, classes)
print(f"\n  tx.cross_entropy(h, classes) = {by_library.item():.6f}")

# %%
# Step 4: gradients
# -----------------
# One call walks back along the tape and stores in every parameter how the loss changes with it.

loss.backward()
dw, db = W.grad.numpy(), b.grad.numpy()

step("Step 4 · gradients", {f"dL/dw{i}": dw[:, i] for i in range(K)} | {"dL/db": db})

# %%
# All four published figures are far off. The page's rule is ``Σ (p - 1) x`` over the nodes. Three
# questions about it, one by one: does it give the page's own figures? What does it lack? And what
# is the true gradient?

X, P, Y = Z.numpy(), p.numpy(), np.eye(K)[classes]
candidates = {
    "Σ (p - 1) x  published p": (P_page - 1).T @ X,
    "  ...        node 5 misread": (P_page - 1).T @ Z_misread,
    "Σ (p - 1) x  true p": (P - 1).T @ X,
    "Σ (p - y) x": (P - Y).T @ X,
    "Σ (p - y) x / N": (P - Y).T @ X / N,
}


def judge(gradient):
    """How many components are as the page prints them, and whether the tape finds this gradient."""
    found = tx.check.audit({"dL/dw0": published["dL/dw0"]}, {"dL/dw0": gradient})["dL/dw0"]
    same = sum(not v.startswith("error") for v in found.verdicts)
    return f"{same} of 4", np.allclose(gradient, dw[:, 0], rtol=1e-12)


table(
    f"Which rule gives the published dL/dw0, {published['dL/dw0']}? And which is right?",
    ["rule", "dL/dw0", "as printed", "backward()"],
    [(rule, gradient[0], *judge(gradient[0])) for rule, gradient in candidates.items()],
)

# %%
# So there are three errors in one line of four figures. Two components do not follow even from the
# page's rule, unless node 5 is misread in the very way that explains ``h5``: one slip, made once, went
# into both. The ``1`` must be ``y``, 1 for the node's own class and 0 for the others; the page's rule
# does not contain the classes at all, so it can't learn them. And the mean's ``1/N`` is missing.
#
# ``diagnose`` comes to the same conclusions without being told where to look; given the misread
# node 5, it finds every component accounted for.

for nodes, inputs in (("node 5 as given", X), ("node 5 misread", Z_misread)):
    diagnosis = tx.check.diagnose(
        printed("dL/dw0")[0], dw[:, 0], x=inputs, p=P_page[:, 0], y=Y[:, 0], digits=2
    )
    print(f"\nDiagnosis of the published dL/dw0, {nodes}")
    print(indent(str(diagnosis), "  "))

# %%
# The same holds for the bias, where the page gives the rule ``Σ (p - 1)`` but no figures:

table(
    "dL/db",
    ["rule", "dL/db", "backward()"],
    [
        ("Σ (p - 1)", (P - 1).sum(0), np.allclose((P - 1).sum(0), db)),
        ("Σ (p - y) / N", (P - Y).sum(0) / N, np.allclose((P - Y).sum(0) / N, db)),
    ],
)

# %%
# Step 5: the order of the chain
# ------------------------------
# The page multiplies ``dL/dh · dh/dp · dp/dw``. But ``w`` makes ``h``, ``h`` makes ``p`` and ``p``
# makes the loss, so the links are ``dL/dp · dp/dh · dh/dw``. That is more than a slip of the pen:
# ``dh/dp`` does not exist. Softmax ignores a number added to all logits, so its Jacobian has no
# inverse.

by_p = tx.trace(loss)[p].gradient  # a trace has the gradient of every value on the way
chain, ranks = np.zeros((K, 4)), set()
for n in range(N):
    dp_dh = tx.jacobian(tx.softmax)(h[n].detach()).numpy()
    dh_dw = np.eye(K)[:, :, None] * X[n]  # logit i depends on w_i alone, with slope x_n
    chain += np.tensordot(by_p[n] @ dp_dh, dh_dw, axes=1)
    ranks.add(int(np.linalg.matrix_rank(dp_dh)))
invertible = ranks == {K}
chain_is_right = np.allclose(chain.T, dw, rtol=1e-12)
table(
    "Step 5 · the chain rule",
    ["order", "computed", "verdict"],
    [
        (
            "dL/dp · dp/dh · dh/dw",
            f"dL/dw0 = {' '.join(f'{x:.6f}' for x in chain[0])}",
            "equals backward()" if chain_is_right else "WRONG",
        ),
        (
            "dL/dh · dh/dp · dp/dw",
            f"dp/dh is {K} × {K} of rank {', '.join(map(str, ranks))}",
            "possible" if invertible else "error: no dh/dp",
        ),
    ],
)

# %%
# The recorded computation, each value with its gradient, as the tape has it:

save(viz.draw(loss), "node_classification.svg", "node_classification.png")

# %%
# Step 6: one update
# ------------------
# ``w - 0.2 dL/dw``. The published ``w0`` follows from the published gradient; the true one is elsewhere.

W_new, b_new = W.detach() - RATE * dw, b.detach() - RATE * db
w0_page = W.numpy()[:, 0] - RATE * printed("dL/dw0")[0]
step(
    "Step 6 · the parameters after one step",
    {f"new w{i}": W_new[:, i] for i in range(K)} | {"new b": b_new},
    {"its dL/dw0": {"new w0": w0_page}},
)

# %%
# What matters is what the step does to the loss. The page's rule, applied to all weights and biases as
# it says, makes the loss larger.

G, g = X.T @ (P - 1), (P - 1).sum(0)
only_w0 = W.numpy().copy()
only_w0[:, 0] -= RATE * G[:, 0]
after = {
    "the true rule": forward(W_new, b_new)[2].item(),
    "the published rule": forward(W.numpy() - RATE * G, b.numpy() - RATE * g)[2].item(),
    "the published rule, on w0 alone": forward(only_w0, b.numpy())[2].item(),
}
table(
    "The loss after one step",
    ["step by", "before", "after", ""],
    [
        (rule, loss.item(), value, "falls" if value < loss.item() else "RISES")
        for rule, value in after.items()
    ],
)

# %%
# With ``w0`` alone, the only weights whose update the page prints, the loss would fall by luck: the
# rule raises the first class for every node, and two of the five belong to it.

# %%
# Training
# --------
# The same step over and over, until every node gets its own class. Beside it the published rule
# makes as many steps from the same start.


def true_rule(h, p, loss, parameters):
    """The gradients by backward()."""
    for parameter in parameters:
        parameter.zero_grad()
    loss.backward()
    return [parameter.grad.numpy() for parameter in parameters]


def published_rule(h, p, loss, parameters):
    """The gradients as the page has them."""
    return [X.T @ (p.numpy() - 1), (p.numpy() - 1).sum(axis=0)]


def train(rule, most=1000):
    """Descend until all nodes are right, or for `most` steps: the loss and nodes right at each."""
    parameters = [tx.Tensor(start, requires_grad=True) for start in (W.numpy(), b.numpy())]
    history = []
    while True:
        h, p, loss = forward(*parameters)
        history.append((loss.item(), right(p), p.numpy()[np.arange(N), classes]))
        if right(p) == N or len(history) > most:
            return history
        for parameter, gradient in zip(parameters, rule(h, p, loss, parameters), strict=True):
            parameter.data -= RATE * gradient


trained = train(true_rule)
misled = train(published_rule, most=len(trained) - 1)
last = len(trained) - 1
table(
    "Training",
    ["step", "loss", "right", "loss, published rule", "right"],
    [(k, *trained[k][:2], *misled[k][:2]) for k in (0, 1, 2, 5, 10, 20, 50, last)],
)
print(f"\n  All five nodes are right after {last} steps.")

# %%
# The published rule lowers each class by how likely it already is, whatever the nodes are. That ends
# with all classes equally likely, at a loss of log 3.

figure, (left, middle) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
left.plot([value for value, *_ in trained], color="black", label="true gradient")
left.plot([value for value, *_ in misled], color="#D55E00", linestyle="--", label="published rule")
left.axhline(np.log(K), color="grey", linewidth=0.8, linestyle=":")
left.text(last, np.log(K) - 0.008, "log 3: a guess among three", va="top", ha="right", color="grey")
left.set_ylabel("loss")
left.legend(frameon=False)
for n in range(N):
    curve = [own[n] for *_, own in trained]
    colour = ("#0072B2", "#009E73", "#CC79A7")[classes[n]]
    middle.plot(curve, color=colour, linestyle="-" if n < 2 or n == 4 else "--")
    middle.annotate(
        f"node {n + 1}, class {classes[n]}",
        (last, curve[-1]),
        (6, 0),
        textcoords="offset points",
        va="center",
        color=colour,
    )
middle.set_ylabel("probability of the node's own class")
for axes in (left, middle):
    axes.set_xlabel("step")
    axes.spines[["top", "right"]].set_visible(False)
save(figure, "node_classification_training.png")

# %%
# The errata
# ----------
# Every figure on the page that is not the true one rounded, and every wrong formula, in order.

moved = [f"x{j}" for j in np.flatnonzero(Z_misread[4] != X[4])]
by_own_rule = candidates["Σ (p - 1) x  published p"][0]
errors = {f.quantity for f in report if f.is_error}
follows = {f.quantity: f.verdict for f in report if f.verdict.startswith("follows")}

errata = [
    (
        "h5",
        f"{' and '.join(moved)} of node 5 changed places",
        f"{len(misread)} of the 24 orders gives {published['h5']}",
        "h5" in errors and len(misread) == 1,
    ),
    (
        "p5",
        "softmax of the wrong h5",
        follows.get("p5", ""),
        guess("p5", from_h5["p5"]) == "explains it",
    ),
    (
        "loss",
        "the minus sign was lost",
        f"the published p give {loss_page:+.6f}",
        loss_page > 0 and guess("loss", -loss_page) == "explains it",
    ),
    (
        "dL/dw",
        "1 for every class, not only the node's",
        "Σ (p - y) x / N equals backward()",
        np.allclose((P - Y).T @ X / N, dw.T) and not np.allclose((P - 1).T @ X / N, dw.T),
    ),
    (
        "dL/dw",
        "the mean's 1/N is missing",
        f"Σ (p - y) x is {((P - Y).T @ X / dw.T).mean():.6f} times backward()",
        np.allclose((P - Y).T @ X, N * dw.T),
    ),
    (
        "dL/dw0",
        "components 2, 3 break its own rule",
        f"it gives {by_own_rule[2]:.3f} {by_own_rule[3]:.3f}; node 5 misread",
        judge(by_own_rule)[0] == "2 of 4"
        and guess("dL/dw0", (P_page - 1)[:, 0] @ Z_misread) == "explains it",
    ),
    (
        "dL/db",
        "the same 1, and the same 1/N",
        "Σ (p - y) / N equals backward()",
        np.allclose((P - Y).sum(0) / N, db) and not np.allclose((P - 1).sum(0), db),
    ),
    (
        "chain",
        "the order dL/dh · dh/dp · dp/dw",
        f"dp/dh has rank {max(ranks)} of {K}: no dh/dp",
        chain_is_right and not invertible,
    ),
    (
        "new w0",
        "a step along the wrong gradient",
        f"loss {loss.item():.6f} → {after['the published rule']:.6f}, up",
        "new w0" in follows and after["the published rule"] > loss.item() > after["the true rule"],
    ),
]
table("Errata", ["where", "what went wrong", "evidence", "holds"], errata)
