"""The plain operators against torch's modules and against their definitions, one number at a time."""

import pytest
import torch
from torch import nn

from latentloom.engine.errors import UserError
from latentloom.engine.pictures.resample import (
    kernel_named,
    kernel_written,
    max_pool,
    max_unpool,
    pixel_shuffle,
    pixel_unshuffle,
    transposed_convolution,
)
from latentloom.engine.pictures.resize import lanczos

LIMIT = {"atol": 1e-6, "rtol": 0}


def maps(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_shuffling_is_torchs_and_the_definition(factor):
    x = maps(2, 3 * factor**2, 5, 4)
    made = pixel_shuffle(x, factor)
    assert torch.equal(made, nn.PixelShuffle(factor)(x))
    for row in range(factor):
        for column in range(factor):  # Shi et al. 2016, eq. 4
            assert torch.equal(made[:, :, row::factor, column::factor], x[:, row * factor + column :: factor**2])
    assert torch.equal(pixel_unshuffle(made, factor), x)
    assert torch.equal(nn.PixelUnshuffle(factor)(made), x)


@pytest.mark.parametrize(
    ("stride", "padding", "output_padding", "dilation"),
    [(1, 0, 0, 1), (2, 1, 0, 1), (2, 1, 1, 1), (3, 2, 2, 1), (2, 0, 1, 2), (1, 3, 1, 3), (4, 0, 3, 2)],
)
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (4, 4), (2, 5)], ids=str)
def test_transposed_convolution_is_torchs_and_adds_copies_of_the_kernel(size, stride, padding, output_padding, dilation):
    x, kernel = maps(2, 3, 6, 5), maps(*size, seed=1)
    module = nn.ConvTranspose2d(3, 3, size, stride, padding, output_padding, groups=3, bias=False, dilation=dilation)
    module.weight.data = kernel.expand(3, 1, *size).clone()
    wanted = [(n - 1) * stride - 2 * padding + dilation * (k - 1) + output_padding + 1 for n, k in zip((6, 5), size, strict=True)]
    if min(wanted) < 1:
        with pytest.raises(UserError, match="V172"):
            transposed_convolution(x, kernel, stride, padding, output_padding, dilation)
        return
    made = transposed_convolution(x, kernel, stride, padding, output_padding, dilation)
    torch.testing.assert_close(made, module(x).detach(), **LIMIT)
    canvas = torch.zeros(2, 3, wanted[0] + 2 * padding + 9, wanted[1] + 2 * padding + 9)
    for row in range(6):
        for column in range(5):
            for i in range(size[0]):
                for j in range(size[1]):
                    y, z = row * stride + i * dilation, column * stride + j * dilation
                    canvas[:, :, y, z] += x[:, :, row, column] * kernel[i, j]
    inside = canvas[:, :, padding : padding + wanted[0], padding : padding + wanted[1]]
    torch.testing.assert_close(made, inside, atol=1e-5, rtol=0)


def test_kernels_do_what_they_are_for():
    x = torch.rand(1, 2, 6, 7)
    repeated = transposed_convolution(x, kernel_named("box", 3, 3), stride=3)
    assert torch.equal(repeated, x.repeat_interleave(3, 2).repeat_interleave(3, 3))
    doubled = transposed_convolution(x, kernel_named("bilinear", 4, 2), stride=2, padding=1)
    wanted = nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(doubled[..., 1:-1, 1:-1], wanted[..., 1:-1, 1:-1], **LIMIT)
    bell = kernel_named("gaussian", 6, 2)
    assert torch.equal(bell, bell.T) and torch.equal(bell, bell.flip(0)) and bell.argmax() in (14, 15, 20, 21)
    flat = transposed_convolution(torch.ones(1, 1, 9, 9), bell, 2, 2)[..., 4:-4, 4:-4]
    assert abs(float(flat.mean()) - 1) < 0.01


@pytest.mark.parametrize(
    ("text", "rows"),
    [("1 2 1; 2 4 2;1 2 1", [[1, 2, 1], [2, 4, 2], [1, 2, 1]]), ("0.5,-1e1\n", [[0.5, -10]]), ("3", [[3]])],
)
def test_kernels_are_read(text, rows):
    assert kernel_written(text).tolist() == rows


