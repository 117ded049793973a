"""Trains a LoRA: low-rank factors beside layers of a denoiser, which itself stays as it is.

The factors are the only thing that learns. They enter as changed weights at each call, into a tree of modules that
shares the denoiser's weights and is our own, so that whoever else runs it meanwhile sees nothing. Knows nothing of
nodes.
Source: Hu et al. 2021 (LoRA, arXiv 2106.09685) eq. 3; names, alpha and starting values are those of kohya's trainer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..diffusion.loss import DiffusionLoss
from ..errors import UserError
from ..models.lora_names import file_names
from ..models.patched import with_parameters
from .data import LatentShards
from .loop import Hooks, LoopSettings, Trainer
from .optimizer import OptimizerSettings

__all__ = ["Adapter", "AdapterSettings", "Conditions", "adapted_layers", "train_adapter"]

BLOCKS = ("transformer_blocks.", "joint_blocks.", "double_blocks.", "single_blocks.")
NOT_LEARNT = ("adaLN_modulation", "_mod.", "modulation.")  # how strongly time speaks; left alone, as is usual

Conditions = Callable[[Sequence[str]], tuple[Tensor, Mapping[str, Tensor]]]
"""Captions [b] -> text [b l d] and further inputs of the network."""


@dataclass(frozen=True)
class AdapterSettings:
    """How a LoRA is trained. batch: latents a step, 1 or more. caption_dropout: share of captions left out, 0 to 1.

    precision: bf16 is faster where the processor has it; weights stay float32.
    """

    batch: int = 4
    caption_dropout: float = 0.1
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        if self.batch < 1 or not 0 <= self.caption_dropout <= 1:
            got = f"{self.batch}, {self.caption_dropout}"
            raise UserError("D001", "batch and caption_dropout", "1 or more, 0 to 1", got, "Change them.")


class Adapter(nn.Module):
    """Factors up [out rank] and down [rank in] for some layers of a network; up starts at 0, so nothing changes yet."""

    def __init__(self, network: nn.Module, layers: Sequence[str], rank: int, alpha: float, seed: int = 0) -> None:
        """layers: names in the network. rank: 1 or more. alpha: the change is alpha / rank * up @ down.

        Raises: UserError D050 for no layers or a rank below 1.
        """
        super().__init__()
        if not layers or rank < 1:
            got = f"{len(layers)} layers, rank {rank}"
            raise UserError("D050", "LoRA", "at least one layer and a rank of 1 or more", got, "Raise the rank.")
        self.layers = tuple(layers)
        self.alpha = float(alpha)
        self.scale = self.alpha / rank
        generator = torch.Generator().manual_seed(seed % 2**63)
        down, up = [], []
        for layer in layers:
            weight = network.get_parameter(f"{layer}.weight")
            inputs = weight[0].numel()
            start = torch.empty(rank, inputs).uniform_(-1, 1, generator=generator) / math.sqrt(inputs)
            down.append(nn.Parameter(start.to(weight.device)))
            up.append(nn.Parameter(torch.zeros(len(weight), rank, device=weight.device)))
        self.down, self.up = nn.ParameterList(down), nn.ParameterList(up)

    def weights(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the changed weights by name, with gradients to the factors."""
        found = {}
        for layer, down, up in zip(self.layers, self.down, self.up, strict=True):
            weight = network.get_parameter(f"{layer}.weight")
            found[f"{layer}.weight"] = weight + ((up @ down) * self.scale).reshape(weight.shape)
        return found

    def tensors(self, network: nn.Module) -> dict[str, Tensor]:
        """Return copies of the factors for a file, under the names that kohya's trainer gives a denoiser's layers."""
        names = file_names(network)
        found: dict[str, Tensor] = {}
        for layer, down, up in zip(self.layers, self.down, self.up, strict=True):
            weight = network.get_parameter(f"{layer}.weight")
            stem = f"lora_unet_{names[layer]}"
            ones = (1,) * (weight.ndim - 2)  # of a 1x1 convolution
            found[f"{stem}.lora_down.weight"] = down.detach().cpu().reshape(*down.shape, *ones).clone()
            found[f"{stem}.lora_up.weight"] = up.detach().cpu().reshape(*up.shape, *ones).clone()
            found[f"{stem}.alpha"] = torch.tensor(self.alpha)
        return found


def adapted_layers(network: nn.Module, which: Literal["attention", "all"] = "attention") -> list[str]:
    """Return the names of the linear layers of a denoiser's transformers: those of attention alone, or all of them."""
    found = []
    for name, parameter in network.named_parameters():
        layer, _, leaf = name.rpartition(".")
        flat = leaf == "weight" and parameter.ndim >= 2 and parameter[0].numel() == parameter.shape[1]
        inside = any(block in name for block in BLOCKS) or layer.endswith(("proj_in", "proj_out"))
        if flat and inside and not any(part in name for part in NOT_LEARNT) and (which == "all" or "attn" in layer):
            found.append(layer)
    return found


def train_adapter(
    network: nn.Module,
    adapter: Adapter,
    latents: LatentShards,
    conditions: Conditions,
    loss: DiffusionLoss,
    settings: AdapterSettings,
    loop: LoopSettings,
    optimizer: OptimizerSettings,
    hooks: Hooks | None = None,
) -> list[float]:
    """Train the adapter in place and return the loss of every step; it ends with its averaged factors.

    network: float32, frozen; what it is given is (scaled latent, timestep, text, **further inputs).
    Raises: UserError D001, D010, D011, D012; Cancelled.
    """
    device = next(network.parameters()).device
    own = with_parameters(network, {name: network.get_parameter(name).detach() for name in adapter.weights(network)})

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        x0, captions = latents.draw(step, settings.batch, generator)
        dropped = torch.rand(len(captions), generator=generator) < settings.caption_dropout
        heard = ["" if drop else caption for drop, caption in zip(dropped.tolist(), captions, strict=True)]
        with torch.no_grad():
            context, further = conditions(heard)
        noise = torch.randn(x0.shape, generator=generator).to(device)
        sigma = loss.draw_sigma(len(x0), generator, device)
        weights = adapter.weights(network)

        def predict(x: Tensor, time: Tensor) -> Tensor:
            output: Tensor = functional_call(own, weights, (x, time, context), dict[str, Any](further))
            return output

        with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            return loss(predict, x0.to(device), noise=noise, sigma=sigma).mean()

    trainer = Trainer({"lora": adapter}, loss_of, loop, optimizer, hooks or Hooks())
    trainer.resume()
    losses = trainer.run()
    trainer.average.store()
    return losses
