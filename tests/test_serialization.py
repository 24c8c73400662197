"""Saved state comes back as it was, a damaged file is never loaded, a crash leaves a whole file."""

import base64
import os
import pickle
import subprocess
import sys
import zlib

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import tinygrad_xent as tx


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


def test_the_nesting_comes_back(path):
    state = {
        "model": {"0.weight": np.arange(6.0).reshape(2, 3), "0.bias": np.float32([1, 2, 3])},
        "numbers": [1, -2.5, True, None, 2**100, 0.1 + 0.2, "text ünd \ud800"],
        "pair": (0.9, 0.999),
        "empty": [{}, [], (), np.zeros((0, 3))],
        "scalar": np.array(3.5),
        "infinite": [float("inf"), float("-inf")],
    }
    tx.save(path, state)
    back = tx.load(path)
    assert back.keys() == state.keys()
    for name, array in state["model"].items():
        assert back["model"][name].dtype == array.dtype
        np.testing.assert_array_equal(back["model"][name], array)
    for key in ("numbers", "pair", "infinite"):
        assert back[key] == state[key]
        assert type(back[key]) is type(state[key])
    assert back["empty"][:3] == [{}, [], ()]
    assert back["empty"][3].shape == (0, 3)
    assert back["scalar"].shape == ()
    back["scalar"][...] = 1  # what is loaded may be changed


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i8", "u1", "u8", "?", ">f8", ">i4"])
def test_every_dtype_and_layout(path, dtype):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    views = {"plain": array, "transposed": array.T, "strided": array[:, ::2], "F": array.copy("F")}
    tx.save(path, views)
    for name, back in tx.load(path).items():
        np.testing.assert_array_equal(back, views[name])
        assert back.dtype == views[name].dtype.newbyteorder("=")


def test_names_that_collide_stay_apart(path):
    state = {"a": {"b": np.array([1.0])}, "a.b": np.array([2.0]), "__metadata__": np.array([3.0])}
    state[""] = np.array([4.0])
    tx.save(path, state)
    back = tx.load(path)
    values = [back["a"]["b"], back["a.b"], back["__metadata__"], back[""]]
    assert [value.item() for value in values] == [1, 2, 3, 4]


def test_other_readers_see_the_arrays(path):
    model = tx.nn.MLP([4, 3], rng=0)
    tx.save(path, {"model": model.state_dict(), "direct": model[0].weight})
    arrays = load_file(path)
    assert sorted(arrays) == ["direct", "model.0.bias", "model.0.weight"]
    np.testing.assert_array_equal(arrays["model.0.weight"], model[0].weight.numpy())


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_generators_go_on_where_they_were(path, kind):
    rng = np.random.Generator(getattr(np.random, kind)(7))
    rng.random(5)
    tx.save(path, {"rng": rng.bit_generator.state})
    expected = rng.random(5)
    other = np.random.Generator(getattr(np.random, kind)(8))
    other.bit_generator.state = tx.load(path)["rng"]
    np.testing.assert_array_equal(other.random(5), expected)


@pytest.mark.parametrize(
    ("state", "place"),
    [
        ({"model": tx.nn.ReLU()}, "model"),
        ({"a": [{"rng": np.random.default_rng(0)}]}, "a.0.rng"),
        ({"a": {1: 2}}, "a"),
        ({"a": np.array(["text"])}, "a"),
        ({"a": np.array([None])}, "a"),
        ({"a": np.array([1j])}, "a"),
        ({"a": np.zeros(1, np.longdouble)}, "a"),
        ({"f": len}, "f"),
        (3, "mapping"),
    ],
)
def test_what_cannot_be_saved_is_named(path, state, place):
    with pytest.raises(tx.DtypeError, match=f"save: .*{place}"):
        tx.save(path, state)
    assert not path.exists()


@pytest.fixture
def small(path):
    tx.save(path, {"w": np.array([1.0, 2.0]), "epoch": 3})
    return path.read_bytes()


