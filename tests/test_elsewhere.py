"""Messages that lead: under another library's name, what it is called here, or what to do without."""

import ast
import re

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import elsewhere
from tinygrad_xent.elsewhere import CALLED, NOT_HERE, advice

LINES = [line.partition(": ") for line in CALLED.strip().splitlines()]
NAMES = [name for table in (CALLED, NOT_HERE) for name in elsewhere._read(table)]
PLACES = (tx, tx.nn, tx.optim, tx.Tensor)


@pytest.mark.parametrize("code", [code for *_, code in LINES])
def test_what_is_to_be_written_exists(code):
    ast.parse(code if not code.endswith(":") else f"{code} pass")
    for path in re.findall(r"\btx((?:\.\w+)+)", code):
        found = tx
        for name in path[1:].split("."):
            found = getattr(found, name)
    for name in re.findall(r"\bt\.(\w+)", code):
        assert hasattr(tx.Tensor(1.0), name)


def test_a_name_stands_in_one_line():
    lines = [line.partition(":")[0].split() for line in (CALLED + NOT_HERE).strip().splitlines()]
    assert sorted(NAMES) == sorted(name for names in lines for name in names)
    assert len(NAMES) == len(set(NAMES)) > 250


def test_no_line_is_about_a_name_that_exists_everywhere():
    assert [name for name in NAMES if all(hasattr(place, name) for place in PLACES)] == []


ASKED = {
    "cat": (lambda: tx.cat, "tx.concatenate"),
    "det": (lambda: tx.det, "tx.linalg.det(t)"),
    "norm, a method": (lambda: tx.Tensor([1.0]).norm, "tx.linalg.norm(t, ord, axis)"),
    "trace, a method": (lambda: tx.Tensor([1.0]).trace, "tx.matrix_trace(t)"),
    "vector_norm": (lambda: tx.linalg.vector_norm, "tx.linalg.norm(t, ord, axis)"),
    "a slip in linalg": (lambda: tx.linalg.choleski, "did you mean 'cholesky'?"),
    "addmm": (lambda: tx.addmm, "c + a @ b"),
    "jvp": (lambda: tx.jvp, "tx.jacobian(f)(x)"),
    "fft": (lambda: tx.fft, "no complex numbers"),
    "Conv2D": (lambda: tx.nn.Conv2D, "derived from tx.nn.Module|tx.conv2d"),
    "CrossEntropyLoss": (lambda: tx.nn.CrossEntropyLoss, "tx.cross_entropy(logits, labels)"),
    "softmax in nn": (lambda: tx.nn.softmax, "here it is a function, tx.softmax"),
    "LSTM": (lambda: tx.nn.LSTM, "in a loop"),
    "a slip in nn": (lambda: tx.nn.Sequentiel, "did you mean 'Sequential'?"),
    "RMSprop": (lambda: tx.optim.RMSprop, "derive from tx.optim.Optimizer"),
    "view": (lambda: tx.Tensor([1.0]).view, "t.reshape(shape)"),
    "cuda": (lambda: tx.Tensor([1.0]).cuda, "on the CPU"),
    "a function, no method": (lambda: tx.Tensor([1.0]).log1p, "write tx.log1p(t)"),
    "a function of a list": (lambda: tx.Tensor([1.0]).hstack, "write tx.hstack([t, ...])"),
    "a function of several": (lambda: tx.Tensor([1.0]).meshgrid, "write tx.meshgrid(t, ...)"),
    "a function of another first": (lambda: tx.Tensor([1.0]).compress, "tx.compress(condition, t)"),
    "no way to change places": (lambda: tx.Tensor([1.0]).at[0].foo, "max, min, multiply and set"),
    "no places": (lambda: tx.Tensor([1.0]).at.set, "x.at[index].set(values)"),
    "a slip": (lambda: tx.softmx, "did you mean 'softmax'?"),
    "neither here nor known": (lambda: tx.bessel_j0, "tx.op makes an operation"),
    "jit": (lambda: tx.jit, "leave the call out"),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_name_that_is_not_here_leads_on(name):
    ask, lead = ASKED[name]
    with pytest.raises(AttributeError) as caught:
        ask()
    assert any(part in str(caught.value) for part in lead.split("|"))


def test_what_numpy_would_do_off_the_tape_leads_on():
    t = tx.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(tx.DtypeError, match=r"^np\.fft\.fft: no operation(.|\n)*inverse transform"):
        np.fft.fft(t)
    with pytest.raises(tx.DtypeError, match=r"^np\.interp: no operation(.|\n)*no derivative"):
        np.interp(0.5, [0.0, 1.0], t)


def test_a_look_for_private_names_finds_nothing_and_says_nothing():
    for place in PLACES:
        assert not hasattr(place, "_ipython_canary_method_should_not_exist_")
    assert advice("nothing_like_this") == ""
