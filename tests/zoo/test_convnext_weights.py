"""Against timm's own table, which lists every weight, and its own classes, which show what our network can be."""

from functools import cache

import numpy as np
import pytest
import timm
import torch
from timm.models import convnext
from torch import nn
from torch.nn import functional

from cnxv2_mm.zoo.convnext_weights import weights
from cnxv2_mm.zoo.convnextv2_weights import weights as weights_of_v2

WEIGHTS = {weight.name: weight for weight in weights()}
TIMM = {name: weight for name, weight in WEIGHTS.items() if "timm" in weight.files}
LICENCES = {
    "Apache-2.0": "apache-2.0",
    "DINOv3 License": "dinov3-license",
    "FAIR Noncommercial Research License": "fair-noncommercial-research-license",
}
# Models of timm with weights that ConvNeXtV2 cannot hold, and why.
LEFT_OUT = {
    "convnext_atto_ols": {"stem"},
    "convnext_femto_ols": {"stem"},
    "convnext_pico_ols": {"stem"},
    "convnext_nano_ols": {"stem"},
    "convnext_tiny_hnf": {"final norm"},
    "convnext_zepto_rms": {"norm"},
    "convnext_zepto_rms_ols": {"stem", "norm"},
    "test_convnext": {"activation"},
    "test_convnext2": {"activation"},
    "test_convnext3": {"activation"},
}
POINTS = torch.linspace(-3, 3, 25)
UNTRAINED = {"convnext_atto_rms.untrained", "convnextv2_small.untrained"}


def published() -> set[str]:
    """Every weight in timm's table, of V1 and V2 alike."""
    return {f"{model}.{tag}" for model, entry in convnext.default_cfgs.items() for tag in entry.tags}


def differences(model: nn.Module) -> set[str]:
    """Where a model of timm is none that ConvNeXtV2 can be."""
    found = set()
    if model.stem[0].kernel_size != (4, 4):
        found.add("stem")
    if not isinstance(model.norm_pre, nn.Identity):
        found.add("final norm")
    for block in (module for module in model.modules() if isinstance(module, convnext.ConvNeXtBlock)):
        if not isinstance(block.norm, nn.LayerNorm):
            found.add("norm")
        if not torch.equal(block.mlp.act(POINTS), functional.gelu(POINTS)):
            found.add("activation")
    return found


@cache
def build(model: str) -> nn.Module:
    """A model of timm, without numbers."""
    with torch.device("meta"):
        return timm.create_model(model)


def test_every_weight_of_timm_is_here_or_left_out_for_a_reason():
    of_v2 = {weight.files["timm"].hub_id.removeprefix("timm/") for weight in weights_of_v2()}
    left_out = {name for name in published() if name.split(".")[0] in LEFT_OUT}
    assert len(left_out) == len(LEFT_OUT)
    assert of_v2 | set(TIMM) | left_out | UNTRAINED == published()
    assert all(timm.models.get_pretrained_cfg(name).hf_hub_id is None for name in UNTRAINED)


@pytest.mark.parametrize("model", LEFT_OUT)
def test_what_is_left_out_is_no_network_of_ours(model):
    assert differences(build(model)) == LEFT_OUT[model]


@pytest.mark.parametrize("model", sorted({name.split(".")[0] for name in TIMM}))
def test_what_is_here_is_a_network_of_ours(model):
    theirs = build(model)
    assert differences(theirs) == set()
    eps = {module.eps for module in theirs.modules() if isinstance(module, nn.LayerNorm)}
    for name, weight in TIMM.items():
        if name.split(".")[0] == model:
            assert eps == {weight.backbone.get("norm_eps", 1e-6)}
    blocks = [block for stage in theirs.stages for block in stage.blocks]
    assert all(block.gamma is not None for block in blocks)
    assert not any(isinstance(block.mlp, timm.layers.GlobalResponseNormMlp) for block in blocks)


