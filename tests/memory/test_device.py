import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.memory import device as module
from latentloom.engine.memory.device import accelerators, pick_device, pick_dtype


@pytest.fixture
def machine(monkeypatch):
    """Pretend that the machine has these devices."""

    def have(**counts):
        monkeypatch.setattr(module, "count", lambda kind: counts.get(kind, int(kind == "cpu")))

    return have


@pytest.mark.parametrize(
    ("there", "name", "expected"),
    [
        ({}, None, "cpu"),
        ({}, "auto", "cpu"),
        ({}, "CPU", "cpu"),
        ({"mps": 1}, None, "mps"),
        ({"xpu": 1, "mps": 1}, None, "xpu"),
        ({"cuda": 2}, None, "cuda"),
        ({"cuda": 2}, "cuda:1", "cuda:1"),
        ({"cuda": 2}, "rocm:1", "cuda:1"),
        ({"cuda": 2}, "cpu", "cpu"),
    ],
)
def test_device(machine, there, name, expected):
    machine(**there)
    assert pick_device(name) == torch.device(expected)


@pytest.mark.parametrize("name", ["cuda:2", "mps", "tpu", "cuda:x", "meta", "cpu:7x", ""])
def test_a_device_that_is_not_there(machine, name):
    machine(cuda=2)
    if name == "":
        assert pick_device(name) == torch.device("cuda")
        return
    with pytest.raises(UserError, match=r"S010 device: expected one of cuda, cpu"):
        pick_device(name)


def test_this_machine_has_what_is_picked():
    assert torch.ones(1, device=pick_device()).item() == 1


@pytest.mark.parametrize(
    ("device", "name", "role", "expected"),
    [
        ("cpu", None, "network", torch.float32),
        ("cpu", "auto", "vae", torch.float32),
        ("cpu", "bf16", "network", torch.bfloat16),
        ("mps", None, "network", torch.float16),
        ("mps", None, "vae", torch.float32),
        ("cuda", None, "network", torch.float16),
        ("cuda", "fp16", "vae", torch.float16),
        ("cuda", "FP32", "network", torch.float32),
    ],
)
def test_dtype(device, name, role, expected):
    assert pick_dtype(torch.device(device), name, role=role) == expected


@pytest.mark.parametrize(("native", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_dtype_of_an_autoencoder_on_cuda(monkeypatch, native, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert pick_dtype(torch.device("cuda"), role="vae") == expected


def test_an_unknown_precision():
    with pytest.raises(UserError, match="S011"):
        pick_dtype(torch.device("cpu"), "fp8")


def test_nothing_is_looked_up_at_import(python):
    asked = python(
        "import torch\n"
        "def no(*a, **k): raise SystemExit('asked')\n"
        "torch.cuda.is_available = torch.cuda.device_count = no\n"
        "torch.backends.mps.is_available = torch.xpu.is_available = no\n"
        "import latentloom.engine.memory.device, latentloom.engine.models.load\n"
        "print('quiet')\n"
    )
    assert asked.strip() == "quiet"


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({}, ()),
        ({"cuda": 1}, ("cuda:0",)),
        ({"cuda": 2, "xpu": 1, "mps": 1}, ("cuda:0", "cuda:1", "xpu:0", "mps")),
    ],
)
def test_accelerators_are_all_devices_but_the_processor(machine, there, expected):
    machine(**there)
    assert accelerators() == expected
