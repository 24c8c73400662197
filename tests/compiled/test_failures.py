"""Nothing is half done and nothing silent: checks that fail, interrupts, threads, calls from inside, code that
can't be compiled.
"""

import signal
import threading
import warnings
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import Pair, batch, check_near, numbers, quietly, train, trained
from tinygrad_xent.compiled import forms
from tinygrad_xent.engine.errors import NonFiniteWarning


@pytest.mark.parametrize("label", [3, -1, 2**40])
@pytest.mark.parametrize("rows", [6, 40])
def test_a_label_out_of_range_changes_nothing(label, rows):
    pair = Pair(trained, train)
    pair.run(*batch(rows))
    x, y = batch(rows)
    y[2] = label
    with pytest.raises(IndexError, match="label"):
        pair.compiled(x, y)
    with pytest.raises(IndexError, match="label"):
        train(pair.other, x, y)
    pair.other.optimizer.zero_grad()
    pair.world.optimizer.zero_grad()
    pair.check()
    pair.run(*batch(rows))


def test_a_gradient_that_is_not_finite_is_skipped_with_the_autopsy_and_raises_the_third_time():
    pair = Pair(trained, train)
    pair.run(*batch())
    x, y = batch()
    x[0, 0] = np.nan
    for _ in range(2):
        for run in (lambda: pair.compiled(x, y), lambda: train(pair.other, x, y)):
            with pytest.warns(NonFiniteWarning):
                run()
        pair.check()
    for run in (lambda: pair.compiled(x, y), lambda: train(pair.other, x, y)):
        with pytest.raises(FloatingPointError):
            quietly(run)
    pair.check()
    pair.run(*batch())
    assert pair.world.optimizer._skipped == 0


def test_a_setting_lets_steps_with_nan_proceed():
    def make():
        world = trained()
        world.optimizer.nonfinite = "proceed"
        return world

    x, y = batch()
    x[0, 0] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pair = Pair(make, train)
        pair.run(*batch())
        pair.run(x, y)
    assert np.isnan(pair.world.model.parameters()[0].data).any()


def test_a_gradient_that_is_not_finite_where_nobody_looks_is_as_in_eager_code():
    """Infinite where a relu is off: eager code chooses 0, a product with the mask would not."""
    x = np.array([-1.0, 2.0])

    def step(world, x):
        world.w.zero_grad()
        y = tx.relu(x * world.w)
        (y / (y - y.detach() * (x > 0))).sum().backward()
        return y

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pair = Pair(lambda: SimpleNamespace(w=tx.Tensor([1.0, 1.0], requires_grad=True)), step)
        ours, theirs = pair.compiled(x), step(pair.other, x)
    check_near(numbers(ours), numbers(theirs))


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_an_interrupt_leaves_all_of_a_step_or_nothing(kind):
    """A timer interrupts at ever later moments; each time the world is one of the two that it may be."""
    done = 0
    for micros in range(20, 900, 4):
        pair = Pair(lambda: trained(kind=kind, layers=(4, 40, 40, 3)), train)
        pair.run(*batch(64))
        done += interrupt_after(micros * 1e-6, partial(pair.compiled, *batch(64)))
        if pair.world.optimizer._counts != pair.other.optimizer._counts:
            train(pair.other, *batch(64))
        check_near(trained_state(pair.world), trained_state(pair.other))
    assert done > 10


def trained_state(world):
    """Weights, buffers and counts."""
    return numbers((world.model.state_dict(), world.optimizer.state_dict()))


class Stop(BaseException):
    """An interrupt."""


def interrupt_after(seconds, run):
    """Whether a run was interrupted by a timer."""
    armed = True

    def stop(*_):
        if armed:
            raise Stop

    old = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        run()
        armed = False
    except Stop:
        return True
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    return False


def test_an_error_in_the_middle_of_the_changes_leaves_all_of_them():
    """The first call of the update overflows, which the user wants to hear of."""

    def step(world, x, y):
        world.optimizer.zero_grad()
        loss = tx.cross_entropy(world.model(x), y) * 1e4
        loss.backward()
        world.optimizer.step()

    pair = Pair(lambda: trained(kind="SGD", dtype=np.float32), step)
    pair.run(*batch(dtype=np.float32))
    pair.world.optimizer.lr = 1e38
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        pair.compiled(*batch(dtype=np.float32))
    assert pair.world.optimizer._counts == [2] * 4
    assert not all(np.isfinite(p.data).all() for p in pair.world.model.parameters())


def test_an_error_before_the_changes_is_that_of_eager_code():
    pair = Pair(lambda: trained(kind="SGD"), lambda world, x, y: train(world, 1.0 / x, y))
    pair.run(*batch())
    x, y = batch()
    x[0] = 0.0
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        pair.compiled(x, y)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        pair.step(pair.other, x, y)
    pair.run(*batch())