@pytest.mark.parametrize("text", ["", " ; ", "1 2; 3", "one", "1 nan", "inf"])
def test_texts_that_are_no_kernel(text):
    with pytest.raises(UserError) as caught:
        kernel_written(text)
    assert (caught.value.code, caught.value.input) == ("V173", "weights")


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 1), (5, 4, 2)])
@pytest.mark.parametrize("size", [(8, 8), (7, 10)], ids=str)
def test_pooling_and_unpooling_are_torchs(kernel, stride, padding, size):
    x = maps(2, 3, *size)
    pooled = max_pool(x, kernel, stride, padding)
    maxima, indices = nn.MaxPool2d(kernel, stride, padding, return_indices=True)(x)
    assert torch.equal(pooled.maxima, maxima) and torch.equal(pooled.indices, indices)
    made = max_unpool(pooled.maxima * 2, pooled.indices, *size)
    if stride >= kernel:  # torch leaves open what comes of windows that overlap; it is the same number anyway
        theirs = nn.MaxUnpool2d(kernel, stride, padding)(maxima * 2, indices, output_size=size)
        torch.testing.assert_close(made, theirs, **LIMIT)
    chosen = made != 0
    torch.testing.assert_close(made[chosen], 2 * x[chosen], **LIMIT)
    torch.testing.assert_close(max_pool(made.abs(), kernel, stride, padding).maxima >= 2 * maxima.abs() - 1e-6,
                               torch.ones_like(maxima, dtype=torch.bool))  # fmt: skip
    assert int(chosen[0, 0].sum()) == len(set(indices[0, 0].flatten().tolist()))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: pixel_shuffle(x, 2),
        lambda x: pixel_unshuffle(x, 4),
        lambda x: transposed_convolution(x, torch.ones(2, 2), 2, 0, 2),
        lambda x: transposed_convolution(x, torch.ones(2, 2), 2, 9),
        lambda x: transposed_convolution(x.expand(64, 3, 6, 6), torch.ones(1, 1), 256),
        lambda x: max_pool(x, 2, 2, 2),
        lambda x: max_pool(x, 9, 2, 1),
        lambda x: max_unpool(x, torch.zeros(1, 3, 5, 5, dtype=torch.int64), 12, 12),
        lambda x: max_unpool(x, torch.full((1, 3, 6, 6), 144), 12, 12),
        lambda x: max_unpool(x, torch.full((1, 3, 6, 6), -1), 12, 12),
        lambda x: max_unpool(x, torch.zeros(1, 3, 6, 6, dtype=torch.int64), 2**16, 2**16),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(UserError) as caught:
        call(torch.rand(1, 3, 6, 6))
    assert caught.value.code == "V172"


@pytest.mark.parametrize("size", [(16, 12), (3, 5), (9, 9)], ids=str)
def test_lanczos_keeps_any_range_when_asked_to(size):
    from PIL import Image

    x = maps(1, 1, 8, 9) * 5
    made = lanczos(x, size[1], size[0], clip=False)
    wanted = Image.fromarray(x[0, 0].numpy(), "F").resize((size[1], size[0]), Image.Resampling.LANCZOS)
    import numpy as np

    torch.testing.assert_close(made[0, 0], torch.from_numpy(np.array(wanted)), atol=1e-5, rtol=1e-5)
    assert torch.equal(lanczos(x, *size), lanczos(x, *size, clip=False).clamp(0, 1))


def test_lobes_of_lanczos():
    x = torch.rand(1, 1, 8, 8)
    results = [lanczos(x, 16, 16, lobes, clip=False) for lobes in (1, 2, 3, 5)]
    assert len({float(result.std()) for result in results}) == 4
    for result in results:
        torch.testing.assert_close(lanczos(torch.ones(1, 1, 8, 8), 16, 16, 5), torch.ones(1, 1, 16, 16), atol=1e-6, rtol=0)
        assert result.shape == (1, 1, 16, 16)
