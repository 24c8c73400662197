"""Modules: names, state, initialisation, layers, and what they say about bad input."""

import copy
import pickle
import re

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.messages import said
from tinygrad_xent import nn
from tinygrad_xent.nn import MLP, Dropout, Linear, Module, ReLU, Sequential, Sigmoid, Tanh


class Block(Module):
    """A module with tensors and modules in every kind of place."""

    def __init__(self):
        self.scale = tx.Tensor([1.0, 2.0], requires_grad=True)
        self.fixed = tx.Tensor([3.0, 4.0])
        self.layers = [Linear(2, 3, rng=0), {"deep": (Linear(3, 2, bias=False, rng=1),)}]
        self.setting = 0.5

    def forward(self, x):
        hidden = self.layers[0](x * self.scale + self.fixed)
        return self.layers[1]["deep"][0](hidden)


class Model(Module):
    def __init__(self):
        self.first = Block()
        self.second = Block()

    def forward(self, x):
        return self.second(self.first(x))


BLOCK = ["scale", "fixed", "layers.0.weight", "layers.0.bias", "layers.1.deep.0.weight"]


# --- names and state -----------------------------------------------------------------------------


def test_parameters_are_found_by_path_at_any_depth():
    model = Model()
    paths = [f"{part}.{name}" for part in ("first", "second") for name in BLOCK]
    assert list(model.state_dict()) == paths
    trained = [path for path in paths if "fixed" not in path]
    assert [path for path, _ in model.named_parameters()] == trained
    assert [p.name for p in model.parameters()] == trained
    assert model.first.fixed.name == "first.fixed"
    modules = [path for path, _ in model.named_modules()]
    assert modules[:4] == ["", "first", "first.layers.0", "first.layers.1.deep.0"]


def test_names_follow_later_attributes_and_outer_modules():
    inner = Sequential(Linear(2, 2, rng=0))
    assert inner[0].weight.name == "0.weight"
    outer = Sequential(ReLU(), inner)
    assert inner[0].weight.name == "1.0.weight"
    inner.extra = Linear(2, 2, rng=0)
    assert inner.extra.bias.name == "1.extra.bias"
    assert "1.extra.bias" in outer.state_dict()


def test_a_frozen_parameter_is_state_but_no_parameter():
    model = MLP([2, 3, 1], rng=0)
    model[0].weight.requires_grad = False
    assert [p.name for p in model.parameters()] == ["0.bias", "2.weight", "2.bias"]
    assert "0.weight" in model.state_dict()


def test_results_of_operations_are_no_state():
    layer = Linear(2, 2, rng=0)
    layer.last = layer(np.ones((1, 2)))
    with tx.no_grad():
        layer.unrecorded = layer(np.ones((1, 2)))
    assert list(layer.state_dict()) == ["weight", "bias"]


@pytest.mark.parametrize("name", ["_path", "_called", "_label"])
def test_the_names_of_a_modules_own_notes_are_taken(name):
    cure = f"choose another name: {name[1:]}"
    with pytest.raises(ValueError, match=f"ReLU.{name}: an attribute that Module keeps") as caught:
        setattr(ReLU(), name, 2.0)
    assert cure in str(caught.value)
    with pytest.raises(ValueError, match=cure):
        type("Own", (Module,), {name: 2.0})


def test_a_module_cannot_hold_itself():
    model = Model()
    with pytest.raises(tx.GraphError, match=r"Block.parent: a module can't hold itself"):
        model.first.parent = model.first
    with pytest.raises(tx.GraphError, match="can't hold itself"):
        model.first.layers[0].parents = [model.first.layers[0]]


def test_state_comes_as_copies_and_loads_in_place():
    model, other = MLP([4, 8, 3], rng=0), MLP([4, 8, 3], rng=1)
    state = model.state_dict()
    kept = other[0].weight.data
    assert other.load_state_dict(state) == ([], [])
    assert other[0].weight.data is kept
    state["0.weight"][...] = 7
    x = np.random.default_rng(2).normal(size=(5, 4))
    np.testing.assert_array_equal(model(x).numpy(), other(x).numpy())


