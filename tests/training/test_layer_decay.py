"""Depths, decay groups and learning rates against the formulas of the paper's code.

The oracle of every depth table is ``optim_factory.py`` of facebookresearch/ConvNeXt-V2 @ 2553895, written out as data;
the oracle of every learning rate is ``lr * rate ** (number of depths - 1 - depth)``.
"""

import copy
import logging

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import MMLogger
from mmengine.model import BaseModule, MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper, CosineAnnealingLR, OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

from cnxv2_mm.registry import MODELS
from cnxv2_mm.training.layer_decay import is_never_decayed

CONSTRUCTOR = "cnxv2_mm.LayerDecayOptimWrapperConstructor"
LR, DECAY = 1e-3, 0.05


class ToyGRN(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))  # four-dimensional, as the official code stores it
        self.beta = nn.Parameter(torch.zeros(channels))


BACKBONE = {"type": "cnxv2_mm.ConvNeXtV2", "arch": {"depths": (1, 1, 4, 1), "channels": (4, 4, 8, 8)}}
BACKBONE_DEPTHS = (1, 1, 4, 1)
BACKBONE_CHANNELS = (4, 4, 8, 8)


class ToyDetector(BaseModule):
    def __init__(self):
        super().__init__()
        self.backbone = MODELS.build(BACKBONE)
        self.neck = nn.Conv2d(8, 4, 1)
        self.head = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))

    def forward(self, x):
        return self.head(self.neck(self.backbone(x)[-1]).mean((2, 3))).sum()


def build(model, optimizer=None, wrapper="OptimWrapper", **paramwise_cfg):
    return build_optim_wrapper(
        model,
        ConfigDict(
            type=wrapper,
            constructor=CONSTRUCTOR,
            optimizer=optimizer or {"type": "AdamW", "lr": LR, "weight_decay": DECAY},
            paramwise_cfg=paramwise_cfg,
        ),
    )


def settings_by_name(wrapper):
    """Parameter name -> (lr, weight decay), checking that no name comes twice."""
    settings = {}
    for group in wrapper.optimizer.param_groups:
        assert len(group["params"]) == len(group["param_names"])
        for name in group["param_names"]:
            assert name not in settings
            settings[name] = (group["lr"], group["weight_decay"])
    return settings


def test_never_decayed_rule():
    linear = nn.Linear(2, 2)
    assert not is_never_decayed(linear, "weight", 2)
    assert not is_never_decayed(linear, "weight", 1)  # a flat shard of FSDP
    assert is_never_decayed(linear, "bias", 1)
    assert is_never_decayed(nn.LayerNorm((2, 2)), "weight", 2)
    assert is_never_decayed(ToyGRN(2), "gamma", 4)
    assert is_never_decayed(nn.Module(), "scale", 0)
    assert is_never_decayed(nn.Module(), "cls_bias_table", 1)
    assert not is_never_decayed(nn.Module(), "mask_token", 4)


def backbone_scale(name, depths, rate, strategy):
    """Formula: rate ** (number - 1 - depth), depths from the tables above."""
    stage = int(name.split(".")[1]) if not name.startswith("norm") else None
    if strategy == "single":
        number = sum(depths) + 2
        if stage is None:
            depth = number - 1
        else:
            block = int(name.split(".")[2]) if name.startswith("stages") else 0
            depth = sum(depths[:stage]) + block + 1
    else:
        # depths (1, 1, 4, 1): blocks 0-2 of the third stage in group 3, block 3 in group 4, last = 3 + ceil(4 / 3) = 5.
        number = 7
        if stage is None:
            depth = 6
        elif name.startswith("downsample"):
            depth = [0, 2, 3, 5][stage]
        else:
            depth = [1, 2, 4 if name.startswith("stages.2.3") else 3, 5][stage]
    return rate ** (number - 1 - depth)


