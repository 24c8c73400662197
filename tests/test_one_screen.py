"""The lesson with the whole idea on one screen: it fits, and its gradients are the engine's."""

import functools
import re
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
from benchmarks.reading import code_lines

SCRIPT = Path(__file__).resolve().parent.parent / "examples/plot_one_screen.py"
SOURCE = SCRIPT.read_text(encoding="utf-8")
IDEA = SOURCE[: SOURCE.index("# A classifier")]


@pytest.fixture
def screen(run_lesson):
    return run_lesson("one_screen")


@pytest.fixture
def published(run_lesson):
    """Z, W, b and the classes of the published example, from the lesson that audits it."""
    ran = run_lesson("node_classification")
    return ran.Z.numpy(), ran.W.numpy(), ran.b.numpy(), ran.classes


def other_data(size):
    """Seven samples of five numbers in four classes; `size` is the weights' standard deviation."""
    rng = np.random.default_rng(0)
    Z, W, b = rng.normal(size=(7, 5)), size * rng.normal(size=(5, 4)), rng.normal(size=4)
    return Z, W, b, rng.integers(4, size=7)


def nodes_of(screen, Z, W, b, classes):
    """The data as nodes: Z, W, b and the one-hot rows of the classes."""
    return [screen.Node(x) for x in (Z, W, b, np.eye(len(b))[classes])]


def by_screen(screen, data):
    """The value and the gradient of every node of the loss, oldest first."""
    Z, W, b, Y = nodes_of(screen, *data)
    grads = screen.sweep(screen.cross_entropy(Z @ W + b, Y))
    return [(node.value, grads[node]) for node in sorted(grads, key=lambda node: node.number)]


def by_engine(Z, W, b, classes):
    """The same values and gradients from the engine, by the same operations in the same order."""
    data = Z, W, b, Y = [
        tx.Tensor(x, requires_grad=True) for x in (Z, W, b, np.eye(len(b))[classes])
    ]
    product = Z @ W
    h = product + b
    highest = tx.Tensor(h.numpy().max(axis=1, keepdims=True), requires_grad=True)
    low = h - highest
    e = tx.exp(low)
    total = e.sum(axis=-1, keepdims=True)
    log_total = tx.log(total)
    masked = low * Y
    own = masked.sum(axis=-1, keepdims=True)
    losses = log_total - own
    loss = losses.mean()
    steps = tx.trace(loss)
    nodes = (product, h, highest, low, e, total, log_total, masked, own, losses, loss)
    return [(node.numpy(), steps[node].gradient) for node in (*data, *nodes)]


def check_every_gradient(screen, data):
    for here, there in zip(by_screen(screen, data), by_engine(*data), strict=True):
        for ours, engines in zip(here, there, strict=True):
            assert np.shape(ours) == np.shape(engines)
            np.testing.assert_allclose(ours, engines, rtol=1e-12, atol=1e-12)


# --- what it is ----------------------------------------------------------------------------------


def test_it_fits_on_one_screen():
    assert code_lines(SOURCE) <= 60
    assert code_lines(IDEA) <= 40  # the text says some forty


def test_the_idea_is_numpy_alone():
    imported = re.findall(r"^(?:from|import) (\w+)", IDEA, flags=re.MULTILINE)
    assert imported == ["inspect", "itertools", "numpy"]


def test_it_is_the_published_example(screen, published, run_lesson):
    Z, _, _, classes = published
    np.testing.assert_array_equal(screen.Z.value, Z)
    np.testing.assert_array_equal(screen.Y.value, np.eye(3)[classes])
    before, printed = screen.text.split("step   0")
    assert str(run_lesson("node_classification").dw.round(6)) in before
    assert [float(x) for x in re.findall(r"loss (\S+)", printed)][:2] == [1.146493, 1.123408]