def test_loading_converts_to_the_parameters_dtype():
    model = Linear(2, 1, dtype=np.float32, rng=0)
    model.load_state_dict({"weight": [[1], [2]], "bias": tx.Tensor([0.1])})
    assert model.weight.dtype == np.float32
    np.testing.assert_array_equal(model.bias.data, np.float32([0.1]))


def test_one_error_lists_all_that_does_not_fit_and_nothing_is_loaded():
    model = MLP([4, 8, 3], rng=0)
    before = model.state_dict()
    state = {"0.weight": np.zeros((8, 4)), "2.weight": np.zeros((8, 3)), "3.bias": np.zeros(3)}
    with pytest.raises(tx.ShapeError) as error:
        model.load_state_dict(state)
    text = str(error.value)
    assert "does not fit MLP" in text
    assert "missing: 0.bias, 2.bias" in text
    assert "unexpected: 3.bias" in text
    assert "misshapen: 0.weight (8, 4) for (4, 8)" in text
    assert "test_nn.py" in text
    with pytest.raises(tx.ShapeError, match="misshapen") as error:
        model.load_state_dict(state, strict=False)
    assert "missing" not in str(error.value)
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[path])


def test_loading_loosely_tells_what_it_left_alone():
    model = MLP([4, 8, 3], rng=0)
    found = model.load_state_dict({"0.bias": np.ones(8), "head": np.ones(1)}, strict=False)
    assert found.missing == ["0.weight", "2.weight", "2.bias"]
    assert found.unexpected == ["head"]
    np.testing.assert_array_equal(model[0].bias.data, np.ones(8))


@pytest.mark.parametrize("state", [None, [1, 2], "weights"])
def test_loading_takes_mappings_only(state):
    with pytest.raises(tx.DtypeError, match=r"takes a mapping.*"):
        Linear(2, 1, rng=0).load_state_dict(state)


@pytest.mark.parametrize("value", [np.array([["a"], ["b"]]), np.ones((2, 1)) * 1j, [[None], [1]]])
def test_loading_takes_numbers_only(value):
    with pytest.raises(tx.DtypeError, match=r"weight: (takes|complex) numbers"):
        Linear(2, 1, rng=0).load_state_dict({"weight": value, "bias": [0.0]})


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_models_can_be_copied(duplicate):
    model = MLP([4, 8, 3], dropout=0.5, rng=0)
    other = duplicate(model)
    other[0].weight.data += 1
    assert [p.name for p in other.parameters()] == [p.name for p in model.parameters()]
    assert np.abs(other[0].weight.data - model[0].weight.data).min() > 0.9


