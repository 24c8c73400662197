"""Drawings of each kind, for those who look at them: a browser, LaTeX, the files beside the SVG."""

import warnings

import numpy as np

import tinygrad_xent as tx
import viz
from tests.viz import models

SCRIPT = "<script>window.sentinel=1</script>"
HOSTILE = [
    SCRIPT,
    "]]>",
    '"',
    r"\N",
    "{a|b}",
    "<b>",
    "line\nfeed\r\n",
    "\u202eright to left\u202c\u200f",
    "x" * 10_000,
    "javascript:window.sentinel=1",
    'onload="window.sentinel=1"',
    '"><svg onload=window.sentinel=1>',
    "'/><image href=x onerror=window.sentinel=1>",
    "]]></style><script>window.sentinel=1</script>",
    "--><script>window.sentinel=1</script>",
    "}*{background:url(http://127.0.0.1:9/css)}",
    "<img src=http://127.0.0.1:9/img onerror=window.sentinel=1>",
    "&lt;script&gt;window.sentinel=1&lt;/script&gt;",
    "名前 ∂L/∂w é 😀",
]


def classifier():
    rng = np.random.default_rng(0)
    x = tx.Tensor(rng.normal(size=(5, 4)), name="X")
    w = tx.Tensor(rng.normal(size=(4, 3)), requires_grad=True, name="W")
    b = tx.Tensor(np.zeros(3), requires_grad=True, name="b")
    with tx.scope("linear", "x @ W + b"):
        logits = x @ w + b
    return tx.cross_entropy(logits, np.array([0, 1, 0, 1, 2]))


def layers(count=4):
    rng = np.random.default_rng(1)
    x = tx.Tensor(rng.normal(size=(8, 6)), name="x")
    for i in range(count):
        with tx.scope("layer", "relu(x W)"):
            x = tx.relu(x @ tx.Tensor(rng.normal(size=(6, 6)), requires_grad=True, name=f"W{i}"))
    return (x * x).sum()


def shared():
    """One weight at seven steps: reference nodes."""
    w, h = tx.Tensor(0.5, requires_grad=True, name="w"), tx.Tensor(1.0, name="h0")
    for _ in range(7):
        h = tx.tanh(h * w)
    return h


def diamond():
    a = tx.Tensor([2.0, 1.0, -1.0], requires_grad=True, name="a")
    y = tx.softmax(a)
    return (y * a + a @ a + (y + y)).sum()


def hostile():
    """Every hostile text as the name of a leaf, of a result and of a scope, and as a formula. The shapes
    differ, or the scopes would be equal, and one box.
    """
    total = tx.Tensor(0.0, requires_grad=True)
    for size, name in enumerate(HOSTILE, 1):
        with tx.scope(name, formula=name):
            product = tx.Tensor(np.ones(size), requires_grad=True, name=name) * total
            product.name = name
            total = product.sum() + total
    return total


def compared():
    a = tx.Tensor([3.0, 4.0], requires_grad=True, name="a")
    before = tx.trace((a * a).sum())
    a.data = np.array([3.0, 4.5])
    return viz.compare(before, (a * a).sum())


EVERYTHING = ("value", "grad", "formula", "shape", "contribution")
AROUND = {"title": "A model", "caption": "What it is made of, and in which order. " * 5}
DRAWINGS = {
    "classifier": lambda: viz.draw(tx.trace(classifier())),
    "left to right": lambda: viz.draw(tx.trace(classifier()), direction="LR", show=EVERYTHING),
    "backward": lambda: viz.draw(tx.trace(classifier()), direction="backward", fold=1),
    "not computed": lambda: viz.draw(classifier(), fold=0),
    "repeat": lambda: viz.draw(tx.trace(layers()), fold=0),
    "references": lambda: viz.draw(tx.trace(shared())),
    "contributions": lambda: viz.draw(tx.trace(diamond()), show=EVERYTHING),
    "compare": compared,
    "hostile": lambda: viz.draw(tx.trace(hostile())),
    "hostile, folded": lambda: viz.draw(
        tx.trace(hostile()), fold=0, direction="LR", parameters="outside"
    ),
    "hostile, inside": lambda: viz.draw(tx.trace(hostile()), fold=0),
    "parts": lambda: viz.draw(tx.trace(layers(40)), max_nodes=5),
    "gpt": lambda: viz.draw(tx.trace(models.gpt()), fold=1),
    "deep mlp": lambda: viz.draw(tx.trace(models.deep_mlp()), fold=1),
    "resnet": lambda: viz.draw(tx.trace(models.resnet()), fold=2),
    "gru": lambda: viz.draw(tx.trace(models.gru())),
    "gpt on A4": lambda: architecture(models.gpt(), page="A4", **AROUND),
    "resnet on A4": lambda: architecture(models.resnet(), page="A4", theme="dark"),
    "gru on a slide": lambda: architecture(models.gru(), page="slide", **AROUND),
    "vae on A4": lambda: architecture(models.vae(), page="A4", highlight=("noise", "VAE")),
    "gpt alone": lambda: viz.draw(models.GPT(), highlight="head"),
    "hostile layers": lambda: architecture(hostile(), title=SCRIPT, caption=" ".join(HOSTILE)),
}


def architecture(loss, **options):
    return viz.draw(tx.trace(loss), view="architecture", **options)


def laid_out(make):
    """A drawing that is asked for by a function, laid out; it may be coarser than asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", viz.DrawingWarning)
        made = make()
        assert made.svg
    return made
