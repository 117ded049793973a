"""`latentloom check | nodes | models | doctor`: exit codes, and what is printed where."""

import json

FAILED, INVALID = 1, 2


def write(path, graph):
    path.write_text(json.dumps(graph), encoding="utf-8")
    return path


def test_check_accepts_a_valid_workflow(latentloom, flips):
    assert latentloom("check", flips) == (0, f"{flips}: 3 nodes, no problem\n", "")


def test_check_shows_every_problem_of_every_file(latentloom, flips, tmp_path):
    graph = json.loads(flips.read_text())
    graph["1"]["inputs"]["width"] = -8
    graph["2"]["class_type"] = "LatentFlop"
    bad = write(tmp_path / "bad.json", graph)
    torn = tmp_path / "torn.json"
    torn.write_text('{"1":')
    code, out, err = latentloom("check", flips, bad, torn, tmp_path / "absent.json")
    assert code == INVALID
    assert out == f"{flips}: 3 nodes, no problem\n"
    assert "G003" in err and 'input "width"' in err
    assert "G001" in err and "LatentFlip" in err
    assert "G021" in err
    assert "F001" in err


def test_check_as_json_gives_the_records(latentloom, flips, tmp_path):
    graph = json.loads(flips.read_text())
    graph["1"]["inputs"]["width"] = -8
    code, out, _ = latentloom("check", flips, write(tmp_path / "bad.json", graph), "--json")
    good, bad = json.loads(out)
    assert code == INVALID
    assert good["problems"] == []
    assert [(problem["code"], problem["node_id"], problem["input"]) for problem in bad["problems"]] == [
        ("G003", "1", "width")
    ]


def test_nodes_lists_finds_and_shows(latentloom):
    code, out, _ = latentloom("nodes")
    assert code == 0
    assert "KSampler" in out and "VAEDecode" in out
    code, out, _ = latentloom("nodes", "KSampler")
    assert code == 0
    assert "steps: INT, 1 to 10000, default 20" in out
    assert "LATENT" in out
    code, out, _ = latentloom("nodes", "upscale")
    assert code == 0
    assert "LatentUpscaleBy" in out and "KSampler" not in out


def test_nodes_as_json_is_the_spec(latentloom):
    _, out, _ = latentloom("nodes", "KSampler", "--json")
    spec = json.loads(out)
    assert spec["id"] == "KSampler"
    assert [item["name"] for item in spec["inputs"]][:3] == ["model", "seed", "steps"]
    _, out, _ = latentloom("nodes", "--json")
    assert json.loads(out)["KSampler"] == spec


def test_an_unknown_node_names_the_nearest(latentloom):
    code, out, err = latentloom("nodes", "KSamplr")
    assert (code, out) == (INVALID, "")
    assert "KSampler" in err


def test_models_says_where_each_file_is(latentloom, data, tmp_path):
    for folder in (data / "models" / "loras", tmp_path / "more"):
        folder.mkdir(parents=True)
        (folder / f"{folder.name}.safetensors").write_bytes(b"12345678")
    extra = tmp_path / "extra.yaml"
    extra.write_text(f"mine:\n  loras: {tmp_path / 'more'}\n")
    code, out, _ = latentloom("models", "--json", "--extra-model-paths", extra)
    assert code == 0
    loras = {entry["name"]: entry for entry in json.loads(out)["loras"]}
    assert loras["loras.safetensors"]["place"] == "data folder"
    assert loras["more.safetensors"] == {
        "name": "more.safetensors",
        "bytes": 8,
        "place": "extra folder",
        "path": str(tmp_path / "more" / "more.safetensors"),
    }
    assert "more.safetensors" in latentloom("models", "--extra-model-paths", extra)[1]


def test_the_bundled_model_is_listed(latentloom):
    assert "loom-shapes-sd15.safetensors" in latentloom("models")[1]


def test_doctor_reports(latentloom):
    code, out, _ = latentloom("doctor", "--device", "cpu", "--json")
    findings = {finding["subject"]: finding for finding in json.loads(out)}
    assert {"python", "torch", "device", "disk", "nodes", "bundled model"} <= set(findings)
    amiss = [subject for subject, finding in findings.items() if finding["ok"] is False]
    assert code == (FAILED if amiss else 0)
    assert findings["device"]["ok"] is True
    assert findings["device"]["text"].startswith("cpu")


def test_doctor_finds_a_device_that_is_not_there(latentloom):
    code, out, _ = latentloom("doctor", "--device", "tpu")
    assert code == FAILED
    assert any(line.startswith("! device") for line in out.splitlines())


def test_a_damaged_bundled_model_is_found(latentloom, data):
    folder = data / "models" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "loom-shapes-sd15.safetensors").write_bytes(b"\xff" * 64)
    code, out, _ = latentloom("doctor", "--device", "cpu")
    assert code == FAILED
    assert any(line.startswith("! bundled model") for line in out.splitlines())


def test_a_chosen_stand_in_is_kept_used_and_forgotten(latentloom, tmp_path):
    graph = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "somebody's own.safetensors"}},
        "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "3": {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0], "vae": ["1", 2]}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
    }
    path = write(tmp_path / "flow.json", graph)
    place = "checkpoints/somebody's own.safetensors"
    assert latentloom("check", path)[0] == INVALID
    code, out, err = latentloom("models", "--remember", f"{place}=loom-shapes-sd15.safetensors")
    assert code == 0, err
    assert f"{place} means loom-shapes-sd15.safetensors" in out
    code, out, err = latentloom("check", path)
    assert code == 0, err
    assert "C050" in out + err
    assert latentloom("models", "--forget", place)[0] == 0
    assert latentloom("check", path)[0] == INVALID


def test_a_stand_in_must_be_there_and_be_written_right(latentloom):
    assert latentloom("models", "--remember", "checkpoints/a.safetensors=absent.safetensors")[2].startswith("F001")
    assert latentloom("models", "--remember", "nonsense")[2].startswith("S023")