def test_training_gets_all_five_right(screen, published):
    assert "0.373455   5 of 5 right" in screen.text
    Z, W, b, classes = published
    W, b = (tx.Tensor(start, requires_grad=True) for start in (W, b))
    for _ in range(201):
        for parameter in (W, b):
            parameter.zero_grad()
        tx.cross_entropy(Z @ W + b, classes).backward()
        W.data -= 0.2 * W.grad
        b.data -= 0.2 * b.grad
    np.testing.assert_allclose(screen.W.numpy(), W.numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(screen.b.value, b.numpy(), rtol=0, atol=1e-12)


# --- its gradients -------------------------------------------------------------------------------


def test_loss_and_gradients_are_those_of_the_engines_loss(screen, published):
    for data in (published, other_data(1), other_data(1000)):
        Z, W, b, Y = nodes_of(screen, *data)
        loss = screen.cross_entropy(Z @ W + b, Y)
        grads = screen.sweep(loss)
        z, w, bias = (tx.Tensor(x, requires_grad=True) for x in data[:3])
        engines = tx.cross_entropy(z @ w + bias, data[3])
        engines.backward()
        np.testing.assert_allclose(loss.value, engines.item(), rtol=1e-12)
        for node, leaf in ((Z, z), (W, w), (b, bias)):
            np.testing.assert_allclose(grads[node], leaf.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_every_gradient_on_the_way_is_the_engines(screen, published):
    for data in (published, other_data(1)):
        check_every_gradient(screen, data)


def test_a_mistake_in_any_rule_is_noticed(screen, published, monkeypatch):
    def wrong(rule):
        return functools.wraps(rule)(lambda *arguments: 1.000001 * rule(*arguments))

    for name, (forward, *rules) in list(screen.TABLE.items()):
        for place in range(len(rules)):
            mistaken = [wrong(r) if i == place else r for i, r in enumerate(rules)]
            with monkeypatch.context() as patch:
                patch.setitem(screen.TABLE, name, (forward, *mistaken))
                with pytest.raises(AssertionError, match="Not equal to tolerance"):
                    check_every_gradient(screen, published)
    check_every_gradient(screen, published)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("waiting.pop(max(waiting))", "waiting.pop(min(waiting))"),
        ("grads.get(x, 0) + fit(", "fit("),
        ("fit(rule(grads[node], *kept), x.value.shape)", "rule(grads[node], *kept)"),
    ],
    ids=["oldest first", "no sum over uses", "broadcasting left alone"],
)
def test_a_mistake_in_the_sweep_is_noticed(run_lesson, published, tmp_path, right, wrong):
    assert SOURCE.count(right) == 1
    (tmp_path / SCRIPT.name).write_text(SOURCE.replace(right, wrong), encoding="utf-8")
    mistaken = run_lesson("one_screen", tmp_path)
    with pytest.raises(AssertionError):
        check_every_gradient(mistaken, published)


def test_gradients_are_the_slopes_of_the_loss(screen, published):
    """Central differences use neither the rules nor the engine."""
    Z, W, b, Y = nodes_of(screen, *published)
    grads = screen.sweep(screen.cross_entropy(Z @ W + b, Y))
    for parameter in (Z, W, b):
        for index in np.ndindex(parameter.value.shape):
            start, ends = parameter.value, []
            for step in (1e-6, -1e-6):
                parameter.value = start.copy()
                parameter.value[index] += step
                ends.append(screen.cross_entropy(Z @ W + b, Y).value)
            parameter.value = start
            assert grads[parameter][index] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-9)


def test_the_sweep_gives_each_value_the_shape_it_had(screen):
    """The gradient of a value that broadcasting repeated is summed, whatever the value's shape."""
    matrix = screen.Node(np.arange(15.0).reshape(5, 3))
    for shape, expected in (
        ((3,), [30, 35, 40]),
        ((1, 3), [[30, 35, 40]]),
        ((5, 1), [[3], [12], [21], [30], [39]]),
        ((), 105),
    ):
        small = screen.Node(np.ones(shape))
        gradient = screen.sweep(matrix * small)[small]
        assert np.shape(gradient) == shape
        np.testing.assert_array_equal(gradient, expected)


def test_a_value_used_twice_gets_the_sum(screen):
    x = screen.Node(np.array([3.0, 5.0]))
    np.testing.assert_array_equal(screen.sweep(x * x + x)[x], [7, 11])


def test_a_long_chain_does_not_recurse(screen):
    x = screen.Node(np.array([0.5, 2.0]))
    y = x
    for _ in range(100_000):
        y = y + x
    np.testing.assert_array_equal(screen.sweep(y)[x], [100_001, 100_001])
    del y  # nor does freeing it
