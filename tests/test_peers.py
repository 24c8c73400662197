"""How the outcomes of foreign tests are counted; the suites themselves run with `make peers`."""

import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
from tests.peers.__main__ import SUITES, here, main, of_pytest
from tests.peers.counting import Decision, NotHereError, Outcome, Verdict, judge, report
from tests.peers.decisions import DECISIONS
from tests.peers.left_out import LEFT_OUT
from tests.peers.pytorch import ours, translated
from tests.peers.recorder import collection_error
from tests.peers.sources import unpacked
from tests.peers.translations import UntranslatedError

ROOT = Path(__file__).resolve().parent.parent
DECIDED = [Decision(r"test_ties: AssertionError", "ties share their gradient")]


@pytest.mark.parametrize(
    ("end", "text", "name"),
    [
        ("AttributeError", "'Tensor' object has no attribute 'cumsum': it is not here", "cumsum"),
        ("AttributeError", "module 'tinygrad_xent' has no attribute 'qr'", "qr"),
        ("ImportError", "cannot import name 'deriv' from 'autograd'", "deriv"),
        ("ModuleNotFoundError", "No module named 'autograd.misc'", "autograd.misc"),
        ("NotHereError", "scipy norm.pdf", "scipy norm.pdf"),
        ("TypeError", "unsupported operand type(s) for %: 'Tensor' and 'float'", "%"),
        ("DtypeError", "add: complex numbers are not supported\n  inputs: x", "complex numbers"),
        ("DtypeError", "np.unwrap: no operation of the table matches this call", "unwrap"),
    ],
)
def test_a_stop_for_want_of_a_function_is_missing_under_its_name(end, text, name):
    assert judge(Outcome("test_it", end, text)) == Verdict("missing", name)


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ("AttributeError", "'numpy.ndarray' object has no attribute 'grad'"),
        ("NotImplementedError", "not for this shape"),
        ("TypeError", "unsupported operand type(s) for +: 'int' and 'str'"),
        ("AssertionError", "No module named 'x'"),
        ("DtypeError", "np.sum: no operation of the table matches this call"),  # arguments, not sum
    ],
)
def test_every_other_error_is_a_failure(end, text):
    assert judge(Outcome("test_it", end, text), here=here) == Verdict("undecided")


def test_a_failure_is_decided_by_the_test_and_its_error():
    verdict = Verdict("decided", "ties share their gradient")
    assert judge(Outcome("a.py::test_ties", "AssertionError", "1 != 2"), DECIDED) == verdict
    assert judge(Outcome("a.py::test_ties", "ValueError", "1 != 2"), DECIDED).kind == "undecided"
    assert judge(Outcome("a.py::test_ties", "passed"), DECIDED).kind == "passed"


def test_the_report_counts_and_says_whether_everything_is_decided():
    outcomes = [
        Outcome("test_a", "passed"),
        Outcome("test_b", "skipped", "no scipy"),
        Outcome("test_c", "untranslated", "add: takes no alpha"),
        Outcome("test_d", "NotHereError", "qr"),
        Outcome("test_e", "NotHereError", "qr"),
        Outcome("test_f", "NotHereError", "fft.fft"),
        Outcome("test_ties", "AssertionError", "1 != 2\nmore"),
    ]
    left_out = [Decision(r"fft\..*", "no complex numbers")]
    text, good = report("suite", outcomes, DECIDED, left_out=left_out)
    assert good
    first = "suite: 1 passed, 1 decided, 0 undecided, 1 left out, 2 missing, 1 not translated, 1 skipped"
    assert text.splitlines()[0] == first
    for line in (
        "missing: qr (2)",
        "left out (1): no complex",
        "    fft.fft (1)",
        "decided (1): ties share their gradient",
        "    test_ties",
    ):
        assert line in text

    text, good = report("suite", [Outcome("test_a", "ValueError", "bad\nmore")], DECIDED)
    assert not good
    assert "UNDECIDED test_a: ValueError: bad\n" in text + "\n"
    assert "not needed any more: test_ties" in text


