"""The dense backbone against timm, and what a config can ask of it."""

import copy
import re

import pytest
import timm
import torch
from mmengine.registry import MODELS

from cnxv2_mm import ConvNeXtV2
from tests.conftest import photographs, relative_error, wake_grn

SMALL = {"depths": (1, 1, 2, 1), "channels": (8, 16, 24, 32)}
V2_SIZES = ["atto", "femto", "pico", "nano", "tiny", "base", "large", "huge"]
V1 = {"use_grn": False, "layer_scale_init_value": 1e-6}


def timm_name(name: str) -> str:
    """Our name of a tensor -> that of timm.models.convnext."""
    name = re.sub(r"^downsample_layers\.0\.", "stem.", name)
    name = re.sub(r"^downsample_layers\.(\d)\.", r"stages.\1.downsample.", name)
    name = re.sub(r"^stages\.(\d)\.(\d+)\.", r"stages.\1.blocks.\2.", name)
    for ours, theirs in {
        "dwconv": "conv_dw",
        "pwconv1": "mlp.fc1",
        "pwconv2": "mlp.fc2",
        "grn.gamma": "mlp.grn.weight",
        "grn.beta": "mlp.grn.bias",
    }.items():
        name = name.replace(ours, theirs)
    return name


def same_weights(
    name: str, arch: str, output_stride: int = 32, **options: object
) -> tuple[ConvNeXtV2, torch.nn.Module]:
    """timm's network ``name``, all of its parameters drawn at random, and a backbone on the very same tensors."""
    network = timm.create_model(name, pretrained=False, output_stride=output_stride).eval()
    for key, parameter in network.named_parameters():
        if key.endswith(("grn.weight", "grn.bias", "gamma", "norm.weight", "norm.bias")):
            parameter.data.normal_(std=0.5)
    theirs = network.state_dict()
    with torch.device("meta"):  # a second set of huge's 660 million parameters is never made
        backbone = ConvNeXtV2(arch, output_stride=output_stride, **options).eval()
    own = {f"norm{i}.weight": torch.randn(c) for i, c in enumerate(backbone.channels)}
    own |= {f"norm{i}.bias": torch.randn(c) for i, c in enumerate(backbone.channels)}
    tensors = {k: own[k] if k in own else theirs[timm_name(k)].view(v.shape) for k, v in backbone.state_dict().items()}
    backbone.load_state_dict(tensors, assign=True)
    return backbone, network


@torch.no_grad()
def assert_equal_maps(backbone: ConvNeXtV2, network: torch.nn.Module) -> None:
    images = photographs(2, size=(64, 96))
    expected = network.forward_intermediates(images, indices=list(backbone.out_indices), intermediates_only=True)
    for i, (ours, theirs) in enumerate(zip(backbone(images), expected, strict=True)):
        norm = getattr(backbone, f"norm{i}")  # timm has no norms at the outputs
        assert relative_error(ours, norm(theirs.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)) < 1e-5


@pytest.mark.parametrize("arch", V2_SIZES)
def test_maps_equal_those_of_timm(arch):
    assert_equal_maps(*same_weights(f"convnextv2_{arch}", arch))


@pytest.mark.parametrize("arch", ["tiny", "small", "base"])
def test_v1_maps_equal_those_of_timm(arch):
    assert_equal_maps(*same_weights(f"convnext_{arch}", arch, **V1))


@torch.no_grad()
def test_pooled_features_equal_those_of_timm():
    """What a classifier's last linear layer sees: timm's pooled, normed features."""
    backbone, network = same_weights("convnextv2_atto", "atto", out_indices=-1, gap_before_final_norm=True)
    backbone.norm3.load_state_dict(network.head.norm.state_dict())
    images = photographs(2, size=(96, 64))
    (pooled,) = backbone(images)
    expected = network.forward_head(network.forward_features(images), pre_logits=True)
    assert relative_error(pooled, expected) < 1e-5


def test_the_gradients_equal_those_of_timm():
    backbone, network = same_weights("convnextv2_atto", "atto", out_indices=(3,))
    backbone.norm3 = torch.nn.Identity()
    images = photographs(2, size=(64, 64))
    (ours,) = copy.deepcopy(backbone).train()(images)
    reference = copy.deepcopy(backbone)
    weights = torch.randn_like(ours)
    (reference(images)[0] * weights).sum().backward()
    (network.forward_features(images) * weights).sum().backward()
    theirs = dict(network.named_parameters())
    for name, parameter in reference.named_parameters():
        expected = theirs[timm_name(name)].grad.view_as(parameter)
        assert relative_error(parameter.grad, expected) < 2e-5, name