def test_threads_take_turns_or_run_as_they_are():
    """Evaluations of one compiled function in four threads are all right."""
    world = trained((4, 64, 3))

    def evaluate(x, y):
        with tx.no_grad():
            return tx.cross_entropy(world.model(x), y)

    step = tx.compile(evaluate, strict=True)
    batches = [batch(50, seed=n) for n in range(8)]
    expected = [evaluate(*b).item() for b in batches]
    wrong = []

    def work(n):
        for _ in range(200):
            k = n % 8
            if abs(step(*batches[k]).item() - expected[k]) > 1e-12:
                wrong.append(k)
            n += 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_call_from_inside_a_call_runs_as_it_is():
    """A signal handler calls the step while it runs."""
    world = trained((4, 200, 200, 3))

    def evaluate(x, y):
        with tx.no_grad():
            return tx.cross_entropy(world.model(x), y)

    step = tx.compile(evaluate, strict=True)
    first, other = batch(256), batch(256, seed=9)
    expected = step(*first).item(), step(*other).item()
    inside = []
    old = signal.signal(signal.SIGALRM, lambda *_: inside.append(step(*other).item()))
    try:
        for n in range(200):
            signal.setitimer(signal.ITIMER_REAL, 20e-6 * (1 + n % 40))
            assert step(*first).item() == pytest.approx(expected[0], rel=1e-12)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert inside
    assert inside == pytest.approx([expected[1]] * len(inside), rel=1e-12)


def test_a_failed_step_has_drawn_nothing():
    def step(world, x, y):
        return train(world, x + world.rng.normal(size=x.shape), y)

    def make():
        world = trained()
        world.rng = np.random.default_rng(0)
        return world

    pair = Pair(make, step)
    pair.run(*batch())
    x, y = batch()
    y[0] = 7
    for run in (lambda: pair.compiled(x, y), lambda: step(pair.other, x, y)):
        with pytest.raises(IndexError):
            run()
    assert pair.world.rng.bit_generator.state == pair.other.rng.bit_generator.state


# --- what can't be compiled -------------------------------------------------------------------------

COUNTER = 0
LOG = []


def branches(x):
    return x if (x > 0).all() else -x


def reads_a_number(x):
    LOG.append(float((x * 2).sum()))
    return x


def counts(x):
    global COUNTER
    COUNTER += 1
    return x * COUNTER


def counts_in_a_closure():
    total = 0

    def step(x):
        nonlocal total
        total += 1
        return x * total

    return step


def draws_from_everybody(x):
    return x + np.random.normal()


def of_a_mask(x):
    return x[x > 0]


UNCOMPILED = {
    "branches": branches,
    "reads a number": reads_a_number,
    "counts in a closure": counts_in_a_closure(),
    "counts": counts,
    "draws from everybody": draws_from_everybody,
    "of a mask": of_a_mask,
}


@pytest.mark.parametrize("name", UNCOMPILED)
def test_what_cannot_be_compiled_is_told_and_runs_as_it_is(name):
    f, x = UNCOMPILED[name], np.array([1.0, -2.0])
    with pytest.raises(tx.GraphError):
        tx.compile(f, strict=True)(x)
    step = tx.compile(f)
    with pytest.warns(UserWarning, match="is not compiled, and runs as it is") as caught:
        step(x)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(x)
    assert step.reason
    with pytest.raises(tx.GraphError, match="nothing is compiled: "):
        _ = step.source


def test_labels_to_be_ignored_that_come_later_make_one_new_form():
    def step(world, x, y):
        world.optimizer.zero_grad()
        loss = tx.cross_entropy(world.model(x), y, ignore_index=-100)
        loss.backward()
        world.optimizer.step()
        return loss

    pair = Pair(trained, step)
    x, y = batch()
    for place in (None, 2, None, 4, 1):
        labels = y.copy()
        if place is not None:
            labels[place] = -100
        pair.run(x, labels)
        pair.run(x, labels)
    assert pair.compiled.retried == len(pair.compiled.signatures) == 1
    with pytest.raises(IndexError, match="label"):
        pair.compiled(x, y + 3)
    assert len(pair.compiled.signatures) == 1


def test_a_step_that_is_in_vain_again_and_again_is_told_once():
    world = trained(kind="SGD", lr=0.0)

    def step(x, y):
        loss = tx.cross_entropy(world.model(x), y)
        loss.backward()
        world.optimizer.step()
        world.optimizer.zero_grad()
        return loss

    compiled = tx.compile(step)
    for _ in range(7):
        compiled(*batch())
    with pytest.warns(UserWarning, match="ran as it is in 8 calls so far.*learning rate"):
        compiled(*batch())
    for _ in range(12):
        compiled(*batch())
    assert compiled.retried == 20


def test_a_step_whose_text_is_wrong_is_told_and_given_up(monkeypatch):
    def wrong(*args):
        raise NameError("name 'v7' is not defined")

    monkeypatch.setattr(forms, "bound", lambda built, homes: wrong)
    double = tx.compile(lambda x: x * 2.0)
    with pytest.warns(UserWarning, match="the step fails: NameError: name 'v7' is not defined"):
        np.testing.assert_array_equal(double(np.ones(2)), [2.0, 2.0])
    assert "NameError" in double.reason


