"""The models: published configs with our backbone, the same weights each time, or those of a trained model."""

from dataclasses import replace

import pytest
import torch

from benchmarks.export.models import CASES, SIZES, trained_case
from cnxv2_mm import ConvNeXtV2

ARCH = {"depths": (1, 1, 1, 1), "channels": (8, 16, 24, 32)}


def small_case(name):
    """A model of the table with a tiny backbone and a small picture."""
    case = next(case for case in CASES if case.name == f"{name}, atto")
    return replace(case, arch=ARCH, size=(160, 192))


def test_every_family_is_measured_once_with_each_size():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    families = {name.partition(",")[0] for name in names}
    assert len(families) == 12
    assert {"RetinaNet", "RTMDet", "Cascade Mask R-CNN", "DINO", "PSPNet"} <= families
    assert {case.arch for case in CASES} == {"atto", "tiny"}


@pytest.mark.parametrize("name", ["classifier", "FCOS", "PSPNet"])
def test_a_published_config_has_our_backbone_and_the_same_weights_each_time(name):
    config, model = small_case(name).build()
    assert isinstance(model.backbone, ConvNeXtV2)
    assert not model.training
    assert config.default_scope in SIZES
    again = small_case(name).build()[1].state_dict()
    assert all(torch.equal(value, again[key]) for key, value in model.state_dict().items())


def test_a_trained_model_comes_with_its_weights(tmp_path):
    folder = tmp_path / "classify"
    folder.mkdir()
    config, model = small_case("classifier").build()
    config.dump(folder / "config.py")
    weights = {key: value + 1 for key, value in model.state_dict().items()}
    torch.save({"state_dict": weights}, folder / "model.pth")
    case = trained_case(folder)
    assert case.name == "classify, trained"
    found = case.build()[1].state_dict()
    assert all(torch.equal(found[key], value) for key, value in weights.items())
