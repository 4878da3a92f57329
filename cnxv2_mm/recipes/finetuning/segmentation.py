"""``cnxv2 finetune segment``: UperNet with a ConvNeXt, as ConvNeXt's recipe for ADE20K has it, in sizes that fit."""

import math
from pathlib import Path
from typing import Any

from cnxv2_mm.recipes.data.label_maps import LabelMaps, Part, read_label_maps
from cnxv2_mm.recipes.finetuning.rates import RatesByWidth, choose_rates
from cnxv2_mm.recipes.finetuning.segmenter_sizes import STRIDE, SegmenterSizes, choose_sizes
from cnxv2_mm.recipes.finetuning.start import Start
from cnxv2_mm.recipes.finetuning.task import Plan, Score, Step, Wishes, check_wishes
from cnxv2_mm.recipes.settings import Setting

# For 16 images in a step. ConvNeXt V1's decay of 0.9 for each of 6 or 12 groups is 0.97 for each block.
_RATES: RatesByWidth = {
    384: (1.4e-3, 0.98, 0.0, "configs/demo/upernet.py, for atto"),
    640: (5e-4, 0.97, 0.1, "ours, between those of atto and tiny"),
    768: (2e-4, 0.97, 0.2, "table A.4 of ConvNeXt V2 for ADE20K, the middle of its sweep"),
    1024: (2e-4, 0.97, 0.3, "table A.4 of ConvNeXt V2 for ADE20K, the middle of its sweep"),
    math.inf: (1e-4, 0.97, 0.4, "table A.4 of ConvNeXt V2 for ADE20K, the lowest of its sweep"),
}
_BATCH = 16
_LEAST_TO_SEE, _MOST_TO_SEE = 32_000, 2_560_000  # the latter are ADE20K's 160 000 iterations of 16
_EPOCHS = 100
# Batch norm in UperNet's pooled maps of 1 x 1 cells needs two images.
_SMALLEST_BATCH = 2
# 0.4 in mmseg. With 1 the deep layers learn sooner: mIoU 0.780 against 0.757 on the demo's data after 5 epochs.
_AUXILIARY_WEIGHT = 1.0
# Crops up to this size fill no device with 16 images, and are validated several at a time.
_SMALL_CROP = 128
_VAL_BATCH = 16


class Segmentation:
    """The task 'segment'; see :class:`.task.Task`."""

    name = "segment"
    summary = "a class for each pixel: images and label maps"
    scores: tuple[Score, ...] = (Score("mIoU", "mIoU", 100.0), Score("pixel accuracy", "aAcc", 100.0))

    def plan(self, data: Path, out: Path, start: Start, wishes: Wishes, step: Step) -> Plan:
        """Read images and label maps and choose a segmenter for them; see :meth:`.task.Task.plan`."""
        check_wishes(self.name, start, wishes, label_maps=True)
        if wishes.size is not None and (wishes.size < STRIDE or wishes.size % STRIDE):
            raise ValueError(
                f"--size {wishes.size} must be a multiple of {STRIDE} pixels, the stride of the last stage"
            )
        maps = read_label_maps(data, out.absolute(), wishes.reduce_zero_label, step)
        sizes = choose_sizes(maps, start, wishes.size)
        rates = choose_rates(_RATES, _BATCH, start)
        number = maps.train.number
        to_see = min(max(_LEAST_TO_SEE, _EPOCHS * number), _MOST_TO_SEE)
        return Plan(
            title="UperNet",
            data=f"{number} images of {len(maps.classes)} classes in {data}, {maps.val.number} images for validation",
            library="mmseg",
            visualizer="SegLocalVisualizer",
            base=("mmseg::_base_/models/upernet_r50.py",),
            model=_model(maps, start, sizes, rates.drop_path),
            model_why="Sizes follow from the data and the backbone; settings.json has the reason for each.",
            train_dataset=_dataset(maps, maps.train, _train_pipeline(sizes, wishes.flip)),
            val_dataset=_dataset(maps, maps.val, _val_pipeline(sizes)),
            data_why=_data_why(maps),
            evaluator={"type": "IoUMetric", "iou_metrics": ["mIoU"]},
            classes=maps.classes,
            num_train=number,
            num_val=maps.val.number,
            rates=rates,
            images_to_see=to_see,
            images_why=f"{_LEAST_TO_SEE} images or {_EPOCHS} epochs, what is more; {_MOST_TO_SEE} images at most",
            settings=(
                Setting(
                    "validation images",
                    str(maps.val.number),
                    "a fifth of each class, chosen by the files' names" if maps.held_out else "the data's own",
                ),
                Setting("reduce zero label", "yes" if maps.reduce_zero_label else "no", "--reduce-zero-label, or not"),
                *sizes.settings,
                Setting(
                    "mirrored images", "yes" if wishes.flip else "no", "--no-flip" if not wishes.flip else "default"
                ),
                Setting(
                    "weight of the auxiliary loss",
                    f"{_AUXILIARY_WEIGHT:g}",
                    "ours, 0.4 in mmseg: deep layers learn sooner",
                ),
                Setting("drop path", f"{rates.drop_path:g}", rates.why),
            ),
            batch_sizes=_batch_sizes(number, sizes),
            val_batch_size=_VAL_BATCH if sizes.alike and sizes.crop <= _SMALL_CROP else 1,
            findings=maps.findings,
            extra={"sync_bn": "torch"},
        )


