"""Folders, files and names to start from. The tensors and the zoo's table are the oracle."""

import pytest
import torch

from cnxv2_mm import zoo
from cnxv2_mm.recipes.finetuning.start import find_start
from cnxv2_mm.registry import MODELS
from tests.recipes.finetuning.conftest import ARCH, MEAN, STD, write_encoder


def test_a_run_folder(pretrained, start):
    assert start.weights == str(pretrained / "encoder.safetensors")
    assert start.arguments == {"arch": ARCH}
    assert (start.mean, start.std) == (MEAN, STD)
    assert (start.depths, start.channels) == ((1, 1, 1, 1), (8, 16, 24, 32))
    settings = start.backbone(drop_path_rate=0.1)
    assert settings.pop("_delete_")
    backbone = MODELS.build(settings)
    before = backbone.downsample_layers[0][0].weight.clone()
    backbone.init_weights()
    assert not torch.equal(backbone.downsample_layers[0][0].weight, before)


def test_a_name():
    weight = zoo.find_weight("convnext_tiny.dinov3_lvd1689m")
    found = find_start("convnext_tiny.dinov3_lvd1689m")
    assert (found.weights, found.name) == ("convnext_tiny.dinov3_lvd1689m", "tiny")
    assert found.arguments == weight.backbone
    assert (found.mean, found.std) == (weight.mean, weight.std)
    assert found.licence == weight.terms
    assert any(weight.terms in note for note in found.notes)


def test_a_file_that_says_nothing_of_its_images(tmp_path):
    file = write_encoder(tmp_path / "weights.safetensors", {})
    assert find_start(str(file)).mean == (123.675, 116.28, 103.53)
    assert find_start(str(file)).licence == "not known: ask whoever made the file"


def test_the_licence_of_an_encoder_is_that_of_its_start(tmp_path):
    file = write_encoder(tmp_path / "weights.safetensors", {"task": "pretrain", "start_licence": "CC-BY-NC 4.0"})
    assert find_start(str(file)).licence == "CC-BY-NC 4.0"


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ({"mean": "[1, 2]", "std": "[1, 2]"}, "states 2 means for images of 3 channels"),
        ({"mean": "[1, 2, 3]", "std": "[1, 0, 1]"}, "do not belong together"),
        ({"mean": "1, 2, 3", "std": "[1, 1, 1]"}, "no list of numbers"),
    ],
)
def test_metadata_that_is_wrong(tmp_path, metadata, text):
    file = write_encoder(tmp_path / "weights.safetensors", metadata)
    with pytest.raises(ValueError, match=text):
        find_start(str(file))


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        ("none", ValueError, "starts from weights"),
        ("convnextv2_tiny_fcma", ValueError, "did you mean convnextv2_tiny_fcmae"),
        ("{folder}", FileNotFoundError, "is no run folder of `cnxv2 pretrain`"),
        ("{folder}/text.pth", ValueError, "text.pth"),
    ],
)
def test_what_is_no_start(tmp_path, source, error, text):
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(error, match=text) as caught:
        find_start(source.format(folder=tmp_path))
    assert "\n" not in str(caught.value)


def test_a_run_that_has_not_ended(tmp_path):
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"has not ended .*--resume"):
        find_start(str(tmp_path))
