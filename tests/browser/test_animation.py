"""In a real browser an animation shows each frame in its time, and the last one where nothing may move."""

import re

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tests.browser.measures import astray, faint, overlapping, spilled
from tests.browser.test_svg import image_width, page_of, repeated_ids
from tests.viz.models import training

SECONDS = 0.5
EVERYTHING = ("value", "grad", "formula", "shape", "contribution")
AT = """time => document.getAnimations().forEach(a => { a.pause(); a.currentTime = time; })"""
SEEN = """() => [...document.querySelectorAll('text')]
    .filter(t => getComputedStyle(t).visibility === 'visible' && getComputedStyle(t).opacity > 0)
    .map(t => t.textContent.replaceAll('\\u00a0', ' ').trim()).filter(t => t).sort()"""
PROGRESS = """() => {
    const bar = getComputedStyle(document.querySelector('.played'));
    return 1 - parseFloat(bar.strokeDashoffset) / parseFloat(bar.strokeDasharray);
}"""
STATES = "() => document.getAnimations().map(a => a.playState)"
PLACES = """() => JSON.stringify([...document.querySelectorAll('g.node > :not(title)')].map(e => e.getBoundingClientRect()))"""
WIDTHS = """() => [...document.querySelectorAll('g.edge > path')]
    .map(p => getComputedStyle(p).strokeWidth)"""


def grown():
    """A table whose numbers grow, until one is not a number."""
    w, traces = tx.Tensor(np.ones((2, 3)), requires_grad=True, name="W"), []
    for value in (1.0, 10000.123, np.nan, -2.5e-9):
        w.data = np.array([[1.0, value, 2.0], [value, 0.25, 1.0]])
        traces.append(tx.trace((w * w).sum()))
    return traces


FILMS = {
    "training": (training, {"show": EVERYTHING}),
    "left to right": (training, {"show": EVERYTHING, "direction": "LR"}),
    "grown": (grown, {"theme": "auto"}),
    "architecture": (training, {"view": "architecture", "title": "A run", "page": "A4"}),
    "one frame": (lambda: training(1), {}),
}


@pytest.fixture(scope="module", params=FILMS)
def film(request):
    """The traces, their animation and its options."""
    make, options = FILMS[request.param]
    traces = make()
    return traces, viz.animate(traces, seconds=SECONDS, **options).svg, options


def middle(frame):
    """The milliseconds at which half of a frame's time is over."""
    return 1000 * SECONDS * (frame + 0.5)


def at(seen, frame):
    """Stop the animation in the middle of a frame."""
    seen.page.evaluate(AT, middle(frame))
    return seen


def words(seen):
    return seen.page.evaluate(SEEN)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_each_frame_its_texts_are_seen_and_no_others(visit, film, scheme):
    traces, svg, options = film
    seen = visit(svg, scheme=scheme)
    for i, trace in enumerate(traces):
        now = words(at(seen, i))
        alone = words(visit(viz.draw(trace, **options).svg, scheme=scheme))
        assert step_of(seen).startswith(f"step {i + 1} of {len(traces)}: ")
        assert sorted(set(now) - {step_of(seen)}) == sorted(set(alone) | set(legend(now)))
        assert seen.page.evaluate(PROGRESS) == pytest.approx((i + 1) / len(traces), abs=1e-3)
    assert seen.trouble() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_each_frame_nothing_overlaps_or_leaves_its_box_and_all_is_legible(visit, film, scheme):
    traces, svg, _ = film
    seen = visit(svg, scheme=scheme)
    for i in range(len(traces)):
        assert astray(at(seen, i)) == []
        assert faint(seen) == []
    assert spilled(seen) == []
    assert overlapping(seen) == []


def test_text_of_a_frame_fits_its_box_in_another_font_too(visit, film):
    traces, svg, _ = film
    seen = visit(svg.replace(viz.theme.FONT_FAMILY, "serif"))
    for i in range(len(traces)):
        assert [text for text in astray(at(seen, i)) if "box" in text] == []


def test_nodes_keep_their_places(visit, film):
    traces, svg, _ = film
    seen = visit(svg)
    places = {seen.page.evaluate(PLACES) for _ in [at(seen, i) for i in range(len(traces))]}
    assert len(places) == 1


def test_the_last_frame_stays_and_then_the_first_comes_again(visit):
    traces = training(3)
    seen = visit(viz.animate(traces, seconds=SECONDS).svg)
    total = 3 * SECONDS + viz.motion.LINGER
    for seconds, step in ((total - 0.01, 3), (total + 0.01, 1), (total + 0.51, 2)):
        seen.page.evaluate(AT, 1000 * seconds)
        assert step_of(seen).startswith(f"step {step} of 3")


def test_it_plays_by_itself(visit):
    seen = visit(viz.animate(training(3), seconds=SECONDS).svg)
    assert set(seen.page.evaluate(STATES)) == {"running"}
    assert set(visit(viz.draw(training(1)[0]).svg).page.evaluate(STATES)) == set()


def test_the_pointer_over_it_stops_it(visit):
    seen = visit(viz.animate(training(3), seconds=SECONDS).svg)
    seen.page.mouse.move(60, 60)
    assert set(seen.page.evaluate(STATES)) == {"paused"}