def _batch_sizes(num_train: int, sizes: SegmenterSizes) -> tuple[int, ...]:
    """Return batches to choose from: an epoch has four steps at least."""
    batches = (2, 4, 8, 16, 32) if sizes.crop <= _SMALL_CROP else (2, 4, 8, 16)
    return tuple(batch for batch in batches if batch <= max(_SMALLEST_BATCH, num_train // 4))


def _data_why(maps: LabelMaps) -> str:
    names = "The lists name what was found and can be used"
    return f"{names}. 0 in the label maps is ignored, n is class n - 1." if maps.reduce_zero_label else f"{names}."


def _model(maps: LabelMaps, start: Start, sizes: SegmenterSizes, drop_path: float) -> dict[str, Any]:
    # Several GPUs share their statistics by sync_bn, which mmengine reads.
    head = {"num_classes": len(maps.classes), "norm_cfg": {"type": "BN", "requires_grad": True}}
    weight = {"class_weight": list(sizes.class_weight)} if sizes.class_weight else {}
    auxiliary = {"loss_weight": _AUXILIARY_WEIGHT, **weight}
    slide = {"mode": "slide", "crop_size": (sizes.crop,) * 2, "stride": (sizes.slide_stride,) * 2}
    return {
        "pretrained": None,
        "data_preprocessor": {"mean": list(start.mean), "std": list(start.std), "size": (sizes.crop, sizes.crop)},
        "backbone": start.backbone(drop_path_rate=drop_path),
        "decode_head": {
            "in_channels": list(start.channels),
            "channels": sizes.width,
            **head,
            **({"loss_decode": weight} if weight else {}),
        },
        "auxiliary_head": {
            "in_channels": start.channels[2],
            "channels": max(32, sizes.width // 2),
            **head,
            "loss_decode": auxiliary,
        },
        "test_cfg": slide if sizes.slide else {"mode": "whole"},
    }


def _dataset(maps: LabelMaps, part: Part, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    datasets = [
        {
            "type": "BaseSegDataset",
            "metainfo": {"classes": maps.classes},
            **({"reduce_zero_label": True} if maps.reduce_zero_label else {}),
            "ann_file": str(each.file),
            "img_suffix": each.img_suffix,
            "seg_map_suffix": each.seg_map_suffix,
            "data_prefix": {"img_path": str(part.images), "seg_map_path": str(part.label_maps)},
            "pipeline": pipeline,
        }
        for each in part.lists
    ]
    return datasets[0] if len(datasets) == 1 else {"type": "ConcatDataset", "datasets": datasets}


def _train_pipeline(sizes: SegmenterSizes, flip: bool) -> list[dict[str, Any]]:
    most = {"cat_max_ratio": 0.75} if sizes.slide else {}
    return [
        {"type": "LoadImageFromFile"},
        {"type": "LoadAnnotations"},
        {"type": "RandomResize", "scale": sizes.scale, "ratio_range": sizes.zoom, "keep_ratio": True},
        {"type": "RandomCrop", "crop_size": (sizes.crop, sizes.crop), **most},
        *([{"type": "RandomFlip", "prob": 0.5}] if flip else []),
        {"type": "PhotoMetricDistortion"},
        {"type": "PackSegInputs"},
    ]


def _val_pipeline(sizes: SegmenterSizes) -> list[dict[str, Any]]:
    return [
        {"type": "LoadImageFromFile"},
        *([{"type": "Resize", "scale": sizes.scale, "keep_ratio": True}] if sizes.resize else []),
        {"type": "LoadAnnotations"},  # after the resizing: scores are for the original pixels
        {"type": "PackSegInputs"},
    ]