def check_whole_model(model, prefix, rate, strategy):
    """Every trainable parameter once; its lr and decay from the formulas."""
    settings = settings_by_name(build(model, layer_decay_rate=rate, strategy=strategy))
    params = dict(model.named_parameters())
    assert settings.keys() == params.keys()
    norms = {
        name + "."
        for name, module in model.named_modules()
        if isinstance(module, nn.LayerNorm | nn.GroupNorm | nn.modules.batchnorm._BatchNorm)
    }
    for name, (lr, decay) in settings.items():
        inside = name.startswith(prefix)
        scale = backbone_scale(name.removeprefix(prefix), BACKBONE_DEPTHS, rate, strategy) if inside else 1.0
        assert lr == pytest.approx(LR * scale), name
        vector = params[name].ndim <= 1 or name.endswith((".bias", ".gamma", ".beta"))
        in_norm = any(name.startswith(norm) for norm in norms)
        assert decay == (0.0 if vector or in_norm else DECAY), name


@pytest.mark.parametrize("strategy", ["single", "group"])
@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_detector_groups_follow_the_formulas(rate, strategy):
    check_whole_model(ToyDetector(), "backbone.", rate, strategy)


def test_backbone_alone_and_nested_backbone():
    check_whole_model(MODELS.build(BACKBONE), "", 0.9, "single")
    wrapper = nn.Module()
    wrapper.detector = ToyDetector()
    check_whole_model(wrapper, "detector.backbone.", 0.9, "single")


def test_mmpretrain_classifier():
    import mmpretrain.models  # noqa: F401

    init_default_scope("mmpretrain")

    model = MODELS.build(
        {
            "type": "mmpretrain.ImageClassifier",
            "backbone": BACKBONE,
            "neck": {"type": "mmpretrain.GlobalAveragePooling"},
            "head": {"type": "mmpretrain.LinearClsHead", "num_classes": 3, "in_channels": BACKBONE_CHANNELS[-1]},
        }
    )
    check_whole_model(model, "backbone.", 0.9, "single")


def test_mmseg_segmentor():
    import mmseg.models  # noqa: F401

    init_default_scope("mmseg")

    model = MODELS.build(
        {
            "type": "mmseg.EncoderDecoder",
            "data_preprocessor": {"type": "mmseg.SegDataPreProcessor"},
            "backbone": BACKBONE,
            "decode_head": {
                "type": "mmseg.FCNHead",
                "in_channels": BACKBONE_CHANNELS[-1],
                "in_index": 3,
                "channels": 4,
                "num_classes": 3,
                "norm_cfg": {"type": "BN"},
            },
            "test_cfg": {"mode": "whole"},
        }
    )
    check_whole_model(model, "backbone.", 0.9, "group")


def test_mmdet_retinanet():
    import mmdet.models  # noqa: F401

    init_default_scope("mmdet")

    model = MODELS.build(
        {
            "type": "mmdet.RetinaNet",
            "data_preprocessor": {"type": "mmdet.DetDataPreprocessor"},
            "backbone": BACKBONE,
            "neck": {"type": "mmdet.FPN", "in_channels": list(BACKBONE_CHANNELS), "out_channels": 4, "num_outs": 5},
            "bbox_head": {
                "type": "mmdet.RetinaHead",
                "num_classes": 2,
                "in_channels": 4,
                "feat_channels": 4,
                "stacked_convs": 1,
                "anchor_generator": {
                    "type": "mmdet.AnchorGenerator",
                    "octave_base_scale": 4,
                    "scales_per_octave": 1,
                    "ratios": [1.0],
                    "strides": [4, 8, 16, 32, 64],
                },
                "bbox_coder": {"type": "mmdet.DeltaXYWHBBoxCoder"},
                "loss_cls": {"type": "mmdet.FocalLoss", "use_sigmoid": True},
                "loss_bbox": {"type": "mmdet.L1Loss"},
            },
        }
    )
    check_whole_model(model, "backbone.", 0.9, "group")


def test_custom_keys_multiply_on_top_and_the_longest_wins():
    keys = {
        "backbone": {"lr_mult": 0.1},
        "backbone.stages.3": {"lr_mult": 2.0, "decay_mult": 3.0},
        "head": {"lr_mult": 10},
    }
    plain = settings_by_name(build(ToyDetector(), layer_decay_rate=0.9))
    custom = settings_by_name(build(ToyDetector(), layer_decay_rate=0.9, custom_keys=keys))
    for name, (lr, decay) in plain.items():
        lr_mult, decay_mult = 1.0, 1.0
        if name.startswith("backbone.stages.3"):
            lr_mult, decay_mult = 2.0, 3.0
        elif name.startswith("backbone"):
            lr_mult = 0.1
        elif name.startswith("head"):
            lr_mult = 10.0
        assert custom[name] == (pytest.approx(lr * lr_mult), pytest.approx(decay * decay_mult)), name


