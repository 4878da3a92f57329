"""Every scheme brings a file, or one line says what to write instead."""

import re

import pytest
import torch
from mmengine.fileio import LocalBackend, register_backend
from mmengine.runner import CheckpointLoader

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.checkpoints import addresses, convert
from cnxv2_mm.checkpoints.addresses import fetch_from_library
from tests.checkpoints.peers import SMALL, in_dialect, random_network

ARCH = {"depths": SMALL.depths, "channels": SMALL.channels}
# All that its own loader of checkpoints knows, but for files and http(s).
SCHEMES = [re.sub(r"^\(.*\)\?", "", one) for one in CheckpointLoader._schemes if one and not one.startswith("http")]
INSTEAD = (
    r"write a file, its https:// address, a name of cnxv2_mm\.zoo such as mmpretrain:.*, torchvision://NAME or hf://O"
)


@pytest.fixture
def libraries(tmp_path, monkeypatch):
    """The two libraries, which have a file on this machine for every name."""
    torch.save(in_dialect(random_network(), "official"), tmp_path / "file.pth")
    asked = []
    for name in ("fetch_from_torchvision", "fetch_from_hub"):
        monkeypatch.setattr(
            addresses, name, lambda rest, name=name: asked.append((name, rest)) or tmp_path / "file.pth"
        )
    return asked


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("torchvision://convnext_tiny", ("fetch_from_torchvision", "convnext_tiny")),
        ("hf://timm/convnextv2_atto.fcmae", ("fetch_from_hub", "timm/convnextv2_atto.fcmae")),
        ("hf://ORG/NAME/folder/file.bin", ("fetch_from_hub", "ORG/NAME/folder/file.bin")),
    ],
)
def test_the_library_is_asked_for_what_stands_behind_its_scheme(address, asked, libraries, tmp_path):
    ConvNeXtV2(ARCH, init_cfg={"type": "Pretrained", "checkpoint": address}).init_weights()
    convert(address, tmp_path / "new.pth", "ours")
    assert libraries == [asked] * 2


def test_the_config_that_comes_with_a_file_is_looked_at(libraries, tmp_path):
    """What no tensor shows: Hugging Face's hub puts it beside the weights."""
    torch.save(in_dialect(random_network(), "timm"), tmp_path / "file.pth")
    (tmp_path / "config.json").write_text('{"architecture": "convnextv2_tiny", "model_args": {"act_layer": "silu"}}')
    with pytest.raises(
        ValueError, match=r"checkpoint='hf://a/b': .*act_layer='silu', and this package has the exact GELU"
    ):
        ConvNeXtV2(ARCH, init_cfg={"type": "Pretrained", "checkpoint": "hf://a/b"}).init_weights()


@pytest.mark.parametrize("scheme", ["open-mmlab", "openmmlab", "mmcls"])
def test_the_lists_of_mmengine_are_refused(scheme):
    with pytest.raises(
        ValueError,
        match=rf"^checkpoint='{scheme}://convnext_tiny': {scheme}:// is a list of mmengine's without .*; {INSTEAD}",
    ):
        fetch_from_library(f"{scheme}://convnext_tiny")


def test_those_lists_have_no_convnext():
    from mmengine.hub import get_config  # noqa: F401  (where the lists are)
    from mmengine.runner.checkpoint import get_external_models, get_mmcls_models

    assert not [name for name in {**get_external_models(), **get_mmcls_models()} if "convnext" in name]


@pytest.mark.parametrize("scheme", ["jhu", "mmseg", "mmdet", "pavi", "huggingface", "ftp", "HF", ""])
def test_other_schemes_are_unknown(scheme):
    with pytest.raises(ValueError, match=rf"^checkpoint='{scheme}://x': {scheme}:// is unknown; {INSTEAD}"):
        fetch_from_library(f"{scheme}://x")


def test_the_old_name_of_torchvision_s_scheme_is_told():
    with pytest.raises(ValueError, match="'modelzoo://convnext_tiny': write torchvision://convnext_tiny instead"):
        fetch_from_library("modelzoo://convnext_tiny")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_scheme_of_mmengine_s_ends_in_a_key_error(scheme):
    backbone = ConvNeXtV2(ARCH, init_cfg={"type": "Pretrained", "checkpoint": f"{scheme}x"})
    with pytest.raises((ValueError, ImportError)) as caught:
        backbone.init_weights()
    assert "\n" not in str(caught.value).strip()


@pytest.mark.parametrize("address", ["bucket://a/b.pth", "cluster:bucket://a/b.pth"])
def test_file_backends_of_mmengine_are_its_own_affair(address):
    register_backend("bucket", LocalBackend, force=True, prefixes="bucket")
    assert fetch_from_library(address) is None
    assert fetch_from_library("s3://bucket/file.pth") is None
