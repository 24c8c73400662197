"""The engines, each as promised: pygraphviz without dot, dot without pygraphviz, neither; time limits.

Nothing is stubbed out in this process: the child processes are real. A machine without pygraphviz is
made by a module of that name that can't be imported; a machine with only `dot`, by a program of that
name on the PATH.
"""

import os
import stat
import sys
import textwrap
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import tinygrad_xent as tx
import viz
from viz import dot, layout


@pytest.fixture
def trace():
    x = tx.Tensor([1.0, 2.0], requires_grad=True, name="x")
    with tx.scope("square"):
        y = x * x
    return tx.trace((y + x).sum())


def hide_pygraphviz(monkeypatch, tmp_path, body="raise ImportError('not here')"):
    """Put a module in pygraphviz's place, by default one that can't be imported."""
    (tmp_path / "pygraphviz.py").write_text(body)
    monkeypatch.syspath_prepend(str(tmp_path))


def make_dot(folder, body):
    """A program named dot that runs this Python code."""
    folder.mkdir()
    program = folder / "dot"
    program.write_text(f"#!{sys.executable}\n{textwrap.dedent(body)}")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return str(folder)


REAL_DOT = """
    import sys
    import pygraphviz
    format = next(a for a in sys.argv if a.startswith("-T"))[2:]
    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
    sys.stdout.buffer.write(graph.draw(format=format, prog="dot"))
"""


