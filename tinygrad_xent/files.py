"""A file is replaced by new content in one move: whoever reads it finds the old one or the new one."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from .engine import errors

KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def permissions(who: str, path: str | os.PathLike[str]) -> int:
    """The permission bits of a file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no regular file: a directory, a named pipe, a device.
    """
    mode = Path(path).stat().st_mode
    if not stat.S_ISREG(mode):
        what = f"{who}: {path} is {KINDS.get(stat.S_IFMT(mode), 'no regular file')}"
        raise errors.BadValueError(what, fix="give the name of a file")
    return stat.S_IMODE(mode)


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file, whole or not at all; an existing one keeps its permissions.

    The bytes go to a temporary file beside it, are flushed to disk, and take its place in one move.
    A symbolic link stays one: the file that it names is replaced.

    Raises:
        ValueError: there is something else than a regular file at this path; nothing is written.
        OSError: the system's own. Nothing has changed.
    """
    target = Path(os.path.realpath(path))
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = permissions("save", target)
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "save: there is no such folder", str(target.parent))
    # 50 characters, 200 bytes at most: with what is added, the system's limit of 255 is kept
    temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(8)}.tmp")
    created = 0o666 if mode is None else mode & 0o666  # never readable by more than the old file

    try:
        with open(temporary, "xb", opener=lambda p, flags: os.open(p, flags, created)) as file:
            if mode is not None:
                temporary.chmod(mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _flush_directory(target.parent)


def _flush_directory(folder: Path) -> None:
    """Bring a move to disk, where the system can: after the move, nothing can be undone any more."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            directory = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
