"""DOT -> SVG, PNG, PDF or what else Graphviz writes, in a child process with a time limit.

Graphviz can take minutes over a small graph and can't be interrupted from inside, so it never runs in
this process. The engines in order: pygraphviz, whose wheels carry Graphviz, in a child of
`sys.executable`; a `dot` program on the PATH; else an error that names the pip command.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

LONGEST = 1e6  # seconds: the system counts a wait's milliseconds in 32 bits
INSTALL = "pip install pygraphviz"
_MISSING = 86  # the child's exit status where pygraphviz can't be imported
_CHILD = f"""
import sys
try:
    import pygraphviz
except Exception:
    sys.exit({_MISSING})
dot = sys.stdin.buffer.read().decode()
sys.stdout.buffer.write(pygraphviz.AGraph(string=dot).draw(format=sys.argv[1], prog="dot"))
"""


class EngineMissingError(ImportError):
    """There is nothing on this machine that can lay a graph out."""


class LayoutTimeoutError(TimeoutError):
    """The layout took longer than its limit and was ended."""


class LayoutError(RuntimeError):
    """The layout engine failed; its own words follow."""


def render(dot: str, format: str, time_limit: float) -> bytes:
    """Lay DOT text out.

    Raises:
        EngineMissingError: neither pygraphviz nor a `dot` program is there.
        LayoutTimeoutError: it took longer than `time_limit` seconds.
        LayoutError: the engine failed.
    """
    data = dot.encode()
    if sys.executable:
        path = os.pathsep.join(p for p in sys.path if p)
        # -P: the working directory is no place to import from
        command = [sys.executable, "-P", "-c", _CHILD, format]
        status, out, words = _run(command, data, time_limit, {**os.environ, "PYTHONPATH": path})
        if status == 0:
            return out
        if status != _MISSING:
            raise LayoutError(f"pygraphviz could not lay out the graph: {_reason(status, words)}")
    if program := shutil.which("dot"):
        status, out, words = _run([program, f"-T{format}"], data, time_limit, dict(os.environ))
        if status == 0:
            return out
        raise LayoutError(f"{program} could not lay out the graph: {_reason(status, words)}")
    raise EngineMissingError(
        f"drawing needs Graphviz, and neither pygraphviz nor a dot program is there\n"
        f"  fix: {INSTALL} (its wheels carry Graphviz), or use drawing.dot: the DOT text needs none"
    )


def _run(
    command: list[str], data: bytes, time_limit: float, environment: dict[str, str]
) -> tuple[int, bytes, str]:
    """Exit status, output and the last words of a command, which is ended past the limit."""
    pipe = subprocess.PIPE
    try:
        child = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
        )
    except OSError as error:
        return _MISSING, b"", str(error)
    try:
        out, words = child.communicate(data, timeout=min(time_limit, LONGEST))
    except subprocess.TimeoutExpired:
        raise LayoutTimeoutError(f"the layout took longer than {time_limit:g} s") from None
    finally:
        _end(child)
    return child.returncode, out, words.decode(errors="replace").strip()[-500:]


def _reason(status: int, words: str) -> str:
    """Why a child failed: its last words, and the signal that ended it if one did.

    >>> _reason(-9, "")
    'ended by signal 9 (SIGKILL); out of memory, perhaps'
    >>> _reason(1, "no plugins"), _reason(3, "")
    ('no plugins', 'exit status 3, without a word')
    """
    if status >= 0:
        return words or f"exit status {status}, without a word"
    names = {number.value: f" ({number.name})" for number in signal.Signals}
    reason = f"ended by signal {-status}{names.get(-status, '')}"
    if "SIGKILL" in reason:  # which nobody sends as often as a system without memory
        reason += "; out of memory, perhaps"
    return f"{words}\n{reason}" if words else reason


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child and what it started: a `dot` may be a script whose own child holds our pipes."""
    if child.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)  # it leads a session, so a group, of its own
        child.kill()
        child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            stream.close()
