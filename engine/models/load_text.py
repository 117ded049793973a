"""Text encoders from their files to the value that a CLIP wire carries: one, or several by a family's rule.

What each file is, is detected from its keys, so their order does not matter. Knows nothing of nodes or of where files
are searched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import cast

import torch

from ..errors import UserError
from ..memory.device import pick_device, pick_dtype
from ..memory.residency import Residence
from .arch import TEXT
from .build import part
from .clip import CLIPText
from .family import FAMILIES, Text
from .load_file import expect, open_model
from .load_parts import TextNetwork, has, prepare_clip, prepare_t5, prepare_texts
from .placing import home, settled
from .rename_clip import PROJECTION, clip_pieces, openclip_pieces, t5_pieces
from .t5 import T5Text
from .text import BIG_G, TextEncoder
from .text_stack import TextStack
from .text_t5 import FLUX_LENGTH, SD3_LENGTH, T5Encoder
from .tokenize import Tokenizer
from .tokenize_t5 import T5Tokenizer
from .weights import WeightFile

__all__ = ["TextOptions", "load_text_encoder", "load_text_encoders", "text_value"]

PENULTIMATE = 2
H_LAYERS_USED = 23  # of the 24 that SD2.x's OpenCLIP H has; diffusers stores no more than these
H_WIDTH = 1024


@dataclass(frozen=True, slots=True)
class TextOptions:
    """What text encoders need to know besides their weights."""

    embedding_folders: tuple[Path, ...] = ()
    """Where `embedding:name` is looked up, in this order."""
    tokenizer_folders: tuple[Path, ...] = ()
    """Where T5's tokenizer is looked for when it does not lie beside the weights."""
    allow_pickle: bool = False


KINDS: Mapping[str, tuple[Text, ...]] = MappingProxyType(
    {"stable_diffusion": ("l", "h", "g"), "sdxl": ("sdxl",), "sd3": ("sd3",), "flux": ("flux",)}
)
"""ComfyUI's names of types, and what each may come out as."""
NAMES = MappingProxyType({"l": "CLIP-L", "h": "OpenCLIP H", "g": "OpenCLIP bigG", "t5": "T5"})
NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType({"sdxl": ("l", "g"), "sd3": (), "flux": ("l", "t5")})


def load_text_encoder(
    path: Path | str,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
    embedding_folders: Sequence[Path] = (),
) -> TextEncoder:
    """Load a CLIP text encoder alone: a standalone file in either naming, or the one inside a checkpoint."""
    options = TextOptions(tuple(embedding_folders), (), allow_pickle)
    value = load_text_encoders([path], "stable_diffusion", device=device, dtype=dtype, options=options)
    if not isinstance(value, TextEncoder):
        raise wrong_encoders("stable_diffusion", "one CLIP", " and ".join(NAMES[place] for place in value.parts))
    return value


def load_text_encoders(
    paths: Sequence[Path | str],
    kind: str,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    options: TextOptions | None = None,
    residence: Residence | None = None,
) -> TextEncoder | TextStack:
    """Load text encoders that work together.

    paths: standalone files (Hugging Face's or OpenCLIP's names, T5), in any order, or one checkpoint. kind: a type of
    ComfyUI's loaders: "stable_diffusion" (SD1.x, SD2.x or the refiner, by the file), "sdxl", "sd3" or "flux".
    device, dtype: the best there is, if None. residence: brings weights to the device when they are needed.
    Raises: UserError M070 for a type that no family here reads, M071 for encoders that the type does not take, M060
    where T5's tokenizer is missing, or as `load_checkpoint`.
    """
    options = options or TextOptions()
    device = device or pick_device()
    if kind not in KINDS:
        raise UserError(
            "M070",
            where="type of text encoders",
            expected=", ".join(KINDS),
            got=repr(kind)[:40],
            fix="Choose the family of the model they serve; others are not supported.",
        )
    sources = [open_model(path, allow_pickle=options.allow_pickle) for path in paths]
    if len(sources) == 1 and (entry := expect(sources[0], "text_encoder", "checkpoint")).kind == "checkpoint":
        family = FAMILIES[str(entry.family)]
        found, rule = prepare_texts(sources[0], family, entry.name), family.text
        if not found:
            raise wrong_encoders(kind, "a checkpoint with text encoders", f"{entry.name} without any")
    else:
        found = placed([(source, expect(source, "text_encoder").name) for source in sources], kind)
        rule = KINDS[kind][0] if kind != "stable_diffusion" else cast("Text", next(iter(found)))
    tokenizer = tokenizer_of(found, options)
    networks = loaded(found, device, home(device, residence), dtype)
    return settled(text_value(rule, networks, tokenizer, options), device, residence)


