"""The trainer nodes on tiny networks: copies learn, the given ones stay; killed, resumed, cancelled, refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from latentloom.engine.errors import Cancelled, UserError
from latentloom.engine.learn.checkpoint import Checkpoints
from latentloom.engine.learn.data import fingerprint
from latentloom.engine.node.context import SilentContext
from latentloom.engine.shapes.dataset import ShapeScenes
from latentloom.engine.values import check_value
from latentloom.nodes.train import train_autoencoder, train_denoiser
from latentloom.nodes.train_data import new_diffusion_model, shape_scenes

SMALL = {"unet_width": 32, "unet_levels": "1", "unet_attention": "1", "text_width": 64, "text_layers": 1,
         "vae_width": 32, "vae_levels": "1,1,1,1"}  # fmt: skip
PROGRAM = Path(__file__).with_name("killed_training.py")


@pytest.fixture(scope="module")
def new():
    return new_diffusion_model(**SMALL, seed=3, context=SilentContext())


@pytest.fixture(scope="module")
def scenes():
    return shape_scenes(size=16, seed=1)


@pytest.fixture
def vae_run(new, scenes):
    """Arguments of a VAE training of two steps."""
    return {"vae": new.VAE, "dataset": scenes, "steps": 2, "batch_size": 2, "warm_up": 1}


@pytest.fixture
def run(new, scenes):
    """Arguments of a diffusion training of two steps."""
    parts = {"model": new.MODEL, "clip": new.CLIP, "vae": new.VAE, "dataset": scenes}
    return {**parts, "steps": 2, "batch_size": 2, "warm_up": 1, "pool": 20}


def prints(parts):
    return [fingerprint(part.network) for part in parts]


def is_drawn(curve):
    """Tell whether a curve's picture holds more than axes: pixels in the line's blue."""
    blue = (curve[..., 2] > 0.6) & (curve[..., 0] < 0.3)
    return check_value("IMAGE", curve) is None and int(blue.sum()) > 100


def test_vae_training_leaves_its_input_and_ends_with_unit_latents(new, scenes, vae_run, context):
    before = prints(new)
    out = train_autoencoder(**vae_run, context=context)
    assert prints(new) == before
    assert fingerprint(out.VAE.network) != before[2]
    assert not any(p.requires_grad for p in out.VAE.network.parameters()) and not out.VAE.network.training
    assert context.steps == [(1, 2), (2, 2)]
    assert [(name, step) for name, step, _ in context.metrics if name == "loss"] == [("loss", 1), ("loss", 2)]
    assert is_drawn(out.curve)
    pictures = torch.from_numpy(scenes.batch(5, 256)[0]).float() / 255
    latent = out.VAE.encode(pictures) * 0.18215
    torch.testing.assert_close(latent.std((0, 2, 3)), torch.ones(4), atol=0.1, rtol=0)
    torch.testing.assert_close(latent.mean((0, 2, 3)), torch.zeros(4), atol=0.1, rtol=0)


def test_normalising_changes_no_picture(scenes, vae_run, context):
    plain = train_autoencoder(**vae_run, normalise=False, name="", context=context).VAE
    folded = train_autoencoder(**vae_run, name="", context=context).VAE
    pictures = torch.from_numpy(scenes.batch(5, 4)[0]).float() / 255
    assert not torch.allclose(plain.encode(pictures), folded.encode(pictures), atol=0.1)
    difference = plain.decode(plain.encode(pictures)) - folded.decode(folded.encode(pictures))
    assert float(difference.abs().max()) < 1e-4


def test_training_the_decoder_leaves_the_latents_alone(new, scenes, vae_run, context):
    out = train_autoencoder(**vae_run, part="decoder", jitter=0.05, context=context).VAE
    pictures = torch.from_numpy(scenes.batch(5, 4)[0]).float() / 255
    torch.testing.assert_close(out.encode(pictures), new.VAE.encode(pictures), atol=1e-5, rtol=1e-5)
    assert not torch.equal(out.decode(torch.ones(1, 4, 2, 2)), new.VAE.decode(torch.ones(1, 4, 2, 2)))


def test_diffusion_training_leaves_its_inputs_and_fits_the_preview(new, run, context):
    before = prints(new)
    random = torch.get_rng_state()
    out = train_denoiser(**run, context=context)
    assert prints(new) == before
    assert torch.equal(torch.get_rng_state(), random)
    assert [a != b for a, b in zip(prints((out.MODEL, out.CLIP)), before[:2], strict=True)] == [True, True]
    assert out.CLIP.network.embeddings.token_embedding.weight.shape == (49408, 64)
    assert out.MODEL.prediction == "v" and out.MODEL.process is new.MODEL.process
    assert out.MODEL.latent.rgb_factors != new.MODEL.latent.rgb_factors
    assert context.steps[-2:] == [(1, 2), (2, 2)]
    assert is_drawn(out.curve)


def test_a_finished_training_is_read_back_and_other_settings_are_refused(run, files, listener):
    first = train_denoiser(**run, name="shapes/small", context=listener(files))
    again = listener(files)
    second = train_denoiser(**run, name="shapes/small", context=again)
    assert again.steps == []  # nothing was left to do
    assert prints((first.MODEL, first.CLIP)) == prints((second.MODEL, second.CLIP))
    assert (files.directory("user") / "training" / "shapes" / "small" / "checkpoints").is_dir()
    with pytest.raises(UserError, match="caption_dropout") as caught:
        train_denoiser(**run, caption_dropout=0.5, name="shapes/small", context=listener(files))
    assert caught.value.code == "D014"
    anew = listener(files)
    train_denoiser(**run, caption_dropout=0.5, name="shapes/small", resume=False, context=anew)
    assert anew.steps[-1] == (2, 2)


def test_a_run_may_be_prolonged_while_its_rate_has_not_fallen(vae_run, files, listener):
    given = {**vae_run, "schedule": "constant"}
    train_autoencoder(**given, context=listener(files))
    context = listener(files)
    longer = train_autoencoder(**{**given, "steps": 4}, context=context)
    assert context.steps == [(3, 4), (4, 4)]
    unbroken = train_autoencoder(**{**given, "steps": 4}, name="unbroken", context=listener(files))
    assert prints((longer.VAE,)) == prints((unbroken.VAE,))


def test_cancelling_stops_within_a_step_and_keeps_a_checkpoint(run, files, listener):
    given = {**run, "steps": 40}
    context = listener(files, stop_after=14)  # ten shards are encoded first
    with pytest.raises(Cancelled):
        train_denoiser(**given, context=context)
    assert context.steps[-1] == (4, 40)
    found = Checkpoints(files.directory("user") / "training" / "diffusion" / "checkpoints").latest()
    assert found is not None and found.step == 4


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_bits(tmp_path):
    def start(folder, kill_at):
        result = tmp_path / f"{folder}.json"
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(tmp_path / folder), str(result)], stdout=subprocess.PIPE, text=True
        )
        reported = []
        for line in process.stdout:
            reported.append(line.strip())
            if line.strip() == kill_at:
                process.kill()
                break
        process.stdout.close()
        assert (process.wait(timeout=120) == 0) == (kill_at is None)
        return reported, result

    _, unbroken = start("unbroken", None)
    start("broken", "5/8")  # in the autoencoder, after the checkpoint of step 3
    reported, _ = start("broken", "8/12")  # in the denoiser, after the checkpoint of step 6
    assert "3/8" not in reported and "4/8" in reported
    reported, broken = start("broken", None)
    assert "6/12" in reported[:10]  # encoding again is reported at the step where the run stands
    assert "5/12" not in reported and "7/12" in reported and "1/8" not in reported
    assert json.loads(broken.read_text()) == json.loads(unbroken.read_text())


def test_previews_show_the_curve_at_every_checkpoint(vae_run, files, listener):
    context = listener(files, previews=True)
    train_autoencoder(**vae_run, checkpoint_every=1, context=context)
    assert [picture.shape for picture in context.shown] == [(360, 720, 3)] * 2


def test_an_empty_name_keeps_nothing(run, files, listener):
    train_denoiser(**run, name=" ", context=listener(files))
    assert not (files.directory("user") / "training").exists()


def test_new_networks_follow_the_seed_alone(new):
    state = torch.get_rng_state()
    again, other = (new_diffusion_model(**SMALL, seed=seed, context=SilentContext()) for seed in (3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert prints(again) == prints(new)
    assert all(a != b for a, b in zip(prints(other), prints(new), strict=True))
    eps = new_diffusion_model(**SMALL, prediction="eps", context=SilentContext())
    assert new.MODEL.prediction == "v" and new.MODEL.process.sigma_max > 4000
    assert eps.MODEL.prediction == "eps" and eps.MODEL.process.sigma_max < 15


@pytest.mark.parametrize(
    ("changes", "code", "name"),
    [
        ({"unet_levels": "1,x"}, "D030", "unet_levels"),
        ({"unet_levels": ""}, "D030", "unet_levels"),
        ({"unet_attention": "1,1"}, "D030", "unet_attention"),
        ({"vae_levels": "1,1"}, "D030", "vae_levels"),
        ({"vae_levels": "1,1,1,9"}, "D030", "vae_levels"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes, code, name):
    with pytest.raises(UserError) as caught:
        new_diffusion_model(**{**SMALL, **changes}, context=SilentContext())
    assert (caught.value.code, caught.value.input) == (code, name)


def test_parts_that_do_not_fit_are_refused_before_anything_is_made(new, run, tiny, files, listener):
    refused = {
        "clip": {"clip": new.CLIP.with_(skip=2)},
        "dataset": {"dataset": ShapeScenes(20)},
        "vae": {"model": new.MODEL.with_(latent=type(new.MODEL.latent)(downscale=16))},
        "model": {"model": new.MODEL.with_(network=torch.nn.Linear(1, 1))},
    }
    for name, change in refused.items():
        with pytest.raises(UserError) as caught:
            train_denoiser(**{**run, **change}, context=listener(files))
        assert caught.value.input == name and caught.value.code in ("D031", "D032")
    with pytest.raises(UserError) as caught:
        given = {**run, "model": tiny.model, "clip": tiny.clip, "dataset": ShapeScenes(24)}
        train_denoiser(**given, context=listener(files))
    assert caught.value.input == "dataset"  # three latent cells cannot be halved
    with pytest.raises(UserError) as caught:
        train_autoencoder(vae=new.VAE, dataset="scenes", context=listener(files))
    assert (caught.value.code, caught.value.input) == ("D031", "dataset")
    with pytest.raises(UserError, match="F002"):
        train_denoiser(**run, name="../outside", context=listener(files))
    assert not (files.directory("user") / "training").exists()
