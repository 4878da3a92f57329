"""FCMAE on a folder of images in miniature: what a user's own files do to a real training."""

from pathlib import Path

import tifffile

from tests.conftest import photographs

CONFIG = """
custom_imports = dict(imports=["cnxv2_mm"])
default_scope = "mmpretrain"
model = dict(
    type="cnxv2_mm.FCMAE", decoder=dict(width=16),
    data_preprocessor=dict(type="ClsDataPreprocessor", mean=[0.0] * 3, std=[1.0] * 3, to_rgb=False),
    backbone=dict(type="cnxv2_mm.ConvNeXtV2", arch=dict(depths=(1, 1, 1, 1), channels=(8, 16, 32, 64))))
train_dataloader = dict(
    batch_size=4, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CustomDataset", data_root="", with_label=False, extensions=(".tiff", ".png", ".jpg"),
        pipeline=[dict(type="LoadImageFromFile", imdecode_backend="tifffile"), dict(type="PackInputs")]))
train_cfg = dict(by_epoch=True, max_epochs=3)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3))
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=1), checkpoint=dict(type="CheckpointHook", interval=1, max_keep_ckpts=1))
randomness = dict(seed=0)
"""


def write_folder(folder: Path, num: int = 12) -> Path:
    """Writes ``num`` TIFF files of 64 x 64 pixels in float32: 00.tiff, 01.tiff, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(photographs(num, size=(64, 64)).permute(0, 2, 3, 1).numpy()):
        tifffile.imwrite(folder / f"{i:02d}.tiff", image, photometric="rgb")
    return folder


def write_config(folder: Path, images: Path) -> Path:
    """The config of a training on ``images``, as a file in ``folder``."""
    file = folder / "toy_folder.py"
    file.write_text(CONFIG.replace('data_root=""', f"data_root={str(images)!r}"))
    return file