@pytest.mark.parametrize("way", ["raise", "warn", "call"])
def test_what_numpy_shall_do_with_an_overflow_inside_is_refused_by_name(way):
    def inverse(x):
        with np.errstate(divide=way):
            return 1.0 / x

    with pytest.raises(tx.GraphError, match=rf"np.errstate\(divide='{way}'\)"):
        tx.compile(inverse, strict=True)(np.ones(2))
    with np.errstate(divide=way):
        tx.compile(lambda x: 1.0 / x, strict=True)(np.ones(2))


def test_too_many_shapes_are_told():
    step = tx.compile(lambda x: x * 2.0)
    strict = tx.compile(lambda x: x * 2.0, strict=True)
    for n in range(1, 9):
        assert step(np.ones(n)).shape == strict(np.ones(n)).shape == (n,)
    with pytest.warns(UserWarning, match="8 forms are made"):
        step(np.ones(9))
    assert step(np.ones(10)).shape == (10,)
    assert len(step.signatures) == 8
    with pytest.raises(tx.GraphError, match="float64\\[1\\]"):
        strict(np.ones(9))


def test_errors_of_the_function_are_its_own():
    step = tx.compile(lambda x, w: x @ w)
    with pytest.raises(tx.ShapeError, match="matmul"):
        step(np.ones((2, 3)), tx.Tensor(np.ones((2, 3))))
    with pytest.raises(TypeError, match="missing 1 required"):
        step(np.ones(2))
    assert step(np.ones((2, 3)), tx.Tensor(np.ones((3, 1)))).shape == (2, 1)


def test_bad_arguments():
    with pytest.raises(TypeError, match="takes a function"):
        tx.compile(3)
    with pytest.raises(TypeError, match="without an optimizer"):
        tx.compile(tx.cross_entropy, trained().model)


def test_inside_a_recording_and_inside_a_transform_the_function_itself_runs():
    step = tx.compile(lambda x: (x * x).sum(), strict=True)
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(tx.grad(step)(x), [2.0, 4.0])
    assert step(x).item() == 5.0
    np.testing.assert_array_equal(tx.grad(step)(x), [2.0, 4.0])
    assert tx.program(step, x)(x) == 5.0
    w = tx.Tensor(x, requires_grad=True)
    (step(w * 1.0) * 3.0).backward()
    np.testing.assert_array_equal(w.grad.numpy(), [6.0, 12.0])
    with pytest.raises(tx.GraphError, match="differentiated by an argument"):
        step(w)
    with pytest.warns(UserWarning, match="differentiated by an argument"):
        tx.compile(lambda x: (x * x).sum())(w).backward()
    np.testing.assert_array_equal(w.grad.numpy(), [8.0, 16.0])


def test_memory_is_used_again():
    deep = tx.nn.MLP([64] * 12 + [10], rng=0)
    step = tx.compile(lambda x: deep(x).sum(), strict=True)
    with tx.no_grad():
        step(np.ones((128, 64)))
    assert step.nbytes < 3.5 * 128 * 64 * 8


def test_the_text_is_readable():
    world = trained()
    step = tx.compile(lambda x, y: train(world, x, y))
    with pytest.raises(tx.GraphError, match="nothing is compiled yet"):
        _ = step.source
    step(*batch())
    assert "def step(x, y):" in step.source
    assert "all at once" in step.source
    assert "float64[6, 4]" in repr(step)


def test_with_strict_a_step_that_fails_is_an_error_of_the_next_call(monkeypatch):
    """Not of this one: the function has run, and its result must not be lost."""

    def wrong(*args):
        raise NameError("name 'v7' is not defined")

    monkeypatch.setattr(forms, "bound", lambda built, homes: wrong)
    double = tx.compile(lambda x: x * 2.0, strict=True)
    with pytest.warns(UserWarning, match="NameError"):
        np.testing.assert_array_equal(double(np.ones(2)), [2.0, 2.0])
    with pytest.raises(tx.GraphError, match="NameError"):
        double(np.ones(2))


def test_threads_that_begin_together_make_one_form():
    step = tx.compile(lambda x: tx.tanh(x @ x).sum() * 2.0, strict=True)
    begin = threading.Barrier(8)

    def run():
        begin.wait()
        for _ in range(20):
            step(np.ones((3, 3)))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert step.signatures == ["x: float64[3, 3]"]
    assert step.reason == ""


def clip_and_keep(world, x, y):
    loss = tx.cross_entropy(world.model(x), y)
    loss.backward()
    tx.optim.clip_grad_norm(world.model.parameters(), 1.0)
    world.optimizer.step()
    return loss


def test_gradients_that_are_added_to_clipped_and_kept():
    def make():
        world = trained(kind="SGD")
        world.optimizer.nonfinite = "proceed"
        return world

    pair = Pair(make, clip_and_keep)
    for seed in range(4):
        pair.run(*batch(seed=seed))
    assert pair.compiled.retried == 0
