"""What a user installs: wheel and source distribution, built, and each used in a clean environment.

These tests need the package index, or an index that pip is configured for.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

if os.environ.get("CI"):
    import build  # noqa: F401 -- in CI a missing tool is a failure, not a skip
pytest.importorskip("build", reason="the package build is not installed")

ROOT = Path(__file__).resolve().parents[2]
USE = """
import sys
from pathlib import Path

import tinygrad_xent as tx
import tinygrad_xent.check
import viz

for module in (tx, tinygrad_xent.check, viz):
    assert Path(module.__file__).is_relative_to(sys.prefix), module.__file__
assert Path(tx.__file__).with_name("py.typed").is_file()
assert Path(viz.__file__).with_name("py.typed").is_file()

W = tx.Tensor([[0.0, 0.0], [0.0, 0.0]], requires_grad=True, name="W")
loss = tx.cross_entropy(tx.Tensor([[1.0, 2.0], [3.0, 4.0]]) @ W, [0, 1])
loss.backward()
for suffix in ("svg", "png", "pdf", "dot"):
    viz.draw(loss).save(f"loss.{suffix}")
"""


def run(*command, **options):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the source distribution and the wheel that is made from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module", params=["*.whl", "*.tar.gz"], ids=["wheel", "sdist"])
def installed(request, built, tmp_path_factory):
    """The Python of an environment with only the package and what it needs."""
    (package,) = built.glob(request.param)
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin/python"
    run(python, "-m", "pip", "install", "--quiet", package, cwd=folder)
    return python


def alone(**more):
    """Environment variables from which neither the checkout nor any program can be found."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return {**kept, "PATH": "", **more}


def test_it_works_outside_the_checkout_and_draws_with_no_program_on_the_path(installed, tmp_path):
    run(installed, "-W", "error", "-c", USE, cwd=tmp_path, env=alone())
    assert (tmp_path / "loss.svg").read_text("utf-8").startswith("<svg")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "loss.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "loss.dot").read_text("utf-8").startswith("digraph")


def test_the_command_line_is_installed_too(installed, tmp_path):
    (tmp_path / "script.py").write_text("import tinygrad_xent as tx\nloss = tx.Tensor(1.0) * 2.0\n")
    run(installed, "-m", "viz", "script.py", "-o", "g.svg", cwd=tmp_path, env=alone())
    assert (tmp_path / "g.svg").read_text("utf-8").startswith("<svg")


def test_nothing_else_is_installed(installed):
    code = (
        "import importlib.metadata as m; d = m.distribution('tinygrad_xent');"
        "print(*sorted({f.parts[0] for f in d.files if f.parts[0] != '..'}))"
    )
    found = run(installed, "-c", code, env=alone()).split()
    assert [name for name in found if not name.endswith(".dist-info")] == ["tinygrad_xent", "viz"]


def test_numpy_and_what_draws_pictures_is_all_it_needs(installed):
    names = {row.split("==")[0] for row in run(installed, "-m", "pip", "freeze").split("\n") if row}
    names = {name.split(" @ ")[0].lower().replace("-", "_") for name in names}
    assert names == {"tinygrad_xent", "numpy", "graphviz", "pygraphviz", "typst"}


def test_a_type_checker_takes_the_types(built):
    (wheel,) = built.glob("*.whl")
    files = set(zipfile.ZipFile(wheel).namelist())
    assert {"tinygrad_xent/py.typed", "viz/py.typed"} <= files


def test_the_wheel_has_every_module_and_no_test(built):
    (wheel,) = built.glob("*.whl")
    files = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    modules = [path for name in ("tinygrad_xent", "viz") for path in (ROOT / name).rglob("*.py")]
    assert files == {path.relative_to(ROOT).as_posix() for path in modules}


def test_the_source_distribution_has_what_a_packager_tests_with(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "Makefile", "conftest.py"} <= files
    assert {name.split("/")[0] for name in files} >= {"tinygrad_xent", "viz", "tests", "examples"}
    assert not [
        name for name in files if "__pycache__" in name or name.startswith((".venv", "out/"))
    ]


def test_an_environment_without_the_package_is_caught(tmp_path):
    """The proof that the check above runs what is installed, not the checkout."""
    (tmp_path / "empty").mkdir()
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "clean")
    python = tmp_path / "clean/bin/python"
    command = [python, "-c", USE]
    done = subprocess.run(
        command, cwd=tmp_path / "empty", env=alone(), capture_output=True, text=True
    )
    assert "No module named" in done.stderr
