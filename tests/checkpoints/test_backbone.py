"""A backbone out of a checkpoint of any library. Oracle: the library's own network."""

import pytest
import timm
import torch
from safetensors.torch import save_file

import cnxv2_mm
from cnxv2_mm import ConvNeXtV2, load_backbone
from tests.analysis.report.toy import ARCH, randomise
from tests.conftest import photographs, relative_error


@pytest.fixture
def peer(tmp_path):
    """A network of timm that gives maps, and its checkpoint."""
    torch.manual_seed(0)
    options = {"depths": ARCH["depths"], "dims": ARCH["channels"], "use_grn": True, "ls_init_value": None}
    model = randomise(timm.models.convnext.ConvNeXt(**options, num_classes=3)).eval()
    torch.save(model.state_dict(), tmp_path / "timm.pth")
    return model, tmp_path / "timm.pth"


def test_maps_are_timms(peer):
    model, file = peer
    images = photographs(2, size=(96, 64))
    backbone = load_backbone(file)
    assert isinstance(backbone, ConvNeXtV2)
    assert not backbone.training
    with torch.no_grad():
        maps = backbone(images)
        theirs = model.forward_intermediates(images, intermediates_only=True)[-4:]
    assert [x.shape for x in maps] == [x.shape for x in theirs]
    for i, (ours, expected) in enumerate(zip(maps, theirs, strict=True)):
        # The file has no norms behind the first three stages; they begin with weight 1 and bias 0.
        norm = torch.nn.LayerNorm(ARCH["channels"][i], eps=1e-6)
        if i == 3:
            norm.load_state_dict(model.head.norm.state_dict())
        with torch.no_grad():
            assert relative_error(ours, norm(expected.movedim(1, -1)).movedim(-1, 1)) < 1e-5


def test_changes(peer):
    backbone = load_backbone(str(peer[1]), out_indices=(3,), gap_before_final_norm=True, drop_path_rate=0.1)
    images = photographs(2)
    with torch.no_grad():
        expected = peer[0].forward_head(peer[0].forward_features(images), pre_logits=True)
        assert relative_error(backbone(images)[0], expected) < 1e-5
    with pytest.raises(TypeError, match="no_such"):
        load_backbone(peer[1], no_such=1)
    with pytest.raises(ValueError, match="does not fit this backbone"):
        load_backbone(peer[1], arch="atto")


def test_other_channels(peer):
    """An image twice, in six channels: what the network for three makes of it."""
    images = photographs(2)
    with torch.no_grad():
        maps = load_backbone(peer[1], in_channels=6)(images.repeat(1, 2, 1, 1))
        expected = load_backbone(peer[1])(images)
    assert all(relative_error(a, b) < 1e-4 for a, b in zip(maps, expected, strict=True))


def test_the_folder_of_a_run(tmp_path):
    backbone = randomise(ConvNeXtV2(ARCH, out_indices=()))
    with pytest.raises(FileNotFoundError, match=r"has no encoder\.safetensors and no model\.pth"):
        load_backbone(tmp_path)
    torch.save({"state_dict": {f"backbone.{k}": v for k, v in backbone.state_dict().items()}}, tmp_path / "model.pth")
    found = load_backbone(tmp_path).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in backbone.state_dict().items())
    other = {name: tensor + 1 for name, tensor in backbone.state_dict().items()}
    save_file(other, tmp_path / "encoder.safetensors")
    found = cnxv2_mm.load_backbone(tmp_path).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in other.items())


def test_a_file_without_its_last_stage(tmp_path):
    whole = randomise(ConvNeXtV2(ARCH, out_indices=()))
    last = ("stages.3", "downsample_layers.3")
    state = {name: tensor for name, tensor in whole.state_dict().items() if not name.startswith(last)}
    torch.save(state, tmp_path / "three.pth")
    images = photographs(1)
    with torch.no_grad():
        maps = load_backbone(tmp_path / "three.pth")(images)
        expected = ConvNeXtV2(ARCH, out_indices=(0, 1, 2))
        expected.load_state_dict(whole.state_dict(), strict=False)
        for ours, theirs in zip(maps, expected(images), strict=True):
            assert torch.equal(ours, theirs)


def test_incomplete_weights(peer, tmp_path):
    state = torch.load(peer[1], weights_only=True)
    state.pop("stages.2.blocks.0.norm.bias")
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(ValueError, match=r"1 missing .*stages\.2\.0\.norm\.bias"):
        load_backbone(tmp_path / "cut.pth")
    with pytest.raises(ValueError, match="did you mean"):
        load_backbone("convnextv2_tiny_fcmaee")
