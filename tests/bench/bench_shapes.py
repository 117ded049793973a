"""Measure the shape world and its judge and print the figures as JSON.

    python tests/bench/bench_shapes.py [--scenes 1000] [--size 64] [--seed 0] [--vae FILE]

Says how many scenes a second are drawn and judged, how many rendered scenes pass with their own captions (as
drawn, and blurred, noisy, shifted in colour), and how many when one attribute of the caption is wrong. With a
file of an autoencoder (or a checkpoint) also how many pass after a round trip through it, and its PSNR.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from latentloom.engine.shapes import Meaning, ShapeScenes, evaluate, judge, render, wrong_meanings

Spoil = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def blur(sigma: float) -> Spoil:
    return lambda picture, rng: np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))


def noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


def shift(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(picture + rng.choice([-10.0, 10.0], 3), 0, 255).astype(np.uint8)


def round_trip(pictures: np.ndarray, file: Path) -> tuple[np.ndarray, float]:
    """Return the pictures encoded and decoded again, and the PSNR in decibels over all of them."""
    import torch

    from latentloom.engine.models.load import load_vae

    vae = load_vae(file, dtype=torch.float32)
    with torch.no_grad():
        images = torch.from_numpy(pictures).float() / 255
        decoded = torch.cat([vae.decode(vae.encode(group)).float().cpu() for group in images.split(50)])
    error = float(((decoded.clamp(0, 1) - images) ** 2).mean())
    return (decoded.clamp(0, 1) * 255).round().byte().numpy(), -10 * float(np.log10(error))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vae", type=Path)
    options = parser.parse_args()
    data = ShapeScenes(options.size, options.seed, "test")
    scenes, captions = data.described(0, options.scenes)
    pictures = np.stack([render(scene, options.size) for scene in scenes])
    scale = options.size / 64
    rng = np.random.default_rng(options.seed)

    def seconds(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    spoils: dict[str, Spoil] = {
        "as drawn": lambda picture, rng: picture,
        "blur 0.8": blur(0.8 * scale),
        "blur 1.2": blur(1.2 * scale),
        "blur 1.6": blur(1.6 * scale),
        "noise 6": noise,
        "colour shift 10": shift,
        "blur 0.8, noise 6, shift 10": lambda p, rng: shift(noise(blur(0.8 * scale)(p, rng), rng), rng),
    }
    own = {}
    for name, spoil in spoils.items():
        spoiled = [spoil(picture, rng) for picture in pictures]
        own[name] = {mode: evaluate(spoiled, captions, mode).as_dict() for mode in ("soft", "strict")}

    passed: dict[str, list[bool]] = {}
    for picture, scene in zip(pictures, scenes, strict=True):
        by_attribute: dict[str, list[Meaning]] = {}
        for attribute, meaning in wrong_meanings(scene.said):
            by_attribute.setdefault(attribute, []).append(meaning)
        for attribute, meanings in by_attribute.items():
            meaning = meanings[int(rng.integers(len(meanings)))]
            passed.setdefault(attribute, []).append(judge(picture, meaning).passed)
    everything = [verdict for verdicts in passed.values() for verdict in verdicts]

    count = options.scenes
    figures = {
        "scenes": count,
        "size": options.size,
        "rendered_per_second": round(count / seconds(lambda: [render(scene, options.size) for scene in scenes])),
        "batched_per_second": round(count / seconds(lambda: data.batch(1, count))),
        "judged_per_second": round(count / seconds(lambda: evaluate(pictures, captions))),
        "own_caption": {
            name: {mode: report["overall"]["accuracy"] for mode, report in modes.items()} for name, modes in own.items()
        },
        "own_caption_by_kind": own["as drawn"],
        "one_attribute_wrong": {
            "overall": {"count": len(everything), "passed": round(float(np.mean(everything)), 4)},
            **{
                name: {"count": len(verdicts), "passed": round(float(np.mean(verdicts)), 4)}
                for name, verdicts in sorted(passed.items())
            },
        },
    }
    if options.vae is not None:
        decoded, psnr = round_trip(pictures, options.vae)
        reports = {mode: evaluate(decoded, captions, mode).as_dict() for mode in ("soft", "strict")}
        figures["round_trip"] = {"file": options.vae.name, "psnr_db": round(psnr, 2), **reports}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
