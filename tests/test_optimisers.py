"""Optimisers and schedules: the rules by hand, state, allocation, and what they say about bad input.

The long comparison with PyTorch is tests/parity/test_optim.py.
"""

import copy
import math
import pickle
import re
import tracemalloc

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.messages import said
from tinygrad_xent import nn, optim
from tinygrad_xent.optim import SGD, Adam, AdamW, CosineAnnealingLR, StepLR, clip_grad_norm

EVERY = {
    "sgd": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, dampening=0.2),
    "nesterov": lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    "adam": lambda p: Adam(p, lr=0.1, weight_decay=0.01),
    "adamw": lambda p: AdamW(p, lr=0.1),
}
every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


def parameter(values=(1.0, -2.0), dtype=None, **options):
    return tx.Tensor(values, requires_grad=True, dtype=dtype, **options)


def by_gradient(optimizer, *gradients):
    """The values of the first parameter after each step with these gradients."""
    (w, *_) = optimizer.params
    after = []
    for gradient in gradients:
        w.grad = gradient
        optimizer.step()
        after.append(w.data.tolist())
    return after


# --- the rules, by hand --------------------------------------------------------------------------


def test_sgd_by_hand():
    assert by_gradient(SGD([parameter([1.0])], lr=0.5), [2.0], [4.0]) == [[0.0], [-2.0]]


def test_momentum_by_hand():
    steps = by_gradient(SGD([parameter([0.0])], lr=1.0, momentum=0.5), [1.0], [1.0], [0.0])
    assert steps == [[-1.0], [-2.5], [-3.25]]  # v = 1, 1.5, 0.75


def test_nesterov_by_hand():
    optimizer = SGD([parameter([0.0])], lr=1.0, momentum=0.5, nesterov=True)
    assert by_gradient(optimizer, [1.0], [1.0]) == [[-1.5], [-3.25]]  # g + v/2 with v = 1, 1.5


def test_dampening_by_hand():
    optimizer = SGD([parameter([0.0])], lr=1.0, momentum=0.5, dampening=0.5)
    assert by_gradient(optimizer, [1.0], [1.0]) == [[-1.0], [-2.0]]  # v = 1, then 0.5 + 0.5


def test_weight_decay_by_hand():
    assert by_gradient(SGD([parameter([2.0])], lr=0.5, weight_decay=0.5), [1.0]) == [[1.0]]


def test_adams_first_step_is_the_rate_times_the_sign():
    steps = by_gradient(Adam([parameter([0.0, 0.0])], lr=0.1, eps=0.0), [3.0, -1e-4])
    np.testing.assert_allclose(steps, [[-0.1, 0.1]], rtol=1e-12)


def test_adamw_decays_apart_from_the_gradient():
    steps = by_gradient(AdamW([parameter([1.0])], lr=0.1, weight_decay=0.5), [0.0])
    assert steps == [[0.95]]
    assert by_gradient(AdamW([parameter([1.0])], lr=0.1, weight_decay=0.0), [0.0]) == [[1.0]]


# --- steps ---------------------------------------------------------------------------------------


@every
def test_a_step_writes_in_place_and_allocates_no_array(make):
    model = nn.Sequential(nn.Linear(200, 300, rng=0))
    optimizer = make(model.parameters())
    arrays = [p.data for p in model.parameters()]
    model(np.ones((2, 200))).sum().backward()
    gradients = [p.grad.numpy().copy() for p in model.parameters()]
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000, "a weight has 480,000 bytes"
    for p, array, gradient in zip(model.parameters(), arrays, gradients, strict=True):
        assert p.data is array
        np.testing.assert_array_equal(p.grad.numpy(), gradient)


@every
def test_a_scalar_and_a_float32_parameter_keep_shape_and_dtype(make):
    scalar, single = parameter(3.0), parameter([[1.0, 2.0]], dtype=np.float32)
    optimizer = make([scalar, single])
    for _ in range(3):
        optimizer.zero_grad()
        (scalar * scalar + (single * single).sum()).backward()
        optimizer.step()
    assert (scalar.shape, scalar.dtype) == ((), np.float64)
    assert (single.shape, single.dtype) == ((1, 2), np.float32)
    assert abs(scalar.item()) < 3
    assert (single.data < [[1, 2]]).all()


