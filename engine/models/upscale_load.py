"""Upscale models from files: the layout told by the keys, the network by the shapes, every key checked.

Knows nothing of nodes or of where models are searched.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ..memory.device import pick_device
from ..memory.residency import Residence
from .build import build, part
from .load_file import expect
from .placing import home, settled
from .upscale import ESPCN, RRDBNet, SRVGGNetCompact, UpscaleNetwork
from .upscale_names import (
    compact_config,
    espcn_activation,
    espcn_config,
    espcn_names,
    old_rrdb_names,
    rrdb_config,
    trunk_rrdb_names,
)
from .upscaler import Upscaler
from .weights import open_weights

__all__ = ["load_upscaler"]


def load_upscaler(
    path: Path | str,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    allow_pickle: bool = False,
    residence: Residence | None = None,
) -> Upscaler:
    """Load an upscale model: ESRGAN in three layouts, Real-ESRGAN's compact network, or ESPCN.

    device: the best there is, if None. dtype: float32, because half precision has steps of an eighth of a grey level
    in bright areas, and these networks are small. residence: brings weights to the device when they are needed.
    Raises: UserError M001 to M014 (no such file, not allowed, damaged, of another kind, keys missing or unexpected),
    before anything is half loaded.
    """
    source = open_weights(path, allow_pickle=allow_pickle)
    found = expect(source, "upscaler").name
    device = device or pick_device()
    store = home(device, residence)
    network: UpscaleNetwork
    if found.startswith("compact"):
        network = build(SRVGGNetCompact, compact_config, part(source), found, store, dtype)
    elif found.startswith("ESPCN"):
        activation = espcn_activation(source.shapes)
        network = build(
            ESPCN,
            lambda shapes: replace(espcn_config(shapes), activation=activation),
            part(source, "", espcn_names),
            found,
            store,
            dtype,
        )
    else:
        names = {"BSRGAN upscaler": trunk_rrdb_names, "ESRGAN upscaler (first layout)": old_rrdb_names}.get(found)
        network = build(RRDBNet, rrdb_config, part(source, "", names), found, store, dtype)
    return settled(Upscaler(network, found), device, residence)
