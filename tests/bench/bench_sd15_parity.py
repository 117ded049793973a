"""Compare the networks at SD1.5's full size with transformers and diffusers, and print the figures as JSON.

    python tests/bench/bench_sd15_parity.py [--part unet|text|vae] [--latent 32]

Random weights (drawn once, copied both ways by our own table of names), float32, on the CPU; about 7 GB of memory
and a few minutes. For each network: parameters, seconds of one call each, max|diff| / std of the outputs. Exits 1
when one exceeds 1e-4.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.rename import clip_names, unet_names, vae_names
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig

LIMIT = 1e-4


def randomise(network: nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1:
            parameter.data.normal_(0, 0.05, generator=generator)
            if "norm" in name and name.endswith("weight"):
                parameter.data += 1
        else:
            parameter.data.normal_(0, parameter[0].numel() ** -0.5, generator=generator)


def share(theirs: nn.Module, ours: nn.Module, names: Callable[[list[str]], Mapping[str, str]]) -> None:
    """Let both networks use the same memory, so that one set of weights is held."""
    state = theirs.state_dict()
    table = names([key for key in state if not key.endswith("position_ids")])
    shapes = {key: value.shape for key, value in ours.state_dict().items()}
    ours.load_state_dict({own: state[key].reshape(shapes[own]) for key, own in table.items()}, assign=True)


def timed(call: Callable[[], Tensor]) -> tuple[Tensor, float]:
    begin = time.perf_counter()
    return call(), time.perf_counter() - begin


def compare(ours: Callable[[], Tensor], theirs: Callable[[], Tensor]) -> dict[str, float]:
    reference, their_seconds = timed(theirs)
    result, our_seconds = timed(ours)
    return {
        "max_diff_over_std": float((result - reference).abs().max() / reference.std()),
        "std": float(reference.std()),
        "seconds_ours": round(our_seconds, 2),
        "seconds_theirs": round(their_seconds, 2),
    }


def meta(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return make().eval()


def text() -> dict[str, object]:
    import transformers

    # The published configuration; its eos 2 is a relic, ours uses the vocabulary's last.
    config = transformers.CLIPTextConfig(vocab_size=49408, hidden_act="quick_gelu", eos_token_id=49407)
    config.hidden_size, config.num_attention_heads, config.num_hidden_layers = 768, 12, 12
    config.intermediate_size = 3072
    theirs = transformers.CLIPTextModel(config).eval()
    randomise(theirs)
    ours = meta(lambda: CLIPText(CLIPTextConfig()))
    share(theirs, ours, clip_names)
    tokens = torch.randint(0, 49406, (2, 77), generator=torch.Generator().manual_seed(1))
    tokens[:, 0], tokens[0, 20:], tokens[1, 76:] = 49406, 49407, 49407
    both = compare(lambda: ours(tokens)[0], lambda: theirs(input_ids=tokens).last_hidden_state)
    pooled = compare(lambda: ours(tokens)[1], lambda: theirs(input_ids=tokens).pooler_output)
    return {"parameters": size(ours), "states": both, "pooled": pooled}


def unet(latent: int) -> dict[str, object]:
    import diffusers

    theirs = diffusers.UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8).eval()
    randomise(theirs)
    ours = meta(lambda: UNet(UNetConfig()))
    share(theirs, ours, unet_names)
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 4, latent, latent, generator=generator)
    context = torch.randn(2, 77, 768, generator=generator)
    timesteps = torch.tensor([20.5, 981.0])
    both = compare(lambda: ours(x, timesteps, context), lambda: theirs(x, timesteps, context).sample)
    return {"parameters": size(ours), "latent": latent, "prediction": both}


def vae(latent: int) -> dict[str, object]:
    import diffusers

    theirs = diffusers.AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
    ).eval()  # fmt: skip
    randomise(theirs)
    ours = meta(lambda: AutoencoderKL(VAEConfig()))
    share(theirs, ours, vae_names)
    generator = torch.Generator().manual_seed(3)
    pixels = torch.rand(1, 3, 8 * latent, 8 * latent, generator=generator) * 2 - 1
    z = torch.randn(1, 4, latent, latent, generator=generator)
    encode = compare(lambda: ours.encode(pixels)[0], lambda: theirs.encode(pixels).latent_dist.mean)
    decode = compare(lambda: ours.decode(z), lambda: theirs.decode(z).sample)
    return {"parameters": size(ours), "latent": latent, "encode": encode, "decode": decode}


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["text", "unet", "vae"], action="append")
    parser.add_argument("--latent", type=int, default=32, help="side of the latent, in cells")
    arguments = parser.parse_args()
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError, OSError):
        sys.modules["torchvision"] = None  # type: ignore[assignment]  # built for another torch: do without
    parts: dict[str, Callable[[], dict[str, object]]] = {
        "text": text,
        "unet": lambda: unet(arguments.latent),
        "vae": lambda: vae(arguments.latent),
    }
    figures: dict[str, object] = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    worst = 0.0
    with torch.no_grad():
        for name in arguments.part or list(parts):
            figures[name] = found = parts[name]()
            worst = max(worst, *(item["max_diff_over_std"] for item in found.values() if isinstance(item, dict)))
            gc.collect()
    figures["worst"], figures["limit"] = worst, LIMIT
    print(json.dumps(figures, indent=2))
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
