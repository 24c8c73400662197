"""BLAS has one thread while a step of middle size runs, and afterwards as many as before, whatever happens."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import Pair, batch, train, trained
from tinygrad_xent.compiled import threads
from tinygrad_xent.compiled.threads import OneThread


class Blas:
    """A number of threads, and how often it was changed."""

    def __init__(self, count=4):
        self.now, self.changes = count, []
        self.one = OneThread(lambda: self.now, self.change)

    def change(self, count):
        self.now = count
        self.changes.append(count)


@pytest.fixture
def blas(monkeypatch):
    made = Blas()
    monkeypatch.setattr(threads, "one_thread", lambda: made.one)
    return made


@pytest.mark.parametrize(
    ("rows", "width", "alone"), [(6, 8, False), (128, 64, True), (128, 65, True), (128, 128, False)]
)
def test_only_steps_of_middle_size_run_on_one_thread(blas, rows, width, alone):
    pair = Pair(lambda: trained((4, width, width, 3), "SGD"), train)
    pair.run(*batch(rows))
    assert (blas.changes == [1, 4]) is alone
    assert blas.now == 4
    if alone:
        assert threads.ALONE < 128 * 64 * 64


def test_a_step_that_fails_gives_the_threads_back(blas):
    pair = Pair(lambda: trained((4, 64, 64, 3), "SGD"), train)
    pair.run(*batch(128))
    x, y = batch(128)
    y[0] = 3
    with pytest.raises(IndexError, match="label"):
        pair.compiled(x, y)
    assert blas.changes == [1, 4, 1, 4]


def test_where_blas_has_one_thread_or_is_unknown_nothing_is_done(monkeypatch):
    def step():
        return None

    monkeypatch.setattr(threads, "one_thread", lambda: Blas(1).one)
    assert threads.on_one_thread(step) is step
    monkeypatch.setattr(threads, "one_thread", lambda: None)
    assert threads.on_one_thread(step) is step


def test_the_last_one_to_leave_gives_them_back():
    blas = Blas()
    with blas.one:
        with blas.one:
            assert blas.now == 1
            assert blas.one.usual() == 4
        assert blas.now == 1
    assert (blas.now, blas.changes) == (4, [1, 4])
    blas.now = 2  # somebody else has changed it meanwhile
    with blas.one:
        pass
    assert blas.now == 2


def test_many_threads_leave_as_many_as_there_were():
    blas = Blas()

    def work():
        for _ in range(300):
            with blas.one:
                assert blas.now == 1

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert blas.now == 4


def test_the_threads_of_numpys_own_blas():
    """What is set is what is read; a library without such functions is unknown."""
    one = threads.one_thread()
    if one is None:
        pytest.skip("this NumPy has another BLAS")
    before = one.get()
    with one:
        assert one.get() == 1
    assert one.get() == before


def test_a_blas_without_such_functions_is_unknown(monkeypatch):
    monkeypatch.setattr(threads.ctypes, "PyDLL", lambda path: SimpleNamespace())
    assert threads.one_thread.__wrapped__() is None

    def missing(path):
        raise OSError

    monkeypatch.setattr(threads.ctypes, "PyDLL", missing)
    assert threads.one_thread.__wrapped__() is None


def test_products_of_vectors_and_numbers_do_not_count():
    def f(x, y):
        return x @ y, np.float64(2.0) * x

    x = np.ones(1 << 19)
    found = tx.compile(f, strict=True)(x, x)
    assert found[0] == 1 << 19
