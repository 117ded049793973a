"""Trains the bundled upscale model as a graph of our own nodes, on photographs that scikit-image ships, and measures it.

    python tests/bench/train_upscaler.py train
    python tests/bench/train_upscaler.py measure

A training that was broken off goes on where its last checkpoint stands. Photographs are either trained on or measured
with, never both. `measure` also takes the two photographs of scikit-learn where that is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from latentloom.engine.engine import Engine
from latentloom.engine.learn.upscale import FILTERS, bicubic, eight_bits, score, shrink, unit
from latentloom.engine.models.upscale_load import load_upscaler
from latentloom.engine.models.upscaler import Upscaler

TRAIN = (
    "astronaut.png", "motorcycle_left.png", "camera.png", "brick.png", "grass.png", "gravel.png", "coins.png",
    "moon.png", "hubble_deep_field.jpg", "ihc.png", "retina.jpg",
)  # fmt: skip
TEST = ("chelsea.png", "coffee.png", "rocket.jpg")
SHOWN = ((95, 120), (150, 230), (300, 290))  # where crops of TEST begin, down and across
SIDE = 80  # of a crop
BUNDLED = Path(__file__).parents[2] / "workflows" / "models" / "upscale_models" / "loom-photo-x2.safetensors"


def folder_of(package: str, *inside: str) -> Path:
    """Return a folder of an installed package without importing it."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(f"{package} is not installed")
    return Path(found.origin).parent.joinpath(*inside)


def photograph(path: Path) -> NDArray[np.uint8]:
    """Return a photograph as uint8 [h w 3]; a grey one has three equal channels."""
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))


def train(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    engine = Engine(options.work, "cpu", "off")
    inputs = engine.folders.directory("input") / "photographs"
    inputs.mkdir(exist_ok=True)
    for name in TRAIN:
        Image.fromarray(photograph(folder_of("skimage", "data", name))).save(inputs / f"{Path(name).stem}.png")
    graph = engine.builder()
    data = graph.LoomPhotographs(folder="photographs", size=options.size, seed=options.seed)
    if options.init_from is None:
        start = graph.LoomNewUpscaleModel(scale=2, width=32, layers=8, seed=options.seed)
    else:
        models = engine.folders.directory("upscale_models")
        shutil.copyfile(options.init_from, models / options.init_from.name)
        start = graph.UpscaleModelLoader(model_name=options.init_from.name)
    trained = graph.LoomTrainUpscaler(
        upscale_model=start, dataset=data, steps=options.steps, batch_size=options.batch, learning_rate=options.rate,
        loss=options.loss, made_small_by=options.made_small_by, precision="bf16", seed=options.seed,
        name=options.name, checkpoint_every=200,
    )  # fmt: skip
    graph.LoomSaveUpscaleModel(upscale_model=trained.UPSCALE_MODEL, filename_prefix=options.name)
    began, processor = time.time(), time.process_time()
    saved = engine.run(graph)
    print(saved)
    (made,) = [item for values in saved.values() for item in values.get("files", [])]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(engine.folders.directory("output") / made["filename"], options.out)
    seconds = f"{time.time() - began:.0f} s, {time.process_time() - processor:.0f} s of processor time"
    print(f"{options.out}: {options.out.stat().st_size} bytes, {seconds} since the last start")


def measure(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    model = load_upscaler(options.out, device=torch.device("cpu"))
    paths = [folder_of("skimage", "data", name) for name in TEST]
    if importlib.util.find_spec("sklearn") is not None:
        paths += [folder_of("sklearn", "datasets", "images", name) for name in ("china.jpg", "flower.jpg")]
    pictures = [photograph(path) for path in paths]
    for kind in FILTERS:
        print(f"made small by {kind}")
        found = score(lambda small: model.upscale(small.movedim(1, -1)).movedim(-1, 1), pictures, 2, kind)
        for path, (ours, rival) in zip(paths, found, strict=True):
            print(f"  {path.name:12} {ours:6.2f} dB, bicubic {rival:6.2f} dB, better by {ours - rival:.2f} dB")
        print(f"  mean better by {sum(ours - rival for ours, rival in found) / len(found):.2f} dB")
    if options.sheet is not None:
        draw(model, pictures[: len(SHOWN)], options.sheet)


def draw(model: Upscaler, pictures: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Save crops side by side, each pixel three times: the small one, bicubic, the model's, the photograph's own."""
    rows = []
    for picture, (top, left) in zip(pictures, SHOWN, strict=True):
        large = unit(picture[None, : picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
        small = eight_bits(shrink(large, 2))
        made = model.upscale(small.movedim(1, -1)).movedim(-1, 1)
        shown = [small.repeat_interleave(2, 2).repeat_interleave(2, 3), bicubic(small, 2), made, large]
        rows.append(torch.cat([one[0, :, top : top + SIDE, left : left + SIDE] for one in shown], 2))
    sheet = torch.cat(rows, 1).repeat_interleave(3, 1).repeat_interleave(3, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet.mul(255).round().byte().permute(1, 2, 0).numpy()).save(path, quality=92)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["train", "measure"])
    parser.add_argument("--work", type=Path, default=Path(".train/upscaler"))
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--loss", choices=["absolute", "squared"], default="absolute")
    parser.add_argument("--made-small-by", choices=["both", "bicubic", "area"], default="both")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--name", default="loom-photo-x2", help="of the training, and of the file it saves")
    parser.add_argument("--init-from", type=Path, help="a finished file whose weights this run starts from")
    parser.add_argument("--sheet", type=Path, help="where measure saves pictures to look at")
    parser.add_argument("--out", type=Path, default=BUNDLED)
    options = parser.parse_args()
    if options.stage == "train":
        train(options)
    else:
        measure(options)


if __name__ == "__main__":
    main()
