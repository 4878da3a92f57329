"""``hf://ORG/NAME``: the weights that are there, with their config; one line for whatever goes wrong.

Oracle: ``huggingface_hub`` itself, which asks a server on this machine, keeps its own cache and raises its own errors.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time

import huggingface_hub
import pytest
import timm.models._hub
from huggingface_hub import constants, file_download
from safetensors.torch import save

from cnxv2_mm.checkpoints.hugging_face_hub import WEIGHTS, fetch_from_hub
from tests.checkpoints.hub_server import COMMIT, serve_hub
from tests.checkpoints.peers import in_dialect, random_network
from tests.test_structure import ROOT

SAFETENSORS = b"safe"
CONFIG = b"{}"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "hub" / "models--org--name"


@pytest.fixture
def hub(cache, monkeypatch):
    with serve_hub({"model.safetensors": SAFETENSORS, "config.json": CONFIG}) as server:
        monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", server.template, raising=False)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.template)
        yield server


def refused(name, error, message):
    with pytest.raises(error, match=message) as caught:
        fetch_from_hub(name)
    assert str(caught.value).startswith(f"checkpoint='hf://{name}'")
    assert "\n" not in str(caught.value)


def test_the_weights_come_with_their_config_and_once(hub, cache):
    path = fetch_from_hub("org/name")
    assert path == cache / "snapshots" / COMMIT / "model.safetensors"
    assert path.read_bytes() == SAFETENSORS
    assert path.with_name("config.json").read_bytes() == CONFIG
    assert hub.asked == ["model.safetensors", "config.json"]
    assert fetch_from_hub("org/name") == path


@pytest.mark.parametrize("there", WEIGHTS)
def test_the_first_of_the_usual_names_is_taken(there, hub):
    index = json.dumps({"weight_map": {}}).encode()
    hub.files = dict.fromkeys(WEIGHTS[WEIGHTS.index(there) :], index)
    assert fetch_from_hub("org/name").name == there
    assert hub.asked == [*WEIGHTS[: WEIGHTS.index(there) + 1], "config.json"]


def test_the_usual_names_are_those_of_the_libraries():
    of_timm = {value for name, value in vars(timm.models._hub).items() if re.fullmatch(r"HF_\w*WEIGHTS_NAME", name)}
    assert len(of_timm) == 4
    of_transformers = {constants.SAFETENSORS_INDEX_FILE, f"{constants.PYTORCH_WEIGHTS_NAME}.index.json"}
    assert set(WEIGHTS) == of_timm | of_transformers


@pytest.mark.parametrize("revision", ["v1", COMMIT])
def test_a_file_and_a_revision_can_be_named(revision, hub, cache):
    hub.files = {"deep/er/weights.pth": b"pth", "deep/er/config.json": CONFIG}
    path = fetch_from_hub(f"org/name@{revision}/deep/er/weights.pth")
    assert path == cache / "snapshots" / COMMIT / "deep" / "er" / "weights.pth"
    assert path.with_name("config.json").exists()
    assert hub.asked == ["deep/er/weights.pth", "deep/er/config.json"]


def test_a_repository_without_a_config_is_taken(hub):
    hub.files = {"pytorch_model.bin": b"bin"}
    path = fetch_from_hub("org/name")
    assert [file.name for file in path.parent.iterdir()] == ["pytorch_model.bin"]


def test_all_parts_that_an_index_names_come_with_it(hub):
    parts = {f"model-0000{i}-of-00002.safetensors": save(in_dialect(random_network(), "timm")) for i in (1, 2)}
    index = {"weight_map": dict(zip(["a", "b", "c"], [*parts, next(iter(parts))], strict=True))}
    hub.files = {"sub/model.safetensors.index.json": json.dumps(index).encode()}
    hub.files |= {f"sub/{name}": content for name, content in parts.items()}
    path = fetch_from_hub("org/name/sub/model.safetensors.index.json")
    assert path.name == "model.safetensors.index.json"
    for name, content in parts.items():
        assert path.with_name(name).read_bytes() == content
    (gone, *_) = parts
    del hub.files[f"sub/{gone}"]
    (path.with_name(gone)).unlink()
    refused("org/name/sub/model.safetensors.index.json", ValueError, f"the repository has no sub/{gone}")


@pytest.mark.parametrize("index", [b"", b"[]", b'{"weight_map": 3}'])
def test_an_index_that_is_none_is_refused(index, hub):
    hub.files = {"model.safetensors.index.json": index}
    refused("org/name", ValueError, r"model\.safetensors\.index\.json is no index of a checkpoint in several files")


@pytest.mark.parametrize("part", ["../x", "/etc/passwd", "a/../../x", 3, ["b"]])
def test_an_index_cannot_point_elsewhere(part, hub):
    hub.files = {"model.safetensors.index.json": json.dumps({"weight_map": {"a": part}}).encode()}
    refused("org/name", ValueError, "and shards are files in the folder of their index")


def test_a_repository_without_weights_says_what_was_looked_for(hub):
    hub.files = {"README.md": b""}
    refused(
        "org/name", ValueError, r"has no model\.safetensors or .* or open_clip_.*; name the file .* hf://org/name/FI"
    )
    refused("org/name/x.pth", ValueError, r"the repository has no x\.pth; name the file")


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "RepoNotFound", "the hub has no such repository, or it is private: .*`hf auth login`"),
        (401, "RepoNotFound", "the hub has no such repository, or it is private"),
        (403, "GatedRepo", "its owner asks for an agreement first; give it at https://huggingface.co/org/name, then"),
    ],
)
def test_what_is_not_open_is_refused(status, code, message, hub):
    hub.refusal = (status, code)
    refused("org/name", ValueError, message)
    assert len(hub.asked) == 1


def test_an_unknown_revision_is_refused(hub):
    refused("org/name@v9", ValueError, "the repository has no revision 'v9'")


@pytest.fixture
def unreachable(cache, monkeypatch):
    """A port that nobody listens to; the library's pauses between its attempts are left out."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)

    def cut():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        address = f"http://127.0.0.1:{port}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
        monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", address, raising=False)

    return cut


