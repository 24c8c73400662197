"""The proof that the checkers catch what they must, printed as a table:

    python -m tests.check.mutation_proof             every seeded mutation and its verdicts
    python -m tests.check.mutation_proof --healthy   false alarms over 1,000 random healthy graphs

Each derivative rule of the table, by itself and again inside every loss, is falsified in every way
that applies: the sign, a factor 2, a component of the gradient dropped, transposed, shifted along
an axis, a wrong saved value, and the slips known from textbooks. A mutation counts as caught by
`check_tape` if it blames this rule and no other, by `gradcheck` if that fails and names the
operation. One that changes nothing at the values of its case is left out.
"""

import argparse
import inspect
import sys
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

import tinygrad_xent as tx
from tests.operations import Maker, has_rule, make_call
from tests.tensors import leaf
from tinygrad_xent.check import KinkWarning, check_tape, gradcheck
from tinygrad_xent.engine.table import TABLE, DerivativeRule
from tinygrad_xent.engine.tensors import raw

# --- cases: rows have theirs in tests/operations.py; each loss as a function of float inputs ------


def normal(*shape):
    return lambda rng: rng.standard_normal(shape)


LABELS, ONE_HOT = np.array([2, 0, 1, 0]), np.eye(3)[[2, 0, 1, 0]]
WEIGHT = np.array([0.5, 1.0, 2.0])

LOSSES = {
    "cross_entropy": [
        (lambda z: tx.cross_entropy(z, LABELS), normal(4, 3)),
        (
            lambda z: tx.cross_entropy(
                z, LABELS, weight=WEIGHT, label_smoothing=0.1, ignore_index=1, reduction="sum"
            ),
            normal(4, 3),
        ),
        (lambda z: tx.cross_entropy(z, ONE_HOT * 0.7 + 0.1, reduction="none"), normal(4, 3)),
    ],
    "nll_loss": [(lambda z: tx.nll_loss(z, LABELS, weight=WEIGHT), normal(4, 3))],
    "softmax_focal_loss": [(lambda z: tx.softmax_focal_loss(z, LABELS), normal(4, 3))],
    "binary_cross_entropy_with_logits": [
        (
            lambda z: tx.binary_cross_entropy_with_logits(z, ONE_HOT, pos_weight=WEIGHT),
            normal(4, 3),
        )
    ],
    "mse_loss": [(lambda z: tx.mse_loss(z, ONE_HOT), normal(4, 3))],
    "linear_cross_entropy": [
        (
            lambda x, w, b: tx.linear_cross_entropy(x, w, b, LABELS),
            normal(4, 4),
            normal(4, 3),
            normal(3),
        )
    ],
}


# --- mutations: a wrong rule made from a right one ------------------------------------------------


@dataclass(frozen=True)
class Mutation:
    kind: str
    function: object  # takes the gradient and what the rule keeps, like the rule itself


def mutations(op, i):
    """Every way in which the rule for input i can be falsified."""
    rule = op.rule_for(i).function

    def after(change):
        return lambda g, *kept: change(rule(g, *kept))

    yield Mutation("sign", after(lambda c: -c))
    yield Mutation("factor 2", after(lambda c: 2 * c))
    yield Mutation("dropped term", lambda g, *kept: rule(without_last(g), *kept))
    yield Mutation("transposed", after(lambda c: swapped(c)))
    yield Mutation("wrong axis", after(lambda c: raw(np.roll(raw(c), 1, axis=-1))))
    wants = op.rule_for(i).wants
    if any(not name.endswith("shape") and name not in op.settings for name in wants):
        yield Mutation("wrong saved value", lambda g, *kept: rule(g, *map(spoiled, kept)))
    for kind, wrong in SLIPS.get((op.name, op.inputs[0 if op.variadic else i]), {}).items():
        yield Mutation(kind, wrong)


def without_last(g):
    g = np.array(raw(g))
    g[..., -1:] = 0
    return g


def swapped(c):
    c = raw(c)
    return np.swapaxes(c, -1, -2) if c.ndim > 1 else c[::-1]


