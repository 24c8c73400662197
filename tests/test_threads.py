"""Threads, generators and interrupts: the mode of one never becomes that of another, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.tensors import equal, leaf
from tinygrad_xent.engine.context import MODE


@pytest.fixture(autouse=True)
def the_mode_is_left_as_it_was():
    before = MODE.get()
    yield
    assert MODE.get() is before


@contextmanager
def switching_often():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def in_threads(count, work):
    """Run work(i) in so many threads at once; what they raise is raised here."""
    errors, start = [], threading.Barrier(count)

    def run(i):
        start.wait()
        try:
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    with switching_often():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
def test_backward_in_several_threads_adds_up_exactly(create_graph):
    shared = [leaf(np.zeros(3)), leaf(0.0)]

    def work(i):
        for _ in range(100):
            sum((p * 1.0).sum() for p in shared).backward(create_graph=create_graph)

    in_threads(8, work)
    equal(shared[0].grad.detach().numpy(), [800.0] * 3)
    assert shared[1].grad.item() == 800


# --- one object in several threads ----------------------------------------------------------------


@pytest.mark.parametrize("block", [tx.no_grad(), tx.scope("shared")], ids=["no_grad", "scope"])
def test_one_block_object_in_several_threads(block):
    quiet = isinstance(block, tx.no_grad)

    def work(i):
        x = leaf([1.0])
        for _ in range(200):
            assert tx.is_grad_enabled()
            with block:
                y = x * 2
                with block:
                    assert tx.is_grad_enabled() is not quiet
                assert y.requires_grad is not quiet
            z = x * 2
            assert z.requires_grad
            assert tx.trace(z)[z].scope == ()

    in_threads(6, work)


# --- generators -----------------------------------------------------------------------------------


def halves(x, block):
    with block:
        yield x * 0.5
        yield x * 0.5


def test_a_block_in_a_generator_does_not_hold_outside_of_it():
    x = leaf([1.0])
    inside = []
    for y in halves(x, tx.no_grad()):
        assert tx.is_grad_enabled()
        assert (x * 2).requires_grad
        with tx.scope("outside"):
            z = x * 2
        assert tx.trace(z)[z].scope == ("outside",)
        inside.append(y.requires_grad)
    assert inside == [False, False]


def test_an_abandoned_generator():
    x = leaf([1.0])
    for _ in range(3):
        generator = halves(x, tx.no_grad())
        next(generator)
        assert (x * 2).requires_grad
        with tx.scope("kept"):
            generator.close()  # closed inside another block, which goes on
            y = x * 2
            assert tx.trace(y)[y].scope == ("kept",)
    first, second = halves(x, tx.no_grad()), halves(x, tx.no_grad())
    next(first), next(second)
    del first  # not in the order in which they began
    assert (x * 2).requires_grad
    assert not next(second).requires_grad
    del second


def test_many_open_generators():
    x = leaf([1.0])
    generators = [halves(x, tx.no_grad()) for _ in range(1500)]
    for generator in generators:
        next(generator)
    for generator in generators[:5]:  # in the order in which they were opened
        generator.close()
    assert (x * 2).requires_grad
    for generator in reversed(generators):
        generator.close()


def test_helpers_and_fixtures_that_hold_a_block_go_on_working():
    @contextmanager
    def quiet():
        with tx.no_grad():
            yield "inside"

    def generator():
        with quiet():
            yield x * 2

    x = leaf([1.0])
    with quiet() as said:
        assert said == "inside"
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    for y in generator():  # the helper holds in the generator, not outside of it
        assert not y.requires_grad
        assert (x * 2).requires_grad
    with contextlib.ExitStack() as stack:
        stack.enter_context(tx.no_grad())
        stack.enter_context(tx.scope("s"))
        assert not (x * 2).requires_grad


@pytest.fixture
def without_gradients():
    with tx.no_grad():
        yield


def test_a_fixture_holds_in_the_test(without_gradients):
    assert not (leaf([1.0]) * 2).requires_grad


def test_async_generators_and_tasks():
    x = leaf([1.0])

    async def numbers():
        with tx.no_grad():
            for _ in range(3):
                yield x * 2
                await asyncio.sleep(0)

    async def task(wanted):
        async for y in numbers():
            assert not y.requires_grad
            assert (x * 2).requires_grad
            if wanted == 1:
                break  # abandoned
        with tx.scope(f"task {wanted}"):
            await asyncio.sleep(0)
            z = x * 2
        assert tx.trace(z)[z].scope == (f"task {wanted}",)

    async def main():
        await asyncio.gather(*map(task, range(4)))

    asyncio.run(main())


@pytest.mark.parametrize("block", [tx.no_grad(), tx.scope("s")], ids=["no_grad", "scope"])
def test_generators_and_coroutines_are_not_decorated(block):
    def generator():
        yield

    async def coroutine(): ...

    async def both():
        yield

    for function in (generator, coroutine, both):
        with pytest.raises(TypeError, match=f"can't decorate {function.__name__}"):
            block(function)


# --- interrupts -----------------------------------------------------------------------------------


@cache
def lines_that_restore():
    """Where the mode of before is set again: a `finally` and the line after it."""
    found = set()
    for file in Path(tx.__file__).parent.rglob("*.py"):
        text = file.read_text(encoding="utf-8").splitlines()
        pairs = enumerate(pairwise(text), 2)
        found |= {(str(file), n) for n, (a, b) in pairs if "finally:" in a and "MODE.set(" in b}
    return found


def interrupted_at(n, work):
    """Run work() with an interrupt at the n-th line of the package's files; False if it ended before.

    The first line of leaving a `with` block is left out: Python itself can't protect that. So is the
    line of a `finally` that restores the mode: Python looks for interrupts after a call, not before.
    """
    left, restoring = n, lines_that_restore()

    def tracer(frame, event, argument):
        nonlocal left
        code = frame.f_code
        leaving = code.co_name == "__exit__" and frame.f_lineno <= code.co_firstlineno + 6
        leaving = leaving or (code.co_filename, frame.f_lineno) in restoring
        if event == "line" and "tinygrad_xent" in code.co_filename and not leaving:
            left -= 1
            if left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_an_interrupt_at_any_line_leaves_modes_and_gradients_whole():
    w, b = leaf(np.eye(2), "w"), leaf(np.zeros(2), "b")
    model = tx.nn.Linear(2, 2, rng=0)
    x = np.ones((3, 2))

    @tx.no_grad()
    def measured():
        return (model(x) * 1).mean()

    def work():
        with tx.scope("loss"), tx.no_grad():
            measured()
        with tx.scope("loss"):
            loss = tx.cross_entropy(model(x) @ w + b, [0, 1, 0])
        loss.backward()

    before = MODE.get()
    n, whole = 1, 0
    while interrupted_at(n, work):
        assert MODE.get() is before, f"the mode is not restored after an interrupt at line {n}"
        leaves = [w, b, *model.parameters()]
        assert len({p.grad is None for p in leaves}) == 1, f"some gradients only, at line {n}"
        whole += w.grad is None
        for p in leaves:
            p.grad = None
        n += 7 if n > 100 else 1
    assert whole > 50


def test_an_interrupted_step_counts_only_finished_updates():
    class Interrupted(tx.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.5})

        def update(self, w, g, t, buffers, scratch):
            if w.size == 2:
                raise KeyboardInterrupt
            w -= self.lr * g

    w, b = leaf([1.0]), leaf([1.0, 2.0])
    optimizer = Interrupted([w, b])
    loss = (w * w).sum() + (b * b).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    assert optimizer.state_dict()["counts"] == [1, 0]
    equal(w.numpy(), [0.0])
    equal(b.numpy(), [1.0, 2.0])
    with pytest.raises(tx.GraphError, match="overwritten"):  # the change is known all the same
        loss.backward()
