"""Every sampler by its ComfyUI name, collected by hand: a new one is a function in a file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ...errors import UserError
from ..sample import Sampler
from .dpm import dpm_2, dpm_2_ancestral
from .dpmpp import dpmpp_2m, dpmpp_2s_ancestral, dpmpp_sde
from .er_sde import er_sde
from .euler import euler, euler_ancestral, lcm
from .heun import heun
from .multistep import lms, uni_pc
from .sde import dpmpp_2m_sde, dpmpp_3m_sde
from .whole import dpm_adaptive, dpm_fast

__all__ = ["SAMPLERS", "sampler_named"]

_ALL = (
    Sampler("euler", euler),
    Sampler("euler_ancestral", euler_ancestral, noise="white"),
    Sampler("heun", heun),
    Sampler("dpm_2", dpm_2, drop_penultimate=True),
    Sampler("dpm_2_ancestral", dpm_2_ancestral, noise="white", drop_penultimate=True),
    Sampler("lms", lms, memory=3),
    Sampler("dpm_fast", dpm_fast, whole=True),
    Sampler("dpm_adaptive", dpm_adaptive, whole=True),
    Sampler("dpmpp_2s_ancestral", dpmpp_2s_ancestral, noise="white"),
    Sampler("dpmpp_sde", dpmpp_sde, noise="brownian"),
    Sampler("dpmpp_sde_gpu", dpmpp_sde, noise="brownian"),
    Sampler("dpmpp_2m", dpmpp_2m, memory=1),
    Sampler("dpmpp_2m_sde", dpmpp_2m_sde, memory=1, noise="brownian"),
    Sampler("dpmpp_2m_sde_gpu", dpmpp_2m_sde, memory=1, noise="brownian"),
    Sampler("dpmpp_2m_sde_heun", dpmpp_2m_sde, memory=1, noise="brownian").with_(solver_type="heun"),
    Sampler("dpmpp_2m_sde_heun_gpu", dpmpp_2m_sde, memory=1, noise="brownian").with_(solver_type="heun"),
    Sampler("dpmpp_3m_sde", dpmpp_3m_sde, memory=2, noise="brownian"),
    Sampler("dpmpp_3m_sde_gpu", dpmpp_3m_sde, memory=2, noise="brownian"),
    # DDPM's posterior is the ancestral step with eta 1; DDIM without noise is Euler's.
    Sampler("ddpm", euler_ancestral, noise="white"),
    Sampler("lcm", lcm, noise="white"),
    Sampler("er_sde", er_sde, memory=2, noise="white"),
    Sampler("ddim", euler),
    Sampler("uni_pc", uni_pc, memory=3, drop_penultimate=True),
    Sampler("uni_pc_bh2", uni_pc, memory=3, drop_penultimate=True).with_(variant="bh2"),
)

SAMPLERS: Mapping[str, Sampler] = MappingProxyType({sampler.name: sampler for sampler in _ALL})
"""In ComfyUI's list order. The `_gpu` names, which only chose where noise is drawn, are the same samplers."""


def sampler_named(name: str) -> Sampler:
    """Return the sampler of that name. Raises: UserError V142."""
    sampler = SAMPLERS.get(name)
    if sampler is None:
        raise UserError("V142", "sampler", "one of " + ", ".join(SAMPLERS), repr(name), "Choose one of these.")
    return sampler
