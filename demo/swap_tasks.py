"""Published configs with another backbone, on the demo's data: what to train, and how to change what."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from cnxv2_mm.config.load import load_config
from demo.tasks import ROOT

# What the demo's own config of a task says about data, and the swapped config takes from it.
DATA_KEYS = ("train_dataloader", "default_hooks", "env_cfg", "randomness")
LEARNING_RATE = 3e-4  # [ours]: high, for so few iterations, and reached over the first quarter of them


@dataclass(frozen=True)
class SwapTask:
    """A published config, and the demo's config with the data for it."""

    name: str
    config: str
    data: str
    num_classes: int


DETECTION = ("mask_rcnn", 10)
SEGMENTATION = ("upernet", 11)
SWAP_TASKS = (
    SwapTask("RetinaNet", "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py", *DETECTION),
    SwapTask("FCOS", "mmdet::fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py", *DETECTION),
    SwapTask("Deformable DETR", "mmdet::deformable_detr/deformable-detr_r50_16xb2-50e_coco.py", *DETECTION),
    SwapTask("PSPNet", "mmseg::pspnet/pspnet_r50-d8_4xb2-40k_cityscapes-512x1024.py", *SEGMENTATION),
    SwapTask(
        "UperNet",
        "mmseg::swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512.py",
        *SEGMENTATION,
    ),
)


def on_demo_data(swapped: Path, task: SwapTask, iterations: int) -> Config:
    """Return the swapped config as it trains on the demo's data for a few iterations, without validation.

    The number of classes, the data and the length are the demo's.
    """
    config = load_config(str(swapped))
    data = load_config(str(ROOT / "configs" / "demo" / f"{task.data}.py"))
    for key in DATA_KEYS:
        if key in data:
            config[key] = data[key]
    config.model = _with_classes(config.model.to_dict(), task.num_classes)
    if "size" in data.model.get("data_preprocessor", {}):
        config.model.data_preprocessor.size = data.model.data_preprocessor["size"]
    config.train_cfg = {"by_epoch": False, "max_iters": iterations}
    for phase in ("val", "test"):
        config[f"{phase}_dataloader"] = config[f"{phase}_cfg"] = config[f"{phase}_evaluator"] = None
    config.optim_wrapper.optimizer.lr = LEARNING_RATE
    warmup = {"type": "LinearLR", "start_factor": 1e-3, "by_epoch": False, "begin": 0, "end": max(1, iterations // 4)}
    config.param_scheduler = [warmup]
    config.default_hooks.logger.interval = 1
    config.log_processor.window_size = 1
    return config


def _with_classes(value: Any, num_classes: int) -> Any:
    """Return a part of a model's config for so many classes."""
    if isinstance(value, Mapping):
        return {
            key: num_classes if key == "num_classes" else _with_classes(item, num_classes)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(_with_classes(item, num_classes) for item in value)
    return value
