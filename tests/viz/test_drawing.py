"""A drawing in a notebook and in files; comparing two traces; the command line."""

import math
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from viz.__main__ import main

ROOT = Path(viz.__file__).parent.parent


def square(value=3.0):
    x = tx.Tensor(value, requires_grad=True, name="x")
    y = x * x
    y.name = "y"
    return x, y


def test_a_notebook_gets_every_form_and_each_showing_its_own_ids():
    drawing = viz.draw(square()[1])
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"}
    assert bundle["text/html"].count("<svg") == 1
    assert bundle["text/plain"] == "<Drawing: 2 nodes, 2 edges>"
    assert drawing._repr_mimebundle_()["image/svg+xml"] != bundle["image/svg+xml"]
    assert set(drawing._repr_mimebundle_(include=["text/html"])) == {"text/html"}
    assert set(drawing._repr_mimebundle_(exclude=["text/html"])) == {"text/plain", "image/svg+xml"}


def test_the_same_trace_gives_the_same_bytes(lesson, tmp_path):
    for suffix in ("dot", "svg", "png"):
        one, two = (viz.draw(lesson).save(tmp_path / f"{i}.{suffix}").read_bytes() for i in "ab")
        assert one == two


def test_bytes_do_not_depend_on_the_process():
    code = """
import hashlib, tinygrad_xent as tx, viz
x = tx.Tensor([1.0, 2.0], requires_grad=True, name="x")
with tx.scope("f"):
    y = (x * x).sum() + tx.mean(x)
print(hashlib.sha256(viz.draw(tx.trace(y), show={"value", "grad", "contribution"}).svg.encode()).hexdigest())
"""
    found = set()
    for seed in "12":
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