def test_edges_have_the_width_of_the_frame(visit):
    x, y = (tx.Tensor(1.0, requires_grad=True, name=name) for name in "xy")
    traces = []
    for value in (1.0, 1e4):
        y.data = value
        traces.append(tx.trace(x * y))
    seen = visit(viz.animate(traces, seconds=SECONDS).svg)
    assert at(seen, 0).page.evaluate(WIDTHS) == ["0.6px", "0.6px"]
    assert at(seen, 1).page.evaluate(WIDTHS) == ["3px", "0.6px"]


# where nothing may move


def test_with_reduced_motion_the_last_frame_stands_still(quiet, film):
    traces, svg, options = film
    page = quiet(svg)
    assert page.evaluate(STATES) == []
    (step,) = [text for text in page.evaluate(SEEN) if text.startswith("step ")]
    count = len(traces)
    assert step.startswith(f"step {count} of {count}, the last, stands still: ")
    alone = quiet(viz.draw(traces[-1], **options).svg).evaluate(SEEN)
    now = page.evaluate(SEEN)
    assert set(now) - {step} == set(alone) | set(legend(now))


def test_with_reduced_motion_edges_have_the_width_of_the_last_frame(quiet):
    x, y = (tx.Tensor(1.0, requires_grad=True, name=name) for name in "xy")
    traces = []
    for value in (1.0, 1e4, 1.0):
        y.data = value
        traces.append(tx.trace(x * y))
    assert quiet(viz.animate(traces).svg).evaluate(WIDTHS) == ["0.6px", "0.6px"]


def test_on_paper_the_last_frame_stands_still(visit):
    seen = visit(viz.animate(training(3), seconds=SECONDS).svg)
    seen.page.emulate_media(media="print")
    assert step_of(seen).startswith("step 3 of 3, the last, stands still")
    assert seen.page.evaluate(STATES) == []


# in pages


def test_two_in_a_page_play_their_own(visit):
    x, films = tx.Tensor(2.0, requires_grad=True, name="x"), []
    for values in ((1.0, 2.0), (3.0, 4.0)):
        traces = []
        for value in values:
            x.data = value
            traces.append(tx.trace(x * 1.0))
        films.append(viz.animate(traces, seconds=SECONDS))
    films.append(films[0])
    seen = visit(page_of("".join(film._repr_html_() for film in films)), ".html")
    assert repeated_ids(seen) == []
    at(seen, 1)
    steps = [text for text in words(seen) if text.startswith("step ")]
    assert steps == [f"step 2 of 2: mul = {value}" for value in (2, 2, 4)]
    assert seen.trouble() == []


def test_as_an_image_it_loads(visit, tmp_path):
    path = viz.animate(training(2)).save(tmp_path / "training.svg")
    page = tmp_path / "page.html"
    page.write_text(page_of(f"<img src={path.name}>"), encoding="utf-8")
    seen = visit(page)
    assert image_width(seen) > 100
    seen.requests.remove(path.as_uri())
    assert seen.trouble() == []


# each measure catches what it must


PAGE = (
    "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='100'>"
    "<g class='node' id='a'><polygon points='0,0 60,0 60,40 0,40' fill='#ddd'/></g>{}</svg>"
)


def frame(text, more="", kind=""):
    words = f"<text {more} font-size='10'>{text}</text>"
    return f"<g class='frame f0'><g class='{kind}'>{words}</g></g>"


def test_texts_of_a_frame_in_the_wrong_place_are_caught(visit):
    texts = [
        frame("inside", "x='5' y='20'"),
        frame("too long for its box", "x='5' y='30'"),
        frame("beside", "x='100' y='20'"),
        frame("hidden", "x='100' y='20' visibility='hidden'"),
        frame("on a node", "x='40' y='20'", "edge-label"),
        frame("cut off", "x='180' y='80'", "edge-label"),
    ]
    assert astray(visit(PAGE.format("".join(texts)))) == [
        "too long for its box lies in no box",
        "beside lies in no box",
        "on a node covers a",
        "cut off leaves the picture",
    ]


def test_faint_text_of_a_frame_is_caught_on_its_node(visit):
    texts = frame("grey on grey", "x='5' y='20' fill='#767676' textLength='50'")
    beside = frame("enough", "x='100' y='20' fill='#767676'")
    assert faint(visit(PAGE.format(texts + beside))) == ["grey on grey"]


def test_a_frame_that_is_seen_too_long_is_caught(visit):
    svg = viz.animate(training(3), seconds=SECONDS).svg
    broken = re.sub(r"(@keyframes [\w-]+-f0\{.*?)visibility:hidden", r"\1visibility:visible", svg)
    right, wrong = (words(at(visit(page), 1)) for page in (svg, broken))
    assert len(wrong) > len(right)


# helpers


@pytest.fixture(scope="module")
def quiet(chromium, tmp_path_factory):
    """Opens files where the system asks for less motion."""
    window = chromium.new_context(reduced_motion="reduce")

    def open(svg):
        path = tmp_path_factory.mktemp("quiet") / "page.svg"
        path.write_text(svg, encoding="utf-8")
        page = window.new_page()
        page.goto(path.as_uri(), wait_until="load")
        return page

    yield open
    window.close()


def step_of(seen):
    """The line of steps that is seen: there is one."""
    (step,) = [text for text in words(seen) if text.startswith("step ")]
    return step


def legend(texts):
    """What explains other frames than this one, too."""
    return [text for text in texts if text.startswith("grad = sum")]
