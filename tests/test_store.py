"""TorchStore: sizes without counting twice, values that come back bit for bit, names of content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.memory.residency import InPlace, Residency
from latentloom.engine.memory.transfer import Transfer
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.ledger import DEVICE, RAM, Part
from latentloom.engine.run.lists import Many
from latentloom.engine.run.plain import Unsavable
from latentloom.engine.store import DeviceAccount, TorchStore

DTYPES = [
    torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.uint8, torch.int8,
    torch.int16, torch.bool,
]  # fmt: skip


def total(value: Any, tier: str = RAM) -> int:
    return sum(part.nbytes for part in TorchStore().measure(value) if part.tier == tier)


def same(first: Any, second: Any) -> bool:
    """Tell whether two values are equal bit for bit, NaN and types included."""
    if isinstance(first, torch.Tensor):
        return (
            isinstance(second, torch.Tensor)
            and (first.dtype, first.shape, first.device) == (second.dtype, second.shape, second.device)
            and first.contiguous().reshape(-1).view(torch.uint8).equal(second.contiguous().reshape(-1).view(torch.uint8))
        )
    if isinstance(first, np.ndarray):
        return isinstance(second, np.ndarray) and first.dtype == second.dtype and first.tobytes() == second.tobytes()
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[name], second[name]) for name in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return repr(first) == repr(second)


def test_views_and_shared_weights_count_once() -> None:
    base = torch.zeros(1000, 100)
    assert 400_000 <= total(base) < 400_100
    assert 400_000 <= total({"a": base, "b": base[:10], "c": [base.view(-1), base.t()]}) < 403_000


def test_a_small_view_counts_the_storage_that_it_keeps_alive() -> None:
    assert total(torch.zeros(1000, 100)[0]) >= 400_000


def test_where_models_run_is_no_part_of_them() -> None:
    """A residency is shared by all models, and reaches all weights on the device and the cache."""
    residency = Residency(Transfer(torch.device("cpu")), account=DeviceAccount(Cache(TorchStore())))
    network = torch.nn.Linear(100, 100)
    residency.run(network, lambda running: running(torch.zeros(1, 100)))
    assert total({"network": network, "residence": residency}) == total({"network": network, "residence": InPlace()})


def test_weights_on_the_device_are_in_the_one_ledger() -> None:
    cache = Cache(TorchStore(), ram_bytes=1 << 20, device_bytes=1000)
    account = DeviceAccount(cache)
    kept = (Part("value", 600, DEVICE),)
    account.reserve(("weights", 1), 300)
    assert cache.reserve(kept)
    assert cache.ledger.used[DEVICE] == 900
    cache.release(kept)
    account.release(("weights", 1), 300)
    assert cache.ledger.used[DEVICE] == 0


def test_models_count_their_parameters_wherever_they_hang() -> None:
    network = torch.nn.Linear(100, 100)

    class Wrapper:
        def __init__(self) -> None:
            self.patches = (lambda x: x, network)
            self.again = [network.weight]

    assert 40_400 <= total(Wrapper()) < 44_000


def test_model_and_patched_copy_share_in_the_ledger() -> None:
    network = torch.nn.Linear(500, 500)

    class Model:
        def __init__(self, extra: Any) -> None:
            self.network = network
            self.extra = extra

    cache = Cache(TorchStore(), ram_bytes=1 << 30)
    cache.put("plain", {"MODEL": Model(None)}, 1.0)
    before = cache.stats.ram_bytes
    cache.put("patched", {"MODEL": Model(torch.zeros(1000))}, 1.0)
    assert 4000 <= cache.stats.ram_bytes - before < 12_000
    assert before >= 1_000_000


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=20),
    st.builds(
        lambda shape, dtype, seed: torch.randint(-99, 99, shape, generator=torch.Generator().manual_seed(seed)).to(dtype),
        st.lists(st.integers(0, 3), max_size=3).map(tuple), st.sampled_from(DTYPES), st.integers(0, 99),
    ),
    st.builds(
        lambda count, dtype: np.arange(count).astype(dtype), st.integers(0, 5), st.sampled_from(["f4", "u1", "i8", "u2"])
    ),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3)
    | st.lists(inner, max_size=3).map(tuple)
    | st.lists(inner, max_size=3).map(Many)
    | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_written_reads_back_bit_for_bit(value: Any) -> None:
    import json
    import tempfile

    store = TorchStore()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.safetensors")
        rest = json.loads(json.dumps(store.save(value, path)))
        assert same(store.load(path, rest), value)


def test_odd_tensors_read_back(tmp_path: Path) -> None:
    base = torch.randn(4, 6)
    value = {
        "samples": base.t(),
        "part": base[1:3, ::2],
        "again": base,
        "scalar": torch.tensor(2.5),
        "nan": torch.tensor([float("nan"), -0.0, float("inf")]),
        "channels last": torch.randn(1, 3, 4, 4).contiguous(memory_format=torch.channels_last),
        "grad": torch.randn(3, requires_grad=True),
        "broadcast": torch.ones(1).expand(5),
    }
    store = TorchStore()
    rest = store.save(value, tmp_path / "x.safetensors")
    back = store.load(tmp_path / "x.safetensors", rest)
    assert all(same(back[name], tensor.detach()) for name, tensor in value.items())


@pytest.mark.parametrize("value", [torch.nn.Linear(2, 2), object(), {"a": [torch.nn.ReLU()]}, np.array(["a"])])
def test_models_and_objects_are_not_written(value: Any, tmp_path: Path) -> None:
    with pytest.raises(Unsavable):
        TorchStore().save(value, tmp_path / "x.safetensors")


def test_damaged_files_raise_what_the_cache_expects(tmp_path: Path) -> None:
    store = TorchStore()
    path = tmp_path / "x.safetensors"
    rest = store.save(torch.zeros(100), path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError):
        store.load(path, rest)


def test_digests_name_content() -> None:
    store = TorchStore()
    values = [
        torch.zeros(4), torch.zeros(2, 2), torch.zeros(4, dtype=torch.int32), torch.ones(4), np.zeros(4, "f4"),
        {"samples": torch.zeros(4)}, [torch.zeros(4)], (torch.zeros(4),), torch.zeros(0), "text", 1, 1.0, True,
    ]  # fmt: skip
    digests = [store.digest(value) for value in values]
    assert None not in digests
    assert len(set(digests)) == len(digests)
    base = torch.arange(6.0).reshape(2, 3)
    assert store.digest(base.t()) == store.digest(base.t().contiguous())
    assert store.digest(torch.nn.Linear(1, 1)) is None


class FarStore(TorchStore):
    """Takes every tensor for one on a device, so that moving can be seen without one."""

    def __init__(self) -> None:
        self.copies: list[str] = []

    def part(self, tensor: torch.Tensor) -> Part | None:
        part = super().part(tensor)
        return part and part._replace(tier=RAM if getattr(tensor, "on_host", False) else DEVICE)

    def lower(self, leaf: Any) -> Any:
        self.copies.append("down")
        packed = super().lower(leaf)
        packed.tensor.on_host = True
        return packed._replace(tensor=_flagged(packed.tensor))

    def lift(self, leaf: Any) -> Any:
        self.copies.append("up")
        return super().lift(leaf).clone()


def _flagged(tensor: torch.Tensor) -> torch.Tensor:
    copy = tensor.clone()
    copy.on_host = True  # type: ignore[attr-defined]
    return copy


def test_latents_and_conditioning_stay_where_they_are_until_space_is_short() -> None:
    store = FarStore()
    cache = Cache(store, ram_bytes=1 << 20, device_bytes=10_000)
    latent = {"LATENT": {"samples": torch.randn(1, 4, 10, 10, dtype=torch.bfloat16), "batch_index": [0]}}
    cond = {"CONDITIONING": [[torch.randn(1, 7, 16), {"pooled_output": torch.randn(1, 16), "strength": 0.5}]]}
    cache.put("latent", latent, 1.0)
    cache.put("cond", cond, 1.0)
    for _ in range(5):
        assert cache.get("latent") is latent
        assert cache.get("cond") is cond
    assert store.copies == []
    for number in range(4):
        cache.put(f"large {number}", {"IMAGE": torch.randn(2000)}, 50.0)
    assert store.copies.count("down") >= 3
    assert cache.stats.device_bytes <= 10_000
    assert same(cache.get("latent"), latent)
    assert same(cache.get("cond"), cond)
    assert cache.stats.device_bytes <= 10_000


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_values_spill_off_a_real_device_and_return(tmp_path: Path) -> None:
    store = TorchStore()
    cache = Cache(store, 1 << 24, 1 << 20, 1 << 24, tmp_path, min_disk_seconds=0.0)
    values = [{"LATENT": {"samples": torch.randn(100_000, device="cuda")}} for _ in range(6)]
    for number, value in enumerate(values):
        cache.put(str(number), value, 1.0)
        assert cache.stats.device_bytes <= 1 << 20
    assert cache.stats.spills >= 3
    for number, value in enumerate(values):
        assert same(cache.get(str(number)), value)
    cache.close()
    fresh = Cache(store, 1 << 24, 1 << 20, 1 << 24, tmp_path)
    assert same(fresh.get("5"), values[5])
