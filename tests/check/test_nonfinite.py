"""The NaN and Inf autopsy: forty ways to get a NaN or Inf, each with its operation and its line."""

import warnings

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.check.nonfinite_ways import WAYS
from tests.tensors import leaf
from tinygrad_xent.check import NonFiniteWarning, autopsy, explain_nonfinite


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_names_the_operation_and_the_line(name):
    function, op, phase, says = WAYS[name]
    loss = function()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the replay keeps NumPy's warnings to itself
        report = explain_nonfinite(loss)
    assert (report.op, report.phase) == (op, phase)
    assert says in report.cause + report.cure
    if report.argument is not None or report.phase != "backward":  # a sum of gradients has no line
        assert report.line.text.endswith("# HERE")
    assert not np.isfinite(report.value)
    assert 1 <= report.count <= report.size
    text = " ".join(str(report).split())
    assert report.cause in text
    assert report.cure in text


def test_there_are_enough_ways():
    assert len(WAYS) >= 30
    assert len({(op, phase, says) for _, op, phase, says in WAYS.values()}) >= 30


def healthy_losses():
    rng = np.random.default_rng(0)
    w, b = leaf(rng.normal(size=(4, 3)), name="w"), leaf(np.zeros(3))
    x, y = rng.normal(size=(5, 4)), rng.integers(3, size=(5, 1))

    def logits():
        return x @ w + b

    yield -tx.take_along_axis(tx.log_softmax(logits()), y, axis=1).mean()
    mask = np.array([True, True, False])
    yield tx.softmax(tx.where(mask, logits(), -np.inf))[:, 0].sum()
    yield tx.logsumexp(logits() + np.where(mask, 0.0, -np.inf), axis=1).sum()
    z = logits()
    yield tx.where(z.numpy() > 0, tx.log(tx.where(z.numpy() > 0, z, 1.0)), 0.0).sum()
    yield tx.relu(logits()).max()


def test_is_silent_where_all_is_finite():
    for loss in healthy_losses():
        assert explain_nonfinite(loss) is None
        loss.backward()  # warnings are errors here


def test_the_element_its_operands_and_the_spread():
    z = leaf([[0.0, 800.0], [1.0, 1.0]], name="z")
    p = tx.softmax(z)
    p.name = "p"
    with np.errstate(all="ignore"):
        loss = -(np.array([[0.0, 1.0], [1.0, 0.0]]) * tx.log(p)).sum()
    report = explain_nonfinite(loss)
    assert (report.index, report.value, report.count, report.size) == ((0, 0), -np.inf, 1, 4)
    (x,) = report.operands
    assert (x.argument, x.label, x.index, x.value.item()) == ("x", "p", (0, 0), 0.0)
    assert report.spread.op == "mul"
    assert "x[0, 0] = 0   (p)" in str(report)


def test_operands_of_a_product_are_a_row_and_a_column():
    w = leaf([[1e200, 1.0], [1.0, 1e200]], name="w")
    x = np.array([[1.0, 1.0], [1.0, 1e200]])
    with np.errstate(all="ignore"):
        report = explain_nonfinite((x @ w).sum())
    a, b = report.operands
    assert report.index == (1, 1)
    assert (a.value.tolist(), b.value.tolist()) == ([1.0, 1e200], [1.0, 1e200])


def test_takes_a_trace_a_spent_graph_and_a_tensor_without_gradient():
    x = leaf([0.0])
    with np.errstate(all="ignore"):
        loss = tx.log(x).sum()
        with autopsy(False):
            loss.backward()
        assert explain_nonfinite(loss).op == "log"
        assert explain_nonfinite(tx.trace(loss)).op == "log"
    assert explain_nonfinite(tx.Tensor(np.nan)).phase == "data"
    with pytest.raises(TypeError, match="Tensor or a Trace"):
        explain_nonfinite(np.nan)


def test_nan_given_to_backward_is_the_callers():
    x = leaf([1.0, 2.0], name="x")
    trace = tx.trace(x * 2, gradient=[1.0, np.nan])
    report = explain_nonfinite(trace)
    assert "given to backward()" in report.cause


EXTREMES = [0.0, -0.0, 1.0, -1.0, 1e-310, 1e200, -1e200, 800.0, -800.0, np.inf, -np.inf, np.nan]
UNARY = [tx.exp, tx.log, tx.sqrt, tx.log1p, tx.softmax, tx.log_softmax, tx.tanh, lambda t: t**-0.5]
UNARY += [lambda t: t.mT, lambda t: tx.logsumexp(t, axis=0), lambda t: t.max(axis=1, keepdims=True)]
BINARY = [tx.add, tx.sub, tx.mul, tx.div, tx.matmul, tx.pow, tx.maximum]
BINARY += [lambda a, b: tx.where(a.numpy() > 0, a, b)]


