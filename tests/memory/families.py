"""Tiny models in the shapes of SDXL and SD3, with random weights, and one whole run of each."""

from dataclasses import replace

import torch

from latentloom.engine.diffusion.generate import sample_latent
from latentloom.engine.diffusion.process import Discrete, Flow
from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.family import SD3_LATENT, SDXL_LATENT
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.patched import Patch
from latentloom.engine.models.placing import settled as settle
from latentloom.engine.models.t5 import T5Config, T5Text
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.text_stack import TextStack
from latentloom.engine.models.text_t5 import T5Encoder
from latentloom.engine.models.tokenize_t5 import T5Tokenizer
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.unigram import Unigram
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig

L, G, T5 = 16, 16, 64
PIECES = ("<pad>", "</s>", "<unk>", "\u2581", "\u2581a", "\u2581cat", "c", "a", "t")


def weighed(network, seed):
    """Return a network with weights that let every layer matter, frozen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            spread = 0.5 / max(1, parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.1
            parameter.add_(spread * torch.randn(parameter.shape, generator=generator))
    return network.eval().requires_grad_(False)


def clip(width, projection, seed):
    config = CLIPTextConfig(
        width=width, layers=3, heads=2, mlp=64, activation="gelu" if projection else "quick_gelu", projection=projection
    )
    return TextEncoder(weighed(CLIPText(config), seed), skip=2, norm=False)


def vae(channels, seed):
    config = VAEConfig(channels=32, channel_mult=(1, 1, 2, 2), res_blocks=1, latent_channels=channels, quant_conv=False)
    return Autoencoder(weighed(AutoencoderKL(config), seed))


def sdxl():
    """Return (model, text, vae)."""
    config = UNetConfig(
        model_channels=32,
        channel_mult=(1, 2, 4),
        res_blocks=1,
        transformer_depth=(0, 1, 2),
        middle_depth=2,
        context_dim=L + G,
        head_channels=16,
        linear_projection=True,
        adm_channels=6 * 256 + G,
    )
    model = DiffusionModel(weighed(UNet(config), 0), Discrete.stable_diffusion(), latent=SDXL_LATENT, family="SDXL")
    return model, TextStack({"l": clip(L, None, 1), "g": clip(G, G, 2)}, "sdxl"), vae(4, 3)


def sd3():
    """Return (model, text, vae)."""
    config = MMDiTConfig(
        width=128, depth=5, head_channels=64, context_dim=T5, pooled_dim=L + G, grid=16, qk_norm=True, dual=(0, 1)
    )
    scores = {piece: (k, -float(k)) for k, piece in enumerate(PIECES) if k > 2}
    t5 = T5Text(T5Config(vocab=64, width=T5, layers=3, heads=2, head_channels=16, mlp=128))
    parts = {
        "l": clip(L, L, 1),
        "g": clip(G, G, 2),
        "t5": T5Encoder(weighed(t5, 4), T5Tokenizer(Unigram(PIECES, scores, 2, None)), min_length=16),
    }
    model = DiffusionModel(weighed(MMDiT(config), 5), Flow(3.0), "flow", SD3_LATENT, family="SD3")
    return model, TextStack(parts, "sd3"), vae(16, 6)


def networks(model, text, autoencoder):
    return [model.base, *(part.base for part in text.parts.values()), autoencoder.network]


def nbytes(network):
    return sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))


def settled(values, residence):
    """Return the values, at home on the host."""
    return tuple(settle(value, residence.device, residence) for value in values)


@torch.no_grad()
def picture(model, text, autoencoder, steps=3, shape=(1, 8, 8)):
    """Return the picture of two prompts: encoded, sampled, decoded, encoded and decoded again."""
    texts = [text.encode(prompt) for prompt in ("a (cat:1.2)", "")]
    positive, negative = ([[states, {"pooled_output": pooled}]] for states, pooled in texts)
    count, height, width = shape
    latent = {"samples": torch.zeros(count, model.latent.channels, height, width)}
    found = sample_latent(model, positive, negative, latent, seed=1, steps=steps, cfg=5.0)["samples"]
    made = autoencoder.decode(found)
    return autoencoder.decode(autoencoder.encode(made))


class Tilt:
    """A change that depends on the weight."""

    def difference(self, weight):
        return weight.flip(0) * 0.3


def with_lora(model):
    """Return the model under a change of a third of its matrices."""
    names = [name for name, weight in model.base.named_parameters() if weight.ndim == 2][::3]
    return replace(model, weights=model.weights.add(Patch({name: (Tilt(),) for name in names}, 0.5)))