def test_zero_grad_forgets_every_gradient():
    model = MLP([4, 8, 3], rng=0)
    model(np.ones((2, 4))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_train_and_eval_reach_every_module():
    model = Sequential(Dropout(0.5, rng=0), Block())
    assert model.eval() is model
    assert not any(module.training for _, module in model.named_modules())
    assert all(module.training for _, module in model.train().named_modules())


def test_a_module_without_forward_says_so():
    class Empty(Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty defines no forward"):
        Empty()(np.ones(2))


# --- what a trace shows --------------------------------------------------------------------------


def test_calls_are_scopes_named_by_class_and_path():
    model = MLP([4, 8, 3], rng=0)
    trace = tx.trace(model(np.ones((2, 4))).sum())
    operations = [e for e in trace if e.kind == "operation"]
    assert [(e.op, e.scope) for e in operations] == [
        ("matmul", ("MLP", "Linear 0")),
        ("add", ("MLP", "Linear 0")),
        ("relu", ("MLP", "ReLU 1")),
        ("matmul", ("MLP", "Linear 2")),
        ("add", ("MLP", "Linear 2")),
        ("sum", ()),
    ]
    assert [s.formula for s in operations[0].scopes] == ["4 → 8 → 3", "x @ W + b"]
    parameters = [e.name for e in trace if e.kind == "parameter"]
    assert sorted(parameters) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    assert operations[0].line.file == __file__


def test_the_scope_is_left_after_an_error():
    with pytest.raises(tx.ShapeError, match=r"expects 4 features.*\n.*0\.weight: float64 \(4, 8\)"):
        MLP([4, 8, 3], rng=0)(np.ones((2, 5)))
    y = tx.Tensor(1.0, requires_grad=True) * 2
    assert tx.trace(y)[y].scope == ()


# --- initialisation ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("init", "spread", "bound", "biases"),
    [
        ("he", np.sqrt(2 / 300), np.inf, False),
        ("glorot", np.sqrt(2 / 500), np.sqrt(6 / 500), False),
        ("torch", np.sqrt(1 / 900), np.sqrt(1 / 300), True),
    ],
)
def test_initial_values_have_the_published_spread(init, spread, bound, biases):
    layer = Linear(300, 200, init=init, rng=0)
    weight = layer.weight.data
    assert weight.std() == pytest.approx(spread, rel=0.01)
    assert abs(weight.mean()) < 4 * spread / np.sqrt(weight.size)
    assert np.abs(weight).max() <= bound
    assert bool(layer.bias.data.any()) == biases
    assert np.abs(layer.bias.data).max() <= bound


def test_a_generator_draws_on_and_a_seed_starts_anew():
    rng = np.random.default_rng(3)
    first, second, again = Linear(4, 4, rng=rng), Linear(4, 4, rng=rng), Linear(4, 4, rng=3)
    assert (first.weight.data != second.weight.data).all()
    np.testing.assert_array_equal(first.weight.data, again.weight.data)
    single = Linear(4, 4, rng=3, dtype=np.float32)
    np.testing.assert_array_equal(single.weight.data, first.weight.data.astype(np.float32))
    assert (Linear(4, 4).weight.data != Linear(4, 4).weight.data).all()


def test_mlp_takes_the_initialisation_that_suits_its_activation():
    for activation, init in [("relu", "he"), ("tanh", "glorot"), ("sigmoid", "glorot")]:
        model, same = (
            MLP([9, 5, 2], activation, rng=0),
            MLP([9, 5, 2], activation, init=init, rng=0),
        )
        for a, b in zip(model.parameters(), same.parameters(), strict=True):
            np.testing.assert_array_equal(a.data, b.data)


# --- layers --------------------------------------------------------------------------------------


def test_linear_is_x_times_w_plus_b():
    layer = Linear(3, 2, rng=0)
    layer.load_state_dict({"weight": [[1, 2], [3, 4], [5, 6]], "bias": [10, 20]})
    np.testing.assert_array_equal(layer(np.array([[1.0, 0, 1]])).numpy(), [[16, 28]])
    assert layer(np.ones(3)).shape == (2,)
    assert layer(np.ones((4, 5, 3))).shape == (4, 5, 2)
    assert Linear(3, 2, bias=False, rng=0)(np.zeros((1, 3))).numpy().tolist() == [[0, 0]]
    assert Linear(3, 2, dtype="f4", rng=0)(np.ones((1, 3), "f4")).dtype == np.float32


def test_the_bias_of_linear_may_be_a_number():
    x, w = np.ones((4, 3), "f4"), tx.Tensor(np.ones((3, 2), "f4"), requires_grad=True)
    y = tx.linear(x, w, 0.5)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.numpy(), np.full((4, 2), 3.5))
    y.sum().backward()
    np.testing.assert_array_equal(w.grad, np.full((3, 2), 4))


def test_activations_are_the_functions_of_their_name():
    x = np.linspace(-3, 3, 7)
    for module, function in [(ReLU(), tx.relu), (Tanh(), tx.tanh), (Sigmoid(), tx.sigmoid)]:
        np.testing.assert_array_equal(module(x), function(x))
        assert module.formula


def test_a_mlp_computes_what_its_layers_compute():
    model = MLP([4, 8, 6, 3], activation="tanh", rng=0)
    x = np.random.default_rng(1).normal(size=(5, 4))
    by_hand = x
    for i in (0, 2, 4):
        by_hand = by_hand @ model[i].weight.data + model[i].bias.data
        by_hand = np.tanh(by_hand) if i < 4 else by_hand
    np.testing.assert_allclose(model(x).numpy(), by_hand, rtol=1e-15)
    assert len(MLP([4, 3], rng=0)) == 1