def placed(sources: Sequence[tuple[WeightFile, str]], kind: str) -> dict[str, TextNetwork]:
    """Return standalone files by the place of their encoder: T5, and of the CLIPs bigG by its width.

    Of two CLIPs the wider is bigG, whatever their widths. Raises: UserError M071 where they are not what `kind` takes.
    """
    found: dict[str, TextNetwork] = {}
    clips = sorted((source for source, name in sources if not name.startswith("T5")), key=clip_width)
    for source in clips:
        width, openclip = clip_width(source), "token_embedding.weight" in source.shapes
        if kind == "stable_diffusion":
            place = "g" if width == BIG_G else "h" if openclip or width == H_WIDTH else "l"
        else:
            place = "g" if width == BIG_G or (len(clips) > 1 and source is clips[-1]) else "l"
        prefix = TEXT if has(source, TEXT) else ""
        weights = part(source, prefix, pieces=openclip_pieces if openclip else clip_pieces)
        if place == "l":
            weights = weights.without(PROJECTION)  # those families take its pooled state as it is
        check_free(found, place, kind)
        found[place] = prepare_clip(weights, place, f"{NAMES[place]} text encoder")
    for source, name in sources:
        if name.startswith("T5"):
            check_free(found, "t5", kind)
            found["t5"] = prepare_t5(part(source, pieces=t5_pieces), name)
    if kind == "stable_diffusion":
        suits = len(found) == 1 and "t5" not in found
    else:
        suits = set(NEEDED[kind]) <= set(found) and (kind == "sd3" or len(found) == len(NEEDED[kind]))
    if not suits:
        wanted = {"stable_diffusion": "one CLIP", "sd3": "CLIP-L, OpenCLIP bigG or T5"}
        expected = wanted.get(kind) or " and ".join(NAMES[place] for place in NEEDED[kind])
        raise wrong_encoders(kind, expected, " and ".join(NAMES[place] for place in found))
    return found


def clip_width(source: WeightFile) -> int:
    """Return the width of a CLIP's table of words; 0 where it is none."""
    tables = (shape for key, shape in source.shapes.items() if key.endswith("token_embedding.weight"))
    shape = next(tables, ())
    return shape[1] if len(shape) == 2 else 0


def check_free(found: Mapping[str, TextNetwork], place: str, kind: str) -> None:
    """Raise UserError M071 where two files are the same encoder."""
    if place in found:
        raise wrong_encoders(kind, "files of different text encoders", f"{NAMES[place]} twice")


def wrong_encoders(kind: str, expected: str, got: str) -> UserError:
    """Return the error for encoders that do not go together."""
    return UserError(
        "M071", f"text encoders for {kind}", expected, got, "Choose the files that the model was made for."
    )


def loaded(
    found: Mapping[str, TextNetwork], device: torch.device, store: torch.device, dtype: torch.dtype | None
) -> dict[str, CLIPText | T5Text]:
    """Return the networks with their weights in `store`, in the best precision for `device` if `dtype` is None."""
    plain, wide = dtype or pick_dtype(device), dtype or pick_dtype(device, role="transformer")
    return {place: network.load(store, wide if place == "t5" else plain) for place, network in found.items()}


def tokenizer_of(found: Mapping[str, TextNetwork], options: TextOptions) -> T5Tokenizer | None:
    """Return the tokenizer of T5 where there is T5. Raises: UserError M060, M061."""
    if "t5" not in found:
        return None
    return T5Tokenizer.beside(found["t5"].weights.source.path, options.tokenizer_folders)


def text_value(
    rule: Text,
    networks: Mapping[str, CLIPText | T5Text],
    tokenizer: T5Tokenizer | None,
    options: TextOptions,
    *,
    used_whole: bool = False,
) -> TextEncoder | TextStack:
    """Return the value of a CLIP wire, each encoder stopping where the family's does.

    networks: by place; tokenizer: T5's. used_whole: the file holds only the layers that are used (diffusers' SD2.x).
    """

    words = Tokenizer()  # one for all CLIPs

    def clip(place: str, skip: int, norm: bool) -> TextEncoder:
        network = networks[place]
        assert isinstance(network, CLIPText)
        skip = min(skip, network.config.layers)
        folders, allow = options.embedding_folders, options.allow_pickle
        return TextEncoder(network, words, skip=skip, norm=norm, embedding_folders=folders, allow_pickle=allow)

    if rule == "l":
        return clip("l", 1, norm=True)
    if rule == "h":
        network = networks["h"]
        whole = used_whole or (isinstance(network, CLIPText) and network.config.layers == H_LAYERS_USED)
        return clip("h", 1 if whole else PENULTIMATE, norm=True)
    if rule == "g":
        return clip("g", PENULTIMATE, norm=False)
    parts: dict[str, TextEncoder | T5Encoder] = {}
    for place, network in networks.items():
        if isinstance(network, T5Text):
            assert tokenizer is not None  # whoever has the one has the other
            length = FLUX_LENGTH if rule == "flux" else SD3_LENGTH
            folders, allow = options.embedding_folders, options.allow_pickle
            parts["t5"] = T5Encoder(network, tokenizer, length, embedding_folders=folders, allow_pickle=allow)
        elif rule == "flux":
            parts[place] = clip(place, 1, norm=True)  # only its pooled state is used
        else:
            parts[place] = clip(place, PENULTIMATE, norm=False)
    return TextStack(parts, rule)
