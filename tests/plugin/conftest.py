"""A stand-in for ComfyUI: the modules that its packs meet, and a small executor with its rules for V1 classes."""

import asyncio
import inspect
import sys
import types
from operator import ne
from pathlib import Path

import pytest


class Interrupted(Exception):
    """What the host raises in a node that should stop."""


class ProgressBar:
    """The host's bar; all of them write down what they are told."""

    told: list = []

    def __init__(self, total, node_id=None):
        self.total = total

    def update_absolute(self, value, total=None, preview=None):
        self.total = total or self.total
        type(self).told.append((value, self.total, preview))


def stand_ins(folder: Path) -> dict[str, types.ModuleType]:
    """Return the host's modules, with folders below `folder`."""
    modules = {
        name: types.ModuleType(name)
        for name in (
            "comfy",
            "comfy.utils",
            "comfy.model_management",
            "folder_paths",
            "nodes",
            "server",
            "comfy_execution",
        )
    }
    utils, management, paths = modules["comfy.utils"], modules["comfy.model_management"], modules["folder_paths"]
    utils.ProgressBar = type("ProgressBar", (ProgressBar,), {"told": []})
    management.stop = False

    def throw():
        if management.stop:
            management.stop = False  # the host takes its request back when it has raised once
            raise Interrupted

    management.InterruptProcessingException = Interrupted
    management.throw_exception_if_processing_interrupted = throw
    management.get_torch_device = lambda: "cpu"
    management.intermediate_device = lambda: "cpu"
    for kind in ("input", "output", "temp", "user"):
        setattr(paths, f"get_{kind}_directory", lambda kind=kind: str(folder / kind))
    paths.folder_names_and_paths = {
        kind: ([str(folder / "models" / kind)], {".safetensors"}) for kind in ("checkpoints", "vae", "embeddings")
    }
    modules["nodes"].NODE_CLASS_MAPPINGS = {}
    return modules


class Host:
    """Runs prompts in API form with V1 classes as ComfyUI does: lists, lazy wires, raw links, hidden inputs."""

    def __init__(self, classes):
        self.classes = dict(classes)
        self.runs: list[str] = []
        self.ui: dict = {}

    def run(self, prompt, node_id, extra=None, done=None):
        """Return the outputs of a node; `done` keeps those of all nodes that ran for the next call."""
        import torch

        with torch.inference_mode():
            return self._outputs(prompt, node_id, extra, {} if done is None else done)

    def _outputs(self, prompt, node_id, extra, done):
        """Return each output as a list of items, which is how the host keeps them."""
        if node_id in done:
            return done[node_id]
        entry = prompt[node_id]
        cls = self.classes[entry["class_type"]]
        declared = cls.INPUT_TYPES()
        self._check(prompt, entry, declared)
        known = {**declared.get("required", {}), **declared.get("optional", {})}
        values, waiting = {}, {}
        for name, value in entry["inputs"].items():
            options = known[name][1] if len(known[name]) > 1 else {}
            if not isinstance(value, list) or options.get("rawLink"):
                values[name] = [value]
            elif options.get("lazy"):
                values[name], waiting[name] = [None], value
            else:
                values[name] = self._outputs(prompt, value[0], extra, done)[value[1]]
        hidden = {"PROMPT": prompt, "EXTRA_PNGINFO": extra, "UNIQUE_ID": node_id}
        for name, kind in declared.get("hidden", {}).items():
            values[name] = [hidden[kind]]
        node = cls()
        while hasattr(node, "check_lazy_status"):
            wanted = [
                name for name in node.check_lazy_status(**{k: v[0] for k, v in values.items()}) if name in waiting
            ]
            if not wanted:
                break
            for name in wanted:
                source, slot = waiting.pop(name)
                values[name] = self._outputs(prompt, source, extra, done)[slot]
        self.runs.append(node_id)
        done[node_id] = self._call(node_id, node, values)
        return done[node_id]

    def _call(self, node_id, node, values):
        function = getattr(node, node.FUNCTION)
        if node.INPUT_IS_LIST:
            calls = [values]
        else:
            longest = max([len(items) for items in values.values()], default=1)
            calls = [{k: v[min(i, len(v) - 1)] for k, v in values.items()} for i in range(longest)]
        outputs = [[] for _ in node.RETURN_TYPES]
        for call in calls:
            answer = asyncio.run(function(**call)) if inspect.iscoroutinefunction(function) else function(**call)
            for kind, items in answer.get("ui", {}).items():
                self.ui.setdefault(node_id, {}).setdefault(kind, []).extend(items)
            assert len(answer["result"]) == len(node.RETURN_TYPES)
            for collected, value, is_list in zip(outputs, answer["result"], node.OUTPUT_IS_LIST, strict=True):
                collected.extend(value) if is_list else collected.append(value)
        return outputs

    def _check(self, prompt, entry, declared):
        """Refuse what the host's validation refuses."""
        named = set()
        cls = self.classes[entry["class_type"]]
        if hasattr(cls, "VALIDATE_INPUTS"):
            named = set(inspect.getfullargspec(cls.VALIDATE_INPUTS).args[1:])
            answer = cls.VALIDATE_INPUTS(**{k: v for k, v in entry["inputs"].items() if k in named})
            assert answer is True, answer
        for name in declared["required"]:
            assert name in entry["inputs"], f"required_input_missing: {name}"
        for name, value in entry["inputs"].items():
            section = declared["required"] if name in declared["required"] else declared["optional"]
            kind = section[name][0]
            if isinstance(value, list):
                given = self.classes[prompt[value[0]]["class_type"]].RETURN_TYPES[value[1]]
                if not ne(given, kind):
                    continue
                parts = ({part.strip() for part in text.split(",")} for text in (given, kind))
                assert not next(parts).isdisjoint(next(parts)), f"return_type_mismatch: {given} to {name}: {kind}"
            elif isinstance(kind, list):
                assert name in named or value in kind, f"value_not_in_list: {name}"