@every
def test_a_parameter_without_gradient_is_left_alone_and_keeps_its_count(make):
    """The second parameter's updates do not depend on when its gradients came."""
    both, late = [parameter(), parameter([5.0])], parameter([5.0])
    optimizer, alone = make(both), make([late])
    for i in range(6):
        optimizer.zero_grad()
        both[0].grad = [1.0, 1.0]
        if i % 2:
            both[1].grad = [0.5 + i]
            late.grad = [0.5 + i]
            alone.step()
        optimizer.step()
    np.testing.assert_array_equal(both[1].data, late.data)


@every
def test_the_array_layout_does_not_matter(make):
    values = np.arange(6.0).reshape(2, 3)
    rows, columns = parameter(values), parameter(np.asfortranarray(values))
    for p in (rows, columns):
        by_gradient(make([p]), values + 1, values - 1, values)
    np.testing.assert_array_equal(rows.data, columns.data)


def test_a_step_between_forward_and_backward_is_noticed_at_its_line():
    w = parameter(name="w")
    optimizer = SGD([w], lr=0.1)
    w.grad = [1.0, 1.0]
    loss = (w * w).sum()
    optimizer.step()
    with pytest.raises(
        tx.GraphError, match=r"w was kept by mul .* overwritten at test_optimisers.py"
    ):
        loss.backward()


@every
@pytest.mark.parametrize("shape", [(1400, 300), (3, 90_000), (400_000,), (140, 30, 100)])
def test_a_large_parameter_is_updated_in_rows_with_the_same_result(make, shape, monkeypatch):
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal(shape), rng.standard_normal((3, *shape))

    def scratch_sizes(optimizer):
        return [pair[0].size for *_, pair in optimizer._jobs]

    def trained(elementwise):
        for rule in (SGD, Adam, AdamW):
            monkeypatch.setattr(rule, "elementwise", elementwise)
        optimizer = make([w := parameter(start, dtype=np.float64), b := parameter()])
        for g in gradients:
            w.grad, b.grad = g, [1.0, 2.0]
            optimizer.step()
        again = pickle.loads(pickle.dumps(optimizer))
        assert scratch_sizes(again) == scratch_sizes(optimizer)
        return optimizer, w.numpy(), b.numpy()

    (in_rows, *ours), (whole, *theirs) = trained(True), trained(False)
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])
    assert scratch_sizes(in_rows)[0] < scratch_sizes(whole)[0] == start.size


def test_an_update_of_ones_own_sees_the_whole_parameter():
    class Normed(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 1.0})

        def update(self, w, g, t, buffers, scratch):
            w -= self.lr * g / np.sqrt((g * g).sum())

    w = parameter(np.zeros((300, 300)))
    w.grad = np.ones((300, 300))
    Normed([w]).step()
    np.testing.assert_allclose(w.numpy(), -1 / 300)


def test_what_a_step_changed_before_it_failed_is_noticed_too():
    class Failing(SGD):
        def update(self, w, g, *rest):
            super().update(w, g, *rest)
            if w.shape == (1,):
                raise ZeroDivisionError

    a, b = parameter(name="a"), parameter([3.0], name="b")
    loss = (a * a).sum() + (b * b).sum()
    a.grad, b.grad = [1.0, 1.0], [1.0]
    with pytest.raises(ZeroDivisionError):
        Failing([a, b], lr=0.1).step()
    with pytest.raises(tx.GraphError, match=r"[ab] was kept by mul .* overwritten at"):
        loss.backward()


def test_zero_grad_forgets_every_gradient():
    w = parameter()
    w.grad = [1.0, 1.0]
    SGD([w]).zero_grad()
    assert w.grad is None


