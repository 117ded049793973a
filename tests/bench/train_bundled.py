"""Trains the bundled model; every stage can be killed and run again, it goes on where its last checkpoint stands.

    python tests/bench/train_bundled.py vae
    python tests/bench/train_bundled.py decoder
    python tests/bench/train_bundled.py text
    python tests/bench/train_bundled.py diffusion --readout
    python tests/bench/bench_bundled_model.py --file OUT.safetensors

The stages are the library calls that the training nodes make; the settings below are those of the model card.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from latentloom.engine.diffusion.loss import DiffusionLoss
from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.learn.bundle import fit_preview, fold_normalisation, measure_latents, pixel_batches
from latentloom.engine.learn.curve import save_curve
from latentloom.engine.learn.data import CaptionTable, LatentShards, fingerprint, to_pixels
from latentloom.engine.learn.evaluate import SampleSettings, examine, sheet
from latentloom.engine.learn.loop import Hooks, LoopSettings, Progress
from latentloom.engine.learn.optimizer import OptimizerSettings
from latentloom.engine.learn.readout import SceneReadout, end_states, train_readout
from latentloom.engine.learn.start import start_text_encoder
from latentloom.engine.learn.supervised import DiffusionSettings, VAESettings, train_diffusion, train_vae
from latentloom.engine.learn.team import Team
from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.latent import LatentFormat
from latentloom.engine.models.load import load_checkpoint
from latentloom.engine.models.save import save_checkpoint
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig
from latentloom.engine.shapes.dataset import ShapeScenes

# Group norm has 32 groups: with 64 channels each holds two, so that a flat colour survives it; 32 channels would make
# it an instance norm, which erases the level of every channel (one contended trial of a minute: 16.4 against 11.2 dB).
VAE = VAEConfig(channels=64, channel_mult=(1, 1, 1, 2), res_blocks=1, attention=False)
UNET = UNetConfig(
    model_channels=128, channel_mult=(1, 1), res_blocks=1, transformer_depth=(2, 1), middle_depth=1, context_dim=128
)
TEXT = CLIPTextConfig(width=128, layers=3, heads=2, mlp=512)
SEED = 20
BUNDLED = Path(__file__).parents[2] / "workflows" / "models" / "checkpoints" / "loom-shapes-sd15.safetensors"


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def report(every: int) -> Callable[[Progress], None]:
    def on_step(at: Progress) -> None:
        if at.step % every == 0 or at.step == at.total:
            left = at.seconds_left / 60
            say(
                f"step {at.step}/{at.total} loss {at.smoothed:.5f} rate {at.learning_rate:.2e} "
                f"{at.seconds_per_step:.3f} s/step, {left:.0f} min left"
            )

    return on_step


@torch.no_grad()
def reconstruct(vae: AutoencoderKL, count: int) -> tuple[Tensor, Tensor]:
    """Return held-out pixels [n 3 h w] and what the autoencoder makes of them, clamped."""
    pixels = to_pixels(ShapeScenes(64, 1, "test").batch(0, count)[0])
    parts = [vae.decode(vae.encode(pixels[at : at + 16])[0]) for at in range(0, count, 16)]
    return pixels, torch.cat(parts).clamp(-1, 1)


def psnr(vae: AutoencoderKL, count: int = 128) -> float:
    """Return the PSNR in dB of the mean squared error over `count` held-out pictures."""
    pixels, output = reconstruct(vae, count)
    return float(-10 * ((output - pixels) / 2).square().mean().log10())


def save_reconstructions(vae: AutoencoderKL, path: Path) -> None:
    pixels, output = reconstruct(vae, 16)
    pairs = torch.stack([pixels, output], dim=1).flatten(0, 1)
    pictures = ((pairs + 1) * 127.5).round().clamp(0, 255).permute(0, 2, 3, 1).numpy().astype(np.uint8)
    sheet(pictures, 8).save(path)


def save_weights(network: nn.Module, path: Path) -> None:
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)


def run_vae(options: argparse.Namespace, part: str) -> None:
    work: Path = options.work
    torch.manual_seed(SEED)
    vae = AutoencoderKL(VAE)
    steps = options.steps or (3000 if part == "both" else 1500)
    rate = options.rate or (1e-3 if part == "both" else 5e-4)
    if part == "decoder":
        vae.load_state_dict(load_file(work / "vae.safetensors"))
    say(f"VAE of {sum(p.numel() for p in vae.parameters()) / 1e6:.2f} M parameters, {part}, {steps} steps")

    def on_checkpoint(step: int) -> None:
        if step % 250 == 0 or step == steps:
            say(f"step {step}: PSNR {psnr(vae, 64):.2f} dB")
            save_reconstructions(vae, work / f"vae-{part}.png")

    losses = train_vae(
        vae,
        ShapeScenes(64, SEED if part == "both" else SEED + 1, "train"),
        VAESettings(
            batch=options.batch or 16,
            l1=0.1,
            kl=1e-5,
            jitter=0.0 if part == "both" else 0.03,
            part="both" if part == "both" else "decoder",
            precision="bf16",
        ),
        LoopSettings(steps, SEED, ema_decay=0.995, checkpoint_every=125, checkpoint_folder=work / f"vae-{part}"),
        OptimizerSettings(rate, warmup=100, schedule="decay_at_end", decay_fraction=0.3, weight_decay=0.01),
        Hooks(on_step=report(25), on_checkpoint=on_checkpoint),
    )
    save_curve(losses, work / f"vae-{part}-loss.png", "VAE loss")
    save_weights(vae, work / ("vae.safetensors" if part == "both" else "vae-tuned.safetensors"))
    say(f"done, PSNR {psnr(vae):.2f} dB over 128 held-out pictures")


def folded(work: Path, name: str = "vae.safetensors") -> AutoencoderKL:
    """Return the trained autoencoder with its latents normalised; the encoder decides the statistics."""
    vae = AutoencoderKL(VAE)
    vae.load_state_dict(load_file(work / name))
    found = measure_latents(vae, pixel_batches(ShapeScenes(64, 3, "train"), 16))
    fold_normalisation(vae, found)
    return vae.eval().requires_grad_(False)


def bundle(unet: UNet, text: CLIPText, vae: AutoencoderKL) -> tuple[DiffusionModel, TextEncoder, Autoencoder]:
    fitted = fit_preview(vae, pixel_batches(ShapeScenes(64, 4, "train"), 8))
    rows = [(float(r), float(g), float(b)) for r, g, b in fitted.factors.tolist()]
    red, green, blue = fitted.bias.tolist()
    latent = LatentFormat(rgb_factors=tuple(rows), rgb_bias=(red, green, blue))
    process = Discrete.stable_diffusion().with_zero_terminal_snr()
    return DiffusionModel(unet, process, "v", latent), TextEncoder(text), Autoencoder(vae)


def run_text(options: argparse.Namespace) -> None:
    """Teach the text encoder the captions' meaning; without --init-from from nothing."""
    torch.manual_seed(SEED)
    text, readout = start_text(options), SceneReadout(TEXT.width)
    scenes = ShapeScenes(64, options.data_seed, "train", options.keep_unplaced)
    table = CaptionTable(tokens_of(text), [c for index in range(4) for c in scenes.described(10**6 + index, 1000)[1]])
    steps = options.steps or 2000
    batch = options.batch or 128
    test = ShapeScenes(64, 9, "test", 0.1).described(0, 400)[1]

    def on_checkpoint(step: int) -> None:
        rows = table.encode(test)
        with torch.no_grad():
            states, _ = text(rows)
        say(f"step {step}: {readout.score(states, end_states(rows), test):.3f} of unseen captions read without a mistake")

    train_readout(
        text,
        readout,
        lambda step: scenes.described(step, batch)[1],
        table,
        32,
        LoopSettings(steps, SEED, ema_decay=0.99, checkpoint_every=100, checkpoint_folder=options.work / options.name),
        OptimizerSettings(options.rate or 1e-3, warmup=100, schedule="decay_at_end", decay_fraction=0.3, weight_decay=0.01),
        Hooks(on_step=report(50), on_checkpoint=on_checkpoint),
    )
    save_weights(nn.ModuleDict({"text": text, "readout": readout}), options.work / "text.safetensors")
    say("done")


