"""The ordered table of what a file of weights can be, each kind with the keys that show it.

Order matters: the first entry that accepts wins, so the more particular comes first. Adding a family is one
entry. Knows nothing of files' bytes or of networks. Source: key names of the published checkpoints of each
family.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .detect import All, Any, Condition, Dim, Has, Lone, Not, Rank, Suffix

__all__ = ["ARCHITECTURES", "Architecture", "Kind"]

Kind = Literal["checkpoint", "unet", "vae", "text_encoder", "lora", "controlnet", "embedding", "upscaler", "other"]

UNET = "model.diffusion_model."
VAE = "first_stage_model."
VAES = (VAE, "vae.")
"""Where an autoencoder lies in a checkpoint; the second in Flux's."""
TEXT = "cond_stage_model.transformer."
OPENCLIP = "cond_stage_model.model."
SDXL_L = "conditioner.embedders.0.transformer."
SDXL_G = "conditioner.embedders.1.model."
REFINER_G = "conditioner.embedders.0.model."
TOKENS = "embeddings.token_embedding.weight"


@dataclass(frozen=True, slots=True)
class Architecture:
    """One thing a file can be."""

    name: str
    kind: Kind
    condition: Condition
    readable: bool = False
    """Whether this engine can load it; the others are told apart to say clearly what a file is."""
    family: str | None = None
    """Of a denoiser or ControlNet: the name of its `Family`, its variants by input channels not told apart."""


def unet(prefix: str, *also: Condition) -> Condition:
    """Return what shows a UNet in ldm's names."""
    return All(
        Has(prefix + "input_blocks.0.0.weight"),
        Has(prefix + "time_embed.0.weight"),
        Has(prefix + "middle_block.0.in_layers.0.weight"),
        Has(prefix + "output_blocks.0.0.in_layers.0.weight"),
        Has(prefix + "out.2.weight"),
        *also,
    )


def unet_diffusers(*also: Condition) -> Condition:
    """Return what shows a UNet in diffusers' names."""
    return All(
        Has("conv_in.weight"),
        Has("time_embedding.linear_1.weight"),
        Has("down_blocks.0.resnets.0.norm1.weight"),
        Has("conv_out.weight"),
        *also,
    )


def mmdit(prefix: str, *also: Condition) -> Condition:
    """Return what shows an MMDiT in the names of SD3's files."""
    return All(
        Has(prefix + "joint_blocks.0.context_block.attn.qkv.weight"),
        Has(prefix + "x_embedder.proj.weight"),
        Has(prefix + "context_embedder.weight"),
        Has(prefix + "pos_embed"),
        Has(prefix + "final_layer.linear.weight"),
        *also,
    )


def mmdit_diffusers(*also: Condition) -> Condition:
    """Return what shows an MMDiT in diffusers' names."""
    return All(
        Has("transformer_blocks.0.attn.add_q_proj.weight"),
        Has("pos_embed.proj.weight"),
        Has("pos_embed.pos_embed"),
        Has("proj_out.weight"),
        *also,
    )


def flux(prefix: str, *also: Condition) -> Condition:
    """Return what shows a Flux network in Black Forest Labs' names."""
    return All(
        Has(prefix + "img_in.weight"),
        Has(prefix + "double_blocks.0.img_attn.norm.key_norm.scale"),
        Has(prefix + "single_blocks.0.linear1.weight"),
        Has(prefix + "final_layer.linear.weight"),
        *also,
    )


def flux_diffusers(*also: Condition) -> Condition:
    """Return what shows a Flux network in diffusers' names."""
    return All(
        Has("x_embedder.weight"),
        Has("transformer_blocks.0.attn.add_q_proj.weight"),
        Has("single_transformer_blocks.0.attn.to_q.weight"),
        Has("proj_out.weight"),
        *also,
    )


def has_vae(prefix: str) -> Condition:
    """Return what shows an autoencoder in ldm's names."""
    return All(Has(prefix + "encoder.conv_in.weight"), Has(prefix + "decoder.conv_in.weight"))


