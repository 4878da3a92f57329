"""Learning rate and weight decay of every parameter, against the formulas of ``oracle.py``.

Of every config; and of all eight sizes inside a classifier, a detector and a segmentor, through our constructor and
those of mmpretrain, mmdetection and mmsegmentation.
"""

import math
from copy import deepcopy
from functools import cache

import pytest

from cnxv2_mm.config.build import build_on_meta
from tests.configs import oracle
from tests.configs.common import (
    ALL_SIZES,
    CONFIGS,
    build,
    build_model,
    is_pre_training,
    load,
    optimizer_groups,
    size_of,
)
from tests.configs.recipes import IN1K

LR, DECAY = 1e-3, 0.05
OURS = "cnxv2_mm.LayerDecayOptimWrapperConstructor"
# Of each library, a config to take heads from.
DONORS = {
    "mmpretrain": "configs/imagenet/convnextv2-base_32xb32-100e_in1k.py",
    "mmdet": "configs/coco/mask-rcnn_convnextv2-base_fpn_lsj-3x_coco.py",
    "mmseg": "configs/ade20k/upernet_convnextv2-base_8xb2-160k_ade20k-512x512.py",
}


def check(model, groups, scale, lr, decay):
    """Every trainable parameter is in one group; ``scale`` gives its share of ``lr`` from its name in the backbone."""
    params = {name: p for name, p in model.named_parameters() if p.requires_grad}
    names = {id(p): name for name, p in params.items()}
    found = {names[id(p)]: (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    assert sum(len(g["params"]) for g in groups) == len(params)
    expected = {
        name: (
            pytest.approx(lr * (scale(name.removeprefix("backbone.")) if name.startswith("backbone.") else 1.0)),
            decay if oracle.is_decayed(name, p.ndim) else 0.0,
        )
        for name, p in params.items()
    }
    assert found == expected


@pytest.mark.parametrize("path", [path for path in CONFIGS if not is_pre_training(path)])
def test_of_every_config(path):
    check_config(path)


@pytest.mark.parametrize("path", [path for path in CONFIGS if is_pre_training(path)])
def test_pre_training_decays_no_vector_which_is_our_choice(path):
    """The official ``main_pretrain.py`` decays GRN and the mask token, by timm's older rule."""
    check_config(path)


def check_config(path):
    cfg = load(path)
    rule, optimizer = cfg.optim_wrapper.paramwise_cfg, cfg.optim_wrapper.optimizer
    size = size_of(path)

    def scale(name):
        strategy = rule.get("strategy", "single")
        if strategy == "single":
            return oracle.single_scale(name, oracle.DEPTHS[size], rule.layer_decay_rate)
        of_strategy = {"group": oracle.group_scale, "stage": oracle.stage_scale}[strategy]
        return of_strategy(name, oracle.last_group(size), rule.layer_decay_rate)

    model = build(path)
    groups = optimizer_groups(model, cfg.optim_wrapper, cfg.default_scope)
    check(model, groups, scale, optimizer.lr, optimizer.weight_decay)


@cache
def model_of(library, size):
    """The library's model around a backbone of that size."""
    cfg = load(DONORS[library])
    model = deepcopy(cfg.model)
    model.backbone.arch = size
    channels = oracle.channels(size)
    if library == "mmpretrain":
        model.head.in_channels = channels[-1]
    elif library == "mmdet":
        model.neck.in_channels = channels
    else:
        model.decode_head.in_channels = channels
        model.auxiliary_head.in_channels = channels[2]
    return build_model(model, library)


def groups_by(library, size, constructor, **paramwise_cfg):
    wrapper = {
        "constructor": constructor,
        "optimizer": {"type": "AdamW", "lr": LR, "weight_decay": DECAY},
        "paramwise_cfg": paramwise_cfg,
    }
    return optimizer_groups(model_of(library, size), wrapper, library)


@pytest.mark.parametrize("size", ALL_SIZES)
@pytest.mark.parametrize("library", DONORS)
def test_our_constructor_in_each_library(library, size):
    depths = oracle.DEPTHS[size]
    groups = groups_by(library, size, OURS, layer_decay_rate=0.9, strategy="single")
    check(model_of(library, size), groups, lambda name: oracle.single_scale(name, depths, 0.9), LR, DECAY)


@pytest.mark.parametrize(
    ("size", "last"),
    [(size, last) for size, (last, _) in oracle.LAST_GROUP.items()],
    ids=[f"{size}, {source}" for size, (_, source) in oracle.LAST_GROUP.items()],
)
@pytest.mark.parametrize("library", DONORS)
def test_our_constructor_in_groups_in_each_library(library, size, last):
    groups = groups_by(library, size, OURS, layer_decay_rate=0.6, strategy="group")
    check(model_of(library, size), groups, lambda name: oracle.group_scale(name, last, 0.6), LR, DECAY)


@pytest.mark.parametrize("size", ALL_SIZES)
def test_constructor_of_mmpretrain(size):
    """The backbone gives it the depths of groups. It decays no vector when told so, and GRN's are vectors."""
    no_decay = {"norm_decay_mult": 0.0, "bias_decay_mult": 0.0, "flat_decay_mult": 0.0}
    groups = groups_by(
        "mmpretrain", size, "mmpretrain.LearningRateDecayOptimWrapperConstructor", layer_decay_rate=0.9, **no_decay
    )
    last = oracle.last_group(size)
    check(model_of("mmpretrain", size), groups, lambda name: oracle.group_scale(name, last, 0.9), LR, DECAY)


@pytest.mark.parametrize("size", ALL_SIZES)
@pytest.mark.parametrize("library", ["mmdet", "mmseg"])
def test_constructors_of_mmdet_and_mmseg(library, size):
    """They know ConvNeXt by the class's name and its parameters by theirs; their ``num_layers`` is set by hand."""
    last = 12 if oracle.DEPTHS[size][2] == 27 else 6
    constructor = f"{library}.LearningRateDecayOptimizerConstructor"
    for decay_type, scale in (("layer_wise", oracle.group_scale), ("stage_wise", oracle.stage_scale)):
        groups = groups_by(library, size, constructor, decay_rate=0.8, decay_type=decay_type, num_layers=last)
        check(model_of(library, size), groups, lambda name, scale=scale: scale(name, last, 0.8), LR, DECAY)


@pytest.mark.parametrize("size", ALL_SIZES)
def test_by_stage_equals_mmseg_on_mmpretrains_network(size):
    """Every tensor of ``mmpretrain.ConvNeXt``, its norms and mmseg's heads, learns and decays as in ours."""
    last = oracle.last_group(size)
    model = deepcopy(load(DONORS["mmseg"]).model)
    arch = {"depths": oracle.DEPTHS[size], "channels": oracle.channels(size)}
    model.backbone = {"type": "mmpretrain.ConvNeXt", "arch": arch, "use_grn": True, "layer_scale_init_value": 0.0}
    model.backbone |= {"out_indices": (0, 1, 2, 3), "gap_before_final_norm": False}
    model.decode_head.in_channels = oracle.channels(size)
    model.auxiliary_head.in_channels = oracle.channels(size)[2]
    theirs = build_on_meta(model, "mmseg")
    wrapper = {
        "constructor": "mmseg.LearningRateDecayOptimizerConstructor",
        "optimizer": {"type": "AdamW", "lr": LR, "weight_decay": DECAY},
        "paramwise_cfg": {"decay_rate": 0.9, "decay_type": "stage_wise", "num_layers": last},
    }
    expected = settings_of(theirs, optimizer_groups(theirs, wrapper, "mmseg"))
    assert len(expected) == len(list(theirs.parameters()))
    groups = groups_by("mmseg", size, OURS, layer_decay_rate=0.9, strategy="stage")
    assert settings_of(model_of("mmseg", size), groups) == expected


def settings_of(model, groups):
    """Rate and decay of every parameter by its name in ours, rates to twelve places."""
    names = {id(p): name for name, p in model.named_parameters()}
    settings = {names[id(p)]: (round(g["lr"], 12), g["weight_decay"]) for g in groups for p in g["params"]}
    ours = (("depthwise_conv", "dwconv"), ("pointwise_conv", "pwconv"))
    return {name.replace(*ours[0]).replace(*ours[1]): setting for name, setting in settings.items()}


@pytest.mark.parametrize(("size", "expected"), [("base", 9.0e-5), ("large", 9.0e-5), ("huge", 2.4e-5)])
def test_the_mean_rate_of_a_block_in_fine_tuning(size, expected):
    """Geometric means; MAE's recipe for ViT-H has 3.5e-5. A rate ten times too low, or another type of decay, shows."""
    cfg, model = load(IN1K[size]), build(IN1K[size])
    weights = {id(p) for name, p in model.named_parameters() if name.endswith("dwconv.weight")}
    groups = optimizer_groups(model, cfg.optim_wrapper, cfg.default_scope)
    logs = [math.log(group["lr"]) for group in groups for p in group["params"] if id(p) in weights]
    assert len(logs) == 36
    assert math.exp(sum(logs) / 36) == pytest.approx(expected, rel=0.02)


def test_the_formulas_give_the_numbers_of_the_official_code():
    """Stem scales that follow from ``optim_factory.py``: atto 0.9 ** 12, tiny 0.9 ** 18, base in groups 0.6 ** 13."""
    stem = "downsample_layers.0.0.weight"
    assert oracle.single_scale(stem, oracle.DEPTHS["atto"], 0.9) == pytest.approx(0.282, abs=5e-4)
    assert oracle.single_scale(stem, oracle.DEPTHS["tiny"], 0.9) == pytest.approx(0.150, abs=5e-4)
    assert oracle.group_scale(stem, oracle.last_group("base"), 0.6) == pytest.approx(1.3e-3, abs=5e-5)
