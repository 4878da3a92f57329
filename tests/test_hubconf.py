"""torch.hub finds an entry for each published weight, and loads one."""

import pytest
import torch

from cnxv2_mm import FCMAE, ConvNeXtV2, zoo
from tests.conftest import photographs
from tests.test_structure import ROOT

NAME = "convnextv2_atto_fcmae"


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """A folder of downloads of its own."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_every_weight_is_listed_with_its_licence(downloads):
    """As out of a repository that torch.hub has fetched before."""
    (downloads.parent / "owner_repository_main").symlink_to(ROOT)
    fetched = {"github": "owner/repository:main", "skip_validation": True, "trust_repo": True}
    assert set(torch.hub.list(**fetched)) == {*zoo.WEIGHTS, "load_backbone"}
    assert zoo.WEIGHTS[NAME].terms in torch.hub.help(model=NAME, **fetched)


def test_a_weight_that_was_downloaded(downloads):
    """The file as the authors' training writes it, where a download of it would lie."""
    file = zoo.find_file(NAME)
    assert file.address.startswith("https://dl.fbaipublicfiles.com/convnext/convnextv2/")
    encoder = ConvNeXtV2("atto", out_indices=())
    torch.save({"model": encoder.state_dict()}, downloads / file.name)
    backbone = torch.hub.load(str(ROOT), NAME, source="local", out_indices=(3,))
    found = backbone.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in encoder.state_dict().items())
    assert backbone(photographs(1, size=(64, 64)))[0].shape == (1, 320, 2, 2)


def test_a_file(tmp_path):
    torch.save({"state_dict": FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": "atto"}).state_dict()}, tmp_path / "x.pth")
    backbone = torch.hub.load(str(ROOT), "load_backbone", str(tmp_path / "x.pth"), source="local")
    assert isinstance(backbone, ConvNeXtV2)