def test_a_truncated_file_raises(path, small):
    for length in range(len(small)):
        path.write_bytes(small[:length])
        with pytest.raises(ValueError, match="damaged or not a safetensors file"):
            tx.load(path)
    path.write_bytes(small + b"\0")
    with pytest.raises(ValueError, match="load: "):
        tx.load(path)


def test_no_changed_byte_goes_unnoticed(path, small):
    for i in range(len(small)):
        changed = bytearray(small)
        changed[i] ^= 1 << i % 8
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"load: .*(damaged|not written|changed)"):
            tx.load(path)


def test_a_changed_value_names_the_checksum(path, small):
    path.write_bytes(small[:-1] + bytes([small[-1] ^ 1]))
    with pytest.raises(ValueError, match="changed after it was saved"):
        tx.load(path)
    path.write_bytes(small)
    assert tx.load(path)["epoch"] == 3


@pytest.mark.parametrize(
    ("old", "new"), [(b"F64", b"I64"), (b"[2]", b"[1,2]"), (b'"w":', b'"v":'), (b": 3}", b": 4}")]
)
def test_an_edited_header_names_the_checksum(path, small, old, new):
    """Another dtype, shape, name or number over the same bytes."""
    length = int.from_bytes(small[:8], "little")
    header = small[8 : 8 + length]
    assert header.count(old) == 1
    edited = header.replace(old, new)
    path.write_bytes(len(edited).to_bytes(8, "little") + edited + small[8 + length :])
    with pytest.raises(ValueError, match="changed after it was saved"):
        tx.load(path)


class Trap:
    """Unpickling this would create a file."""

    def __reduce__(self):
        return os.mkdir, ("trapped",)


def test_foreign_files_raise_and_nothing_is_unpickled(path, tmp_path, monkeypatch):
    import pickle

    monkeypatch.chdir(tmp_path)
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="not a safetensors file"):
        tx.load(path)
    np.savez(tmp_path / "a.npz", w=np.ones(2))
    with pytest.raises(ValueError, match="not a safetensors file"):
        tx.load(tmp_path / "a.npz")
    save_file({"w": np.ones(2)}, path)
    with pytest.raises(ValueError, match=r"not written by tinygrad_xent.save.*\n.*\n.*load_file"):
        tx.load(path)
    assert not (tmp_path / "trapped").exists()


def test_a_missing_file_raises_as_usual(path):
    with pytest.raises(FileNotFoundError):
        tx.load(path)
    with pytest.raises(FileNotFoundError):
        tx.save(path.parent / "nowhere" / "x.safetensors", {"a": 1})


def test_the_extra_is_named_where_safetensors_is_missing(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"tinygrad_xent\[io\]"):
        tx.save(path, {"a": 1})
    with pytest.raises(ImportError, match=r"tinygrad_xent\[io\]"):
        tx.load(path)