def test_the_functions_that_are_here():
    assert here("sum")
    assert not here("unwrap")


def test_the_error_of_a_file_that_could_not_be_imported():
    text = "a.py:3: in <module>\n    import b\nE   autograd.x.Missing: qr\n"
    assert collection_error(text) == ("Missing", "qr")


def test_decisions_belong_to_suites_and_give_reasons():
    assert set(DECISIONS) <= set(SUITES)
    every = [LEFT_OUT, *DECISIONS.values()]
    assert all(d.reason and d.pattern for decisions in every for d in decisions)


def test_what_is_left_out_is_not_here():
    patterns = [d.pattern for d in LEFT_OUT]
    names = {name for module in (tx, tx.linalg) for name in module.__all__}
    assert [n for n in sorted(names) if any(re.fullmatch(p, n) for p in patterns)] == []


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A source package as the registry has it, with tests for the shims."""
    test = """
import numpy as onp
import pytest
import autograd.numpy as np
from autograd import deriv, grad
from autograd.test_util import check_grads
from tests.helpers import POINT

def test_right(): check_grads(lambda x: np.sum(np.exp(x)))(POINT)
def test_wrong(): assert grad(lambda x: x * x)(3.0) == 7.0
def test_missing(): deriv(np.exp)(1.0)
def test_real_part():
    for x in (1.0, 1.0j): check_grads(np.exp)(x)
