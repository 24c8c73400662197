"""The proof that `diagnose` names the mistake that was made, printed as a table:

    python -m tests.check.diagnosis_proof

One or more mistakes, or none, are put into gradients of a softmax layer and of a hidden layer on
random data. Shapes are ordinary (samples, classes and features all different) or awkward: as many
samples as classes, a single sample, two classes. "named" counts diagnoses that are exactly the
seeded mistakes. Where two mistakes give the very same figures, as a missing 1/N and a factor 2 do
for N = 2, the diagnosis lists both; such cases count as named, and the last column says how many.
"""

import sys
from dataclasses import dataclass, field

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent.check import diagnose

SHAPES = {  # samples, classes, features
    "ordinary": lambda rng: tuple(int(v) for v in rng.choice(np.arange(3, 12), 3, replace=False)),
    "N = K": lambda rng: (n := int(rng.integers(3, 9)), n, int(rng.integers(2, 9))),
    "N = 1": lambda rng: (1, int(rng.integers(3, 9)), int(rng.integers(2, 9))),
    "K = 2": lambda rng: (int(rng.integers(3, 9)), 2, int(rng.integers(3, 9))),
    "N = K = 2": lambda rng: (2, 2, int(rng.integers(2, 9))),
    "all equal": lambda rng: (n := int(rng.integers(2, 6)), n, n),
}


class Layer:
    """A softmax layer on random data: its true gradients come from backward(), never from a formula
    in this file.
    """

    def __init__(self, rng, shape):
        self.n, self.k, self.d = n, k, d = shape
        self.rng = rng
        self.x = rng.standard_normal((n, d))
        self.labels = rng.integers(0, k, n)
        self.y = np.eye(k)[self.labels]
        self.w = tx.Tensor(rng.standard_normal((d, k)), requires_grad=True)
        self.b = tx.Tensor(rng.standard_normal(k), requires_grad=True)
        self.z = tx.Tensor(self.x @ self.w.numpy() + self.b.numpy(), requires_grad=True)
        self.p = np.asarray(tx.softmax(self.z.numpy(), axis=1))

    def loss(self, z, count=None):
        return -tx.sum(tx.log_softmax(z, axis=1) * self.y) / (count or self.n)

    def gradient(self, place, count=None):
        if place == "logits":
            (g,) = gradients_of(self.loss(self.z, count), self.z)
            return g
        target = self.w if place == "weights" else self.b
        (g,) = gradients_of(self.loss(self.x @ self.w + self.b, count), target)
        return g

    def carry(self, delta, place):
        """A gradient at the logits, carried to another place by hand."""
        return {"logits": delta, "weights": self.x.T @ delta, "bias": delta.sum(axis=0)}[place]

    @property
    def known(self):
        return {"x": self.x, "p": self.p, "y": self.labels}


def gradients_of(loss, *targets):
    for t in targets:
        t.zero_grad()
    loss.backward()
    return [t.grad.numpy() for t in targets]


@dataclass
class Seeded:
    """A claimed gradient, the true one, what diagnose may know, and the mistakes that were made."""

    claimed: np.ndarray
    actual: np.ndarray
    mistakes: tuple[str, ...]
    known: dict = field(default_factory=dict)


def place_of(rng):
    return str(rng.choice(["logits", "weights", "bias"]))


def scaled(name, factor, count=lambda layer: layer.n):
    def seed(layer):
        g = layer.gradient(place_of(layer.rng), count(layer))
        return Seeded(factor(layer) * g, g, (name,), layer.known)

    return seed


def transposed(layer):
    g = layer.gradient(str(layer.rng.choice(["logits", "weights"])))
    return Seeded(g.T, g, ("transposed",), layer.known)


def wrong_axis(layer):
    delta = layer.rng.standard_normal((layer.n, layer.k))
    (g,) = gradients_of(tx.sum((layer.x @ layer.w + layer.b) * delta), layer.b)
    return Seeded(delta.sum(axis=1), g, ("summed over the wrong axis",), {"delta": delta})


