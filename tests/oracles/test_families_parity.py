"""SDXL, SD3 and Flux from prompt to latent against diffusers' pipelines: random weights, float32, <= 1e-4 of the spread.

Two lengths differ by design and are made equal here: diffusers fills T5's prompts up to 256 (SD3) or 512 (Flux) tokens
unless told otherwise, we up to 77 or 256, as ComfyUI does.
"""

import pytest
import torch

from latentloom.engine.diffusion.guidance import BasicGuider, CFGGuider
from latentloom.engine.diffusion.process import Discrete, Flow
from latentloom.engine.diffusion.sample import sample
from latentloom.engine.diffusion.samplers import sampler_named
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.flux import Flux, FluxConfig, packed, unpacked
from latentloom.engine.models.latent import LatentFormat
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.rename import unet_names
from latentloom.engine.models.rename_dit import flux_sources, mmdit_sources
from latentloom.engine.models.t5 import T5Config, T5Text
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.text_stack import TextStack
from latentloom.engine.models.text_t5 import T5Encoder
from latentloom.engine.models.tokenize import Tokenizer, vocabulary
from latentloom.engine.models.tokenize_t5 import T5Tokenizer
from latentloom.engine.models.unet import UNet, UNetConfig

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

LIMIT = 1e-4
L, G, T5 = 32, 64, 128
PROMPT, NEGATIVE = "A photo of a red cat, on 2 mats", "blurred"
CFG, STEPS = 4.5, 4
VAE16 = LatentFormat(channels=16, scale=1.5305, shift=0.0609)


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std() > 1e-2, "the oracle's output carries no signal"
    return float((ours - theirs).abs().max() / theirs.std())


@pytest.fixture(scope="module")
def clip_tokenizers():
    """CLIP's tokenizer as L has it, and as bigG has it: padded with "!"."""
    vocab, merges = vocabulary()
    return [
        transformers.CLIPTokenizer(vocab=vocab, merges=merges, pad_token=pad, model_max_length=77)
        for pad in ("<|endoftext|>", "!")
    ]


@pytest.fixture(scope="module")
def t5_tokenizers(tmp_path_factory):
    words = ["a", "photo", "red", "cat", "mats", "on", "of", "blurred"]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"\u2581{word}", -3.0 - i) for i, word in enumerate(words)]
    pieces += [(letter, -12.0 - i / 9) for i, letter in enumerate("\u2581abcdefghijklmnopqrstuvwxyzAP,2")]
    backend = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=2))
    pre = tokenizers.pre_tokenizers
    backend.pre_tokenizer = pre.Sequence([pre.WhitespaceSplit(), pre.Metaspace()])
    backend.post_processor = tokenizers.processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    path = tmp_path_factory.mktemp("t5") / "tokenizer.json"
    backend.save(str(path))
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", model_max_length=512
    )
    return theirs, T5Tokenizer.read(path)


