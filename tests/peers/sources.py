"""The source packages of other projects: from the registry, or from a folder that has them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path


class NoTestsError(Exception):
    """The project's source package holds no tests, and no folder with its repository was given."""


def unpacked(requirement: str, into: Path, given: Path | None = None) -> Path:
    """The folder with the sources of `name==version`, or of `name` if its source package lacks the tests.

    Args:
        requirement: what pip is asked for; without a version, the name of a folder that must be given.
        into: where archives and folders are put; what is already there is used.
        given: a folder that holds the archive, or the folder, `name-version`; nothing is downloaded.
    """
    stem = requirement.replace("==", "-")
    if given and (given / stem).is_dir():
        return given / stem
    folder, archive = into / stem, (given or into) / f"{stem}.tar.gz"
    if stem == requirement:
        text = "holds no tests: --sources DIR, with its repository in"
        raise NoTestsError(f"its source package {text} {(given or Path('DIR')) / stem}")
    if folder.is_dir() and not given:
        return folder
    into.mkdir(parents=True, exist_ok=True)
    if not given:
        options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(into)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, requirement], check=True)
    with tarfile.open(archive) as file:
        file.extractall(into, filter="data")
    return folder
