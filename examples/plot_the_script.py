"""
The script that the tape writes
===============================

A tape knows what was computed, in which order, and how each gradient follows. Written down, that is a
program: a list of array calls. ``tx.script`` prints it as the NumPy script that the author of a textbook
would write. Here it is read, run without this package, and laid beside a class that an article writes
by hand for the same loss.
"""

# %%
# Your model
# ----------
# The batch of the article: two samples, three classes. Nothing here says how a gradient is computed.

import numpy as np
from lesson import heading, save, table

import tinygrad_xent as tx
import viz

A = tx.Tensor([[2.0, 1.0, 0.1], [0.1, 2.0, 1.9]], requires_grad=True, name="A")
Y = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])

loss = tx.cross_entropy(A, Y)

# %%
# The script
# ----------
# One idea per line, your names for the variables, your own line above the lines that it became. To the
# right stands the formula of the operation or, in the backward part, that of the derivative, in
# the letters of the operation: ``g`` is the gradient of its result, ``a`` and ``b`` are its operands.

heading("What the tape wrote")
script = tx.script(loss)
print(f"\n{script}")

# %%
# It needs NumPy and nothing else, and gives the same numbers, to the last bit. Here the text is
# executed to get the function; ``script.save("batch.py")`` writes it to a file.


def defined(text):
    """The function that a script defines."""
    names = {}
    exec(text, names)
    return names["loss_and_gradients"]


by_script, slope = defined(script)(A.numpy(), Y)
loss.backward()
same = by_script == loss.item() and np.array_equal(slope, A.grad.numpy())
print(f"\n  the same to the last bit as backward(): {same}")

# %%
# The class of the article
# ------------------------
# This is how the article computes the same by hand. It keeps what the backward pass needs in
# attributes of the object.


class CrossEntropyLoss:
    """The batch loss, as published."""

    def softmax(self, A):
        shifted = np.exp(A - A.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def forward(self, A, Y):
        self.A, self.Y = A, Y
        self.softmax = self.softmax(A)
        return (-Y * np.log(self.softmax)).sum(axis=1).mean()

    def backward(self):
        return (self.softmax - self.Y) / len(self.A)


def outcome(f, *arguments):
    """What a call gives, or the error that it raises."""
    try:
        with np.errstate(all="ignore"):
            return f"{f(*arguments):.6f}"
    except TypeError as error:
        return f"TypeError: {error}"


by_hand = CrossEntropyLoss()
of_script = lambda A, Y: defined(script)(A, Y)[0]  # noqa: E731 -- beside by_hand.forward
far = np.array([[800.0, 0.0, 0.0], [0.0, 0.0, 800.0]])
one_hot = np.eye(3)[[0, 0]]

table(
    "The loss, by the script and by the class",
    ["call", "script", "class"],
    [
        ("the batch", outcome(of_script, A.numpy(), Y), outcome(by_hand.forward, A.numpy(), Y)),
        (
            "the batch again",
            outcome(of_script, A.numpy(), Y),
            outcome(by_hand.forward, A.numpy(), Y),
        ),
        (
            "logits of 800",
            outcome(of_script, far, one_hot),
            outcome(CrossEntropyLoss().forward, far, one_hot),
        ),
    ],
)

# %%
# In the second call the class is broken: ``self.softmax`` was a method, and its own result now has its
# name. The script has no attributes; what the backward pass needs is a variable of the function.
#
# For logits of 800 the class gives NaN. A probability of 0 has the logarithm ``-inf``, and the 0 of
# ``Y`` times that is NaN. The script never takes the logarithm of a probability: ``log_p`` comes from
# the shifted logits.

# %%
# A whole step of training
# ------------------------
# The same works for a function that trains: forward, ``backward()``, and the optimiser's update. What
# changes from step to step is an argument of the script: arrays are changed in place, and numbers,
# of which plain momentum has none, are returned.


def step(model, optimizer, X, y):
    optimizer.zero_grad()
    loss = tx.cross_entropy(model(X), y)
    loss.backward()
    optimizer.step()
    return loss


rng = np.random.default_rng(0)
X, y = rng.normal(size=(6, 4)), np.array([0, 1, 2, 0, 1, 2])
model = tx.nn.MLP([4, 8, 3], rng=0)
optimizer = tx.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)

heading("One step of training")
training = tx.script(step, model, optimizer, X, y)
print(f"\n{training}")

# %%
# Fifty steps by the script, beside fifty steps by the optimiser. The script is given copies of the
# parameters, and the velocities, which are 0 at first.

names = {}
exec(training, names)
weights = {
    name: parameter.numpy().copy()
    for name, parameter in zip(["W1", "b1", "W2", "b2"], model.parameters(), strict=True)
}
velocities = {f"velocity_{name}": np.zeros_like(w) for name, w in weights.items()}
rows = []
for count in range(1, 51):
    hand = names["step"](**weights, **velocities, X=X, y=y, lr=0.5)
    tape = step(model, optimizer, X, y)
    if count in (1, 2, 10, 50):
        rows.append((f"{count}", hand, tape.item(), abs(hand - tape.item())))
table("The loss", ["step", "script", "tape", "difference"], rows)

# %%
# The script with its data runs by itself. Beside it the same tape as a picture: what the script says in
# lines, a graph says in boxes.

save(tx.script(loss, data=True), "batch_by_hand.py")
save(viz.draw(loss), "the_script.svg")
