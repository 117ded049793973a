"""Old checkpoints (zip archives holding a pickle), read without letting the pickle run anything.

The pickle may name only what tensors are made of; a few harmless things that trainers left in become inert
stand-ins; any other name refuses the file. Storage is read by us, bounds-checked. Knows nothing of networks.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError

__all__ = ["PickledFile", "looks_pickled", "open_pickle"]

PICKLE_LIMIT = 64 * 2**20  # of the pickle itself; the tensors lie beside it
DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
WRAPPERS = ("state_dict", "params_ema", "params", "string_to_param")
FORBIDDEN = {"INST", "OBJ", "EXT1", "EXT2", "EXT4", "NEWOBJ_EX", "NEXT_BUFFER", "READONLY_BUFFER"}


class Inert:
    """A stand-in for an object nobody needs; takes any arguments and state, keeps nothing.

    The stand-ins have `__setstate__` so that a pickle's BUILD on the class itself fails instead of changing
    it.
    """

    __slots__ = ()

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, value: object) -> None:
        """Take a list item and drop it."""

    def extend(self, values: object) -> None:
        """Take list items and drop them."""


class Recipe(Inert):
    """What the pickle says of one tensor; checked and built only after unpickling has ended."""

    __slots__ = ("arguments",)

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments


class Wrapped(Recipe):
    """What the pickle says of a parameter: its first argument is the tensor's recipe."""

    __slots__ = ()


INERT = {
    ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
    ("pytorch_lightning.callbacks.early_stopping", "EarlyStopping"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
"""Left in SD checkpoints by their trainers; of no use to inference."""


@dataclass(frozen=True)
class PickledFile:
    """The tensors of a pickle, already in memory."""

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Every tensor's shape."""
        return {key: tuple(tensor.shape) for key, tensor in self.tensors.items()}

    def tensor(self, key: str) -> Tensor:
        """Return one tensor."""
        return self.tensors[key]


def looks_pickled(path: Path) -> bool:
    """Tell by its first bytes whether a file is a zip archive or a bare pickle (protocol 2 to 5)."""
    with path.open("rb") as file:
        start = file.read(10)
    # 80 02 .. may be the length of a safetensors header, but then the ninth byte is its "{".
    if start[8:9] == b"{":
        return False
    return start[:4] == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05")


def open_pickle(path: Path, *, under: str | None = None) -> PickledFile:
    """Read the tensors of a pickled checkpoint without running it.

    under: the key whose value holds the tensors, tried before the usual wrappers.
    Raises: UserError M007 for anything that is not a plain archive of tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            name = next((name for name in members if name == "data.pkl" or name.endswith("/data.pkl")), None)
            if name is None:
                raise refused(path, "an archive with a data.pkl", "none")
            for info in members.values():
                # Stored, so that nothing unpacks to more than the file's own size.
                if info.compress_type != zipfile.ZIP_STORED or info.file_size > path.stat().st_size:
                    raise refused(path, "members stored as they are", f"{info.filename[:60]} compressed")
            if members[name].file_size > PICKLE_LIMIT:
                raise refused(path, f"a pickle of at most {PICKLE_LIMIT} bytes", str(members[name].file_size))
            data = archive.read(name)
            check_opcodes(path, data)
            root = name[: -len("data.pkl")]
            content = TensorUnpickler(path, data).load()
            tensors = Builder(lambda key: archive.read(f"{root}data/{key}")).tensors(inner(content, under))
    except zipfile.BadZipFile as error:
        raise refused(path, "a zip archive as torch 1.6 and later write", "something else") from error
    except (
        pickle.UnpicklingError,
        KeyError,
        ValueError,
        TypeError,
        EOFError,
        IndexError,
        AttributeError,
        RuntimeError,
        OverflowError,
        RecursionError,
        MemoryError,
    ) as error:
        raise refused(path, "a readable pickle of tensors", type(error).__name__) from error
    if not tensors:
        raise refused(path, "named tensors", type(content).__name__)
    return PickledFile(path, tensors, {})


def inner(content: object, under: str | None) -> object:
    """Return an unpickled value out of the wrapper it may be in."""
    for wrapper in (under, *WRAPPERS):
        if wrapper is not None and isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            return content[wrapper]
    return content


def check_opcodes(path: Path, data: bytes) -> None:
    """Refuse opcodes no tensor file uses, and memo numbers meant to exhaust memory."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if opcode.name in FORBIDDEN:
            raise refused(path, "a pickle of tensors", f"the opcode {opcode.name}")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and isinstance(argument, int) and argument > count:
            raise refused(path, "memo numbers in order", str(argument))


class TensorUnpickler(pickle.Unpickler):
    """An unpickler that knows recipes of tensors, ordered dicts and the inert names, and nothing else."""

    def __init__(self, path: Path, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in of an allowed name. Raises: UserError M007 for any other."""
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return Recipe
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return Wrapped
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) in INERT:
            return Inert
        raise refused(self._path, "a pickle of tensors only", f"the name {module[:60]}.{name[:60]}")

    def persistent_load(self, pid: Any) -> object:
        """Return the persistent id itself; `Builder` reads what it names."""
        return pid


class Builder:
    """Makes tensors of recipes, each storage read once."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self._storages: dict[str, Tensor] = {}

    def tensors(self, content: object) -> dict[str, Tensor]:
        """Return the tensors of a dictionary of recipes, under their names; other items are left out."""
        if not isinstance(content, dict):
            return {}
        return {
            key: self._tensor(item)
            for key, item in content.items()
            if isinstance(key, str) and isinstance(item, Recipe)
        }

    def _tensor(self, recipe: Recipe) -> Tensor:
        if isinstance(recipe, Wrapped):
            (inside, *_) = recipe.arguments
            if not isinstance(inside, Recipe) or isinstance(inside, Wrapped):
                raise ValueError("a parameter holds no tensor")
            return self._tensor(inside)
        pid, offset, size, stride = recipe.arguments[:4]
        storage = self._storage(pid)
        if not isinstance(size, tuple) or not isinstance(stride, tuple) or not isinstance(offset, int):
            raise ValueError("a tensor's layout is none")
        if len(size) != len(stride) or not all(type(n) is int and 0 <= n < 2**48 for n in (offset, *size, *stride)):
            raise ValueError("a tensor's layout is none")
        count = math.prod(size)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if count and (last >= storage.numel() or count > storage.numel()):
            raise ValueError("a tensor reaches beyond its storage")
        return storage.as_strided(size, stride, offset) if count else storage.new_empty(size)

    def _storage(self, pid: Any) -> Tensor:
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(key, str):
            raise ValueError("not a storage")
        if key not in self._storages:
            data = self._read(key)
            if not isinstance(count, int) or count * dtype.itemsize != len(data):
                raise ValueError("a storage of the wrong size")
            flat = torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)
            self._storages[key] = flat
        return self._storages[key]


def refused(path: Path, expected: str, got: str) -> UserError:
    """Return the error for a pickle that is not read."""
    return UserError(
        "M007",
        where=f'"{path.name}"',
        expected=expected,
        got=got,
        fix="Use a safetensors version of this model.",
    )
