"""``cnxv2 finetune classify``: a linear classifier on a ConvNeXt, as the paper's, at a size that fits the images."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnxv2_mm.recipes.data.class_folders import ClassFolders, read_class_folders
from cnxv2_mm.recipes.finetuning.rates import RatesByWidth, choose_rates
from cnxv2_mm.recipes.finetuning.start import Start
from cnxv2_mm.recipes.finetuning.task import Plan, Score, Step, Wishes, check_wishes
from cnxv2_mm.recipes.settings import Setting

_STRIDE = 32  # pixels of a cell of the last stage
_SIZE = 224  # the paper's
# Images with a shorter side from here on are cropped and changed as in the paper's recipes. In smaller ones one thing
# fills the image, and they are only shifted.
_LARGE_IMAGES = 128
_SHOWN = 224 / 256  # the paper's test: the share of the shorter side that is cut out
# For 32 images in a step. The paper's rates for 1024 images are divided by the root of 1024 / 32, as AdamW's go.
_RATES: RatesByWidth = {
    384: (2e-3, 0.98, 0.0, "configs/demo/classification.py, for atto"),
    640: (1e-3, 0.95, 0.1, "ours, between those of atto and tiny"),
    768: (5.7e-4, 0.9, 0.2, "table 10 of ConvNeXt V2, for tiny"),
    1024: (4.4e-4, 0.85, 0.1, "table 11 of ConvNeXt V2, for base; 0.85 a block is its 0.6 for three"),
    math.inf: (4.4e-4, 0.85, 0.2, "table 11 of ConvNeXt V2, for large; 0.85 a block is its 0.6 for three"),
}
_BATCH = 32
_MANY_IMAGES = 20_000
_LEAST_TO_SEE, _MOST_TO_SEE = 20_000, 128_000_000  # the latter are ImageNet's 100 epochs
_EPOCHS = 50


@dataclass(frozen=True)
class _Sizes:
    size: int  # of the squares that the network sees, in pixels
    large: bool  # whether the images are
    resize: bool  # whether images have another size
    median: float  # of the images' shorter sides, in pixels


class Classification:
    """The task 'classify'; see :class:`.task.Task`."""

    name = "classify"
    summary = "a class for each image: a folder of images for each class"
    scores: tuple[Score, ...] = (Score("top-1", "accuracy/top1", 100.0),)

    def plan(self, data: Path, out: Path, start: Start, wishes: Wishes, step: Step) -> Plan:
        """Read folders of classes and choose a classifier for them; see :meth:`.task.Task.plan`."""
        check_wishes(self.name, start, wishes)
        if wishes.size is not None and wishes.size < _STRIDE:
            raise ValueError(f"--size {wishes.size} must be at least {_STRIDE} pixels, the stride of the last stage")
        folders = read_class_folders(data, out.absolute(), step)
        sizes = _choose_sizes(folders, wishes.size)
        rates = choose_rates(_RATES, _BATCH, start)
        number, number_val = int(folders.num_train.sum()), int(folders.num_val.sum())
        to_see = min(max(_LEAST_TO_SEE, _EPOCHS * number), _MOST_TO_SEE)
        return Plan(
            title="linear classifier",
            data=f"{number} images of {len(folders.classes)} classes in {data}, {number_val} images for validation",
            library="mmpretrain",
            visualizer="UniversalVisualizer",
            base=("mmpretrain::_base_/models/convnext_v2/atto.py",),
            model=_model(folders, start, rates.drop_path),
            model_why="The backbone's size is that of the weights, the head's that of the data.",
            train_dataset=_dataset(folders, folders.train, _train_pipeline(start, sizes, wishes.flip)),
            val_dataset=_dataset(folders, folders.val, _val_pipeline(sizes)),
            data_why="The lists name what was found and can be used, and the number of each image's class.",
            evaluator={"type": "Accuracy", "topk": (1,)},
            classes=folders.classes,
            num_train=number,
            num_val=number_val,
            rates=rates,
            images_to_see=to_see,
            images_why=f"{_LEAST_TO_SEE} images or {_EPOCHS} epochs, what is more; {_MOST_TO_SEE} images at most",
            settings=(
                Setting(
                    "validation images",
                    str(number_val),
                    "a fifth of each class, chosen by the files' names" if folders.held_out else "the data's own",
                ),
                Setting(
                    "image size",
                    f"{sizes.size} x {sizes.size} pixels",
                    "--size" if wishes.size else f"the median image has a shorter side of {sizes.median:.0f} pixels",
                ),
                Setting(
                    "augmentation",
                    "crops of 25 % to 100 %, RandAugment" if sizes.large else f"shifts of {_shift(sizes)} pixels",
                    f"images are {'at least' if sizes.large else 'smaller than'} {_LARGE_IMAGES} pixels",
                ),
                Setting(
                    "mirrored images", "yes" if wishes.flip else "no", "--no-flip" if not wishes.flip else "default"
                ),
                Setting("drop path", f"{rates.drop_path:g}", rates.why),
            ),
            batch_sizes=_batch_sizes(number),
            val_batch_size=_BATCH,
            findings=folders.findings,
        )


def _batch_sizes(num_train: int) -> tuple[int, ...]:
    """Return batches to choose from: with few images many steps count more than large ones; four at least an epoch."""
    batches = (2, 4, 8, 16, 32) if num_train < _MANY_IMAGES else (2, 4, 8, 16, 32, 64, 128, 256)
    return tuple(batch for batch in batches if batch <= max(2, num_train // 4))


def _choose_sizes(folders: ClassFolders, size: int | None) -> _Sizes:
    """Choose the size of the squares: that of the images in steps of 32, but 224 at most, the paper's."""
    median = float(np.median(folders.image_sizes.min(axis=1)))
    size = size or min(_SIZE, max(_STRIDE, _STRIDE * round(median / _STRIDE)))
    resize = bool((folders.image_sizes != size).any() or (folders.val_sizes != size).any())
    return _Sizes(size, median >= _LARGE_IMAGES, resize, median)


