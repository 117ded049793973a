"""Facets along wires, beyond the table of invalid graphs."""

import pytest

from latentloom.engine.graph.build import Builder
from latentloom.engine.graph.validate import validate


@pytest.fixture
def b(registry):
    return Builder(registry)


def codes(b, registry, files, headers=None):
    return [(p.code, p.node_id, p.input) for p in validate(b.graph(), registry, files, headers)]


def test_facts_travel_through_nodes_that_hand_them_on(b, registry, files, headers):
    model, _ = b.Load(name="a.safetensors")
    flux = b.Load(name="flux.safetensors")
    latent = b.Empty()
    for _ in range(5):
        latent = b.Sample(model=model, latent=latent)
    b.Save(images=b.Decode(samples=latent, vae=flux.VAE))
    assert codes(b, registry, files, headers) == [("G012", "9", "vae")]
    assert codes(b, registry, files) == []  # nobody reads headers: nothing is known of the files


def test_what_is_unknown_constrains_nothing(b, registry, files, headers):
    model, vae = b.Load(name="flux.safetensors")
    latent = b.Any(value=b.Empty())  # a wildcard forgets
    b.Save(images=b.Decode(samples=b.Sample(model=model, latent=latent), vae=vae))
    assert codes(b, registry, files, headers) == []


def test_several_disagreements_are_several_problems(b, registry, files, headers):
    model, vae = b.Load(name="flux.safetensors")
    first = b.Sample(model=model, latent=b.Empty())
    second = b.Sample(model=model, latent=b.Empty())
    b.Save(images=b.Decode(samples=first, vae=vae))
    b.Save(images=b.Decode(samples=second, vae=vae))
    assert [code for code, *_ in codes(b, registry, files, headers)] == ["G012", "G012"]


def test_a_missing_file_is_reported_once(b, registry, files, headers):
    model, vae = b.Load(name="none.safetensors")
    b.Save(images=b.Decode(samples=b.Sample(model=model, latent=b.Empty()), vae=vae))
    assert codes(b, registry, files, headers) == [("G013", "1", "name")]
