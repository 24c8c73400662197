"""An animation: each frame has its numbers and no others, in boxes that keep their place."""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.viz.models import training
from tests.viz.test_svg import HOSTILE, assert_harmless
from viz import motion

NAMESPACE = "{http://www.w3.org/2000/svg}"
EVERYTHING = ("value", "grad", "formula", "shape", "contribution")


def plain(texts):
    """Lines of text with their spaces as ordinary ones, as often as they occur."""
    lines = ("".join(t.itertext()).replace("\u00a0", " ").strip() for t in texts)
    return Counter(line for line in lines if line)


def groups(root, kind):
    return [g for g in root.iter(f"{NAMESPACE}g") if kind in g.get("class", "").split()]


def texts_of(root, *kinds):
    return [t for kind in kinds for g in groups(root, kind) for t in g.iter(f"{NAMESPACE}text")]


def shown(svg, frame):
    """The lines that are seen in one frame, in nodes and at edges."""
    root = ET.fromstring(svg)
    own = {t for g in groups(root, "frame") for t in g.iter(f"{NAMESPACE}text")}
    steady = [t for t in texts_of(root, "node", "edge-label") if t not in own]
    return plain(steady) + plain(texts_of(root, f"f{frame}"))


def wanted(trace, **options):
    """The lines of a trace's picture."""
    return plain(texts_of(ET.fromstring(viz.draw(trace, **options).svg), "node", "edge-label"))


def steps_of(svg):
    """The line that says which step it is, of each frame, and that of the one that stands still."""
    all = ET.fromstring(svg).findall(f"{NAMESPACE}text")
    kinds = [text.get("class").split() for text in all]
    moving = [t.text for t, kind in zip(all, kinds, strict=True) if "frame" in kind]
    return moving, [t.text for t, kind in zip(all, kinds, strict=True) if "still" in kind]


def assert_each_frame_is_whole(traces, **options):
    """Check: in each frame stands what stands in a picture of that trace; everything in its box."""
    svg = viz.animate(traces, **options).svg
    for i, trace in enumerate(traces):
        assert shown(svg, i) == wanted(trace, **options), i
    assert_inside(svg)
    return svg


def assert_inside(svg):
    """Check: each line that comes and goes, of a node, is in one node's box."""
    root = ET.fromstring(svg)
    boxes = []
    for group in groups(root, "node"):
        corners = [
            tuple(map(float, corner))
            for shape in group
            for corner in re.findall(
                r"(-?[\d.]+),(-?[\d.]+)", shape.get("points") or shape.get("d") or ""
            )
        ]
        xs, ys = zip(*corners, strict=True)
        boxes.append((min(xs), min(ys), max(xs), max(ys)))
    at_edges = set(texts_of(root, "edge-label"))
    for text in set(texts_of(root, "frame")) - at_edges:
        left, y = float(text.get("x")), float(text.get("y"))
        right = left + float(text.get("textLength", "0"))
        inside = [b for b in boxes if b[0] < left and right < b[2] + 1 and b[1] < y < b[3]]
        assert len(inside) == 1, text.text


# each frame has its own numbers


@pytest.mark.parametrize("direction", ["TB", "LR", "backward"])
def test_each_frame_has_its_numbers_and_no_others(direction):
    svg = assert_each_frame_is_whole(training(), direction=direction, show=EVERYTHING)
    assert shown(svg, 0) != shown(svg, 1)


def test_a_line_in_the_wrong_frame_or_outside_its_box_is_caught():
    traces = training(2)
    svg = viz.animate(traces).svg
    other = svg.replace('"frame f0"', '"frame f9"').replace('"frame f1"', '"frame f0"')
    assert shown(other, 0) != wanted(traces[0])
    root = ET.fromstring(svg)
    texts_of(root, "f0")[0].set("textLength", "5000")
    with pytest.raises(AssertionError, match="value"):
        assert_inside(ET.tostring(root, encoding="unicode"))


def test_what_is_equal_in_all_frames_stands_there_once():
    root = ET.fromstring(viz.animate(training(5)).svg)
    everything = plain(root.iter(f"{NAMESPACE}text"))
    assert everything["X: input"] == everything["logsumexp"] == everything["a @ b"] == 1
    assert len(texts_of(root, "f1")) < len(texts_of(root, "node"))


