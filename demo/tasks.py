"""The demo's four trainings: which config, which scores, which of them must be reached."""

from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = "weights.pth"


@dataclass(frozen=True)
class Metric:
    """One number of a validation.

    ``key`` is what mmengine logs it as and ``unit`` what one whole is in that log: mmseg and mmpretrain report
    percent, mmdet fractions; here every score is a fraction. ``target`` is the score that the demo has to reach,
    None where it only has to beat the trivial predictor.
    """

    name: str
    key: str
    target: float | None
    unit: float = 1.0
    higher_is_better: bool = True


@dataclass(frozen=True)
class Task:
    """One training: ``configs/demo/<name>.py`` into ``<work folder>/<name>``.

    ``quick_options`` shorten it to a few iterations for continuous integration.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    quick_options: tuple[str, ...]
    pretrained: bool = field(default=True)

    @property
    def config(self) -> Path:
        """The config to train."""
        return ROOT / "configs" / "demo" / f"{self.name}.py"

    def options(self, work_dir: Path, quick: bool) -> list[str]:
        """Change to the config: where the pre-trained weights are, and the shortening if ``quick``."""
        options = list(self.quick_options) if quick else []
        if self.pretrained:
            options.append(f"model.backbone.init_cfg.checkpoint={work_dir / PRETRAINING.name / WEIGHTS}")
        return options


PRETRAINING = Task(
    name="fcmae",
    title="FCMAE pre-training",
    metrics=(Metric("reconstruction loss", "reconstruction/loss", target=None, higher_is_better=False),),
    quick_options=("train_cfg.max_iters=20", "train_dataloader.batch_size=8"),
    pretrained=False,
)
TASKS = (
    PRETRAINING,
    Task(
        name="classification",
        title="Classification",
        metrics=(Metric("top-1", "accuracy/top1", target=0.9, unit=100.0),),
        quick_options=("train_cfg.max_iters=20",),
    ),
    Task(
        name="mask_rcnn",
        title="Mask R-CNN",
        metrics=(
            Metric("box AP50", "coco/bbox_mAP_50", target=0.6),
            Metric("mask AP50", "coco/segm_mAP_50", target=0.55),
        ),
        quick_options=(
            "train_cfg.max_iters=20",
            "val_dataloader.dataset.indices=20",
            # So short a training is sure of nothing, and mmdet reports no score at all where nothing is detected.
            "model.test_cfg.rcnn.score_thr=0.0",
        ),
    ),
    Task(
        name="upernet",
        title="UperNet",
        metrics=(Metric("mIoU", "mIoU", target=0.5, unit=100.0),),
        quick_options=("train_cfg.max_iters=20", "val_dataloader.dataset.indices=20"),
    ),
)
