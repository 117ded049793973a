"""The ControlNet trainer on tiny networks: it learns, resumes to the same weights, and its file is read again."""

import pytest
import torch

from latentloom.engine.errors import Cancelled, UserError
from latentloom.engine.learn.data import fingerprint
from latentloom.engine.models.controlled import ControlModel
from latentloom.engine.models.load_control import load_control
from latentloom.engine.node.context import SilentContext
from latentloom.nodes.control import control_net_apply_advanced
from latentloom.nodes.sampling import ksampler
from latentloom.nodes.train_control import save_control_net, train_control_net
from latentloom.nodes.train_data import new_diffusion_model, shape_scenes

SMALL = {"unet_width": 32, "unet_levels": "1", "unet_attention": "1", "text_width": 64, "text_layers": 1,
         "vae_width": 32, "vae_levels": "1,1,1,1"}  # fmt: skip


@pytest.fixture(scope="module")
def new(randomised):
    parts = new_diffusion_model(**SMALL, seed=3, context=SilentContext())
    randomised(parts.MODEL.base, 4)
    return parts


@pytest.fixture
def run(new):
    parts = {"model": new.MODEL, "clip": new.CLIP, "vae": new.VAE, "dataset": shape_scenes(size=16, seed=1)}
    return {**parts, "steps": 4, "batch_size": 2, "warm_up": 1, "pool": 20, "checkpoint_every": 2}


def sampled(parts, positive, negative):
    return ksampler(
        model=parts.MODEL, seed=1, steps=2, cfg=3.0, sampler_name="euler", scheduler="normal", positive=positive,
        negative=negative, latent_image={"samples": torch.zeros(1, 4, 2, 2)}, denoise=1.0, context=SilentContext(),
    )["samples"]  # fmt: skip


def steered(parts, control):
    """A picture's latent under the ControlNet, and without it."""
    prompts = [[[parts.CLIP.encode(text)[0], {}]] for text in ("a red circle", "")]
    image = torch.rand(1, 16, 16, 3, generator=torch.Generator().manual_seed(2))
    applied = control_net_apply_advanced(positive=prompts[0], negative=prompts[1], control_net=control, image=image)
    return sampled(parts, *applied), sampled(parts, *prompts)


def test_before_its_first_step_it_changes_nothing_and_after_some_it_does(new, run, context):
    from latentloom.engine.models.control import ControlNet

    before = [fingerprint(part.network) for part in new]
    fresh, plain = steered(new, ControlModel(ControlNet.beside(new.MODEL.base).eval()))
    assert torch.equal(fresh, plain)
    out = train_control_net(**run, name="", context=context)
    assert [fingerprint(part.network) for part in new] == before
    trained, plain = steered(new, out.CONTROL_NET)
    assert not torch.equal(trained, plain)
    assert not any(parameter.requires_grad for parameter in out.CONTROL_NET.network.parameters())
    assert context.steps[-1] == (4, 4)
    assert out.curve.shape[-1] == 3


def test_a_training_that_was_stopped_ends_as_one_that_was_not(run, files, listener):
    whole = train_control_net(**run, name="whole", context=listener(files))
    with pytest.raises(Cancelled):
        train_control_net(**run, name="stopped", context=listener(files, stop_after=13))
    rest = listener(files)
    resumed = train_control_net(**run, name="stopped", context=rest)
    assert fingerprint(resumed.CONTROL_NET.network) == fingerprint(whole.CONTROL_NET.network)
    assert 0 < sum(total == 4 and value > 0 for value, total in rest.steps) < 14
    again = train_control_net(**run, name="whole", context=listener(files))
    assert fingerprint(again.CONTROL_NET.network) == fingerprint(whole.CONTROL_NET.network)
    with pytest.raises(UserError) as caught:
        train_control_net(**{**run, "hint": "lines"}, name="whole", context=listener(files))
    assert caught.value.code == "D014"


def test_it_trains_on_from_one_that_is_given(run, context):
    first = train_control_net(**run, name="", context=context).CONTROL_NET
    print_before = fingerprint(first.network)
    second = train_control_net(**run, control_net=first, name="", context=context).CONTROL_NET
    assert fingerprint(first.network) == print_before != fingerprint(second.network)


@pytest.mark.parametrize("hint", ["soft edges", "lines", "scribble", "depth from light", "normals from light"])
def test_every_hint_can_be_drawn(run, context, hint):
    train_control_net(**{**run, "steps": 1}, hint=hint, name="", context=context)


def test_a_model_it_cannot_be_made_for_is_refused(run, context):
    with pytest.raises(UserError) as caught:
        other = new_diffusion_model(**{**SMALL, "text_width": 128}, context=context).CLIP
        train_control_net(**{**run, "clip": other}, name="", context=context)
    assert caught.value.code == "D032"
    from latentloom.engine.models.control import ControlNet
    from latentloom.engine.models.unet import UNet, UNetConfig

    wide = UNet(UNetConfig(model_channels=64, channel_mult=(1,), res_blocks=1, transformer_depth=(1,), context_dim=64))
    with pytest.raises(UserError) as caught:
        train_control_net(**run, control_net=ControlModel(ControlNet.beside(wide)), name="", context=context)
    assert caught.value.code == "V181"


@pytest.mark.parametrize(("precision", "limit"), [("fp32", 0.0), ("fp16", 1e-3), ("fp8", 0.07)])
def test_the_file_is_read_again(new, run, context, files, precision, limit):
    trained = train_control_net(**run, name="", context=context).CONTROL_NET
    save_control_net(control_net=trained, filename_prefix="controlnet/mine", precision=precision, context=context)
    (path,) = (files.directory("output") / "controlnet").glob("mine*.safetensors")
    loaded = load_control(path, device=torch.device("cpu"))
    assert loaded.network.form == trained.network.form
    own = trained.network.state_dict()
    for key, value in loaded.network.state_dict().items():
        scale = float(own[key].abs().max()) or 1.0
        assert float((value - own[key]).abs().max()) <= limit * scale, key
    assert steered(new, loaded)[0].isfinite().all()
