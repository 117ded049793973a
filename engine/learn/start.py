"""Start values for networks that are trained from nothing on little data.

CLIP starts its tables at a spread of 0.02, which a thousand times more training outgrows. Here the sum of what the
first layers add is some 0.3, a word's own vector drowns in it, and for hours colours are heard and nothing else:
measured after 3,750 steps, "left" and "right" differed by 4 % and a shape's name reached no later token.
Source of the scaling of branches: Radford et al. 2019 (GPT-2), section 2.3: 1 / sqrt(number of residual layers).
"""

from __future__ import annotations

import torch
from torch import nn

from ..models.clip import CLIPText

__all__ = ["start_text_encoder"]

TOKEN_SPREAD = 0.5
POSITION_SPREAD = 0.25


@torch.no_grad()
def start_text_encoder(text: CLIPText) -> None:
    """Give a fresh text encoder tables that outweigh what its layers add at first. Changes it in place."""
    nn.init.normal_(text.embeddings.token_embedding.weight, std=TOKEN_SPREAD)
    nn.init.normal_(text.embeddings.position_embedding.weight, std=POSITION_SPREAD)
    shrink = (2 * text.config.layers) ** -0.5
    for name, parameter in text.encoder.named_parameters():
        if name.endswith(("out_proj.weight", "fc2.weight")):
            parameter.mul_(shrink)
        elif name.endswith(("out_proj.bias", "fc2.bias")):
            parameter.zero_()
