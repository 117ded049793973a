from dataclasses import replace

import pytest
import torch

from latentloom.engine.models.latent import FLUX_RGB, SD1_RGB, SD3_RGB, SDXL_RGB, LatentFormat


@pytest.mark.parametrize("latent", [LatentFormat(), LatentFormat(channels=16, scale=1.5305, shift=0.0609)])
def test_scaled_and_raw_undo_each_other(latent):
    raw = torch.randn(2, latent.channels, 3, 3)
    assert torch.allclose(latent.raw(latent.scaled(raw)), raw, atol=1e-5)
    assert torch.allclose(latent.scaled(raw), (raw - latent.shift) * latent.scale)


def test_preview_is_the_linear_map():
    latent = LatentFormat(rgb_bias=(0.0, 0.5, -3.0))
    x = torch.zeros(1, 4, 2, 5)
    x[0, 1, 1, 4] = 2.0
    picture = latent.preview(x)
    assert picture.shape == (1, 2, 5, 3)
    assert torch.allclose(picture[0, 0, 0], torch.tensor([0.5, 0.75, 0.0]))
    wanted = [(2 * SD1_RGB[1][0] + 1) / 2, (2 * SD1_RGB[1][1] + 1.5) / 2, 0.0]
    assert torch.allclose(picture[0, 1, 4], torch.tensor(wanted).clamp(0, 1))


def test_colours_travel_as_json():
    latent = LatentFormat(rgb_factors=((1.0, 0.25, 0.0),) * 4, rgb_bias=(0.5, 0.0, -0.5))
    assert LatentFormat().with_rgb_json(latent.rgb_json()) == replace(latent, tiny="")


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "[]", "{}", "null", '{"factors": 3}', '{"factors": [[1, 2, 3]]}',
        '{"factors": [[1,2],[1,2],[1,2],[1,2]]}',
        '{"factors": [["a","b","c"]]}', "[" * 100_000,
    ],
)  # fmt: skip
def test_unfit_colours_change_nothing(text):
    assert LatentFormat().with_rgb_json(text) == LatentFormat()


@pytest.mark.parametrize(("factors", "channels"), [(SD1_RGB, 4), (SDXL_RGB, 4), (SD3_RGB, 16), (FLUX_RGB, 16)])
def test_published_colours_fit_their_channels(factors, channels):
    latent = LatentFormat(channels, rgb_factors=factors)
    assert latent.knows_colours
    assert latent.preview(torch.randn(1, channels, 3, 4)).std() > 0.05
    assert not LatentFormat(channels + 1, rgb_factors=factors).knows_colours
