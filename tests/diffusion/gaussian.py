"""A Gaussian whose denoiser and probability flow are known exactly."""

import math

import torch

MEAN, SPREAD = 0.4, 0.7


def denoiser(x, sigma):
    """E[x0 | x] for x0 ~ N(MEAN, SPREAD^2)."""
    s = float(sigma)
    return MEAN + SPREAD**2 / (SPREAD**2 + s * s) * (x - MEAN)


def flow_to(x, sigma, sigma_next):
    """The exact solution of the probability flow from sigma to sigma_next."""
    return MEAN + (x - MEAN) * math.sqrt((SPREAD**2 + sigma_next**2) / (SPREAD**2 + sigma**2))


def start(count=4, sigma=10.0, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return MEAN + torch.randn(count, 2, 3, 3, generator=generator, dtype=dtype) * math.sqrt(SPREAD**2 + sigma**2)
