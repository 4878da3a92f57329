import hashlib
import socket
from dataclasses import replace

import pytest
import torch

from cnxv2_mm.zoo import WEIGHTS, fetch, store
from tests.zoo import files

NAME = "mmpretrain:convnextv2_atto_fcmae"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """torch.hub's folder, moved as its documentation says: by TORCH_HOME."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def local(server, monkeypatch):
    """Lets the table point to this machine, with the hash of what lies there."""
    file = WEIGHTS["convnextv2_atto_fcmae"].files["mmpretrain"]
    digest = hashlib.sha256(server.content).hexdigest()[:8]
    file = replace(file, address=server.address(file.name), sha256=digest, mirror=None)
    monkeypatch.setattr(store, "find_file", lambda _: file)
    return file


def test_a_weight_is_downloaded_once(cache, server, local):
    path = fetch(NAME)
    assert path == cache / "convnext-v2-atto_3rdparty-fcmae_in1k_20230104-07514db4.pth"
    assert path.read_bytes() == server.content
    assert fetch(NAME) == path
    assert len(server.requests) == 1


def test_what_torch_hub_left_there_is_used(cache, server):
    """torch.hub and mmengine call it by the last part of its address."""
    cache.mkdir(parents=True)
    file = cache / "convnextv2_atto_1k_224_fcmae.pt"
    content = files.torch_legacy(seed=1)
    file.write_bytes(content)
    assert fetch("convnextv2_atto_fcmae") == file
    assert fetch(WEIGHTS["convnextv2_atto_fcmae"].files["official"].address) == file
    assert file.read_bytes() == content


def test_a_web_page_under_a_checkpoints_name_is_replaced(cache, server):
    """Other programs keep whatever a server sends; no hash of this file is published."""
    path = fetch(server.address("epoch_100.pth"))
    path.write_bytes(files.WEB_PAGE)
    assert fetch(server.address("epoch_100.pth")).read_bytes() == server.content


def test_the_mirror_is_used(cache, server, local, monkeypatch):
    mirror = server.address("mirror.pth")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = f"http://127.0.0.1:{listener.getsockname()[1]}/gone.pth"
    monkeypatch.setattr(store, "find_file", lambda _: replace(local, address=gone, mirror=mirror))
    assert fetch(NAME).read_bytes() == server.content
    assert len(server.requests) == 1


def test_a_damaged_file_is_replaced(cache, server, local):
    cache.mkdir(parents=True)
    (cache / local.name).write_bytes(server.content[:-1])
    assert fetch(NAME).read_bytes() == server.content


def test_a_damaged_file_stays_until_there_is_a_better_one(cache, server, local):
    cache.mkdir(parents=True)
    (cache / local.name).write_bytes(b"half of it")
    server.statuses = [404]
    with pytest.raises(ConnectionError, match="404"):
        fetch(NAME)
    assert (cache / local.name).read_bytes() == b"half of it"


def test_another_folder(cache, server, local, tmp_path):
    assert fetch(NAME, tmp_path / "mine").parent == tmp_path / "mine"
    assert not cache.exists()


def test_an_address(cache, server):
    path = fetch(server.address("epoch_100.pth"))
    assert path.parent == cache
    assert path.read_bytes() == server.content


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        (NAME, "CC-BY-NC 4.0: no commercial use"),
        ("convnextv2_tiny.fcmae", "CC-BY-NC 4.0: no commercial use"),
        ("convnext_tiny.eupe_lvd1689m", "FAIR Noncommercial Research License: no commercial use"),
        ("convnext_tiny.in12k", "Apache-2.0: commercial use is allowed"),
        ("convnext_tiny.dinov3_lvd1689m", "DINOv3 License: a licence of its own, to be read before any commercial use"),
    ],
)
def test_the_licence_is_said_before_a_weight_comes(cache, server, local, monkeypatch, name, terms):
    messages = []
    monkeypatch.setattr(store, "print_log", lambda message, **_: messages.append(message))
    fetch(name)
    assert messages[0].endswith(f"(weights: {terms})")
