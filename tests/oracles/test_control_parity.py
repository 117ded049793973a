"""ControlNets against diffusers: the same random weights through a file in each layout, float32, at most 1e-4."""

import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.models.control import ControlNet
from latentloom.engine.models.load_control import load_control
from latentloom.engine.models.mmdit import MMDiT
from latentloom.engine.models.rename_control import control_names
from latentloom.engine.models.rename_dit import mmdit_sources
from latentloom.engine.models.unet import UNet, UNetConfig

from .test_networks import LIMIT, difference, randomise

diffusers = pytest.importorskip("diffusers")

CPU = torch.device("cpu")
FORMS = {
    "sd15": {},
    "sdxl": {
        "attention_head_dim": (1, 2, 2), "use_linear_projection": True, "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 80,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "transformer_layers_per_block": (1, 2, 3),
    },
}  # fmt: skip


def theirs(kind, **form):
    """Return a small random ControlNet of diffusers."""
    common = {
        "block_out_channels": (64, 128, 128), "layers_per_block": 2, "cross_attention_dim": 48,
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    }  # fmt: skip
    network = kind(**{**common, **form}).eval()
    randomise(network, 3)
    return network


def written(state, folder, name="control.safetensors"):
    path = folder / name
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return path


def inputs(width=48, y=0):
    generator = torch.Generator().manual_seed(4)
    x, hint = torch.randn(2, 4, 8, 10, generator=generator), torch.rand(2, 3, 64, 80, generator=generator)
    context, t = torch.randn(2, 11, width, generator=generator), torch.tensor([3.0, 941.25])
    return x, hint, t, context, torch.randn(2, y, generator=generator) if y else None


def agree(ours, reference):
    assert len(ours) == len(reference)
    for own, other in zip(ours, reference, strict=True):
        assert difference(own, other) <= LIMIT


@pytest.mark.parametrize("layout", ["diffusers", "ldm", "ldm with prefix"])
@pytest.mark.parametrize("name", FORMS)
@torch.no_grad()
def test_controlnet(name, layout, tmp_path):
    oracle = theirs(diffusers.ControlNetModel, conditioning_embedding_out_channels=(16, 32, 64, 96), **FORMS[name])
    state = oracle.state_dict()
    if layout != "diffusers":
        table = control_names(state)
        state = {("control_model." if "prefix" in layout else "") + table[key]: value for key, value in state.items()}
    control = load_control(written(state, tmp_path), device=CPU)
    x, hint, t, context, y = inputs(y=80 if name == "sdxl" else 0)
    added = {}
    if y is not None:
        # diffusers takes text and sizes apart: what its sinusoids make of zeros is known.
        y = torch.cat([y[:, :32], torch.tensor([1.0] * 4 + [0.0] * 4).repeat(6).expand(2, -1)], dim=1)
        added = {"added_cond_kwargs": {"text_embeds": y[:, :32], "time_ids": torch.zeros(2, 6)}}
    down, middle = oracle(x, t, context, hint, return_dict=False, **added)
    agree(control.network(x, hint, t, context, y), [*down, middle])


@pytest.mark.parametrize("kind", [3, 7])
@torch.no_grad()
def test_union(kind, tmp_path):
    oracle = theirs(
        diffusers.ControlNetUnionModel, conditioning_embedding_out_channels=(16, 32, 64, 96), num_control_type=8, num_trans_channel=64, num_proj_channel=64,
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=32 + 6 * 256,
        **{key: value for key, value in FORMS["sdxl"].items() if key not in (
            "addition_time_embed_dim", "projection_class_embeddings_input_dim")},
    )  # fmt: skip
    randomise_union(oracle)
    for layer in oracle.transformer_layes:
        layer.attn.batch_first = True  # as it comes, items of a batch attend to each other
    control = load_control(written(oracle.state_dict(), tmp_path), device=CPU)
    assert control.network.form.kinds == 8
    x, hint, t, context, y = inputs(y=32)
    sizes = torch.tensor([1.0] * 128 + [0.0] * 128).repeat(6).expand(2, -1)
    switches = torch.zeros(2, 8)
    switches[:, kind] = 1
    down, middle = oracle(
        x, t, context, [hint], control_type=switches, control_type_idx=[kind], return_dict=False,
        added_cond_kwargs={"text_embeds": y, "time_ids": torch.zeros(2, 6)},
    )  # fmt: skip
    ours = control.network(x, hint, t, context, torch.cat([y, sizes], dim=1), (kind,))
    agree(ours, [*down, middle])
    other = control.network(x, hint, t, context, torch.cat([y, sizes], dim=1), (0,))
    assert float((other[-1] - ours[-1]).abs().max()) > 1e-3, "the kind makes no difference"


