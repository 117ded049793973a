"""A network a second time, with the same modules and other tensors: how weights are on a device while the network
itself stays where it is and is never changed.

Knows nothing of devices or budgets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from torch import Tensor, nn

__all__ = ["named_tensors", "twin"]

N = TypeVar("N", bound=nn.Module)

Table = Callable[[str, dict[str, Tensor | None]], dict[str, Tensor | None]]
"""(prefix of the names, a module's parameters or buffers) -> those of its twin."""


def named_tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield every parameter and buffer under its name, in the order of the modules; shared ones under each name."""
    yield from network.named_parameters(remove_duplicate=False)
    yield from network.named_buffers(remove_duplicate=False)


def twin(network: N, table: Table, prefix: str = "") -> N:
    """Return a network of copied modules that share all but their tensors, which `table` gives."""
    copy: N = network.__class__.__new__(network.__class__)
    copy.__dict__.update(network.__dict__)
    copy.__dict__["_parameters"] = table(prefix, network.__dict__["_parameters"])
    copy.__dict__["_buffers"] = table(prefix, network.__dict__["_buffers"])
    copy.__dict__["_modules"] = {
        name: None if module is None else twin(module, table, f"{prefix}{name}.")
        for name, module in network._modules.items()
    }
    return copy
