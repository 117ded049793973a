"""Trains the bundled model of SD3's layout; every stage can be killed and run again, it goes on at its last checkpoint.

    python tests/bench/train_sd3.py vae
    python tests/bench/train_sd3.py decoder
    python tests/bench/train_sd3.py diffusion

The autoencoder starts from the bundled SD1.x one, widened to 16 latent channels; the text encoder is the bundled one,
frozen. The settings below are those of the model card.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from latentloom.engine.diffusion.loss import DiffusionLoss
from latentloom.engine.diffusion.process import Flow
from latentloom.engine.learn.bundle import measure_latents, pixel_batches
from latentloom.engine.learn.data import LatentShards, fingerprint, to_pixels
from latentloom.engine.learn.evaluate import SampleSettings, examine, sheet
from latentloom.engine.learn.loop import Hooks, LoopSettings, Progress, Trainer
from latentloom.engine.learn.optimizer import OptimizerSettings
from latentloom.engine.learn.supervised import VAESettings, train_vae
from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.clip import CLIPText
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.latent import LatentFormat
from latentloom.engine.models.load import load_checkpoint
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.text_stack import TextStack
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig
from latentloom.engine.shapes.dataset import ShapeScenes

VAE = VAEConfig(
    channels=64, channel_mult=(1, 1, 1, 2), res_blocks=1, attention=False, latent_channels=16, quant_conv=False
)
NETWORK = MMDiTConfig(width=192, depth=5, patch=1, context_dim=256, pooled_dim=256, grid=16, qk_norm=True)
SCALE, SHIFT = 1.5305, 0.0609
SEED = 30
BUNDLED = Path(__file__).parents[2] / "workflows" / "models" / "checkpoints"


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def report(every: int):
    def on_step(at: Progress) -> None:
        if at.step % every == 0 or at.step == at.total:
            say(f"step {at.step}/{at.total} loss {at.smoothed:.5f} rate {at.learning_rate:.2e} {at.seconds_per_step:.3f} s/step, {at.seconds_left / 60:.0f} min left")

    return on_step


@torch.no_grad()
def psnr(vae: AutoencoderKL, count: int = 128) -> float:
    pixels = to_pixels(ShapeScenes(64, 1, "test").batch(0, count)[0])
    output = torch.cat([vae.decode(vae.encode(pixels[at : at + 16])[0]) for at in range(0, count, 16)]).clamp(-1, 1)
    return float(-10 * ((output - pixels) / 2).square().mean().log10())


def widened() -> AutoencoderKL:
    """Return the SD1.x autoencoder with 16 latent channels: the layers beside the latent begin anew."""
    old = load_checkpoint(BUNDLED / "loom-shapes-sd15.safetensors", dtype=torch.float32).vae.network.state_dict()
    vae = AutoencoderKL(VAE)
    fresh = vae.state_dict()
    kept = {key: value for key, value in old.items() if key in fresh and fresh[key].shape == value.shape}
    say(f"{len(kept)} of {len(fresh)} tensors kept")
    vae.load_state_dict({**fresh, **kept})
    return vae


@torch.no_grad()
def normalise(vae: AutoencoderKL) -> None:
    """Give each channel the family's spread exactly, and its mean up to the picture's rim, which the decoder learns."""
    found = measure_latents(vae, pixel_batches(ShapeScenes(64, 3, "train"), 16))
    gain = 1 / (SCALE * found.std)
    out, into = vae.encoder.conv_out, vae.decoder.conv_in
    z = VAE.latent_channels
    out.weight[:z] *= gain[:, None, None, None]
    out.bias[:z] = (out.bias[:z] - found.mean) * gain + SHIFT
    out.bias[z:] += 2 * gain.log()
    into.weight /= gain[None, :, None, None]
    into.bias += (into.weight.sum((2, 3)) * (found.mean * gain - SHIFT)).sum(1)


def run_vae(options: argparse.Namespace, part: str) -> None:
    work: Path = options.work
    torch.manual_seed(SEED)
    if part == "both":
        vae = widened()
    else:
        vae = AutoencoderKL(VAE)
        vae.load_state_dict(load_file(work / "vae.safetensors"))
        say(f"before: {psnr(vae):.2f} dB")
        normalise(vae)
        say(f"normalised: {psnr(vae):.2f} dB")
    steps = options.steps or (1500 if part == "both" else 600)
    train_vae(
        vae,
        ShapeScenes(64, SEED + (part != "both"), "train"),
        VAESettings(batch=16, l1=0.1, kl=1e-4, jitter=0.0 if part == "both" else 0.1, part="both" if part == "both" else "decoder", precision="bf16"),
        LoopSettings(steps, SEED, ema_decay=0.995, checkpoint_every=125, checkpoint_folder=work / f"vae-{part}"),
        OptimizerSettings(options.rate or 5e-4, warmup=100, schedule="decay_at_end", decay_fraction=0.3, weight_decay=0.01),
        Hooks(on_step=report(25), on_checkpoint=lambda step: say(f"step {step}: PSNR {psnr(vae, 64):.2f} dB") if step % 250 == 0 else None),
    )
    name = "vae.safetensors" if part == "both" else "vae-tuned.safetensors"
    save_file({key: value.contiguous() for key, value in vae.state_dict().items()}, work / name)
    say(f"done, PSNR {psnr(vae):.2f} dB over 128 held-out pictures")


def text_of(encoder: TextEncoder) -> TextStack:
    """Return the bundled encoder as the one that an SD3 file holds.

    SD3 reads the last state but one, without the final norm. A layer that adds nothing makes that the last state of
    what was trained.
    """
    old = encoder.base
    network = CLIPText(replace(old.config, layers=old.config.layers + 1))
    state = old.state_dict()
    for key, value in network.encoder.layers[-1].state_dict().items():
        silent = key.startswith(("self_attn.out_proj", "mlp.fc2"))
        state[f"encoder.layers.{old.config.layers}.{key}"] = torch.zeros_like(value) if silent else value
    network.load_state_dict(state)
    part = encoder.with_(network=network.eval().requires_grad_(False), skip=2, norm=False)
    return TextStack({"l": part}, "sd3").fitting(NETWORK.context_dim, NETWORK.pooled_dim)


def start(network: MMDiT) -> None:
    """Draw the weights as the method's authors do: Xavier for matrices, 0.02 for the embedders, zeros where made so."""
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1 and "ln_" not in name:
            nn.init.zeros_(parameter)
        elif parameter.ndim > 1 and "adaLN" not in name and "final_layer.linear" not in name:
            if "embedder.mlp" in name:
                nn.init.normal_(parameter, std=0.02)
            else:
                nn.init.xavier_uniform_(parameter.flatten(1))