@pytest.fixture(scope="module")
def encoders(randomised, t5_tokenizers):
    """transformers' networks and our encoders over the same weights, by place."""

    def clip(width, seed, activation, projected):
        config = transformers.CLIPTextConfig(
            hidden_size=width, intermediate_size=48, num_hidden_layers=3, num_attention_heads=2, projection_dim=width,
            hidden_act=activation, bos_token_id=49406, eos_token_id=49407, vocab_size=49408,
        )  # fmt: skip
        theirs = transformers.CLIPTextModelWithProjection(config) if projected else transformers.CLIPTextModel(config)
        state = randomised(theirs, seed).state_dict()
        ours = CLIPText(CLIPTextConfig(49408, width, 3, 2, 48, 77, activation, projection=width if projected else None))
        own = {key.removeprefix("text_model."): value for key, value in state.items() if "position_ids" not in key}
        ours.load_state_dict(own, strict=True)
        return theirs, ours.eval().requires_grad_(False)

    theirs_l, ours_l = clip(L, 1, "quick_gelu", projected=False)
    theirs_g, ours_g = clip(G, 2, "gelu", projected=True)
    # SD3 wraps L in a projection, which in single files is the identity and so left out.
    wrapped = transformers.CLIPTextModelWithProjection(theirs_l.config).eval().requires_grad_(False)
    state = {f"text_model.{key.removeprefix('text_model.')}": value for key, value in theirs_l.state_dict().items()}
    wrapped.load_state_dict({**state, "text_projection.weight": torch.eye(L)}, strict=True)
    theirs_t5 = transformers.T5EncoderModel(transformers.T5Config(
        vocab_size=64, d_model=T5, d_kv=16, d_ff=96, num_layers=2, num_heads=3, feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
    ))  # fmt: skip
    state = randomised(theirs_t5, 3).state_dict()
    ours_t5 = T5Text(T5Config(64, T5, 2, 3, 16, 96)).eval().requires_grad_(False)
    ours_t5.load_state_dict({key: value for key, value in state.items() if key != "encoder.embed_tokens.weight"})
    tokenizer = Tokenizer()
    theirs = {"l": theirs_l, "l, projected": wrapped, "g": theirs_g, "t5": theirs_t5}
    ours = {
        "l": TextEncoder(ours_l, tokenizer, skip=2, norm=False),
        "g": TextEncoder(ours_g, tokenizer, skip=2, norm=False),
        "t5": T5Encoder(ours_t5, t5_tokenizers[1]),
    }
    return theirs, ours


def entry(clip, prompt, **facts):
    states, pooled = clip.encode(prompt)
    return [[states, {"pooled_output": pooled, **facts}]]


def ours_from(guider, x, sigmas):
    """Return our euler sampler's latent, scaled."""
    return sample(sampler_named("euler"), guider.denoiser(x), x, sigmas.double().tolist())


# SDXL


def xl_unet(randomised, numbers, context):
    theirs = diffusers.UNet2DConditionModel(
        sample_size=8, block_out_channels=(32, 64), layers_per_block=2, cross_attention_dim=context,
        attention_head_dim=(1, 2), use_linear_projection=True, transformer_layers_per_block=(1, 2),
        addition_embed_type="text_time", addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=G + numbers * 256,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    state = randomised(theirs, 4).state_dict()
    ours = UNet(UNetConfig(
        model_channels=32, channel_mult=(1, 2), transformer_depth=(0, 2), middle_depth=2, context_dim=context,
        head_channels=32, linear_projection=True, adm_channels=G + numbers * 256,
    ))  # fmt: skip
    ours.load_state_dict({own: state[key] for key, own in unet_names(state).items()}, strict=True)
    return theirs, ours.eval().requires_grad_(False)


def euler():
    return diffusers.EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace"
    )


SIZES = {"width": 96, "height": 80, "crop_w": 4, "crop_h": 8, "target_width": 64, "target_height": 72}


@pytest.fixture(scope="module")
def xl(randomised, encoders, clip_tokenizers):
    theirs, ours = encoders
    unet, own = xl_unet(randomised, 6, L + G)
    pipe = diffusers.StableDiffusionXLPipeline(
        None, theirs["l"], theirs["g"], *clip_tokenizers, unet, euler(), add_watermarker=False
    )
    pipe.set_progress_bar_config(disable=True)
    clip = TextStack({"l": ours["l"], "g": ours["g"]}, "sdxl")
    return pipe, clip, DiffusionModel(own, Discrete.stable_diffusion(), family="SDXL")


@torch.no_grad()
def test_sdxl_conditioning(xl):
    pipe, clip, model = xl
    states, negative, pooled, negative_pooled = pipe.encode_prompt(PROMPT, negative_prompt=NEGATIVE)
    for text, wanted, wanted_pooled in ((PROMPT, states, pooled), (NEGATIVE, negative, negative_pooled)):
        found = clip.encode(text)
        assert difference(found[0], wanted) <= LIMIT
        assert difference(found[1], wanted_pooled) <= LIMIT
    two = pipe.encode_prompt("a dog", prompt_2=PROMPT, negative_prompt=NEGATIVE)
    assert difference(clip.encode({"l": "a dog", "g": PROMPT})[0], two[0]) <= LIMIT
    ids = pipe._get_add_time_ids((80, 96), (8, 4), (72, 64), torch.float32, G)
    wanted = torch.cat([pooled, pipe.unet.add_time_proj(ids.flatten()).reshape(1, -1)], dim=1)
    y = model.extra_inputs({"pooled_output": clip.encode(PROMPT)[1], **SIZES}, torch.zeros(1, 4, 8, 8))["y"]
    assert difference(y, wanted) <= LIMIT


