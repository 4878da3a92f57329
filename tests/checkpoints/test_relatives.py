"""Networks that are almost ConvNeXts: named as what they are, never as damaged files, never loaded as what they look.

Oracle: timm's own modules, which have the eps and the activation that its files do not show.
"""

import re
from dataclasses import replace

import pytest
import timm
import torch
from timm.layers.grn import GlobalResponseNorm
from torch import nn
from torch.nn import functional as F

from cnxv2_mm.checkpoints.architecture import Architecture, infer
from cnxv2_mm.checkpoints.dialects import DIALECTS
from cnxv2_mm.checkpoints.relatives import find_differences, find_eps_by_size, find_unseen_difference
from cnxv2_mm.checkpoints.translate import to_ours
from cnxv2_mm.variants import Variant
from tests.checkpoints.peers import SMALL, in_dialect, network_for, random_network, randomise

NAMES = timm.list_models(module="convnext")
TINY = {"depths": SMALL.depths, "dims": SMALL.channels, "num_classes": 10}


def build(name, **options):
    """A network of timm's without numbers of its own; memory that is never touched costs nothing."""
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False, **options)
    return model.to_empty(device="cpu")


def norms_of(model):
    norms = [m for m in model.modules() if "Norm" in type(m).__name__ and isinstance(getattr(m, "eps", None), float)]
    return [m for m in norms if not isinstance(m, GlobalResponseNorm)]


def is_plain(model):
    """Whether every module is what the papers' networks have there, but for the eps of the norms."""
    norms = norms_of(model)
    x = torch.linspace(-3, 3, 100)
    blocks = [block for stage in model.stages for block in stage.blocks]
    return (
        len(norms) >= len(blocks)
        and all(isinstance(norm, nn.LayerNorm) for norm in norms)
        and all(torch.equal(b.mlp.act(x), F.gelu(x)) for b in blocks)
        and all(b.conv_dw.kernel_size == (7, 7) for b in blocks)
        and [tuple(m.kernel_size) for m in model.stem if isinstance(m, nn.Conv2d)] == [(4, 4)]
    )


