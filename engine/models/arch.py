"""The ordered table of what a file of weights can be, each kind with the keys that show it.

Order matters: the first entry that accepts wins, so the more particular comes first. Adding a family is one
entry. Knows nothing of files' bytes or of networks. Source: key names of the published checkpoints of each
family.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .detect import All, Any, Condition, Has, Lone, Not, Rank, Suffix

__all__ = ["ARCHITECTURES", "Architecture", "Kind"]

Kind = Literal["checkpoint", "unet", "vae", "text_encoder", "lora", "controlnet", "embedding", "upscaler", "other"]

UNET = "model.diffusion_model."
VAE = "first_stage_model."
TEXT = "cond_stage_model.transformer."
TOKENS = "embeddings.token_embedding.weight"


@dataclass(frozen=True, slots=True)
class Architecture:
    """One thing a file can be."""

    name: str
    kind: Kind
    condition: Condition
    readable: bool = False
    """Whether this engine can load it; the others are told apart to say clearly what a file is."""


ARCHITECTURES: tuple[Architecture, ...] = (
    Architecture(
        "SD1.x checkpoint",
        "checkpoint",
        All(
            Has(UNET + "input_blocks.0.0.weight"),
            Has(UNET + "time_embed.0.weight"),
            Has(UNET + "middle_block.0.in_layers.0.weight"),
            Rank(UNET + "middle_block.1.proj_in.weight", 4),
            Has(UNET + "output_blocks.0.0.in_layers.0.weight"),
            Has(UNET + "out.2.weight"),
            Has(VAE + "encoder.conv_in.weight"),
            Has(VAE + "decoder.conv_in.weight"),
            Any(Has(TEXT + "text_model." + TOKENS), Has(TEXT + TOKENS)),
        ),
        readable=True,
    ),
    Architecture("SDXL checkpoint", "checkpoint", All(
        Has(UNET + "input_blocks.0.0.weight"), Has(UNET + "label_emb.0.0.weight"),
        Has("conditioner.embedders.1.model.ln_final.weight"),
    )),
    Architecture("SDXL refiner checkpoint", "checkpoint", All(
        Has(UNET + "label_emb.0.0.weight"), Has("conditioner.embedders.0.model.ln_final.weight"),
    )),
    Architecture("SD2.x checkpoint", "checkpoint", All(
        Has(UNET + "input_blocks.0.0.weight"), Has("cond_stage_model.model.ln_final.weight"),
    )),
    Architecture("SD3 model", "checkpoint", Any(
        Has(UNET + "joint_blocks.0.context_block.attn.qkv.weight"),
        Has("joint_blocks.0.context_block.attn.qkv.weight"),
        All(Has("transformer_blocks.0.attn.add_q_proj.weight"), Has("pos_embed.proj.weight")),
    )),
    Architecture("Flux model", "checkpoint", Any(
        Has(UNET + "double_blocks.0.img_attn.norm.key_norm.scale"),
        Has("double_blocks.0.img_attn.norm.key_norm.scale"),
        All(Has("single_transformer_blocks.0.attn.to_q.weight"), Has("x_embedder.weight")),
    )),
    Architecture("ControlNet", "controlnet", Any(
        Has("control_model.input_hint_block.0.weight"), Has("input_hint_block.0.weight"),
        Has("control_model.zero_convs.0.0.weight"), Has("zero_convs.0.0.weight"),
        Has("controlnet_cond_embedding.conv_in.weight"), Has("lora_controlnet"),
    )),
    Architecture(
        "SD1.x UNet",
        "unet",
        Any(
            All(
                Has(UNET + "input_blocks.0.0.weight"),
                Has(UNET + "out.2.weight"),
                Rank(UNET + "middle_block.1.proj_in.weight", 4),
                Not(Has(UNET + "label_emb.0.0.weight")),
            ),
            All(
                Has("input_blocks.0.0.weight"),
                Has("out.2.weight"),
                Rank("middle_block.1.proj_in.weight", 4),
                Not(Has("label_emb.0.0.weight")),
            ),
            All(
                Has("conv_in.weight"),
                Has("time_embedding.linear_1.weight"),
                Has("down_blocks.0.resnets.0.norm1.weight"),
                Rank("mid_block.attentions.0.proj_in.weight", 4),
                Not(Has("add_embedding.linear_1.weight")),
            ),
        ),
        readable=True,
    ),
    Architecture("SD2.x or SDXL UNet", "unet", Any(
        All(Has(UNET + "input_blocks.0.0.weight"), Rank(UNET + "middle_block.1.proj_in.weight", 2)),
        All(Has("input_blocks.0.0.weight"), Rank("middle_block.1.proj_in.weight", 2)),
        All(
            Has("conv_in.weight"), Has("time_embedding.linear_1.weight"),
            Rank("mid_block.attentions.0.proj_in.weight", 2),
        ),
    )),
    Architecture(
        "autoencoder (VAE)",
        "vae",
        Any(
            All(Has("decoder.conv_in.weight"), Has("decoder.mid.block_1.norm1.weight")),
            All(Has(VAE + "decoder.conv_in.weight"), Has(VAE + "decoder.mid.block_1.norm1.weight")),
            All(Has("decoder.conv_in.weight"), Has("decoder.up_blocks.0.resnets.0.norm1.weight")),
        ),
        readable=True,
    ),
    Architecture("TAESD preview decoder", "vae", Any(
        Has("taesd_decoder.1.weight"), Has("decoder.layers.0.weight"),
        All(Has("1.weight"), Has("3.conv.0.weight")),
    )),
    Architecture(
        "CLIP text encoder",
        "text_encoder",
        Any(
            All(Has("text_model." + TOKENS), Has("text_model.encoder.layers.0.self_attn.q_proj.weight")),
            All(Has(TOKENS), Has("encoder.layers.0.self_attn.q_proj.weight")),
            All(Has(TEXT + "text_model." + TOKENS), Has(TEXT + "text_model.final_layer_norm.weight")),
        ),
        readable=True,
    ),
    Architecture("OpenCLIP text encoder", "text_encoder", All(
        Has("token_embedding.weight"), Has("transformer.resblocks.0.ln_1.weight"),
    )),
    Architecture("T5 text encoder", "text_encoder", All(
        Has("shared.weight"), Has("encoder.block.0.layer.0.SelfAttention.q.weight"),
    )),
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
