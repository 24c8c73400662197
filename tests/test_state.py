"""A model's state: one name for one thing, and loading that is all or nothing."""

import copy
import pickle
import re

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tinygrad_xent.engine.errors import BadValueError, WordedError
from tinygrad_xent.nn import MLP, Dropout, Linear, Module, ReLU, Sequential


def parameter(value=0.0):
    return tx.Tensor(value, requires_grad=True)


class Held(Module):
    """A module that holds whatever it is given."""

    def __init__(self, **attributes):
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


# --- two things of one path ----------------------------------------------------------------------

one, other = parameter(1.0), parameter(2.0)

TWO_OF_ONE_PATH = {
    "a dot in a key": ({"table": {"a.b": one, "a": {"b": other}}}, "table['a.b']", "table['a']['b']"),
    "a number and its text": ({"table": {1: one, "1": other}}, "table[1]", "table['1']"),
    "a place and its text": ({"table": {"0": [one], "0.0": other}}, "table['0'][0]", "table['0.0']"),
    "a dot in an attribute": ({"a": {"b": one}, "a.b": other}, "a['b']", "a.b"),
    "a tensor and a module": ({"table": {1: one, "1": ReLU()}}, "table[1]", "table['1']"),
    "two modules": ({"table": {None: ReLU(), "None": ReLU()}}, "table[None]", "table['None']"),
    "inside a module": (
        {"inner": Held(b=one), "inner.b": other},
        "inner['b']",
        "inner.b",
    ),
    "an index and its text": ({"layers": [[one]], "layers.0": {0: other}}, "layers[0][0]", "layers.0[0]"),
    "no requirement of grad": ({"table": {1: tx.Tensor(1.0), "1": tx.Tensor(1)}}, "table[1]", "table['1']"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "first", "second"), TWO_OF_ONE_PATH.values(), ids=TWO_OF_ONE_PATH
)
def test_two_things_of_one_path_are_refused_when_they_are_set(attributes, first, second):
    model = Held(kept=parameter())
    *before, (name, value) = attributes.items()
    for key, earlier in before:
        setattr(model, key, earlier)
    kept, names = dict(vars(model)), [p.name for p in model.parameters()]
    words = (
        f"Held: {re.escape(first)} and {re.escape(second)} would have one path, .*\n.*inputs: .*"
    )
    with pytest.raises(BadValueError, match=f"{words}(.|\n)*fix: rename one of the two"):
        setattr(model, name, value)
    assert vars(model) == kept
    assert [p.name for p in model.parameters()] == names


@pytest.mark.parametrize(
    "use",
    [
        lambda m: m.state_dict(),
        lambda m: m.parameters(),
        lambda m: list(m.named_modules()),
        lambda m: m.load_state_dict({"table.1": 0.0}),
        lambda m: m(1.0),
        lambda m: setattr(m, "more", parameter()),
    ],
)
def test_two_things_of_one_path_are_found_if_they_came_later(use):
    """Put into a list or a dictionary that is an attribute already, which no module sees."""
    model = Held(table={1: parameter(1.0)}, layers=[])
    model.table["1"] = parameter(2.0)
    with pytest.raises(BadValueError, match=r"table\[1\] and table\['1'\] would have one path"):
        use(model)


def test_one_thing_may_be_twice_at_one_path():
    p = parameter(3.0)
    model = Held(table={1: p, "1": p})
    assert model.state_dict() == {"table.1": 3.0}
    assert model.parameters() == [p]


# --- one thing of several paths ------------------------------------------------------------------


class Tied(Module):
    """The weights of the first layer are those of the second: set inside of a part of it."""

    def __init__(self):
        self.encoder, self.decoder = Linear(3, 3, rng=0), Sequential(Linear(3, 3, rng=1))
        self.decoder[0].weight = self.encoder.weight
        self.decoder[0].bias = self.encoder.bias

    def forward(self, x):
        return self.decoder(self.encoder(x))


def in_sequence():
    layer = Linear(3, 3, rng=0)
    return Sequential(layer, ReLU(), layer)


def in_deeper_sequences():
    layer = Linear(3, 3, rng=0)
    return Sequential(Sequential(layer, ReLU()), Sequential(ReLU(), Sequential(layer)))


