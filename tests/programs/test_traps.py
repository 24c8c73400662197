"""Nothing is ever frozen silently: what a recording could keep by mistake is refused with its cure, or
guarded, or a line of the program. Each trap is a function that a user might write.
"""

import functools
import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.engine.symbols import RECORDER
from tinygrad_xent.programs import RecordingError

X = np.arange(6.0).reshape(3, 2)
W = np.array([[0.5, -1.0], [2.0, 0.25]])
Y = np.array([0, 1, 1])
TABLE = {"weights": np.ones(2)}
SCALE = 2.0
CONFIG = SimpleNamespace(scale=2.0, array=np.ones(2))
PARAMETER = tx.Tensor([1.0, 2.0], requires_grad=True, name="theta")
DRAWS = np.random.default_rng(0)
MODEL = tx.nn.Linear(2, 2, rng=0)
DROPOUT = tx.nn.Dropout(0.5, rng=0)


class Holder:
    def __init__(self):
        self.array = np.ones(2)

    def __call__(self, x):
        return x * self.array

    def method(self, x):
        return x * self.array


def closed_over():
    hidden = np.ones(2)
    return lambda x: x * hidden


def in_a_default(x, w=np.ones(2)):  # noqa: B008 -- that is the trap
    return x * w


def calls_a_helper(x):
    return helper(x)


def helper(x):
    return x * TABLE["weights"]


def branches(x):
    return x if x.sum() > 0 else -x


def counts_down(x):
    while (x > 1).any():
        x = x / 2
    return x


def either(x):
    return x.sum() > 0 or x.sum() < -1


def catches(x):
    try:
        return x * 2 if x.sum() > 0 else x
    except ValueError:
        return x


def matches(x):
    match x.sum():
        case 0:
            return x
        case _:
            return -x


def sorts_in_python(x):
    return tx.stack(sorted(x.sum(axis=1), key=float))


def prints(x):
    print(f"the sum is {x.sum()}")
    return x


def asserts(x):
    assert x.min() >= 0
    return x


def draws_from_numpy(x):
    return x * np.random.random(2)


def draws_inside(x):
    return x * np.random.default_rng().random(2)


def uses_the_values(x):
    return x * x.data.mean().item()


def loops_to_a_value(x):
    for _ in range(int(x.sum())):
        x = x + 1
    return x


def backward_of_a_closed_over_leaf(x):
    loss = (x * PARAMETER).sum()
    loss.backward()
    return loss


REFUSED = {
    "an array of a closure": (closed_over(), (X,), "reads hidden"),
    "an array of a global table": (lambda x: x * TABLE["weights"], (X,), "reads TABLE"),
    "an array that a helper reads": (calls_a_helper, (X,), "reads TABLE"),
    "an array of a module's attribute": (lambda x: x * CONFIG.array, (X,), "reads CONFIG"),
    "an array of an object": (Holder(), (X,), "reads Holder.array"),
    "an array behind a bound method": (Holder().method, (X,), "reads self.array"),
    "an array in a default": (in_a_default, (X,), "reads"),
    "an array in a partial": (functools.partial(np.multiply, np.ones(2)), (X,), "reads"),
    "an array that is made inside": (lambda x: x * np.ones(2), (X,), "not an argument"),
    "a list of arrays": (lambda x: x * [np.ones(2)][0], (X,), "not an argument"),
    "an index that is made inside": (lambda x: x[np.array([0, 2])], (X,), "not an argument"),
    "a mask that is made inside": (lambda x: tx.where(X > 1, x, 0), (X,), "reads X"),
    "labels of a global": (lambda x: tx.cross_entropy(x, Y), (X,), "reads Y"),
    "a global, from shapes": (lambda x: x.reshape(X.shape), (X,), "reads X"),
    "a number made of a global": (lambda x: x * W.mean(), (X,), "reads W"),
    "a tensor of a global": (lambda x: x * PARAMETER, (X,), "reads PARAMETER"),
    "backward to a closed-over leaf": (backward_of_a_closed_over_leaf, (X,), "reads PARAMETER"),
    "a model of a global": (lambda x: MODEL(x), (X,), "reads MODEL"),
    "dropout of a global": (lambda x: DROPOUT(x), (X,), "reads DROPOUT"),
    "a generator of a global": (lambda x: x * DRAWS.random(2), (X,), "reads DRAWS"),
    "NumPy's own generator": (draws_from_numpy, (X,), "numpy.random.random"),
    "a generator made inside": (draws_inside, (X,), "default_rng"),
    "random numbers of a seed": (lambda x: x * tx.rand(2, 0), (X,), "not an argument"),
    "a branch": (branches, (X,), "a branch"),
    "a while": (counts_down, (X,), "a branch"),
    "an or": (either, (X,), "a branch"),
    "a branch in a try": (catches, (X,), "a branch"),
    "a match": (matches, (X,), "a branch"),
    "an assert": (asserts, (X,), "a branch"),
    "sorted()": (sorts_in_python, (X,), "needs the numbers"),
    "min()": (lambda x: min(x.sum(), 3.0), (X,), "a branch"),
    "in": (lambda x: x if 3.0 in x.sum(axis=0) else -x, (X,), "a branch"),
    "float()": (lambda x: x * float(x.sum()), (X,), "float()"),
    "int()": (loops_to_a_value, (X,), "needs the numbers"),
    "range of a value": (lambda x: x[: x.argmax()], (X,), ""),
    "item()": (uses_the_values, (X,), ".item()"),
    "tolist()": (lambda x: x * x.tolist()[0][0], (X,), "tolist()"),
    "math.exp": (lambda x: x * math.exp(x.sum()), (X,), r"tx\.exp"),
    "np.asarray": (lambda x: x * np.asarray(x.detach()), (X,), r"tx\.stack"),
    "np.float64": (lambda x: x * np.float64(x.detach().sum()), (X,), "needs the numbers"),
    "an array that is filled": (lambda x: filled(x), (X,), "needs the numbers"),
    "printing": (prints, (X,), "printing"),
    "a mask as index": (lambda x: x[x > 1], (X,), "boolean mask"),
    "nonzero": (lambda x: x[np.nonzero(x > 1)], (X,), "depends on the numbers"),
    "unique": (lambda x: tx.unique(x), (X,), "depends on the numbers"),
    "saving": (lambda x: np.save("nowhere.npy", x.detach()), (X,), "can't be recorded"),
    "a result that is no array": (lambda x: {"x": x, "f": print}, (X,), "returned a"),
    "another recording inside": (lambda x: tx.program(tx.exp, x), (X,), "another program"),
}