def spoiled(kept):
    """A value other than the saved one: a shifted array, an inverted mask, reordered indices."""
    kept = raw(kept)
    if not isinstance(kept, np.ndarray):
        return kept
    if kept.dtype == bool:
        return ~kept
    return np.roll(kept, 1, axis=0) if kept.dtype.kind in "iu" else kept * 1.1 + 0.7


def total(x, axis):
    return np.sum(x, axis=axis, keepdims=True)


SLIPS = {
    ("div", "b"): {
        "slip: not squared": lambda g, b, y: -g * y,
        "slip: sign": lambda g, b, y: g * y / b,
    },
    ("pow", "x"): {"slip: n·xⁿ": lambda g, x, n: g * n * x**n},
    ("pow", "n"): {"slip: log x dropped": lambda g, x, n, y: g * y},
    ("matmul", "a"): {"slip: b not transposed": lambda g, b: g @ b},
    ("matmul", "b"): {"slip: factors exchanged": lambda g, a, b_shape: g @ a.T},
    ("linear", "x"): {"slip: W not transposed": lambda g, weight, x_shape: g @ weight},
    ("linear", "bias"): {"slip: summed over the wrong axis": lambda g: np.sum(g, axis=1)},
    ("softmax_cross_entropy", "x"): {
        "slip: missing indicator": lambda g, log_p, labels, axis: g / 3 * (np.exp(log_p) - 1),
        "slip: missing 1/N": lambda g, log_p, labels, axis: (
            g * (np.exp(log_p) - np.eye(3)[labels[:, 0]])
        ),
    },
    ("exp", "x"): {"slip: slope dropped": lambda g, y: g},
    ("log", "x"): {"slip: slope dropped": lambda g, x: g},
    ("log1p", "x"): {"slip: 1/x": lambda g, x: g / x},
    ("expm1", "x"): {"slip: y for y + 1": lambda g, x: g * np.expm1(raw(x))},
    ("sqrt", "x"): {"slip: 1/y": lambda g, y: g / y},
    ("tanh", "x"): {"slip: 1 - y": lambda g, y: g * (1 - y)},
    ("sigmoid", "x"): {"slip: y for y(1 - y)": lambda g, y: g * y},
    ("relu", "x"): {"slip: slope dropped": lambda g, y: g},
    ("softplus", "x"): {"slip: σ(-x)": lambda g, x: g / (1 + np.exp(x))},
    ("max", "x"): {"slip: all share": lambda g, x, y, axis, keepdims: np.expand_dims(g, axis)},
    ("logsumexp", "x"): {
        "slip: softmax dropped": lambda g, x, y, axis, keepdims: np.expand_dims(g, axis) + 0 * x
    },
    ("softmax", "x"): {
        "slip: diagonal only": lambda g, y, axis: g * y * (1 - y),
        "slip: wrong axis": lambda g, y, axis: y * (g - total(g * y, 1 - axis)),
    },
    ("log_softmax", "x"): {
        "slip: sum dropped": lambda g, y, axis: g - np.exp(y) * g,
        "slip: y not exponentiated": lambda g, y, axis: g - y * total(g, axis),
    },
}


@contextmanager
def mutated(op, i, function):
    """Within the block, the table has this rule replaced."""
    right = op.rules
    place = 0 if op.variadic else i
    wrong = DerivativeRule(right[place].formula, same_signature(function, right[place].function))
    op.rules = (*right[:place], wrong, *right[place + 1 :])
    op.plans.clear()
    try:
        yield
    finally:
        op.rules = right
        op.plans.clear()


def same_signature(function, like):
    """The function with the rule's parameter names, from which the tape reads what a rule needs."""

    def rule(*args, **kwargs):
        named = inspect.signature(like).bind(*args, **kwargs)
        return function(*named.arguments.values())

    rule.__signature__ = inspect.signature(like)
    return rule


# --- the proof --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    rule: str
    mutation: str
    tape: bool  # check_tape blames this rule and no other
    whole: bool  # gradcheck fails and names the operation
    diagnosis: str