def test_large_graphs_make_useful_pictures(large):
    """Within the budget, with the output's value, the inputs' names, and what was folded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", viz.DrawingWarning)
        drawing = viz.draw(large)
        svg = drawing.svg
    assert 2 <= len(drawing.graph.nodes) <= 200
    named = [e.name for e in large if e.kind == "parameter" and e.name]
    assert all(f"{name}" in svg for name in named[:2])
    assert viz.labels.number(large[large.output].value) in svg
    if len(large) > 200:
        assert "stand for all" in svg
        assert "×" in svg


def test_show_chooses_what_stands_in_the_picture():
    trace = tx.trace(square()[1])
    for show, there, absent in [
        ("value", ["value"], ["grad ", "a · b", "float64", "+="]),
        (["grad"], ["grad   6"], ["value", "a · b", "+="]),
        (("formula",), ["a · b", "← g · b"], ["value", "grad ", "float64"]),
        ("shape", ["float64 scalar"], ["value", "grad "]),
        ("contribution", ["+=  3"], ["value", "grad "]),
        ((), ["x: parameter"], ["value", "float64", "a · b"]),
    ]:
        dot = viz.draw(trace, show=show).dot
        lines = [
            line
            for line in dot.splitlines()
            if "->" in line or "\t\t" in line or "n0" in line or "n1" in line
        ]
        body = "\n".join(lines)
        assert all(word in body for word in there), (show, body)
        assert not [word for word in absent if word in body], (show, body)


def test_names_replace_a_tensors_own():
    x, y = square()
    dot = viz.draw(y, names={"weight": x}).dot
    assert "weight: parameter" in dot
    assert "x: parameter" not in dot
    with pytest.raises(KeyError, match="not part of the computation"):
        viz.draw(y, names={"other": tx.Tensor(1.0)})


@pytest.mark.parametrize(
    "options",
    [
        {"show": "values"},
        {"show": 3},
        {"names": {3: tx.Tensor(1.0)}},
        {"fold": 0.5},
        {"precision": "4"},
        {"max_nodes": 10.5},
        {"time_limit": "10"},
        {"time_limit": float("nan")},
        {"fold": -1},
        {"direction": "UP"},
        {"parameters": "below"},
        {"theme": "pink"},
        {"precision": 0},
        {"max_nodes": 0},
        {"time_limit": 0},
    ],
    ids=str,
)
def test_an_impossible_option_is_named(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"viz: {name} should be"):
        viz.draw(square()[1], **options)


@pytest.mark.parametrize("output", [3, None, [tx.Tensor(1.0)], np.ones(2)], ids=str)
def test_what_is_no_tensor_is_refused(output):
    with pytest.raises(TypeError, match="viz: draws a Tensor, a Trace or a Module, got"):
        viz.draw(output)
    with pytest.raises(TypeError, match="viz: draws a Tensor or a Trace, got"):
        viz.compare(square()[1], output)


def test_an_error_of_the_engine_names_the_line_that_draws():
    x, y = square()
    x.data -= 1.0
    with pytest.raises(tx.GraphError) as caught:
        viz.draw(y)  # this line
    assert re.search(r"\n  at test_drawing\.py:\d+: viz\.draw\(y\)  # this line", str(caught.value))


def test_options_may_be_numbers_of_any_type():
    svg = viz.draw(square()[1], fold=np.int64(0), max_nodes=np.uint8(9), time_limit=math.inf).svg
    assert svg.startswith("<svg")


def test_a_notebook_form_never_raises(monkeypatch):
    def fail(*_):
        raise RuntimeError("<broken>")

    drawing = viz.draw(square()[1])
    monkeypatch.setattr("viz.drawing.to_dot", fail)
    assert drawing._repr_html_().count("&lt;broken&gt;") == 2
    assert set(drawing._repr_mimebundle_()) == {"text/plain", "text/html"}
    with pytest.raises(RuntimeError, match="broken"):
        _ = drawing.svg


def test_a_name_that_is_no_text_shows_as_it_prints():
    x = tx.Tensor(1.0, requires_grad=True, name=3)
    assert "3: parameter" in viz.draw(x * x).svg.replace("\u00a0", " ")


def test_a_single_tensor_is_a_picture_of_one_node():
    drawing = viz.draw(tx.Tensor([1.0, 2.0], name="alone"))
    assert "alone: input, output" in drawing.dot
    assert "grad" not in drawing.dot
    assert drawing.svg.startswith("<svg")


def test_arrays_of_any_kind_have_a_card():
    x = tx.Tensor(np.full((3, 400), np.nan), requires_grad=True, name="x")
    y = x.sum() + tx.Tensor(np.zeros((0, 3)), requires_grad=True).sum() + np.float32(np.inf)
    dot = viz.draw(tx.trace(y)).dot
    assert "NaN  1200" in dot
    assert "empty" in dot
    assert "value  nan" in dot


def test_compare_says_what_changed_and_by_how_much():
    x, y = square(3.0)
    with tx.scope("loss"):
        before = tx.trace(y * 2.0 + tx.Tensor(1.0, name="c"))
    x2, y2 = square(4.0)
    with tx.scope("loss"):
        after = y2 * 2.0 + tx.Tensor(1.0, name="c")
    drawing = viz.compare(before, after)
    text = drawing.dot
    assert "value  3 → 4" in text
    assert "Δ 1" in text
    assert "value  9 → 16" in text
    assert "value  19 → 33" in text
    assert "Δ 14" in text
    assert "value  unchanged" in text
    assert "grad   12 → 16" in text
    assert x.grad is None
    assert x2.grad is None
    assert drawing.svg.startswith("<svg")
    folded = viz.compare(before, after, fold=0).dot
    assert "value  19 → 33" in folded


def test_compare_of_arrays_shows_the_change_and_its_norm():
    a = tx.Tensor([[3.0, 4.0]], requires_grad=True, name="a")
    before = tx.trace(a * 2.0)
    a.data = np.array([[3.0, 4.5]])
    text = viz.compare(before, a * 2.0).dot
    assert "Δ value  0  0.5" in text
    assert "norm 0.5 of 5" in text


def test_compare_marks_relative_changes_by_the_border():
    a, b = (tx.Tensor(1.0, requires_grad=True, name=n) for n in "ab")
    before = tx.trace(a + b)
    a.data = 2.0
    dot = viz.compare(before, a + b).dot
    nodes = [line for line in dot.splitlines() if line.strip().startswith("n") and "->" not in line]
    widths = {line.split()[0]: line for line in nodes}
    assert "penwidth=3.20" in widths["n0"]
    assert "penwidth=0.80" in widths["n1"]


def test_compare_refuses_traces_of_two_graphs():
    x = tx.Tensor(1.0, requires_grad=True)
    with pytest.raises(ValueError, match=r"differ from entry 1 on: mul \(\) of \(0, 0\) and add"):
        viz.compare(x * x, x + x)
    a = tx.Tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(ValueError, match=r"differ from entry 1 .* axis=0 and .* axis=1"):
        viz.compare(a.sum(axis=0), a.sum(axis=1))
    with pytest.raises(ValueError, match="have 2 and 3 entries"):
        viz.compare(x * x, tx.tanh(x * x))


SCRIPT = """
import sys
from pathlib import Path
import tinygrad_xent as tx
import helper
assert __name__ == "__main__" and sys.argv == [__file__]
w = tx.Tensor([1.0, 2.0], requires_grad=True, name="w")
with tx.scope("f"):
    loss = helper.f(w)
