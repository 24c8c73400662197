"""The classifier's training step: compiled for batches that come often, and the same as without."""

import copy
import pickle
from collections import Counter

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import check_near
from tests.test_estimator import NAMES, X, Y, quick
from tests.test_failed_fits import fails, learnt
from tinygrad_xent import training
from tinygrad_xent.estimator import SoftmaxClassifier

SEVERAL = np.eye(3, dtype=int)[Y]
ROWS = X[:135], Y[:135]  # four batches of 32 and one of 7

OPTIONS = {
    "linear": {},
    "alpha": {"alpha": 0.1},
    "no alpha": {"alpha": 0.0, "optimizer": "adamw"},
    "adamw, tanh": {"alpha": 0.1, "optimizer": "adamw", "activation": "tanh"},
    "sgd, sigmoid": {"optimizer": "sgd", "activation": "sigmoid", "hidden_layer_sizes": 5},
    "two hidden layers": {"hidden_layer_sizes": (6, 5)},
    "smoothing": {"label_smoothing": 0.1, "hidden_layer_sizes": 4},
    "balanced": {"class_weight": "balanced", "hidden_layer_sizes": 4},
    "weights and smoothing": {"class_weight": {1: 3.0}, "label_smoothing": 0.1},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.2},
    "tol": {"tol": 0.02, "max_epochs": 60},
}
CASES = {name: (name, Y) for name in OPTIONS} | {
    f"{name}, several": (name, SEVERAL) for name in OPTIONS if "class_weight" not in OPTIONS[name]
}


@pytest.fixture
def made(monkeypatch):
    """All steps that are compiled, from their sixth run on."""
    steps = []

    def noted(step):
        steps.append(tx.compile(step))
        return steps[-1]

    monkeypatch.setattr(training, "compile", noted)
    monkeypatch.setattr(training, "EAGERLY", 5)
    return steps


def eagerly(act):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "EAGERLY", 10**9)
        return act()


def numbers(model):
    """All that a fit finds out."""
    parameters = [p.numpy() for p in model.model_.parameters()]
    buffers = [
        np.array(a)
        for optimizer in model._optimizers
        for column in optimizer.state_dict()["buffers"].values()
        for a in column
    ]
    curves = [model.loss_curve_, model.accuracy_curve_, model.validation_scores_ or []]
    return [*parameters, *buffers, *(np.array(curve, parameters[0].dtype) for curve in curves)]


# --- the same as without -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "y"), CASES.values(), ids=CASES)
def test_every_option_is_compiled_and_changes_nothing(name, y, dtype, made):
    options = OPTIONS[name]
    rows = X[:135].astype(dtype)
    model = quick(max_epochs=20).set_params(**options).fit(rows, y[:135])
    (step,) = made
    assert (step.reason, step.retried) == ("", 0)
    sizes = sorted(signature.split("[")[1].split(",")[0] for signature in step.signatures)
    assert sizes == ["12", "32"] if model.early_stopping else ["32", "7"]
    other = eagerly(lambda: SoftmaxClassifier(**model.get_params()).fit(rows, y[:135]))
    assert model.n_iter_ == other.n_iter_
    check_near(numbers(model), numbers(other), factor=10)


def test_equal_seeds_give_equal_models_and_a_longer_fit_begins_like_a_shorter_one(made):
    short, again = (quick(hidden_layer_sizes=4, max_epochs=10).fit(*ROWS) for _ in range(2))
    long = quick(hidden_layer_sizes=4, max_epochs=20).fit(*ROWS)
    assert short.loss_curve_ == again.loss_curve_ == long.loss_curve_[:10]
    assert [len(step.signatures) for step in made] == [2, 2, 2]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_partial_fit_goes_on_from_a_compiled_step(optimizer, made):
    model = quick(optimizer=optimizer, hidden_layer_sizes=4, batch_size=16, max_epochs=3).fit(*ROWS)
    parts = quick(optimizer=optimizer, hidden_layer_sizes=4, batch_size=16)
    for _ in range(3):
        parts.partial_fit(*ROWS, classes=np.unique(Y))
    check_near(numbers(parts), numbers(model))
    assert all(step.signatures for step in made)  # each pass has eight full batches


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["copy", "pickle"],
)
def test_copies_hold_nothing_of_it_and_go_on_to_the_same_bits(copied, made):
    model = quick(hidden_layer_sizes=4, batch_size=16).fit(*ROWS)
    other = eagerly(lambda: quick(hidden_layer_sizes=4, batch_size=16).fit(*ROWS))
    assert made[0].signatures
    assert len(pickle.dumps(model)) == len(pickle.dumps(other))
    twin = copied(model)
    assert learnt(twin)[1] == learnt(model)[1]
    for each in (model, twin):
        each.partial_fit(*ROWS)
    assert made[-1].signatures
    assert learnt(twin)[1] == learnt(model)[1]


