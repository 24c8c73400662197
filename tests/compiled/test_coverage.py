"""Every row, loss option, layer and optimiser compiles and computes what eager code computes, or is refused
for a reason that is known here.
"""

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.compiled.worlds import NEAR, check_near, numbers, quietly
from tests.programs.coverage import parameters
from tests.programs.subjects import subjects
from tests.programs.test_coverage import REFUSED

SUBJECTS = {f"{s.group} {s.name}": s for s in subjects()}


def results(subject, compiled):
    """What each of a few runs gives, the parameters, gradients and the optimiser's state after it."""
    f, args = subject.make()
    run = tx.compile(f, strict=True) if compiled else f
    for _ in range(max(2, subject.steps)):
        found = numbers(run(*args))
        found += [np.array(p.numpy()) for p in parameters(args)]
        found += [np.array(p.grad.numpy()) for p in parameters(args) if p.grad is not None]
        for x in args:
            if isinstance(x, tx.optim.Optimizer):
                found += numbers(x.state_dict())
        yield found
    assert not compiled or run.retried == 0


@pytest.mark.parametrize("name", SUBJECTS)
def test_it_computes_what_eager_code_computes_or_says_why_not(name):
    expected = quietly(list, results(SUBJECTS[name], False))
    if name in REFUSED:
        with pytest.raises(tx.GraphError, match=REFUSED[name]):
            quietly(list, results(SUBJECTS[name], True))
        return
    for ours, theirs in zip(quietly(list, results(SUBJECTS[name], True)), expected, strict=True):
        check_near(ours, theirs)


def test_a_difference_is_seen():
    x = np.array([1.0, 2.0])
    check_near([x], [x])
    for other in (x + 1e-11, x.astype(np.float32), x[:1], x * [1, np.nan]):
        with pytest.raises(AssertionError):
            check_near([other], [x])
    with pytest.raises(AssertionError):
        check_near([np.array([0])], [np.array([1])])
    assert NEAR["float64"] == 1e-12
