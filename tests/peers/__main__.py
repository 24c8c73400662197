"""Run the test suites of other projects against tinygrad_xent, and print what became of them:

    python -m tests.peers                    every suite
    python -m tests.peers autograd pytorch   these
    python -m tests.peers autograd --sources DIR   with the archives, or folders, in DIR

The suites come from the source packages of the registry, or from DIR if those hold no tests; nothing of
theirs is in this repository. A module of the peer's name (`shims/`) stands first on the path and maps
its functions to ours. The exit status is 1 if a test failed for which `decisions.py` has no reason, or if
no test of a suite passed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path

import numpy as np

from tinygrad_xent.engine.public import replacement

from . import recorder
from .counting import Outcome, report
from .decisions import DECISIONS
from .left_out import LEFT_OUT
from .sources import NoTestsError, unpacked

ROOT = Path(__file__).resolve().parents[2]
SHIMS = Path(__file__).resolve().parent / "shims"
OUT = ROOT / "out" / "peers"

Suite = Callable[[Path | None], list[Outcome]]


def of_pytest(requirement: str, tests: Sequence[str], sources: Path | None) -> list[Outcome]:
    """The outcomes of a suite that pytest runs: the files, or folders, and options in `tests`."""
    folder = unpacked(requirement, OUT, sources).resolve()
    record = OUT / f"{folder.name}.jsonl"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text("")
    path = os.pathsep.join([str(SHIMS), str(ROOT)])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [path, os.environ.get("PYTHONPATH")])),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        recorder.OUT: str(record),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(OUT / "hypothesis"),
        "HYPOTHESIS_PROFILE": os.environ.get("HYPOTHESIS_PROFILE", "dev"),  # MyGrad's: 10 examples
    }
    options = ["-q", "-p", recorder.__name__, "-p", "no:cacheprovider", "-c", os.devnull]
    options += ["--continue-on-collection-errors"]
    command = [sys.executable, "-P", "-m", "pytest", *options, f"--rootdir={folder}", *tests]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    lines = record.read_text().splitlines()
    if done.returncode not in (0, 1, 2) or not lines:  # 2: some files could not be imported
        raise RuntimeError(f"{requirement}: pytest did not run\n{done.stdout}{done.stderr}")
    return [Outcome(*json.loads(line)) for line in lines]


def of_pytorch(sources: Path | None) -> list[Outcome]:
    from .pytorch import outcomes

    return list(outcomes())


# Left out are the tests of the suite's own helpers, and of what only MyGrad has: memory that is locked, views
# that follow what is written in place, classes of operations and ufuncs, copies of graphs, files, weak references.
MYGRAD = """
    math linalg nnet tensor_ops ufuncs/test_fwd_prop_and_backprop.py test_indexing_routines.py
    test_constant_inference.py test_where_mask.py test_no_autodiff.py test_random.py test_tensor_creation.py
    test_tensor_joining.py test_tensor_manip.py tensor_base/test_astype.py
    tensor_base/test_augmented_updates.py tensor_base/test_backprop_through_non_scalar.py
    tensor_base/test_backward.py tensor_base/test_chainrule.py tensor_base/test_dtype_init.py
    tensor_base/test_no_null_grad_semantics.py tensor_base/test_operator_override.py
    tensor_base/test_pow_special_cases.py tensor_base/test_tensor.py
"""

# JAX's repository holds the package itself, whose folder must not come before the shim's. Of large files
# only the tests of derivatives are run.
JAX = [
    "--import-mode=importlib",
    "tests/lax_autodiff_test.py",
    "tests/nn_test.py",
    "tests/lax_scipy_special_functions_test.py",
    "tests/linalg_test.py",
    "tests/lax_numpy_test.py",
    "tests/lax_scipy_test.py",
    "-k=lax_autodiff or nn_test or special_functions or (Grad and not Gradient)",
]

SUITES: dict[str, Suite] = {
    "autograd": partial(of_pytest, "autograd==1.9.1", ["tests"]),
    "jax": partial(of_pytest, "jax", JAX),
    "micrograd": partial(of_pytest, "micrograd==0.1.0", ["test"]),
    "mygrad": partial(of_pytest, "mygrad", [f"tests/{name}" for name in MYGRAD.split()]),
    "pytorch": of_pytorch,
    "tinygrad": partial(of_pytest, "tinygrad==0.10.0", ["test/test_ops.py"]),
}


def here(name: str) -> bool:
    """Whether an operation or a composite replaces a function of NumPy's, `sum` or `linalg.inv`."""
    return replacement(attrgetter(name)(np)) is not None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The test suites of other projects.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--sources", type=Path, help="a folder with their source packages")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(SUITES):
        parser.error(f"no suite {sorted(unknown)}: there are {', '.join(SUITES)}")
    good = True
    for name in options.names or SUITES:
        try:
            outcomes = SUITES[name](options.sources)
        except NoTestsError as error:
            print(f"{name}: not run, {error}", flush=True)
            continue
        text, decided = report(name, outcomes, DECISIONS.get(name, ()), here, LEFT_OUT)
        print(text, flush=True)
        ran = any(outcome.end == "passed" for outcome in outcomes)  # a broken shim runs nothing
        good = good and decided and ran
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
