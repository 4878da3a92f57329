"""The recipes that people start from: what they share with the sources that they name, and what we chose.

Oracles are mmdetection's own configs and the numbers of ConvNeXt V1's (facebookresearch/ConvNeXt @ 048efce). A test of
what is our choice says so in its name.
"""

import ast
import math
import re

import numpy as np
import pytest
import tifffile
import timm
import torch
from mmengine.dataset import Compose
from mmengine.registry import MODELS, TRANSFORMS, init_default_scope

from cnxv2_mm.backbone import ConvNeXtV2  # before mmdet, whose operators it supplies
from cnxv2_mm.config.load import load_config
from cnxv2_mm.zoo import find_weight
from tests.configs import images
from tests.configs.common import (
    DINO,
    DINO_FROZEN,
    LOW_DATA,
    MULTICHANNEL,
    ROOT,
    RTMDET,
    RTMDET_FROZEN,
    STARTING_POINTS,
    build,
    load,
    optimizer_groups,
)

# isort: split
from mmdet.structures import DetDataSample

DINOV3 = [path for path in STARTING_POINTS if "-dinov3" in path]
FROZEN = {DINO_FROZEN: DINO, RTMDET_FROZEN: RTMDET}
THEIRS = {
    DINO: "mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py",
    RTMDET: "mmdet::rtmdet/rtmdet_l_convnext_b_4xb32-100e_coco.py",
}
# Of ours in mmdet's words -> what is not theirs, and may differ.
OF_THE_BACKBONE = ("model.backbone.", "custom_imports.", "optim_wrapper.constructor", "optim_wrapper.paramwise_cfg.")
DIFFERENT = {
    DINO: {
        "model.neck.in_channels": [192, 384, 768],
        "model.data_preprocessor.pad_size_divisor": 32,
        "default_hooks.checkpoint.max_keep_ckpts": 2,
        "default_hooks.checkpoint.save_best": "coco/bbox_mAP",
    },
    RTMDET: {
        "model.neck.in_channels": [192, 384, 768],
        "model.neck.out_channels": 192,
        "model.neck.num_csp_blocks": 2,
        "model.bbox_head.in_channels": 192,
        "model.bbox_head.feat_channels": 192,
        "auto_scale_lr.base_batch_size": 128,
        "default_hooks.checkpoint.save_best": "coco/bbox_mAP",
    },
}
# Values of the config files themselves that only their other values read.
HELPERS = ("lr", "base_lr", "checkpoint", "checkpoint_file", "norm_cfg", "pretrained")


def flat(value, prefix=""):
    """A config as ``{"model.backbone.arch": "tiny"}``; lists of dictionaries by their numbers."""
    if isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return {prefix: list(value) if isinstance(value, tuple) else value}
    items = ((str(key), item) for key, item in value.items() if key != "_scope_")
    parts = [flat(item, f"{prefix}.{key}" if prefix else key) for key, item in items]
    return {name: item for part in parts for name, item in part.items()}


def header_of(path):
    return " ".join(ast.get_docstring(ast.parse((ROOT / path).read_text())).split())


def scales_of(path):
    """Parameter -> its learning rate in units of the heads'."""
    cfg, model = load(path), build(path)
    names = {id(p): name for name, p in model.named_parameters()}
    groups = optimizer_groups(model, cfg.optim_wrapper, cfg.default_scope)
    return {names[id(p)]: group["lr"] / cfg.optim_wrapper.optimizer.lr for group in groups for p in group["params"]}


@pytest.mark.parametrize("path", THEIRS)
def test_beside_the_backbone_and_its_rates_it_is_mmdetections(path):
    ours, theirs = (flat(config.to_dict()) for config in (load(path), load_config(THEIRS[path])))
    differences = {
        name: ours.get(name)
        for name in ours | theirs
        if ours.get(name) != theirs.get(name) and not name.startswith((*OF_THE_BACKBONE, "param_scheduler."))
    }
    assert differences.pop("optim_wrapper.optimizer.fused") is True  # the same numbers, faster
    assert {name: value for name, value in differences.items() if name not in HELPERS} == DIFFERENT[path]


def test_the_schedule_of_dino_is_mmdetections():
    ours, theirs = (flat(config.param_scheduler) for config in (load(DINO), load_config(THEIRS[DINO])))
    assert ours == theirs


def test_the_schedule_of_rtmdet_is_mmdetections_relative_to_each_rate():
    warmup, cosine = (dict(item) for item in load_config(THEIRS[RTMDET]).param_scheduler)
    lowest = cosine.pop("eta_min") / load_config(THEIRS[RTMDET]).optim_wrapper.optimizer.lr
    ours = load(RTMDET).param_scheduler
    assert dict(ours[0]) == warmup
    assert {"by_epoch": True, **ours[1]} == {**cosine, "eta_min_ratio": pytest.approx(lowest)}


def test_rtmdets_neck_and_head_are_those_of_its_size_m():
    m = load_config("mmdet::rtmdet/rtmdet_m_8xb32-300e_coco.py").model
    ours = load(RTMDET).model
    for part, key in (("neck", "in_channels"), ("neck", "out_channels"), ("neck", "num_csp_blocks")):
        assert ours[part][key] == m[part][key]
    for key in ("in_channels", "feat_channels"):
        assert ours.bbox_head[key] == m.bbox_head[key]


