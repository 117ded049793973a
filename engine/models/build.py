"""From named tensors to a network: strict about keys, never holding the weights twice.

The network is made on the meta device, then each of its parameters is replaced by the file's tensor.
Knows nothing of which files hold what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..memory.cast import cast
from .weights import WeightFile

__all__ = ["Part", "build", "part"]

N = TypeVar("N", bound=nn.Module)
C = TypeVar("C")

JUNK = re.compile(
    r"(.*\.)?position_ids"  # a buffer of old transformers, int64 or float
    r"|logit_scale|text_projection(\.weight)?|vision_model\..*|visual_projection\..*"  # the rest of CLIP
    r"|loss\..*|model_ema\..*"  # of autoencoders' training
)
LISTED = 5  # key names in a message


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a file's tensors under the names a network uses."""

    source: WeightFile
    keys: Mapping[str, str]
    """{our key: the file's key}."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes, by our keys."""
        return {ours: self.source.shapes[theirs] for ours, theirs in self.keys.items()}

    def tensor(self, key: str) -> Tensor:
        """Return a tensor by our key."""
        return self.source.tensor(self.keys[key])


def part(source: WeightFile, prefix: str = "", names: Callable[[list[str]], Mapping[str, str]] | None = None) -> Part:
    """Return the tensors under a prefix, renamed by `names` ({file key: our key}), without known junk."""
    bare = [key[len(prefix) :] for key in source.shapes if key.startswith(prefix)]
    bare = [key for key in bare if not JUNK.fullmatch(key)]
    renamed = names(bare) if names else {key: key for key in bare}
    return Part(source, {renamed[key]: prefix + key for key in bare})


def build(
    make: Callable[[C], N],
    configure: Callable[[Mapping[str, tuple[int, ...]]], C],
    weights: Part,
    what: str,
    device: torch.device,
    dtype: torch.dtype,
) -> N:
    """Return a network in evaluation mode, without gradients, whose parameters are the file's tensors.

    make: the network's class; configure: shapes to its configuration; what: its name in messages.
    A tensor that needs no cast stays a view of the memory-mapped file.
    Raises: UserError M003 when the shapes are of no such network, M004 for missing or unexpected keys, M008
    for a shape that differs.
    """
    file = f'"{weights.source.path.name}"'
    shapes = weights.shapes
    try:
        with torch.device("meta"):
            network = make(configure(shapes))
    except (KeyError, ValueError, IndexError, StopIteration, ZeroDivisionError, RuntimeError) as error:
        raise UserError(
            "M003",
            where=f"{file}, {what}",
            expected=f"the weights of a {what}",
            got=f"shapes of none ({error})"[:120],
            fix="Check that the file is whole and of a supported family.",
        ) from error
    wanted = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    check_keys(f"{file}, {what}", wanted, shapes)
    tensors = {}
    for key, shape in wanted.items():
        tensor = weights.tensor(key)
        if tuple(tensor.shape) != shape:
            tensor = tensor.reshape(shape)  # a 1x1 convolution stored as a matrix; check_keys allowed only that
        tensors[key] = cast(tensor, device, dtype)
    network.load_state_dict(tensors, strict=True, assign=True)
    return network.eval().requires_grad_(requires_grad=False)


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
