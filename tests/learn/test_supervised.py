"""Both trainings on tiny networks: they learn, resume, stop, and leave averaged weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from latentloom.engine.diffusion.loss import DiffusionLoss
from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.errors import Cancelled, UserError
from latentloom.engine.learn.data import CaptionTable, LatentShards
from latentloom.engine.learn.loop import Hooks, LoopSettings, Progress
from latentloom.engine.learn.optimizer import OptimizerSettings
from latentloom.engine.learn.supervised import DiffusionSettings, VAESettings, train_diffusion, train_vae
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.tokenize import Tokenizer
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig
from latentloom.engine.shapes.dataset import ShapeScenes

SCENES = ShapeScenes(16, 0, "train")
TOKENIZER = Tokenizer()


def vae() -> AutoencoderKL:
    torch.manual_seed(0)
    return AutoencoderKL(VAEConfig(channels=32, channel_mult=(1, 1, 1, 1), res_blocks=1, attention=False))


def denoiser() -> tuple[UNet, CLIPText]:
    torch.manual_seed(0)
    config = UNetConfig(model_channels=32, channel_mult=(1,), res_blocks=1, transformer_depth=(1,), context_dim=32)
    return UNet(config), CLIPText(CLIPTextConfig(width=32, layers=1, heads=1, mlp=32))


def tokenize(captions: Sequence[str]) -> Tensor:
    rows = [[TOKENIZER.bos, *TOKENIZER.encode(caption)] for caption in captions]
    return torch.tensor([row + [TOKENIZER.eos] * (77 - len(row)) for row in rows])


def train(
    unet: UNet, text: CLIPText, loop: LoopSettings, hooks: Hooks | None = None, rate: float = 3e-3, **settings: float
) -> list[float]:
    return train_diffusion(
        unet,
        text,
        LatentShards(SCENES, lambda pixels: torch.nn.functional.avg_pool2d(pixels, 8).repeat(1, 2, 1, 1)[:, :4],
                     key="pooled", shard=32, window=2, refresh=50),
        CaptionTable(tokenize, SCENES.batch(99, 200)[1]),
        DiffusionLoss(Discrete.stable_diffusion().with_zero_terminal_snr(), "v"),
        DiffusionSettings(batch=8, **settings),  # type: ignore[arg-type]
        loop,
        OptimizerSettings(rate, warmup=5, schedule="constant"),
        hooks,
    )  # fmt: skip


def test_vae_learns_and_ends_with_its_average(tmp_path: Path) -> None:
    network = vae()
    losses = train_vae(
        network,
        SCENES,
        VAESettings(batch=4, edge=0.1, jitter=0.02),
        LoopSettings(30, ema_decay=0.5, checkpoint_every=30, checkpoint_folder=tmp_path),
        OptimizerSettings(3e-3, warmup=3),
    )
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    stored = Hooks()  # a finished run resumes to its end and gives the same averaged weights
    again = vae()
    repeated = train_vae(
        again,
        SCENES,
        VAESettings(batch=4),
        LoopSettings(30, ema_decay=0.5, checkpoint_every=30, checkpoint_folder=tmp_path),
        OptimizerSettings(3e-3, warmup=3),
        stored,
    )
    assert repeated == losses
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


def test_decoder_part_leaves_the_latent_space_alone() -> None:
    network = vae()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    train_vae(network, SCENES, VAESettings(batch=2, part="decoder"), LoopSettings(3), OptimizerSettings(warmup=0))
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("decoder.") for name in changed)
    assert not any(name.startswith(("encoder.", "quant_conv.")) for name in changed)
    assert all(p.requires_grad for p in network.parameters())


def test_bf16_stays_near_fp32_and_keeps_weights_in_float32() -> None:
    losses = {}
    for precision in ("fp32", "bf16"):
        network = vae()
        settings = VAESettings(batch=2, precision=precision)
        losses[precision] = train_vae(network, SCENES, settings, LoopSettings(2), OptimizerSettings(warmup=0))
        assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)
    assert losses["bf16"] != losses["fp32"]


def test_diffusion_learns_and_gives_the_full_table_back() -> None:
    still = train(*denoiser(), LoopSettings(120), rate=1e-12)
    unet, text = denoiser()
    losses = train(unet, text, LoopSettings(120, ema_decay=0.9))
    assert losses[0] == still[0]  # same scenes, noise and times, so the curves differ by learning alone
    assert sum(losses[60:]) < 0.9 * sum(still[60:])
    assert text.embeddings.token_embedding.weight.shape == (49408, 32)
    rows = text.embeddings.token_embedding.weight[[TOKENIZER.encode(word)[0] for word in ("giraffe", "quantum")]]
    assert torch.equal(rows[0], rows[1])  # words never trained share one vector


def test_diffusion_resumes_to_the_unbroken_curve(tmp_path: Path) -> None:
    unbroken = train(*denoiser(), LoopSettings(9))
    settings = LoopSettings(9, checkpoint_every=4, checkpoint_folder=tmp_path)
    seen: list[int] = []

    def stop() -> bool:
        return len(seen) >= 6

    with pytest.raises(Cancelled):
        train(*denoiser(), settings, Hooks(on_step=lambda at: seen.append(at.step), should_stop=stop))
    unet, text = denoiser()
    steps: list[Progress] = []
    assert train(unet, text, settings, Hooks(on_step=steps.append)) == unbroken
    assert [at.step for at in steps] == [7, 8, 9]


def test_checkpoint_hook_sees_the_full_table(tmp_path: Path) -> None:
    unet, text = denoiser()
    shapes: list[tuple[int, ...]] = []
    hooks = Hooks(on_checkpoint=lambda step: shapes.append(tuple(text.embeddings.token_embedding.weight.shape)))
    train(unet, text, LoopSettings(2, checkpoint_every=1, checkpoint_folder=tmp_path), hooks)
    assert shapes == [(49408, 32)] * 2


def test_dropping_every_caption_trains_no_word() -> None:
    unet, text = denoiser()
    with torch.no_grad():  # a fresh UNet ends in zeros, through which no gradient flows at first
        for parameter in unet.parameters():
            parameter += 0.02
    word = TOKENIZER.encode("circle")[0]
    before = text.embeddings.token_embedding.weight[word].clone()
    train(unet, text, LoopSettings(3, ema_decay=0.0), caption_dropout=1.0, unseen_words=0.0)
    assert torch.equal(text.embeddings.token_embedding.weight[word], before)
    train(unet, text, LoopSettings(3, ema_decay=0.0), caption_dropout=0.0, unseen_words=0.0)
    assert not torch.equal(text.embeddings.token_embedding.weight[word], before)


@pytest.mark.parametrize(
    ("make", "name"),
    [(lambda: VAESettings(batch=0), "batch"), (lambda: VAESettings(kl=-1.0), "kl"),
     (lambda: DiffusionSettings(caption_dropout=1.5), "caption_dropout")],
)  # fmt: skip
def test_settings_outside_their_range_are_refused_by_name(make: object, name: str) -> None:
    with pytest.raises(UserError, match=name):
        make()  # type: ignore[operator]