def test_complex(): check_grads(np.exp)(1.0j)
@pytest.mark.skip(reason="not now")
def test_skipped(): pass
"""
    helpers = "import numpy as np; POINT = np.ones(3)"  # of a package that is named as ours is
    files = {
        "__init__.py": "",
        "helpers.py": helpers,
        "test_it.py": test,
        "test_bad.py": "import no_such",
    }
    archive = tmp_path / "peer-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        for name, text in files.items():
            member = tarfile.TarInfo(f"peer-1.0/tests/{name}")
            member.size = len(text.encode())
            file.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setattr("tests.peers.__main__.OUT", tmp_path / "out")
    return tmp_path


def test_a_suite_runs_from_its_archive_against_the_shim(made):
    pytest.importorskip("scipy")
    found = {o.test.rpartition("::")[2]: o for o in of_pytest("peer==1.0", ["tests"], made)}
    ends = {name.rpartition("/")[2]: (o.end, judge(o).detail) for name, o in found.items()}
    assert ends == {
        "test_right": ("passed", ""),
        "test_wrong": ("AssertionError", ""),
        "test_missing": ("NotHereError", "autograd deriv"),
        "test_real_part": ("passed", "without complex numbers"),
        "test_complex": ("NotHereError", "complex numbers"),
        "test_skipped": ("skipped", "not now"),
        "test_bad.py": ("ModuleNotFoundError", "no_such"),
    }


def test_a_folder_of_sources_is_used_as_it_is(tmp_path):
    (tmp_path / "peer-1.0").mkdir()
    assert unpacked("peer==1.0", tmp_path / "out", tmp_path) == tmp_path / "peer-1.0"
    assert not (tmp_path / "out").exists()


def test_an_unknown_suite_is_refused_with_the_names():
    command = [sys.executable, "-m", "tests.peers", "nobody"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 2
    assert "micrograd" in done.stderr


def test_checks_of_the_shim_notice_a_wrong_gradient():
    pytest.importorskip("scipy")
    from tests.peers.shims.autograd.checks import check_grads

    wrong = tx.custom_vjp(lambda x: np.exp(x), lambda g, y: g * y * 1.001, name="wrong")
    with pytest.raises(AssertionError, match="instead of"):
        check_grads(wrong)(np.ones(3))


def test_mygrads_tensors_keep_gradients_and_are_written_to_in_place():
    from tests.peers.shims import mygrad as mg

    x = mg.Tensor([1.0, 2.0])
    y = mg.square(x)
    y[0] = 5.0
    (3.0 * y).backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([0.0, 12.0], [3.0, 3.0])
    assert y.creator is None
    assert mg.where([True, False], x, 0.0, constant=True).constant
    with pytest.raises(NotHereError, match="mygrad multiclass_hinge"):
        mg.nnet.losses.multiclass_hinge(x, [0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_jax_s_checks_notice_a_wrong_gradient_of_either_order(dtype):
    pytest.importorskip("scipy")
    from tests.peers.shims.jax.checks import check_grads

    x = np.linspace(0.5, 1.5, 3, dtype=dtype)
    check_grads(np.exp, (x,), order=2)
    check_grads(lambda x, y: (x * y, [np.sin(x)]), (x, x), order=2)
    wrong = tx.custom_vjp(lambda x: np.exp(x), lambda g, y: g * y * 1.001, name="wrong_first")
    with pytest.raises(AssertionError, match="1 more derivative"):
        check_grads(wrong, (x,), order=1)
    half = tx.custom_vjp(lambda x: np.exp(x), lambda g, x: g * wrong(x), name="wrong_second")
    with pytest.raises(AssertionError, match="1 more derivative"):
        check_grads(half, (x,), order=2)


def test_arguments_are_translated_by_name_and_place():
    x = np.ones((2, 3))
    assert translated("sum", tx.sum, (x, 1), {"keepdim": True})[1] == {"keepdims": True}
    args, named = translated("sum", tx.sum, (x,), {"dim": 1, "dtype": None})
    assert args == (x,)
    assert named == {"axis": 1}
    assert translated("var", tx.var, (x,), {"unbiased": False})[1] == {"ddof": 0}
    assert translated("var", tx.var, (x,), {})[1] == {"ddof": 1}
    assert translated("reshape", tx.reshape, (x, 3, 2), {})[0][1] == (3, 2)


@pytest.mark.parametrize(
    ("args", "kwargs", "reason"),
    [
        ((1,), {"alpha": 2}, "takes no alpha"),
        ((0, False, 3), {}, "too many positional"),
        (((),), {}, "no axis here"),
        ((), {"dim": ()}, "no axis here"),
    ],
)
def test_what_can_not_be_translated_says_why(args, kwargs, reason):
    with pytest.raises(UntranslatedError, match=reason):
        translated("sum", tx.sum, (np.ones((2, 3)), *args), kwargs)
    outcome = Outcome("sum", "UntranslatedError", "takes no alpha")
    assert judge(outcome) == Verdict("translated", "takes no alpha")


def test_an_argument_at_the_value_that_ours_have_is_left_out():
    def pool(x, size):
        pass

    assert translated("pool", pool, (1, 2), {"ceil_mode": False}) == ((1, 2), {})
    with pytest.raises(UntranslatedError, match="takes no ceil_mode"):
        translated("pool", pool, (1, 2), {"ceil_mode": True})


def test_functions_are_found_when_they_are_asked_for(monkeypatch):
    assert ours("nn.functional.relu") is tx.relu
    assert ours("cat") is tx.concatenate
    assert ours("equal") is None  # one bool of two tensors
    assert ours("trace") is not tx.trace
    assert ours("fft.fft") is None
    monkeypatch.setattr(tx, "new_function", np.exp, raising=False)
    assert ours("special.new_function") is np.exp


def test_a_suite_of_which_nothing_passed_is_a_failure(monkeypatch, capsys):
    """As if its shim could not be imported: every file of tests is missing."""
    good, bad = (
        Outcome("test_a", "passed"),
        Outcome("file.py", "ImportError", "cannot import name 'x'"),
    )
    for outcomes, status in (([good, bad], 0), ([bad], 1)):
        monkeypatch.setitem(SUITES, "micrograd", lambda sources, found=outcomes: found)
        assert main(["micrograd"]) == status
    assert "micrograd: 0 passed" in capsys.readouterr().out


def test_a_suite_without_its_sources_is_said_not_to_be_run(capsys):
    assert main(["jax", "mygrad"]) == 0
    assert capsys.readouterr().out.count("not run, its source package holds no tests") == 2
