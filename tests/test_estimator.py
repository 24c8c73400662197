"""The scikit-learn estimator: scikit-learn's own checks, and scikit-learn's minima as the oracle."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

import tinygrad_xent as tx
from tinygrad_xent.estimator import PATIENCE, SoftmaxClassifier

X, Y = load_iris(return_X_y=True)
X = scale(X)
NAMES = load_iris().target_names[Y]


def quick(**settings):
    """A model that trains in a moment and does not warn that this is too short."""
    return SoftmaxClassifier(
        **{"max_epochs": 5, "learning_rate": 0.02, "tol": None, "random_state": 0} | settings
    )


def exact(**settings):
    """All rows in each step, and many steps: this finds the minimum to many digits."""
    return quick(optimizer="sgd", learning_rate=0.5, batch_size=10_000, max_epochs=2500, **settings)


# --- scikit-learn's checks -----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [SoftmaxClassifier(), SoftmaxClassifier(hidden_layer_sizes=(16,), max_epochs=50)]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_in_a_pipeline_a_search_and_a_cross_validation():
    pipeline = make_pipeline(StandardScaler(), quick(max_epochs=30))
    assert cross_val_score(pipeline, X * 100 + 7, NAMES, cv=5).mean() > 0.9
    grid = {"softmaxclassifier__hidden_layer_sizes": [(), (8,)]}
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, NAMES)
    assert search.best_score_ > 0.9
    assert set(search.predict(X)) == set(NAMES)


# --- against scikit-learn's minima ---------------------------------------------------------------


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 3.0, 2: 0.5}])
def test_linear_model_finds_the_minimum_of_logistic_regression(class_weight):
    rows = np.r_[0:50, 50:90, 100:120]
    alpha = 0.01
    model = exact(alpha=alpha, class_weight=class_weight).fit(X[rows], Y[rows])
    reference = LogisticRegression(
        C=1 / (alpha * len(rows)), class_weight=class_weight, tol=1e-10, max_iter=10_000
    ).fit(X[rows], Y[rows])
    np.testing.assert_allclose(model.model_[0].weight.numpy().T, reference.coef_, atol=1e-5)
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=1e-5)


def test_multilabel_model_finds_the_minima_of_one_regression_a_class():
    F, L = make_multilabel_classification(120, 5, n_classes=3, n_labels=1, random_state=0)
    F, alpha = scale(F), 0.02
    p = exact(alpha=alpha).fit(F, L).predict_proba(F)
    for k in range(3):
        one = LogisticRegression(C=1 / (alpha * len(F)), tol=1e-10, max_iter=10_000).fit(F, L[:, k])
        np.testing.assert_allclose(p[:, k], one.predict_proba(F)[:, 1], atol=1e-5)


def test_balanced_weights_are_the_dictionary_of_their_values():
    rows = np.r_[0:50, 50:60, 100:105]
    values = compute_class_weight("balanced", classes=np.unique(Y), y=Y[rows])
    by_name, by_value = (
        quick(class_weight=w).fit(X[rows], Y[rows]).predict_proba(X)
        for w in ("balanced", dict(enumerate(values)))
    )
    np.testing.assert_array_equal(by_name, by_value)


def test_label_smoothing_pulls_the_minimum_towards_even():
    """Without features only the biases learn: the probabilities are the mean smoothed targets."""
    nothing = np.zeros((4, 1))
    p = exact(label_smoothing=0.2).fit(nothing, [0, 0, 0, 1]).predict_proba(nothing[:1])
    np.testing.assert_allclose(p, [[0.75 * 0.8 + 0.1, 0.25 * 0.8 + 0.1]], atol=1e-9)
    several = [[1, 0], [1, 0], [1, 1], [1, 0]]
    p = exact(label_smoothing=0.2).fit(nothing, several).predict_proba(nothing[:1])
    np.testing.assert_allclose(p, [[0.9, 0.25 * 0.8 + 0.1]], atol=1e-9)


# --- labels and predictions ----------------------------------------------------------------------


def test_labels_may_be_strings():
    model = quick(max_epochs=30).fit(X, NAMES)
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert model.score(X, NAMES) > 0.9
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-12)


def test_an_indicator_matrix_means_a_sigmoid_for_each_class():
    F, L = make_multilabel_classification(100, 6, n_classes=4, random_state=1)
    model = quick(hidden_layer_sizes=8, max_epochs=30).fit(scale(F), L)
    p = model.predict_proba(scale(F))
    assert p.shape == (100, 4)
    assert not np.allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(scale(F)), p > 0.5)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(scale(F))), p, rtol=1e-12)
    exact_match = (model.predict(scale(F)) == L).all(axis=1).mean()
    assert model.score(scale(F), L) == exact_match
    scattered = quick(hidden_layer_sizes=8, max_epochs=30).fit(scale(F), sparse.csr_array(L))
    np.testing.assert_array_equal(scattered.predict_proba(scale(F)), p)


def test_log_probabilities_stay_finite_far_out():
    far = 1e4 * X[:5]
    for y in (Y, np.eye(3, dtype=int)[Y]):
        log_p = quick(max_epochs=30).fit(X, y).predict_log_proba(far)
        assert np.isfinite(log_p).all()
        assert log_p.min() < -1000


# --- training ------------------------------------------------------------------------------------


def test_curves():
    model = quick(max_epochs=20, hidden_layer_sizes=(8,)).fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == len(model.accuracy_curve_) == 20
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert 0.9 < model.accuracy_curve_[-1] <= 1
    assert model.validation_scores_ is None


def test_the_first_loss_of_a_linear_model_is_that_of_even_odds():
    """A step of length 0 shows the loss at the start, where all weights are 0."""
    model = quick(learning_rate=0.0, max_epochs=1).fit(X, Y)
    assert model.loss_curve_[0] == pytest.approx(np.log(3), rel=1e-12)
    several = quick(learning_rate=0.0, max_epochs=1).fit(X, np.eye(3, dtype=int)[Y])
    assert several.loss_curve_[0] == pytest.approx(3 * np.log(2), rel=1e-12)  # a sum over classes


def test_alpha_shrinks_the_weights_and_spares_the_biases():
    one_sided = np.repeat([0, 1], [120, 30])
    model = quick(optimizer="sgd", max_epochs=300, alpha=10.0).fit(X, one_sided)
    assert np.abs(model.model_[0].weight.numpy()).max() < 0.05
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(0.2, abs=0.02)


def test_equal_seeds_give_equal_models_and_others_do_not():
    first, again, other = (
        quick(hidden_layer_sizes=(4,), random_state=seed).fit(X, Y).predict_proba(X)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_partial_fit_is_one_epoch(optimizer):
    at_once = quick(optimizer=optimizer).fit(X, NAMES)
    by_parts = clone(at_once)
    for _ in range(5):
        by_parts.partial_fit(X, NAMES, classes=np.unique(NAMES))
    assert by_parts.loss_curve_ == at_once.loss_curve_
    np.testing.assert_array_equal(by_parts.predict_proba(X), at_once.predict_proba(X))


def test_a_pickled_model_goes_on_as_the_original_does():
    model = quick(hidden_layer_sizes=(4,)).fit(X, Y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    for each in (model, copy):
        each.partial_fit(X, Y)
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    assert copy.loss_curve_ == model.loss_curve_


def test_float32_stays_float32():
    model = quick().fit(X.astype(np.float32), Y)
    assert model.model_[0].weight.dtype == np.float32
    assert model.predict_proba(X).dtype == np.float32
    assert quick().fit(X.astype(int), Y).predict_proba(X).dtype == np.float64


def test_training_stops_when_nothing_gets_better():
    model = quick(learning_rate=0.0, tol=1e-4, max_epochs=100).fit(X, Y)
    assert model.n_iter_ == 1 + PATIENCE
    slowly = quick(tol=0.5, max_epochs=100).fit(X, Y)  # it gets better, but by less than that
    assert slowly.n_iter_ == 1 + PATIENCE
    assert slowly.loss_curve_[-1] < slowly.loss_curve_[-2]


def test_early_stopping_keeps_the_best_weights():
    rng = np.random.default_rng(0)
    F, noise = rng.normal(size=(120, 20)), rng.integers(0, 2, 120)  # to be learned by heart only
    model = quick(
        hidden_layer_sizes=(32,),
        early_stopping=True,
        validation_fraction=0.25,
        tol=0.0,
        max_epochs=200,
    ).fit(F, noise)
    scores = model.validation_scores_
    assert len(scores) == model.n_iter_ < 200
    assert scores.index(max(scores)) == model.n_iter_ - 1 - PATIENCE
    # the same epochs again, without the ones after the best
    again = clone(model).set_params(max_epochs=model.n_iter_ - PATIENCE, tol=None).fit(F, noise)
    np.testing.assert_array_equal(again.predict_proba(F), model.predict_proba(F))


def test_too_few_epochs_warn_unless_asked_for():
    with pytest.warns(ConvergenceWarning, match="still improving after 3 epochs") as caught:
        quick(tol=1e-4, max_epochs=3).fit(X, Y)
    assert caught[0].filename == __file__
    quick(tol=None, max_epochs=3).fit(X, Y)


def test_a_fit_that_diverges_says_so():
    X, y = load_iris(return_X_y=True)
    model = SoftmaxClassifier(learning_rate=1e4, optimizer="sgd", max_epochs=3, random_state=0)
    with pytest.warns(ConvergenceWarning, match="diverged.*\n.*\n.*lower learning_rate"):
        model.fit(X, y)


def test_verbose_shows_loss_and_accuracy(capsys):
    quick().fit(X, Y)
    assert capsys.readouterr() == ("", "")
    model = quick(verbose=1, early_stopping=True).fit(X, Y)
    bar = capsys.readouterr().err
    assert f"loss={model.loss_curve_[-1]:.4f}" in bar
    assert f"accuracy={model.accuracy_curve_[-1]:.4f}" in bar
    assert f"held out={model.validation_scores_[-1]:.4f}" in bar
    assert "5/5" in bar


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"activation": "gelu"}, ValueError, "unknown activation 'gelu'"),
        ({"optimizer": "lbfgs"}, ValueError, "unknown optimizer 'lbfgs'"),
        ({"hidden_layer_sizes": (8, 0)}, ValueError, "a size must be at least 1, got 0"),
        ({"hidden_layer_sizes": "8"}, TypeError, "the sizes must be a list of integers"),
        ({"hidden_layer_sizes": (8.5,)}, TypeError, "a size must be an integer"),
        ({"batch_size": 0}, ValueError, "at least 1, got 0"),
        ({"max_epochs": 2.5}, TypeError, "must be an integer"),
        ({"learning_rate": -1.0}, ValueError, "learning_rate must be at least 0"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate must be a number"),
        ({"alpha": -1e-3}, ValueError, "alpha must be at least 0"),
        ({"tol": -1.0}, ValueError, "tol must be at least 0"),
        ({"label_smoothing": 1.5}, ValueError, "label_smoothing must be from 0 to 1"),
        ({"validation_fraction": 1.0}, ValueError, "from 0 to 1, 1 excluded"),
        (
            {"class_weight": {"setosa": 2, "rose": 1}},
            ValueError,
            "'virginica'.* not in class_weight",
        ),
        ({"random_state": "luck"}, ValueError, "luck"),
    ],
)
def test_bad_settings_are_named(settings, error, text):
    with pytest.raises(error, match=text):
        quick(**settings).fit(X, NAMES)


def test_bad_data_is_told():
    with pytest.raises(ValueError, match="NaN"):
        quick().fit(np.where(X > 2, np.nan, X), Y)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        quick().fit(X, X[:, 0])
    with pytest.raises(ValueError, match="class_weight is for one class per sample"):
        quick(class_weight="balanced").fit(X, np.eye(3, dtype=int)[Y])
    with pytest.raises(NotFittedError):
        quick().predict(X)
    with pytest.raises(ValueError, match="4 features"):
        quick().fit(X, Y).predict(X[:, :2])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_runs_away_is_told():
    with pytest.raises(ValueError, match=r"the loss is (nan|inf) in epoch (.|\n)*learning_rate"):
        quick(hidden_layer_sizes=(8,), optimizer="sgd", learning_rate=1e6).fit(1e3 * X, Y)


def test_partial_fit_wants_the_classes_first_and_only_those():
    with pytest.raises(ValueError, match="the first call needs all labels"):
        quick().partial_fit(X, Y)
    with pytest.raises(ValueError, match="needs all samples at once"):
        quick(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])
    model = quick().partial_fit(X[:50], Y[:50], classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"labels \[3 7\] are not among the classes \[0 1 2\]"):
        model.partial_fit(X[:3], [3, 7, 1])
    with pytest.raises(ValueError, match=r"labels \['b' 'c'\] are not among the classes \['a'"):
        quick().partial_fit(X[:3], ["b", "c", "a"], classes=["a", "d"])
    with pytest.raises(ValueError, match="differ from the first call's"):
        model.partial_fit(X, Y, classes=[0, 1, 2, 3])
    with pytest.raises(
        ValueError, match="y is an indicator matrix, but in the first call it was lab"
    ):
        model.partial_fit(X, np.eye(3, dtype=int)[Y])


def test_partial_fit_of_an_indicator_matrix_keeps_its_columns():
    model = quick().partial_fit(X, np.eye(3, dtype=int)[Y])
    assert model.classes_.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="y has 2 columns, but the model has 3 classes"):
        model.partial_fit(X, np.eye(3, dtype=int)[Y][:, :2])
    with pytest.raises(ValueError, match="y is labels, but in the first call it was an indicator"):
        model.partial_fit(X, Y)


# --- an optional dependency ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "use"),
    [("sklearn", "import tinygrad_xent.estimator"), ("tqdm", "tx.SoftmaxClassifier")],
)
def test_without_the_extra_the_engine_works_and_the_error_names_it(missing, use):
    program = f"""
import sys
sys.modules[{missing!r}] = None  # as if it were not installed
import tinygrad_xent as tx
assert tx.exp(0.0) == 1
try:
    {use}
except ImportError as error:
    assert 'pip install "tinygrad_xent[sklearn]"' in str(error), error
else:
    sys.exit("imported without {missing}")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_importing_the_engine_does_not_import_scikit_learn():
    program = (
        "import tinygrad_xent, sys; assert not {'sklearn', 'scipy', 'tqdm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_engine_hands_it_out():
    assert tx.SoftmaxClassifier is SoftmaxClassifier
    with pytest.raises(AttributeError, match="no attribute 'Softmaxclassifier'"):
        tx.Softmaxclassifier  # noqa: B018
