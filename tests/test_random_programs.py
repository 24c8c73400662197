"""A derivative of a derivative is right wherever the first is: random programs over the whole table.

`make fuzz` runs a million of them. Left out are the operations whose rule needs `state`, a function
or blocks beside numbers: `checkpoint`, which the programs run in instead, and `linear_cross_entropy`.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.operations import NAMES, make_call
from tests.random_programs import fuzz
from tests.random_programs.duals import FORWARD, Kink, second_order
from tests.random_programs.faults import faults
from tests.random_programs.generator import MOST_AXES, random_program
from tests.random_programs.laws import LAWS, OURS, broken_law, check, forwards
from tests.random_programs.programs import Leaf, Line, Program, Ref, source
from tests.random_programs.shrinking import shrunk
from tests.tensors import leaf
from tinygrad_xent import tracing
from tinygrad_xent.engine.table import TABLE

SEEDS, BLOCK = 6 * len(NAMES), 50
LEFT_OUT = {name for name, row in TABLE.items() if row.state}  # they take more than numbers
FAULTS = list(faults())


@cache
def programs() -> list[Program]:
    return [random_program(seed) for seed in range(SEEDS)]


@cache
def expected(seed: int):
    return forwards(programs()[seed])


def with_row(name: str) -> list[int]:
    return [seed for seed, program in enumerate(programs()) if name in program.names]


def broken_by(fault, laws=frozenset(LAWS)) -> tuple[int, str] | tuple[None, None]:
    """The first seed whose program breaks one of these laws with this fault, and the law."""
    for seed in with_row(fault.row):
        reference = expected(seed)
        with fault.put():
            law = broken_law(programs()[seed], reference)
        if law in laws:
            return seed, law
    return None, None


# --- the law --------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_every_law_holds(first):
    for seed in range(first, min(first + BLOCK, SEEDS)):
        if broken_law(programs()[seed], expected(seed)):
            pytest.fail(fuzz.report(seed), pytrace=False)


def test_the_mixed_derivative_of_a_power_at_the_exponent_0():
    check(Program((Leaf(np.array(2.0)), Leaf(np.array(0.0)), Line("pow", (Ref(0), Ref(1))))))


# --- the programs ---------------------------------------------------------------------------------


def test_every_operation_is_in_the_programs():
    assert set(FORWARD) == set(NAMES)
    counts = Counter(name for program in programs() for name in program.names)
    assert set(counts) & set(TABLE) | LEFT_OUT == set(TABLE)
    assert not set(counts) & LEFT_OUT
    volumes = {n for n in NAMES if any(np.ndim(x) > MOST_AXES for x in make_call(n).points)}
    assert volumes == {"conv3d", "conv_transpose3d", "max_pool3d", "avg_pool3d"}
    assert set(counts) == set(NAMES) - LEFT_OUT - volumes
    few = {name: n for name, n in counts.items() if n < 5}
    assert few == {}


def test_what_is_left_out_takes_more_than_numbers():
    """No row of the table does; the two operations that do are not in the table."""
    assert not LEFT_OUT
    assert {"checkpoint", "linear_cross_entropy"} & set(TABLE) == set()


def test_the_programs_are_of_every_shape():
    found = Counter()
    for program in programs():
        read = Counter(i for line in program.lines for i in line.refs)
        values = [np.asarray(x) for x in program.run(FORWARD, program.leaves)]
        found.update(f"{min(x.ndim, 3)} axes" for x in program.leaves)
        found["several leaves"] += len(program.leaves) > 1
        found["no numbers"] += any(x.size == 0 for x in values)
        found["value used again"] += max(read.values()) > 1
        found["value used twice at once"] += any(
            len(set(line.refs)) < len(line.refs) for line in program.lines
        )
        found["constant beside a value"] += any(
            0 < len(line.refs) < len(line.inputs) for line in program.lines if line.name != "mul"
        )
        found["broadcast"] += any(
            len({values[i].shape for i in line.refs}) > 1
            for line in program.lines
            if line.name in ("add", "sub", "div", "pow", "maximum", "minimum", "where")
        )
        assert all(np.isfinite(x).all() for x in values)
    assert len(found) == 10
    assert min(found.values()) >= 10, found


def test_a_seed_always_gives_the_same_program():
    assert [str(random_program(seed)) for seed in range(30)] == list(map(str, programs()[:30]))
    assert len({str(program) for program in programs()}) == SEEDS


@pytest.mark.parametrize("seed", range(0, SEEDS, 6))
def test_what_is_printed_runs_and_computes_the_same(seed):
    program, printed = programs()[seed], io.StringIO()
    with contextlib.redirect_stdout(printed):
        names: dict = {}
        exec(compile(source(program), f"<seed {seed}>", "exec"), names)
    values = program.run({name: FORWARD[name] for name in NAMES}, program.leaves)
    for i, value in enumerate(values):
        np.testing.assert_allclose(names[f"v{i}"].detach().numpy(), value, rtol=1e-9, atol=1e-12)
    assert printed.getvalue().count("Tensor(") == len(program.leaves)


# --- the judge ------------------------------------------------------------------------------------


def test_second_derivatives_of_a_product():
    """f = x² y: the gradient is (2xy, x²), the Hessian ((2y, 2x), (2x, 0))."""
    x, y, one, zero = (np.array(n) for n in (3.0, 5.0, 1.0, 0.0))
    f = lambda x, y: x * x * y  # noqa: E731
    assert second_order(f, [x, y], [one, zero], [one, zero]) == (45, 30, 30, 10)
    assert second_order(f, [x, y], [one, zero], [zero, one]) == (45, 30, 9, 6)
    assert second_order(f, [x, y], [zero, one], [zero, one]) == (45, 9, 9, 0)


KINKS = {
    "relu": [0.0],
    "abs": [0.0],
    "sign": [0.0],
    "signbit": [0.0],
    "maximum": [2.0, 2.0],
    "minimum": [2.0, 2.0],
    "less": [2.0, 2.0],
    "equal": [2.0, 2.0],
    "floor": [2.0],
    "ceil": [2.0],
    "rint": [2.5],
}


@pytest.mark.parametrize("name", KINKS)
def test_kinks_are_noticed(name):
    FORWARD[name](*(np.array(x) + 0.1 * i for i, x in enumerate(KINKS[name], 1)))
    with pytest.raises(Kink):
        FORWARD[name](*map(np.array, KINKS[name]))


@pytest.mark.parametrize("name", ["max", "min", "argmax"])
def test_ties_are_noticed(name):
    FORWARD[name](np.array([1.0, 2.0, 3.0]), axis=0, keepdims=False)
    with pytest.raises(Kink):
        FORWARD[name](np.array([1.0, 3.0, 3.0, 1.0]), axis=0, keepdims=False)
    with pytest.raises(Kink):
        FORWARD["clip"](np.array([1.0, 3.0]), min=1.0, max=2.0)


# --- its power ------------------------------------------------------------------------------------


def test_each_rule_has_its_faults():
    rules = [(name, i) for name, row in TABLE.items() for i, rule in enumerate(row.rules) if rule]
    kinds = Counter(fault.kind for fault in FAULTS)
    assert kinds["value"] == len(TABLE)
    assert kinds["scaled"] == kinds["scaled_arrays"] == kinds["cut"] == len(rules) > 50
    assert kinds["cut_kept"] > 20


FOUND_BY = {
    "value": {"values"},
    "scaled": {"gradients", "second derivatives"},  # the latter where other rules are made of it
    "scaled_arrays": {"trace", "gradients", "second derivatives"},
    "cut": {"second derivatives"},
    "cut_kept": {"second derivatives"},
}


@pytest.mark.parametrize("row", TABLE)
def test_every_fault_of_a_row_is_found(row):
    own = [fault for fault in FAULTS if fault.row == row]
    assert own
    assert [str(fault) for fault in own if not broken_by(fault, FOUND_BY[fault.kind])[1]] == []


def test_a_fault_of_a_checkpoint_or_of_a_trace_is_found(monkeypatch):
    checkpoint, seed_gradient = tx.checkpoint, tracing.seed_gradient
    with monkeypatch.context() as patch:
        patch.setattr(tx, "checkpoint", lambda f: lambda *args: checkpoint(f)(*args) * 1.001)
        assert broken_law(programs()[0], expected(0)) == "checkpoint"
    with monkeypatch.context() as patch:
        patch.setattr(tracing, "seed_gradient", lambda *args: seed_gradient(*args) * 1.001)
        assert broken_law(programs()[0], expected(0)) == "trace"
    assert broken_law(programs()[0], expected(0)) is None


def outputs(program: Program) -> list[tx.Tensor]:
    values = program.run(OURS, [leaf(x) for x in program.leaves])
    return [value for value in values if value.requires_grad]


@pytest.mark.parametrize("fault", FAULTS[:: len(FAULTS) // 20], ids=str)
def test_a_failing_program_is_shrunk_to_few_lines(fault):
    seed, law = broken_by(fault)
    with fault.put():
        small = shrunk(programs()[seed])
        assert broken_law(small) == law in LAWS
        ops = {entry.op for value in outputs(small) for entry in tx.trace(value)}
    assert fault.row in small.names | ops | {"add"}  # a walk adds as well
    assert broken_law(small) is None
    assert len(small.lines) <= 4
    assert len(small.leaves) <= 2


# --- the command ----------------------------------------------------------------------------------


def test_the_command_says_how_many_and_how_fast():
    command = [sys.executable, "-m", "tests.random_programs.fuzz", "0:60", "--jobs", "2"]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("60 programs, ")


def test_the_command_ends_with_the_shrunk_program(capsys):
    fault = next(fault for fault in FAULTS if str(fault) == "softplus: cut_kept x")
    with fault.put():
        assert fuzz.main([f"0:{SEEDS}", "--jobs", "1"]) == 1
    text = capsys.readouterr().out
    assert "tx.softplus(v0)" in text
    assert ".backward()" in text
    assert "Broken: second derivatives: " in text
