"""Wherever Python's numbers are taken, NumPy's are too, and no setting changes a result's dtype."""

from __future__ import annotations

import dataclasses
import inspect
import math

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.operations import CASES, Maker, make_call
from tests.tensors import equal, leaf
from tinygrad_xent import nn, optim
from tinygrad_xent.engine.public import PUBLIC


def in_numpy(value):
    """A setting in the types that NumPy programs have: several variants of the same value."""
    if isinstance(value, bool):
        return [np.bool_(value)]
    if isinstance(value, int):
        return [np.int64(value), np.int8(value), np.array(value), tx.Tensor(value)]
    if isinstance(value, float):
        return [np.float64(value), np.array(value)]
    if isinstance(value, tuple) and value and all(isinstance(v, int) for v in value):
        return [np.array(value), list(value), tuple(map(np.int64, value))]
    return []


def outcome(call):
    """The value of a call and its gradients."""
    leaves = [leaf(x) for x in call.points]
    y = call(*leaves)
    if y.requires_grad:
        y.sum().backward()
    grads = [x.grad.numpy() for x in leaves if x.grad is not None]
    return [y.numpy(), *grads]


VARIANTS = [
    (name, setting, i)
    for name in CASES
    for setting, value in make_call(name).settings.items()
    if setting not in ("index", "dtype")
    for i in range(len(in_numpy(value)))
]


@pytest.mark.parametrize(("name", "setting", "i"), VARIANTS)
def test_every_setting_of_every_operation(name, setting, i):
    call = make_call(name)
    value = in_numpy(call.settings[setting])[i]
    other = dataclasses.replace(call, settings=call.settings | {setting: value})
    for found, right in zip(outcome(other), outcome(call), strict=True):
        equal(found, right)
        assert found.dtype == right.dtype


class AllAxes(Maker):
    def axes(self, ndim):
        return tuple(range(ndim))


@pytest.mark.parametrize("name", [n for n in CASES if "axis" in make_call(n).settings])
def test_axes_from_arange(name):
    call = make_call(name, AllAxes())
    for value in in_numpy(call.settings["axis"]):
        other = dataclasses.replace(call, settings=call.settings | {"axis": value})
        for found, right in zip(outcome(other), outcome(call), strict=True):
            equal(found, right)


def test_the_cases_that_showed_it():
    x = leaf(np.arange(6.0).reshape(2, 3))
    for y in (
        tx.sum(x, axis=np.int64(1)).sum(),
        tx.transpose(x, np.array([1, 0])).sum(),
        x.transpose(np.array([1, 0])).sum(),
        x.transpose(np.int64(1), np.int64(0)).sum(),
        x.sum(axis=np.arange(2)),
        x.sum(axis=tx.argmax([1.0, 2.0])).sum(),
        x.reshape(np.int64(3), np.int64(2)).sum(),
    ):
        x.grad = None
        y.backward()
        equal(x.grad.numpy(), np.ones((2, 3)))


# --- dtypes ---------------------------------------------------------------------------------------

