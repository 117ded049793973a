"""The kinds of small files that change a model, as mathematics: from a layer's factors to what is added to its weight.

Knows nothing of key names, files or networks. Sources: LoRA, Hu et al. 2021 (eq. 3); LoCon, LoHa and LoKr, Yeh et al.
2023 (LyCORIS, section 4), of which LoHa is Hyeon-Woo et al. 2021 (FedPara, prop. 1); DoRA, Liu et al. 2024 (eq. 5).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["KINDS", "Factors", "Kind", "LayerChange", "Rows", "scale_of"]

Factors = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Rows:
    """The part of a weight that a layer of the file is: some rows, or all of them with the halves swapped."""

    start: int | None = None
    stop: int | None = None
    swapped: bool = False

    def take(self, weight: Tensor) -> Tensor:
        """Return the part, halves as the file has them; a view where that is possible."""
        part = weight[self.start : self.stop]
        return torch.cat(part.chunk(2)[::-1]) if self.swapped else part

    def put(self, part: Tensor, weight: Tensor) -> Tensor:
        """Return zeros in the shape of `weight` with the part in its place."""
        whole = torch.zeros_like(weight)
        whole[self.start : self.stop] = torch.cat(part.chunk(2)[::-1]) if self.swapped else part
        return whole


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to write a change of a weight in few numbers."""

    name: str
    needs: tuple[tuple[str, ...], ...]
    """Factors without which it is incomplete; of each group one is enough."""
    product: Callable[[Factors], Tensor]
    """The change at scale 1, its first axis the outputs; the rest may be flattened."""
    ranked: tuple[str, ...] = ()
    """The first of these that is there has the rank, by which `alpha` is divided, as its first axis."""
    optional: tuple[str, ...] = ()

    def missing(self, factors: Mapping[str, object]) -> list[str]:
        """Return the factors that are needed and not there."""
        return [group[0] for group in self.needs if not any(name in factors for name in group)]

    def strange(self, factors: Mapping[str, object]) -> list[str]:
        """Return the factors that are none of this kind's."""
        known = {name for group in self.needs for name in group}
        return [name for name in factors if name not in known and name not in self.optional]


@dataclass(frozen=True, eq=False)
class LayerChange:
    """What one layer of a file does to one weight; implements `patched.Change`."""

    kind: Kind
    factors: Factors
    scale: float = 1.0
    magnitude: Tensor | None = None
    """DoRA's length of each row [out ...], or of each column [1 in ...]."""
    rows: Rows | None = None

    def difference(self, weight: Tensor) -> Tensor:
        """Return what is added to `weight` (float32 or float64) at strength 1, in its shape.

        Raises: RuntimeError, ValueError or IndexError where the factors make no such weight; `fits` asks before.
        """
        part = weight if self.rows is None else self.rows.take(weight)
        factors = {name: tensor.to(part) for name, tensor in self.factors.items()}
        change = self.kind.product(factors).reshape(part.shape)
        if self.scale != 1:
            change = change * self.scale
        if self.magnitude is not None:
            change = directed(part, change, self.magnitude.to(part)) - part
        return change if self.rows is None else self.rows.put(change, weight)

    def fault(self, shape: tuple[int, ...]) -> str | None:
        """Return what the layer makes where that is no change of a weight of `shape`, else None; computes nothing."""
        weight = torch.empty(shape, device="meta")
        part = weight if self.rows is None else self.rows.take(weight)
        try:
            made = self.kind.product({name: tensor.to(part) for name, tensor in self.factors.items()})
        except (RuntimeError, ValueError, IndexError) as error:
            return f"factors that do not multiply ({str(error).splitlines()[0][:80]})"
        if made.shape[:1] != part.shape[:1] or made.numel() != part.numel():
            return f"{list(made.shape)}"
        if self.magnitude is not None and columns(self.magnitude, part) is None:
            return f"{self.magnitude.numel()} lengths of rows (DoRA)"
        return None


