"""SoftmaxClassifier: the engine behind scikit-learn's interface (extra `sklearn`).

Everything a network needs comes from this package; scikit-learn checks the arguments and defines the
interface: `fit`, `predict`, labels of any type, clones, pipelines and searches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from . import classifier_settings as settings
from .data import batches
from .engine import arrays as xp
from .engine import errors, lines
from .engine.context import no_grad
from .labels import class_weights, positions
from .nn import MLP
from .training import Step, Stepping, compiled_if_often

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
    from tqdm import tqdm
except ImportError as error:
    raise ImportError(
        'SoftmaxClassifier needs scikit-learn and tqdm: pip install "tinygrad_xent[sklearn]"'
    ) from error

__all__ = ["SoftmaxClassifier"]

Array = npt.NDArray[Any]

PATIENCE = 10  # epochs without improvement before training stops


class SoftmaxClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """A linear classifier or multilayer perceptron, trained with cross-entropy in small batches.

    With one class per sample it ends in a softmax. With an indicator matrix as `y` (any number of
    classes per sample) it ends in one sigmoid per class, and a class is present above 0.5.

    Args:
        hidden_layer_sizes: the widths of the hidden layers; none for a linear classifier.
        activation: "relu", "tanh" or "sigmoid", between layers.
        optimizer: "adam", "adamw" or "sgd" (momentum 0.9).
        learning_rate: of the optimiser, the same in every epoch.
        batch_size: samples per step.
        max_epochs: the maximal number of passes over the data.
        alpha: the weight decay of the optimiser, for the weights but not the biases; with adam and
            sgd it adds alpha/2 · Σ W² to the loss.
        early_stopping: hold out part of the data, decide by the accuracy on it rather than by the
            training loss when to stop, and keep the weights that were best on it.
        validation_fraction: the fraction to hold out.
        tol: training stops after ten epochs without an improvement of more than this. None: never.
        label_smoothing: the fraction of each target, in [0, 1], spread evenly over the classes (in
            multi-label problems: over present and absent).
        class_weight: None, "balanced", or a dictionary of factors by label, 1 for classes that are
            not in it. The loss is Σ wᵢ · lossᵢ / N, so a class of weight 2 counts as if each of its
            samples came twice.
        random_state: a seed for the initial weights, the order of the batches and the held-out part.
        verbose: show a progress bar with loss and accuracy.

    Attributes:
        classes_: the labels in order; for a multi-label problem the column numbers.
        n_features_in_: the number of features; feature_names_in_: their names, if X has any.
        model_: the trained `tx.nn.MLP`, from features to logits.
        loss_curve_: the mean loss of each epoch's batches, without the weight decay term.
        accuracy_curve_: the accuracy on the same batches, before each step.
        validation_scores_: the accuracy on the held-out part after each epoch, or None.
        n_iter_: the number of epochs.

    A `fit` or `partial_fit` that raises, or is interrupted, leaves the model of the last one as it was.
    The first few hundred steps of each call run as written, what follows is compiled (`tx.compile`): the
    results are the same but for rounding, and a model holds nothing of it.

    Scale the features first, for example by a pipeline with a `StandardScaler`. Float32 features are
    computed in float32, all others in float64.

    >>> X = [[0.0, 0.1], [0.1, 0.0], [1.0, 0.9], [0.9, 1.0]]
    >>> model = SoftmaxClassifier(learning_rate=0.1, max_epochs=50, tol=None, random_state=0)
    >>> model.fit(X, ["low", "low", "high", "high"]).predict([[0.2, 0.2], [0.8, 0.8]])
    array(['low', 'high'], dtype='<U4')
    """

    loss_curve_: list[float]
    accuracy_curve_: list[float]
    validation_scores_: list[float] | None

    def __init__(
        self,
        hidden_layer_sizes: Any = (),
        activation: str = "relu",
        optimizer: str = "adam",
        learning_rate: float = 3e-3,
        batch_size: int = 32,
        max_epochs: int = 200,
        alpha: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        tol: float | None = 1e-4,
        label_smoothing: float = 0.0,
        class_weight: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.alpha = alpha
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.tol = tol
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    # --- training --------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new model.

        Args:
            X: (N, features), numbers.
            y: (N,) labels of any one type, or (N, K) with 0 and 1 for K classes.

        Raises:
            ValueError: a parameter is out of range; scikit-learn's checks refuse X or y; the loss is
                no longer finite.
            TypeError: a parameter has the wrong type.

        Warns:
            ConvergenceWarning: after `max_epochs` the model was still improving, or it diverged.
        """
        with self._all_or_nothing():
            settings.check(self)
            X, y = self._validated(X, y, reset=True)
            self._start(X, y if self._multilabel else np.unique(y))
            weight, held_out = self._class_weights(y), None
            if self.early_stopping:  # split by the labels: what is wrong with them is said of them
                X, held_X, y, held_y = train_test_split(
                    X,
                    y,
                    test_size=self.validation_fraction,
                    random_state=int(self._rng.integers(2**31)),
                    stratify=None if self._multilabel else y,
                )
                held_out, self.validation_scores_ = (held_X, self._encoded(held_y)), []
            self._train(X, self._encoded(y), weight, held_out)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Train for one pass over these samples, from where the last `fit` or `partial_fit` ended.

        `max_epochs`, `tol` and `validation_fraction` are of `fit` only, and `random_state` of the first
        call. `learning_rate`, `alpha` and what concerns the loss and the batches may change between
        calls.

        Args:
            X, y: as for `fit`.
            classes: all labels that will ever occur; needed in the first call, unless y is an
                indicator matrix.

        Raises:
            ValueError: as `fit`; no classes in the first call, or different ones later; a label that
                is not among them; class_weight="balanced" or early_stopping=True, which need all the
                data at once; another form of network or another optimiser than in the first call.
        """
        with self._all_or_nothing():
            settings.check(self)
            settings.check_can_go_on(self, getattr(self, "_made_as", None))
            first = not hasattr(self, "model_")
            X, y = self._validated(X, y, reset=first)
            if first:
                if classes is None and not self._multilabel:
                    what = "partial_fit: the first call needs all labels that will ever occur"
                    raise errors.BadValueError(what, fix="pass classes=np.unique(y)")
                self._start(X, y if self._multilabel else np.unique(classes))
            elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
                what = (
                    f"partial_fit: classes={classes} differ from the first call's {self.classes_}"
                )
                raise errors.BadValueError(what, fix="leave them out, or call fit for a new model")
            self._set_rates()
            self._epoch(X, self._encoded(y), self._step(self._class_weights(y)))
        return self

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Whatever stops a fit, an interrupt too: what the last one left is there, in the same objects."""
        own: dict[str, Any] = self.__dict__
        before = dict(own)
        parts: list[Any] = [self.model_, *self._optimizers] if "model_" in own else []
        states = [part.state_dict() for part in parts]
        drawn = self._rng.bit_generator.state if parts else {}
        try:
            yield
        except BaseException:
            own.clear()
            own.update(before)
            for part, state in zip(parts, states, strict=True):
                part.load_state_dict(state)
            if parts:
                self._rng.bit_generator.state = drawn
            raise

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        """X as floats, y as labels or as a dense indicator matrix; sets `_multilabel` accordingly."""
        X, y = validate_data(
            self, X, y, reset=reset, dtype=[np.float64, np.float32], multi_output=True
        )
        multilabel = type_of_target(y, input_name="y") == "multilabel-indicator"
        if not multilabel:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if reset:
            self._multilabel = multilabel
        elif multilabel != self._multilabel:
            one, other = ("labels", "an indicator matrix")[:: 1 if multilabel else -1]
            what = f"partial_fit: y is {other}, but in the first call it was {one}"
            raise errors.BadValueError(what)
        return X, y.toarray() if hasattr(y, "toarray") else y

    def _start(self, X: Array, known: Array) -> None:
        """Make a new model for these features and labels (or columns of an indicator matrix)."""
        self.classes_ = np.arange(known.shape[1]) if self._multilabel else known
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        self._rng = np.random.default_rng(seed)
        sizes = [X.shape[1], *settings.hidden(self), len(self.classes_)]
        self.model_ = MLP(sizes, self.activation, rng=self._rng, dtype=X.dtype)
        if len(sizes) == 2:  # no hidden layers: a single minimum, and no symmetry to break
            self.model_[0].weight.data = np.zeros(sizes)
        make, parameters = settings.OPTIMIZERS[self.optimizer], self.model_.parameters()
        self._optimizers: list[Any] = [
            make([p for p in parameters if p.ndim == ndim]) for ndim in (2, 1)
        ]
        self._set_rates()
        self._made_as = settings.form(self)
        self.loss_curve_ = []
        self.accuracy_curve_ = []
        self.validation_scores_ = None
        self.n_iter_ = 0

    def _set_rates(self) -> None:
        """Hand the present settings to the optimisers of the weights and of the biases."""
        for optimizer, decay in zip(self._optimizers, (self.alpha, 0.0), strict=True):
            # decaying the biases too would pull the classes' base rates together
            optimizer.lr, optimizer.weight_decay = self.learning_rate, decay

    def _train(
        self, X: Array, y: Array, weight: Array | None, held_out: tuple[Array, Array] | None
    ) -> None:
        """Run epochs until nothing improves, or for `max_epochs`."""
        best, waited, best_state = -math.inf, 0, {}
        step = self._step(weight)
        with tqdm(range(self.max_epochs), disable=not self.verbose, unit=" epochs") as epochs:
            for _ in epochs:
                loss, accuracy = self._epoch(X, y, step)
                shown, measure = {"loss": loss, "accuracy": accuracy}, -loss
                if held_out is not None and self.validation_scores_ is not None:
                    right = self._right(self._logits(held_out[0]), held_out[1])
                    measure = right / len(held_out[1])
                    self.validation_scores_.append(measure)
                    shown["held out"] = measure
                epochs.set_postfix({name: f"{value:.4f}" for name, value in shown.items()})
                waited = 0 if self.tol is None or measure > best + self.tol else waited + 1
                if measure > best:
                    best = measure
                    best_state = self.model_.state_dict() if self.early_stopping else {}
                if waited >= PATIENCE:
                    break
            else:
                if self.tol is not None:
                    lines.warn(self._not_converged(), ConvergenceWarning)
        if best_state:
            self.model_.load_state_dict(best_state)

    def _not_converged(self) -> str:
        """The warning after `max_epochs`: the model diverged, or was still improving."""
        first, last = self.loss_curve_[0], self.loss_curve_[-1]
        if not last <= first:  # nan is worse too
            what = f"SoftmaxClassifier.fit: diverged, the loss went from {first:.4g} to {last:.4g}"
            return errors.message(what, fix="lower learning_rate, or scale the inputs")
        what = f"SoftmaxClassifier.fit: still improving after {self.max_epochs} epochs"
        fix = "raise max_epochs or learning_rate; tol=None runs all max_epochs without this warning"
        return errors.message(what, fix=fix)

    def _step(self, weight: Array | None) -> Stepping:
        """A training step, for the present settings of the loss."""
        made = Step(self.model_, self._optimizers, weight, self.label_smoothing, self._multilabel)
        return compiled_if_often(made)

    def _epoch(self, X: Array, y: Array, step: Stepping) -> tuple[float, float]:
        """Train for one pass over the samples in random order; its mean loss and accuracy."""
        losses, right = 0.0, 0
        X = X.astype(self._dtype, copy=False)
        for rows, targets in batches(X, y, min(self.batch_size, len(X)), rng=self._rng):
            loss, logits = step(rows, targets)
            losses += loss.item() * len(rows)
            right += self._right(logits._data, targets)
        loss_mean, accuracy = losses / len(X), right / len(X)
        if not math.isfinite(loss_mean):
            what = f"SoftmaxClassifier: the loss is {loss_mean} in epoch {self.n_iter_ + 1}"
            fix = "lower learning_rate; scale the features, for example with a StandardScaler"
            raise errors.BadValueError(what, fix=fix)
        # new lists: those of a model that is kept don't change
        self.loss_curve_ = [*self.loss_curve_, loss_mean]
        self.accuracy_curve_ = [*self.accuracy_curve_, accuracy]
        self.n_iter_ += 1
        return loss_mean, accuracy

    def _right(self, logits: Array, y: Array) -> int:
        """How many samples have the right class, or (multi-label) every class right."""
        if self._multilabel:
            return int(((logits > 0) == (y > 0.5)).all(axis=1).sum())
        return int(np.count_nonzero(logits.argmax(axis=1) == y))

    def _encoded(self, y: Array) -> Array:
        """Labels as positions in `classes_`; an indicator matrix as floats."""
        if self._multilabel:
            if y.shape[1] != len(self.classes_):
                what = f"y has {y.shape[1]} columns, but the model has {len(self.classes_)} classes"
                raise errors.BadValueError(f"SoftmaxClassifier: {what}")
            return y.astype(self._dtype)
        return positions("SoftmaxClassifier", y, self.classes_)

    def _class_weights(self, y: Array) -> Array | None:
        if self.class_weight is None:
            return None
        if self._multilabel:
            what = "SoftmaxClassifier: class_weight is for one class per sample, y is multi-label"
            raise errors.BadValueError(what, fix="use class_weight=None")
        weights = class_weights("SoftmaxClassifier", self.class_weight, y, self.classes_)
        return weights.astype(self._dtype)

    @property
    def _dtype(self) -> Any:
        return self.model_[0].weight.dtype

    # --- prediction ------------------------------------------------------------------------------

    def _logits(self, X: Array) -> Array:
        with no_grad():
            return self.model_(X.astype(self._dtype, copy=False)).numpy()  # type: ignore[no-any-return]

    def _outputs(self, X: Any) -> Array:
        """The logits of samples passed by the user, checked first."""
        check_is_fitted(self)
        return self._logits(validate_data(self, X, reset=False, dtype=[np.float64, np.float32]))

    def predict(self, X: Any) -> Array:
        """The most probable label of each sample, (N,). Multi-label: (N, K), 1 for each class present.

        Raises:
            NotFittedError: `fit` has not run.
            ValueError: scikit-learn's checks refuse X, for example for its number of features.
        """
        logits = self._outputs(X)
        if self._multilabel:
            return (logits > 0).astype(int)
        return self.classes_[logits.argmax(axis=1)]  # type: ignore[no-any-return]

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (N, C), in the order of `classes_`. Multi-label: (N, K), and
        a row need not sum to 1. Raises like `predict`.
        """
        logits = self._outputs(X)
        p: Array = xp.sigmoid(logits) if self._multilabel else xp.softmax(logits)
        return p

    def predict_log_proba(self, X: Any) -> Array:
        """The log of `predict_proba`, finite even where that is rounded to 0. Raises like `predict`."""
        logits = self._outputs(X)
        log_p: Array = -xp.softplus(-logits) if self._multilabel else xp.log_softmax(logits)
        return log_p