Z = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
NARROW = {
    "smoothing": lambda: tx.cross_entropy(Z, [0, 1], label_smoothing=np.float64(0.1)),
    "smoothing of shares": lambda: tx.cross_entropy(
        Z, np.eye(3)[:2], label_smoothing=np.float64(0.1)
    ),
    "class weights": lambda: tx.cross_entropy(Z, [0, 1], weight=np.array([1.0, 2.0, 3.0])),
    "gamma": lambda: tx.softmax_focal_loss(Z, [0, 1], gamma=np.float64(2)),
    "gamma of an integer": lambda: tx.softmax_focal_loss(Z, [0, 1], gamma=np.int64(2)),
    "pos_weight": lambda: tx.binary_cross_entropy_with_logits(
        Z, np.ones((2, 3)), pos_weight=np.float64(2)
    ),
    "chunked": lambda: tx.linear_cross_entropy(
        Z, np.eye(3, dtype=np.float32), None, [0, 1], label_smoothing=np.float64(0.1)
    ),
    "clip": lambda: tx.clip(Z, np.float64(-0.5), np.float64(0.5)),
    "var": lambda: tx.var(Z, ddof=np.int64(1)),
    "var of a float": lambda: tx.var(Z, ddof=np.float64(1)),
    "mean": lambda: tx.mean(Z, axis=np.int64(0)),
    "dropout": lambda: nn.Dropout(np.float64(0.5), rng=np.int64(0))(Z),
    "layer": lambda: nn.Linear(np.int64(3), np.int64(2), rng=0, dtype=np.float32)(Z),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", NARROW)
def test_a_setting_does_not_change_the_dtype(name, dtype, monkeypatch):
    if name in ("chunked", "layer") and dtype is np.float16:
        pytest.skip("its other inputs are float32")
    monkeypatch.setitem(globals(), "Z", Z.astype(dtype))
    assert NARROW[name]().dtype == dtype


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=np.float64(0.1), momentum=np.float64(0.9)),
        lambda p: optim.Adam(
            p, lr=np.float64(0.1), betas=np.array([0.9, 0.99]), eps=np.float64(1e-8)
        ),
        lambda p: optim.AdamW(p, lr=np.array(0.1), weight_decay=np.float32(0.1)),
    ],
)
def test_optimisers_take_numpys_numbers(make):
    w = leaf(np.ones(3, np.float32))
    optimizer = make([w])
    assert type(optimizer.lr) is float
    w.sum().backward()
    optimizer.step()
    assert w.dtype == np.float32
    optimizer.load_state_dict(optimizer.state_dict())


# --- hyper-parameters -----------------------------------------------------------------------------

WRONG = [math.nan, math.inf, -0.1, "fast", None, True, [0.1], 1j]


def optimisers():
    w = [leaf([1.0, 2.0])]
    return {
        "SGD": optim.SGD(w, lr=0.1, momentum=0.9, weight_decay=0.01),
        "Adam": optim.Adam(w),
        "AdamW": optim.AdamW(w),
    }


SETTINGS = [(name, s) for name, made in optimisers().items() for s in made._settings]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_hyper_parameters_are_checked_wherever_they_are_set(name, setting, wrong):
    if setting == "nesterov" and wrong is True:
        pytest.skip("it is one")
    made = optimisers()[name]
    before = made.state_dict()
    maker, given = type(made), {setting: wrong}
    if setting == "betas":
        wrong = (0.9, wrong)
        given = {"betas": wrong}
    for set_it in (
        lambda: setattr(made, setting, wrong),
        lambda: maker(
            made.params, **({"lr": 0.1, "momentum": 0.9} if name == "SGD" else {}) | given
        ),
        lambda: made.load_state_dict(before | {"settings": before["settings"] | given}),
    ):
        with pytest.raises((ValueError, TypeError), match=f"{name}: {setting}"):
            set_it()
    assert str(made.state_dict()) == str(before)


SCHEDULED = {
    "StepLR": (lambda o: optim.StepLR(o, 2, 0.5), ("step_size", "gamma", "base_lr", "count")),
    "CosineAnnealingLR": (
        lambda o: optim.CosineAnnealingLR(o, 4, 0.1),
        ("T_max", "eta_min", "base_lr", "count"),
    ),
}


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("name", SCHEDULED)
def test_schedules_check_what_is_assigned(name, wrong):
    make, settings = SCHEDULED[name]
    schedule = make(optim.SGD([leaf([1.0])], lr=0.1))
    before = dict(vars(schedule))
    for setting in settings:
        with pytest.raises((ValueError, TypeError), match=f"{name}: {setting}"):
            setattr(schedule, setting, wrong)
    assert vars(schedule) == before
    schedule.count = np.int64(3)
    assert type(schedule.count) is int


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_dropout_checks_what_is_assigned(wrong):
    layer = nn.Dropout(0.25)
    with pytest.raises((ValueError, TypeError), match="Dropout: p must be"):
        layer.p = wrong
    assert layer.p == 0.25
    layer.p = np.float32(0.5)
    assert layer.formula == "x / 0.5 where kept"