@pytest.fixture
def host(tmp_path, monkeypatch):
    """The stand-in host's modules by name, in place for one test."""
    modules = stand_ins(tmp_path / "host")
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return modules


@pytest.fixture
def comfy(host, pack):
    """The host's executor with our nodes and a few of its own."""
    from latentloom.engine.plugin.pack import mappings

    return Host({**mappings(pack)[0], **own_nodes()})


@pytest.fixture
def pack():
    from latentloom.engine.plugin.pack import Pack

    return Pack()


@pytest.fixture
def run_host():
    """The class of the host's executor, for tests with nodes of their own."""
    return Host


def own_nodes():
    """Return a few classes that the host has itself."""
    import torch

    def make(returns, run, **inputs):
        return type(
            "Own",
            (),
            {
                "INPUT_TYPES": classmethod(lambda cls: {"required": inputs}),
                "RETURN_TYPES": returns,
                "OUTPUT_IS_LIST": (False,) * len(returns),
                "INPUT_IS_LIST": False,
                "FUNCTION": "go",
                "go": lambda self, **given: {"result": run(**given)},
            },
        )

    number = ("INT", {"default": 64})

    def empty(width, height, batch_size):
        return ({"samples": torch.zeros(batch_size, 4, height // 8, width // 8)},)

    def broken(**_):
        raise AssertionError("the host ran what stands above a sub-graph")

    text = ("STRING", {})
    return {
        "EmptyLatentImage": make(("LATENT",), empty, width=number, height=number, batch_size=number),
        "EmptyImage": make(("IMAGE",), broken, width=number, height=number, batch_size=number, color=number),
        "ImageBatch": make(("IMAGE",), broken, image1=("IMAGE",), image2=("IMAGE",)),
        "CheckpointLoaderSimple": make(("MODEL", "CLIP", "VAE"), broken, ckpt_name=text),
        "TwoTexts": type(
            "TwoTexts",
            (),
            {
                "INPUT_TYPES": classmethod(lambda cls: {"required": {}}),
                "RETURN_TYPES": ("STRING",),
                "OUTPUT_IS_LIST": (True,),
                "INPUT_IS_LIST": False,
                "FUNCTION": "go",
                "go": lambda self: {"result": (["ab", "c"],)},
            },
        ),
    }