@pytest.mark.parametrize("name", TIMM)
def test_timm_agrees(name):
    weight, theirs = WEIGHTS[name], timm.models.get_pretrained_cfg(name)
    assert theirs.hf_hub_id == weight.files["timm"].hub_id == f"timm/{name}"
    assert theirs.license == LICENCES[weight.licence]
    assert theirs.input_size == (3, weight.resolution, weight.resolution)
    np.testing.assert_allclose(weight.mean, np.multiply(theirs.mean, 255), rtol=1e-6)
    np.testing.assert_allclose(weight.std, np.multiply(theirs.std, 255), rtol=1e-6)
    if "official" in weight.files:
        assert theirs.url == weight.files["official"].address
    else:
        assert "dl.fbaipublicfiles.com" not in theirs.url


@pytest.mark.parametrize("name", TIMM)
def test_classes_are_those_of_a_single_linear_layer(name):
    weight, theirs = WEIGHTS[name], timm.models.get_pretrained_cfg(name)
    if "_mlp." in name:
        assert weight.classes == 0
        assert isinstance(build(name.split(".")[0]).head.pre_logits, nn.Sequential)
    elif weight.training == "clip":  # the projection into the space of the captions
        assert weight.classes == 0
        assert theirs.num_classes in (640, 1024)
    else:
        assert weight.classes == theirs.num_classes


def test_trainings_are_the_steps_in_the_name():
    found = {name: WEIGHTS[name].training for name in TIMM}
    assert found["convnext_atto.d2_in1k"] == "in1k"
    assert found["convnext_tiny.fb_in22k"] == "in22k"
    assert found["convnext_tiny.fb_in22k_ft_in1k_384"] == "in22k_in1k"
    assert found["convnext_nano.r384_ad_in12k"] == "in12k"
    assert found["convnext_nano.r384_in12k_ft_in1k"] == "in12k_in1k"
    assert found["convnext_base.clip_laiona_augreg_320"] == "clip"
    assert found["convnext_base.clip_laion2b_augreg_ft_in12k"] == "clip_in12k"
    assert found["convnext_large_mlp.clip_laion2b_soup_ft_in12k_in1k_320"] == "clip_in12k_in1k"
    assert found["convnext_tiny.eupe_lvd1689m"] == "eupe"
    assert found["convnext_large.dinov3_lvd1689m"] == "dinov3"


# facebookresearch/ConvNeXt @ 048efce, README.md.
IN1K = {"tiny": 82.1, "small": 83.1, "base": 83.8, "large": 84.3}
IN22K_224 = {"tiny": 82.9, "small": 84.6, "base": 85.8, "large": 86.6, "xlarge": 87.0}
IN22K_384 = {"tiny": 84.1, "small": 85.8, "base": 86.8, "large": 87.5, "xlarge": 87.8}
# arXiv 2301.00808, table 14, column of V1.
TABLE_14 = {"atto.d2": 75.7, "femto.d1": 77.5, "pico.d1": 79.5, "nano.d1h": 80.8}


def test_accuracies_are_those_that_were_published():
    expected = {f"convnext_{size}.fb_in1k": top1 for size, top1 in IN1K.items()}
    expected |= {f"convnext_{size}.fb_in22k_ft_in1k": top1 for size, top1 in IN22K_224.items()}
    expected |= {f"convnext_{size}.fb_in22k_ft_in1k_384": top1 for size, top1 in IN22K_384.items()}
    expected |= {f"convnext_{recipe}_in1k": top1 for recipe, top1 in TABLE_14.items()}
    found = {name: accuracy for name, weight in WEIGHTS.items() for accuracy in weight.accuracies}
    assert {name: accuracy.top1 for name, accuracy in found.items()} == expected
    for name, accuracy in found.items():
        source = "facebookresearch/ConvNeXt" if ".fb_" in name else "arXiv 2301.00808, table 14"
        assert accuracy.source.startswith(source)


def test_the_tower_that_timm_lacks():
    """open_clip 3.3.0: the entry laion400m_s13b_b51k of convnext_base in pretrained.py, 224 pixels in its config."""
    (other,) = WEIGHTS.keys() - TIMM.keys()
    weight = WEIGHTS[other]
    repository = "https://huggingface.co/laion/CLIP-convnext_base-laion400M-s13B-b51K"
    assert weight.files["laion"].address == f"{repository}/resolve/main/open_clip_pytorch_model.bin"
    assert (weight.resolution, weight.mean) == (224, WEIGHTS["convnext_base.clip_laion2b"].mean)
