import io
import os
import pickle
import zipfile

import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.models.pickled import looks_pickled
from latentloom.engine.models.weights import open_weights


class Runs:
    """Runs a command when unpickled by an open loader."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class ModelCheckpoint:
    """What Lightning left in SD checkpoints, under its own module's name."""


ModelCheckpoint.__module__ = "pytorch_lightning.callbacks.model_checkpoint"


def archive(path, data, files=(), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as out:
        out.writestr("x/data.pkl", data)
        for name, content in files:
            out.writestr(name, content)
    return path


@pytest.mark.parametrize("wrapper", [None, "state_dict", "params_ema", "params"])
def test_tensors_are_read(tmp_path, wrapper):
    base = torch.arange(24.0).view(4, 6)
    tensors = {
        "plain": base,
        "view": base[1:3, ::2],
        "turned": base.t(),
        "half": base.half(),
        "bf": base.bfloat16(),
        "long": torch.tensor([[1, 2]]),
        "none": torch.zeros(0, 3),
        "scalar": torch.tensor(3.0),
    }
    parameter = {"parameter": torch.nn.Parameter(torch.ones(3))}
    path = tmp_path / "m.ckpt"
    content = {**tensors, **parameter, "global_step": 7}
    torch.save({wrapper: content, "epoch": 3} if wrapper else content, path)
    file = open_weights(path, allow_pickle=True)
    assert set(file.shapes) == {*tensors, "parameter"}
    for key, value in {**tensors, **parameter}.items():
        assert torch.equal(file.tensor(key), value)
        assert file.tensor(key).dtype == value.dtype


def test_refused_unless_asked_for(tmp_path):
    path = tmp_path / "m.safetensors"  # the name does not help
    torch.save({"a": torch.ones(2)}, path)
    with pytest.raises(UserError, match="M005"):
        open_weights(path)


def test_trainers_leftovers_become_nothing(tmp_path, monkeypatch):
    import sys
    import types

    for name in ("pytorch_lightning", "pytorch_lightning.callbacks", "pytorch_lightning.callbacks.model_checkpoint"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(sys.modules[ModelCheckpoint.__module__], "ModelCheckpoint", ModelCheckpoint, raising=False)
    import numpy as np

    leftover = ModelCheckpoint()
    leftover.best = np.float64(0.5)
    path = tmp_path / "m.ckpt"
    torch.save({"state_dict": {"a": torch.ones(2)}, "callbacks": {ModelCheckpoint: {"best": np.float64(0.25)}}}, path)
    file = open_weights(path, allow_pickle=True)
    assert torch.equal(file.tensor("a"), torch.ones(2))


MARKER = "LATENTLOOM_TEST_RAN"
EVIL = {
    "os.system": lambda: pickle.dumps(Runs(os.system, "true")),
    "eval": lambda: pickle.dumps(Runs(eval, f"__import__('os').environ.__setitem__('{MARKER}', '1')")),
    "exec": lambda: pickle.dumps({"state_dict": {"a": Runs(exec, f"import os; os.environ['{MARKER}'] = '1'")}}),
    "getattr": lambda: pickle.dumps(Runs(getattr, "x", "upper")),
    "import": lambda: pickle.dumps(Runs(__import__, "antigravity")),
    "torch.load": lambda: pickle.dumps(Runs(torch.load, "x")),
    "torch.hub": lambda: b"ctorch.hub\nload\n(Vx\ntR.",
    "inner class": lambda: b"\x80\x04\x8c\x0btorch._utils\x8c\x19_rebuild_tensor_v2.__init__\x93.",
    "protocol 0 system": lambda: b"cos\nsystem\n(S'true'\ntR.",
    "INST": lambda: b"(S'true'\nios\nsystem\n.",
    "OBJ": lambda: b"(cos\nsystem\nS'true'\no.",
    "extension": lambda: b"\x82\x01.",
    "memo bomb": lambda: b"\x80\x02}r\xff\xff\xff\x7f.",
    "change a stand-in class": lambda: b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00xK\x01sb.",
    "change a stand-in's slots": lambda: (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}X\x08\x00\x00\x00__init__K\x01s\x86b."
    ),
    "call a type": lambda: b"\x80\x02ctorch\nFloatStorage\n)R.",
    "not a pickle": lambda: b"hello",
    "empty": lambda: b"",
    "no tensors": lambda: pickle.dumps([1, 2]),
    "a text": lambda: pickle.dumps({"a": "b"}),
    "cut": lambda: pickle.dumps({"a": list(range(100))})[:-20],
    "self-referring": lambda: b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
}


@pytest.mark.parametrize("name", EVIL)
def test_nothing_runs(tmp_path, name, monkeypatch):
    ran = []
    path = archive(tmp_path / "m.ckpt", EVIL[name]())
    monkeypatch.setattr(os, "system", lambda *a: ran.append(a))
    with pytest.raises(UserError) as caught:
        open_weights(path, allow_pickle=True)
    assert caught.value.code == "M007"
    assert len(str(caught.value)) < 400
    assert ran == []
    assert MARKER not in os.environ
    torch.save({"a": torch.ones(2)}, tmp_path / "fine.pt")  # and nothing was changed for the next file
    assert torch.equal(open_weights(tmp_path / "fine.pt", allow_pickle=True).tensor("a"), torch.ones(2))


def recipe(offset=0, size=(2,), stride=(1,), count=4, kind="storage", key="0"):
    """Return a pickle of one tensor over four floats, with a layout of choice."""

    class Pickler(pickle._Pickler):
        def persistent_id(self, value):
            return value[1:] if isinstance(value, tuple) and value[:1] == ("pid",) else None

        def save_global(self, value, name=None):
            self.write(b"ctorch\nFloatStorage\n" if value is torch.FloatStorage else b"")

    class Tensor:
        def __reduce__(self):
            pid = ("pid", kind, torch.FloatStorage, key, "cpu", count)
            return torch._utils._rebuild_tensor_v2, (pid, offset, size, stride, False, {})

    buffer = io.BytesIO()
    pickler = Pickler(buffer, 2)
    plain = pickler.save_global
    pickler.save_global = lambda value, name=None: (
        pickler.write(b"ctorch._utils\n_rebuild_tensor_v2\n")
        if value is torch._utils._rebuild_tensor_v2
        else plain(value, name)
    )
    pickler.dump({"a": Tensor()})
    return buffer.getvalue()


LAYOUTS = {
    "beyond": {"size": (5,)},
    "offset beyond": {"offset": 3},
    "stride beyond": {"stride": (4,)},
    "negative offset": {"offset": -1},
    "negative stride": {"stride": (-1,)},
    "negative size": {"size": (-1,)},
    "repeated": {"size": (2**40,), "stride": (0,)},
    "lengths differ": {"size": (2, 2)},
    "wrong count": {"count": 5},
    "no such storage": {"key": "../../etc/passwd"},
    "other kind": {"kind": "module"},
    "boolean": {"offset": True},
    "text": {"size": ("2",)},
}


@pytest.mark.parametrize("name", [None, *LAYOUTS])
def test_layouts_stay_inside_their_storage(tmp_path, name):
    data = recipe(**(LAYOUTS[name] if name else {}))
    floats = torch.arange(4.0).numpy().tobytes()
    path = archive(tmp_path / "m.ckpt", data, [("x/data/0", floats)])
    if name is None:
        assert open_weights(path, allow_pickle=True).tensor("a").tolist() == [0.0, 1.0]
    else:
        with pytest.raises(UserError, match="M007"):
            open_weights(path, allow_pickle=True)


def test_compressed_and_empty_archives_are_refused(tmp_path):
    path = archive(tmp_path / "z.ckpt", b"\x80\x02}." * 1000, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match=r"M007.*compressed"):
        open_weights(path, allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "e.ckpt", "w") as out:
        out.writestr("readme", "x")
    with pytest.raises(UserError, match=r"M007.*data\.pkl"):
        open_weights(tmp_path / "e.ckpt", allow_pickle=True)


def test_bare_pickles_are_known_by_content_and_refused(tmp_path):
    path = tmp_path / "old.safetensors"
    path.write_bytes(pickle.dumps({"a": 1}))
    assert looks_pickled(path)
    with pytest.raises(UserError, match="M007"):
        open_weights(path, allow_pickle=True)
