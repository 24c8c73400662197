"""From equal initial weights, training on digits gives the parameters of PyTorch's optimisers."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import tinygrad_xent as tx
from tinygrad_xent import data, nn, optim

torch = pytest.importorskip("torch", reason="parity needs PyTorch: pip install '.[parity]'")

STEPS, BATCH, TOLERANCE = 200, 64, 1e-9

OPTIMISERS = {
    "sgd": ("SGD", {"lr": 0.1}),
    "momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}),
    "dampening": ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    "momentum and decay": ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-2}),
    "nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "nesterov and decay": (
        "SGD",
        {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-2, "nesterov": True},
    ),
    "adam": ("Adam", {"lr": 1e-3}),
    "adam and decay": ("Adam", {"lr": 1e-3, "betas": (0.8, 0.99), "weight_decay": 1e-2}),
    "adamw": ("AdamW", {"lr": 1e-3}),
    "adamw, own settings": ("AdamW", {"lr": 1e-3, "eps": 1e-6, "weight_decay": 0.1}),
}

SCHEDULES = {
    "constant": None,
    "steps": ("StepLR", {"step_size": 50, "gamma": 0.5}),
    "cosine": ("CosineAnnealingLR", {"T_max": 150, "eta_min": 1e-4}),  # shorter than the run
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The arrays are small: on a busy machine threads would wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="module")
def steps(digits):
    """The batches of the whole run: both sides see the same rows in the same order."""
    rng = np.random.default_rng(0)
    found = []
    while len(found) < STEPS:
        found += data.batches(*digits, BATCH, rng=rng)
    return found[:STEPS]


def fresh_model():
    return nn.MLP([64, 32, 10], activation="tanh", rng=1)


def cross_entropy(logits, y):
    picked = tx.take_along_axis(logits, y[:, None], axis=1)
    return (tx.logsumexp(logits, axis=1, keepdims=True) - picked).mean()


def our_run(steps, name, settings, schedule, max_norm):
    model = fresh_model()
    optimizer = getattr(optim, name)(model.parameters(), **settings)
    schedule = schedule and getattr(optim, schedule[0])(optimizer, **schedule[1])
    norms = []
    for X, y in steps:
        optimizer.zero_grad()
        cross_entropy(model(X), y).backward()
        if max_norm:
            norms.append(optim.clip_grad_norm(model.parameters(), max_norm))
        optimizer.step()
        if schedule:
            schedule.step()
    return model.state_dict(), norms


def torch_run(steps, name, settings, schedule, max_norm):
    params = {k: torch.tensor(v, requires_grad=True) for k, v in fresh_model().state_dict().items()}
    optimizer = getattr(torch.optim, name)(params.values(), **settings)
    schedule = schedule and getattr(torch.optim.lr_scheduler, schedule[0])(optimizer, **schedule[1])
    norms = []
    for X, y in steps:
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        hidden = torch.tanh(X @ params["0.weight"] + params["0.bias"])
        logits = hidden @ params["2.weight"] + params["2.bias"]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, y).backward()
        if max_norm:
            norms.append(float(torch.nn.utils.clip_grad_norm_(params.values(), max_norm)))
        optimizer.step()
        if schedule:
            schedule.step()
    return {k: p.detach().numpy() for k, p in params.items()}, norms


def check_equal_runs(steps, name, settings, schedule=None, max_norm=None):
    ours, our_norms = our_run(steps, name, settings, schedule, max_norm)
    theirs, their_norms = torch_run(steps, name, settings, schedule, max_norm)
    np.testing.assert_allclose(our_norms, their_norms, rtol=1e-9)
    if max_norm:
        assert max(our_norms) > max_norm, "some steps must be clipped"
    for path, start in fresh_model().state_dict().items():
        assert np.abs(ours[path] - start).max() > 1e-3, "the run must move the parameters"
        assert np.abs(ours[path] - theirs[path]).max() <= TOLERANCE, path


@pytest.mark.parametrize("case", OPTIMISERS)
def test_optimisers_follow_pytorch(steps, case):
    check_equal_runs(steps, *OPTIMISERS[case])


@pytest.mark.parametrize("schedule", ["steps", "cosine"])
@pytest.mark.parametrize("case", ["momentum", "adam", "adamw"])
def test_schedules_follow_pytorch(steps, case, schedule):
    check_equal_runs(steps, *OPTIMISERS[case], SCHEDULES[schedule])


@pytest.mark.parametrize("max_norm", [0.05, 0.3])
def test_clipping_follows_pytorch(steps, max_norm):
    check_equal_runs(steps, *OPTIMISERS["momentum"], max_norm=max_norm)


def test_a_wrong_rule_is_noticed(steps):
    """The comparison can fail: a momentum off by a thousandth is noticed."""
    name, settings = OPTIMISERS["momentum"]
    ours, _ = our_run(steps, name, settings | {"momentum": 0.9009}, None, None)
    theirs, _ = torch_run(steps, name, settings, None, None)
    assert max(np.abs(ours[k] - theirs[k]).max() for k in ours) > 1e3 * TOLERANCE