def test_equal_settings_share_a_group_and_the_full_rate_comes_first():
    groups = build(ToyDetector(), layer_decay_rate=0.9).optimizer.param_groups
    keys = [(group["lr_scale"], group["weight_decay"]) for group in groups]
    assert len(set(keys)) == len(keys)
    # 'single', seven blocks: depths 1-7 and the full rate, each with and without decay.
    assert len(keys) == 2 * 8
    assert keys[0][0] == 1.0
    assert all(group["lr"] == LR * group["lr_scale"] for group in groups)
    # Without layer decay only 'decayed' and 'never decayed' are left.
    assert len(build(ToyDetector(), layer_decay_rate=1).optimizer.param_groups) == 2


def test_shared_and_frozen_parameters():
    model = ToyDetector()
    model.tied = nn.Conv2d(8, 4, 1)
    model.tied.weight = model.neck.weight
    for param in model.backbone.downsample_layers[0].parameters():
        param.requires_grad = False
    settings = settings_by_name(build(model, layer_decay_rate=0.9))
    assert "neck.weight" in settings
    assert "tied.weight" not in settings
    assert "tied.bias" in settings
    assert not any(name.startswith("backbone.downsample_layers.0.") for name in settings)
    assert "backbone.downsample_layers.1.0.weight" in settings


@pytest.mark.parametrize(
    ("paramwise_cfg", "message"),
    [
        ({"layer_decay_rate": 0.0}, r"layer_decay_rate=0.0.*\(0, 1\]"),
        ({"layer_decay_rate": 1.5}, r"layer_decay_rate=1.5"),
        ({"layer_decay_rate": "0.9"}, r"layer_decay_rate='0.9'"),
        ({"strategy": "single"}, r"layer_decay_rate=None"),
        ({"layer_decay_rate": 0.9, "strategy": "stage_wise"}, "stage_wise.*single, group, stage"),
        ({"decay_rate": 0.9}, "'decay_rate'.*use 'layer_decay_rate'.*layer_decay_rate, strategy, custom_keys"),
        ({"layer_decay_rate": 0.9, "decay_type": "layer_wise"}, "use 'strategy'.*'stage_wise' is 'stage'"),
        ({"layer_decay_rate": 0.9, "num_layers": 12}, "the backbone knows its depths"),
        ({"layer_decay_rate": 0.9, "norm_decay_mult": 0.0}, "never decayed"),
        ({"layer_decay_rate": 0.9, "momentum": 1}, "no key 'momentum'"),
        ({"layer_decay_rate": 0.9, "custom_keys": {"neck": {"lr": 1}}}, "'neck'.*lr_mult.*decay_mult"),
    ],
)
def test_wrong_settings_are_refused_with_the_fix(paramwise_cfg, message):
    with pytest.raises(ValueError, match=message):
        build(ToyDetector(), **paramwise_cfg)


@pytest.mark.parametrize("missing", ["lr", "weight_decay"])
def test_optimizer_states_its_rates(missing):
    optimizer = {"type": "AdamW", "lr": LR, "weight_decay": DECAY}
    del optimizer[missing]
    with pytest.raises(ValueError, match=missing):
        build(ToyDetector(), optimizer=optimizer, layer_decay_rate=0.9)


def test_names_that_wrappers_insert_do_not_hide_the_layers():
    plain = settings_by_name(build(ToyDetector(), layer_decay_rate=0.9))
    model = ToyDetector()
    # What FSDP and activation checkpointing do: the wrapped module becomes a child under a name of theirs.
    for parent, child in ((model.backbone.stages[2], "0"), (model, "backbone")):
        outer = nn.Module()
        outer._fsdp_wrapped_module = getattr(parent, child)
        setattr(parent, child, outer)
    assert settings_by_name(build(model, layer_decay_rate=0.9)) == plain


