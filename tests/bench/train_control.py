"""Trains the bundled ControlNet (edges of scenes) beside the bundled model, and examines it.

    python tests/bench/train_control.py train
    python tests/bench/train_control.py exam

Training can be killed and run again, it goes on at its last checkpoint. The file is in ldm's layout: the copied
encoder in float8_e4m3fn, what the method adds (hint block, zero convolutions) and every vector in float16. The exam
draws scenes from their captions with and without the edges and prints the F1 of edges at 2 px, of the file as saved.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from latentloom.engine.diffusion.loss import DiffusionLoss
from latentloom.engine.diffusion.noise import item_noise
from latentloom.engine.diffusion.sample import sample
from latentloom.engine.diffusion.samplers import SAMPLERS
from latentloom.engine.diffusion.schedule import sigmas_for
from latentloom.engine.learn.control import ControlSettings, HintedLatents, train_control
from latentloom.engine.learn.evaluate import sheet
from latentloom.engine.learn.loop import Hooks, LoopSettings, Progress
from latentloom.engine.learn.optimizer import OptimizerSettings
from latentloom.engine.learn.prepare import latent_shards
from latentloom.engine.models.control import ControlNet
from latentloom.engine.models.controlled import ControlModel
from latentloom.engine.models.load import Loaded, load_checkpoint
from latentloom.engine.models.load_control import load_control
from latentloom.engine.models.save import write_safetensors
from latentloom.engine.models.save_control import control_tensors
from latentloom.engine.pictures.edges import canny_edges, edge_agreement
from latentloom.engine.shapes.dataset import ShapeScenes
from latentloom.engine.shapes.evaluate import evaluate

BUNDLED = Path(__file__).parents[2] / "workflows" / "models" / "checkpoints" / "loom-shapes-sd15.safetensors"
SEED = 60
LOW, HIGH = 0.1, 0.2  # Canny's thresholds: every outline of every pair of colours is found


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def edges(pictures: np.ndarray) -> Tensor:
    return canny_edges(torch.from_numpy(pictures).float() / 255, LOW, HIGH)


def report(every: int):
    def on_step(at: Progress) -> None:
        if at.step % every == 0 or at.step == at.total:
            say(f"step {at.step}/{at.total} loss {at.smoothed:.5f} rate {at.learning_rate:.2e} {at.seconds_per_step:.3f} s/step, {at.seconds_left / 60:.0f} min left")

    return on_step


def save(control: ControlNet, path: Path) -> None:
    write_safetensors(path, control_tensors(ControlModel(control), "fp8"), {"format": "pt"})


def load(path: Path) -> ControlNet:
    return load_control(path, device=torch.device("cpu"), dtype=torch.float32).network


@torch.no_grad()
def drawn(bundled: Loaded, captions: list[str], hints: Tensor, control: ControlNet | None, options: argparse.Namespace) -> np.ndarray:
    """Return pictures for captions, under edges where a ControlNet is given; both halves of the guidance see them."""
    model, pictures = bundled.model, []
    sampler = SAMPLERS["euler"]
    sigmas = sigmas_for(model.process, "normal", options.sample_steps)
    empty = bundled.clip.encode("")[0]
    for at in range(0, len(captions), 25):
        part = captions[at : at + 25]
        context = torch.cat([torch.cat([bundled.clip.encode(caption)[0] for caption in part]), empty.expand(len(part), -1, -1)])
        hint = hints[at : at + 25, None].expand(-1, 3, -1, -1).repeat(2, 1, 1, 1)

        def seen(x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None, hint: Tensor = hint) -> list[Tensor]:
            return control(x, hint, timesteps, context)

        def denoise(x: Tensor, sigma: Tensor, context: Tensor = context, seen=seen) -> Tensor:
            steered = {"control": seen} if control is not None else {}
            wanted, plain = model.denoise(torch.cat([x, x]), sigma, context, **steered).chunk(2)
            return plain + options.cfg * (wanted - plain)

        blank = torch.zeros(len(part), 4, 8, 8)
        x = model.process.start(blank, item_noise(blank, [1000 + at + i for i in range(len(part))]), float(sigmas[0]))
        x = sample(sampler, denoise, x, sigmas)
        image = bundled.vae.decode(model.latent.raw(model.process.finish(x, float(sigmas[-1]))))
        pictures.append((image.numpy() * 255).round().astype(np.uint8))
    return np.concatenate(pictures)


def scores(pictures: np.ndarray, hints: Tensor) -> list[float]:
    found = edges(pictures)
    return [edge_agreement(found[i : i + 1], hints[i : i + 1])[2] for i in range(len(found))]


def exam(options: argparse.Namespace, bundled: Loaded, control: ControlNet, count: int) -> str:
    pictures, captions = ShapeScenes(64, 7, "test").batch(0, count)
    hints = edges(pictures)
    rows = [pictures]
    words = []
    for name, network in (("with", control), ("without", None)):
        made = drawn(bundled, captions, hints, network, options)
        f1 = scores(made, hints)
        soft = evaluate(made, captions, "soft").accuracy
        words.append(f"{name}: F1 {np.mean(f1):.3f} (median {np.median(f1):.3f}), captions {soft:.2f}")
        rows.append(made)
    lines = (hints[..., None].expand(-1, -1, -1, 3).numpy() * 255).astype(np.uint8)
    shown = np.concatenate([np.stack([rows[0][i], lines[i], rows[1][i], rows[2][i]]) for i in range(min(count, 16))])
    sheet(shown, 8).save(options.work / "exam.png")
    through = bundled.vae.decode(bundled.vae.encode(torch.from_numpy(pictures).float() / 255))
    ceiling = scores((through.detach().numpy() * 255).round().astype(np.uint8), hints)
    return "; ".join([*words, f"through the autoencoder alone: F1 {np.mean(ceiling):.3f}"])


def run(options: argparse.Namespace) -> None:
    torch.manual_seed(SEED)
    bundled = load_checkpoint(BUNDLED, dtype=torch.float32)
    model, clip = bundled.model, bundled.clip
    control = ControlNet.beside(model.network)
    file = options.work / "loom-shapes-canny.safetensors"
    say(f"ControlNet {sum(p.numel() for p in control.parameters()) / 1e6:.2f} M parameters")
    scenes = ShapeScenes(64, SEED, "train", 0.5)
    shards = latent_shards(scenes, bundled.vae, model.latent, folder=options.work / "latents", name="canny", shard=2048, window=8, refresh=400)
    shards.prepare(0, lambda done, wanted: say(f"shard {done}/{wanted}"))
    tokens: dict[str, list[int]] = {}

    def text(words: list[str]) -> Tensor:
        for word in words:
            if word not in tokens:
                tokens[word] = [token.number for token in clip.chunks(word)[0]]
        return clip.network(torch.tensor([tokens[word] for word in words]))[0]

    def on_checkpoint(step: int) -> None:
        save(control, file)
        if step % options.examine_every == 0:
            say(f"step {step}: {file.stat().st_size} bytes; {exam(options, bundled, load(file), 50)}")

    train_control(
        control.requires_grad_(True),
        model.network,
        text,
        HintedLatents(shards, edges),
        DiffusionLoss(model.process, model.prediction),
        ControlSettings(options.batch, 0.5, "bf16"),
        LoopSettings(options.steps, SEED, ema_decay=0.995, checkpoint_every=options.checkpoint_every, checkpoint_folder=options.work / "control"),
        OptimizerSettings(options.rate, warmup=100, schedule="decay_at_end", decay_fraction=0.3, weight_decay=0.01),
        Hooks(on_step=report(25), on_checkpoint=on_checkpoint),
    )
    save(control, file)
    say(f"done, {file.stat().st_size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["train", "exam"])
    parser.add_argument("--work", type=Path, default=Path(".train/control"))
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint-every", type=int, default=100)
    parser.add_argument("--examine-every", type=int, default=500)
    parser.add_argument("--examine", type=int, default=200)
    parser.add_argument("--sample-steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=3.5)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    if options.stage == "train":
        run(options)
    else:
        bundled = load_checkpoint(BUNDLED, dtype=torch.float32)
        file = options.work / "loom-shapes-canny.safetensors"
        say(f"{file.stat().st_size} bytes; {exam(options, bundled, load(file), options.examine)}")


if __name__ == "__main__":
    main()