ANY_VAE = Any(*map(has_vae, VAES))
FLAT = "middle_block.1.proj_in.weight"  # a 1x1 convolution in SD1.x, a matrix in what came after
VECTOR = "label_emb.0.0.weight"
QK_NORM = "joint_blocks.0.context_block.attn.ln_q.weight"
QK_NORM_DIFFUSERS = "transformer_blocks.0.attn.norm_added_q.weight"
GUIDANCE = "guidance_in.in_layer.weight"
GUIDANCE_DIFFUSERS = "time_text_embed.guidance_embedder.linear_1.weight"
UNCLIP = (1536, 2048)  # widths of the vector of SD2.x's variants that read a picture
REFINER = 2560

CHECKPOINTS = (
    Architecture("Playground 2.5 (EDM) model", "checkpoint", Any(Has("edm_mean"), Has("edm_vpred.sigma_max"))),
    Architecture(
        "SD1.x checkpoint",
        "checkpoint",
        All(
            Has(UNET + "input_blocks.0.0.weight"),
            Has(UNET + "time_embed.0.weight"),
            Has(UNET + "middle_block.0.in_layers.0.weight"),
            Rank(UNET + FLAT, 4),
            Has(UNET + "output_blocks.0.0.in_layers.0.weight"),
            Has(UNET + "out.2.weight"),
            has_vae(VAE),
            Any(Has(TEXT + "text_model." + TOKENS), Has(TEXT + TOKENS)),
            Not(Has(UNET + VECTOR)),
        ),
        readable=True,
        family="SD1.x",
    ),
    Architecture(
        "SDXL checkpoint",
        "checkpoint",
        unet(
            UNET,
            Has(UNET + VECTOR),
            ANY_VAE,
            Any(Has(SDXL_L + "text_model." + TOKENS), Has(SDXL_L + TOKENS)),
            Has(SDXL_G + "token_embedding.weight"),
            Has(SDXL_G + "ln_final.weight"),
        ),
        readable=True,
        family="SDXL",
    ),
    Architecture(
        "SDXL refiner checkpoint",
        "checkpoint",
        unet(
            UNET,
            Has(UNET + VECTOR),
            ANY_VAE,
            Has(REFINER_G + "token_embedding.weight"),
            Has(REFINER_G + "ln_final.weight"),
        ),
        readable=True,
        family="SDXL refiner",
    ),
    Architecture(
        "SD2.x checkpoint",
        "checkpoint",
        unet(
            UNET,
            Rank(UNET + FLAT, 2),
            ANY_VAE,
            Has(OPENCLIP + "token_embedding.weight"),
            Has(OPENCLIP + "ln_final.weight"),
        ),
        readable=True,
        family="SD2.x",
    ),
    *(
        Architecture(
            f"{family} checkpoint", "checkpoint", shape(UNET, *also, ANY_VAE), readable=True, family=family
        )
        for family, shape, also in (
            ("SD3.5", mmdit, [Has(UNET + QK_NORM)]),
            ("SD3", mmdit, [Not(Has(UNET + QK_NORM))]),
            ("Flux dev", flux, [Has(UNET + GUIDANCE)]),
            ("Flux schnell", flux, [Not(Has(UNET + GUIDANCE))]),
        )
    ),
)  # fmt: skip

