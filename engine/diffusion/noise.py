"""Where random numbers come from: the first noise, the noise of steps, and the Brownian path of SDE samplers.

Everything is drawn on the CPU from a generator of its own, so that one seed gives one picture on every device and
the global generators of torch are never touched. Knows nothing of samplers, models or nodes.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from .sample import NoiseSource

__all__ = ["BrownianTree", "NoNoise", "RandomNoise", "initial_noise", "item_noise", "step_noise", "white_noise"]

_SEEDS = 2**64


def initial_noise(latent: Tensor, seed: int, batch_index: Sequence[int] | None = None) -> Tensor:
    """Return the noise a picture starts from: one draw of the latent's full shape, on the CPU.

    latent: [b ...], read for shape and dtype only. seed: 0..2^64-1. batch_index: [b] places in a larger batch;
    items 0..max are then drawn one after another and the named ones kept, so that item 3 alone is item 3 of four.
    Bit-equal to torch.manual_seed(seed) followed by torch.randn.
    Raises: UserError V150 for a seed or index out of range.
    """
    generator = _generator(seed)
    if batch_index is None:
        return torch.randn(latent.shape, dtype=latent.dtype, generator=generator)
    indices = [int(index) for index in batch_index]
    if len(indices) != len(latent) or any(index < 0 for index in indices):
        raise UserError("V150", "batch_index", f"{len(latent)} numbers >= 0", f"{indices!r:.80}", "Mend the latent.")
    wanted = set(indices)
    kept: dict[int, Tensor] = {}
    for index in range(max(indices) + 1):
        drawn = torch.randn((1, *latent.shape[1:]), dtype=latent.dtype, generator=generator)
        if index in wanted:
            kept[index] = drawn
    return torch.cat([kept[index] for index in indices])


def item_noise(latent: Tensor, seeds: Sequence[int]) -> Tensor:
    """Return first noise with one seed an item, so that an item does not depend on its batch; for rollouts."""
    _check_count(latent, seeds)
    shape = latent.shape[1:]
    return torch.stack([torch.randn(shape, dtype=latent.dtype, generator=_generator(seed)) for seed in seeds])


def step_noise(kind: str, seed: int | Sequence[int]) -> NoiseSource | None:
    """Return the source that a sampler's `noise` names: "none", "white" or "brownian". Several seeds: one an item."""
    if kind == "none":
        return None
    return BrownianTree(seed) if kind == "brownian" else white_noise(seed)


def white_noise(seed: int | Sequence[int]) -> NoiseSource:
    """Return a source of independent draws. Several seeds: one an item.

    Seeded by seed + 1, as ComfyUI does on the CPU, so that the first step does not repeat the first noise.
    Differs: ComfyUI draws on the GPU where there is one; its pictures from ancestral samplers change with the device.
    """
    several = not isinstance(seed, int)
    generators = [_generator((s + 1) % _SEEDS) for s in _seeds(seed)]

    def draw(like: Tensor, _sigma: float, _sigma_next: float) -> Tensor:
        if not several:
            return _onto(torch.randn(like.shape, dtype=like.dtype, generator=generators[0]), like)
        _check_count(like, generators)
        items = [torch.randn(like.shape[1:], dtype=like.dtype, generator=generator) for generator in generators]
        return _onto(torch.stack(items), like)

    return draw


