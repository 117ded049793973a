"""Examines the bundled model on held-out captions and prints its figures as JSON.

    python tests/bench/bench_bundled_model.py [--file F] [--each 100] [--seeds 1 2] [--cfg 1 2 4 7 10]
        [--sampler dpmpp_2m] [--scheduler sgm_uniform] [--steps 20] [--sheet OUT.png] [--vae] [--samples OUT.png]

Without options: 300 captions, two noise seeds, the settings of workflows/txt2img.json. `--vae` also measures the
autoencoder: PSNR, and the share of rendered scenes that the judge still accepts after a round trip.
"""

from __future__ import annotations

import argparse
import json
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from latentloom.engine.learn.evaluate import SampleSettings, draw, examine, sheet
from latentloom.engine.library import load
from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.load import Loaded, load_checkpoint
from latentloom.engine.shapes.caption import read
from latentloom.engine.shapes.dataset import ShapeScenes, held_out_captions
from latentloom.engine.shapes.evaluate import evaluate
from latentloom.engine.shapes.judge import judge
from latentloom.engine.shapes.vocabulary import KINDS

ROOT = Path(__file__).parents[2]
BUNDLED = ROOT / "workflows" / "models" / "checkpoints" / "loom-shapes-sd15.safetensors"


def workflow_settings() -> dict[str, Any]:
    """Return the sampler's settings in workflows/txt2img.json; those of this file where there is none."""
    path = ROOT / "workflows" / "txt2img.json"
    for node in load(path) if path.exists() else ():
        if node.type == "KSampler":
            inputs = node.inputs
            return {
                "sampler": inputs["sampler_name"],
                "scheduler": inputs["scheduler"],
                "steps": inputs["steps"],
                "cfg": inputs["cfg"],
            }
    return {"sampler": "dpmpp_2m", "scheduler": "sgm_uniform", "steps": 20, "cfg": 3.5}


@torch.no_grad()
def round_trip(vae: Autoencoder, count: int) -> dict[str, float]:
    """Return PSNR in dB of the mean squared error, and both judges' accuracy, over rendered held-out scenes."""
    pictures, captions = ShapeScenes(64, 2, "test").batch(0, count)
    parts = []
    for start in range(0, count, 50):
        image = torch.from_numpy(pictures[start : start + 50]).float() / 255
        parts.append(vae.decode(vae.encode(image)).numpy())
    output = np.concatenate(parts)
    error = float(np.mean((output - pictures / 255.0) ** 2))
    again = (output * 255).round().astype(np.uint8)
    return {
        "psnr_db": round(float(-10 * np.log10(error)), 2),
        "rendered_soft": evaluate(pictures, captions, "soft").accuracy,
        "round_trip_soft": evaluate(again, captions, "soft").accuracy,
        "round_trip_strict": evaluate(again, captions, "strict").accuracy,
    }


def unrelated(pictures: np.ndarray, captions: list[str]) -> float:
    """Return the share of relation captions whose two objects are right, on whichever side they stand; soft judge."""
    asked = [(picture, read(caption)) for picture, caption in zip(pictures, captions, strict=True)]
    asked = [(picture, meaning) for picture, meaning in asked if meaning.relation is not None]
    passed = [judge(picture, replace(meaning, relation=None)).passed for picture, meaning in asked]
    return round(sum(passed) / len(passed), 4)


def labelled(loaded: Loaded, settings: SampleSettings, path: Path) -> None:
    """Write 16 pictures of held-out captions, not chosen, each over its caption."""
    captions = [held_out_captions(16, kind, 7)[i] for i in range(6) for kind in KINDS[:3]][:16]
    pictures = draw(*loaded, captions, list(range(16)), settings)
    side, line, columns = 128, 42, 4
    paper = Image.new("RGB", (columns * (side + 24) + 24, 4 * (side + line + 12) + 12), (255, 255, 255))
    pen = ImageDraw.Draw(paper)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = 24 + index % columns * (side + 24), 12 + index // columns * (side + line + 12)
        paper.paste(Image.fromarray(picture).resize((side, side), Image.Resampling.NEAREST), (left, top))
        pen.multiline_text((left, top + side + 3), textwrap.fill(caption, 23), fill=(40, 44, 52), font_size=10)
    paper.save(path)


def main() -> None:
    preset = workflow_settings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=BUNDLED)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--caption-seed", type=int, default=0, help="another seed gives other captions")
    parser.add_argument("--cfg", type=float, nargs="+", default=[preset["cfg"]])
    parser.add_argument("--sampler", default=preset["sampler"])
    parser.add_argument("--scheduler", default=preset["scheduler"])
    parser.add_argument("--steps", type=int, default=preset["steps"])
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--samples", type=Path, help="write the model card's sheet of 16 here and stop")
    parser.add_argument("--vae", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    loaded = load_checkpoint(options.file, dtype=torch.float32, vae_dtype=torch.float32, device=torch.device("cpu"))
    if options.samples is not None:
        settings = SampleSettings(options.sampler, options.scheduler, options.steps, options.cfg[0])
        labelled(loaded, settings, options.samples)
        return
    if options.vae:
        print(json.dumps({"vae": round_trip(loaded.vae, 1000)}), flush=True)
    for cfg in options.cfg:
        settings = SampleSettings(options.sampler, options.scheduler, options.steps, cfg)
        began = time.perf_counter()
        exam = examine(*loaded, settings, each=options.each, noise_seeds=options.seeds, caption_seed=options.caption_seed)
        unasked = {"relation_unasked_soft": unrelated(exam.pictures, exam.captions)}
        result = {"settings": vars(settings), **exam.as_dict(), **unasked, "seconds": round(time.perf_counter() - began, 1)}
        print(json.dumps(result), flush=True)
        if options.sheet is not None:
            sheet(exam.pictures[:: max(1, len(exam.pictures) // 48)][:48], 8).save(options.sheet)


if __name__ == "__main__":
    main()
