"""A ControlNet as the tensors of a file in ldm's layout, which any program of the field reads.

Knows nothing of folders or training.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import UserError
from .control import ControlNet
from .controlled import ControlModel

__all__ = ["ControlPrecision", "control_tensors"]

ControlPrecision = Literal["fp16", "fp32", "fp8"]
PREFIX = "control_model."
NEW = ("input_hint_block.", "zero_convs.", "middle_block_out.")
"""What the method adds to the copied encoder; small numbers that 8 bits would lose."""


def control_tensors(control: ControlModel, precision: ControlPrecision = "fp16") -> dict[str, Tensor]:
    """Return the tensors under the names of ldm's files, on the CPU.

    precision: of the weights. "fp8" stores matrices of the copied encoder in float8_e4m3fn and the rest in float16: a
    little over half of the size. Raises: UserError M051 for SD3's ControlNets, V150 for an unknown precision.
    """
    network = control.network
    if not isinstance(network, ControlNet):
        got = f"one of {control.family}"
        fix = "Keep the file that it came from."
        raise UserError("M051", "ControlNet to save", "one for a UNet (SD1.x, SD2.x, SDXL)", got, fix)
    if precision not in get_args(ControlPrecision):
        raise UserError("V150", "precision", ", ".join(get_args(ControlPrecision)), repr(precision), "Choose one.")
    whole = torch.float32 if precision == "fp32" else torch.float16
    tensors = {}
    for name, weight in network.state_dict().items():
        small = precision == "fp8" and weight.ndim > 1 and not name.startswith(NEW)
        kind = torch.float8_e4m3fn if small else whole
        tensors[PREFIX + name] = weight.detach().to("cpu", kind, copy=True).contiguous()
    return tensors