def run_diffusion(options: argparse.Namespace) -> None:
    work: Path = options.work
    torch.manual_seed(SEED)
    network = MMDiT(NETWORK)
    start(network)
    bundled = load_checkpoint(BUNDLED / "loom-shapes-sd15.safetensors", dtype=torch.float32)
    text = text_of(bundled.clip)
    vae = AutoencoderKL(VAE)
    vae.load_state_dict(load_file(work / "vae-tuned.safetensors"))
    vae.eval().requires_grad_(False)

    @torch.no_grad()
    def encode(pixels: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return (vae.encode(pixels)[0].float() - SHIFT) * SCALE

    scenes = ShapeScenes(64, SEED + 5, "train", options.keep_unplaced)
    latents = LatentShards(scenes, encode, key=f"{fingerprint(vae.encoder)}-{options.keep_unplaced}", folder=work / "latents", window=10, refresh=400)
    say(f"MMDiT {sum(p.numel() for p in network.parameters()) / 1e6:.2f} M parameters")
    latents.prepare(0, lambda done, wanted: say(f"shard {done}/{wanted}"))
    loss = DiffusionLoss(Flow(1.0), "flow", "logit_normal")

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        x0, words = latents.draw(step, options.batch, generator)
        dropped = torch.rand(len(words), generator=generator) < 0.1
        words = ["" if drop else word for drop, word in zip(dropped.tolist(), words, strict=True)]
        noise = torch.randn(x0.shape, generator=generator)
        sigma = loss.draw_sigma(len(x0), generator)
        with torch.no_grad():
            context, y = text.encode_batch(words)
        with torch.autocast("cpu", torch.bfloat16):
            return loss(lambda x, t: network(x, t, context, y), x0, noise=noise, sigma=sigma).mean()

    last = time.time()

    def on_checkpoint(step: int) -> None:
        nonlocal last
        if step != steps and time.time() - last < options.export_minutes * 60:
            return
        last = time.time()
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, work / "mmdit.safetensors")
        model = DiffusionModel(network, Flow(options.shift), "flow", LatentFormat(16, SCALE, SHIFT, 8), family="SD3")
        exam = examine(model, text, Autoencoder(vae), SampleSettings("euler", "normal", 20, options.cfg), each=options.examine, noise_seeds=(1,))
        kinds = exam.soft.as_dict()
        say(f"step {step}: soft " + ", ".join(f"{kind} {share['accuracy']:.2f}" for kind, share in kinds.items() if kind != "mode"))
        sheet(exam.pictures[:: max(1, len(exam.pictures) // 24)], 8).save(work / "samples.png")

    steps = options.steps or 12000
    settings = LoopSettings(steps, SEED, ema_decay=0.999, checkpoint_every=250, checkpoint_folder=work / "mmdit")
    optimizer = OptimizerSettings(options.rate or 1e-3, warmup=500, schedule="decay_at_end", decay_fraction=0.25, weight_decay=0.01)
    trainer = Trainer({"mmdit": network}, loss_of, settings, optimizer, Hooks(on_step=report(50), on_checkpoint=on_checkpoint))
    trainer.resume()
    trainer.run()
    trainer.average.store()
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, work / "mmdit-final.safetensors")
    say("done")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["vae", "decoder", "diffusion"])
    parser.add_argument("--work", type=Path, default=Path(".train/sd3"))
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--keep-unplaced", type=float, default=0.5)
    parser.add_argument("--shift", type=float, default=1.0)
    parser.add_argument("--cfg", type=float, default=3.5)
    parser.add_argument("--examine", type=int, default=30)
    parser.add_argument("--export-minutes", type=float, default=20)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    if options.stage == "diffusion":
        run_diffusion(options)
    else:
        run_vae(options, "both" if options.stage == "vae" else "decoder")


if __name__ == "__main__":
    main()