def filled(x):
    y = np.zeros(3)
    y[:] = x.detach().sum(axis=1)
    return y


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_line_and_the_cure(name):
    f, args, words = REFUSED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RecordingError) as caught:
            tx.program(f, *args)
    text = str(caught.value)
    assert words in text
    assert "\n  at " in text
    assert "\n  fix: " in text
    assert RECORDER.get() is None


# --- guarded: recorded again ----------------------------------------------------------------------


def scaled(x):
    return x * SCALE


def configured(x):
    return x * CONFIG.scale


def test_a_changed_global_is_recorded_again(monkeypatch):
    program = tx.program(scaled, X)
    np.testing.assert_array_equal(program(X), 2 * X)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    np.testing.assert_array_equal(program(X), 3 * X)


def test_a_changed_closure_is_recorded_again():
    scale = 2.0

    def f(x):
        return x * scale

    program = tx.program(f, X)
    scale = 5.0
    np.testing.assert_array_equal(program(X), 5 * X)


def test_a_changed_attribute_of_a_module_is_recorded_again(monkeypatch):
    import tests.programs.settings as settings

    def f(x):
        return x * settings.FACTOR

    program = tx.program(f, X)
    monkeypatch.setattr(settings, "FACTOR", 7.0)
    np.testing.assert_array_equal(program(X), 7 * X)


def test_a_model_that_no_longer_trains_is_recorded_again():
    model = tx.nn.Dropout(0.5, rng=0)
    program = tx.program(lambda model, x: model(x), model, X)
    assert [i.name for i in program.inputs] == ["rng", "x"]
    model.eval()
    np.testing.assert_array_equal(program(np.random.default_rng(1), X), X)


def test_a_program_from_a_file_has_no_function_to_record(tmp_path):
    import pickle

    program = tx.program(scaled, X)
    loaded = pickle.loads(pickle.dumps(program))
    assert loaded == program
    assert loaded.guards == program.guards
    assert any(value == SCALE for _, value in loaded.guards)


# --- lines of the program -------------------------------------------------------------------------


def test_a_wrong_label_is_an_error_of_the_run():
    program = tx.program(lambda z, y: tx.cross_entropy(z, y), X, Y)
    assert program(X, Y) == tx.cross_entropy(X, Y).item()
    for wrong in (2, -1, 5):
        with pytest.raises(IndexError, match="out of range for 2 classes"):
            program(X, np.array([0, 1, wrong]))
    with pytest.raises(IndexError, match="out of range"):
        program(X, np.array([0, 1, -100]))  # ignored, but the example had none


def test_ignored_labels_are_looked_for_if_the_example_has_one():
    program = tx.program(lambda z, y: tx.cross_entropy(z, y), X, np.array([0, -100, 1]))
    for labels in ([0, 1, 1], [-100, -100, 0]):
        assert program(X, np.array(labels)) == tx.cross_entropy(X, labels).item()
    with pytest.warns(RuntimeWarning, match="no samples"):
        assert program(X, np.array([-100, -100, -100])) == 0
    with pytest.raises(IndexError, match="out of range"):
        program(X, np.array([0, -100, 2]))


def test_wrong_probabilities_are_told_in_the_run():
    program = tx.program(lambda z, y: tx.cross_entropy(z, y), X, np.full((3, 2), 0.5))
    with pytest.warns(RuntimeWarning, match="do not sum to 1"):
        program(X, np.full((3, 2), 0.7))
    with pytest.raises(ValueError, match="negative"):
        program(X, np.array([[1.5, -0.5]] * 3))


def test_targets_outside_of_0_and_1_are_errors_of_the_run():
    program = tx.program(lambda z, y: tx.binary_cross_entropy_with_logits(z, y), X, X * 0)
    with pytest.raises(ValueError, match=r"not in \[0, 1\]"):
        program(X, X)


def test_a_step_with_a_gradient_that_is_not_finite_is_refused():
    def step(w, optimizer):
        optimizer.zero_grad()
        w.log().sum().backward()
        optimizer.step()

    w = tx.Tensor([1.0, 2.0], requires_grad=True, name="w")
    program = tx.program(step, w, tx.optim.SGD([w], lr=0.1))
    values = {"w": np.array([0.0, 1.0]), "lr": 0.1, "t": 0}
    with (
        np.errstate(divide="ignore"),
        pytest.raises(FloatingPointError, match="of w is not finite"),
    ):
        program(*(values[i.name] for i in program.inputs))


def test_draws_are_made_anew_in_each_run():
    def f(x, rng):
        return tx.where(rng.random(x.shape) < 0.5, x, 0)

    mine, yours, ours = (np.random.default_rng(3) for _ in range(3))
    program = tx.program(f, X, mine)
    assert mine.bit_generator.state == ours.bit_generator.state  # the recording drew from a copy
    for _ in range(3):
        np.testing.assert_array_equal(program(X, yours), f(X, ours))
