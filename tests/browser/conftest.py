"""Debian's Chromium, headless, is the judge here, driven through Playwright's Python package.

Where either is not installed these tests skip and say which; in CI they must run. Chromium gets no
profile, no network and no updates, and each page that it opens is watched: what it requested, what
errors it reported, and whether a script ran.
"""

import contextlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

if os.environ.get("CI"):
    import playwright  # noqa: F401 -- in CI a missing judge is a failure, not a skip

FLAGS = [
    "--no-sandbox",  # CI runs as root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]


@dataclass
class Visit:
    """One page, loaded to the end, and what happened on the way."""

    page: object
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def sentinel(self):
        """What the scripts of the hostile names set, had one run."""
        return self.page.evaluate("window.sentinel")

    def trouble(self):
        """What the page did that a harmless drawing does not do, in words."""
        found = [f"asked for {url}" for url in self.requests[1:]]
        found += [f"complained: {text}" for text in self.complaints]
        if self.sentinel is not None:
            found.append(f"ran a script: sentinel is {self.sentinel!r}")
        return found


@pytest.fixture(scope="session")
def chromium():
    """The browser; one for all tests."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        why = "there is no chromium program on the PATH (Debian's package chromium)"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def windows(chromium):
    """A window for each colour scheme that the system may prefer."""
    return {scheme: chromium.new_context(color_scheme=scheme) for scheme in ("light", "dark")}


@pytest.fixture(scope="session")
def opening(windows, tmp_path_factory):
    """A context in which a page shows a file, or a text as a file."""

    @contextlib.contextmanager
    def open(content, suffix=".svg", scheme="light"):
        path = content
        if not isinstance(content, Path):
            path = tmp_path_factory.mktemp("page") / f"page{suffix}"
            path.write_text(content, encoding="utf-8")
        page = windows[scheme].new_page()
        seen = Visit(page)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda message: seen.complaints.append(message.text))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (seen.complaints.append("dialog"), dialog.dismiss()))
        page.goto(path.as_uri(), wait_until="load")
        page.wait_for_timeout(20)  # a script or a request that load does not wait for
        yield seen
        page.close()

    return open


@pytest.fixture
def visit(opening):
    """Opens pages that stay open to the end of the test."""
    with contextlib.ExitStack() as pages:
        yield lambda *arguments, **options: pages.enter_context(opening(*arguments, **options))