def start_text(options: argparse.Namespace) -> CLIPText:
    text = CLIPText(TEXT)
    start_text_encoder(text)
    if options.init_from is not None and not options.new_text:
        start = load_checkpoint(options.init_from, dtype=torch.float32)
        text.load_state_dict(start.clip.network.state_dict())
    return text


def tokens_of(text: CLIPText) -> Callable[[Sequence[str]], Tensor]:
    tokenizer = TextEncoder(text)

    def tokens(captions: Sequence[str]) -> Tensor:
        return torch.tensor([[token.number for token in tokenizer.chunks(caption)[0]] for caption in captions])

    return tokens


def run_diffusion(options: argparse.Namespace) -> None:
    work: Path = options.work
    steps = options.steps or 12000
    torch.manual_seed(SEED)
    unet, text = UNet(UNET), start_text(options)
    readout = SceneReadout(TEXT.width) if options.readout else None
    if readout is not None:
        nn.ModuleDict({"text": text, "readout": readout}).load_state_dict(load_file(work / "text.safetensors"))
    if options.init_from is not None:
        unet.load_state_dict(load_checkpoint(options.init_from, dtype=torch.float32).model.network.state_dict())
    vae = folded(work)
    key = fingerprint(nn.ModuleList([vae.encoder, vae.quant_conv]))
    scenes = ShapeScenes(64, options.data_seed + options.rank, "train", options.keep_unplaced)
    team = Team(work / "team", options.rank, options.members) if options.members > 1 else None

    @torch.no_grad()
    def encode(pixels: Tensor) -> Tensor:
        # bfloat16 errs by a hundredth of a latent's spread, a third of the smallest noise level.
        with torch.autocast("cpu", torch.bfloat16):
            return vae.encode(pixels)[0].float() * 0.18215

    latents = LatentShards(
        scenes,
        encode,
        key=f"{key}-{scenes.keep_unplaced}-{scenes.seed}",
        folder=work / "latents",
        window=options.window,
        refresh=400,
    )
    say(f"UNet {sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M, {steps} steps; encoding the first scenes")
    began = time.time()
    latents.prepare(0, lambda done, wanted: say(f"shard {done}/{wanted}") if done % 6 == 0 else None)
    say(f"encoded in {time.time() - began:.0f} s")
    table = CaptionTable(tokens_of(text), [c for index in range(4) for c in scenes.described(10**6 + index, 1000)[1]])
    say(f"{len(table.rows)} token rows in use")
    process = Discrete.stable_diffusion().with_zero_terminal_snr()
    exported = time.time()

    def on_checkpoint(step: int) -> None:
        nonlocal exported
        if step == steps or time.time() - exported > options.export_minutes * 60:
            exported = time.time()
            parts = bundle(unet, text, vae)
            save_checkpoint(options.out, *parts)
            say(f"step {step}: exported {options.out.stat().st_size / 1e6:.2f} MB")
            if options.examine:
                exam = examine(*parts, SampleSettings(steps=12), each=options.examine, noise_seeds=(1,))
                kinds = exam.soft.as_dict()
                shares = [f"{kind} {share['accuracy']:.2f}" for kind, share in kinds.items() if kind != "mode"]
                say(f"step {step}: soft {', '.join(shares)}")
                sheet(exam.pictures[:: max(1, len(exam.pictures) // 24)], 8).save(work / "samples.png")

    losses = train_diffusion(
        unet,
        text,
        latents,
        table,
        DiffusionLoss(process, "v"),
        DiffusionSettings(batch=options.batch or 48, precision="bf16"),
        LoopSettings(
            steps,
            options.seed + 1000 * options.rank,
            ema_decay=0.999,
            checkpoint_every=250,
            checkpoint_folder=work / options.name,
            writes=options.rank == 0,
        ),
        OptimizerSettings(
            options.rate or 1e-3, warmup=300, schedule="decay_at_end", decay_fraction=options.decay, weight_decay=0.01
        ),
        Hooks(
            on_step=report(50),
            on_checkpoint=on_checkpoint,
            on_gradients=(lambda step, gradients: team.average(gradients)) if team else None,
        ),
        readout,
    )
    if options.rank:
        return
    save_curve(losses, work / f"{options.name}-loss.png", "diffusion loss")
    save_checkpoint(options.out, *bundle(unet, text, vae))
    say("done")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["vae", "decoder", "text", "diffusion"])
    parser.add_argument("--work", type=Path, default=Path(".train"))
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--data-seed", type=int, default=SEED + 10)
    parser.add_argument("--decay", type=float, default=0.25, help="share of the steps over which the rate falls")
    parser.add_argument("--name", default="diffusion", help="folder of the checkpoints")
    parser.add_argument("--init-from", type=Path, help="a finished file whose weights this run starts from")
    parser.add_argument("--keep-unplaced", type=float, default=1.0, help="share kept of scenes that say no place")
    parser.add_argument("--readout", action="store_true", help="begin with the text stage's encoder and go on reading it")
    parser.add_argument("--new-text", action="store_true", help="start the text encoder anew all the same")
    parser.add_argument("--out", type=Path, default=BUNDLED)
    parser.add_argument("--export-minutes", type=float, default=12)
    parser.add_argument("--members", type=int, default=1, help="processes that train together, each with --rank")
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--window", type=int, default=10, help="shards of 2048 scenes that batches are drawn from")
    parser.add_argument("--examine", type=int, default=0, help="captions of each kind to judge at each export")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.stage == "diffusion":
        run_diffusion(options)
    elif options.stage == "text":
        run_text(options)
    else:
        run_vae(options, "both" if options.stage == "vae" else "decoder")


if __name__ == "__main__":
    main()
