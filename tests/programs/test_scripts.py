"""tx.script writes what an author would: formatted, without findings, with NumPy as the only import, and
it computes what the program and eager code compute. The scripts of the lessons are golden files:

    python -m tests.programs.test_scripts       writes them anew; read the difference
"""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.programs import subjects
from tests.programs.coverage import defined, leaves, numbers, ulps
from tinygrad_xent.command_line import names_of
from tinygrad_xent.programs.recording import record
from tinygrad_xent.programs.scripts import of_tensor, written

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"


# --- the lessons' models --------------------------------------------------------------------------


def left_by(lesson, output):
    """The script of a tensor that a lesson leaves."""
    names = names_of(ROOT / "examples" / f"plot_{lesson}.py")
    return of_tensor(names[output], names, data=True)


def karate_club():
    def step(layer, optimizer, Z, leaders, side):
        logits = layer(Z)
        loss = tx.cross_entropy(logits[leaders], side[leaders])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    rng = np.random.default_rng(0)
    layer = tx.nn.Linear(2, 2, rng=0)
    optimizer = tx.optim.SGD(layer.parameters(), lr=0.5, weight_decay=0.02)
    members = rng.normal(size=(6, 2)), np.array([0, 5]), rng.integers(0, 2, 6)
    return tx.script(step, layer, optimizer, *members, data=True)


def multilabel():
    def step(model, optimizer, rows, targets):
        optimizer.zero_grad()
        loss = tx.binary_cross_entropy_with_logits(model(rows), targets)
        loss.backward()
        optimizer.step()
        return loss

    rng = np.random.default_rng(0)
    model = tx.nn.MLP([4, 5, 3], rng=0)
    optimizer = tx.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    data = rng.normal(size=(6, 4)), rng.integers(0, 2, (6, 3)).astype(float)
    return tx.script(step, model, optimizer, *data, data=True)


def digits():
    """What the estimator of the lesson trains: a network in float32, smoothed labels, Adam."""

    def step(model, optimizer, X, y):
        optimizer.zero_grad()
        loss = tx.cross_entropy(model(X), y, label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        return loss

    rng = np.random.default_rng(0)
    model = tx.nn.MLP([4, 6, 5, 3], rng=0, dtype=np.float32)
    optimizer = tx.optim.AdamW(model.parameters(), lr=0.001)
    data = rng.normal(size=(8, 4)).astype(np.float32), rng.integers(0, 3, 8)
    return tx.script(step, model, optimizer, *data, data=True)


SCRIPTS = {
    "softmax_cross_entropy": lambda: left_by("softmax_cross_entropy", "loss"),
    "node_classification": lambda: left_by("node_classification", "loss"),
    "mlp_backprop": lambda: left_by("mlp_backprop", "E"),
    "the_script": lambda: left_by("the_script", "loss"),
    "karate_club": karate_club,
    "multilabel": multilabel,
    "digits": digits,
}


@pytest.fixture(scope="module")
def scripts():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: make() for name, make in SCRIPTS.items()}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_is_the_one_that_was_read(name, scripts):
    assert scripts[name] == (GOLDEN / f"{name}.py").read_text(encoding="utf-8")