def test_settings_that_contradict_each_other():
    sgd = optim.SGD([leaf([1.0])], lr=0.1)
    with pytest.raises(ValueError, match="made without momentum and holds no velocity"):
        sgd.momentum = 0.9
    with pytest.raises(ValueError, match="it needs momentum > 0"):
        sgd.nesterov = True
    assert (sgd.momentum, sgd.nesterov) == (0, False)
    sgd = optim.SGD([leaf([1.0])], lr=0.1, momentum=0.9, nesterov=True)
    for setting, value in {"momentum": 0.0, "dampening": 0.5}.items():
        with pytest.raises(ValueError, match="nesterov with"):
            setattr(sgd, setting, value)


def test_a_consistent_state_is_loaded_whatever_was_set_before():
    w = leaf([1.0])
    states = [
        optim.SGD([w], lr=0.1, momentum=0.9, nesterov=True).state_dict(),
        optim.SGD([w], lr=0.1, momentum=0.9, dampening=0.1).state_dict(),
    ]
    sgd = optim.SGD([w], lr=0.5, momentum=0.5)
    for state in states * 2:
        sgd.load_state_dict(state)
        assert sgd.state_dict()["settings"] == state["settings"]


def test_argnums_and_words():
    f = lambda a, b: a * b  # noqa: E731
    for one in (np.int64(1), np.array(1)):
        for transform in (tx.grad, tx.jacobian):
            assert transform(f, argnums=one)(2.0, 3.0).item() == 2
    assert [g.item() for g in tx.grad(f, argnums=np.array([1, 0]))(2.0, 3.0)] == [2, 3]
    with pytest.raises(ValueError, match="nonfinite must be one of"):
        optim.SGD([leaf([1.0])], lr=0.1).nonfinite = np.array(["skip", "raise"])


BAD_STATES = {
    "a count below 0": {"counts": [-1]},
    "half a count": {"counts": [0.5]},
    "a count that is true": {"counts": [True]},
    "too many counts": {"counts": [1, 1]},
    "text in a buffer": {"buffers": {"mean": [["a", "b"]], "square": [[0, 0]]}},
    "complex numbers": {"buffers": {"mean": [[0, 0]], "square": [[1j, 0]]}},
    "a buffer of another shape": {"buffers": {"mean": [[0, 0]], "square": [[0, 0, 0]]}},
    "a buffer too few": {"buffers": {"mean": [[0, 0]]}},
    "no settings": {"settings": {}},
    "another kind": {"kind": "AdamW"},
    "a learning rate of nan": {
        "settings": {"lr": math.nan, "betas": (0.9, 0.9), "eps": 1, "weight_decay": 0}
    },
}


@pytest.mark.parametrize("name", BAD_STATES)
def test_loading_is_all_or_nothing(name):
    w = leaf([1.0, 2.0])
    adam = optim.Adam([w])
    (w * w).sum().backward()
    adam.step()
    before = str(adam.state_dict())
    other = optim.Adam([leaf([1.0, 2.0])], lr=0.5).state_dict()
    with pytest.raises((ValueError, TypeError)):
        adam.load_state_dict(other | BAD_STATES[name])
    assert str(adam.state_dict()) == before


# --- variance -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ddof", [2, 3, 4, 5.5])
def test_a_variance_without_degrees_of_freedom_is_numpys(ddof):
    x = np.array([1.0, 2.0, 4.0])
    for values in (x, x[:0], np.ones(3)):
        with np.errstate(all="ignore"):
            if ddof < len(values):
                equal(tx.var(values, ddof=ddof).numpy(), np.var(values, ddof=ddof))
                continue
            with pytest.warns(RuntimeWarning, match="ddof is not below the number of elements"):
                found = tx.var(values, ddof=ddof).numpy()
            with pytest.warns(RuntimeWarning):
                equal(found, np.var(values, ddof=ddof))


def test_every_axis_and_flag_of_a_public_function_is_tried():
    """A new setting must be among the cases, or it is not tried."""
    tried = {(name, setting) for name, setting, _ in VARIANTS}
    for name in CASES:
        for setting in inspect.signature(PUBLIC[name].function).parameters.keys() & {
            "axis",
            "keepdims",
            "axes",
        }:
            assert (name, setting) in tried or not make_call(name).settings, (name, setting)
    assert len(VARIANTS) > 60
