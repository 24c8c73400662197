"""What was pickled or imported by a module's former name still loads.

`former_pickles.json` was written when all modules were in one folder: objects by name, each with
its text at that time and its pickle.
"""

import base64
import importlib
import json
import pickle
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.renamed import NOW, Renamed

FORMER = json.loads(Path(__file__).with_name("former_pickles.json").read_text(encoding="utf-8"))


def load(name):
    return pickle.loads(zlib.decompress(base64.b85decode(FORMER[name][1])))


@pytest.mark.parametrize("name", FORMER)
def test_a_former_pickle_loads(name):
    text, _ = FORMER[name]
    loaded = load(name)
    assert text is None or str(loaded) == text
    again = pickle.loads(pickle.dumps(loaded))
    assert type(again) is type(loaded)


def test_what_was_pickled_works():
    w, model, adam = load("tensor"), load("model"), load("adam")
    assert (type(w), w.requires_grad, w.name) == (tx.Tensor, True, "w")
    tx.cross_entropy(model(w), [0, 1]).backward()
    assert all(p.grad is not None for p in model.parameters())
    (parameter,) = adam.params
    before = parameter.numpy().copy()
    parameter.grad = np.ones((2, 2))
    adam.step()
    assert (parameter.numpy() < before).all()
    loss = tx.cross_entropy(w * 1.0, [0, 1])
    trace, now = load("trace"), tx.trace(loss)
    same = (
        len(trace) - 2
    )  # since then, the sum is divided by N, no more by -N, and changes its sign
    assert [e.op for e in trace.entries[:same]] == [e.op for e in now.entries[:same]]
    for then, entry in zip(trace.entries[:same], now.entries[:same], strict=True):
        np.testing.assert_allclose(then.value, entry.value)
    np.testing.assert_allclose(trace[trace.output].value, now[now.output].value)


def test_functions_are_the_same_objects():
    names = {"function": "relu", "comparison": "less", "composite": "mean"}
    names |= {"loss": "cross_entropy", "transform": "grad"}
    for name, public in names.items():
        assert load(name) is getattr(tx, public)


def test_an_error_is_told_as_it_was():
    error = load("error")
    assert type(error) is tx.ShapeError
    assert "at lesson.py:" in str(error)


@pytest.mark.parametrize("former", NOW)
def test_every_former_name_leads_to_modules(former):
    for place in NOW[former]:
        importlib.import_module(f"tinygrad_xent.{place}")
    stand_in = importlib.import_module(f"tinygrad_xent.{former}")
    assert type(stand_in) is Renamed
    with pytest.raises(AttributeError, match=f"{former}' has no attribute 'nothing'"):
        stand_in.nothing  # noqa: B018


def test_imports_by_former_names():
    from tinygrad_xent.check.lint import lint
    from tinygrad_xent.ops import add
    from tinygrad_xent.tape import Node, apply, raw
    from tinygrad_xent.tensor import Tensor

    assert (lint, add, Tensor) == (tx.check.lint, tx.add, tx.Tensor)
    assert isinstance((Tensor([1.0], requires_grad=True) * 2)._node, Node)
    assert callable(apply)
    assert raw(Tensor([1.0])) == [1.0]


def test_the_packages_keep_their_attributes():
    """A stand-in is not an attribute, so it hides nothing that has the same name."""
    assert "tinygrad_xent.tensor" in sys.modules
    for former in NOW:
        package, _, name = former.rpartition(".")
        assert not isinstance(getattr(tx.check if package else tx, name, None), Renamed)