def test_dropout_keeps_the_expectation_and_draws_from_its_generator():
    x = np.ones(100_000)
    y = Dropout(0.25, rng=0)(x)
    assert set(np.unique(y).tolist()) == {0, 1 / 0.75}
    assert y.mean() == pytest.approx(1, abs=0.01)
    np.testing.assert_array_equal(y, Dropout(0.25, rng=np.random.default_rng(0))(x))
    layer = Dropout(0.25, rng=0)
    assert (layer(x) != layer(x)).any()
    assert layer(x.astype(np.float32)).dtype == np.float32


def test_dropout_passes_gradients_where_it_passes_values():
    x = tx.Tensor(np.ones((50, 4)), requires_grad=True)
    y = Dropout(0.5, rng=0)(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.numpy())


def test_dropout_at_the_ends():
    x = tx.Tensor(np.ones(10), requires_grad=True)
    assert Dropout(0.5, rng=0).eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert not Dropout(1.0)(x).numpy().any()


def test_a_mlp_drops_after_each_activation_only():
    model = MLP([4, 8, 8, 3], dropout=0.5, rng=0)
    kinds = [type(layer).__name__ for layer in model]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert model[2].rng is model[5].rng


def test_representations_show_the_nesting():
    model = Sequential(Linear(4, 8, bias=False, rng=0), Sequential(ReLU(), Dropout(0.5)))
    assert repr(model) == (
        "Sequential(\n  0: Linear(4, 8, bias=False)\n  1: Sequential(\n    0: ReLU()\n"
        "    1: Dropout(0.5)\n  )\n)"
    )


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Linear(0, 3), ValueError, "Linear: a size must be at least 1, got 0"),
        (lambda: Linear(4, -1), ValueError, "at least 1, got -1"),
        (lambda: Linear(4, 2.5), tx.DtypeError, "a size must be an integer"),
        (lambda: Linear(True, 2), tx.DtypeError, "a size must be an integer"),
        (
            lambda: Linear(4, 3, init="hE"),
            ValueError,
            r"(?s)unknown initialisation 'hE'.*fix: one of he, glorot",
        ),
        (lambda: Linear(4, 3, dtype=int), tx.DtypeError, "only floating dtypes"),
        (lambda: Linear(4, 3, rng="seed"), tx.DtypeError, "rng must be a numpy.random.Generator"),
        (lambda: Linear(4, 3, rng=np.random), tx.DtypeError, "rng must be"),
        (lambda: Dropout(1.5), ValueError, "Dropout: p must be from 0 to 1, got 1.5"),
        (lambda: Dropout(float("nan")), ValueError, "from 0 to 1, got nan"),
        (lambda: Dropout("half"), tx.DtypeError, "p must be a number"),
        (
            lambda: Sequential([ReLU()]),
            tx.DtypeError,
            "(?s)layer 0 is not a Module.*fix: pass the layers one by one",
        ),
        (lambda: Sequential(ReLU(), tx.relu), tx.DtypeError, "layer 1 is not a Module"),
        (lambda: MLP([4]), ValueError, "at least the sizes of input and output"),
        (lambda: MLP(4), tx.DtypeError, "must be a list of integers"),
        (lambda: MLP("43"), tx.DtypeError, "must be a list of integers"),
        (lambda: MLP([4, 0, 3]), ValueError, "at least 1"),
        (
            lambda: MLP([4, 3], "gelu"),
            ValueError,
            "(?s)unknown activation 'gelu'.*fix: one of relu, tanh",
        ),
        (lambda: MLP([4, 3], init="xavier"), ValueError, "unknown initialisation 'xavier'"),
        (lambda: MLP([4, 8, 3], dropout=2), ValueError, "MLP: dropout must be from 0 to 1"),
        (lambda: MLP([4, 3], dropout=2), ValueError, "MLP: dropout must be from 0 to 1"),
    ],
)
def test_bad_arguments_are_named(make, error, text):
    with pytest.raises(error) as caught:
        make()
    assert re.search(text, said(caught.value))
    assert "test_nn.py" in str(caught.value)


def test_every_public_name_exists():
    assert all(hasattr(nn, name) for name in nn.__all__)