def test_a_model_that_somebody_keeps_is_not_trained_on(made):
    model = quick(hidden_layer_sizes=4).fit(*ROWS)
    kept, before = model.model_, model.model_.state_dict()
    gradient = kept[0].weight.grad.numpy().copy()
    model.fit(*ROWS)
    np.testing.assert_array_equal(kept[0].weight.grad.numpy(), gradient)
    for path, array in kept.state_dict().items():
        np.testing.assert_array_equal(array, before[path])


# --- what is compiled ----------------------------------------------------------------------------


def test_batches_that_do_not_come_often_are_not_compiled(made):
    quick(max_epochs=1).fit(*ROWS)
    assert made[-1].signatures == []
    quick(max_epochs=3).fit(*ROWS)  # twelve full ones, three short ones
    assert made[-1].signatures == ["rows: float64[32, 4], targets: int64[32]"]


def test_most_steps_of_a_long_fit_run_compiled(monkeypatch):
    runs = Counter()
    original = training.Step.__call__

    def counted(step, rows, targets):
        runs[type(rows)] += 1
        return original(step, rows, targets)

    monkeypatch.setattr(training.Step, "__call__", counted)
    quick(max_epochs=100).fit(*ROWS)
    assert runs.pop(np.ndarray) == training.EAGERLY + 100  # and the short ones
    assert runs.total() <= 2  # recorded, with symbols


def test_what_can_not_be_compiled_runs_as_it_is_after_a_warning(made, monkeypatch):
    original = training.Step.loss

    def branching(step, logits, y):
        loss = original(step, logits, y)
        return loss * 2 if loss.item() > 1 else loss

    monkeypatch.setattr(training.Step, "loss", branching)
    with pytest.warns(UserWarning, match="Step is not compiled, and runs as it is") as caught:
        model = quick(max_epochs=20).fit(*ROWS)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    other = eagerly(lambda: quick(max_epochs=20).fit(*ROWS))
    assert model.loss_curve_ == other.loss_curve_


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [6, 12, 30, 31])
@pytest.mark.parametrize("earlier", [lambda: quick(), lambda: quick().fit(X, NAMES)])
def test_an_interrupt_between_compiled_steps_changes_nothing(earlier, batch, made, monkeypatch):
    original, done = SoftmaxClassifier._right, []

    def interrupted(model, logits, y):
        done.append(len(y))
        if len(done) == batch:
            raise KeyboardInterrupt
        return original(model, logits, y)

    def act(model):
        with monkeypatch.context() as patch:
            patch.setattr(SoftmaxClassifier, "_right", interrupted)
            model.set_params(max_epochs=10).fit(X, NAMES)

    fails(earlier(), act, KeyboardInterrupt)
    assert made[0].signatures or batch == 6


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_runs_away_ends_as_without(made):
    """The decay makes the weights a million times larger in each step."""
    steep = {"optimizer": "sgd", "learning_rate": 1.0, "alpha": 1e6, "max_epochs": 50}

    def fit():
        with pytest.raises((ValueError, ArithmeticError)) as caught, pytest.warns() as warned:
            quick(**steep).fit(*ROWS)
        ours = [str(w.message) for w in warned if w.category is not RuntimeWarning]
        return str(caught.value), ours

    assert fit() == eagerly(fit)
    assert made[0].signatures
    assert made[0].retried > 0