def prove(function, inputs, rows=None):
    """The verdicts on every mutation of every rule that the function's tape uses."""
    output = record(function, inputs)
    used = {(node.op.name, i): node.op for node in nodes_of(output) for i, *_ in node.plan.rules}
    for (name, i), op in sorted(used.items()):
        if rows is not None and name not in rows:
            continue
        if op.variadic and i:
            continue  # one rule serves all of its inputs
        argument = op.inputs[0] if op.variadic else op.inputs[i]
        right = gradient_or_none(function, inputs)
        for mutation in mutations(op, i):
            with mutated(op, i, mutation.function):
                if same(gradient_or_none(function, inputs), right):
                    continue  # it changes nothing here
                tape = check_tape(record(function, inputs))
                whole = raised_or(gradcheck, function, *inputs)
            blamed = {
                (r.op, r.argument.rstrip("0123456789") if op.variadic else r.argument)
                for r in tape.guilty
            }
            yield Verdict(
                f"{name}({argument})",
                mutation.kind,
                blamed == {(name, argument)},
                not whole and (whole is None or {r.op for r in whole.guilty} == {name}),
                named(tape),
            )


def named(tape):
    diagnoses = [r.diagnosis for r in tape.guilty if r.diagnosis]
    return ", ".join(diagnoses[0].mistakes) if diagnoses else "–"


def raised_or(check, *args):
    """The check's report; None where the wrong rule raised because a shape does not fit."""
    try:
        return check(*args)
    except (ValueError, IndexError):
        return None


def record(function, inputs):
    return function(*map(leaf, inputs))


def nodes_of(output):
    from tinygrad_xent.engine.walk import collect

    return collect(output._source())


def gradient_or_none(function, inputs):
    """The gradients by the rules as they are now; None where one raises."""
    try:
        leaves = list(map(leaf, inputs))
        y = function(*leaves)
        with tx.check.autopsy(False):
            y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
        return [x.grad.numpy() for x in leaves]
    except (ValueError, IndexError):
        return None


def same(a, b):
    if a is None or b is None:
        return False
    return all(np.allclose(x, y, rtol=1e-9, atol=1e-12) for x, y in zip(a, b, strict=True))


def row_verdicts(name, seed=0):
    """The verdicts on the rules of one row."""
    call = make_call(name, Maker(seed=seed))
    yield from prove(call, call.points, rows={name})


def table_verdicts():
    for name in filter(has_rule, TABLE):
        yield from row_verdicts(name)


def loss_verdicts(seed=0):
    """The verdicts on every rule that a loss is made of, falsified inside the loss."""
    rng = np.random.default_rng(seed)
    for name, cases in LOSSES.items():
        for function, *makers in cases:
            for v in prove(function, [make(rng) for make in makers]):
                yield replace(v, rule=f"{name}: {v.rule}")


# --- random healthy graphs ---------------------------------------------------------------------------


