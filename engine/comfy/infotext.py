"""A graph from the "parameters" text that AUTOMATIC1111's web interface and its relatives put into pictures.

Prompt, negative prompt and one line "Steps: 20, Sampler: Euler a, ..." become the classic seven nodes under the ids of
ComfyUI's default workflow; `<lora:name:1>` becomes a LoraLoader. What has no place in it is named, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["graph_of_infotext"]

_MAX = 1 << 20  # characters; the longest of these texts have some thousands
_SETTING = re.compile(r"([A-Za-z][\w +-]{0,60}):\s*(\"(?:[^\"\\]|\\.)*\"|[^,]*)(?:,|$)")
_LORA = re.compile(r"<lora:([^:<>]{1,300})(?::([-+.\d]{1,20}))?(?::[^<>]{0,300})?>")
_SIZE = re.compile(r"(\d{1,5})\s*x\s*(\d{1,5})")
_SAMPLERS: Mapping[str, str] = MappingProxyType(
    {
        "euler": "euler",
        "euler a": "euler_ancestral",
        "lms": "lms",
        "heun": "heun",
        "dpm2": "dpm_2",
        "dpm2 a": "dpm_2_ancestral",
        "dpm++ 2s a": "dpmpp_2s_ancestral",
        "dpm++ 2m": "dpmpp_2m",
        "dpm++ sde": "dpmpp_sde",
        "dpm++ 2m sde": "dpmpp_2m_sde",
        "dpm++ 2m sde heun": "dpmpp_2m_sde_heun",
        "dpm++ 3m sde": "dpmpp_3m_sde",
        "dpm fast": "dpm_fast",
        "dpm adaptive": "dpm_adaptive",
        "ddim": "ddim",
        "ddpm": "ddpm",
        "lcm": "lcm",
        "unipc": "uni_pc",
    }
)
_SCHEDULERS: Mapping[str, str] = MappingProxyType(
    {
        "automatic": "normal",
        "uniform": "normal",
        "normal": "normal",
        "karras": "karras",
        "exponential": "exponential",
        "sgm uniform": "sgm_uniform",
        "simple": "simple",
        "ddim": "ddim_uniform",
        "beta": "beta",
        "kl optimal": "kl_optimal",
    }
)
_USED = frozenset(
    ("steps", "sampler", "schedule type", "cfg scale", "seed", "size", "model", "clip skip", "denoising strength")
)
_SILENT = frozenset(("model hash", "version", "vae hash", "lora hashes", "ti hashes", "hashes"))  # change no picture


def graph_of_infotext(text: str) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """Return API data and the names of the settings that it leaves out; None for text of another kind."""
    if len(text) > _MAX:
        return None
    positive, negative, line = _parts(text)
    settings = {found[1].strip().lower(): found[2].strip().strip('"') for found in _SETTING.finditer(line)}
    if not settings.get("steps", "").isdecimal():
        return None
    left_out = [name for name in settings if name not in _USED and name not in _SILENT]
    sampler, scheduler = _sampler(settings, left_out)
    size = _SIZE.fullmatch(settings.get("size", ""))
    checkpoint = settings.get("model", "")
    if checkpoint and "." not in checkpoint[-12:]:
        checkpoint += ".safetensors"
    loras = [(name, _number(strength, 1.0)) for name, strength in _LORA.findall(positive)]
    graph: dict[str, Any] = {"4": _node("CheckpointLoaderSimple", "Load checkpoint", ckpt_name=checkpoint)}
    model, clip = ["4", 0], ["4", 1]
    for number, (name, strength) in enumerate(loras[:100], 20):
        graph[str(number)] = _node(
            "LoraLoader", f"LoRA {name}", model=model, clip=clip,
            lora_name=f"{name}.safetensors", strength_model=strength, strength_clip=strength,
        )  # fmt: skip
        model, clip = [str(number), 0], [str(number), 1]
    skip = int(_number(settings.get("clip skip", "1"), 1))
    if 1 < skip <= 24:
        graph["10"] = _node("CLIPSetLastLayer", "Skip last layers", clip=clip, stop_at_clip_layer=-skip)
        clip = ["10", 0]
    width, height = (int(size[1]), int(size[2])) if size else (512, 512)
    graph["5"] = _node("EmptyLatentImage", "Empty latent", width=width, height=height, batch_size=1)
    graph["6"] = _node("CLIPTextEncode", "Positive prompt", text=_LORA.sub("", positive).strip(), clip=clip)
    graph["7"] = _node("CLIPTextEncode", "Negative prompt", text=negative, clip=clip)
    graph["3"] = _node(
        "KSampler", "Sampler", model=model, seed=int(_number(settings.get("seed", "0"), 0)),
        steps=int(_number(settings["steps"], 20)), cfg=_number(settings.get("cfg scale", "7"), 7.0),
        sampler_name=sampler, scheduler=scheduler, positive=["6", 0], negative=["7", 0], latent_image=["5", 0],
        denoise=1.0,
    )  # fmt: skip
    graph["8"] = _node("VAEDecode", "Decode", samples=["3", 0], vae=["4", 2])
    graph["9"] = _node("SaveImage", "Save", images=["8", 0], filename_prefix="latentloom")
    return graph, tuple(left_out)


def _parts(text: str) -> tuple[str, str, str]:
    """Return prompt, negative prompt and the line of settings, which is the last that begins so."""
    lines = text.replace("\r\n", "\n").strip("\n\x00 ").split("\n")
    last = next((n for n in range(len(lines) - 1, -1, -1) if lines[n].lstrip().startswith("Steps:")), None)
    if last is None:
        return "", "", ""
    head = lines[:last]
    cut = next((n for n, line in enumerate(head) if line.startswith("Negative prompt:")), len(head))
    negative = "\n".join(head[cut:]).removeprefix("Negative prompt:").strip()
    return "\n".join(head[:cut]), negative, " ".join(lines[last:])


def _sampler(settings: Mapping[str, str], left_out: list[str]) -> tuple[str, str]:
    """Return sampler and scheduler; older texts name both in one, "DPM++ 2M Karras"."""
    name, schedule = settings.get("sampler", "Euler").lower(), settings.get("schedule type", "").lower()
    first, _, last = name.rpartition(" ")
    if not schedule and last in ("karras", "exponential"):
        name, schedule = first, last
    if name not in _SAMPLERS:
        left_out.append("sampler")
    if schedule and schedule not in _SCHEDULERS:
        left_out.append("schedule type")
    fallback = "ddim_uniform" if name == "ddim" else "normal"
    return _SAMPLERS.get(name, "euler"), _SCHEDULERS.get(schedule, fallback)


def _number(text: str, otherwise: float) -> float:
    if len(text) > 40:
        return otherwise
    try:
        value = float(text) if "." in text else int(text)
    except ValueError:
        return otherwise
    return value if abs(value) < 2**64 else otherwise  # also when it is no number


def _node(kind: str, title: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}
