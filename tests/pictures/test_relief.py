"""Depth and normals of drawn reliefs."""

import torch

from latentloom.engine.pictures.relief import depth_from_light, normals_from_light


def ramp(side=32):
    """Brighter to the right."""
    return torch.linspace(0, 1, side)[None, None, :, None].expand(1, side, side, 3)


def test_bright_is_near_and_each_picture_uses_the_whole_range():
    image = torch.cat([0.2 + 0.3 * ramp(), torch.full((1, 32, 32, 3), 0.7)])
    depth = depth_from_light(image, radius=1.0)
    assert torch.equal(depth[0].aminmax()[0], torch.tensor(0.0))
    assert torch.equal(depth[0].aminmax()[1], torch.tensor(1.0))
    assert bool((depth[0].diff(dim=1) >= -1e-6).all())
    assert bool((depth[1] == 0.5).all())
    assert torch.allclose(depth_from_light(image, 1.0, invert=True)[0], 1 - depth[0])


def test_a_flat_picture_points_at_the_viewer():
    normals = normals_from_light(torch.full((1, 16, 16, 3), 0.3))
    assert torch.allclose(normals, torch.tensor([0.5, 0.5, 1.0]).expand_as(normals))


def test_slopes_point_away_from_what_is_bright():
    right = normals_from_light(ramp())[0, 16, 16]
    assert float(right[0]) < 0.5
    assert abs(float(right[1]) - 0.5) < 1e-4
    down = normals_from_light(ramp().transpose(1, 2))[0, 16, 16]
    assert float(down[1]) > 0.5
    unit = (normals_from_light(ramp()) * 2 - 1).norm(dim=-1)
    assert torch.allclose(unit, torch.ones_like(unit), atol=1e-5)
