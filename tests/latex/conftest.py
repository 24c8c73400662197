"""LaTeX is the judge here, by its three engines, and PDFium reads the pages that they make.

Where one is not installed its tests skip and say which; in CI they must run.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

if os.environ.get("CI"):
    import pypdfium2  # noqa: F401 -- in CI a missing judge is a failure, not a skip

ENGINES = ("pdflatex", "xelatex", "lualatex")
PACKAGES = "Debian's texlive-pictures, texlive-xetex and texlive-luatex"
TROUBLE = r"^!.*|.*(?:Overfull|Missing character|Warning|Undefined).*"


@dataclass
class Document:
    """What an engine made of a text."""

    status: int
    log: str
    path: Path

    def trouble(self):
        """What the engine was not content with, in its words."""
        found = re.findall(TROUBLE, self.log, flags=re.MULTILINE)
        return found + ([f"exit status {self.status}"] if self.status else [])

    @property
    def page(self):
        """The only page."""
        (page,) = pytest.importorskip("pypdfium2").PdfDocument(self.path)
        return page


@pytest.fixture(scope="session", params=ENGINES)
def engine(request):
    """Each engine in its turn."""
    return request.param


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Runs an engine over a text; the lines of its log are not broken."""
    pytest.importorskip("pypdfium2", reason="pypdfium2 is not installed")

    def run(engine, text):
        if shutil.which(engine) is None:
            why = f"there is no {engine} program on the PATH ({PACKAGES})"
            pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
        place = tmp_path_factory.mktemp(engine)
        (place / "picture.tex").write_text(text, encoding="utf-8")
        flags = ["-interaction=nonstopmode", "-halt-on-error"]
        done = subprocess.run(
            [engine, *flags, "picture.tex"],
            cwd=place,
            env={**os.environ, "max_print_line": "10000"},
            stdout=subprocess.DEVNULL,
            timeout=300,
        )
        log = (place / "picture.log").read_text("utf-8", errors="replace")
        return Document(done.returncode, log, place / "picture.pdf")

    return run