def test_the_rate_may_be_set_between_steps():
    optimizer = SGD([parameter([0.0])], lr=1.0)
    by_gradient(optimizer, [1.0])
    optimizer.lr = 0.5
    assert by_gradient(optimizer, [1.0]) == [[-1.5]]


def test_representation():
    assert repr(SGD([parameter()], lr=0.1)).startswith("SGD(1 parameters, lr=0.1, momentum=0.0")


# --- state ---------------------------------------------------------------------------------------


@every
def test_state_resumes_bit_for_bit(make):
    gradients = np.random.default_rng(0).normal(size=(8, 2))
    straight = by_gradient(make([parameter()]), *gradients)
    optimizer = make([parameter()])
    by_gradient(optimizer, *gradients[:4])
    state, values = optimizer.state_dict(), optimizer.params[0].data.copy()
    by_gradient(optimizer, *gradients[4:])  # must not change the saved state
    resumed = make([parameter(values)])
    resumed.lr = 123.0
    resumed.load_state_dict(state)
    assert by_gradient(resumed, *gradients[4:]) == straight[4:]


@pytest.mark.parametrize(
    ("saved", "loading", "error", "text"),
    [
        (Adam([parameter()]), AdamW([parameter()]), tx.ShapeError, "Adam, lr.*has AdamW, lr"),
        (SGD([parameter()]), SGD([parameter()], momentum=0.9), tx.ShapeError, "velocity"),
        (SGD([parameter()], momentum=0.9), SGD([parameter()]), tx.ShapeError, "velocity"),
        (Adam([parameter()]), Adam([parameter([1.0])]), tx.ShapeError, r"\(2,\).*\(1,\)"),
        (Adam([parameter()]), Adam([parameter(), parameter()]), tx.ShapeError, "shapes"),
        (SGD([parameter()]), SGD([parameter(), parameter()]), tx.ShapeError, "1 parameters.*has 2"),
    ],
)
def test_a_state_that_does_not_fit_loads_nothing(saved, loading, error, text):
    before = loading.state_dict()
    with pytest.raises(error, match=text):
        loading.load_state_dict(saved.state_dict())
    assert str(loading.state_dict()) == str(before)


@pytest.mark.parametrize(
    "state", [None, {}, {"kind": "SGD"}, [1], "SGD", {"kind": 1, "settings": 2}]
)
def test_what_is_no_state_of_an_optimiser_says_so(state):
    with pytest.raises(tx.DtypeError, match=r"SGD.load_state_dict: not the state of an optimiser"):
        SGD([parameter()]).load_state_dict(state)


@every
@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_with_its_model_goes_on_alone(make, again):
    w = parameter()
    optimizer = make([w])
    by_gradient(optimizer, [1.0, 2.0])
    (copied,), its_optimizer = again(([w], optimizer))
    before = w.data.tolist()
    expected = by_gradient(its_optimizer, [3.0, 4.0])
    assert copied.data.tolist() == expected[0] != before == w.data.tolist()
    assert by_gradient(optimizer, [3.0, 4.0]) == expected


# --- schedules -----------------------------------------------------------------------------------


def rates(make, count):
    optimizer = SGD([parameter()], lr=0.8)
    schedule = make(optimizer)
    found = [optimizer.lr]
    for _ in range(count):
        schedule.step()
        found.append(optimizer.lr)
    return found


def test_step_schedule_by_hand():
    found = rates(lambda o: StepLR(o, 2, gamma=0.5), 5)
    assert found == [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]


def test_cosine_schedule_by_hand():
    found = rates(lambda o: CosineAnnealingLR(o, 4, eta_min=0.2), 5)
    half = 0.3 * math.sqrt(0.5)
    np.testing.assert_allclose(found, [0.8, 0.5 + half, 0.5, 0.5 - half, 0.2, 0.5 - half])


@pytest.mark.parametrize("make", [lambda o: StepLR(o, 3), lambda o: CosineAnnealingLR(o, 10)])
def test_schedules_resume_bit_for_bit(make):
    straight = rates(make, 9)
    first = make(SGD([parameter()], lr=0.8))
    for _ in range(4):
        first.step()
    other = SGD([parameter()], lr=5.0)
    second = make(other)
    second.load_state_dict(first.state_dict())
    assert other.lr == straight[4]
    second.step()
    assert other.lr == straight[5]