HINT = "input_hint_block.0.weight"
CONTROL = "control_model."
COND = "controlnet_cond_embedding.conv_in.weight"
CONTROLNETS = (
    Architecture("SDXL ControlNet", "controlnet", Any(
        *(All(Has(at + HINT), Has(at + VECTOR)) for at in (CONTROL, "")),
        All(Has(COND), Has("add_embedding.linear_1.weight")),
    ), readable=True, family="SDXL"),
    Architecture("SD1.x ControlNet", "controlnet", Any(
        *(All(Has(at + HINT), Rank(at + FLAT, 4), Not(Has(at + VECTOR))) for at in (CONTROL, "")),
        All(Has(COND), Rank("mid_block.attentions.0.proj_in.weight", 4), Not(Has("add_embedding.linear_1.weight"))),
    ), readable=True, family="SD1.x"),
    Architecture("SD2.x ControlNet", "controlnet", Any(
        *(All(Has(at + HINT), Rank(at + FLAT, 2), Not(Has(at + VECTOR))) for at in (CONTROL, "")),
        All(Has(COND), Rank("mid_block.attentions.0.proj_in.weight", 2), Not(Has("add_embedding.linear_1.weight"))),
    ), readable=True, family="SD2.x"),
    Architecture("SD3 ControlNet", "controlnet", All(
        Has("pos_embed_input.proj.weight"), Has("controlnet_blocks.0.weight"), Not(Has("x_embedder.weight")),
    ), readable=True, family="SD3"),
    Architecture("ControlNet of another kind", "controlnet", Any(
        Has("lora_controlnet"), Has("controlnet_blocks.0.weight"), Has(CONTROL + HINT), Has(HINT),
        Has(CONTROL + "zero_convs.0.0.weight"), Has("zero_convs.0.0.weight"),
        Has(COND),
    )),
)  # fmt: skip

DENOISERS = (
    Architecture("SDXL refiner UNet", "unet", Any(
        *(unet(at, Dim(at + VECTOR, 1, REFINER)) for at in (UNET, "")),
        unet_diffusers(Dim("add_embedding.linear_1.weight", 1, REFINER)),
    ), readable=True, family="SDXL refiner"),
    Architecture("SD2.x UNet", "unet", Any(
        *(unet(at, Rank(at + FLAT, 2), Not(Has(at + VECTOR))) for at in (UNET, "")),
        *(unet(at, Dim(at + VECTOR, 1, *UNCLIP)) for at in (UNET, "")),
        unet_diffusers(Rank("mid_block.attentions.0.proj_in.weight", 2), Not(Has("add_embedding.linear_1.weight"))),
    ), readable=True, family="SD2.x"),
    Architecture("SDXL UNet", "unet", Any(
        *(unet(at, Has(at + VECTOR)) for at in (UNET, "")),
        unet_diffusers(Has("add_embedding.linear_1.weight")),
    ), readable=True, family="SDXL"),
    Architecture("SD1.x UNet", "unet", Any(
        *(unet(at, Rank(at + FLAT, 4), Not(Has(at + VECTOR))) for at in (UNET, "")),
        unet_diffusers(Rank("mid_block.attentions.0.proj_in.weight", 4), Not(Has("add_embedding.linear_1.weight"))),
    ), readable=True, family="SD1.x"),
    Architecture("SD3.5 transformer", "unet", Any(
        *(mmdit(at, Has(at + QK_NORM)) for at in (UNET, "")), mmdit_diffusers(Has(QK_NORM_DIFFUSERS)),
    ), readable=True, family="SD3.5"),
    Architecture("SD3 transformer", "unet", Any(
        *(mmdit(at, Not(Has(at + QK_NORM))) for at in (UNET, "")), mmdit_diffusers(Not(Has(QK_NORM_DIFFUSERS))),
    ), readable=True, family="SD3"),
    Architecture("Flux dev transformer", "unet", Any(
        *(flux(at, Has(at + GUIDANCE)) for at in (UNET, "")), flux_diffusers(Has(GUIDANCE_DIFFUSERS)),
    ), readable=True, family="Flux dev"),
    Architecture("Flux schnell transformer", "unet", Any(
        *(flux(at, Not(Has(at + GUIDANCE))) for at in (UNET, "")), flux_diffusers(Not(Has(GUIDANCE_DIFFUSERS))),
    ), readable=True, family="Flux schnell"),
)  # fmt: skip

VAES_ALONE = (
    Architecture("autoencoder (VAE)", "vae", Any(
        *(All(Has(at + "decoder.conv_in.weight"), Has(at + "decoder.mid.block_1.norm1.weight")) for at in ("", *VAES)),
        All(Has("decoder.conv_in.weight"), Has("decoder.up_blocks.0.resnets.0.norm1.weight")),
    ), readable=True),
    Architecture("TAESD preview decoder", "vae", Any(
        Has("taesd_decoder.1.weight"), Has("decoder.layers.0.weight"),
        All(Has("1.weight"), Has("3.conv.0.weight")),
    )),
)  # fmt: skip

