"""``cnxv2 finetune detect``: Mask R-CNN where every object has a mask, Faster R-CNN where there are boxes alone."""

import math
from pathlib import Path
from typing import Any

from cnxv2_mm.recipes.data.coco import CocoData, read_coco
from cnxv2_mm.recipes.finetuning.detector_sizes import DetectorSizes, choose_sizes
from cnxv2_mm.recipes.finetuning.rates import RatesByWidth, choose_rates
from cnxv2_mm.recipes.finetuning.start import Start
from cnxv2_mm.recipes.finetuning.task import Plan, Score, Step, Wishes, check_wishes
from cnxv2_mm.recipes.settings import Setting

# For 4 images in a step.
_RATES: RatesByWidth = {
    384: (1e-3, 0.95, 0.0, "configs/demo/mask_rcnn.py, for atto"),
    640: (5e-4, 0.9, 0.0, "ours, between those of atto and tiny"),
    768: (1e-4, 0.7, 0.2, "configs/coco/lowdata_*.py, for tiny"),
    1024: (1e-4, 0.8, 0.3, "ConvNeXt V1's of B on COCO"),
    math.inf: (1e-4, 0.7, 0.4, "ConvNeXt V1's of L on COCO"),
}
_BATCH = 4
_FEW_IMAGES = 2000
_MORE_IMAGES = 8000
_LEAST_TO_SEE = 16_000
_LEAST_EPOCHS, _MOST_EPOCHS = 12, 200


class Detection:
    """The task 'detect'; see :class:`.task.Task`."""

    name = "detect"
    summary = "boxes, and masks where the data has them: COCO files"
    scores: tuple[Score, ...] = (
        Score("box AP", "coco/bbox_mAP"),
        Score("box AP50", "coco/bbox_mAP_50"),
        Score("mask AP", "coco/segm_mAP"),
        Score("mask AP50", "coco/segm_mAP_50"),
    )

    def plan(self, data: Path, out: Path, start: Start, wishes: Wishes, step: Step) -> Plan:
        """Read a COCO data set and choose a detector for it; see :meth:`.task.Task.plan`."""
        check_wishes(self.name, start, wishes)
        if wishes.size is not None and wishes.size < 32:
            raise ValueError(f"--size {wishes.size} must be at least 32 pixels, the stride of the last stage")
        coco = read_coco(data, out.absolute(), step)
        sizes = choose_sizes(coco, start, wishes.size)
        kind = "mask" if coco.masks else "faster"
        rates = choose_rates(_RATES, _BATCH, start)
        few = coco.num_train < _FEW_IMAGES
        to_see = min(max(_LEAST_TO_SEE, _LEAST_EPOCHS * coco.num_train), _MOST_EPOCHS * coco.num_train)
        count = f"{coco.num_train} images with {len(coco.box_sizes)} objects of {len(coco.classes)} classes"
        return Plan(
            title=f"{kind.capitalize()} R-CNN with FPN",
            data=f"{count} of {data}, {coco.num_val} images for validation",
            library="mmdet",
            visualizer="DetLocalVisualizer",
            base=(f"mmdet::_base_/models/{kind}-rcnn_r50_fpn.py",),
            model=_model(coco, start, sizes, rates.drop_path),
            model_why="Sizes follow from the data and the backbone; settings.json has the reason for each.",
            train_dataset=_dataset(coco, "train", _train_pipeline(coco, sizes, wishes.flip, distort=few)),
            val_dataset=_dataset(coco, "val", _val_pipeline(coco, sizes)),
            data_why="The label files are copies of the user's: checked, with the same categories in both.",
            evaluator={
                "type": "CocoMetric",
                "ann_file": str(coco.val),
                "metric": ["bbox", "segm"] if coco.masks else ["bbox"],
                "metric_items": ["mAP", "mAP_50", "mAP_75"],
            },
            classes=coco.classes,
            num_train=coco.num_train,
            num_val=coco.num_val,
            rates=rates,
            images_to_see=to_see,
            images_why=f"{_LEAST_TO_SEE} images or {_LEAST_EPOCHS} epochs, what is more; {_MOST_EPOCHS} epochs at most",
            settings=(
                Setting("validation images", str(coco.num_val), _why_these(coco)),
                *sizes.settings,
                Setting(
                    "mirrored images", "yes" if wishes.flip else "no", "--no-flip" if not wishes.flip else "default"
                ),
                Setting(
                    "distorted colours",
                    "yes" if few else "no",
                    f"{'fewer' if few else 'not fewer'} than {_FEW_IMAGES} images",
                ),
                Setting("drop path", f"{rates.drop_path:g}", rates.why),
            ),
            batch_sizes=_batch_sizes(coco.num_train),
            findings=coco.findings,
            float32_part="neck",
        )


