"""One sweep: the readable one gives what `backward()` computes, and knows nothing of watchers."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.check.mutation_proof import healthy, mutated
from tests.operations import NAMES, has_rule
from tests.strategies import each_call
from tests.tensors import leaf
from tinygrad_xent.engine import gradients, walk
from tinygrad_xent.engine.nodes import Leaf
from tinygrad_xent.engine.table import TABLE
from tinygrad_xent.watching import watch_backward


def both(output, targets=None):
    """The gradients by the sweep that readers learn from, and by its faster twin."""
    root, seed = output._source(), np.cos(np.arange(output.size, dtype=float)).reshape(output.shape)
    nodes = walk.collect(root)
    taught = walk.sweep_arrays(nodes, {root: seed})
    fast = gradients.gradients(root, seed, targets, retain_graph=True)
    return taught, fast


def check_twins(output):
    taught, fast = both(output)
    assert {s for s in taught if isinstance(s, Leaf)} == set(fast)
    for source, gradient in fast.items():
        np.testing.assert_allclose(gradient, taught[source], rtol=1e-12, atol=1e-14)
        assert gradient.dtype == source.dtype
    root = output._source()
    inner = [s for s in taught if s is not root]
    _, fast = both(output, inner)
    for source in inner:
        np.testing.assert_allclose(fast[source], taught[source], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", [name for name in NAMES if has_rule(name)])
def test_the_faster_twin_gives_what_the_taught_sweep_gives(name):
    each_call(name, lambda call: check_twins(call(*map(leaf, call.points))))


def test_on_random_graphs_too():
    for seed in range(100):
        function, x = healthy(seed)
        check_twins(function(leaf(x)))


def test_a_twin_that_differs_is_noticed(monkeypatch):
    def without_the_second(nodes, grads, useful, targets, retain_graph):
        found = walk.sweep_arrays(nodes, grads)
        return {s: g * (1 + 1e-9) for s, g in found.items() if isinstance(s, Leaf)}

    monkeypatch.setattr(gradients, "sweep_fast", without_the_second)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_twins((leaf([1.0, 2.0]) ** 2).sum())


def test_every_use_runs_the_same_sweep(monkeypatch):
    """With a wrong rule traces, create_graph, check_tape and why all go wrong."""
    x = leaf([1.0, 2.0], "x")
    with mutated(TABLE["tanh"], 0, lambda g, y: g * 2 * (1 - y * y)):
        right = 1 - np.tanh([1.0, 2.0]) ** 2
        loss = tx.tanh(x).sum()
        np.testing.assert_allclose(tx.trace(loss)[x].gradient, 2 * right)
        assert [r.op for r in tx.check.check_tape(loss).guilty] == ["tanh"]
        answer = tx.check.why(x, 0, of=loss)
        assert answer.gradient == pytest.approx(2 * right[0])
        loss.backward(create_graph=True)
        np.testing.assert_allclose(x.grad.numpy(), 2 * right)


def test_the_sweep_is_short_enough_to_learn():
    tree = ast.parse((Path(tx.__file__).parent / "engine" / "walk.py").read_text(encoding="utf-8"))
    (sweep,) = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == "sweep"]
    documented, *body = sweep.body
    assert isinstance(documented, ast.Expr)
    assert body[-1].end_lineno - body[0].lineno < 15


# --- watchers -------------------------------------------------------------------------------------


def test_watchers_see_each_backward(monkeypatch):
    seen = []
    monkeypatch.setattr(gradients, "WATCHERS", [lambda output, grads: seen.append((output, grads))])
    x = leaf([0.0])
    with np.errstate(all="ignore"):
        loss = tx.log(x).sum()
        loss.backward()  # nobody diagnoses: no warning
    ((output, grads),) = seen
    assert output is loss
    assert list(grads) == [x._node]


def test_the_package_registers_the_autopsy_and_the_engine_knows_nothing_of_it():
    assert [watch_backward] == gradients.WATCHERS
    files = list((Path(tx.__file__).parent / "engine").rglob("*.py"))
    assert len(files) > 20
    for file in files:
        source = file.read_text(encoding="utf-8")
        imported = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom)]
        names = {part for n in imported for part in (n.module or "", *(a.name for a in n.names))}
        assert not {n for n in names if n.split(".")[0] in ("check", "watching", "nonfinite")}, file