loss.backward()
print("ran")
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    (tmp_path / "helper.py").write_text("def f(w): return (w * w).sum()\n")
    (tmp_path / "lesson.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    yield str(tmp_path / "lesson.py")
    sys.modules.pop("helper", None)


def test_the_command_line_draws_what_a_script_leaves(script, capsys):
    argv, path = list(sys.argv), list(sys.path)
    options = ["--output", "loss", "--fold", "0", "-o", "g.svg", "--show", "value"]
    assert main([script, *options, "--parameters", "outside"]) == 0
    assert capsys.readouterr().out == "ran\ng.svg\n"
    assert "w: parameter" in Path("g.svg").read_text("utf-8")
    assert "grad" not in Path("g.svg").read_text("utf-8").partition("</style>")[2].replace(
        "gradient", ""
    )
    assert (sys.argv, sys.path) == (argv, path)


def test_the_command_line_as_a_command(script):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "viz", script, "-o", "g.dot"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "ran\ng.dot\n"
    assert Path("g.dot").read_text("utf-8").startswith("digraph")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--output", "nothing"], "leaves no tensor or model named 'nothing'"),
        (["--output", "tx"], "leaves no tensor or model named 'tx'"),
        (["-o", "g.jpg"], "should end in .svg"),
        (["--fold", "-2"], "fold should be"),
    ],
)
def test_the_command_line_says_what_is_wrong(script, capsys, arguments, why):
    assert main([script, *arguments]) == 2
    assert why in capsys.readouterr().err


def test_the_command_line_says_that_a_leaf_was_changed_since(script, capsys):
    with Path(script).open("a") as file:
        file.write("tx.optim.SGD([w], 0.1).step()\n")
    assert main([script]) == 1
    told = capsys.readouterr().err
    assert re.match(r"python -m viz: trace: w was read by mul at \S+ and changed at \S+", told)
    assert told.endswith(
        "\n  fix: draw or trace before optimizer.step(), or run the forward pass again\n"
    )


def test_the_command_line_misses_its_script(capsys):
    assert main(["no_such.py"]) == 2
    assert "there is no file no_such.py" in capsys.readouterr().err


def test_a_grad_that_holds_more_than_this_gradient_is_told():
    x, y = square(3.0)
    y.backward(retain_graph=True)
    assert ".grad holds" not in viz.draw(y).dot
    y.backward()
    assert "grad   6" in viz.draw(y).dot
    assert ".grad holds  12" in viz.draw(y).dot
    assert x.grad.item() == 12