def directed(weight: Tensor, change: Tensor, magnitude: Tensor) -> Tensor:
    """Return DoRA's weight: the direction of weight + change, each row (or column) of the given length."""
    moved = weight + change
    flat = moved.flatten(1)
    tiny = torch.finfo(moved.dtype).tiny  # a row of zeros stays one
    if columns(magnitude, weight):
        length = moved.transpose(0, 1).flatten(1).norm(dim=1).clamp_min(tiny)
        factor = (magnitude.flatten() / length).reshape(1, -1, *[1] * (weight.ndim - 2))
    else:
        factor = (magnitude.flatten() / flat.norm(dim=1).clamp_min(tiny)).reshape(-1, *[1] * (weight.ndim - 1))
    return moved * factor


def columns(magnitude: Tensor, weight: Tensor) -> bool | None:
    """Tell whether DoRA's lengths are of columns (early files) or of rows; None when they are of neither.

    The axis that is longer than 1 says which, as both may count alike.
    """
    if weight.ndim < 2:
        return None
    by_column = magnitude.ndim > 1 and magnitude.shape[0] == 1 and magnitude.shape[1] == weight.shape[1]
    if by_column:
        return True
    return False if magnitude.numel() == weight.shape[0] else None


def low_rank(factors: Factors) -> Tensor:
    """Return up @ down, each flattened to a matrix; with a core between them for Tucker's form.

    up: [out r 1 1]; down: [r in k k], or with `mid` [r r k k]: [r in 1 1].
    """
    up, down = factors["up"].flatten(1), factors["down"].flatten(1)
    if "mid" in factors:
        return torch.einsum("or,rshw,si->oihw", up, factors["mid"], down)
    return up @ down


def hadamard(factors: Factors) -> Tensor:
    """Return the elementwise product of two low-rank changes; their cores t1, t2 [r r k k] are Tucker's form."""
    first, second = (
        tucker(factors[f"t{n}"], factors[f"w{n}_a"], factors[f"w{n}_b"])
        if f"t{n}" in factors
        else factors[f"w{n}_a"] @ factors[f"w{n}_b"]
        for n in (1, 2)
    )
    return first * second


def kronecker(factors: Factors) -> Tensor:
    """Return the Kronecker product of w1 and w2, either of them whole, low-rank or (w2) in Tucker's form."""
    first = factors["w1"] if "w1" in factors else factors["w1_a"] @ factors["w1_b"]
    if "w2" in factors:
        second = factors["w2"]
    elif "t2" in factors:
        second = tucker(factors["t2"], factors["w2_a"], factors["w2_b"])
    else:
        second = factors["w2_a"] @ factors["w2_b"]
    return torch.kron(first.reshape(*first.shape, *[1] * (second.ndim - first.ndim)), second.contiguous())


def tucker(core: Tensor, out: Tensor, into: Tensor) -> Tensor:
    """Return a convolution [o i k k] from a core [r s k k], factors [r o] and [s i]."""
    return torch.einsum("rshw,ro,si->oihw", core, out, into)


def scale_of(kind: Kind, factors: Factors, alpha: float | None, *, by_root: bool = False) -> float:
    """Return alpha / rank, or 1 where a file says no alpha or nothing was decomposed.

    by_root: alpha / sqrt(rank) instead (Kalajdzievski 2023, rank-stabilised LoRA).
    """
    rank = next((len(factors[name]) for name in kind.ranked if name in factors), 0)
    if alpha is None or not rank:
        return 1.0
    return alpha / (math.sqrt(rank) if by_root else rank)


KINDS = (
    Kind("LoRA", (("up",), ("down",)), low_rank, ("down",), ("mid",)),
    Kind("LoHa", (("w1_a",), ("w1_b",), ("w2_a",), ("w2_b",)), hadamard, ("w1_b",),
         ("t1", "t2")),
    # Both factors whole: nothing was decomposed and alpha means nothing, as the files' own trainers have it.
    Kind("LoKr", (("w1", "w1_a"), ("w1", "w1_b"), ("w2", "w2_a"), ("w2", "w2_b")), kronecker,
         ("w1_b", "w2_b"), ("t2",)),
    Kind("difference", (("diff",),), lambda factors: factors["diff"]),
)  # fmt: skip