def healthy(seed):
    """A random graph of 5 to 15 steps on values of ordinary size: a function and its input."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(rng.integers(1, 5, 2))
    return lambda x: healthy_output(x, np.random.default_rng(seed)), x


def healthy_output(x, rng):
    def parameter(*shape):
        return leaf(rng.standard_normal(shape), dtype=x.dtype)

    steps = {
        "tanh": tx.tanh,
        "sigmoid": tx.sigmoid,
        "softplus": tx.softplus,
        "relu": tx.relu,
        "abs": tx.abs,
        "exp": lambda x: tx.exp(tx.tanh(x)),
        "log": lambda x: tx.log(tx.softplus(x) + 0.1),
        "sqrt": lambda x: tx.sqrt(x * x + 1),
        "log1p": lambda x: tx.log1p(tx.exp(tx.tanh(x))),
        "expm1": lambda x: tx.expm1(tx.tanh(x)),
        "pow": lambda x: tx.tanh(x) ** int(rng.integers(0, 4)),
        "neg": tx.neg,
        "add": lambda x: x + parameter(x.shape[-1]),
        "sub": lambda x: parameter(x.shape[0], 1) - x,
        "mul": lambda x: x * parameter(*x.shape),
        "div": lambda x: x / (tx.abs(parameter(*x.shape)) + 0.5),
        "matmul": lambda x: x @ parameter(x.shape[-1], int(rng.integers(1, 5))),
        "maximum": lambda x: tx.maximum(x, parameter(*x.shape)),
        "minimum": lambda x: tx.minimum(x, parameter(x.shape[-1])),
        "clip": lambda x: tx.clip(x, -0.9, 1.1),
        "where": lambda x: tx.where(rng.random(x.shape) < 0.5, x, parameter(*x.shape)),
        "sum": lambda x: x - tx.sum(x, axis=1, keepdims=True),
        "mean": lambda x: x * tx.mean(x, axis=0),
        "max": lambda x: x - tx.max(x, axis=1, keepdims=True),
        "logsumexp": lambda x: x - tx.logsumexp(x, axis=1, keepdims=True),
        "softmax": lambda x: tx.softmax(x, axis=int(rng.integers(2))),
        "log_softmax": lambda x: tx.log_softmax(x),
        "transpose": lambda x: x.T,
        "reshape": lambda x: tx.reshape(x, (x.shape[1], x.shape[0])),
        "getitem": lambda x: x[rng.integers(0, x.shape[0], 3)],
        "join": lambda x: tx.concatenate([x, tx.tanh(x)], axis=1)[:, ::2],
        "reuse": lambda x: x + x * x,
        "checkpoint": tx.checkpoint(lambda x: tx.tanh(x) * x),
    }
    names = list(steps)
    for _ in range(int(rng.integers(5, 16))):
        x = steps[names[int(rng.integers(len(names)))]](x)
        if np.abs(x.numpy()).max() > 30:
            x = tx.tanh(x)
    return tx.mean(x)


def false_alarms(count, each=map):
    """The reports that blame one of `count` healthy graphs, by dtype and check. `each` is `map`, or
    that of several processes.
    """
    found = {}
    for alarms in each(alarms_of, range(count)):
        for key, alarm in alarms.items():
            found.setdefault(key, []).extend(alarm)
    return found


def alarms_of(seed):
    """The reports that blame the healthy graph of a seed: none or one by dtype and check."""
    function, x = healthy(seed)
    found = {}
    for dtype in ("float64", "float32"):
        tape = check_tape(function(tx.Tensor(x, requires_grad=True, dtype=dtype)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", KinkWarning)
            whole = gradcheck(function, tx.Tensor(x, dtype=dtype))
        found[dtype, "check_tape"] = [] if tape else [str(tape)]
        found[dtype, "gradcheck"] = [str(whole)] if whole.verdict == "wrong" else []
    return found


def print_table(verdicts):
    print(f"{'rule':<52}{'mutation':<28}{'check_tape':<12}{'gradcheck':<12}diagnosis")
    for v in verdicts:
        words = ["caught" if caught else "MISSED" for caught in (v.tape, v.whole)]
        print(f"{v.rule:<52}{v.mutation:<28}{words[0]:<12}{words[1]:<12}{v.diagnosis}")
    missed = [v for v in verdicts if not (v.tape and v.whole)]
    counts = Counter(v.rule for v in verdicts)
    print(
        f"\n{len(verdicts)} mutations of {len(counts)} rules, at least {min(counts.values())} each;"
    )
    print(f"{len(missed)} of them not caught by both checks, with the right rule named")
    return not missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--healthy", type=int, nargs="?", const=1000, help="how many graphs")
    arguments = parser.parse_args()
    if not arguments.healthy:
        return print_table([*table_verdicts(), *loss_verdicts()])
    with ProcessPoolExecutor() as pool:
        found = false_alarms(arguments.healthy, partial(pool.map, chunksize=10))
    for (dtype, check), reports in found.items():
        alarms = f"{len(reports)} false alarms over {arguments.healthy} random healthy graphs"
        print(f"{check:<12}{dtype:<9}{alarms}")
        for report in reports[:5]:
            print(report)
    return not any(found.values())


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