def test_our_layer_decay_of_dino_has_the_mean_rate_of_mmdetections():
    """A tenth, of the blocks' geometric mean."""
    theirs = load_config(THEIRS[DINO]).optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult
    blocks = [scale for name, scale in scales_of(DINO).items() if re.search(r"stages.*dwconv\.weight", name)]
    assert len(blocks) == 3 + 3 + 9 + 3
    mean = math.exp(sum(map(math.log, blocks)) / len(blocks))
    assert theirs == 0.1
    assert mean == pytest.approx(theirs, rel=0.25)
    assert [min(blocks), max(blocks)] == pytest.approx([0.8**18, 0.8])


@pytest.mark.parametrize(("path", "lr", "images"), [(RTMDET, 1e-3, 128), (LOW_DATA, 1e-4, 4)])
def test_the_layer_decay_is_that_of_version_1_of_its_size(path, lr, images):
    """V1's Cascade Mask R-CNN: 0.7, layer_wise, num_layers 6 for T; the stem has six more below its own."""
    cfg = load(path)
    assert (cfg.optim_wrapper.optimizer.lr, cfg.auto_scale_lr.base_batch_size) == (lr, images)
    assert scales_of(path)["backbone.downsample_layers.0.0.weight"] == pytest.approx(0.7**7)
    cascade = load("configs/coco/cascade-mask-rcnn_convnextv2-tiny_fpn_4conv1fc-giou_ms-crop-3x_coco.py")
    assert cfg.optim_wrapper.paramwise_cfg == cascade.optim_wrapper.paramwise_cfg


@pytest.mark.parametrize("path", FROZEN)
def test_frozen_differs_in_what_freezing_needs(path):
    ours, other = (flat(load(name).to_dict()) for name in (path, FROZEN[path]))
    differences = {name for name in ours | other if ours.get(name) != other.get(name)}
    assert differences - {"model.backbone.with_cp"} == {
        "model.backbone.frozen_stages",
        "model.backbone.drop_path_rate",
        "optim_wrapper.paramwise_cfg.layer_decay_rate",
    }


@pytest.mark.parametrize("path", FROZEN)
def test_frozen_trains_everything_but_the_backbone(path):
    model = build(path).train()
    try:
        for name, module in model.named_modules():
            inside = name.startswith("backbone.")
            if name != "backbone" and any(True for _ in module.parameters(recurse=False)):
                assert module.training != inside, name
        for name, parameter in model.named_parameters():
            assert parameter.requires_grad != name.startswith("backbone."), name
        scales = scales_of(path)
        assert scales.keys() == {name for name, _ in model.named_parameters() if not name.startswith("backbone.")}
        assert set(scales.values()) == {1.0}
    finally:
        model.eval()


@pytest.mark.parametrize("path", DINOV3)
def test_it_is_dinov3s_network_with_its_images(path):
    """Of the name in the file the zoo knows the network and the licence, and timm the mean and standard deviation."""
    cfg = load(path)
    name = cfg.model.backbone.init_cfg.checkpoint
    weight, theirs = find_weight(name), timm.get_pretrained_cfg(name)
    assert name == "convnext_tiny.dinov3_lvd1689m"
    assert {key: cfg.model.backbone[key] for key in weight.backbone} == weight.backbone
    assert weight.licence in header_of(FROZEN.get(path, path))
    preprocessor = cfg.model.data_preprocessor
    assert preprocessor.bgr_to_rgb
    assert preprocessor.mean == pytest.approx([255 * x for x in theirs.mean])
    assert preprocessor.std == pytest.approx([255 * x for x in theirs.std])


@pytest.mark.parametrize("path", STARTING_POINTS)
def test_the_header_says_that_it_is_our_choice_and_not_run(path):
    header = header_of(path)
    assert "Expected: unknown, nothing is published for it; not run here." in header
    assert "[ours] our choice" in header_of(FROZEN.get(path, path))


@pytest.mark.parametrize("path", [DINO, DINO_FROZEN])
def test_padded_images_fill_the_cells_of_dino(path):
    """The backbone would leave out up to 31 rows and columns, and DINO's places be shares of what it leaves."""
    cfg = load(path)
    with MODELS.switch_scope_and_registry("mmdet") as registry:
        build_batch = registry.build(cfg.model.data_preprocessor)
    samples = [DetDataSample(metainfo={"img_shape": (45, 70)}), DetDataSample(metainfo={"img_shape": (60, 33)})]
    batch = build_batch({"inputs": [torch.zeros(3, 45, 70), torch.zeros(3, 60, 33)], "data_samples": samples})
    assert tuple(batch["inputs"].shape) == (2, 3, 64, 96)
    assert cfg.model.backbone.out_indices == (1, 2, 3)


CLASSES_KEYS = ("train_dataloader", "val_dataloader", "test_dataloader")


