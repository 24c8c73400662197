"""A fit that fails, for whatever reason, leaves the last one whole; what it says is of the user's labels."""

import pickle
import re
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from tests.messages import said
from tests.test_estimator import NAMES, X, Y, quick
from tinygrad_xent import classifier_settings as settings
from tinygrad_xent.engine.errors import BadValueError
from tinygrad_xent.optim import Optimizer

CLASSES = np.unique(NAMES)
NAN = np.where(X > 2, np.nan, X)

# settings, X and y with which neither `fit` nor `partial_fit` can succeed
BAD = {
    "an activation": ({"activation": "gelu"}, X, NAMES),
    "an optimiser": ({"optimizer": "lbfgs"}, X, NAMES),
    "a width": ({"hidden_layer_sizes": (8, 0)}, X, NAMES),
    "widths in quotes": ({"hidden_layer_sizes": "8"}, X, NAMES),
    "a batch": ({"batch_size": 0}, X, NAMES),
    "a rate": ({"learning_rate": np.nan}, X, NAMES),
    "alpha": ({"alpha": -1.0}, X, NAMES),
    "smoothing": ({"label_smoothing": 2}, X, NAMES),
    "a class that there is not": ({"class_weight": {"setosa": 2, "rose": 1}}, X, NAMES),
    "a negative weight": ({"class_weight": {"setosa": -2}}, X, NAMES),
    "weights without labels": ({"class_weight": [1, 2, 3]}, X, NAMES),
    "nan": ({}, NAN, NAMES),
    "text": ({}, [["a", "b", "c", "d"]] * 3, NAMES[:3]),
    "no rows": ({}, X[:0], NAMES[:0]),
    "no matrix": ({}, X[0], NAMES[:4]),
    "too few labels": ({}, X, NAMES[:-1]),
    "numbers as labels": ({}, X, X[:, 0]),
    "a matrix of labels": ({}, X, np.c_[Y, Y, Y]),
    "a loss that runs away": (
        {"hidden_layer_sizes": (4,), "optimizer": "sgd", "learning_rate": 1e160},
        1e3 * X,
        NAMES,
    ),
}

EARLIER = {
    "nothing": lambda: quick(),
    "fit": lambda: quick().fit(X, NAMES),
    "hidden layers": lambda: quick(hidden_layer_sizes=(4,), optimizer="sgd").fit(X, NAMES),
    "early stopping": lambda: (
        quick(early_stopping=True).fit(X, NAMES).set_params(early_stopping=False)
    ),
    "partial_fit": lambda: quick().partial_fit(X[::3], NAMES[::3], classes=CLASSES),
}

CALLS = {
    "fit": lambda model, X, y: model.fit(X, y),
    "partial_fit": lambda model, X, y: model.partial_fit(X, y, classes=CLASSES),
}

earlier_each = pytest.mark.parametrize("earlier", EARLIER.values(), ids=EARLIER)
call_each = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def learnt(model):
    """All that it has learnt: the very objects, and what they hold."""
    own = {name: value for name, value in vars(model).items() if name not in model.get_params()}
    return {name: id(value) for name, value in own.items()}, pickle.dumps(
        {
            "model": own["model_"].state_dict() if own else {},
            "optimizers": [o.state_dict() for o in own["_optimizers"]] if own else [],
            "rng": own["_rng"].bit_generator.state if own else {},
            "rest": {k: v for k, v in own.items() if k not in ("model_", "_optimizers", "_rng")},
        }
    )


def fails(model, act, error=Exception):
    """Let it fail; then everything must be as it was, and go on as if nothing had been."""
    other, before = pickle.loads(pickle.dumps(model)), learnt(model)
    given = model.get_params()
    with pytest.raises(error) as caught:
        act(model)
    assert learnt(model) == before
    assert not vars(model).keys() ^ {*before[0], *given}
    if not before[0]:
        with pytest.raises(NotFittedError):
            model.predict(X)
        return caught.value
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    for each in (model, other):
        each.set_params(**other.get_params()).partial_fit(X, NAMES)
    assert learnt(model)[1] == learnt(other)[1]
    return caught.value


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@call_each
@earlier_each
def test_what_is_wrong_changes_nothing(earlier, call, bad):
    changed, features, labels = bad
    model = earlier()
    fails(model, lambda m: call(m.set_params(**changed), features, labels))


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("step", [1, 2, 5, 8])
@call_each
@earlier_each
def test_an_interrupt_in_any_step_changes_nothing(earlier, call, step, error, monkeypatch):
    """Each optimiser steps once in a batch, of which there are five: these steps are in two batches
    and more, before and after the one of the biases.
    """
    model, steps, original = earlier(), [], Optimizer.step

    def interrupted(optimizer):
        steps.append(optimizer)
        if len(steps) == step:
            raise error
        original(optimizer)

    def act(model):
        with monkeypatch.context() as patch:
            patch.setattr(Optimizer, "step", interrupted)
            call(model, X, NAMES)

    fails(model, act, error)
    assert len(steps) == step


@earlier_each
def test_a_warning_that_is_an_error_changes_nothing(earlier):
    def act(model):
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            model.set_params(tol=1e-9, max_epochs=2).fit(X, NAMES)

    assert "still improving" in str(fails(earlier(), act, ConvergenceWarning))


