"""Which numbers of a training are shown together, and how to read them. Here a new metric gets its sentence."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cnxv2_mm.training.monitoring.collapse import COLLAPSED_BELOW


@dataclass(frozen=True)
class Measure:
    """Some numbers that one chart shows.

    Attributes:
        title: What the page calls them.
        names: What mmengine calls them, and how a legend does. The first one is the measure; without it there is no
            chart.
        reading: How to read it, in a sentence or two.
        better: Whether the first is to become "higher" or "lower"; None if neither says enough.
        levels: Values that are lines in the chart, and their names.
    """

    title: str
    names: tuple[tuple[str, str], ...]
    reading: str
    better: Literal["higher", "lower"] | None = None
    levels: tuple[tuple[str, float], ...] = ()


LOSS = "loss"
HELD_OUT_LOSS = "held_out/loss"
RATES = ("base_lr", "lr")

MEASURES = (
    Measure(
        "Held-out loss",
        ((HELD_OUT_LOSS, "held-out loss"), ("held_out/patch_mean_loss", "patch-mean loss")),
        "The loss of images that the training does not see, always with the same masks. It should fall, and stay below "
        "the patch-mean loss, that of painting each patch in its mean colour. If it rises while the training's falls, "
        "more images are needed, or fewer epochs.",
        "lower",
    ),
    Measure(
        "Reconstruction loss of the validation",
        (("reconstruction/loss", "loss"), ("reconstruction/patch_mean_loss", "patch-mean loss")),
        "The loss of the validation's images. It should fall, and stay below the patch-mean loss, that of painting "
        "each patch in its mean colour.",
        "lower",
    ),
    Measure(
        "RankMe",
        (("held_out/rank_me", "RankMe"),),
        "Over how many directions the features of the held-out images spread; at most the number of images. Usually "
        "it falls from that of a new network at first, then rises or stays. If it falls towards 1, all images look the "
        "same to the encoder.",
    ),
    Measure(
        "Feature cosine distance",
        (("held_out/cosine_distance", "mean over the layers"),),
        "How different the channels of the hidden layers are: 0 where all are the same, 0.5 where they are unrelated. "
        "It should stay near the 0.4 to 0.5 of a new network. If it falls towards 0, the features collapse.",
        levels=(("unrelated", 0.5), ("collapsed", COLLAPSED_BELOW)),
    ),
    Measure(
        "k-NN accuracy",
        (("held_out/knn", "k-NN"),),
        "The share of held-out images whose class the 20 nearest images of the training name. It should rise; if it "
        "falls for long, something is wrong.",
        "higher",
    ),
    Measure(
        "Box mAP",
        (("coco/bbox_mAP", "mAP"), ("coco/bbox_mAP_50", "mAP at IoU 0.5"), ("coco/bbox_mAP_75", "mAP at IoU 0.75")),
        "Mean average precision of the boxes on the validation images, from 0 to 1: the share of what is found that "
        "is right, over all recalls and classes, averaged over overlaps (IoU) of 0.5 to 0.95. It should rise, quickly "
        "at first.",
        "higher",
    ),
    Measure(
        "Mask mAP",
        (("coco/segm_mAP", "mAP"), ("coco/segm_mAP_50", "mAP at IoU 0.5"), ("coco/segm_mAP_75", "mAP at IoU 0.75")),
        "Mean average precision of the masks on the validation images, from 0 to 1, as that of the boxes.",
        "higher",
    ),
    Measure(
        "mAP",
        (("pascal_voc/mAP", "mAP"), ("pascal_voc/AP50", "at IoU 0.5")),
        "Mean average precision of the boxes on the validation images, from 0 to 1, as Pascal VOC defines it.",
        "higher",
    ),
    Measure(
        "mIoU",
        (("mIoU", "mIoU"), ("mAcc", "mean accuracy of the classes"), ("aAcc", "accuracy of the pixels")),
        "How well the classes' areas agree with the labels of the validation images, in percent: what prediction and "
        "truth share, of what either covers, averaged over the classes. Below it is below both accuracies.",
        "higher",
    ),
    Measure(
        "mDice",
        (("mDice", "mDice"),),
        "How well the classes' areas agree with the labels of the validation images, in percent.",
        "higher",
    ),
    Measure(
        "Accuracy",
        (("accuracy/top1", "top 1"), ("accuracy/top5", "top 5")),
        "The share of the validation images, in percent, whose class is the model's first choice, or one of its first "
        "five.",
        "higher",
    ),
    Measure(
        "F1 score",
        (
            ("single-label/f1-score", "F1 score"),
            ("single-label/precision", "precision"),
            ("single-label/recall", "recall"),
        ),
        "The mean over the classes, in percent: precision is the share of what is named a class that is right, recall "
        "the share of a class that is found, and the F1 score their harmonic mean.",
        "higher",
    ),
)
# The measures of which the first that is there says how good the model is.
_HEADLINES = (
    "Mask mAP",
    "Box mAP",
    "mAP",
    "mIoU",
    "mDice",
    "Accuracy",
    "F1 score",
    "Held-out loss",
    "Reconstruction loss of the validation",
)


def measures_in(names: Iterable[str]) -> list[Measure]:
    """Return the measures that a training has, of the names of its numbers."""
    there = set(names)
    return [measure for measure in MEASURES if measure.names[0][0] in there]


def headline(measures: Iterable[Measure]) -> Measure | None:
    """Return the measure that says best how good the model is."""
    by_title = {measure.title: measure for measure in measures}
    return next((by_title[title] for title in _HEADLINES if title in by_title), None)


def loss_parts(names: Iterable[str]) -> list[str]:
    """Return the names of the losses that the training's loss is the sum of, if there are several."""
    parts = [name for name in names if "loss" in name.rpartition(".")[2] and name != LOSS and "/" not in name]
    return parts if len(parts) > 1 else []
