"""Whatever a file says, `load` gives a state that `save` would have written so, or a BadValueError."""

import json
import pathlib
import random
import struct

import numpy as np
import pytest
import safetensors
from safetensors.numpy import save_file

import tinygrad_xent as tx
from tinygrad_xent import serialization
from tinygrad_xent.engine.errors import BadValueError

STATE = {
    "model": {"0.weight": np.arange(6.0).reshape(2, 3), "0.bias": np.float32([1, 2])},
    "optimizer": {"buffers": {"m": [np.zeros(2), np.ones(())]}, "betas": (0.9, 0.999)},
    "epoch": 3,
    "names": ["a", "", None, True, {}],
}


def written(path, text=None):
    """The JSON in a file, or this one, with each key that there is, and arrays for their names."""
    arrays = safetensors.numpy.load_file(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        text = file.metadata()["state"] if text is None else text

    def filled(pairs):
        return [(key, repr(arrays.get(str(x), x)) if key == "array" else x) for key, x in pairs]

    return json.dumps(json.loads(text, object_pairs_hook=filled))


@pytest.fixture
def forge(tmp_path):
    """Load a file of the arrays of STATE with this JSON around them, and the right checksum."""
    path = tmp_path / "forged.safetensors"
    tx.save(path, STATE)
    arrays = safetensors.numpy.load_file(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        honest = file.metadata()["state"]

    def load(text):
        digest = serialization._checksum(text, arrays)
        save_file(arrays, path, {"tinygrad_xent": "1", "state": text, "sha256": digest})
        return tx.load(path)

    load.honest, load.path = honest, path
    return load


def judged(forge, text):
    """Whether the text was taken; what is taken must be what `save` writes of the result."""
    try:
        state = forge(text)
    except BadValueError as error:
        assert "was not written by tinygrad_xent.save, though its checksum is right" in str(error)  # noqa: PT017
        return False
    said = written(forge.path, text)
    tx.save(forge.path, state)
    assert written(forge.path) == said
    return True


def test_the_state_itself_is_taken(forge):
    assert judged(forge, forge.honest)


# --- wrong in one place --------------------------------------------------------------------------

ARRAY = '{"array": "epoch"}'
WRONG = {
    "no JSON": "{'dict': 1}",
    "empty": "",
    "half": '{"dict": {"epoch": ',
    "more after it": '{"dict": {}} {}',
    "null": "null",
    "a number": "3",
    "a list": "[]",
    "no dictionary": '{"list": []}',
    "no kind": "{}",
    "an unknown kind": '{"set": []}',
    "two kinds": '{"dict": {}, "list": []}',
    "a kind twice": '{"dict": {"a": 1}, "dict": {"a": 1}}',
    "a key twice": '{"dict": {"a": 1, "a": 2}}',
    "a dictionary of a list": '{"dict": []}',
    "a list of a dictionary": '{"dict": {"a": {"list": {}}}}',
    "a tuple of a text": '{"dict": {"a": {"tuple": "abc"}}}',
    "an array without a name": '{"dict": {"a": {"array": null}}}',
    "an array of arrays": '{"dict": {"a": {"array": ["model.0.bias"]}}}',
    "no such array": '{"dict": {"a": {"array": "b"}}}',
    "arrays left over": '{"dict": {}}',
    "a long integer": '{"dict": {"a": ' + "1" * 5000 + "}}",
    "deep": '{"dict": {"a": ' * 101 + "1" + "}}" * 101,
    "very deep": '{"list": [' * 100_000 + "]}" * 100_000,
    "very deep and not closed": "[" * 1_000_000,
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_forged_text_is_refused(forge, text):
    assert not judged(forge, text)


def test_no_array_is_handed_out_twice(forge):
    assert not judged(forge, forge.honest.replace("model.0.weight", "model.0.bias"))


# --- wrong anywhere ------------------------------------------------------------------------------


def places(value):
    """Every container of a JSON value with each of its keys."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def replaced(rng, tree):
    container, key = rng.choice(list(places(tree)))
    junk = [None, True, 7, 0.5, "array", "model.0.bias", [], {}, [[]], {"array": "epoch"}]
    junk += [{"dict": {}}, {"list": [1]}, {"tuple": {}}, {"array": "model.0.bias"}, {"dict": 1}]
    container[key] = rng.choice(junk)


def deleted(rng, tree):
    container, key = rng.choice(list(places(tree)))
    del container[key]


def renamed(rng, tree):
    container, key = rng.choice([(c, k) for c, k in places(tree) if isinstance(c, dict)])
    container[rng.choice(["dict", "list", "tuple", "array", "", "x", "__metadata__"])] = (
        container.pop(key)
    )


def exchanged(rng, tree):
    (one, i), (other, j) = rng.sample(list(places(tree)), 2)
    parts = [json.dumps(one[i]), json.dumps(other[j])]
    one[i], other[j] = json.loads(parts[1]), json.loads(parts[0])


def wrapped(rng, tree):
    container, key = rng.choice(list(places(tree)))
    kind = rng.choice(["dict", "list", "tuple", "array", "set"])
    for _ in range(rng.choice([1, 2, 40, 110])):
        container[key] = {kind: {"x": container[key]} if kind == "dict" else [container[key]]}


CHANGES = (replaced, deleted, renamed, exchanged, wrapped)


def change_the_tree(rng, text):
    tree = {"root": json.loads(text)}
    for _ in range(rng.choice([1, 1, 2, 3])):
        if len(list(places(tree))) > 1:
            rng.choice(CHANGES)(rng, tree)
    return json.dumps(tree.get("root"))


def change_the_text(rng, text):
    i, j = sorted(rng.choices(range(len(text) + 1), k=2))
    put = rng.choice(["", '"', "{", "}", "[", "]", ",", ":", "null", "1e999", "NaN", text[i:j]])
    return rng.choice([text[:i] + put + text[i + 1 :], text[:i] + put + text[j:], text[:i] + put])


@pytest.mark.parametrize("change", [change_the_tree, change_the_text])
@pytest.mark.parametrize("seed", range(40))
def test_a_text_changed_at_random_is_refused_or_means_what_it_says(forge, change, seed):
    rng = random.Random(seed)
    for _ in range(10):
        judged(forge, change(rng, forge.honest))


def test_the_changes_find_both(forge):
    """Some changes make another state that is as good: they are taken."""
    rng = random.Random(0)
    taken = [judged(forge, change_the_tree(rng, forge.honest)) for _ in range(200)]
    assert 10 < sum(taken) < 150


# --- what can't be loaded is not saved -----------------------------------------------------------

ITSELF: dict = {}
ITSELF["a"] = [ITSELF]


def nested(depth):
    state = {"x": 1}
    for _ in range(depth - 1):
        state = {"x": state}
    return state


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (ITSELF, "nested more than 100 deep"),
        (nested(101), "nested more than 100 deep"),
        (nested(5000), "nested more than 100 deep"),
        ({"a": {"n": 10**5000}}, r"a\.n is an integer of 16,610 bits"),
        ({"text": "x" * 100_000_001}, "100,000,0.. characters of numbers and texts"),
    ],
    ids=["itself", "deep", "very deep", "a long integer", "a long text"],
)
def test_a_state_that_could_not_be_loaded_is_not_saved(tmp_path, state, text):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(BadValueError, match=f"save: .*{text}"):
        tx.save(path, state)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


def test_what_is_saved_at_the_limits_is_loaded(tmp_path):
    path = tmp_path / "x.safetensors"
    for state in (nested(100), {"n": [2**9999, -(2**9999)]}, {"half \ud800": {"\udfff": "\ud800"}}):
        tx.save(path, state)
        assert tx.load(path) == state
    tx.save(path, {"\ud800": np.ones(1), "\\ud800": np.zeros(1)})
    assert tx.load(path) == {"\ud800": 1.0, "\\ud800": 0.0}


# --- sound files of other programs ---------------------------------------------------------------


BITS = {"F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4, "C64": 64}


def write_raw(path, dtype, shape, content, **metadata):
    """A safetensors file of one array."""
    array = {"dtype": dtype, "shape": shape, "data_offsets": [0, len(content)]}
    text = json.dumps({"__metadata__": metadata, "w": array}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)


@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize("dtype", BITS)
def test_a_dtype_that_is_never_saved_is_named(tmp_path, dtype, ours):
    path = tmp_path / "x.safetensors"
    metadata = {"tinygrad_xent": "1", "state": '{"dict": {}}', "sha256": ""} if ours else {}
    write_raw(path, dtype, [4], bytes(BITS[dtype] // 2), **metadata)
    with pytest.raises(BadValueError, match=rf"is a sound safetensors .*: w is {dtype}\n"):
        tx.load(path)


def test_the_cure_for_bfloat16_loses_nothing(tmp_path):
    """The upper halves of the patterns of float32; the message's own program reads them."""
    path = tmp_path / "x.safetensors"
    values = np.float32([[1, -2.5, 3e38], [np.inf, -0.0, 2**-133]])
    halves = (values.view("<u4") >> 16).astype("<u2")
    write_raw(path, "BF16", [2, 3], halves.tobytes())
    with pytest.raises(BadValueError, match=r"sound .*not written by .*: w is bfloat16") as caught:
        tx.load(path)
    assert "damaged" not in str(caught.value)
    make, _, given = str(caught.value).splitlines()[-1].strip().partition("; ")
    names = {"safetensors": safetensors, "np": np, "pathlib": pathlib, "path": path}
    exec(make, names)
    read = eval(given, names)
    assert (read.dtype, read.shape) == (np.float32, (2, 3))
    np.testing.assert_array_equal(read.view("u4"), (values.view("u4") >> 16) << 16)
