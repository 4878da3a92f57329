"""FCMAE in miniature for several processes: crops of photographs, each with a mask of its own.

The masks are in the data samples, so that an image has the same one in whichever process it is.
"""

import json
from collections import Counter
from pathlib import Path

import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, HOOKS
from mmengine.structures import BaseDataElement
from torch._dynamo.utils import counters

import cnxv2_mm  # noqa: F401  (registers)
from cnxv2_mm.masking import random_visible
from tests.conftest import photographs

CONFIG = """
custom_imports = dict(imports=["tests.tools.toy_pictures"])
default_scope = "mmengine"
model = dict(
    type="cnxv2_mm.FCMAE", decoder=dict(width=16),
    backbone=dict(type="cnxv2_mm.ConvNeXtV2", arch=dict(depths=(1, 1, 2, 1), channels=(8, 16, 32, 64))))
train_dataloader = dict(
    batch_size=8, num_workers=0, dataset=dict(type="MaskedPictures"),
    sampler=dict(type="InfiniteSampler", shuffle=True), collate_fn=dict(type="default_collate"))
train_cfg = dict(by_epoch=False, max_iters=4)
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3, betas=(0.9, 0.95), weight_decay=0.05),
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor", paramwise_cfg=dict(layer_decay_rate=0.9))
param_scheduler = [dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=4)]
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=1), checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=1))
randomness = dict(seed=0, diff_rank_seed=True)
env_cfg = dict(dist_cfg=dict(backend="nccl", timeout=300))  # as configs for GPUs have it
"""


@DATASETS.register_module(force=True)
class MaskedPictures(BaseDataset):
    """32 crops of 96 x 64 pixels with 2 of their 6 patches visible."""

    def load_data_list(self):
        samples = []
        for i, image in enumerate(photographs(32)):
            visible = random_visible(1, (3, 2), 2, torch.Generator().manual_seed(i))[0]
            samples.append({"inputs": image, "data_samples": BaseDataElement(visible=visible)})
        return samples

    def prepare_data(self, idx):
        return {key: value for key, value in self.get_data_info(idx).items() if key != "sample_idx"}


@DATASETS.register_module(force=True)
class Pictures(MaskedPictures):
    """The same crops, for which the model draws the masks."""

    def load_data_list(self):
        return [{"inputs": image, "data_samples": BaseDataElement()} for image in photographs(32)]


@HOOKS.register_module(force=True)
class ReportCompiled(Hook):
    """Writes how many graphs the compiler has seen into the working folder."""

    def after_train(self, runner):
        (Path(runner.work_dir) / f"graphs_{runner.rank}.txt").write_text(str(counters["stats"]["unique_graphs"]))


@HOOKS.register_module(force=True)
class ReportSharding(Hook):
    """Writes how the model is wrapped, and how many of its numbers each process holds, into the working folder."""

    def before_train(self, runner):
        kinds = Counter(type(module).__name__ for module in runner.model.modules())
        numbers = sum(p.numel() for p in runner.model.parameters())
        report = {**kinds, "numbers": numbers}
        (Path(runner.work_dir) / f"sharding_{runner.rank}.json").write_text(json.dumps(report))