def test_without_a_connection_the_cache_is_used(hub, unreachable):
    hub.files = {"pytorch_model.bin": b"bin", "config.json": CONFIG}
    path = fetch_from_hub("org/name")
    unreachable()
    assert fetch_from_hub("org/name") == path
    refused("org/other", ConnectionError, r"cannot be reached, or HF_HUB_OFFLINE forbids it, .* has no model\.safetens")


def test_without_a_connection_the_hub_is_asked_once(unreachable, monkeypatch):
    asked = []
    download = huggingface_hub.hf_hub_download
    monkeypatch.setattr(
        huggingface_hub, "hf_hub_download", lambda *a, **k: asked.append(k["local_files_only"]) or download(*a, **k)
    )
    unreachable()
    refused("org/name", ConnectionError, "cannot be reached")
    assert asked == [False, *[True] * 5]


def test_any_other_failure_is_one_line(hub, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    refused(
        "org/name", ConnectionError, r"model\.safetensors cannot be downloaded .* \(first line\); download it on an"
    )


def test_offline_mode_is_kept(cache):
    """The variable is read when the library is imported."""
    code = "from cnxv2_mm.checkpoints.files import read_tensors; read_tensors('hf://timm/convnextv2_atto.fcmae')"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "ConnectionError: checkpoint='hf://timm/convnextv2_atto.fcmae': Hugging Face cannot be reached"
    )


def test_without_the_library_it_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModuleNotFoundError, match="need the package huggingface_hub: pip install huggingface_hub"):
        fetch_from_hub("org/name")


@pytest.mark.parametrize("name", ["", "name", "org/", "/name", "org/name/", "org/name/../x", "org/name//x", "o r/name"])
def test_what_is_no_such_address_is_refused(name):
    refused(name, ValueError, "must be hf://ORG/NAME or hf://ORG/NAME/FILE")
