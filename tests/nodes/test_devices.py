"""Results stay on the device of the first input, and nothing is read back on the way.

Tensors of the meta device have no data: reading one, or mixing it with another device, raises.
"""

import pytest
import torch

from latentloom.nodes import (
    conditioning,
    image_filters,
    images,
    inpaint,
    latent,
    latent_batch,
    masks,
    schedulers,
    text_families,
)

IMAGE = torch.rand(2, 16, 24, 3)
MASK = torch.rand(1, 16, 24)
LATENT = {"samples": torch.rand(2, 4, 16, 24), "noise_mask": torch.rand(2, 1, 16, 24)}
COND = [[torch.rand(1, 4, 3), {"pooled_output": torch.rand(1, 5)}]]
SIGMAS = torch.linspace(3, 0, 5)


class Encoder:
    """Stands where a VAE is asked only for a latent of the right size."""

    downscale = 8

    def encode(self, image):
        return image.movedim(-1, 1)[:, :1, ::8, ::8].repeat(1, 4, 1, 1)


CALLS = {
    "blend": lambda d: image_filters.image_blend(image1=d(IMAGE), image2=IMAGE, blend_mode="soft_light"),
    "blur": lambda d: image_filters.image_blur(image=d(IMAGE)),
    "sharpen": lambda d: image_filters.image_sharpen(image=d(IMAGE)),
    "composite": lambda d: image_filters.image_composite_masked(destination=d(IMAGE), source=IMAGE, x=3, mask=MASK),
    "scale": lambda d: images.image_scale(image=d(IMAGE), upscale_method="lanczos", width=9, height=7),
    "scale area": lambda d: images.image_scale(image=d(IMAGE), upscale_method="area", width=9, height=7),
    "total pixels": lambda d: images.image_scale_to_total_pixels(image=d(IMAGE), megapixels=0.01),
    "invert": lambda d: images.image_invert(image=d(IMAGE)),
    "batch": lambda d: images.image_batch(image1=d(IMAGE), image2=IMAGE[:, :8]),
    "pad": lambda d: images.image_pad_for_outpaint(image=d(IMAGE), left=8, feathering=4),
    "crop": lambda d: images.image_crop(image=d(IMAGE), x=3),
    "mask to image": lambda d: masks.mask_to_image(mask=d(MASK)),
    "image to mask": lambda d: masks.image_to_mask(image=d(IMAGE)),
    "mask composite": lambda d: masks.mask_composite(destination=d(MASK), source=MASK, operation="xor"),
    "feather": lambda d: masks.feather_mask(mask=d(MASK), left=3, bottom=4),
    "grow": lambda d: masks.grow_mask(mask=d(MASK), expand=3),
    "shrink": lambda d: masks.grow_mask(mask=d(MASK), expand=-3, tapered_corners=False),
    "threshold": lambda d: masks.threshold_mask(mask=d(MASK)),
    "join": lambda d: masks.join_image_with_alpha(image=d(IMAGE), alpha=MASK),
    "split": lambda d: masks.split_image_with_alpha(image=d(IMAGE)),
    "upscale": lambda d: latent.latent_upscale_by(samples=d(LATENT), upscale_method="bislerp"),
    "latent composite": lambda d: latent.latent_composite(samples_to=d(LATENT), samples_from=LATENT, x=32, feather=16),
    "latent blend": lambda d: latent.latent_blend(samples1=d(LATENT), samples2=LATENT),
    "latent crop": lambda d: latent.latent_crop(samples=d(LATENT), width=64, height=64),
    "flip": lambda d: latent.latent_flip(samples=d(LATENT)),
    "rotate": lambda d: latent.latent_rotate(samples=d(LATENT), rotation="90 degrees"),
    "from batch": lambda d: latent_batch.latent_from_batch(samples=d(LATENT), batch_index=1),
    "repeat": lambda d: latent_batch.repeat_latent_batch(samples=d(LATENT), amount=2),
    "average": lambda d: conditioning.conditioning_average(
        conditioning_to=d(COND), conditioning_from=COND, conditioning_to_strength=0.5
    ),
    "concat": lambda d: conditioning.conditioning_concat(conditioning_to=d(COND), conditioning_from=COND),
    "zero out": lambda d: conditioning.conditioning_zero_out(conditioning=d(COND)),
    "inpaint": lambda d: inpaint.vae_encode_for_inpaint(pixels=d(IMAGE), vae=Encoder(), mask=MASK),
    "inpaint conditioning": lambda d: inpaint.inpaint_model_conditioning(
        positive=d(COND), negative=d(COND), vae=Encoder(), pixels=d(IMAGE), mask=MASK
    ),
    "pix2pix conditioning": lambda d: inpaint.instruct_pix_to_pix_conditioning(
        positive=d(COND), negative=d(COND), vae=Encoder(), pixels=d(IMAGE)
    ),
    "flux guidance": lambda d: text_families.flux_guidance(conditioning=d(COND)),
    "flip sigmas": lambda d: schedulers.flip_sigmas(sigmas=d(SIGMAS)),
    "split sigmas": lambda d: schedulers.split_sigmas_denoise(sigmas=d(SIGMAS), denoise=0.5),
}


def onto_meta(value):
    if isinstance(value, torch.Tensor):
        return value.to("meta")
    if isinstance(value, dict):
        return {key: onto_meta(item) for key, item in value.items()}
    return [onto_meta(item) for item in value] if isinstance(value, list) else value


def tensors(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensors(item)


@pytest.mark.parametrize("name", CALLS)
def test_results_stay_where_the_first_input_is(name):
    shapes = [tensor.shape for tensor in tensors(CALLS[name](lambda value: value))]
    found = list(tensors(CALLS[name](onto_meta)))
    assert [tensor.shape for tensor in found] == shapes
    assert found and {tensor.device.type for tensor in found} == {"meta"}
