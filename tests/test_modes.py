"""Modes, threads, imports, copies: the tape beside the rest of the program."""

from __future__ import annotations

import contextlib
import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf
from tinygrad_xent import GraphError, Tensor
from tinygrad_xent.engine.nodes import Leaf

# --- modes ----------------------------------------------------------------------------------------


def test_no_grad_as_context_manager_and_decorator():
    x = leaf([1.0])

    @tx.no_grad()
    def double(t):
        """Twice t."""
        return t * 2

    assert double.__doc__ == "Twice t."
    assert not double(x).requires_grad
    assert double(x).is_leaf
    with tx.no_grad():
        assert not tx.is_grad_enabled()
        with tx.no_grad():
            pass
        assert not (x * 2).requires_grad
    assert tx.is_grad_enabled()
    assert (x * 2).requires_grad
    with pytest.raises(ZeroDivisionError), tx.no_grad():
        raise ZeroDivisionError
    assert tx.is_grad_enabled()
    assert Tensor([1.0], requires_grad=True).requires_grad


@pytest.mark.parametrize("outer", [(), ("outer",)])
def test_the_scope_of_a_generator_holds_only_while_it_runs(outer):
    def generated(x):
        with tx.scope("inner"):
            y = yield tx.tanh(x)
            yield tx.exp(y)

    def run():
        generator = generated(leaf([1.0]))
        first = next(generator)
        between = tx.softmax(tx.cos(first) + first.mean())
        last = generator.send(between)
        generator.close()
        return last * 2.0

    with tx.scope("outer") if outer else contextlib.nullcontext():
        entries = tx.trace(run())
    found = {e.op: e.scope for e in entries if e.kind == "operation"}
    for op in ("tanh", "exp"):
        assert found[op] == (*outer, "inner"), op
    for op in ("cos", "add", "softmax", "mul"):
        assert found[op] == outer, op
    assert found["div"] == (*outer, "mean")


def test_scope_as_context_manager_and_decorator():
    x = leaf([1.0])

    @tx.scope("inner", "2t")
    def double(t):
        return t * 2

    with tx.scope("outer"):
        y = double(x) + double(x)
    entries = tx.trace(y)
    operations = [e.scope for e in entries if e.kind == "operation"]
    assert operations == [("outer", "inner"), ("outer", "inner"), ("outer",)]
    assert all(e.scope == () for e in entries if e.kind != "operation")
    calls = [e.scopes[1] for e in entries if e.op == "mul"]
    assert calls[0].id != calls[1].id  # two calls are two boxes
    assert calls[0].formula == "2t"
    for bad in ("", None, 3):
        with pytest.raises(TypeError, match="non-empty string"):
            tx.scope(bad)


def test_one_block_object_may_be_entered_again():
    block = tx.no_grad()
    with block, block:
        assert not tx.is_grad_enabled()
    assert tx.is_grad_enabled()


# --- threads --------------------------------------------------------------------------------------


def small_training(seed):
    """A few steps of a small net: its weights and the scopes of its last loss."""
    rng = np.random.default_rng(seed)
    w, v = leaf(rng.standard_normal((4, 5))), leaf(rng.standard_normal((5, 3)))
    x, labels = rng.standard_normal((6, 4)), rng.integers(3, size=6)
    for _ in range(30):
        with tx.scope(f"step {seed}"):
            logits = tx.tanh(Tensor(x) @ w) @ v
            loss = -logits.log_softmax()[np.arange(6), labels].mean()
        loss.backward()
        scopes = {e.scope[0] for e in tx.trace(loss) if e.kind == "operation"}
        with tx.no_grad():
            for p in (w, v):
                p.data -= 0.1 * p.grad
                p.zero_grad()
    return w.numpy().tobytes() + v.numpy().tobytes(), scopes


def test_two_threads_give_what_one_gives():
    expected = [small_training(seed) for seed in range(4)]
    found = [None] * 4
    start = threading.Barrier(4)

    def work(seed):
        start.wait()
        if seed == 3:  # one thread's mode is not another's
            with tx.no_grad():
                assert not leaf(1.0).exp().requires_grad
        found[seed] = small_training(seed)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert found == expected
    assert found[1][1] == {"step 1"}


# --- imports, copies ------------------------------------------------------------------------------