def no_sum(layer):
    return Seeded(
        layer.gradient("logits"),
        layer.gradient("bias"),
        ("missing sum over the batch",),
        {} if layer.rng.random() < 0.5 else layer.known,
    )


def no_indicator(layer):
    place = place_of(layer.rng)
    claimed = layer.carry((layer.p - 1) / layer.n, place)
    return Seeded(claimed, layer.gradient(place), ("missing indicator",), layer.known)


def diagonal(layer):
    """dL/dp times the diagonal of dp/dz alone."""
    place = place_of(layer.rng)
    delta = -layer.y / layer.p * layer.p * (1 - layer.p) / layer.n
    name = "softmax Jacobian's diagonal only"
    return Seeded(layer.carry(delta, place), layer.gradient(place), (name,), layer.known)


def no_slope(layer):
    """A gradient taken through a sigmoid, tanh or relu layer of K units without its derivative."""
    rng = layer.rng
    upstream = rng.standard_normal((layer.n, layer.k))
    name = str(rng.choice(["relu", "sigmoid", "tanh"]))
    place = place_of(rng)
    z = layer.x @ layer.w + layer.b
    a = getattr(tx, name)(layer.z if place == "logits" else z)
    target = {"logits": layer.z, "weights": layer.w, "bias": layer.b}[place]
    (g,) = gradients_of(tx.sum(a * upstream), target)
    y = a.numpy()
    slope = {"relu": (y > 0) * 1.0, "sigmoid": y * (1 - y), "tanh": 1 - y * y}[name]
    known = {"x": layer.x, "upstream": upstream, "slope": slope}
    if place == "logits" and slope.any() and rng.random() < 0.5:  # all 0 says nothing by itself
        known = {"slope": slope}
    claimed = layer.carry(upstream, place)
    return Seeded(claimed, g, ("activation derivative missing",), known)


def one_row(layer):
    g = layer.gradient(str(layer.rng.choice(["logits", "weights"])))
    claimed, i = g.copy(), int(layer.rng.integers(g.shape[0]))
    claimed[i] = layer.rng.standard_normal(g.shape[1])
    return Seeded(claimed, g, ("one row wrong",) if g.shape[0] > 1 else ("cannot",), layer.known)


def one_component(layer):
    g = layer.gradient(place_of(layer.rng))
    claimed, i = g.copy(), int(layer.rng.integers(g.size))
    claimed.flat[i] += layer.rng.standard_normal()
    return Seeded(claimed, g, ("wrong components",), layer.known)


def several(layer):
    """A missing indicator, a missing 1/N and a wrong sign at once."""
    place = place_of(layer.rng)
    claimed = layer.carry(1 - layer.p, place)
    names = ("missing indicator", "sign flipped", *(["missing 1/N"] if layer.n > 1 else []))
    return Seeded(claimed, layer.gradient(place), names, layer.known)


def several_and_a_component(layer):
    """The published node classification's mistakes: indicator, 1/N and a figure miscalculated."""
    claimed = layer.carry(layer.p - 1, "weights")
    claimed.flat[int(layer.rng.integers(claimed.size))] += 0.5
    scale = ("missing 1/N",) if layer.n > 1 else ()
    names = ("missing indicator", *scale, "wrong components")
    return Seeded(claimed, layer.gradient("weights"), names, layer.known)


SEEDS = {
    "sign flipped": scaled("sign flipped", lambda s: -1.0),
    "missing 1/N": scaled("missing 1/N", lambda s: s.n),
    "doubled 1/N": scaled("doubled 1/N", lambda s: 1 / s.n),
    "missing 1/(N·K)": scaled("missing 1/(N·K)", lambda s: s.n * s.k, lambda s: s.n * s.k),
    "doubled 1/(N·K)": scaled("doubled 1/(N·K)", lambda s: 1 / (s.n * s.k), lambda s: s.n * s.k),
    "doubled 1/K": scaled("doubled 1/K", lambda s: 1 / s.k),
    "extra factor 2": scaled("extra factor 2", lambda s: 2.0),
    "missing factor 2": scaled("missing factor 2", lambda s: 0.5),
    "transposed": transposed,
    "summed over the wrong axis": wrong_axis,
    "missing sum over the batch": no_sum,
    "missing indicator": no_indicator,
    "softmax Jacobian's diagonal only": diagonal,
    "activation derivative missing": no_slope,
    "one row wrong": one_row,
    "wrong components": one_component,
    "three at once": several,
    "two and a component": several_and_a_component,
}