def test_the_line_of_steps_has_the_outputs_value_and_says_when_it_stands_still():
    traces = training(3)
    moving, still = steps_of(viz.animate(traces).svg)
    losses = [viz.labels.number(trace[trace.output].value) for trace in traces]
    assert moving == [f"step {i + 1} of 3: loss = {loss}" for i, loss in enumerate(losses)]
    assert len(set(losses)) == 3
    assert still == [f"step 3 of 3, the last, stands still: loss = {losses[2]}"]


def test_of_an_output_that_is_an_array_it_has_the_norm():
    x = tx.Tensor([3.0, 4.0], requires_grad=True)
    (only,), _ = steps_of(viz.animate([tx.trace(x * 1.0)]).svg)
    assert only == "step 1 of 1: mul: norm 5"


def test_one_frame_stands_alone():
    (trace,) = training(1)
    assert_each_frame_is_whole([trace])


def test_nan_in_a_late_frame():
    x = tx.Tensor(2.0, requires_grad=True, name="x")
    traces = []
    for value in (2.0, 1.0, np.nan):
        x.data = value
        traces.append(tx.trace(x * x * 3.0))
    svg = assert_each_frame_is_whole(traces, show=EVERYTHING)
    assert "nan" in str(shown(svg, 2))
    assert "nan" not in str(shown(svg, 0) + shown(svg, 1))
    assert steps_of(svg)[0][2] == "step 3 of 3: mul = nan"


def test_a_table_whose_numbers_grow_keeps_its_columns_and_its_box():
    w = tx.Tensor(np.ones((2, 2)), requires_grad=True, name="W")
    traces = []
    for value in (1.0, 10000.123, -0.5):
        w.data = np.array([[1.0, value], [value, 2.25]])
        traces.append(tx.trace((w * w).sum()))
    svg = assert_each_frame_is_whole(traces, precision=8)
    assert ["value  -0.5    2.25" in str(shown(svg, i)) for i in range(3)] == [False] * 3
    rows = [line for line in shown(svg, 1) if "10000.123" in line]
    assert rows == ["value      1      10000.123", "10000.123      2.25"]


def test_a_gradient_that_is_not_computed_in_one_frame():
    traces = training(3)
    entries = tuple(replace(e, gradient=None) if e.name == "W" else e for e in traces[1].entries)
    traces[1] = replace(traces[1], entries=entries)
    svg = assert_each_frame_is_whole(traces)
    told = ["grad   not computed" in shown(svg, i) for i in range(3)]
    assert told == [False, True, False]


def test_a_table_of_three_axes_has_its_empty_lines():
    w = tx.Tensor(np.ones((2, 2, 2)), requires_grad=True, name="W")
    traces = []
    for i in range(3):
        w.data = np.arange(8.0).reshape(2, 2, 2) * i
        traces.append(tx.trace((w * w).sum()))
    assert_each_frame_is_whole(traces)


def test_names_that_differ_between_frames():
    x = tx.Tensor(2.0, requires_grad=True)
    traces = []
    for name in ("x", "名前名前名前名前名前", None, "a longer name"):
        y = x * x
        y.name = name
        traces.append(tx.trace(y))
    assert_each_frame_is_whole(traces)


def test_hostile_names_show_as_text():
    total, traces = tx.Tensor(0.0, requires_grad=True), []
    for size, name in enumerate(HOSTILE, 1):
        with tx.scope(name, formula=name):
            y = tx.Tensor(np.ones(size), requires_grad=True, name=name) * total
            y.name = name
            total = y.sum() + total
    total.name = HOSTILE[0]
    first = tx.trace(total)
    doubled = [replace(e, value=e.value * 2.5) if e.kind != "constant" else e for e in first]
    traces = [first, replace(first, entries=tuple(doubled))]
    svg = viz.animate(traces).svg
    root = assert_harmless(svg)
    lines = plain(root.iter(f"{NAMESPACE}text"))
    for name in HOSTILE:
        assert lines[f"{viz.labels.clean(name)}: parameter".strip()] == 1
    assert steps_of(svg)[0][1].startswith(f"step 2 of 2: {viz.labels.clean(HOSTILE[0])} = ")


# it plays


