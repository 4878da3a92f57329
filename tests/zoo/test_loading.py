"""Every row is what our reader makes of the library's own class: names, network, and whether it has a classifier.

A published file cannot be opened here. The classes give names and shapes; the numbers are zeros.
"""

from functools import cache

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision import models

from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.translate import Translation, to_ours
from cnxv2_mm.variants import find_variant
from cnxv2_mm.zoo import WEIGHTS, Weight

TIMM = {name: weight for name, weight in WEIGHTS.items() if "timm" in weight.files}
TORCHVISION = {name: weight for name, weight in WEIGHTS.items() if "torchvision" in weight.files}


def zeros(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a model of the meta device as zeros, all in the same memory."""
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    memory = torch.zeros(max(shape.numel() for shape in shapes.values()))
    return {name: memory[: shape.numel()].view(shape) for name, shape in shapes.items()}


@cache
def read(library: str, model: str) -> tuple[Translation, Architecture]:
    """What our reader makes of a model of timm or torchvision."""
    with torch.device("meta"):
        theirs = timm.create_model(model) if library == "timm" else models.get_model(model)
    translation = to_ours(zeros(theirs))
    return translation, translation.check()


def check(weight: Weight, translation: Translation, architecture: Architecture) -> None:
    """Compare what is read with the row, and the tensors with those of the backbone that the row's config builds."""
    variant = find_variant(weight.backbone["arch"])
    assert (architecture.depths, architecture.channels) == (variant.depths, variant.channels)
    assert architecture.use_grn == weight.backbone.get("use_grn", True) == (weight.version == 2)
    assert architecture.layer_scale == ("layer_scale_init_value" in weight.backbone)
    with torch.device("meta"):
        backbone = ConvNeXtV2(**weight.backbone, out_indices=3)
    expected = {f"backbone.{name}": tensor.shape for name, tensor in backbone.state_dict().items()}
    found = {name: tensor.shape for name, tensor in translation.tensors.items() if name.startswith("backbone.")}
    assert found == expected
    if weight.classes:
        assert {"head.fc.weight", "head.fc.bias"} <= translation.tensors.keys()


@pytest.mark.parametrize("name", TIMM)
def test_a_file_of_timm_is_read_as_the_row_says(name):
    weight = TIMM[name]
    translation, architecture = read("timm", weight.files["timm"].hub_id.removeprefix("timm/").split(".")[0])
    assert translation.dialect.name == "timm"
    check(weight, translation, architecture)


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_file_of_torchvision_is_read_as_the_row_says(name):
    translation, architecture = read("torchvision", f"convnext_{TORCHVISION[name].size}")
    assert translation.dialect.name == "torchvision"
    check(TORCHVISION[name], translation, architecture)


def test_the_tower_of_laion_is_read_out_of_a_whole_clip():
    """open_clip's names: the tower is visual.trunk, its projection visual.head; the rest reads text."""
    with torch.device("meta"):
        tower = timm.create_model("convnext_base", num_classes=0)
    tensors = {f"visual.trunk.{name}": tensor for name, tensor in zeros(tower).items()}
    tensors |= {"visual.head.proj.weight": torch.zeros(512, 1024), "token_embedding.weight": torch.zeros(49408, 512)}
    translation = to_ours(tensors)
    check(WEIGHTS["convnext_base.laion400m_s13b_b51k"], translation, translation.check())