def _shift(sizes: _Sizes) -> int:
    return max(1, sizes.size // 20)


def _model(folders: ClassFolders, start: Start, drop_path: float) -> dict[str, Any]:
    return {
        "data_preprocessor": {
            "num_classes": len(folders.classes),
            "mean": list(start.mean),
            "std": list(start.std),
            "to_rgb": True,
        },
        # A vector for each image, as mmpretrain's ConvNeXt gives.
        "backbone": start.backbone(out_indices=(3,), gap_before_final_norm=True, drop_path_rate=drop_path),
        "head": {
            "in_channels": start.channels[-1],
            "num_classes": len(folders.classes),
            "loss": {"type": "LabelSmoothLoss", "label_smooth_val": 0.1},
        },
    }


def _dataset(folders: ClassFolders, listed: Path, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "CustomDataset",
        "metainfo": {"classes": folders.classes},
        "ann_file": str(listed),
        "data_prefix": str(folders.root),
        "pipeline": pipeline,
    }


def _train_pipeline(start: Start, sizes: _Sizes, flip: bool) -> list[dict[str, Any]]:
    flips = [{"type": "RandomFlip", "prob": 0.5}] if flip else []
    if not sizes.large:
        shift = {"type": "RandomCrop", "crop_size": sizes.size, "padding": _shift(sizes), "padding_mode": "reflect"}
        return [{"type": "LoadImageFromFile"}, *_resized(sizes), shift, *flips, {"type": "PackInputs"}]
    bgr = [round(value) for value in reversed(start.mean)]
    augment = {
        "type": "RandAugment",
        "policies": "timm_increasing",
        "num_policies": 2,
        "magnitude_level": 9,
        "magnitude_std": 0.5,
        "hparams": {"pad_val": bgr, "interpolation": "bicubic"},
    }
    crop = {
        "type": "RandomResizedCrop",
        "scale": sizes.size,
        "crop_ratio_range": (0.25, 1.0),
        "interpolation": "bicubic",
    }
    return [{"type": "LoadImageFromFile"}, {**crop, "backend": "pillow"}, *flips, augment, {"type": "PackInputs"}]


def _val_pipeline(sizes: _Sizes) -> list[dict[str, Any]]:
    return [{"type": "LoadImageFromFile"}, *_resized(sizes), *_centre(sizes), {"type": "PackInputs"}]


def _resized(sizes: _Sizes) -> list[dict[str, Any]]:
    if not sizes.resize:
        return []
    edge = round(sizes.size / _SHOWN) if sizes.large else sizes.size
    return [{"type": "ResizeEdge", "scale": edge, "edge": "short", "backend": "pillow", "interpolation": "bicubic"}]


def _centre(sizes: _Sizes) -> list[dict[str, Any]]:
    return [{"type": "CenterCrop", "crop_size": sizes.size}] if sizes.resize else []
