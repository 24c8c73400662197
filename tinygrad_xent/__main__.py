"""`python -m tinygrad_xent script train.py --output loss`: the NumPy script of what a script computes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from .command_line import fail, names_of, told
from .engine.tensors import Tensor

COMMAND = "tinygrad_xent"


def parser() -> argparse.ArgumentParser:
    """The options of the command line."""
    made = argparse.ArgumentParser(prog=f"python -m {COMMAND}", description=__doc__)
    commands = made.add_subparsers(dest="command", required=True)
    script = commands.add_parser(
        "script", help="write the computation of a tensor as a NumPy script"
    )
    script.add_argument("file", type=Path, help="a Python script, run as the main program")
    script.add_argument("--output", default="loss", help="the tensor's name in the script (loss)")
    script.add_argument("-o", "--out", type=Path, help="a file to write; the terminal if left out")
    script.add_argument("--data", action="store_true", help="write the arrays into the script too")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the file, write the script of the tensor that it leaves. Returns the exit status: 2 where the
    command is at fault, 1 where the computation can't be written.
    """
    options = parser().parse_args(arguments)
    if not options.file.is_file():
        return fail(COMMAND, f"there is no file {options.file}")
    with redirect_stdout(sys.stderr if options.out is None else sys.stdout):
        names = names_of(options.file)
    tensor = names.get(options.output)
    if not isinstance(tensor, Tensor):
        what = (
            f"{options.file.name} leaves no tensor named {options.output!r}; name one with --output"
        )
        return fail(COMMAND, what)
    from .programs.scripts import of_tensor

    try:
        text = of_tensor(tensor, names, options.data)
    except (ValueError, TypeError, RuntimeError) as error:
        return fail(COMMAND, told(error), status=1)
    if options.out is None:
        print(text, end="")
    else:
        print(text.save(options.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