def in_a_list_that_grew():
    model = Held(layers=[])
    model.layers += [Linear(3, 3, rng=0), Linear(3, 3, rng=1)]
    model.layers.append(model.layers[0])
    return model


def after_the_first_was_replaced():
    layer = Linear(3, 3, rng=0)
    model = Held(unused=layer, layers=[Linear(3, 3, rng=1), layer, layer])
    model.unused = None
    return model


TWICE = {
    "a layer in a sequence": (in_sequence, {"2.weight": "0.weight", "2.bias": "0.bias"}),
    "a layer deeper": (
        in_deeper_sequences,
        {"1.1.0.weight": "0.0.weight", "1.1.0.bias": "0.0.bias"},
    ),
    "tensors": (
        Tied,
        {"decoder.0.weight": "encoder.weight", "decoder.0.bias": "encoder.bias"},
    ),
    "in a list that grew": (
        in_a_list_that_grew,
        {"layers.2.weight": "layers.0.weight", "layers.2.bias": "layers.0.bias"},
    ),
    "after the first was replaced": (
        after_the_first_was_replaced,
        {"layers.2.weight": "layers.1.weight", "layers.2.bias": "layers.1.bias"},
    ),
    "a copy": (lambda: copy.deepcopy(Tied()), {"decoder.0.weight": "encoder.weight"}),
    "a pickle": (lambda: pickle.loads(pickle.dumps(Tied())), {"decoder.0.bias": "encoder.bias"}),
    "nothing": (lambda: MLP([3, 3, 3], rng=0), {}),
}
twice = pytest.mark.parametrize(("make", "also"), TWICE.values(), ids=TWICE)


@twice
def test_a_thing_has_one_name_everywhere(make, also):
    """In pictures first: they are what may be made before anything was listed."""
    model = make()
    loss = model(np.ones((2, 3))).sum()
    trace = tx.trace(loss)
    names = list(model.state_dict())
    assert not set(also) & set(names)
    assert set(also.values()) <= set(names)
    assert [path for path, _ in model.named_parameters()] == names
    assert [p.name for p in model.parameters()] == names
    assert {e.name for e in trace if e.kind == "parameter"} == set(names)
    labels = {f"{type(m).__name__} {path}".strip() for path, m in model.named_modules()}
    assert {label for entry in trace for label in entry.scope} <= labels
    assert all(name in viz.draw(loss).dot for name in names)


@twice
def test_an_error_says_the_name_that_the_state_says(make, also):
    model = make()
    with pytest.raises(tx.ShapeError) as caught:
        model(np.ones((2, 4)))
    assert re.search(r"inputs: .*; (\S*weight): ", str(caught.value))[1] in model.state_dict()


@twice
def test_a_state_loads_by_one_name_by_the_others_or_by_all(make, also):
    model = make()
    state = {path: array + 1 for path, array in model.state_dict().items()}
    others = {path: state[first] for path, first in also.items()}
    only_others = others | {p: a for p, a in state.items() if p not in also.values()}
    for given in (state, only_others, state | others):
        fresh = make()
        assert fresh.load_state_dict(given) == ([], [])
        for path, array in fresh.state_dict().items():
            np.testing.assert_array_equal(array, state[path])


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("also", [{"2.weight": "0.weight"}, {"2.bias": "0.bias"}])
def test_two_values_for_one_thing_are_refused(also, strict):
    model = in_sequence()
    before = model.state_dict()
    ((path, first),) = also.items()
    wrong = before | {path: before[first] + 1}
    with pytest.raises(BadValueError, match=f"{first} and {path} are one tensor, with two differ"):
        model.load_state_dict(wrong, strict)
    nan = before | {p: np.full_like(before[p], np.nan) for p in before}
    model.load_state_dict(nan | {path: nan[first]})
    assert np.isnan(model[0].weight.data).all()


# --- loading -------------------------------------------------------------------------------------


class Counted(Module):
    """A model whose state has every kind of dtype."""

    def __init__(self):
        self.inner = Linear(2, 2, rng=0, dtype=np.float32)
        self.steps, self.mask = tx.Tensor(np.int32([1, 2])), tx.Tensor([True, False])
        self.half, self.small = tx.Tensor(np.float16([1, 2])), tx.Tensor(np.uint8([1, 2]))

    def forward(self, x):
        return self.inner(x)


