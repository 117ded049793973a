"""From named tensors to a network: strict about keys, never holding the weights twice.

The network is made on the meta device, then each of its parameters is replaced by the file's tensor.
Knows nothing of which files hold what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import UserError
from ..memory.cast import cast
from .piece import Piece
from .weights import WeightFile

__all__ = ["Part", "Prepared", "build", "part", "prepare"]

N = TypeVar("N", bound=nn.Module)
C = TypeVar("C")

Pieces = Callable[[list[str]], Mapping[str, Piece]]
JUNK = re.compile(
    r"(.*\.)?position_ids"  # a buffer of old transformers, int64 or float
    r"|logit_scale|text_projection(\.weight)?|vision_model\..*|visual_projection\..*"  # the rest of CLIP
    r"|loss\..*|model_ema\..*"  # of autoencoders' training
    r"|v_pred|ztsnr"  # what marks a checkpoint's process
)
LISTED = 5  # key names in a message


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a file's tensors under the names a network uses."""

    source: WeightFile
    pieces: Mapping[str, Piece]
    """{our key: how it comes out of the file's}."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes, by our keys. Raises: ValueError where the file's do not fit together."""
        return {ours: piece.shape(self.source.shapes) for ours, piece in self.pieces.items()}

    def tensor(self, key: str) -> Tensor:
        """Return a tensor by our key."""
        return self.pieces[key].tensor(self.source.tensor)

    def without(self, *keys: str) -> Part:
        """Return the part without these of our keys."""
        return Part(self.source, {key: piece for key, piece in self.pieces.items() if key not in keys})


def part(
    source: WeightFile,
    prefix: str = "",
    names: Callable[[list[str]], Mapping[str, str]] | None = None,
    pieces: Pieces | None = None,
) -> Part:
    """Return the tensors under a prefix, without known junk.

    names: {file key: our key}; pieces: {our key: how it is made} in place of that, which drops junk itself. Both are
    given keys without the prefix.
    """
    bare = [key[len(prefix) :] for key in source.shapes if key.startswith(prefix)]
    if pieces is not None:
        found = pieces(bare)
    else:
        bare = [key for key in bare if not JUNK.fullmatch(key)]
        renamed = names(bare) if names else {key: key for key in bare}
        found = {renamed[key]: Piece((key,)) for key in bare}
    if prefix:
        found = {ours: replace(piece, keys=tuple(prefix + key for key in piece.keys)) for ours, piece in found.items()}
    return Part(source, found)


class Unstarted(TorchFunctionMode):
    """Leaves out the start values of new layers: on the meta device there are none, and asking takes time."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True, slots=True)
class Prepared(Generic[N]):
    """A network of a file's shape whose keys and shapes have been checked, still without memory of its own."""

    network: N
    weights: Part
    shapes: Mapping[str, tuple[int, ...]]
    """Of the network's own weights, by their keys."""

    def load(self, device: torch.device, dtype: torch.dtype) -> N:
        """Return the network in evaluation mode, without gradients, its parameters the file's tensors.

        A tensor that needs no cast stays a view of the memory-mapped file.
        """
        modules = dict(self.network.named_modules())
        parameters = {key for key, _ in self.network.named_parameters()}
        for key, shape in self.shapes.items():
            tensor = self.weights.tensor(key)
            if tuple(tensor.shape) != shape:
                tensor = tensor.reshape(shape)  # a 1x1 convolution stored as a matrix; all that is let through
            tensor = cast(tensor, device, dtype)
            stem, _, leaf = key.rpartition(".")
            setattr(modules[stem], leaf, nn.Parameter(tensor, requires_grad=False) if key in parameters else tensor)
        return self.network.eval()


def build(
    make: Callable[[C], N],
    configure: Callable[[Mapping[str, tuple[int, ...]]], C],
    weights: Part,
    what: str,
    device: torch.device,
    dtype: torch.dtype,
) -> N:
    """Return what `prepare(...).load(device, dtype)` does."""
    return prepare(make, configure, weights, what).load(device, dtype)


def prepare(
    make: Callable[[C], N], configure: Callable[[Mapping[str, tuple[int, ...]]], C], weights: Part, what: str
) -> Prepared[N]:
    """Return the network that a part's shapes describe, checked against them; reads no weight.

    make: the network's class; configure: shapes to its configuration; what: its name in messages.
    Raises: UserError M003 when the shapes are of no such network, M004 for missing or unexpected keys, M008
    for a shape that differs.
    """
    file = f'"{weights.source.path.name}"'
    try:
        shapes = weights.shapes
        with torch.device("meta"), Unstarted():
            network = make(configure(shapes))
    except (KeyError, ValueError, IndexError, StopIteration, ZeroDivisionError, RuntimeError) as error:
        lacking = f"without {error}" if isinstance(error, KeyError) else f"shapes of none ({error})"
        raise UserError(
            "M003",
            where=f"{file}, {what}",
            expected=f"the weights of a {what}",
            got=lacking[:160],
            fix="Check that the file is whole and of a supported family.",
        ) from error
    wanted = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    check_keys(f"{file}, {what}", wanted, shapes)
    return Prepared(network, weights, wanted)


def check_keys(where: str, wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> None:
    """Raise UserError M004 or M008 unless keys and shapes agree."""
    missing = [key for key in wanted if key not in found]
    unexpected = [key for key in found if key not in wanted]
    if missing or unexpected:
        got = [
            f"{len(keys)} {word}: {listed(keys)}"
            for keys, word in ((missing, "missing"), (unexpected, "unexpected"))
            if keys
        ]
        raise UserError(
            "M004",
            where=where,
            expected=f"exactly its {len(wanted)} keys",
            got="; ".join(got),
            fix="The file is incomplete, or of another family.",
        )
    for key, shape in wanted.items():
        if squeezed(found[key]) != squeezed(shape):
            raise UserError(
                "M008",
                where=f'{where}, key "{key}"',
                expected=f"shape {list(shape)}",
                got=f"{list(found[key])}",
                fix="The file is of another family.",
            )


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without the trailing ones of a 1x1 convolution."""
    return shape[:2] if len(shape) == 4 and shape[2:] == (1, 1) else shape


def listed(keys: list[str]) -> str:
    """Return the first few keys as text."""
    return ", ".join(f'"{key[:90]}"' for key in keys[:LISTED]) + (", ..." if len(keys) > LISTED else "")