@torch.no_grad()
def test_sdxl_txt2img(xl):
    pipe, clip, model = xl
    noise = torch.randn(1, 4, 9, 8, generator=torch.Generator().manual_seed(6))
    wanted = pipe(
        PROMPT, negative_prompt=NEGATIVE, height=72, width=64, num_inference_steps=STEPS, guidance_scale=CFG,
        latents=noise, original_size=(80, 96), crops_coords_top_left=(8, 4), target_size=(72, 64), output_type="latent",
    ).images  # fmt: skip
    sigmas = pipe.scheduler.sigmas
    guider = CFGGuider(model, entry(clip, PROMPT, **SIZES), entry(clip, NEGATIVE, **SIZES), CFG)
    assert difference(ours_from(guider, noise * sigmas[0], sigmas), wanted) <= LIMIT


@torch.no_grad()
def test_refiner_conditioning(randomised, encoders, clip_tokenizers):
    unet, own = xl_unet(randomised, 5, G)
    pipe = diffusers.StableDiffusionXLImg2ImgPipeline(
        None, None, encoders[0]["g"], None, clip_tokenizers[1], unet, euler(), requires_aesthetics_score=True,
        add_watermarker=False,
    )  # fmt: skip
    model = DiffusionModel(own, Discrete.stable_diffusion(), family="SDXL refiner")
    states, _, pooled, _ = pipe.encode_prompt(PROMPT, do_classifier_free_guidance=False)
    found = encoders[1]["g"].encode(PROMPT)
    assert difference(found[0], states) <= LIMIT
    ids = pipe._get_add_time_ids(
        (80, 96), (8, 4), (72, 64), 6.0, 2.5, (80, 96), (8, 4), (72, 64), torch.float32, text_encoder_projection_dim=G
    )
    for role, row in zip(("positive", "negative"), ids, strict=True):
        wanted = torch.cat([pooled, unet.add_time_proj(row.flatten()).reshape(1, -1)], dim=1)
        facts = {"pooled_output": found[1], "prompt_type": role, **SIZES}
        assert difference(model.extra_inputs(facts, torch.zeros(1, 4, 8, 8))["y"], wanted) <= LIMIT


# SD3


@pytest.fixture(scope="module")
def sd3(randomised, encoders, clip_tokenizers, t5_tokenizers):
    theirs, ours = encoders
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=16, num_layers=2, attention_head_dim=32, num_attention_heads=2,
        joint_attention_dim=T5, caption_projection_dim=64, pooled_projection_dim=L + G, out_channels=16,
        pos_embed_max_size=8,
    )  # fmt: skip
    # Random weights answer far wilder than trained ones, and each step multiplies what rounding did in the one before:
    # at full spread our own float32 and float64 runs lie 4e-4 apart.
    for parameter in randomised(transformer, 5).parameters():
        parameter.data *= 0.6
    state = transformer.state_dict()
    own = MMDiT(MMDiTConfig(width=64, depth=2, head_channels=32, context_dim=T5, pooled_dim=L + G, grid=8))
    weights = {key: made.tensor(state.__getitem__) for key, made in mmdit_sources(state).items()}
    own.load_state_dict(weights, strict=True)
    pipe = diffusers.StableDiffusion3Pipeline(
        transformer, diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0), None, theirs["l, projected"],
        clip_tokenizers[0], theirs["g"], clip_tokenizers[1], theirs["t5"], t5_tokenizers[0],
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    model = DiffusionModel(own.eval().requires_grad_(False), Flow(3.0), "flow", VAE16, family="SD3")
    return pipe, TextStack(ours, "sd3"), model