def test_flattened_parameters_are_refused():
    model = ToyDetector()
    model._flat_param = nn.Parameter(torch.zeros(4))
    with pytest.raises(ValueError, match="use_orig_params=True"):
        build(model, layer_decay_rate=0.9)


def test_model_without_depths_is_refused_by_name():
    model = nn.Module()
    model.backbone = nn.Linear(1, 1)
    with pytest.raises(ValueError, match=r"Module with backbone Linear.*cnxv2_mm\.ConvNeXtV2"):
        build(model, layer_decay_rate=0.9)


@pytest.fixture
def messages():
    """What the current MMLogger says while a test runs."""
    records = []

    class Keep(logging.Handler):
        def emit(self, record):
            records.append((record.levelname, record.getMessage()))

    logger, handler = MMLogger.get_current_instance(), Keep()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def test_groups_are_logged_once_and_unused_keys_are_reported(messages):
    build(ToyDetector(), layer_decay_rate=0.9, custom_keys={"nekc": {"lr_mult": 2}})
    tables = [text for _, text in messages if "tensors" in text]
    assert len(tables) == 1
    lines = tables[0].splitlines()
    assert len(lines) == 2 + 16  # a title, the columns, one line per group
    # Column five counts tensors, column six parameters.
    model = ToyDetector()
    assert sum(int(line.split()[4]) for line in lines[2:]) == len(list(model.parameters()))
    assert sum(int(line.split()[5].replace(",", "")) for line in lines[2:]) == sum(
        p.numel() for p in model.parameters()
    )
    assert [level for level, text in messages if "nekc" in text] == ["WARNING"]


def test_schedules_scale_every_group():
    wrapper = build(ToyDetector(), layer_decay_rate=0.9)
    start = [group["lr"] for group in wrapper.optimizer.param_groups]
    scheduler = CosineAnnealingLR(wrapper, T_max=10, eta_min=0.0)
    for _ in range(5):
        wrapper.optimizer.step()
        scheduler.step()
    # Half of a cosine down to zero: (1 + cos(pi / 2)) / 2.
    assert [group["lr"] for group in wrapper.optimizer.param_groups] == pytest.approx([lr / 2 for lr in start])


def test_optimizer_state_survives_a_round_trip():
    model = ToyDetector()
    wrapper = build(model, layer_decay_rate=0.9)
    wrapper.update_params(model(torch.randn(2, 3, 32, 32)))
    state = copy.deepcopy(wrapper.state_dict())
    other = build(ToyDetector(), layer_decay_rate=0.9)
    other.load_state_dict(state)
    for mine, theirs in zip(wrapper.optimizer.param_groups, other.optimizer.param_groups, strict=True):
        assert mine["param_names"] == theirs["param_names"]
        assert mine["lr"] == theirs["lr"]


def test_amp_wrapper_and_accumulation(monkeypatch):
    # mmengine refuses to build the wrapper without a GPU; its groups are the constructor's either way.
    monkeypatch.setattr("mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available", lambda: True)
    wrapper = build_optim_wrapper(
        ToyDetector(),
        ConfigDict(
            type="AmpOptimWrapper",
            dtype="bfloat16",
            accumulative_counts=2,
            constructor=CONSTRUCTOR,
            optimizer={"type": "AdamW", "lr": LR, "weight_decay": DECAY},
            paramwise_cfg={"layer_decay_rate": 0.9},
        ),
    )
    assert isinstance(wrapper, AmpOptimWrapper)
    assert wrapper.cast_dtype is torch.bfloat16
    assert settings_by_name(wrapper) == settings_by_name(build(ToyDetector(), layer_decay_rate=0.9))


@pytest.fixture
def one_process_group(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("one_process_group")
def test_distributed_model_has_the_names_of_the_plain_one():
    plain = settings_by_name(build(ToyDetector(), layer_decay_rate=0.9))
    wrapper = build(MMDistributedDataParallel(ToyDetector(), find_unused_parameters=True), layer_decay_rate=0.9)
    assert isinstance(wrapper, OptimWrapper)
    assert settings_by_name(wrapper) == plain