@pytest.mark.parametrize(("path", "heads"), [(LOW_DATA, 2), (MULTICHANNEL, 2)])
def test_classes_are_set_in_one_place(path, heads, tmp_path):
    text, count = re.subn(r"(?m)^classes = .*$", 'classes = ("a", "b", "c", "d", "e")', (ROOT / path).read_text())
    assert count == 1
    folder = (ROOT / path).parent
    (tmp_path / "copy.py").write_text(text.replace('"./', f'"{folder}/'))
    cfg = load_config(str(tmp_path / "copy.py"))
    assert {tuple(cfg[key].dataset.metainfo.classes) for key in CLASSES_KEYS} == {tuple("abcde")}
    numbers = [value for name, value in flat(cfg.model.to_dict()).items() if name.endswith("num_classes")]
    assert numbers == [5] * heads


def test_low_data_averages_over_a_twentieth_of_the_training_which_is_our_choice():
    cfg = load(LOW_DATA)
    (hook,) = cfg.custom_hooks
    assert hook.type == "EMAHook"
    assert 1 / hook.momentum == pytest.approx(cfg.train_cfg.max_iters / 20)
    assert (1 - hook.momentum) ** cfg.train_cfg.max_iters < 1e-8  # the share of the starting weights


def test_low_data_validates_and_keeps_the_best_which_is_our_choice():
    cfg = load(LOW_DATA)
    saving = cfg.default_hooks.checkpoint
    assert (saving.by_epoch, saving.interval, saving.save_best) == (False, cfg.train_cfg.val_interval, "coco/bbox_mAP")
    assert cfg.train_cfg.max_iters % cfg.train_cfg.val_interval == 0
    files = {
        cfg.val_evaluator.ann_file,
        cfg.test_evaluator.ann_file,
        cfg.val_dataloader.dataset.data_root + cfg.val_dataloader.dataset.ann_file,
    }
    assert files == {"data/my_images/annotations/val.json"}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_channels_of_the_segmenter_are_those_of_its_pre_training(dtype, tmp_path):
    """Both files make the same numbers of a tile: what FCMAE saw, UperNet sees."""
    pre_training = load("configs/fcmae/folder_multichannel.py")
    cfg = load(MULTICHANNEL)
    assert cfg.model.backbone.in_channels == pre_training.model.backbone.in_channels == 8
    tile = np.random.default_rng(0).integers(0, 255, (512, 512, 8)).astype(dtype)
    tifffile.imwrite(tmp_path / "tile.tif", tile)
    images.write(tmp_path / "tile.png", np.zeros((512, 512), np.uint8))
    sample = {"img_path": str(tmp_path / "tile.tif"), "seg_map_path": str(tmp_path / "tile.png"), "seg_fields": []}
    sample |= {"reduce_zero_label": False, "label_map": None}
    with MODELS.switch_scope_and_registry("mmpretrain") as registry:
        preprocessor = registry.build(pre_training.model.data_preprocessor)
    expected = preprocessor({"inputs": [torch.from_numpy(tile.astype(np.float32)).permute(2, 0, 1)]})["inputs"][0]
    for key in ("train_pipeline", "test_pipeline", "tta_pipeline"):
        init_default_scope("mmseg")
        steps = [step for step in cfg[key] if step["type"] not in ("RandomResize", "RandomCrop", "RandomFlip")]
        result = Compose([TRANSFORMS.build(step) for step in steps])(dict(sample))
        inputs = result["inputs"]
        for found in inputs if isinstance(inputs, list) else [inputs]:
            found = found.flip(-1) if not torch.allclose(found, expected, atol=1e-5) else found
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [3, 8])
def test_the_segmenter_normalises_once(channels):
    """In its pipelines; mmseg's preprocessor knows one and three channels only, and turns three around if told so."""
    with MODELS.switch_scope_and_registry("mmseg") as registry:
        preprocessor = registry.build(load(MULTICHANNEL).model.data_preprocessor)
    normalised = torch.randn(channels, 64, 64)
    assert torch.equal(preprocessor({"inputs": [normalised]})["inputs"][0], normalised)


def test_the_segmenter_has_the_middle_rate_of_the_papers_sweep_for_its_batch():
    """Appendix A.4: 1e-4, 2e-4, 3e-4 for 16 images."""
    cfg = load(MULTICHANNEL)
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(2e-4 * cfg.train_dataloader.batch_size / 16)
    assert cfg.optim_wrapper.paramwise_cfg == {"layer_decay_rate": 0.9, "strategy": "stage"}


def test_three_channels_are_named_as_the_other_start():
    text = (ROOT / MULTICHANNEL).read_text()
    assert re.search(r'#.*dict\(checkpoint="convnextv2_tiny_in1k", stem="inflate"\)', text)


def test_a_frozen_backbone_runs_in_evaluation_mode_whatever_its_drop_rate():
    """Else the drop rate of 0 in the files would be all that keeps its maps from changing."""
    arch = {"depths": (1, 1, 1, 1), "channels": (8, 8, 8, 8)}
    network = ConvNeXtV2(arch, drop_path_rate=0.9, frozen_stages=4).train()
    inputs = torch.randn(2, 3, 32, 32)
    first, second = network(inputs), network(inputs)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