@pytest.mark.parametrize("features_only", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_of_timm_s_networks_the_plain_ones_are_taken_and_no_others(name, features_only):
    model = build(name)
    translation = to_ours(build(name, features_only=True).state_dict() if features_only else model.state_dict())
    architecture = infer(translation.tensors)
    differences = find_differences(translation.tensors, translation.unknown, architecture)
    unseen = find_unseen_difference(translation.dialect, architecture)
    assert (not differences and unseen is None) == is_plain(model)
    assert bool(translation.unknown) <= bool(differences)
    if is_plain(model):
        assert {norm.eps for norm in norms_of(model)} == {find_eps_by_size(translation.dialect, architecture) or 1e-6}


def test_timm_has_networks_of_both_kinds():
    assert all(is_plain(build(name)) for name in ("convnext_large_mlp", "convnext_tiny_hnf", "convnextv2_huge"))
    assert not any(is_plain(build(name)) for name in ("test_convnext", "convnext_zepto_rms", "convnext_atto_ols"))
    assert {norm.eps for norm in norms_of(build("convnext_xxlarge"))} == {1e-5}


@pytest.mark.parametrize("name", ["test_convnext", "test_convnext2"])
def test_what_no_tensor_shows_is_told_by_the_sizes(name):
    for options in ({}, {"features_only": True}):
        tensors = randomise(build(name, **options)).state_dict()
        with pytest.raises(ValueError, match=rf"it is timm's {name} by its sizes, whose GELU is the tanh formula"):
            to_ours(tensors).check()


def test_the_size_of_xxlarge_tells_the_eps_of_timm_s_own_alone():
    xxlarge = Architecture((3, 4, 30, 3), (384, 768, 1536, 3072), 3, use_grn=False, layer_scale=True)
    assert find_eps_by_size(DIALECTS["timm"], xxlarge) == 1e-5
    assert find_eps_by_size(DIALECTS["ours"], xxlarge) is None
    for change in ({"use_grn": True}, {"depths": (3, 4, 29, 3)}, {"channels": (192, 384, 768, 1536)}):
        assert find_eps_by_size(DIALECTS["timm"], replace(xxlarge, **change)) is None


def test_networks_of_one_s_own_of_those_sizes_are_taken():
    size = Variant((1, 1, 1, 1), (32, 64, 96, 128))
    for dialect in ("ours", "timm", "timm-features"):
        to_ours(in_dialect(random_network(size), dialect)).check()
    for dialect in ("ours", "official", "mmpretrain", "torchvision", "huggingface", "dinov3"):
        to_ours(in_dialect(random_network(size, v1=True), dialect)).check()


@pytest.mark.parametrize(
    ("name", "options", "difference"),
    [
        ("convnext_atto_ols", TINY, "an overlapping stem of two convolutions"),
        ("convnext_nano_ols", TINY, "an overlapping stem of two convolutions"),
        (
            "convnext_zepto_rms_ols",
            TINY,
            "an overlapping stem of two convolutions, norms without bias, as RMS norm has",
        ),
        ("convnext_atto_rms", TINY, "norms without bias, as RMS norm has"),
        ("convnext_zepto_rms", TINY, "norms without bias, as RMS norm has"),
        ("convnextv2_tiny", TINY | {"conv_bias": False}, "depthwise convolutions without bias"),
        ("convnextv2_tiny", TINY | {"patch_size": 2}, "a stem of 2 x 2 pixels"),
        ("convnextv2_tiny", TINY | {"kernel_sizes": (7, 5, 5, 3)}, "depthwise kernels of 3 x 3, 5 x 5 cells"),
        ("test_convnext3", {}, "depthwise kernels of 3 x 3, 5 x 5 cells"),
    ],
)
def test_the_difference_is_named_and_no_damage(name, options, difference):
    for dialect, more in (("timm", {}), ("timm-features", {"features_only": True})):
        tensors = randomise(build(name, **options, **more)).state_dict()
        message = rf"read as {dialect} .*, it is another architecture: {difference}.*; "
        with pytest.raises(ValueError, match=message) as caught:
            to_ours(tensors).check()
        assert "cut" not in str(caught.value)


def change_width(tensors):
    """MLPs of twice the width."""
    cut = {name: t[: len(t) // 2] for name, t in tensors.items() if "pwconv1" in name or ".grn." in name}
    return tensors | cut | {name: t[:, : t.shape[1] // 2] for name, t in tensors.items() if "pwconv2.weight" in name}


def add_attention(tensors):
    blocks = {match[0] for name in tensors if (match := re.match(r"backbone\.stages\.\d\.\d+\.", name))}
    return tensors | {f"{block}attention.qkv.weight": torch.ones(3, 3) for block in blocks}


def add_stage(tensors):
    last = {name: t for name, t in tensors.items() if name.startswith("backbone.stages.3.")}
    return tensors | {name.replace("stages.3", "stages.4"): t for name, t in last.items()}


def drop_mlp_bias(tensors):
    return {name: t for name, t in tensors.items() if "pwconv1.bias" not in name and "pwconv2.bias" not in name}


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (change_width, "an MLP of 2 times the width"),
        (add_attention, r"more in each block \(attention\.qkv\.weight\)"),
        (add_stage, "more than four stages"),
        (drop_mlp_bias, "linear layers without bias"),
    ],
)
def test_differences_that_timm_s_builder_lacks_are_named(change, difference):
    with pytest.raises(ValueError, match=rf"it is another architecture: {difference}; "):
        to_ours(change(random_network())).check()


@pytest.mark.parametrize("orig", [False, True])
def test_the_stem_of_mmearth_is_named(orig):
    """Oracle: the names and shapes of models/convnextv2.py in vishalned/MMEarth-train @ 1157900."""
    tensors = {}
    for name, tensor in in_dialect(random_network(), "official").items():
        if match := re.fullmatch(r"downsample_layers\.(\d)\.(.+)", name):
            place = int(match[1]) - 1
            stem = "stem_orig." if orig else "stem."
            name = stem + match[2] if place < 0 else f"downsample_layers.{place}.{match[2]}"
        tensors[name] = tensor
    if not orig:
        tensors["stem.0.weight"] = torch.ones(8, 1, 4, 4)
        tensors |= {"initial_conv.0.weight": torch.ones(8, 3, 3, 3), "initial_conv.0.bias": torch.ones(8)}
    with pytest.raises(ValueError, match="it is another architecture: a stem that does not stand among its downsampl"):
        to_ours(tensors).check()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_stands_in_every_block_is_named_in_every_dialect(dialect):
    tensors = in_dialect(network_for(dialect), dialect)
    blocks = {name: theirs for name, theirs in to_ours(tensors).origins.items() if name.endswith("dwconv.bias")}
    more = {re.sub(r"bias$", "attention", theirs): torch.ones(3) for name, theirs in blocks.items() if "stages" in name}
    with pytest.raises(ValueError, match=r"it is another architecture: more in each block \(.*attention\); "):
        to_ours(tensors | more).check()


@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        ("official", "stages.4.0.norm.weight"),
        ("timm", "stages.4.blocks.0.norm.weight"),
        ("timm-features", "stages_4.blocks.0.norm.weight"),
        ("torchvision", "features.9.0.block.2.weight"),
        ("torchvision", "features.8.0.weight"),
        ("huggingface", "convnextv2.encoder.stages.4.layers.0.layernorm.weight"),
        ("dinov3", "stages.4.layers.0.layer_norm.weight"),
    ],
)
def test_a_fifth_stage_is_named_in_every_dialect(dialect, name):
    tensors = in_dialect(network_for(dialect), dialect)
    with pytest.raises(ValueError, match="it is another architecture: more than four stages; "):
        to_ours(tensors | {name: torch.ones(8)}).check()