def test_no_golden_file_is_left_over():
    assert {path.stem for path in GOLDEN.glob("*.py")} == SCRIPTS.keys()


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_runs_where_the_package_cannot_be_imported(name):
    hide = "import sys, runpy; sys.modules['tinygrad_xent'] = None; runpy.run_path(sys.argv[1])"
    command = [sys.executable, "-c", hide, str(GOLDEN / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "loss =" in done.stdout
    assert not done.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_needs_numpy_alone(name, scripts):
    imports = [line for line in scripts[name].splitlines() if "import" in line]
    assert imports == ["import numpy as np"]


def ruff(*arguments):
    command = [sys.executable, "-m", "ruff", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def all_texts():
    """The scripts of everything that can be recorded, and of the functions below."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for subject in subjects.subjects():
            try:
                yield written(record(*subject.make())[0], "step")
            except (tx.GraphError, ValueError):
                continue
        for f, args in TRICKY.values():
            yield tx.script(f, *fresh(args), data=True)


def test_ruff_would_change_nothing_and_finds_nothing(tmp_path):
    for i, text in enumerate(all_texts()):
        text.save(tmp_path / f"script{i}.py")
    assert i > 300
    formatted = ruff("format", "--isolated", "--check", "--no-cache", str(tmp_path))
    assert formatted.returncode == 0, formatted.stdout[:2000]
    found = ruff("check", "--isolated", "--no-cache", str(tmp_path))
    assert found.returncode == 0, found.stdout[:2000]


# --- what is hard to write --------------------------------------------------------------------------


def w():
    return tx.Tensor(np.arange(9.0).reshape(3, 3) - 4, requires_grad=True, name="W")


def x():
    return np.array([0.5, -1.0, 2.0])


def named_like_a_gradient(W, x):
    dW = x * 2
    loss = (W * dW * W).sum()
    loss.backward()
    return loss, dW * 1.5


def a_gradient_given(W, dW):
    loss = (W * dW).sum()
    loss.backward()
    return loss


def old_copy(W):
    old = W.data.copy()
    W.data -= 1
    return W * 1, old


def old_view(W):
    flat = W.numpy().reshape(9) * 1
    W.data -= 1
    return flat.sum()


def old_row(W):
    row = W.numpy()[0] * 2
    W.data -= 1
    return row


def two_updates_of_one_value(W, V):
    z = W.numpy() * 2
    np.add(z, 0, out=W.data)
    np.add(z, 0, out=V.data)


def assigned_parts(W):
    W.data[0] = 7.0
    W.data[1:, 1] = W.data[0, 1:]
    return W.sum()


def assigned_whole(W):
    W.data = W.data.T @ W.data
    return W.sum()


def filled_diagonal(W):
    np.fill_diagonal(W.data, 0.0)
    return W.sum()


def added_at(W, x):
    np.add.at(W.data, (0, np.array(1)[()]), x[0])
    return W.sum()


def clipped_into(W):
    np.clip(W.data, -1, 1, W.data)
    return W.sum()


def rounded_into(W):
    np.round(W.data * 1.3, 0, W.data)
    return W.sum()


def cleaned(W):
    np.nan_to_num(W.data, copy=False)
    return W.sum()


def wider(x32):
    return x32 * np.float64(0.1)


def bytes_divided(small):
    return small / -2


def not_of_integers(small):
    return np.logical_not(small)


def dot_of_stacks(a):
    return np.dot(a, np.swapaxes(a, 1, 2)), np.dot(a, 3.0)


def dot_gradient(x):
    return tx.grad(lambda x: tx.vdot(x, x) + tx.inner(x, x))(x)


def long_result(x, W):
    y = tx.where(W > 0, tx.where(W > 1, W * x, W - x), tx.where(W < -2, W / 3, tx.exp(W * 0.1)))
    return tx.concatenate([y, W * 2, W + x, tx.sin(W), tx.cos(W), tx.maximum(W, y)], axis=0)


def nothing(W):
    W.data *= 2


def names_of_the_writer(rows, shifted, log_p, dz, total, loss):
    return tx.cross_entropy(rows + shifted * log_p + dz, total) * loss


def reserved(print, lambda_, np_):
    return print + lambda_ * np_


def unicode_names(größe, μ):
    σ = größe * μ
    return σ - μ


def an_integer_input(x, n):
    return x * n


def empty(z):
    return z * 2, z.sum(axis=0)


TRICKY = {
    "a variable named like a gradient": (named_like_a_gradient, (w, x)),
    "an input named like a gradient": (a_gradient_given, (w, lambda: np.ones((3, 3)))),
    "a copy of the old value": (old_copy, (w,)),
    "a view of the old value": (old_view, (w,)),
    "a row of the old value": (old_row, (w,)),
    "two inputs with one new value": (two_updates_of_one_value, (w, w)),
    "elements that are assigned": (assigned_parts, (w,)),
    "a whole array that is assigned": (assigned_whole, (w,)),
    "a diagonal that is filled": (filled_diagonal, (w,)),
    "np.clip into an array": (clipped_into, (w,)),
    "np.round into an array": (rounded_into, (w,)),
    "nan_to_num in place": (cleaned, (w,)),
    "np.add.at": (added_at, (w, x)),
    "a float64 number": (wider, (lambda: x().astype(np.float32),)),
    "bytes by a negative number": (bytes_divided, (lambda: np.array([1, 2, 255], np.uint8),)),
    "not, of integers": (not_of_integers, (lambda: np.array([0, 1, 2], np.uint8),)),
    "np.dot of stacks": (dot_of_stacks, (lambda: np.arange(8.0).reshape(2, 2, 2),)),
    "the slope of a number": (dot_gradient, (x,)),
    "a long result": (long_result, (x, lambda: w().numpy() * 1)),
    "no result": (nothing, (w,)),
    "names that the writer uses": (
        names_of_the_writer,
        (lambda: np.ones((3, 3)), x, x, x, lambda: np.array([0, 1, 2]), lambda: 2.0),
    ),
    "reserved names": (reserved, (x, x, x)),
    "names in other scripts": (unicode_names, (x, x)),
    "a NumPy integer": (an_integer_input, (x, lambda: np.int64(3))),
    "nothing in an array": (empty, (lambda: np.zeros((0, 3)),)),
}


def fresh(args):
    return [make() for make in args]


@pytest.mark.parametrize("name", TRICKY)
def test_program_and_script_do_what_eager_code_does(name):
    f, makers = TRICKY[name]
    args = fresh(makers)
    expected = leaves(numbers(f(*args)))
    program, values = record(f, tuple(fresh(makers)))
    found = program(*values)
    result, updates = found if program.updates else (found, {})
    for ours, theirs in zip(leaves(numbers(result)), expected, strict=True):
        if theirs is not None:
            assert ulps(np.asarray(ours), np.asarray(theirs)) <= 4
    tensors = [t for t in args if isinstance(t, tx.Tensor)]
    names = [i.name for i in program.inputs]
    for tensor, key in zip(tensors, names, strict=False):
        np.testing.assert_array_equal(updates.get(key, tensor.numpy()), tensor.numpy())
    copies = [np.array(v) if isinstance(v, np.ndarray) else v for v in values]
    function = defined(str(written(program, "step")))
    by_script = function(*copies)
    by_script = list(by_script) if isinstance(by_script, tuple) else [by_script]
    unique = list({id(v): v for v in leaves(numbers(result)) if v is not None}.values())
    for ours, theirs in zip(by_script, unique, strict=False):
        assert ulps(np.asarray(ours), np.asarray(theirs)) <= 4
    for key, copy in zip(names, copies, strict=True):
        if key in updates and isinstance(copy, np.ndarray):
            np.testing.assert_array_equal(copy, updates[key])


@pytest.mark.parametrize("name", TRICKY)
def test_a_script_with_its_data_runs(name, tmp_path):
    f, makers = TRICKY[name]
    text = tx.script(f, *fresh(makers), data=True)
    exec(compile(text, name, "exec"), {"__name__": "script"})


def test_the_command_line_writes_a_script(tmp_path):
    file = tmp_path / "train.py"
    file.write_text(
        "import tinygrad_xent as tx\n"
        "W = tx.Tensor([[1.0, 2.0]], requires_grad=True)\n"
        "loss = (W * W).sum()\nprint('trained')\n"
    )
    out = tmp_path / "by_hand.py"
    command = [sys.executable, "-m", "tinygrad_xent", "script", str(file)]
    done = subprocess.run([*command, "-o", str(out)], capture_output=True, text=True, check=True)
    assert done.stdout == f"trained\n{out}\n"
    assert "def loss_and_gradients(W):" in out.read_text()
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout == out.read_text()
    for wrong, words in (("--output=nothing", "leaves no tensor"), ("-h", "")):
        done = subprocess.run([*command, wrong], capture_output=True, text=True, check=False)
        assert done.returncode == (2 if words else 0)
        assert words in done.stderr


def test_a_program_holds_no_data():
    program = tx.program(tx.exp, np.ones(2))
    assert "np.exp(" in tx.script(program)
    with pytest.raises(TypeError, match="holds no data"):
        tx.script(program, data=True)


def test_what_numpy_lacks_is_said():
    with pytest.raises(ValueError, match=r"scipy\.special\.erf is not in NumPy"):
        tx.script(tx.erf, np.ones(2))


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for stem, make_script in SCRIPTS.items():
        print(make_script().save(GOLDEN / f"{stem}.py"))