MODELS = {
    "Linear": lambda: Linear(2, 3, rng=0),
    "Sequential": lambda: Sequential(Linear(2, 2, rng=0), Dropout(0.5), Linear(2, 1, rng=1)),
    "MLP": lambda: MLP([3, 4, 4, 2], rng=0, dtype=np.float32),
    "twice": in_sequence,
    "every dtype": Counted,
}

# what may stand in the place of an array; the errors that there may be
WRONG = {
    "a row too many": lambda a: np.ones((*a.shape, 2)),
    "another order": lambda a: np.ones((*a.shape[::-1], 1)),
    "text": lambda a: "weights",
    "an array of text": lambda a: np.full(a.shape, "1.0"),
    "numbers in quotes": lambda a: np.full(a.shape, b"1"),
    "complex": lambda a: np.ones(a.shape, complex),
    "None": lambda a: None,
    "objects": lambda a: np.full(a.shape, None),
    "dates": lambda a: np.zeros(a.shape, "M8[s]"),
    "a ragged list": lambda a: [[1.0], [1.0, 2.0]],
    "a dictionary": lambda a: {"data": a},
    "a set": lambda a: {1.0},
    "too large": lambda a: np.full(a.shape, 2**70) if a.dtype != np.float64 else None,
    "floats for integers": lambda a: a + 0.5 if a.dtype.kind != "f" else "text",
    "missing": None,
}


def same(model, before):
    return all(
        array.dtype == before[path].dtype and array.tobytes() == before[path].tobytes()
        for path, array in model.state_dict().items()
    )


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_state_with_one_wrong_entry_changes_nothing(make, wrong):
    """Wherever it stands: what comes before it, in the state or in the model, is not loaded."""
    model = make()
    before = model.state_dict()
    good = {path: np.ones_like(array) for path, array in before.items()}
    for path in good:
        for order in (good, dict(reversed(good.items()))):
            state = dict(order)
            if WRONG[wrong] is None:
                del state[path]
            else:
                state[path] = WRONG[wrong](before[path])
            with pytest.raises(WordedError, match=rf"load_state_dict: (.|\n)*{re.escape(path)}"):
                model.load_state_dict(state)
            assert same(model, before)
    assert model.load_state_dict(good) == ([], [])
    assert not same(model, before)


@pytest.mark.parametrize("key", ["more", "", 3, None, ("0", "weight")])
def test_an_unexpected_entry_of_any_name_changes_nothing(key):
    model = MLP([3, 4, 2], rng=0)
    before = model.state_dict()
    with pytest.raises(tx.ShapeError, match="unexpected: "):
        model.load_state_dict({path: array + 1 for path, array in before.items()} | {key: 1.0})
    assert same(model, before)


def test_a_warning_that_is_an_error_changes_nothing(recwarn):
    """A value that the dtype can't hold is refused before anything is converted in place."""
    model = Linear(2, 1, rng=0, dtype=np.float32)
    before = model.state_dict()
    with pytest.raises(
        BadValueError, match=r"bias is float64, .* float32, which can't hold 1e\+300"
    ):
        model.load_state_dict({"weight": [[1.0], [2.0]], "bias": [1e300]})
    assert same(model, before)
    assert not recwarn.list


def test_what_was_saved_may_be_nan_and_infinite():
    model = Counted()
    values = [np.nan, -np.inf]
    state = model.state_dict() | {"inner.bias": values, "half": values}
    model.load_state_dict(state)
    np.testing.assert_array_equal(model.inner.bias.data, values)
    np.testing.assert_array_equal(model.half.data, values)


@pytest.mark.parametrize(("path", "given"), [("steps", [True, False]), ("small", [255, 0])])
def test_narrower_kinds_are_taken_where_every_value_stays(path, given):
    model = Counted()
    model.load_state_dict({path: given}, strict=False)
    np.testing.assert_array_equal(model.state_dict()[path], given)
    for wrong in ([-1, 2**40], [0.5, 1.0]):
        with pytest.raises(WordedError, match=f"load_state_dict: {path} is .*, and its tensor"):
            model.load_state_dict({path: wrong}, strict=False)


def test_arrays_of_the_model_itself_may_change_places():
    model = Held(a=parameter([1.0]), b=parameter([2.0]))
    model.load_state_dict({"a": model.b.data, "b": model.a.data})
    assert (model.a.item(), model.b.item()) == (2, 1)
