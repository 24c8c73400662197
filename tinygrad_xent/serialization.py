"""Save and load state: weights, optimisers, schedules, generators, and whatever else a run needs.

    tx.save("run.safetensors", {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": rng.bit_generator.state,
        "epoch": 3,
    })
    state = tx.load("run.safetensors")
    model.load_state_dict(state["model"])
    rng.bit_generator.state = state["rng"]

The file is a safetensors file, so other programs can read its arrays; the nesting around the arrays is
JSON in its metadata. Nothing is ever unpickled: loading runs no code from the file. A SHA-256 of arrays
and JSON detects damage and careless edits; it is not a signature, so it does not stop a forger.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .engine import errors
from .engine.operands import plain_array
from .engine.tensors import Tensor, raw
from .files import permissions, replace_file

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]

FORMAT = "tinygrad_xent"  # the metadata's key for the version
VERSION = "1"
DEEPEST = 100  # levels of containers: less than Python's limit of recursion
LONGEST = 10_000  # bits of an integer: Python reads no more than 4300 digits
# what the format calls the dtypes of the arrays that `save` takes
DTYPES = {"F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"}
BFLOAT16 = (  # the upper half of a float32; NumPy has no such dtype
    "x = dict(safetensors.deserialize(pathlib.Path(path).read_bytes()))[NAME]; "
    "(np.frombuffer(x['data'], '<u2').astype('<u4') << 16).view('<f4').reshape(x['shape'])"
)


def save(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write a state to a file, whole or not at all.

    The bytes go to a temporary file in the same directory, are flushed to disk, and replace the file in
    one move: a crash at any moment leaves the old file or the new one. (A killed process may leave its
    temporary file, `.NAME.*.tmp`.)

    Args:
        path: the file; an existing one is replaced and keeps its permissions. Of a symbolic link, the
            file that it names is replaced.
        state: a mapping with string keys of arrays, tensors, numbers, strings, booleans, None, and
            mappings, lists and tuples of them.

    Raises:
        DtypeError: there is something else in `state`; the message says where. Nothing is written.
        ValueError: `state` is nested more than 100 deep, or what it holds beside arrays is more than
            the format allows; or what is at this path is no regular file but, say, a directory.
        ImportError: the extra `io` is not installed.
    """
    safetensors = _safetensors()
    if not isinstance(state, Mapping):
        what = "save: the state must be a mapping"
        raise errors.DtypeError(what, [state], "pass model.state_dict()")
    arrays: Arrays = {}
    text = json.dumps(_encode(state, "", arrays))
    metadata = {FORMAT: VERSION, "state": text, "sha256": _checksum(text, arrays)}
    try:
        content = safetensors.numpy.save(arrays, metadata)
    except safetensors.SafetensorError as error:
        what = f"save: {len(text):,} characters of numbers and texts beside the arrays ({error})"
        raise errors.BadValueError(
            what, fix="make arrays of long lists: np.array(losses)"
        ) from None
    replace_file(path, content)


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a state that `save` wrote: the same nesting, with arrays in place of tensors.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, damaged, forged, or not written by `save`.
        ImportError: the extra `io` is not installed.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     tx.save(f"{folder}/run.safetensors", {"w": Tensor([1.0, 2.0]), "epoch": 3})
    ...     tx.load(f"{folder}/run.safetensors")
    {'w': array([1., 2.]), 'epoch': 3}
    """
    metadata, arrays, others = _read(path)
    if others or metadata.get(FORMAT) != VERSION or not {"state", "sha256"} <= metadata.keys():
        raise _foreign(path, others)
    if _checksum(metadata["state"], arrays) != metadata["sha256"]:
        what = f"load: {path} was changed after it was saved: its checksum does not match"
        raise errors.BadValueError(what, fix="load another copy")
    try:
        state = _decode(json.loads(metadata["state"], object_pairs_hook=_once), arrays)
        if arrays or not isinstance(state, dict):
            raise ValueError(f"not a mapping of everything in the file: {', '.join(arrays)}")
    except (ValueError, RecursionError) as error:
        what = f"load: {path} was not written by tinygrad_xent.save, though its checksum is right"
        raise errors.BadValueError(f"{what} ({error})", fix="load another copy") from None
    return state


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, str], Arrays, dict[str, str]]:
    """The metadata of a file, its arrays, and the dtypes of those that `save` never writes."""
    safetensors = _safetensors()
    permissions("load", path)
    Path(path).open("rb").close()  # the system's own error if it can't be read
    try:
        with safetensors.safe_open(os.fspath(path), framework="numpy") as file:
            dtypes = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
            others = {name: dtype for name, dtype in dtypes.items() if dtype not in DTYPES}
            names = [name for name in dtypes if name not in others]
            arrays = {name: np.array(file.get_tensor(name)) for name in names}
            return file.metadata() or {}, arrays, others
    except Exception as error:  # a damaged header can raise anything
        what = f"load: {path} is damaged or not a safetensors file ({error})"
        raise errors.BadValueError(what, fix="load another copy") from None


def _foreign(path: str | os.PathLike[str], others: Mapping[str, str]) -> errors.BadValueError:
    """The error for a sound file of another program; it says how its arrays are read."""
    what = f"load: {path} is a sound safetensors file, but was not written by tinygrad_xent.save"
    what += f" (version {VERSION})"
    fix = "safetensors.numpy.load_file(path) gives its arrays for load_state_dict"
    if others:
        named = [f"{name} is {dtype.replace('BF', 'bfloat')}" for name, dtype in others.items()]
        listed = ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
        what += f". NumPy can't hold all of it: {listed}"
        fix = "have the program that wrote it convert them to float32"
    if set(others.values()) == {"BF16"}:
        fix += f"; or convert each without a loss, as here the first:\n    {BFLOAT16}"
        fix = fix.replace("NAME", repr(next(iter(others))))
    return errors.BadValueError(what, fix=fix)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            'save and load need the package safetensors: pip install "tinygrad_xent[io]"'
        ) from None
    return safetensors


def _encode(value: Any, path: str, arrays: Arrays, depth: int = 0) -> Any:
    """The value as JSON in which each container names its type; arrays go to `arrays` by name."""
    if isinstance(value, (np.ndarray, Tensor)):
        name = (path or "array").encode("utf-8", "backslashreplace").decode()  # half a character
        while name in arrays or name == "__metadata__":  # {"a.b": x, "a": {"b": y}}
            name += "'"
        arrays[name] = _plain_array(value, path)
        return {"array": name}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and value.bit_length() > LONGEST:
        what = f"save: {path} is an integer of {value.bit_length():,} bits, over {LONGEST:,}"
        raise errors.BadValueError(
            what, fix="save its bytes, as np.frombuffer(n.to_bytes(...), 'u1')"
        )
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if depth == DEEPEST:
        what = f"save: {path[:80]}... is nested more than {DEEPEST} deep"
        raise errors.BadValueError(what, fix="keep it flatter; does it hold itself?")
    here, inside = f"{path}." if path else "", depth + 1
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        parts = value.items()
        return {"dict": {key: _encode(part, here + key, arrays, inside) for key, part in parts}}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encode(x, f"{here}{i}", arrays, inside) for i, x in enumerate(value)]}
    what = f"save: can't save {path or 'the state'}"
    fix = "save x.state_dict() of a model or optimiser, rng.bit_generator.state of a generator"
    raise errors.DtypeError(what, [value], fix)


def _plain_array(value: Any, path: str) -> npt.NDArray[Any]:
    array = plain_array(f"save: {path}", raw(value), [value])
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        what = f"save: {path} has dtype {array.dtype}"
        raise errors.DtypeError(what, fix="convert it to floats or integers")
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def _decode(value: Any, arrays: Arrays, depth: int = 0) -> Any:
    """What `_encode` made this JSON of. Its arrays are taken out of `arrays`.

    Raises:
        ValueError: `_encode` makes no such JSON.
    """
    if depth > DEEPEST:
        raise ValueError(f"nested more than {DEEPEST} deep")
    inside = depth + 1
    match value:
        case None | bool() | int() | float() | str():
            return value
        case {"array": str(name), **more} if name in arrays and not more:
            return arrays.pop(name)
        case {"dict": dict(parts), **more} if not more:
            return {key: _decode(part, arrays, inside) for key, part in parts.items()}
        case {"list": list(parts), **more} if not more:
            return [_decode(part, arrays, inside) for part in parts]
        case {"tuple": list(parts), **more} if not more:
            return tuple(_decode(part, arrays, inside) for part in parts)
    raise ValueError(f"it holds {repr(value)[:60]}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dictionary of JSON, each of whose keys may occur once."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError(f"a key occurs twice among {', '.join(key for key, _ in pairs)[:60]}")
    return found


def _checksum(text: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