def loaded_by(statement):
    """Which packages outside the standard library a statement loads in a fresh interpreter.

    Modules without a file do not count: compiled ones make them (NumPy's random generators two).
    """
    code = (
        "import sys; before = set(sys.modules)\n" + statement + "\n"
        "new = [m for name, m in sys.modules.items() if name not in before]\n"
        "print(*{m.__name__.partition('.')[0] for m in new if getattr(m, '__file__', None)})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split()) - sys.stdlib_module_names


def test_the_import_loads_nothing_but_numpy():
    assert loaded_by("import tinygrad_xent") == {"tinygrad_xent", "numpy"}
    assert "hypothesis" in loaded_by("import tinygrad_xent, hypothesis")  # it would be seen


NOT_AT_ONCE = {
    "dataclasses",
    "hashlib",
    "ipaddress",
    "numpy.random",
    "numpy.typing",
    "pathlib",
    "secrets",
    "tinygrad_xent.check",
    "tinygrad_xent.serialization",
    "tinygrad_xent.tracing",
    "urllib.parse",
}
"""What takes milliseconds to import and is needed by some programs only."""


def modules_after(*statements):
    """The names of all modules in a fresh interpreter after each of the statements."""
    code = "import sys\n" + "\n".join(f"{s}\nprint(*sys.modules)" for s in statements)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [set(line.split()) for line in run.stdout.splitlines()]


def test_the_import_loads_nothing_slow():
    numpys, ours, used = modules_after(
        "import numpy",
        "import tinygrad_xent as tx",
        "tx.save, tx.check, tx.trace; tx.nn.Linear(1, 1)",
    )
    added = ours - numpys
    assert added & NOT_AT_ONCE == set()
    assert "tinygrad_xent.optim" in added
    assert {name for name in NOT_AT_ONCE if name.startswith("tinygrad_xent")} <= used


def test_every_public_name_is_there_at_its_first_use():
    """By attribute, by `from`, by `*` and in `dir`, also those that are imported late."""
    for statement in (
        "import tinygrad_xent as tx; tx.trace; tx.Trace; tx.save; tx.load; tx.check; tx.tracing",
        "from tinygrad_xent import Trace, check, load, save, trace, tracing",
        "from tinygrad_xent import *; trace, Trace, save, load, check, optim.SGD",
        "import tinygrad_xent.optim, tinygrad_xent.data; tinygrad_xent.optim.SGD",
        "import tinygrad_xent as tx; assert set(tx.__all__) <= set(dir(tx))",
    ):
        modules_after(statement)
    with pytest.raises(AttributeError, match="no attribute 'tracer'"):
        tx.tracer  # noqa: B018


def test_leaves_are_copied_and_pickled():
    w = leaf([[1.0, 2.0]], "w", np.float32)
    copies = (copy.copy(w), copy.deepcopy(w), pickle.loads(pickle.dumps(w)))
    for other in copies:
        assert other is not w
        equal(other, w.numpy())
        assert (other.dtype, other.name, other.requires_grad) == (np.float32, "w", True)
        assert other.is_leaf
        other.data += 1
        equal(w, [[1.0, 2.0]])
        (other * 2).sum().backward()
        assert w.grad is None
    pair = copy.deepcopy([w, w])
    assert pair[0] is pair[1]
    plain = pickle.loads(pickle.dumps(Tensor([1, 2])))
    assert (plain.dtype, plain.requires_grad, plain.name) == (np.int64, False, None)


def test_results_are_not_copied_with_their_tape():
    y = leaf([1.0]) * 2
    for call in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(GraphError, match="detach"):
            call(y)
    equal(copy.deepcopy(y.detach()), [2.0])


def test_a_leaf_knows_where_it_was_changed():
    w = leaf([1.0])
    assert isinstance(w._node, Leaf)
    assert w._node.changed_at is None
    w.data = [2.0]
    assert w._node.changed_at.text == "w.data = [2.0]"


def test_a_generator_or_coroutine_is_not_decorated():
    """The block would end before the body runs, so the body's operations would be recorded."""

    def batches():
        yield tx.is_grad_enabled()

    async def later():
        return tx.is_grad_enabled()

    for function in (batches, later):
        with pytest.raises(TypeError, match="write `with no_grad"):
            tx.no_grad()(function)
        with pytest.raises(TypeError, match=function.__name__):
            tx.scope("s")(function)