def test_features_of_another_number_or_name_change_nothing():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = quick().fit(frame, NAMES)
    names = model.feature_names_in_
    with pytest.raises(ValueError, match="unknown activation"):
        model.set_params(activation="gelu").fit(X[:, :2], NAMES)
    with pytest.raises(BadValueError, match="unknown class_weight"):
        model.set_params(activation="relu", class_weight=3).fit(X[:, :2], NAMES)
    assert model.feature_names_in_ is names
    assert model.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(frame[["b", "a", "c", "d"]], NAMES)
    assert model.predict(frame).shape == NAMES.shape


# --- what partial_fit can't do -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"early_stopping": True}, "early_stopping=True needs all samples .*early_stopping=False"),
        ({"class_weight": "balanced"}, 'class_weight="balanced" needs all samples .*dictionary'),
        (
            {"hidden_layer_sizes": (8,)},
            r"hidden_layer_sizes=\[8\], but .* made with \[4\].*call fit",
        ),
        (
            {"hidden_layer_sizes": ()},
            r"hidden_layer_sizes=\[\], but .* made with \[4\].*set it back",
        ),
        ({"activation": "tanh"}, "activation='tanh', but the model was made with 'relu'"),
        ({"optimizer": "adamw"}, "optimizer='adamw', but the model was made with 'adam'"),
    ],
)
def test_partial_fit_refuses_what_it_can_not_do(changed, text):
    model = quick(hidden_layer_sizes=[4]).fit(X, NAMES)
    error = fails(model, lambda m: m.set_params(**changed).partial_fit(X, NAMES), BadValueError)
    assert re.search(f"(?s)partial_fit: {text}", said(error))


@pytest.mark.parametrize("name", ["early_stopping", "class_weight"])
def test_partial_fit_refuses_it_at_first_too(name):
    value = {"early_stopping": True, "class_weight": "balanced"}[name]
    fails(quick(**{name: value}), lambda m: m.partial_fit(X, Y, [0, 1, 2]), BadValueError)


@pytest.mark.parametrize("sizes", [(4,), [4], 4, np.array([4])])
def test_the_same_widths_written_otherwise_are_the_same(sizes):
    model = quick(hidden_layer_sizes=(4,)).fit(X, NAMES)
    model.set_params(hidden_layer_sizes=sizes).partial_fit(X, NAMES)
    assert model.n_iter_ == 6


@pytest.mark.parametrize("optimizer", settings.OPTIMIZERS)
def test_partial_fit_takes_on_another_rate_and_decay(optimizer):
    """A rate of 0 changes no weight; a large decay shrinks them."""
    model = quick(optimizer=optimizer, hidden_layer_sizes=(4,)).fit(X, NAMES)
    before = model.model_.state_dict()
    model.set_params(learning_rate=0.0).partial_fit(X, NAMES)
    for path, array in model.model_.state_dict().items():
        np.testing.assert_array_equal(array, before[path])
    model.set_params(learning_rate=0.02, alpha=10.0)
    for _ in range(30):
        model.partial_fit(X, NAMES)
    assert np.abs(model.model_[0].weight.data).max() < np.abs(before["0.weight"]).max() / 2
    rates = [(o.lr, o.weight_decay) for o in model._optimizers]
    assert rates == [(0.02, 10.0), (0.02, 0.0)]


# --- in the user's words -------------------------------------------------------------------------

LABELS = {
    "text": np.array(["ox", "ant", "bee"]),
    "numbers": np.array([30, -10, 20]),
    "numbers in quotes": np.array(["30", "1", "2"]),
    "objects": np.array(["ox", "ant", "bee"], object),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_errors_name_labels_and_not_their_places(labels):
    y, known = labels[Y], labels.tolist()
    unknown = ["elk"] if isinstance(known[0], str) else [77]
    model = quick().fit(X, y)
    with pytest.raises(BadValueError) as caught:
        model.partial_fit(X[:1], unknown)
    assert f"labels {np.array(unknown)} are not among the classes {np.unique(labels)}" in str(
        caught.value
    )
    with pytest.raises(BadValueError) as caught:
        model.set_params(class_weight={known[0]: 1, unknown[0]: 2.0}).fit(X, y)
    assert f"{unknown} in class_weight are not among the classes {sorted(known)}" in str(
        caught.value
    )
    with pytest.raises(BadValueError) as caught:
        model.set_params(class_weight={known[0]: -1.0}).fit(X, y)
    assert f"class_weight[{known[0]!r}] must be at least 0, got -1.0" in str(caught.value)
    model.set_params(class_weight=None, early_stopping=True)
    with pytest.raises(ValueError, match="too few members") as caught:
        model.fit(X[:101], np.r_[y[:100], labels[2:]])
    assert str(known[2:]) in str(caught.value)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_weights_are_found_by_label(labels):
    """Those that are not named weigh 1; a dictionary in another order is the same."""
    full = quick(class_weight={labels[0]: 3.0, labels[2]: 0.5, labels[1]: 1.0}).fit(X, labels[Y])
    some = quick(class_weight={labels[2]: 0.5, labels[0]: 3.0}).fit(X, labels[Y])
    places = {
        int(place): w for place, w in zip(np.argsort(np.argsort(labels)), [3, 1, 0.5], strict=True)
    }
    coded = quick(class_weight=places).fit(X, np.argsort(np.argsort(labels))[Y])
    for other in (some, coded):
        np.testing.assert_array_equal(other.predict_proba(X), full.predict_proba(X))