def test_every_rule_and_every_name_of_the_style_is_of_this_animation_only():
    root = ET.fromstring(viz.animate(training(3)).svg)
    me = root.get("id")
    style = "".join(s.text for s in root.iter(f"{NAMESPACE}style"))
    frames = re.findall(r"@keyframes ([\w-]+)\{(?:[\d.]+%\{[^}]*\})+\}", style)
    assert len(frames) == len(set(frames)) == style.count("@keyframes") > 4
    assert set(re.findall(r"animation:([\w-]+) ", style)) == set(frames)
    assert all(name.startswith(f"{me}-") for name in frames)
    rest = re.sub(r"@keyframes [\w-]+\{(?:[\d.]+%\{[^}]*\})+\}", "", style)
    rest = re.sub(r"@media [^{]*\{", "", rest)
    selectors = [
        s
        for rule in re.findall(r"([^{}]+)\{[^}]*\}", rest)
        for s in re.split(r",(?![^(]*\))", rule)
    ]
    assert selectors
    assert all(re.match(rf"#{me}(-e\d+|:hover| |$)", s) for s in selectors), selectors


def test_it_moves_only_where_motion_is_welcome():
    """Outside the query for it, no rule moves or hides anything; the last frame is not hidden."""
    root = ET.fromstring(viz.animate(training(3)).svg)
    *_, style = root.iter(f"{NAMESPACE}style")
    before, query, after = style.text.partition(motion.PLAYS)
    assert query
    assert "animation" in after
    assert not re.search("animation|visibility|keyframes", before)
    hidden = [g.get("visibility") for g in groups(root, "frame")]
    assert hidden == ["hidden", "hidden", None]


@pytest.mark.parametrize("count", [1, 2, 50])
def test_each_frame_has_its_turn_and_the_last_stays_longer(count):
    clock = motion.Clock(count, 0.5)
    assert clock.total == count * 0.5 + motion.LINGER
    for turn in range(count):
        values = ["visible" if turn == i else "hidden" for i in range(count)]
        changes = re.findall(r"([\d.]+)%\{x:(\w+)\}", clock.keyframes("k", "x", values))
        for i in range(count):
            now = 100 * (i + 0.5) * 0.5 / clock.total
            *_, (_, value) = [c for c in changes if float(c[0]) <= now]
            assert value == values[i]


def test_edges_have_the_width_of_the_frame_on_one_scale():
    """The gradient of the first step is ten thousand times that of the others: 3 points to 0.6."""
    x, y = (tx.Tensor(1.0, requires_grad=True, name=name) for name in "xy")
    traces = []
    for value in (1e4, 1.0, 1.0):
        y.data = value
        traces.append(tx.trace(x * y))
    root = ET.fromstring(viz.animate(traces).svg)
    style = "".join(s.text for s in root.iter(f"{NAMESPACE}style"))
    assert re.findall(r"%\{stroke-width:([\d.]+)\}", style) == ["3.0", "0.6"]
    assert [g.get("stroke-width") for g in groups(root, "edge")] == ["0.6", "0.6"]
    shapes = [shape for g in groups(root, "edge") for shape in g]
    assert not [shape for shape in shapes if shape.get("stroke-width")]


def test_it_is_the_same_each_time_and_others_share_no_id():
    traces = training(3)
    first, again = viz.animate(traces), viz.animate(iter(traces))
    assert first.svg == again.svg
    others = [viz.animate(traces, seconds=1), viz.animate(traces[:2]), viz.draw(traces[-1])]
    ids = [set(re.findall(r'\bid="([^"]*)"', x.svg)) for x in (first, *others)]
    assert sum(map(len, ids)) == len(set().union(*ids))


def test_two_that_are_laid_out_alike_share_no_id_either():
    x = tx.Tensor(2.0, requires_grad=True)
    traces = []
    for value in (2.0, 3.0, 4.0):
        x.data = value
        traces.append(tx.trace(x * 1.0))
    one, other = viz.animate(traces[:2]), viz.animate([traces[0], traces[2]])
    assert one.drawing.dot == other.drawing.dot
    assert ET.fromstring(one.svg).get("id") != ET.fromstring(other.svg).get("id")


def test_tooltips_say_what_is_true_in_every_frame():
    root = ET.fromstring(viz.animate(training(3)).svg)
    tips = [g.findtext(f"{NAMESPACE}title") for g in groups(root, "node")]
    (w,) = (tip for tip in tips if tip.startswith("W\n"))
    assert w.split("\n") == ["W", "W: parameter", "float64 (2, 2)"]


def test_the_description_says_that_it_has_frames():
    root = ET.fromstring(viz.animate(training(3)).svg)
    assert root.findtext(f"{NAMESPACE}desc").startswith("3 steps one after another. ")


# options