TEXT_ENCODERS = (
    Architecture("CLIP text encoder", "text_encoder", Any(
        All(Has("text_model." + TOKENS), Has("text_model.encoder.layers.0.self_attn.q_proj.weight")),
        All(Has(TOKENS), Has("encoder.layers.0.self_attn.q_proj.weight")),
        All(Has(TEXT + "text_model." + TOKENS), Has(TEXT + "text_model.final_layer_norm.weight")),
    ), readable=True),
    Architecture("OpenCLIP text encoder", "text_encoder", All(
        Has("token_embedding.weight"), Has("transformer.resblocks.0.ln_1.weight"),
    ), readable=True),
    Architecture("T5 text encoder", "text_encoder", All(
        Any(Has("shared.weight"), Has("encoder.embed_tokens.weight")),
        Has("encoder.block.0.layer.0.SelfAttention.q.weight"),
    ), readable=True),
)  # fmt: skip

OTHERS = (
    Architecture("LoRA", "lora", Any(
        Suffix(".lora_up.weight"), Suffix(".lora_down.weight"), Suffix(".lora_A.weight"),
        Suffix(".lora_A.default.weight"), Suffix("_lora.up.weight"), Suffix(".lora.up.weight"),
        Suffix(".lora_linear_layer.up.weight"), Suffix(".hada_w1_a"), Suffix(".lokr_w1"), Suffix(".lokr_w1_a"),
        Suffix(".diff"), Suffix(".w_norm"),
    ), readable=True),
    Architecture("Real-ESRGAN upscaler", "upscaler", All(
        Has("conv_first.weight"), Has("body.0.rdb1.conv1.weight"), Has("conv_body.weight"),
        Has("conv_up1.weight"), Has("conv_up2.weight"), Has("conv_hr.weight"), Has("conv_last.weight"),
    ), readable=True),
    Architecture("BSRGAN upscaler", "upscaler", All(
        Has("conv_first.weight"), Has("RRDB_trunk.0.RDB1.conv1.weight"), Has("trunk_conv.weight"),
        Has("upconv1.weight"), Has("HRconv.weight"), Has("conv_last.weight"),
    ), readable=True),
    Architecture("ESRGAN upscaler (first layout)", "upscaler", All(
        Has("model.0.weight"), Has("model.1.sub.0.RDB1.conv1.0.weight"),
    ), readable=True),
    Architecture("compact Real-ESRGAN upscaler", "upscaler", All(
        Rank("body.0.weight", 4), Rank("body.1.weight", 1), Rank("body.2.weight", 4),
    ), readable=True),
    Architecture("ESPCN upscaler", "upscaler", Any(
        All(*(Rank(stem + ".weight", 4) for stem in ("feature_maps.0", "feature_maps.2", "sub_pixel.0"))),
        All(*(Rank(stem + ".weight", 4) for stem in ("first_part.0", "first_part.2", "last_part.0"))),
        All(*(Rank(f"conv{number}.weight", 4) for number in (1, 2, 3, 4)), Not(Has("conv5.weight"))),
    ), readable=True),
    Architecture("upscaler of another kind", "upscaler", Any(
        All(
            Has("conv_first.weight"),
            Not(Has("body.0.rdb1.conv1.weight")), Not(Suffix(".rdb3.conv5.weight")),
            Not(Has("RRDB_trunk.0.RDB1.conv1.weight")), Not(Suffix(".RDB3.conv5.weight")),
        ),
        All(Has("model.0.weight"), Has("model.1.sub.0.weight")),
    )),
    Architecture("textual inversion", "embedding", Any(
        Rank("emb_params", 2), Rank("*", 2), All(Rank("clip_l", 2), Rank("clip_g", 2)), Lone(2, "<"), Lone(1, "<"),
    )),
)  # fmt: skip

ARCHITECTURES: tuple[Architecture, ...] = (
    *CHECKPOINTS, *CONTROLNETS, *DENOISERS, *VAES_ALONE, *TEXT_ENCODERS, *OTHERS,
)  # fmt: skip