def assert_picture(drawing, tmp_path):
    names = {
        e.findtext("{*}title")
        for e in ET.fromstring(drawing.svg).iter()
        if (e.get("class") or "").startswith("node")
    }
    assert len(names) == 4
    assert drawing.save(tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")


def test_no_dot_on_the_path(monkeypatch, tmp_path, trace):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_picture(viz.draw(trace), tmp_path)


def test_only_dot(monkeypatch, tmp_path, trace):
    hide_pygraphviz(monkeypatch, tmp_path)
    monkeypatch.setenv("PATH", make_dot(tmp_path / "bin", REAL_DOT))
    # the program finds the real pygraphviz: it does not have our path
    assert_picture(viz.draw(trace), tmp_path)


def test_no_engine(monkeypatch, tmp_path, trace):
    hide_pygraphviz(monkeypatch, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing = viz.draw(trace)
    with pytest.raises(viz.EngineMissingError, match="pip install pygraphviz"):
        drawing.save(tmp_path / "g.svg")
    assert not (tmp_path / "g.svg").exists()
    assert drawing.save(tmp_path / "g.dot").read_text("utf-8") == drawing.dot
    assert drawing.dot.startswith("digraph")
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert "pip install pygraphviz" in bundle["text/html"]
    assert "digraph" in bundle["text/html"]


def test_no_engine_and_no_python_to_start(monkeypatch, tmp_path, trace):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(viz.EngineMissingError):
        viz.draw(trace).svg  # noqa: B018
    monkeypatch.setattr(sys, "executable", None)
    with pytest.raises(viz.EngineMissingError):
        viz.draw(trace).svg  # noqa: B018


def test_a_module_in_the_working_directory_is_not_imported(monkeypatch, tmp_path, trace):
    (tmp_path / "pygraphviz.py").write_text("raise SystemExit('wrong one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert viz.draw(trace).svg.startswith("<svg")


def test_an_engine_that_fails_says_why(monkeypatch, tmp_path, trace):
    hide_pygraphviz(monkeypatch, tmp_path, "def AGraph(string): raise RuntimeError('out of ink')")
    with pytest.raises(viz.LayoutError, match="out of ink"):
        viz.draw(trace).svg  # noqa: B018
    assert "out of ink" in viz.draw(trace)._repr_html_()


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", r"signal 9 \(SIGKILL\); out of memory, perhaps$"),
        ("os.kill(os.getpid(), signal.SIGTERM)", r"ended by signal 15 \(SIGTERM\)$"),
        ("os._exit(3)", "exit status 3, without a word$"),
    ],
)
def test_an_engine_that_ends_without_a_word_has_a_reason(monkeypatch, tmp_path, ending, reason):
    hide_pygraphviz(monkeypatch, tmp_path, f"import os, signal\n{ending}")
    with pytest.raises(viz.LayoutError, match=reason):
        layout.render("digraph {}", "svg", 20)


def test_a_dot_that_fails_says_why(monkeypatch, tmp_path, trace):
    hide_pygraphviz(monkeypatch, tmp_path)
    broken = "import sys\nsys.exit('no plugins')"
    monkeypatch.setenv("PATH", make_dot(tmp_path / "bin", broken))
    with pytest.raises(viz.LayoutError, match="no plugins"):
        viz.draw(trace).svg  # noqa: B018


SLOW = """
import importlib.util, sys, time
def AGraph(string):
    # sleeps over a graph with too many edges, else does what the real one does
    if string.count("->") > {most}:
        open({log!r}, "a").write("slow ")
        time.sleep(600)
    here = sys.modules.pop("pygraphviz")
    sys.path.remove({folder!r})
    import pygraphviz
    return pygraphviz.AGraph(string=string)
"""


def slow_engine(monkeypatch, tmp_path, most):
    log = tmp_path / "log"
    log.touch()
    body = SLOW.format(most=most, log=str(log), folder=str(tmp_path))
    hide_pygraphviz(monkeypatch, tmp_path, body)
    return log


def layers(count=9):
    x = tx.Tensor([[1.0]], requires_grad=True, name="x")
    for _ in range(count):
        with tx.scope("layer"):
            x = tx.tanh(x * x)
    return tx.trace(x)


def test_a_layout_that_takes_too_long_is_drawn_coarser_and_says_so(monkeypatch, tmp_path):
    log = slow_engine(monkeypatch, tmp_path, most=5)
    drawing = viz.draw(layers(), time_limit=3)
    assert len(drawing.graph.nodes) == 19
    with pytest.warns(
        viz.DrawingWarning, match="the layout took over 3 s. This node stands for all 19"
    ):
        svg = drawing.svg
    assert log.read_text() == "slow "
    assert "layer ×9" in svg
    assert "the layout took over 3 s" in svg
    assert "time_limit" not in svg  # the advice is the warning's
    shown = [e for n in drawing.graph.nodes for e in (*n.entries, *n.held)]
    assert sorted(shown) == list(range(19))
    assert drawing.svg == svg  # and without another warning


@pytest.mark.parametrize(
    ("show", "helps"),
    [
        (
            ("value", "grad", "shape"),
            'a larger time_limit, or show= without "value" and "grad", may',
        ),
        ("value", 'a larger time_limit, or show= without "value", may'),
        ("shape", "a larger time_limit may"),
    ],
)
def test_the_warning_of_a_time_out_says_what_can_help(monkeypatch, tmp_path, show, helps):
    slow_engine(monkeypatch, tmp_path, most=5)
    drawing = viz.draw(layers(), time_limit=1.5, show=show)
    with pytest.warns(viz.DrawingWarning) as caught:
        drawing.svg  # noqa: B018
    advice = f"fix: {helps} keep the detail; max_nodes=1 or fold=0 draws less at once"
    assert str(caught[0].message).endswith(advice)


def test_the_time_limit_is_for_the_picture_not_for_the_layout_alone(monkeypatch):
    limits = []

    def render(dot, format, time_limit):
        limits.append(time_limit)
        raise viz.LayoutTimeoutError

    def slow_dot(*arguments):
        time.sleep(0.2)
        return to_dot(*arguments)

    to_dot = dot.to_dot
    monkeypatch.setattr(layout, "render", render)
    monkeypatch.setattr("viz.drawing.to_dot", slow_dot)
    with pytest.warns(viz.DrawingWarning), pytest.raises(viz.LayoutTimeoutError):
        viz.draw(layers(), time_limit=0.6).svg  # noqa: B018
    first, *others = limits
    assert 0.2 <= first <= 0.4
    assert others == [0.6 / 3] * len(others)
    del limits[:]
    with pytest.warns(viz.DrawingWarning), pytest.raises(viz.LayoutTimeoutError):
        viz.draw(layers(), time_limit=0.3).svg  # noqa: B018
    assert set(limits) == {0.3 / 3}  # a third, however little is left


def test_a_layout_that_never_ends_is_given_up(monkeypatch, tmp_path):
    slow_engine(monkeypatch, tmp_path, most=-1)
    drawing = viz.draw(layers(), time_limit=1)
    with (
        pytest.warns(viz.DrawingWarning),
        pytest.raises(viz.LayoutTimeoutError, match="took longer than 1 s") as caught,
    ):
        drawing.svg  # noqa: B018
    assert "fix: a larger time_limit;" in str(caught.value)
    assert "max_nodes" not in str(caught.value)  # it is one node
    assert "took longer" in drawing._repr_html_()


def test_a_dot_whose_own_child_hangs_does_not_hang_us(monkeypatch, tmp_path):
    hide_pygraphviz(monkeypatch, tmp_path)
    wrapper = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    monkeypatch.setenv("PATH", make_dot(tmp_path / "bin", wrapper))
    with pytest.raises(viz.LayoutTimeoutError):
        layout.render("digraph {}", "svg", 2)


def test_the_child_is_gone_after_a_time_out(monkeypatch, tmp_path):
    marker = tmp_path / "pid"
    hide_pygraphviz(
        monkeypatch,
        tmp_path,
        f"import os, time\nopen({str(marker)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)",
    )
    with pytest.raises(viz.LayoutTimeoutError):
        layout.render("digraph {}", "svg", 3)
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path(marker).read_text()), 0)