# --- bad input -----------------------------------------------------------------------------------

W = parameter(name="W")


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: SGD(W), tx.DtypeError, "SGD: takes a list of parameters, not one Tensor"),
        (lambda: SGD(nn.ReLU()), tx.DtypeError, r"(?s)not one ReLU.*model\.parameters\(\)"),
        (lambda: SGD(3), tx.DtypeError, "not one int"),
        (lambda: SGD([]), ValueError, "there are no parameters"),
        (lambda: SGD([np.ones(2)]), tx.DtypeError, "a parameter must be a Tensor"),
        (lambda: SGD([W * 2]), tx.GraphError, "must be a leaf that requires grad"),
        (lambda: SGD([tx.Tensor([1.0])]), tx.GraphError, "must be a leaf that requires grad"),
        (lambda: SGD([W, W]), ValueError, r"(?s)appears twice.*inputs: W: float64 \(2,\)\n"),
        (lambda: SGD([W], lr=-1), ValueError, "SGD: lr must be at least 0, got -1"),
        (lambda: SGD([W], lr=math.nan), ValueError, "lr must be at least 0, got nan"),
        (lambda: SGD([W], lr="fast"), tx.DtypeError, "lr must be a number"),
        (lambda: SGD([W], momentum=-0.1), ValueError, "momentum must be at least 0"),
        (lambda: SGD([W], weight_decay=-0.1), ValueError, "weight_decay must be at least 0"),
        (lambda: SGD([W], nesterov=True), ValueError, "(?s)nesterov.*needs momentum > 0"),
        (
            lambda: SGD([W], momentum=0.9, dampening=0.1, nesterov=True),
            ValueError,
            "(?s)nesterov.*dampening 0",
        ),
        (lambda: Adam([W], betas=(0.9, 1.0)), ValueError, r"betas\[1\] .* 0 to 1, 1 excluded"),
        (lambda: Adam([W], betas=0.9), tx.DtypeError, "betas must be two numbers"),
        (lambda: Adam([W], eps=-1), ValueError, "Adam: eps must be at least 0"),
        (lambda: AdamW([W], weight_decay=-1), ValueError, "AdamW: weight_decay must be"),
        (lambda: SGD([W]).step(), tx.GraphError, r"(?s)SGD.step: no param.*loss\.backward\(\)"),
        (lambda: clip_grad_norm(W, 1.0), tx.DtypeError, "clip_grad_norm: takes a list"),
        (lambda: clip_grad_norm([W], -1.0), ValueError, "max_norm must be at least 0"),
        (lambda: StepLR(SGD([W]), 0), ValueError, "StepLR: step_size must be at least 1"),
        (lambda: StepLR(SGD([W]), 2.5), tx.DtypeError, "StepLR: step_size must be an integer"),
        (lambda: StepLR(SGD([W]), 2, gamma=-1), ValueError, "gamma must be at least 0"),
        (lambda: StepLR([W], 2), tx.DtypeError, "StepLR: takes an optimiser"),
        (lambda: CosineAnnealingLR(SGD([W]), 0), ValueError, "at least 1"),
        (lambda: CosineAnnealingLR(SGD([W]), 5, eta_min=-1), ValueError, "eta_min must be"),
        (
            lambda: StepLR(SGD([W]), 2).load_state_dict({"kind": "CosineAnnealingLR", "count": 1}),
            tx.DtypeError,
            "not the state of a StepLR",
        ),
        (lambda: optim.Optimizer([W], {"lr": 1.0}).update(), TypeError, "update"),
        (lambda: optim.Schedule(SGD([W])), NotImplementedError, "Schedule defines no rate"),
    ],
)
def test_bad_arguments_are_named(make, error, text):
    with pytest.raises(error) as caught:
        make()
    assert re.search(text, said(caught.value))
