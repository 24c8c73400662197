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
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .engine import errors
from .engine.operands import plain_array
from .engine.tensors import Tensor, raw

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]

FORMAT = "tinygrad_xent"  # the metadata's key for the version
VERSION = "1"


def save(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write a state to a file, whole or not at all.

    The bytes go to a temporary file in the same directory, are flushed to disk, and replace the file in
    one move: a crash at any moment leaves the old file or the new one. (A killed process may leave its
    temporary file, `.NAME.*.tmp`.)

    Args:
        path: the file; an existing one is replaced.
        state: a mapping with string keys of arrays, tensors, numbers, strings, booleans, None, and
            mappings, lists and tuples of them.

    Raises:
        DtypeError: there is something else in `state`; the message says where. Nothing is written.
        ImportError: the extra `io` is not installed.
    """
    safetensors = _safetensors()
    if not isinstance(state, Mapping):
        what = "save: the state must be a mapping"
        raise errors.DtypeError(what, [state], "pass model.state_dict()")
    arrays: Arrays = {}
    text = json.dumps(_encode(state, "", arrays))
    metadata = {FORMAT: VERSION, "state": text, "sha256": _checksum(text, arrays)}
    _replace(Path(os.path.realpath(path)), safetensors.numpy.save(arrays, metadata))


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a state that `save` wrote: the same nesting, with arrays in place of tensors.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, damaged, or not written by `save`.
        ImportError: the extra `io` is not installed.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     tx.save(f"{folder}/run.safetensors", {"w": Tensor([1.0, 2.0]), "epoch": 3})
    ...     tx.load(f"{folder}/run.safetensors")
    {'w': array([1., 2.]), 'epoch': 3}
    """
    safetensors = _safetensors()
    Path(path).open("rb").close()  # the system's own error if it can't be read
    try:
        with safetensors.safe_open(os.fspath(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # a damaged header can raise anything
        what = f"load: {path} is damaged or not a safetensors file ({error})"
        raise errors.BadValueError(what, fix="load another copy") from None
    if metadata.get(FORMAT) != VERSION or not {"state", "sha256"} <= metadata.keys():
        what = f"load: {path} was not written by tinygrad_xent.save (version {VERSION})"
        fix = "safetensors.numpy.load_file(path) gives its arrays for load_state_dict"
        raise errors.BadValueError(what, fix=fix)
    if _checksum(metadata["state"], arrays) != metadata["sha256"]:
        what = f"load: {path} was changed after it was saved: its checksum does not match"
        raise errors.BadValueError(what, fix="load another copy")
    state: dict[str, Any] = _decode(json.loads(metadata["state"]), arrays)
    return state


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            'save and load need the package safetensors: pip install "tinygrad_xent[io]"'
        ) from None
    return safetensors


def _encode(value: Any, path: str, arrays: Arrays) -> Any:
    """The value as JSON in which each container names its type; arrays go to `arrays` by name."""
    if isinstance(value, (np.ndarray, Tensor)):
        name = path or "array"
        while name in arrays or name == "__metadata__":  # {"a.b": x, "a": {"b": y}}
            name += "'"
        arrays[name] = _plain_array(value, path)
        return {"array": name}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    here = f"{path}." if path else ""
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _encode(part, here + key, arrays) for key, part in value.items()}}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encode(part, f"{here}{i}", arrays) for i, part in enumerate(value)]}
    what = f"save: can't save {path or 'the state'}"
    fix = "save x.state_dict() of a model or optimiser, rng.bit_generator.state of a generator"
    raise errors.DtypeError(what, [value], fix)


def _plain_array(value: Any, path: str) -> npt.NDArray[Any]:
    array = plain_array(f"save: {path}", raw(value), [value])
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        what = f"save: {path} has dtype {array.dtype}"
        raise errors.DtypeError(what, fix="convert it to floats or integers")
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def _decode(value: Any, arrays: Arrays) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, parts),) = value.items()
    if kind == "array":
        return arrays[parts]
    if kind == "dict":
        return {key: _decode(part, arrays) for key, part in parts.items()}
    decoded = [_decode(part, arrays) for part in parts]
    return decoded if kind == "list" else tuple(decoded)


def _checksum(text: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _replace(path: Path, content: bytes) -> None:
    """Replace the file by this content in one move."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":  # the move itself is on disk once the directory is
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
