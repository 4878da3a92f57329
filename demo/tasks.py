"""The demo's four commands, which scores they give, and which of them must be reached."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUICK_EPOCHS = 1


@dataclass(frozen=True)
class Metric:
    """One number of a run.

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
    """One command of ``cnxv2``, whose run folder is ``<work folder>/<name>``.

    ``words`` are what a user types, where ``{data}`` is the demo's data set and ``{work}`` its work folder. ``epochs``
    is how long the whole demo trains.
    """

    name: str
    title: str
    words: tuple[str, ...]
    epochs: int
    metrics: tuple[Metric, ...]

    def arguments(self, data_root: Path, work_dir: Path, quick: bool) -> list[str]:
        """Return what stands behind ``cnxv2``; a ``quick`` run has a single epoch."""
        words = [word.format(data=data_root, work=work_dir) for word in self.words]
        epochs = QUICK_EPOCHS if quick else self.epochs
        return [*words, "--epochs", str(epochs), "--out", str(work_dir / self.name), "--overwrite"]


PRETRAINING = Task(
    name="pretrain",
    title="FCMAE pre-training",
    words=("pretrain", "{data}/coco/train", "--arch", "atto", "--size", "160"),
    epochs=12,
    metrics=(Metric("reconstruction loss", "held_out/loss", target=None, higher_is_better=False),),
)
DETECTION = Task(
    name="detect",
    title="Mask R-CNN",
    words=("finetune", "detect", "{data}/coco", "--from", "{work}/pretrain", "--no-flip"),
    epochs=6,
    metrics=(
        Metric("box AP50", "coco/bbox_mAP_50", target=0.6),
        Metric("mask AP50", "coco/segm_mAP_50", target=0.55),
    ),
)
CLASSIFICATION = Task(
    name="classify",
    title="Classification",
    words=("finetune", "classify", "{data}/imagenet", "--from", "{work}/pretrain", "--no-flip"),
    epochs=6,
    metrics=(Metric("top-1", "accuracy/top1", target=0.9, unit=100.0),),
)
SEGMENTATION = Task(
    name="segment",
    title="UperNet",
    words=("finetune", "segment", "{data}/ade", "--from", "{work}/pretrain", "--reduce-zero-label", "--no-flip"),
    epochs=5,
    metrics=(Metric("mIoU", "mIoU", target=0.5, unit=100.0),),
)
TASKS = (PRETRAINING, CLASSIFICATION, DETECTION, SEGMENTATION)