def changes_nothing(seeded):
    """Whether the mistake changes nothing at this shape, such as a missing 1/N for one sample."""
    a, b = seeded.claimed, seeded.actual
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=1e-12)


def as_seeded(diagnosis, mistakes):
    """Whether exactly these mistakes were named; "also" where other mistakes give the same figures."""
    wanted = sorted(mistakes)
    if sorted(diagnosis.mistakes) == wanted:
        return "named"
    if any(sorted(names) == wanted for names in diagnosis.also):
        return "also"
    return "missed"


def count(mistake, shape, trials, seed=0):
    """How often a seeded mistake is named at a kind of shape, and the cases where it is missed."""
    rng = np.random.default_rng([seed, list(SHAPES).index(shape), list(SEEDS).index(mistake)])
    found = {"named": 0, "also": 0, "missed": 0}
    examples = []
    for _ in range(trials):
        seeded = SEEDS[mistake](Layer(rng, SHAPES[shape](rng)))
        if changes_nothing(seeded) or seeded.mistakes == ("cannot",):
            continue
        diagnosis = diagnose(seeded.claimed, seeded.actual, **seeded.known)
        how = as_seeded(diagnosis, seeded.mistakes)
        found[how] += 1
        if how == "missed":
            examples.append((seeded, diagnosis))
    return found, examples


def named_on_right(trials, seed=0):
    """How many right gradients, of random places and shapes, were called anything but right."""
    rng = np.random.default_rng(seed)
    wrong = 0
    for _ in range(trials):
        layer = Layer(rng, SHAPES[str(rng.choice(list(SHAPES)))](rng))
        g = layer.gradient(place_of(rng))
        digits = int(rng.integers(2, 8)) if rng.random() < 0.5 else None
        claimed = g * (1 + 1e-12 * rng.standard_normal()) if digits is None else g.round(digits)
        wrong += not diagnose(claimed, g, digits=digits, **layer.known).is_right
    return wrong


def named_on_nonsense(trials, seed=0):
    """How many random arrays were explained by a mistake, with the gradient rounded or not."""
    rng = np.random.default_rng(seed)
    explained = 0
    for _ in range(trials):
        layer = Layer(rng, SHAPES[str(rng.choice(list(SHAPES)))](rng))
        g = layer.gradient(place_of(rng))
        claimed = rng.standard_normal(g.shape) * np.abs(g).max()
        digits = int(rng.integers(1, 4)) if rng.random() < 0.5 else None
        if digits is not None:
            claimed = claimed.round(digits)
        diagnosis = diagnose(claimed, g, digits=digits, **layer.known)
        explained += bool(diagnosis.mistakes)
    return explained


def main(trials=200):
    print(f"{'seeded':<34}" + "".join(f"{shape:>12}" for shape in SHAPES) + f"{'same figures':>16}")
    total = {"named": 0, "also": 0, "missed": 0}
    for mistake in SEEDS:
        row, same = "", 0
        for shape in SHAPES:
            found, _ = count(mistake, shape, trials)
            done = sum(found.values())
            good = found["named"] + found["also"]
            row += f"{f'{100 * good / done:.1f} %' if done else '–':>12}"
            same += found["also"]
            total = {how: total[how] + found[how] for how in total}
        print(f"{mistake:<34}{row}{same or '':>16}")
    done, good = sum(total.values()), total["named"] + total["also"]
    print(
        f"\nnamed {good} of {done}: {100 * good / done:.2f} % ({total['also']} with the same figures)"
    )
    wrong, explained = named_on_right(2000), named_on_nonsense(2000)
    print(f"mistakes named on 2000 right gradients: {wrong}")
    print(f"mistakes named on 2000 random arrays:   {explained}")
    return good >= 0.99 * done and not wrong


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
