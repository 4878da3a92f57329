"""Trainings in miniature, of every kind that a page is written about."""

import json
from pathlib import Path

from mmengine.config import Config

from cnxv2_mm.config.load import load_config
from tests.configs.common import ROOT
from tests.tools.conftest import CONFIG
from tests.training.monitoring.conftest import settings

PAGE = {"type": "cnxv2_mm.ReportPageHook"}
PROBES = [
    {"type": "cnxv2_mm.FeatureProbeHook", "interval": 4},
    {"type": "cnxv2_mm.ReconstructionSheetHook", "interval": 4, "num_images": 2},
    {"type": "cnxv2_mm.ThroughputHook"},
]


SCHEDULE = [{"type": "cnxv2_mm.WarmupCosineLR", "warmup_share": 0.2, "by_epoch": False}]


def fcmae(folder, images, hooks=(), **changes):
    """A pre-training of ten steps in two epochs."""
    config = settings(folder, images, custom_hooks=[*PROBES, *hooks], **changes)
    config.param_scheduler = SCHEDULE
    return config


def digits(folder, hooks=(PAGE,), **changes):
    """A training of a classifier of mmengine's own kind: 15 steps in 3 epochs, with a validation after each."""
    config = Config.fromstring(CONFIG, ".py")
    config.merge_from_dict({"work_dir": str(folder), "experiment_name": str(folder).replace("/", "_")})
    config.train_cfg = changes.pop("train_cfg", {"by_epoch": True, "max_epochs": 3, "val_interval": 1})
    config.param_scheduler = SCHEDULE
    config.train_dataloader.sampler = {"type": "DefaultSampler", "shuffle": True}
    config.train_dataloader.dataset.count = 40
    logger, checkpoint = {"type": "LoggerHook", "interval": 3}, {"type": "CheckpointHook", "interval": 1}
    config.default_hooks = {"logger": logger, "checkpoint": checkpoint}
    config.merge_from_dict({"custom_hooks": list(hooks), **changes})
    return config


def task(name, folder, hooks, steps=4):
    """A detector, a segmenter or a classifier of the demo, on other data: two validations.

    Args:
        name: "mask_rcnn", "upernet" or "classification".
        folder: Where the data are, as tests/configs/images.py writes them, and the run will be.
        hooks: Custom hooks.
        steps: Of the training.
    """
    config = load_config(str(ROOT / "configs" / "demo" / f"{name}.py"))
    config.merge_from_dict(
        {
            "work_dir": str(folder / "run"),
            "experiment_name": str(folder).replace("/", "_"),
            "model.backbone.init_cfg": None,
            "train_dataloader.num_workers": 0,
            "val_dataloader.num_workers": 0,
            "train_dataloader.batch_size": 2,
            "val_dataloader.batch_size": 2,
            "default_hooks.logger.interval": 1,
            "custom_hooks": list(hooks),
            "optim_wrapper.optimizer.fused": False,
        }
    )
    config.visualizer = {"type": "Visualizer", "name": str(folder), "vis_backends": [{"type": "LocalVisBackend"}]}
    config.model.backbone.arch = {"depths": (1, 1, 1, 1), "channels": (8, 16, 32, 64)}
    config.train_cfg = {"by_epoch": False, "max_iters": steps, "val_interval": steps // 2}
    data = {
        "mask_rcnn": {"ann_file": str(folder / "annotations/instances_{}2017.json"), "prefix": {"img": "{}2017/"}},
        "upernet": {"prefix": {"img_path": "images/{}", "seg_map_path": "annotations/{}"}},
        "classification": {},
    }[name]
    splits = ("training", "validation") if name == "upernet" else ("train", "val")
    for split, loader in zip(splits, (config.train_dataloader, config.val_dataloader), strict=True):
        dataset = loader.dataset
        dataset.data_root = str(folder)
        if "ann_file" in data:
            dataset.ann_file = data["ann_file"].format(split)
        if "prefix" in data:
            dataset.data_prefix = {key: value.format(split) for key, value in data["prefix"].items()}
        else:
            dataset.data_root = str(folder / split)
    if name == "mask_rcnn":
        from tests.configs.images import COCO_NAMES

        for loader in (config.train_dataloader, config.val_dataloader):
            loader.dataset.metainfo = {"classes": COCO_NAMES}
        config.val_evaluator.ann_file = data["ann_file"].format("val")
        config.model.neck.in_channels = [8, 16, 32, 64]
    if name == "upernet":
        config.model.decode_head.in_channels = [8, 16, 32, 64]
        config.model.auxiliary_head.in_channels = 32
    if name == "classification":
        config.model.head.in_channels = 64
    return config


def scalars(work_dir):
    """What mmengine has written: the lines of each start, in the order of time."""
    files = sorted(Path(work_dir).glob("*/vis_data/scalars.json"))
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]
