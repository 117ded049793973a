"""Wire types as the host compares them: which of ours are also its own, and the type that fits all.

Values in the shared conventions (IMAGE, LATENT, CONDITIONING, ...) go over its wires as they are. Where the host has a
class of its own under our name (MODEL, CLIP, VAE, SAMPLER, GUIDER), or anybody else may (DATASET), ours are called
LOOM_...: no wire then leads from one to the other, and the mistake shows while wiring instead of inside a node.
Nothing is converted: a model crosses over as a file, which either side can load. Knows no torch.
"""

from __future__ import annotations

from ..node.socket import ANY
from ..node.spec import NodeSpec

__all__ = ["PRIVATE_PREFIX", "SHARED", "Wildcard", "has_private_wire", "is_shared", "wire_type"]

SHARED = frozenset(
    {
        "BOOLEAN", "COMBO", "CONDITIONING", "FLOAT", "IMAGE", "INT", "LATENT", "MASK", "NOISE", "SIGMAS", "STRING", ANY,
    }
)  # fmt: skip
"""Types whose values have one form in both programs; of NOISE it is `seed` and `generate_noise(latent)`."""

PRIVATE_PREFIX = "LOOM_"


class Wildcard(str):
    """The type "*". The host takes a wire when `not (given != wanted)`, and its own "*" differs from all others."""

    __slots__ = ()

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


def wire_type(types: str) -> str:
    """Return the host's name for our type or union of types."""
    if types == ANY:
        return Wildcard(ANY)
    parts = [part.strip() for part in types.split(",")]
    if ANY in parts:
        return Wildcard(ANY)
    return ",".join(part if part in SHARED else f"{PRIVATE_PREFIX}{part}" for part in parts)


def is_shared(types: str) -> bool:
    """Tell whether values of this type, or of every type of this union, have one form in both programs."""
    return all(part.strip() in SHARED for part in types.split(","))


def has_private_wire(spec: NodeSpec) -> bool:
    """Tell whether a node takes or gives anything that only our own nodes understand."""
    types = [entry.types for entry in spec.inputs] + [output.types for output in spec.outputs]
    types += [spec.repeat.types] if spec.repeat is not None else []
    return not all(is_shared(entry) for entry in types)
