"""Every row, loss option, layer and optimiser is recorded and computes what eager code computes, or is
refused with a reason that is known here. No cell of the table is empty.
"""

import numpy as np
import pytest

from tests.programs.coverage import ROOT, finding, no_function, of_tape, said, ulps
from tests.programs.subjects import Subject, subjects
from tinygrad_xent.command_line import names_of

SUBJECTS = {f"{s.group} {s.name}": s for s in subjects()}

REFUSED = {
    "row unique": "depends on the numbers",
    "row compress": "depends on the numbers",
    "row extract": "a boolean mask as index",
}
"""What no list of array calls can do: the shape of its result depends on values."""

NOT_IN_NUMPY = {
    f"row {name}": f"scipy.special.{theirs}"
    for name, theirs in {
        "erf": "erf",
        "erfc": "erfc",
        "gelu": "erfc",
        "erfinv": "erfinv",
        "ndtr": "erfc",
        "log_ndtr": "log_ndtr",
        "gammaln": "gammaln",
        "digamma": "digamma",
        "digamma_slope": "polygamma",
        "polygamma": "digamma",
    }.items()
}
"""What a script can't do with NumPy alone."""

NEAR = 4  # units in the last place of the array's largest element


@pytest.mark.parametrize("name", SUBJECTS)
def test_it_computes_what_eager_code_computes_or_says_why_not(name):
    found = finding(SUBJECTS[name])
    if name in REFUSED:
        assert isinstance(found.program, str)
        assert REFUSED[name] in found.program
        return
    assert not isinstance(found.program, str), found.program
    assert found.program <= NEAR
    if name in NOT_IN_NUMPY:
        assert NOT_IN_NUMPY[name] in str(found.script)
        return
    assert not isinstance(found.script, str), found.script
    assert found.script <= NEAR


def test_every_refusal_that_is_known_has_a_subject():
    assert {*REFUSED, *NOT_IN_NUMPY} <= SUBJECTS.keys()


def test_a_difference_is_seen():
    x = np.array([1.0, 1e-3])
    assert ulps(x, x) == 0
    assert ulps(x, np.array([1.0, 1e-3 + 1e-12])) > NEAR
    assert ulps(x, x * [1, np.nan]) == np.inf
    assert "within" in said(1.5)
    assert said("why") == "refused: why"


def test_a_subject_that_reads_an_array_of_its_own_is_refused():
    y = np.ones(2)
    subject = Subject("row", "closed over", lambda: (lambda x: x * y, (np.ones(2),)))
    assert "the function reads y" in finding(subject).program


def test_the_tape_of_a_lesson_is_equal():
    """The others are in the table that `make coverage` prints: to run all lessons takes a minute."""
    names = names_of(ROOT / "examples" / "plot_softmax_cross_entropy.py")
    subject = Subject("lesson", "softmax_cross_entropy: loss", no_function)
    found = of_tape(subject, names["loss"], names)
    assert (found.program, found.script) == (0.0, 0.0)
