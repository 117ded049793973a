"""What is said of the software that computes."""

import platform

import pytest
import torch

from latentloom.engine.memory.software import software


def test_versions_are_those_that_run():
    found = software("cpu")
    assert found["python"] == platform.python_version()
    assert found["torch"] == torch.__version__
    assert {"numpy", "pillow", "safetensors", "tokenizers", "system"} <= found.keys()
    assert "gpu" not in found
    assert all(type(value) is str for value in found.values())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_is_named():
    found = software("cuda:0")
    assert found["gpu"] == torch.cuda.get_device_name(0)
    assert "cuda" in found or "hip" in found