def test_all_frames_have_the_same_coarse_view():
    with pytest.warns(viz.DrawingWarning, match="max_nodes=4"):
        animation = viz.animate(training(3), max_nodes=4)
    assert len(animation.drawing.graph.nodes) <= 4
    assert "Folded: " in animation.svg
    assert shown(animation.svg, 0) != shown(animation.svg, 2)


def test_an_architecture_has_the_loss_of_each_frame():
    traces = training(3)
    svg = assert_each_frame_is_whole(traces, view="architecture")
    assert len(steps_of(svg)[0]) == 3
    assert "6 parameters in 2 tensors, 48 B" in svg


@pytest.mark.parametrize("page", ["A4", "slide"])
def test_a_page_with_a_title_and_a_caption(page):
    traces, words = training(2), {"title": "A run", "caption": "Of two.", "legend": False}
    svg = assert_each_frame_is_whole(traces, page=page, fold=0, **words)
    root = ET.fromstring(svg)
    size = viz.pages.PAGES[page]
    assert root.get("viewBox") == f"0.00 0.00 {size.width:.2f} {size.height:.2f}"
    assert {"A run", "Of two."} <= set(plain(root.iter(f"{NAMESPACE}text")))


def test_a_theme_and_names_and_marks():
    x, traces = tx.Tensor(2.0, requires_grad=True, name="x"), []
    for _ in range(2):
        y = x * 3.0
        traces.append(tx.trace(y))
    options = {"theme": "dark", "names": {"result": y}, "highlight": x}
    svg = viz.animate(traces, **options).svg
    assert "prefers-color-scheme" not in svg
    assert steps_of(svg)[0][0] == "step 1 of 2: result = 6"
    assert len(groups(ET.fromstring(svg), "marked")) == 1
    assert shown(svg, 1) == wanted(traces[1], **options)


# what it refuses


def test_a_trace_of_another_graph_is_refused_by_its_place():
    x = tx.Tensor(2.0, requires_grad=True)
    one, other, longer = (tx.trace(y) for y in (x * x, x + x, tx.tanh(x * x)))
    with pytest.raises(
        ValueError, match=r"^animate: traces\[0\] and traces\[2\] differ from entry"
    ):
        viz.animate([one, one, other])
    with pytest.raises(ValueError, match=r"traces\[0\] and traces\[1\] have 2 and 3 entries"):
        viz.animate([one, longer])


def test_no_traces_are_refused():
    with pytest.raises(ValueError, match="there are no traces"):
        viz.animate([])


def test_what_is_no_trace_is_refused_by_its_place():
    x = tx.Tensor(2.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"traces\[1\] should be a Trace, got Tensor"):
        viz.animate([tx.trace(x * x), x * x])
    with pytest.raises(TypeError, match=r"traces\[0\] should be a Trace, got Entry"):
        viz.animate(tx.trace(x * x))


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "1", None])
def test_impossible_seconds_are_refused(seconds):
    with pytest.raises(ValueError, match="seconds should be a number above 0"):
        viz.animate(training(1), seconds=seconds)


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match=r"viz\.animate has no option 'speed'"):
        viz.animate(training(1), speed=2)


@pytest.mark.parametrize("name", ["training.png", "training.pdf", "training.gif", "training"])
def test_files_that_do_not_play_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=rf"'{re.escape(name)}' should end in \.svg") as error:
        viz.animate(training(1)).save(tmp_path / name)
    assert f"viz.draw(traces[-1]).save('{name}')" in str(error.value)
    assert not list(tmp_path.iterdir())


# where it goes


def test_a_file_and_a_page(tmp_path):
    animation = viz.animate(training(2))
    path = animation.save(tmp_path / "training.svg")
    assert path.read_text("utf-8") == animation.svg
    pages = [animation._repr_html_() for _ in range(2)]
    assert all(page.startswith("<div") and page.endswith("</svg>\n</div>") for page in pages)
    ids = [i for page in (*pages, animation.svg) for i in re.findall(r'\bid="([^"]*)"', page)]
    assert len(ids) == len(set(ids))
    assert repr(animation) == "<Animation: 2 frames of 11 nodes, 11 edges>"


def test_without_an_engine_a_page_has_the_reason(monkeypatch):
    def refuse(*_):
        raise viz.LayoutError("out of <ink>")

    monkeypatch.setattr("viz.layout.render", refuse)
    page = viz.animate(training(2))._repr_html_()
    assert "out of &lt;ink&gt;" in page
    assert "digraph" in page
