"""TorchStore: how the cache measures, moves, keeps and names values that hold tensors.

A tensor counts by its storage, so that views, and models that share weights, count once. Values of tensors and plain
data can be moved and written; models are kept as they are. Nothing here copies a tensor to the host unless asked to
move, write or name it. Implements `run.plain.Store`.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Hashable, Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save_file

from .memory.residency import InPlace, Residency
from .run.cache import Cache
from .run.ledger import DEVICE, RAM, Part
from .run.lists import Many
from .run.plain import PlainStore, Unsavable, decode, encode

__all__ = ["DeviceAccount", "TorchStore"]

_LARGE = 1024  # bytes from which a plain object is counted by itself
# What these refer to is code or is shared by the whole process: not held by a value.
_CODE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, torch.dtype, torch.device)
_SHARED = (*_CODE, InPlace, Residency)


class _OffDevice(NamedTuple):
    """A tensor in RAM that belongs on a device."""

    tensor: torch.Tensor
    device: torch.device


class TorchStore(PlainStore):
    """The store for values of tensors, arrays, models and plain data."""

    def measure(self, value: Any) -> tuple[Part, ...]:
        """Return one part per storage and large object, and one for all that is small."""
        small = 0
        parts: dict[Hashable, Part] = {}
        for item in _reached(value):
            if isinstance(item, torch.Tensor):
                part = self.part(item)
                if part is not None:
                    parts[part.storage] = part
                continue
            size = item.nbytes if isinstance(item, np.ndarray) else sys.getsizeof(item)
            if size >= _LARGE:
                parts["object", id(item)] = Part(("object", id(item)), size, RAM)
            else:
                small += size
        if small:
            parts["small", id(value)] = Part(("small", id(value)), small, RAM)
        return tuple(parts.values())

    def part(self, tensor: torch.Tensor) -> Part | None:
        """Return the storage of a tensor as a part; None when it has none."""
        if tensor.device.type == "meta":
            return None
        tier = RAM if tensor.device.type == "cpu" else DEVICE
        if tensor.layout != torch.strided:
            return Part(("tensor", id(tensor)), tensor.numel() * tensor.element_size(), tier)
        storage = tensor.untyped_storage()
        return Part((str(tensor.device), storage.data_ptr()), storage.nbytes(), tier) if storage.nbytes() else None

    def holds_model(self, value: Any) -> bool:
        """Tell whether a value holds a network anywhere: a model, or what was made of one, such as a guider."""
        return any(isinstance(item, torch.nn.Module) for item in _reached(value))

    def to_host(self, value: Any) -> Any:
        """Return `value` with every device tensor copied to RAM. Raises Unsavable for models and other objects."""
        return _mapped(value, self.lower)

    def to_device(self, packed: Any) -> Any:
        """Return the value that was given to `to_host`, each tensor on its device again."""
        return _mapped(packed, self.lift)

    def lower(self, leaf: Any) -> Any:
        """Copy one device tensor to RAM; anything else that is plain stays. Raises Unsavable."""
        if isinstance(leaf, torch.Tensor):
            part = self.part(leaf)
            if part is None or part.tier == RAM:
                return leaf
            return _OffDevice(leaf.detach().to("cpu"), leaf.device)
        if isinstance(leaf, np.ndarray):
            return leaf
        raise Unsavable(type(leaf).__qualname__)

    def lift(self, leaf: Any) -> Any:
        """Undo `lower` for one leaf."""
        return leaf.tensor.to(leaf.device) if isinstance(leaf, _OffDevice) else leaf

    def save(self, value: Any, path: Path) -> dict[str, Any]:
        """Write the tensors to `path` as safetensors and return the rest. Raises Unsavable, OSError."""
        tensors: dict[str, torch.Tensor] = {}
        names: dict[int, str] = {}
        storages: set[int] = set()

        def leaf(item: Any) -> Any:
            if not isinstance(item, (torch.Tensor, np.ndarray)):
                raise Unsavable(type(item).__qualname__)
            if id(item) not in names:
                names[id(item)] = str(len(tensors))
                tensors[names[id(item)]] = _writable(item, storages)
            if isinstance(item, np.ndarray):
                return {"array": [names[id(item)], str(item.dtype)]}
            return {"tensor": [names[id(item)], str(item.device)]}

        rest = encode(value, leaf)
        if tensors:
            try:
                save_file(tensors, path)
            except (SafetensorError, ValueError, KeyError) as error:
                raise Unsavable(str(error)) from error
        return {"value": rest}

    def load(self, path: Path, rest: Mapping[str, Any]) -> Any:
        """Read what `save` wrote, each tensor on its device if this machine has it, else in RAM."""
        tensors: dict[str, torch.Tensor] = {}
        if path.exists():
            try:
                # Read, not mapped: the cache may remove the file while the value is in use.
                tensors = read_tensors(path.read_bytes())
            except SafetensorError as error:
                raise ValueError(str(error)) from error

        def leaf(tag: str, inner: Any) -> Any:
            tensor = tensors[inner[0]]
            if tag == "array":
                return tensor.numpy().astype(inner[1], copy=False)
            if tag != "tensor":
                raise ValueError(f"unknown tag {tag!r}")
            return _on(tensor, inner[1])

        return decode(rest["value"], leaf)

    def digest(self, value: Any) -> str | None:
        """Return a hash of all bytes, types and shapes; None for models and other objects. Waits for the device."""

        def leaf(item: Any) -> Any:
            if isinstance(item, np.ndarray):
                content, kind = np.ascontiguousarray(item).tobytes(), f"array {item.dtype}"
            elif isinstance(item, torch.Tensor) and item.layout == torch.strided and item.device.type != "meta":
                content, kind = _bytes(item), f"tensor {item.dtype}"
            else:
                raise Unsavable(type(item).__qualname__)
            return {"leaf": [kind, list(item.shape), blake2b(content, digest_size=16).hexdigest()]}

        try:
            text = repr(encode(value, leaf))
        except (Unsavable, RecursionError):
            return None
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def memory(self) -> dict[str, int]:
        """Return the resident bytes of the process, and what torch holds on an accelerator that is in use."""
        found = super().memory()
        if torch.cuda.is_initialized():
            found["device"] = sum(torch.cuda.memory_allocated(index) for index in range(torch.cuda.device_count()))
        return found


class DeviceAccount:
    """Has the cache's ledger count weights on the device, and move its own values out for them."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def reserve(self, what: Hashable, nbytes: int) -> None:
        """Count bytes that weights are about to take, whether or not the cache can make all the room."""
        self._cache.reserve((Part(what, nbytes, DEVICE),))

    def release(self, what: Hashable, nbytes: int) -> None:
        """Take back what was counted under the same name."""
        self._cache.release((Part(what, nbytes, DEVICE),))


