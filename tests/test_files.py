"""Whoever writes a file, a state or a picture, replaces it whole, in one move, or not at all."""

import os
import socket
import stat
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
import viz
from tinygrad_xent.engine.errors import BadValueError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions, pipes and sockets")

DRAWING = viz.draw(tx.Tensor(1.0, requires_grad=True, name="x") * 2.0)

# by the ending of the file, how it is written
WRITERS = {
    ".safetensors": lambda path: tx.save(path, {"w": np.arange(3.0)}),
    **dict.fromkeys(viz.WRITERS, DRAWING.save),
}


@pytest.fixture(params=WRITERS)
def ending(request):
    return request.param


@pytest.fixture
def old(tmp_path, ending):
    """A file that is there already."""
    path = tmp_path / f"name{ending}"
    path.write_bytes(b"old")
    return path


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444, 0o755, 0o000])
def test_a_file_keeps_its_permissions(old, ending, mode):
    old.chmod(mode)
    WRITERS[ending](old)
    assert mode_of(old) == mode
    old.chmod(0o600)
    assert old.read_bytes() != b"old"


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077])
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path, ending, mask):
    path, other = tmp_path / f"name{ending}", tmp_path / "other"
    before = os.umask(mask)
    try:
        WRITERS[ending](path)
        other.write_text("by open()")
    finally:
        os.umask(before)
    assert mode_of(path) == mode_of(other) == 0o666 & ~mask


def test_a_secret_is_never_readable_by_others(old, ending, monkeypatch):
    """Not even for a moment, as a temporary file."""
    old.chmod(0o600)
    seen = []
    fsync = os.fsync

    def look(descriptor):
        seen.extend(mode_of(path) for path in old.parent.iterdir())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    WRITERS[ending](old)
    assert len(seen) > 2
    assert set(seen) == {0o600}


@pytest.mark.parametrize("letter", ["n", "ü", "語", "𝛼"])
def test_a_name_may_be_as_long_as_the_system_allows(tmp_path, ending, letter):
    count = (255 - len(ending)) // len(letter.encode())
    name = (letter * count + ending).rjust(255 - count * (len(letter.encode()) - 1), "_")
    assert len(name.encode()) == 255
    for _ in range(2):
        WRITERS[ending](tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def make_socket(path):
    here = Path.cwd()
    os.chdir(path.parent)  # the names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def link_to_a_device(path):
    """To a terminal of our own. Its directory takes no files, whatever is being tested: to replace
    /dev/null by a file, as root can, would harm the machine.
    """
    _, terminal = TERMINAL
    path.symlink_to(os.ttyname(terminal))


TERMINAL = os.openpty() if os.name == "posix" else (0, 0)

NO_FILES = {
    "a directory": Path.mkdir,
    "a named pipe": os.mkfifo,
    "a socket": make_socket,
    "a device": link_to_a_device,
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_regular_file_is_left_alone(tmp_path, ending, kind):
    path = tmp_path / f"name{ending}"
    NO_FILES[kind](path)
    before = path.lstat()
    with pytest.raises(BadValueError, match=rf"save: .* is {kind}\n(.|\n)*fix: give the name"):
        WRITERS[ending](path)
    assert path.lstat() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", NO_FILES)
def test_nothing_is_loaded_from_what_is_no_regular_file(tmp_path, kind):
    """Nor waits a load for a pipe that nobody writes to."""
    NO_FILES[kind](tmp_path / "x")
    with pytest.raises(BadValueError, match=f"load: .* is {kind}"):
        tx.load(tmp_path / "x")


def test_a_link_stays_a_link_and_its_file_is_replaced(old, ending):
    link, later = old.with_name(f"link{ending}"), old.with_name(f"later{ending}")
    link.symlink_to(old.name)
    later.symlink_to("nothing-yet")
    old.chmod(0o640)
    for path in (link, later):
        WRITERS[ending](path)
        assert path.is_symlink()
    assert old.read_bytes() != b"old"
    assert old.with_name("nothing-yet").exists()
    assert mode_of(old) == 0o640


def test_links_in_a_circle_are_no_file(tmp_path, ending):
    path = tmp_path / f"name{ending}"
    path.symlink_to(path.name)
    with pytest.raises(OSError, match="Too many levels"):
        WRITERS[ending](path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.is_symlink()


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_what_fails_leaves_the_old_file_and_no_other(old, ending, monkeypatch, call, error):
    old.chmod(0o640)

    def fails(*arguments, **settings):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        if call == "replace":
            patch.setattr(Path, call, fails)
        with pytest.raises(type(error)):
            WRITERS[ending](old)
    assert old.read_bytes() == b"old"
    assert mode_of(old) == 0o640
    assert list(old.parent.iterdir()) == [old]


def test_after_the_move_nothing_fails_any_more(old, ending, monkeypatch):
    """Some file systems can't flush a directory: the new file is there all the same."""
    fsync = os.fsync

    def of_files_only(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError("not supported")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", of_files_only)
    WRITERS[ending](old)
    assert old.read_bytes() != b"old"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("ending", viz.WRITERS)
def test_a_picture_that_can_not_be_drawn_leaves_the_old_one(tmp_path, monkeypatch, ending):
    path = tmp_path / f"name{ending}"
    path.write_bytes(b"old")

    def fails(drawing):
        raise KeyboardInterrupt

    monkeypatch.setitem(viz.WRITERS, ending, fails)
    with pytest.raises(KeyboardInterrupt):
        DRAWING.save(path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]