class BrownianTree:
    """One Brownian path per seed, read at any pair of sigmas: the same path for any number of steps.

    The path's clock is 1 / sigma^2, in which the noise that dpmpp_2m_sde (eta 1) adds is an increment exactly.
    It is a sum of tents over a dyadic tree in log sigma (Levy-Ciesielski), each weighted by a normal number whose
    seed is derived from the path's seed and the place in the tree; nothing depends on the order of calls.
    Source: Levy 1948; idea of seeding by place: Li et al. 2020 (arXiv 2001.01328) section 4.
    """

    # log sigma from -16 to 16 in steps of 2^-14. Coarser grids show: with 2^-10, 256 and 1,024 steps over Stable
    # Diffusion's range differ by 0.029 of the noise's scale, with 2^-14 by 0.005.
    _LIMIT, _CELLS, _DEPTH = 16.0, 2**14, 19

    def __init__(self, seed: int | Sequence[int]) -> None:
        """seed: one for the whole batch, or one an item. Raises: UserError V150."""
        self._several = not isinstance(seed, int)
        self._all_seeds = _seeds(seed)
        # Consecutive spans share an end: keeping its branch halves the draws.
        self._recent: OrderedDict[tuple[int, int], Tensor] = OrderedDict()

    def __call__(self, like: Tensor, sigma: float, sigma_next: float) -> Tensor:
        """Return the increment from sigma to sigma_next divided by the root of its time: standard normal."""
        low, high = self._place(sigma), self._place(sigma_next)
        if low == high:  # closer than the grid: independent noise, fixed by both sigmas
            return _onto(self._drawn(like, f"{sigma!r}:{sigma_next!r}"), like)
        weights = self._branch(high)
        for node, weight in self._branch(low).items():
            weights[node] = weights.get(node, 0.0) - weight
        norm = math.sqrt(abs(self._clock(high) - self._clock(low)))
        total = torch.zeros(like.shape, dtype=like.dtype)
        for node, weight in weights.items():
            if abs(weight) > 1e-9 * norm:  # far larger tents are flat here
                total.add_(self._normal(like, node), alpha=weight / norm)
        return _onto(total, like)

    def _place(self, sigma: float) -> int:
        u = -math.log(sigma) if sigma > 0 else self._LIMIT
        return round((min(max(u, -self._LIMIT), self._LIMIT) + self._LIMIT) * self._CELLS)

    def _clock(self, place: int) -> float:
        return math.exp(2 * (place / self._CELLS - self._LIMIT))

    def _branch(self, place: int) -> dict[tuple[int, int], float]:
        """Return the tents above this place, (left, right) -> height; the path is their sum times normal numbers."""
        left, right = 0, 2**self._DEPTH
        time, start, end = self._clock(place), self._clock(left), self._clock(right)
        # (-1, -1) is the straight line over the whole range.
        weights = {(-1, -1): (time - start) / math.sqrt(end - start)}
        while left < place < right:
            middle = (left + right) // 2
            centre = self._clock(middle)
            height = math.sqrt((centre - start) * (end - centre) / (end - start))
            share = (time - start) / (centre - start) if place <= middle else (end - time) / (end - centre)
            weights[(left, right)] = height * share
            if place <= middle:
                right, end = middle, centre
            else:
                left, start = middle, centre
        return weights

    def _normal(self, like: Tensor, node: tuple[int, int]) -> Tensor:
        known = self._recent.get(node)
        if known is not None and known.shape == like.shape and known.dtype == like.dtype:
            self._recent.move_to_end(node)
            return known
        drawn = self._drawn(like, f"{node[0]}:{node[1]}")
        self._recent[node] = drawn
        if len(self._recent) > 2 * self._DEPTH:
            self._recent.popitem(last=False)
        return drawn

    def _drawn(self, like: Tensor, place: str) -> Tensor:
        generators = [_generator(_derived(seed, place)) for seed in self._all_seeds]
        if not self._several:
            return torch.randn(like.shape, dtype=like.dtype, generator=generators[0])
        _check_count(like, generators)
        return torch.stack([torch.randn(like.shape[1:], dtype=like.dtype, generator=g) for g in generators])


@dataclass(frozen=True, slots=True)
class RandomNoise:
    """What a NOISE wire carries: a seed that becomes noise once a latent is known."""

    seed: int

    def generate_noise(self, latent: Mapping[str, Any]) -> Tensor:
        """Return first noise for a LATENT dict, on the CPU."""
        return initial_noise(latent["samples"], self.seed, latent.get("batch_index"))


@dataclass(frozen=True, slots=True)
class NoNoise:
    """A NOISE without noise: for a latent that is noisy already."""

    seed: int = 0

    def generate_noise(self, latent: Mapping[str, Any]) -> Tensor:
        """Return zeros of the latent's shape, on the CPU."""
        samples: Tensor = latent["samples"]
        return torch.zeros(samples.shape, dtype=samples.dtype)


def _onto(noise: Tensor, like: Tensor) -> Tensor:
    """Bring noise to like's device; on CUDA through pinned memory, which does not wait for the work queued there."""
    if like.device.type == "cuda":
        return noise.pin_memory().to(like.device, non_blocking=True)
    return noise.to(like.device)


def _generator(seed: int) -> torch.Generator:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < _SEEDS:
        raise UserError("V150", "seed", "a whole number from 0 to 2^64 - 1", repr(seed), "Bring it into the range.")
    return torch.Generator(device="cpu").manual_seed(seed)


def _seeds(seed: int | Sequence[int]) -> list[int]:
    seeds = [seed] if isinstance(seed, int) else list(seed)
    for one in seeds:
        _generator(one)  # checks it
    return seeds


def _derived(seed: int, place: str) -> int:
    # torch's CPU generator reads 32 bits of its seed: a hash spreads neighbouring places and seeds over all of them.
    return int.from_bytes(hashlib.blake2b(f"{seed}/{place}".encode(), digest_size=8).digest(), "little")


def _check_count(like: Tensor, seeds: Sequence[object]) -> None:
    if len(like) != len(seeds):
        raise UserError("V150", "seeds", f"{len(like)}, one an item", str(len(seeds)), "Give one seed an item.")
