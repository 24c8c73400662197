"""Whose line: errors, warnings and the tape name the user's, whatever code called us in between."""

from __future__ import annotations

import _thread
import concurrent.futures
import contextlib
import copy
import functools
import heapq
import re
import sys
import sysconfig
import time
import warnings
from types import ModuleType

import numpy as np
import pytest

import tinygrad_xent as tx
import viz

X = tx.Tensor([1.0, 2.0], requires_grad=True)
STDLIB, SITE = (sysconfig.get_path(name) for name in ("stdlib", "purelib"))


@contextlib.contextmanager
def block():
    """Used as a decorator, it puts a frame of contextlib.py between us and the user."""
    yield


def pandas():
    return pytest.importorskip("pandas")


def sklearn():
    return pytest.importorskip("sklearn.preprocessing")


CALLS = {
    "copy": lambda: copy.deepcopy({"a": [X * 2]}),
    "functools": lambda: functools.singledispatch(tx.exp)("text"),
    "contextlib": lambda: block()(tx.exp)("text"),
    "heapq": lambda: heapq.nlargest(2, ["a", "b"], key=tx.exp),
    "numpy.vectorize": lambda: np.vectorize(tx.exp)(["text"]),
    "numpy.apply_along_axis": lambda: np.apply_along_axis(tx.add, 0, np.ones((3, 2)), np.ones(2)),
    "pandas.map": lambda: pandas().Series(["text"]).map(tx.exp),
    "pandas.mul": lambda: pandas().Series([1.0, 2.0, 3.0]) * X,
    "pandas.lambda": lambda: pandas().DataFrame({"a": [1.0]}).apply(lambda c: c.map(tx.relu) @ X),
    "sklearn": lambda: sklearn().FunctionTransformer(tx.exp).fit_transform([["text"]]),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_error_names_the_users_line_not_a_librarys(name):
    with pytest.raises((TypeError, ValueError, RuntimeError)) as caught:
        CALLS[name]()
    assert re.search(rf'  at test_lines\.py:\d+: "{name}": lambda', str(caught.value))


def test_an_operation_is_recorded_at_the_users_line_too():
    y = functools.singledispatch(tx.exp)(X)  # FIRST
    z = block()(tx.log)(y)  # SECOND
    assert [e.line.text.split()[-1] for e in tx.trace(z) if e.line] == ["FIRST", "SECOND"]


def test_what_no_frame_of_the_user_calls_stands_at_the_outermost():
    """In the thread of a pool there are only Python's frames and ours."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        (y,) = pool.map(tx.exp, [X])
        assert str(tx.trace(y)[y].line).startswith("threading.py:")
        with pytest.raises(TypeError, match=r"at threading\.py:"):
            pool.submit(tx.exp, "text").result()
        z = pool.submit(lambda: tx.exp(X)).result()  # HERE
        assert tx.trace(z)[z].line.text.endswith("# HERE")


def test_a_thread_may_start_in_our_function():
    results = []
    _thread.start_new_thread(results.extend, (map(tx.exp, [X]),))
    for _ in range(500):
        if results:
            break
        time.sleep(0.01)
    assert results[0].requires_grad


# --- whose file -----------------------------------------------------------------------------------


def file_of_line(file):
    """The file named for an operation that a function in `file` calls, which this file calls."""
    names = {}
    exec(compile("def call(f, x):\n    return f(x)", file, "exec"), names)
    y = names["call"](tx.exp, X)
    return tx.trace(y)[y].line.file


@pytest.mark.parametrize(
    "file",
    [
        f"{STDLIB}/copy.py",
        f"{STDLIB}/concurrent/futures/another.py",
        "<frozen runpy>",
        "<__array_function__ internals>",
        f"{np.__path__[0]}/lib/another.py",
        f"{pytest.__path__[0]}/another.py",
    ],
)
def test_not_the_users(file):
    assert file_of_line(file) == __file__


@pytest.mark.parametrize(
    "file",
    [
        "<stdin>",
        "<string>",
        "<doctest lesson[3]>",
        "<timeit-src>",
        "<ipython-input-3-0123456789ab>",
        "/tmp/ipykernel_7/1815.py",
        "/home/ada/copy/train.py",
        "/home/ada/numpy/train.py",
        f"{np.__path__[0]}_examples/train.py",
        f"{STDLIB}-examples/train.py",
        f"{STDLIB}/site-packages/adas/train.py",
        f"{SITE}/adas/train.py",
        f"{sys.prefix}/train.py",
        f"{sys.base_prefix}/bin/train.py",
    ],
)
def test_the_users_even_where_a_library_is_near(file):
    assert file_of_line(file) == file


def test_a_library_is_known_wherever_it_is_installed(monkeypatch, tmp_path):
    """Looking up the folder of a module that loads itself at first use does not load it."""

    class Lazy(ModuleType):
        def __getattribute__(self, name):
            raise AssertionError("loaded")

    module = Lazy("xarray")
    object.__getattribute__(module, "__dict__")["__path__"] = [str(tmp_path / "src/xarray")]
    monkeypatch.setitem(sys.modules, "xarray", module)
    monkeypatch.setitem(sys.modules, "jax", None)  # which forbids its import
    assert file_of_line(f"{tmp_path}/src/xarray/core/ops.py") == __file__
    assert file_of_line(f"{tmp_path}/src/train.py") == f"{tmp_path}/src/train.py"


def test_a_folder_becomes_ours(monkeypatch, tmp_path):
    from tinygrad_xent.engine import lines

    monkeypatch.setattr(lines, "_own", [*lines._own])
    file = f"{tmp_path}/built_upon/layers.py"
    assert file_of_line(file) == file
    lines.own(tmp_path / "built_upon")
    assert file_of_line(file) == __file__
    assert file_of_line(f"{tmp_path}/built_upon_it.py") == f"{tmp_path}/built_upon_it.py"


def test_equal_code_stands_in_the_file_it_was_read_from():
    files = ["/home/ada/one.py", "/home/ada/two.py"]
    assert [file_of_line(file) for file in files] == files


# --- warnings -------------------------------------------------------------------------------------


NOTHING_TRAINED = functools.partial(tx.cross_entropy, np.ones((1, 2)), [-100], ignore_index=-100)


def fit(X, y):
    estimator = pytest.importorskip("tinygrad_xent.estimator")
    block()(estimator.SoftmaxClassifier(max_epochs=1).fit)(X, y)


WARNINGS = {
    "a target": NOTHING_TRAINED,
    "the autopsy": (X * np.inf).sum().backward,
    "gradcheck": functools.partial(tx.check.gradcheck, tx.relu, np.zeros(1)),
    "a picture": functools.partial(viz.draw, tx.softmax(X) + tx.softmax(X), max_nodes=3),
    "the classifier": functools.partial(fit, np.eye(4), [0, 1, 0, 1]),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning_stands_at_the_users_line(name):
    """A decorator's frame between us and the user is not the user's line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        block()(WARNINGS[name])()
    assert {warning.filename for warning in caught} == {__file__}


def test_a_warning_is_filtered_by_the_users_module_and_shown_once_a_line():
    def shown(*filters):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            for module in filters:
                warnings.filterwarnings("ignore", module=module)
            for _ in range(3):
                NOTHING_TRAINED()
        return len(caught)

    assert shown() == 1
    assert shown("another") == 1
    assert shown(re.escape(__name__) + "$") == 0