def _why_these(coco: CocoData) -> str:
    return "a fifth of each class, chosen by the files' names" if coco.held_out else "the data's own"


def _batch_sizes(num_train: int) -> tuple[int, ...]:
    """Return batches to choose from: with few images many steps count more than large ones."""
    if num_train < _FEW_IMAGES:
        return 1, 2, 4
    return (1, 2, 4, 8) if num_train < _MORE_IMAGES else (1, 2, 4, 8, 16)


def _model(coco: CocoData, start: Start, sizes: DetectorSizes, drop_path: float) -> dict[str, Any]:
    width, classes = sizes.width, len(coco.classes)
    roi_head: dict[str, Any] = {
        "bbox_roi_extractor": {"out_channels": width},
        "bbox_head": {"in_channels": width, "fc_out_channels": sizes.fc_width, "num_classes": classes},
    }
    if coco.masks:
        roi_head["mask_roi_extractor"] = {"out_channels": width}
        roi_head["mask_head"] = {
            "num_convs": sizes.mask_convs,
            "in_channels": width,
            "conv_out_channels": width,
            "num_classes": classes,
        }
    return {
        "data_preprocessor": {"mean": list(start.mean), "std": list(start.std)},
        "backbone": start.backbone(drop_path_rate=drop_path),
        "neck": {"in_channels": list(start.channels), "out_channels": width},
        "rpn_head": {
            "in_channels": width,
            "feat_channels": width,
            "anchor_generator": {"scales": list(sizes.anchor_scales), "ratios": list(sizes.anchor_ratios)},
        },
        "roi_head": roi_head,
        "train_cfg": {
            "rpn": {"sampler": {"num": min(256, sizes.samples)}},
            "rpn_proposal": {"nms_pre": 2 * sizes.proposals, "max_per_img": sizes.proposals},
            "rcnn": {"sampler": {"num": sizes.samples}},
        },
        "test_cfg": {
            "rpn": {"nms_pre": sizes.proposals, "max_per_img": sizes.proposals},
            "rcnn": {"max_per_img": sizes.detections},
        },
    }


def _dataset(coco: CocoData, part: str, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "CocoDataset",
        **({"test_mode": True} if part == "val" else {}),
        "metainfo": {"classes": coco.classes},
        "ann_file": str(coco.train if part == "train" else coco.val),
        "data_prefix": {"img": f"{coco.root}/"},
        "pipeline": pipeline,
    }


def _train_pipeline(coco: CocoData, sizes: DetectorSizes, flip: bool, distort: bool) -> list[dict[str, Any]]:
    crop = [
        {
            "type": "RandomCrop",
            "crop_type": "absolute",
            "crop_size": (sizes.crop, sizes.crop),
            "recompute_bbox": coco.masks,
            "allow_negative_crop": True,
        },
        {"type": "FilterAnnotations", "min_gt_bbox_wh": (1.0, 1.0), "keep_empty": False},
    ]
    return [
        {"type": "LoadImageFromFile"},
        {"type": "LoadAnnotations", "with_bbox": True, **({"with_mask": True} if coco.masks else {})},
        {"type": "RandomResize", "scale": sizes.scale, "ratio_range": sizes.zoom, "keep_ratio": True},
        *(crop if sizes.crop else []),
        *([{"type": "RandomFlip", "prob": 0.5}] if flip else []),
        *([{"type": "PhotoMetricDistortion"}] if distort else []),
        {"type": "PackDetInputs"},
    ]


def _val_pipeline(coco: CocoData, sizes: DetectorSizes) -> list[dict[str, Any]]:
    keys = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")
    return [
        {"type": "LoadImageFromFile"},
        {"type": "Resize", "scale": sizes.scale, "keep_ratio": True},
        {"type": "LoadAnnotations", "with_bbox": True, **({"with_mask": True} if coco.masks else {})},
        {"type": "PackDetInputs", "meta_keys": keys},
    ]