@pytest.mark.parametrize("length", [77, 256], ids=["our length", "diffusers' length"])
@torch.no_grad()
def test_sd3_conditioning(sd3, length):
    pipe, clip, _ = sd3
    clip = clip.with_parts({"t5": clip.parts["t5"].with_(min_length=length)})
    states, negative, pooled, negative_pooled = pipe.encode_prompt(
        PROMPT, "a dog", "a red cat", negative_prompt=NEGATIVE, max_sequence_length=length
    )
    found = clip.encode({"l": PROMPT, "g": "a dog", "t5": "a red cat"})
    assert difference(found[0], states) <= LIMIT
    assert difference(found[1], pooled) <= LIMIT
    assert difference(clip.encode(NEGATIVE)[0], negative) <= LIMIT
    assert difference(clip.encode(NEGATIVE)[1], negative_pooled) <= LIMIT


@torch.no_grad()
def test_sd3_txt2img(sd3):
    pipe, clip, model = sd3
    noise = torch.randn(1, 16, 8, 12, generator=torch.Generator().manual_seed(7))
    wanted = pipe(
        PROMPT, negative_prompt=NEGATIVE, height=64, width=96, num_inference_steps=STEPS, guidance_scale=CFG,
        latents=noise, output_type="latent", max_sequence_length=77,
    ).images  # fmt: skip
    guider = CFGGuider(model, entry(clip, PROMPT), entry(clip, NEGATIVE), CFG)
    assert difference(ours_from(guider, noise, pipe.scheduler.sigmas), wanted) <= LIMIT


# Flux


@pytest.fixture(scope="module", params=[True, False], ids=["dev", "schnell"])
def flux(request, randomised, encoders, clip_tokenizers, t5_tokenizers):
    theirs, ours = encoders
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=64, num_layers=1, num_single_layers=2, attention_head_dim=32, num_attention_heads=2,
        joint_attention_dim=T5, pooled_projection_dim=L, guidance_embeds=request.param, axes_dims_rope=(4, 14, 14),
    )  # fmt: skip
    state = randomised(transformer, 6).state_dict()
    own = Flux(FluxConfig(16, 16, 64, 2, 1, 2, 256, T5, L, (4, 14, 14), request.param))
    weights = {key: made.tensor(state.__getitem__) for key, made in flux_sources(state).items()}
    own.load_state_dict(weights, strict=True)
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=request.param)
    pipe = diffusers.FluxPipeline(
        scheduler, None, theirs["l"], clip_tokenizers[0], theirs["t5"], t5_tokenizers[0], transformer
    )
    pipe.set_progress_bar_config(disable=True)
    clip = TextStack({"l": ours["l"], "t5": ours["t5"].with_(min_length=256)}, "flux")
    return pipe, clip, DiffusionModel(own.eval().requires_grad_(False), Flow(1.0), "flow", VAE16, family="Flux dev")


@torch.no_grad()
def test_flux_conditioning(flux):
    pipe, clip, _ = flux
    states, pooled, _ = pipe.encode_prompt("a dog", PROMPT, max_sequence_length=256)
    found = clip.encode({"l": "a dog", "t5": PROMPT})
    assert difference(found[0], states) <= LIMIT
    assert difference(found[1], pooled) <= LIMIT


@torch.no_grad()
def test_flux_txt2img(flux):
    pipe, clip, model = flux
    noise = torch.randn(1, 16, 8, 12, generator=torch.Generator().manual_seed(8))
    wanted = pipe(
        PROMPT, height=64, width=96, num_inference_steps=STEPS, guidance_scale=2.0, latents=packed(noise),
        output_type="latent", max_sequence_length=256,
    ).images  # fmt: skip
    guider = BasicGuider(model, entry(clip, PROMPT, guidance=2.0))
    assert difference(ours_from(guider, noise, pipe.scheduler.sigmas), unpacked(wanted, 4, 6)) <= LIMIT
