"""``torchvision://NAME``: torchvision's own table says where the file is, and its name what its hash begins with.

Oracle: torchvision's weight classes. Files come from a server on this machine.
"""

import hashlib
import io
import socket
from dataclasses import replace

import pytest
import torch
from torchvision import models

from cnxv2_mm.checkpoints import torchvision_weights
from cnxv2_mm.checkpoints.files import read_tensors
from cnxv2_mm.checkpoints.torchvision_weights import fetch_from_torchvision
from cnxv2_mm.zoo import download
from tests.zoo.files import WEB_PAGE
from tests.zoo.server import serve

TABLES = {
    "convnext_tiny": models.ConvNeXt_Tiny_Weights,
    "convnext_small": models.ConvNeXt_Small_Weights,
    "convnext_base": models.ConvNeXt_Base_Weights,
    "convnext_large": models.ConvNeXt_Large_Weights,
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """torch.hub's folder, and no pauses."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def asked(monkeypatch):
    """What would be downloaded."""
    calls = []
    monkeypatch.setattr(torchvision_weights, "download", lambda *arguments: calls.append(arguments))
    return calls


@pytest.mark.parametrize("version", ["", ".IMAGENET1K_V1", ".DEFAULT"])
@pytest.mark.parametrize("model", TABLES)
def test_the_address_and_the_hash_are_those_of_torchvision(model, version, asked, cache):
    path = fetch_from_torchvision(model + version)
    address = TABLES[model].IMAGENET1K_V1.url
    assert path == cache / address.rpartition("/")[2]
    # Oracle of the hash: the pattern by which torch.hub checks a download.
    assert asked == [([address], path, torch.hub.HASH_REGEX.search(path.name)[1])]


def test_every_convnext_of_torchvision_can_be_named(asked):
    assert sorted(TABLES) == [name for name in models.list_models(module=models) if "convnext" in name]


def test_a_file_arrives_and_is_read(monkeypatch, cache):
    tensors = {"features.0.0.weight": torch.randn(3, 2)}
    content = io.BytesIO()
    torch.save(tensors, content)
    name = f"convnext_tiny-{hashlib.sha256(content.getvalue()).hexdigest()[:8]}.pth"
    with serve(content.getvalue()) as server:
        point_to(server.address(name), monkeypatch)
        for _ in range(2):
            read, _ = read_tensors("torchvision://convnext_tiny")
            assert torch.equal(read["features.0.0.weight"], tensors["features.0.0.weight"])
        assert len(server.requests) == 1
        (cache / name).write_bytes(b"half of it")
        read_tensors("torchvision://convnext_tiny")
        assert len(server.requests) == 2


@pytest.mark.parametrize("content", [WEB_PAGE, b"another file"], ids=["web page", "another file"])
def test_another_file_than_torchvision_s_is_refused(content, monkeypatch, cache):
    with serve(content) as server:
        point_to(server.address("convnext_tiny-983f1562.pth"), monkeypatch)
        with pytest.raises(ConnectionError, match=r"its SHA-256 is .* and should begin with 983f1562") as caught:
            fetch_from_torchvision("convnext_tiny")
    assert "\n" not in str(caught.value)
    assert not (cache / "convnext_tiny-983f1562.pth").exists()


def test_without_a_connection_one_line_names_the_address_and_the_place(monkeypatch, cache):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/convnext_tiny-983f1562.pth"
    point_to(address, monkeypatch)
    with pytest.raises(ConnectionError, match=f"cannot download {address}: .* put it at {cache}") as caught:
        fetch_from_torchvision("convnext_tiny")
    assert "\n" not in str(caught.value)


def point_to(address, monkeypatch):
    """Lets torchvision's table name an address on this machine."""
    weights = models.ConvNeXt_Tiny_Weights.IMAGENET1K_V1
    monkeypatch.setattr(weights, "_value_", replace(weights.value, url=address))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "resnet50",
            "torchvision has no ConvNeXt 'resnet50'; choose one of convnext_base, convnext_large, convnext_sm",
        ),
        ("convnext_atto", "torchvision has no ConvNeXt 'convnext_atto'; choose"),
        ("", "torchvision has no ConvNeXt ''; choose"),
        ("convnext_tiny.IMAGENET1K_V9", "no weights 'IMAGENET1K_V9' of convnext_tiny; choose one of IMAGENET1K_V1"),
        ("convnext_tiny/x.pth", "torchvision has no ConvNeXt 'convnext_tiny/x'; choose"),
    ],
)
def test_what_torchvision_does_not_have_is_refused(name, message, asked):
    with pytest.raises(ValueError, match=f"checkpoint='torchvision://{name}': .*{message}"):
        read_tensors(f"torchvision://{name}")
    assert asked == []
