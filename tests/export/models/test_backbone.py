"""An exported backbone gives the maps of ``cnxv2_mm.load_backbone``, for pictures of any size, one or several."""

from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.export.models.backbone import Backbone
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.whole_model import WholeModel
from cnxv2_mm.prediction.statistics import Statistics
from cnxv2_mm.zoo.weight import IMAGENET_MEAN, IMAGENET_STD
from tests.export.models.contract import check_targets

SMALL = {"depths": (1, 1, 1, 1), "channels": (8, 16, 32, 64)}
STATISTICS = Statistics(IMAGENET_MEAN, IMAGENET_STD, "ImageNet's")
PHOTOGRAPH = torch.from_numpy(load_sample_image("china.jpg").copy())


def build(**arguments: object) -> ConvNeXtV2:
    """Return a small backbone whose GRN does something: as initialised, it is the identity."""
    torch.manual_seed(0)
    backbone = ConvNeXtV2(**{"arch": SMALL, **arguments}).eval()
    for name, parameter in backbone.named_parameters():
        if ".grn." in name:
            nn.init.normal_(parameter, std=0.5)
    return backbone


def whole(backbone: ConvNeXtV2, *, fp16: bool = False) -> WholeModel:
    model = Backbone(backbone, STATISTICS)
    return WholeModel(Picture(model.preprocessor, reads_rgb=True), model, fp16=fp16)


def pictures(number: int, height: int, width: int) -> Tensor:
    """Return parts of a photograph, (number, height, width, 3)."""
    return torch.stack([PHOTOGRAPH[40 * i : 40 * i + height, 60 * i : 60 * i + width] for i in range(number)])


@torch.no_grad()
def test_maps_of_pictures_of_any_size(tmp_path: Path) -> None:
    sizes = ((2, 128, 160), (1, 203, 311), (3, 64, 96))  # the second fills no whole cells
    check_targets(whole(build()), [pictures(*size) for size in sizes], tmp_path, dynamic=True)


@torch.no_grad()
def test_features_of_whole_pictures(tmp_path: Path) -> None:
    model = whole(build(gap_before_final_norm=True, out_indices=(1, 3)))
    assert [(output.name, output.axes) for output in model.model.outputs] == [
        ("stage2", ("images", 16)),
        ("stage4", ("images", 64)),
    ]
    assert [tuple(features.shape) for features in model(pictures(2, 64, 96))] == [(2, 16), (2, 64)]
    check_targets(model, [pictures(2, 64, 96)], tmp_path, dynamic=False)


@torch.no_grad()
def test_the_reference_is_the_backbone_of_normalised_pictures() -> None:
    backbone = build()
    picture = pictures(2, 64, 96)
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    expected = backbone(((picture - mean) / std).permute(0, 3, 1, 2))
    model = whole(backbone)
    for found in (model.reference(picture), model(picture)):
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)


def test_what_it_says_of_itself() -> None:
    model = Backbone(build(output_stride=16), STATISTICS)
    assert [output.name for output in model.outputs] == ["stage1", "stage2", "stage3", "stage4"]
    assert model.outputs[3].axes == ("images", 64, "height / 16", "width / 16")
    assert model.outputs[0].axes == ("images", 8, "height / 4", "width / 4")
    assert model.description()["normalisation"]["mean"] == list(IMAGENET_MEAN)
    assert model.description()["normalisation"]["source"] == "ImageNet's"


def test_refused() -> None:
    with pytest.raises(ValueError, match="no outputs"):
        Backbone(build(out_indices=()), STATISTICS)
    with pytest.raises(ValueError, match="takes 5 channels, and ImageNet's have a mean of 3"):
        Backbone(build(in_channels=5), STATISTICS)
