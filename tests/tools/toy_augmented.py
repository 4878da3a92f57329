"""FCMAE in miniature with all the randomness of a real training: crops, flips, noise, masks and stochastic depth.

The data set draws from Python's, numpy's and PyTorch's generators; the model hides patches at random, computes in
bfloat16, accumulates gradients over two batches and averages its weights.
"""

import json
import random
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, HOOKS

import cnxv2_mm  # noqa: F401  (registers)
from tests.conftest import photographs

CONFIG = """
custom_imports = dict(imports=["tests.tools.toy_augmented"])
default_scope = "mmengine"
model = dict(
    type="cnxv2_mm.FCMAE", decoder=dict(width=8),
    backbone=dict(
        type="cnxv2_mm.ConvNeXtV2", arch=dict(depths=(1, 1, 1, 1), channels=(4, 4, 8, 8)), drop_path_rate=0.5))
train_dataloader = dict(
    batch_size=2, num_workers=0, dataset=dict(type="AugmentedPictures"),
    sampler=dict(type="InfiniteSampler", shuffle=True), collate_fn=dict(type="default_collate"))
val_dataloader = dict(
    batch_size=2, num_workers=0, dataset=dict(type="AugmentedPictures"),
    sampler=dict(type="DefaultSampler", shuffle=False), collate_fn=dict(type="default_collate"))
val_evaluator = dict(type="cnxv2_mm.ReconstructionLoss")
train_cfg = dict(by_epoch=False, max_iters=7, val_interval=3)
val_cfg = dict()
optim_wrapper = dict(
    type="cnxv2_mm.CpuAmpOptimWrapper", optimizer=dict(type="AdamW", lr=1e-2), accumulative_counts=2)
param_scheduler = [dict(type="OneCycleLR", eta_max=1e-2, total_steps=20, by_epoch=False)]
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=1), checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=3))
custom_hooks = [dict(type="EMAHook", momentum=0.1), dict(type="WriteSteps")]
randomness = dict(seed=5, diff_rank_seed=True)
"""


@DATASETS.register_module(force=True)
class AugmentedPictures(BaseDataset):
    """Random crops of 8 photographs to 64 x 64 pixels."""

    def load_data_list(self):
        return [{"image": image} for image in photographs(8, size=(80, 72))]

    def prepare_data(self, idx):
        image = self.get_data_info(idx)["image"]
        top, left = np.random.randint(16), random.randrange(8)  # noqa: NPY002  as libraries' transforms do
        image = image[:, top : top + 64, left : left + 64]
        image = image.flip(2) if random.random() < 0.5 else image
        return {"inputs": image + 0.1 * torch.randn(3, 1, 1)}


@HOOKS.register_module(force=True)
class WriteSteps(Hook):
    """Writes every step's batch (its sum) and loss, all their digits, into the working folder."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        batch = float(data_batch["inputs"].double().sum())
        line = json.dumps([runner.iter + 1, batch, float(outputs["loss"])])
        with (Path(runner.work_dir) / f"steps_{runner.rank}.txt").open("a") as file:
            file.write(line + "\n")

    def after_run(self, runner):
        # Lets the data workers go: those that the garbage collector finds are waited for, five seconds each.
        loop = runner.train_loop
        loop.dataloader._iterator = None
        loop.dataloader_iterator = None