def randomise_union(network):
    generator = torch.Generator().manual_seed(5)
    network.task_embedding.data = torch.randn(network.task_embedding.shape, generator=generator)


@pytest.mark.parametrize("form", ["sd3", "sd3.5, inpainting"])
@torch.no_grad()
def test_sd3(form, tmp_path):
    extra = (
        {}
        if form == "sd3"
        else {"qk_norm": "rms_norm", "dual_attention_layers": (0,), "extra_conditioning_channels": 1}
    )
    oracle = diffusers.SD3ControlNetModel(
        sample_size=16, patch_size=2, in_channels=4, num_layers=3, attention_head_dim=64, num_attention_heads=2,
        joint_attention_dim=48, caption_projection_dim=128, pooled_projection_dim=40, out_channels=4,
        pos_embed_max_size=12, **extra,
    ).eval()  # fmt: skip
    randomise(oracle, 6)
    control = load_control(written(oracle.state_dict(), tmp_path), device=CPU)
    assert control.family == "SD3"
    assert control.beside == (0 if form == "sd3" else 1)
    generator = torch.Generator().manual_seed(7)
    x, context = torch.randn(2, 4, 8, 12, generator=generator), torch.randn(2, 9, 48, generator=generator)
    hint = torch.randn(2, 4 + control.beside, 8, 12, generator=generator)
    y, t = torch.randn(2, 40, generator=generator), torch.tensor([12.0, 870.0])
    reference = oracle(x, hint, encoder_hidden_states=context, pooled_projections=y, timestep=t, return_dict=False)[0]
    agree(control.network(x, hint, t, context, y), reference)


@torch.no_grad()
def test_sd3_transformer_takes_the_residuals():
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, num_layers=5, attention_head_dim=64, num_attention_heads=2,
        joint_attention_dim=48, caption_projection_dim=128, pooled_projection_dim=40, out_channels=4,
        pos_embed_max_size=12,
    ).eval()  # fmt: skip
    randomise(transformer, 8)
    from latentloom.engine.models.mmdit import MMDiTConfig

    ours = MMDiT(MMDiTConfig(4, 4, 128, 5, context_dim=48, pooled_dim=40, grid=12)).eval()
    state = transformer.state_dict()
    ours.load_state_dict({name: made.tensor(state.__getitem__) for name, made in mmdit_sources(state).items()})
    generator = torch.Generator().manual_seed(9)
    x, context = torch.randn(2, 4, 8, 12, generator=generator), torch.randn(2, 9, 48, generator=generator)
    y, t = torch.randn(2, 40, generator=generator), torch.tensor([12.0, 870.0])
    more = [torch.randn(2, 24, 128, generator=generator) for _ in range(2)]
    reference = transformer(x, context, y, t, block_controlnet_hidden_states=more, return_dict=False)[0]
    assert difference(ours(x, t, context, y, control=more), reference) <= LIMIT
    assert difference(ours(x, t, context, y), reference) > 0.01


@torch.no_grad()
def test_unet_takes_the_residuals(tmp_path):
    form = {"block_out_channels": (64, 128, 128), "layers_per_block": 2, "cross_attention_dim": 48}
    oracle = diffusers.UNet2DConditionModel(
        **form, down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), attention_head_dim=8,
    ).eval()  # fmt: skip
    randomise(oracle, 10)
    from latentloom.engine.models.rename import unet_names

    ours = UNet(
        UNetConfig(model_channels=64, channel_mult=(1, 2, 2), transformer_depth=(1, 1, 0), context_dim=48)
    ).eval()
    state = oracle.state_dict()
    table = unet_names(state)
    shapes = {key: value.shape for key, value in ours.state_dict().items()}
    ours.load_state_dict({own: state[key].reshape(shapes[own]) for key, own in table.items()})
    control = ControlNet.beside(ours).eval()
    randomise(control, 11)
    x, hint, t, context, _ = inputs()
    parts = control(x, hint, t, context)
    reference = oracle(
        x, t, context, down_block_additional_residuals=tuple(parts[:-1]), mid_block_additional_residual=parts[-1]
    ).sample
    assert difference(ours(x, t, context, control=parts), reference) <= LIMIT