def test_the_registry_knows_it_by_its_full_name():
    assert isinstance(MODELS.build({"type": "cnxv2_mm.ConvNeXtV2", "arch": SMALL}), ConvNeXtV2)


@pytest.mark.parametrize(
    ("out_indices", "expected"),
    [
        ((0, 1, 2, 3), (0, 1, 2, 3)),
        ((1, 3), (1, 3)),
        (-1, (3,)),
        ([3, 0], (0, 3)),
        ((-2, -1), (2, 3)),
        (2, (2,)),
        ((), ()),
    ],
)
def test_outputs_are_the_stages_asked_for_high_resolution_first(out_indices, expected):
    backbone = ConvNeXtV2(SMALL, out_indices=out_indices)
    maps = backbone(photographs(2, size=(64, 96)))
    assert backbone.out_indices == expected
    assert [m.shape for m in maps] == [
        (2, c, 64 // s, 96 // s) for c, s in zip(backbone.out_channels, backbone.out_strides, strict=True)
    ]
    assert backbone.out_strides == tuple(4 * 2**i for i in expected)
    assert {n for n, _ in backbone.named_children() if n.startswith("norm")} == {f"norm{i}" for i in expected}


def test_the_config_s_list_of_outputs_is_left_alone():
    out_indices = [-1]
    ConvNeXtV2(SMALL, out_indices=out_indices)
    assert out_indices == [-1]


@pytest.mark.parametrize("out_indices", [(4,), (-5,), ("3",), (0, 0), (3, -1), "3", 3.0, None])
def test_wrong_outputs_are_refused(out_indices):
    with pytest.raises(ValueError, match=re.escape(f"out_indices={out_indices!r}")):
        ConvNeXtV2(SMALL, out_indices=out_indices)


@pytest.mark.parametrize("out_indices", [(0, 1, 2, 3), (1,), (0, 2)])
def test_no_parameter_is_left_without_a_gradient(out_indices):
    """Distributed training stops at parameters that take no part: unused norms and stages are not built."""
    backbone = ConvNeXtV2(SMALL, out_indices=out_indices)
    sum(m.square().sum() for m in backbone(photographs(2))).backward()
    assert [n for n, p in backbone.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("in_channels", [1, 2, 4, 8])
def test_any_number_of_channels(in_channels):
    images = photographs(1, in_channels)
    assert ConvNeXtV2(SMALL, in_channels=in_channels)(images)[-1].shape == (1, 32, 3, 2)


def test_images_of_other_channels_are_refused_with_the_fix():
    with pytest.raises(
        ValueError, match=r"\(1, 4, 96, 64\) must be \(N, 3, height, width\); set the backbone's in_channels"
    ):
        ConvNeXtV2(SMALL)(photographs(1, 4))
    with pytest.raises(ValueError, match="in_channels=0 must be a whole number, at least 1"):
        ConvNeXtV2(SMALL, in_channels=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_channels": "3"}, "in_channels='3' must be a whole number, at least 1, without quotes"),
        ({"drop_path_rate": 3.0}, r"drop_path_rate=3.0 must be a number in \[0, 1\)"),
        ({"drop_path_rate": 1.5, "out_indices": 0}, r"drop_path_rate=1.5 must be a number in \[0, 1\)"),
        ({"drop_path_rate": "0.1"}, r"drop_path_rate='0.1' must be a number in \[0, 1\), without quotes"),
        ({"frozen_stages": "1"}, "frozen_stages='1' must be a whole number in 0 ... 4"),
        ({"with_cp": "no"}, "with_cp='no' must be True or False"),
        ({"use_grn": None}, "use_grn=None must be True or False"),
        ({"layer_scale_init_value": "1e-6"}, "layer_scale_init_value='1e-6' must be a number"),
        ({"output_stride": 8.0}, "output_stride=8.0 must be 8, 16 or 32"),
        ({"arch": {"depths": (3.0, 3, 9, 3), "channels": (8, 16, 24, 32)}}, "with four positive integers each"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ConvNeXtV2(**{"arch": SMALL, **options})


def test_whole_numbers_for_pixels_are_refused():
    with pytest.raises(ValueError, match=r"images of type torch\.uint8 must be floating-point numbers"):
        ConvNeXtV2(SMALL)(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))


@pytest.mark.parametrize("gap", [True, False])
def test_no_images_give_empty_maps_and_zero_gradients(gap):
    """As PyTorch's convolutions do; a part of a batch may be empty."""
    backbone = ConvNeXtV2(SMALL, gap_before_final_norm=gap, drop_path_rate=0.1).train()
    maps = backbone(torch.zeros(0, 3, 64, 96))
    sides = [() if gap else (64 // s, 96 // s) for s in backbone.out_strides]
    assert [m.shape for m in maps] == [(0, c, *side) for c, side in zip(backbone.out_channels, sides, strict=True)]
    sum(m.sum() for m in maps).backward()
    assert not any(p.grad.any() for p in backbone.parameters())


@pytest.mark.parametrize("size", [(32, 32), (33, 65), (47, 50), (100, 36)])
def test_any_size_of_image(size):
    """Oracle: sizes are halved with rounding down, stage by stage, as unpadded convolutions do."""
    height, width = size[0] // 4, size[1] // 4
    for result in ConvNeXtV2(SMALL)(photographs(1, size=size)):
        assert result.shape[2:] == (height, width)
        height, width = height // 2, width // 2


def test_images_below_one_cell_are_refused():
    with pytest.raises(ValueError, match="images of 31 x 64 pixels are smaller than one cell of the last stage"):
        ConvNeXtV2(SMALL)(torch.zeros(1, 3, 31, 64))


def test_maps_are_channels_last():
    for result in ConvNeXtV2(SMALL)(photographs(2)):
        assert result.is_contiguous(memory_format=torch.channels_last)


def test_checkpointing_changes_no_gradient():
    plain = wake_grn(ConvNeXtV2(SMALL))
    saving = ConvNeXtV2(SMALL, with_cp=True)
    saving.load_state_dict(plain.state_dict())
    for backbone in (plain, saving):
        sum(m.square().sum() for m in backbone(photographs(2))).backward()
    for a, b in zip(plain.parameters(), saving.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)


@pytest.mark.parametrize("training", [True, False])
def test_checkpointing_recomputes_wherever_there_is_a_backward_pass(training, monkeypatch):
    """In evaluation mode too (frozen norms, saliency); without gradients nothing is prepared for a recomputation."""
    backbone = ConvNeXtV2(SMALL, with_cp=True).train(training)
    calls, blocks = [], sum(SMALL["depths"])
    for stage in backbone.stages:
        for block in stage:
            block.norm.register_forward_hook(lambda *_: calls.append(1))
    sum(m.sum() for m in backbone(photographs(1))).backward()
    assert len(calls) == 2 * blocks
    monkeypatch.setattr("cnxv2_mm.backbone.checkpoint", None)
    with torch.no_grad():
        backbone(photographs(1))
    assert len(calls) == 3 * blocks


def test_checkpointing_repeats_what_stochastic_depth_dropped():
    plain = ConvNeXtV2(SMALL, drop_path_rate=0.5).train()
    saving = ConvNeXtV2(SMALL, drop_path_rate=0.5, with_cp=True).train()
    saving.load_state_dict(plain.state_dict())
    for backbone in (plain, saving):
        torch.manual_seed(1)
        sum(m.square().sum() for m in backbone(photographs(4))).backward()
    for a, b in zip(plain.parameters(), saving.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)


def test_stochastic_depth_grows_linearly():
    """Oracle: linspace(0, rate, blocks), models/convnextv2.py of facebookresearch/ConvNeXt-V2 @ 2553895."""
    backbone = ConvNeXtV2(SMALL, drop_path_rate=0.4)
    rates = [block.drop_path.rate for stage in backbone.stages for block in stage]
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("frozen_stages", [0, 1, 2, 4])
def test_frozen_stages_are_neither_trained_nor_randomised(frozen_stages):
    backbone = ConvNeXtV2(SMALL, frozen_stages=frozen_stages, drop_path_rate=0.5)
    assert backbone.train() is backbone
    frozen = tuple(f"{n}.{i}." for n in ("downsample_layers", "stages") for i in range(frozen_stages))
    frozen += tuple(f"norm{i}." for i in range(frozen_stages))
    for name, parameter in backbone.named_parameters():
        assert parameter.requires_grad != name.startswith(frozen), name
    for i, stage in enumerate(backbone.stages):
        assert stage.training == (i >= frozen_stages)
    assert backbone.eval() is backbone
    assert not backbone.training


@pytest.mark.parametrize("frozen_stages", [-1, 5])
def test_wrong_frozen_stages_are_refused(frozen_stages):
    with pytest.raises(ValueError, match=f"frozen_stages={frozen_stages} must be a whole number in 0 ... 4"):
        ConvNeXtV2(SMALL, frozen_stages=frozen_stages)


def test_bfloat16_autocast_stays_within_its_rounding(device):
    backbone = wake_grn(ConvNeXtV2(SMALL)).to(device)
    images = photographs(2).to(device)
    exact = backbone(images)
    with torch.autocast(device, dtype=torch.bfloat16):
        rounded = backbone(images)
    for a, b in zip(rounded, exact, strict=True):
        assert (a.float() - b).norm() / b.norm() < 0.03


def test_every_stage_adds_up_in_the_type_of_autocast(device, monkeypatch):
    """Autocast on a GPU lets norms return float32: behind the stem's, the first stage would add up in float32."""
    normalise = torch.nn.LayerNorm.forward
    monkeypatch.setattr(torch.nn.LayerNorm, "forward", lambda norm, x: normalise(norm, x).float())
    backbone, added = ConvNeXtV2(SMALL).to(device), []
    for stage in backbone.stages:
        for block in stage:
            block.register_forward_hook(lambda block, inputs, output: added.append((inputs[0].dtype, output.dtype)))
    with torch.autocast(device, dtype=torch.bfloat16):
        backbone(photographs(1).to(device))
    assert added == [(torch.bfloat16, torch.bfloat16)] * sum(SMALL["depths"])


def test_initialisation_is_that_of_the_dense_official_code():
    """Oracle: truncated normal of std 0.02 (cut at 2, far away), zero biases, GRN at zero; models/convnextv2.py."""
    backbone = ConvNeXtV2("atto")
    for name, parameter in backbone.named_parameters():
        if name.endswith(("bias", "gamma", "beta")):
            assert not parameter.any(), name
        elif parameter.ndim > 1 and parameter.numel() > 5000:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.05), name


def test_layer_scale_is_vector_of_v1():
    backbone = ConvNeXtV2(SMALL, **V1)
    assert backbone.stages[0][0].gamma.tolist() == pytest.approx([1e-6] * 8)
    assert not any(".grn." in name for name in backbone.state_dict())


def test_visible_patches_of_different_numbers_are_refused():
    visible = torch.ones(2, 3, 2, dtype=torch.bool)
    visible[0, 0, 0] = False
    with pytest.raises(ValueError, match=r"visible patches per image are \[5, 6\]; each image needs the same number"):
        ConvNeXtV2(SMALL, out_indices=()).encode_visible(photographs(2), visible)


@pytest.mark.parametrize("shape", [(1, 3, 2), (2, 3, 3), (2, 6, 4), (2, 0, 2), (2, 3)])
def test_visible_of_a_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match="visible"):
        ConvNeXtV2(SMALL, out_indices=()).encode_visible(photographs(2), torch.ones(shape, dtype=torch.bool))


def test_encoding_needs_all_stages():
    with pytest.raises(ValueError, match=r"out_indices=\(1,\) builds only 2 of the 4 stages"):
        ConvNeXtV2(SMALL, out_indices=(1,)).encode_visible(photographs(1), torch.ones(1, 3, 2, dtype=torch.bool))


def test_the_maps_of_all_stages_are_those_behind_the_stages_of_timm():
    """With every patch visible; timm's maps of ``forward_intermediates`` have no norms behind them either."""
    ours = wake_grn(ConvNeXtV2(SMALL, out_indices=()))
    theirs = timm.models.ConvNeXt(
        depths=SMALL["depths"], dims=SMALL["channels"], use_grn=True, ls_init_value=None, conv_mlp=False
    ).eval()
    theirs.load_state_dict({timm_name(name): tensor for name, tensor in ours.state_dict().items()}, strict=False)
    images = photographs(2, size=(96, 64))
    with torch.no_grad():
        maps = ours.encode_visible_stages(images, torch.ones(2, 3, 2, dtype=torch.bool))
        expected = theirs.forward_intermediates(images, intermediates_only=True)
    for one, other in zip(maps, expected, strict=True):
        assert one.shape == other.shape
        assert relative_error(one, other) < 1e-4


def test_the_last_of_all_stages_is_what_encoding_returns_and_hidden_cells_are_zero():
    backbone = wake_grn(ConvNeXtV2(SMALL, out_indices=()))
    images = photographs(2, size=(96, 64))
    visible = torch.tensor(
        [[[True, False], [False, True], [True, False]], [[False, True], [True, True], [False, False]]]
    )
    with torch.no_grad():
        maps = backbone.encode_visible_stages(images, visible)
        assert torch.equal(maps[-1], backbone.encode_visible(images, visible))
    for one in maps:
        seen = visible.repeat_interleave(one.shape[2] // 3, dim=1).repeat_interleave(one.shape[3] // 2, dim=2)
        assert (one.abs().sum(dim=1) > 0).equal(seen)