def extreme_graph(seed):
    """A sum of random operations at extreme values, and its leaves."""
    rng = np.random.default_rng(seed)
    values = EXTREMES[: 9 + 3 * (seed % 2)]  # half of the graphs start from finite values
    leaves = [leaf(rng.choice(values, size=s)) for s in [(3, 3), (1, 3), (3, 1)]]
    pool = list(leaves)
    for _ in range(4):
        a, b = (pool[i] + np.zeros((3, 3)) for i in rng.integers(len(pool), size=2))
        if rng.integers(2):
            pool.append(UNARY[rng.integers(len(UNARY))](a))
        else:
            pool.append(BINARY[rng.integers(len(BINARY))](a, b))
    return pool[-1].sum(), leaves


def test_whatever_is_not_finite_has_an_explanation():
    seen = set()
    for seed in range(200):
        with np.errstate(all="ignore"), autopsy(False):
            loss, leaves = extreme_graph(seed)
            loss.backward()
        results = [loss, *(t.grad for t in leaves if t.grad is not None)]
        report = explain_nonfinite(loss)
        assert (report is None) == all(np.isfinite(t.numpy()).all() for t in results)
        if report is None:
            continue
        seen.add((report.phase, report.op))
        assert report.cause in " ".join(str(report).split())
        if report.phase == "forward":  # nan out of infinities, or out of nothing but numbers
            read = [report.trace[i].value for i in report.entry.inputs]
            assert not any(np.isnan(value).any() for value in read)
            assert np.isnan(report.value) or all(np.isfinite(value).all() for value in read)
    assert len(seen) > 10


# --- the switch and the warning ------------------------------------------------------------------


def diverged():
    with np.errstate(all="ignore"):
        return tx.log(leaf([0.0], name="p")).sum()


def test_backward_warns_at_the_users_line_and_delivers_the_gradients():
    x = leaf([0.0, 4.0])
    loss = tx.sqrt(x).sum()
    warns = pytest.warns(NonFiniteWarning, match="square root")
    with np.errstate(all="ignore"), autopsy("gradients"), warns as caught:
        loss.backward()
    assert caught[0].filename == __file__
    assert x.grad.numpy().tolist() == [np.inf, 0.25]


def test_backward_warns_of_a_loss_that_is_not_finite():
    with np.errstate(all="ignore"), pytest.warns(NonFiniteWarning, match="log of 0"):
        diverged().backward()
    with np.errstate(all="ignore"), pytest.warns(NonFiniteWarning, match="log of 0"):
        diverged().reshape(1, 1).backward()


def test_the_switch_is_a_block_and_a_setting():
    with np.errstate(all="ignore"):
        with autopsy(False):
            diverged().backward()
            with autopsy(True), pytest.warns(NonFiniteWarning):
                diverged().backward()
            diverged().backward()
        setting = autopsy(False)
        diverged().backward()
        setting.__exit__(None, None, None)
        with pytest.warns(NonFiniteWarning):
            diverged().backward()


def test_a_large_finite_gradient_is_no_alarm():
    x = leaf([1.0])
    with autopsy("gradients"):
        (x * 1e200).sum().backward()  # its square overflows, but it does not itself
    assert x.grad.item() == 1e200


def test_an_overwritten_leaf_is_told_not_raised():
    w, b = leaf([0.0]), leaf([1.0])
    with np.errstate(all="ignore"):
        loss = (tx.log(w) + b).sum()
        b.data = [2.0]  # backward does not need it, a replay would
        told = pytest.warns(RuntimeWarning, match="can't be found out: a leaf was overwritten")
        with told, pytest.warns(NonFiniteWarning, match="can't be explained"):
            loss.backward()
    assert b.grad.item() == 1.0


def test_gradients_of_gradients_are_looked_at_too():
    x = leaf([0.0])
    warns = pytest.warns(NonFiniteWarning, match="square root")
    with np.errstate(all="ignore"), autopsy("gradients"), warns:
        tx.sqrt(x).sum().backward(create_graph=True)


def test_gradients_are_looked_at_unasked():
    x = leaf([0.0])
    with np.errstate(all="ignore"), pytest.warns(NonFiniteWarning, match="square root"):
        tx.sqrt(x).sum().backward()
    for wrong in ("everything", x):
        with pytest.raises(tx.DtypeError, match="explain_nonfinite"):
            autopsy(wrong)
