import pytest
import torch
import torch.nn.functional as F

from latentloom.engine.models.attention import attention, plain
from latentloom.engine.models.layers import (
    GroupNorm,
    LayerNorm,
    Pointwise,
    silu,
    timestep_embedding,
    to_image,
    to_tokens,
)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_norm_statistics_are_float32(dtype):
    x = (torch.randn(2, 32, 8, 8, generator=torch.Generator().manual_seed(0)) * 3 + 40).to(dtype)
    group, layer = GroupNorm(32, eps=1e-5).to(dtype), LayerNorm(8).to(dtype)
    exact = F.group_norm(x.double(), 32, eps=1e-5)
    assert group(x).dtype == dtype
    assert (group(x).double() - exact).abs().max() <= exact.abs().max() * torch.finfo(dtype).eps
    exact = F.layer_norm(x.double(), (8,), eps=1e-5)
    assert (layer(x).double() - exact).abs().max() <= exact.abs().max() * torch.finfo(dtype).eps


def test_norm_survives_large_values_in_half_precision():
    x = torch.full((1, 32, 4, 4), 30000.0, dtype=torch.float16)
    x[..., ::2] = -30000.0
    assert torch.allclose(GroupNorm(32, eps=1e-6).half()(x).abs(), torch.ones(()).half())


def test_group_norm_refuses_odd_widths():
    with pytest.raises(ValueError, match="48 channels do not divide into 32"):
        GroupNorm(48, eps=1e-5)


def test_timestep_embedding_is_cosine_first_and_takes_fractions():
    out = timestep_embedding(torch.tensor([0.0, 2.5]), 8)
    assert out.shape == (2, 8)
    assert torch.equal(out[0], torch.tensor([1.0, 1, 1, 1, 0, 0, 0, 0]))
    assert torch.allclose(out[1, 0], torch.tensor(2.5).cos())
    assert torch.allclose(out[1, 4], torch.tensor(2.5).sin())
    assert torch.allclose(out[1, 1], torch.tensor(2.5 * 10000 ** (-1 / 4)).cos())


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_softmax_of_products(causal):
    generator = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(2, 5, 6, generator=generator, dtype=torch.float64) for _ in range(3))
    wanted = torch.empty_like(q)
    for head in range(3):
        part = slice(2 * head, 2 * head + 2)
        scores = q[..., part] @ k[..., part].transpose(1, 2) / 2**0.5
        if causal:
            scores = scores + torch.full((5, 5), float("-inf")).triu(1)
        wanted[..., part] = scores.softmax(-1) @ v[..., part]
    assert torch.allclose(attention(q, k, v, 3, causal=causal), wanted)
    heads = [t.view(2, 5, 3, 2).transpose(1, 2) for t in (q, k, v)]
    assert torch.allclose(plain(*heads, causal).transpose(1, 2).reshape(2, 5, 6), wanted, atol=1e-6)


@pytest.mark.parametrize("scale", [None, 1.0, 0.3])
def test_attention_takes_another_scale_and_a_bias_per_head(scale):
    generator = torch.Generator().manual_seed(2)
    q, k, v = (torch.randn(2, 5, 6, generator=generator, dtype=torch.float64) for _ in range(3))
    bias = torch.randn(1, 3, 5, 5, generator=generator, dtype=torch.float64)
    heads = [t.view(2, 5, 3, 2).transpose(1, 2) for t in (q, k, v)]
    scores = heads[0] @ heads[1].transpose(-1, -2) * (2**-0.5 if scale is None else scale)
    wanted = ((scores + bias).softmax(-1) @ heads[2]).transpose(1, 2).reshape(2, 5, 6)
    assert torch.allclose(attention(q, k, v, 3, bias=bias, scale=scale), wanted)
    without = (scores.softmax(-1) @ heads[2]).transpose(1, 2).reshape(2, 5, 6)
    assert torch.allclose(attention(q, k, v, 3, scale=scale), without)
    assert torch.allclose(plain(*heads, False, scale).transpose(1, 2).reshape(2, 5, 6), without)


def test_tokens_and_back_is_the_identity_and_a_view_when_channels_last():
    x = torch.randn(2, 4, 3, 5)
    assert torch.equal(to_image(to_tokens(x), like=x), x)
    last = x.to(memory_format=torch.channels_last)
    tokens = to_tokens(last)
    assert tokens.data_ptr() == last.data_ptr()
    assert torch.equal(tokens[1, 7], x[1, :, 1, 2])


def test_pointwise_is_the_convolution():
    layer = Pointwise(4, 6)
    x = torch.randn(2, 4, 3, 5)
    assert torch.allclose(to_image(layer(to_tokens(x)), like=x), F.conv2d(x, layer.weight, layer.bias), atol=1e-6)


def test_silu_keeps_its_input_when_a_gradient_needs_it():
    x = torch.randn(8, requires_grad=True)
    y = x * 1
    before = y.detach().clone()
    silu(y).sum().backward()
    assert torch.equal(y.detach(), before)
    with torch.no_grad():
        z = before.clone()
        assert torch.equal(silu(z), F.silu(before))