def test_an_error_while_writing_leaves_the_old_file_alone(path, small, monkeypatch):
    def full_disk(descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        tx.save(path, {"w": np.zeros(2)})
    assert path.read_bytes() == small
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_a_link(path, small):
    link = path.with_name("latest.safetensors")
    link.symlink_to(path.name)
    tx.save(link, {"epoch": 4})
    assert link.is_symlink()
    assert tx.load(path) == {"epoch": 4}


KILLER = """
import os, signal, sys, time
import numpy as np
import tinygrad_xent as tx
from tinygrad_xent import serialization

def in_place(path, content):
    with open(path, "wb") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        os.fsync(file.fileno())
        file.write(content[len(content) // 2 :])

path = sys.argv[1]
if "in place" in sys.argv:
    serialization.replace_file = in_place
tx.save(path, {"w": np.zeros(1), "n": 0.0})
for round, moment in enumerate(np.random.default_rng(0).uniform(0, 0.01, 50)):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        n = float(round)
        while True:
            os.write(writing, b".")
            tx.save(path, {"w": np.full(200_000, n), "n": n})
            n += 1000
    os.close(writing)
    for _ in range(1 + round % 3):  # wait for so many saves to begin; all but the last have ended
        assert os.read(reading, 1), "the child died by itself"
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    os.close(reading)
    state = tx.load(path)
    assert (state["w"] == state["n"]).all()
    print(state["n"], flush=True)
"""


def kill_fifty_times(path, *how):
    return subprocess.run(
        [sys.executable, "-c", KILLER, str(path), *how],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # a fork wants a single thread
        capture_output=True,
        text=True,
    )


posix = pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")


@posix
def test_fifty_kills_during_save_never_leave_an_unreadable_file(path):
    """Each child saves without pause and is killed by SIGKILL at a random moment of a save."""
    run = kill_fifty_times(path)
    assert run.returncode == 0, run.stderr
    seen = run.stdout.split()
    assert len(seen) == 50
    assert len(set(seen)) > 25, "the children must have finished saves"
    assert list(path.parent.glob(f".{path.name}.*.tmp")), "kills must have come during writes"


@posix
def test_the_kills_find_a_save_that_writes_in_place(path):
    run = kill_fifty_times(path, "in place")
    assert "ValueError: load: " in run.stderr
    assert "damaged" in run.stderr


# --- pickles of earlier versions ------------------------------------------------------------------

# A tensor, a Linear(1, 2) after one step of Adam, and the optimiser's state, before tx.op was public.
OLD = (
    "c-n<g&1(}u6yI#Jn^tm&B0ZWMqm|&Xl;T>0gc`{q2%cn}%}%n5$t0bfp^c#EAx#5MFMT~!q5puFUcFc^"
    "3W5qAqzHOYk5#G{6+GzdZh{oFeGB`BeQ$nWdpotBNorBSapALGlM~lorc4wCWkH7{n3v<j8Wv!R$#%C_"
    "wCf#Ci*4BwKH;475HdEW^$rUJmvy05!H6~y(#(xl*07@Wv6OIdfHf>s66(=c&@;hsMXyW4OL}7lhpX{C"
    "35hwZR;w3(tBPI~O`tO@Wn;NNt+;DXP<>vlLSjiBY6#i=HW*VDF8Pd-(89?(cvJZ>m#E+L1bTYGGrWmV"
    "nRjHru49Vn)YgKTD?PKm48L#A9^KiFnY>)YW7u6HJOoYQ+b!bI)?Xq>IX(&g4X^iO@Q3W$r*8{ix8-Kz"
    "gZ_AT41PKSPd7ST<x3DIm-FZHSMt+&2c;8gPhIz!s~F~8(ngpFs8EKRLF7wsaV%SpHp03OhC_u?QMNw6"
    "2<v6p+WYb9?bKj;1tCehYI62M@7~8VFbkPD5Zk47^{>jKXf+9Dy(5_j@M;_lg|s6Z4a#G_RGShO&JIfP"
    "P3`XU8^5-!QICxNKbG_TcTXSeZCIloZBsCVMM*e4jOx}5?oRH^S>t{%)%)DKapHB>8uy4w$^jPt00~q!"
    "MF"
)


def test_an_earlier_pickle_loads():
    tensor, layer, state = pickle.loads(zlib.decompress(base64.b85decode(OLD)))
    assert (tensor.tolist(), tensor.name, tensor.requires_grad) == ([[1.5, -2.0]], "w", True)
    np.testing.assert_allclose(layer.weight.numpy(), [[0.17392338, -0.36042657]], rtol=1e-7)
    optimizer = tx.optim.Adam(layer.parameters(), lr=0.2)
    optimizer.load_state_dict(state)
    assert optimizer.lr == 0.1
    tx.cross_entropy(layer([[1.0], [2.0]]), [0, 1]).backward()
    optimizer.step()
    assert optimizer.state_dict()["counts"] == [2, 2]