def _reached(value: Any) -> Iterator[Any]:
    """Yield a value and everything it holds, each object once; what lies inside a tensor is not looked at."""
    seen: set[int] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, _SHARED):
            continue
        seen.add(id(item))
        yield item
        if not isinstance(item, torch.Tensor):
            stack.extend(_inside(item))


def _inside(item: Any) -> Iterable[Any]:
    """Return what an object holds, as far as it can hold tensors."""
    if isinstance(item, torch.nn.Module):
        return (*item.parameters(), *item.buffers())
    if isinstance(item, Mapping):
        return (*item.keys(), *item.values())
    if isinstance(item, (list, tuple, set, frozenset)):
        return tuple(item)
    if isinstance(item, (str, bytes, int, float, np.ndarray)) or item is None:
        return ()
    if isinstance(item, types.MethodType):
        return (item.__self__,)
    if isinstance(item, functools.partial):
        return (item.args, item.keywords)
    slots = [getattr(item, name, None) for kind in type(item).__mro__ for name in getattr(kind, "__slots__", ())]
    return (*getattr(item, "__dict__", {}).values(), *slots)


def _mapped(value: Any, leaf: Any) -> Any:
    """Return a copy of a nested value with `leaf` applied to whatever is no plain container or scalar."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes):
        return value
    if kind is dict:
        return {key: _mapped(item, leaf) for key, item in value.items()}
    if kind is list:
        return [_mapped(item, leaf) for item in value]
    if kind is Many:
        return Many(_mapped(item, leaf) for item in value)
    if kind is tuple:
        return tuple(_mapped(item, leaf) for item in value)
    return leaf(value)


def _writable(item: torch.Tensor | np.ndarray[Any, Any], storages: set[int]) -> torch.Tensor:
    """Return a contiguous host tensor that shares no storage with those already taken."""
    if isinstance(item, np.ndarray):
        if item.dtype.kind not in "biuf":
            raise Unsavable(f"array of {item.dtype}")
        tensor = torch.from_numpy(np.ascontiguousarray(item))
    elif item.layout != torch.strided or item.device.type == "meta" or item.is_quantized:
        raise Unsavable(f"{item.layout} tensor")
    else:
        tensor = item.detach().to("cpu").contiguous()
    pointer = tensor.untyped_storage().data_ptr()
    if pointer in storages or tensor.untyped_storage().nbytes() != tensor.numel() * tensor.element_size():
        tensor = tensor.clone()
        pointer = tensor.untyped_storage().data_ptr()
    storages.add(pointer)
    return tensor


def _bytes(tensor: torch.Tensor) -> bytes:
    host = tensor.detach().to("cpu").contiguous().reshape(-1)
    return host.view(torch.uint8).numpy().tobytes() if host.numel() else b""


def _on(tensor: torch.Tensor, device: str) -> torch.Tensor:
    if device == "cpu":
        return tensor
    try:
        return tensor.to(device)
    except (RuntimeError, AssertionError):  # torch asserts that it was built for the device
        return tensor
