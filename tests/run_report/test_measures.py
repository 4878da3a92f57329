"""The names that libraries give to numbers are those of the table."""

import pytest
from mmengine.registry import METRICS

from cnxv2_mm import ReconstructionLoss
from cnxv2_mm.run_report.measures import MEASURES, headline, loss_parts, measures_in


@pytest.mark.parametrize(
    ("metric", "of_metric"),
    [
        ("mmdet.CocoMetric", "coco/bbox_mAP"),
        ("mmpretrain.Accuracy", "accuracy/top1"),
        ("mmdet.VOCMetric", "pascal_voc/mAP"),
    ],
)
def test_prefixes_of_the_libraries(metric, of_metric):
    assert METRICS.get(metric).default_prefix == of_metric.partition("/")[0]
    assert measures_in([of_metric])


def test_prefix_of_ours():
    (measure,) = measures_in([f"{ReconstructionLoss.default_prefix}/loss"])
    assert measure.better == "lower"


def test_which_measure_is_the_headline():
    assert headline([]) is None
    for names, title in (
        (["loss", "held_out/rank_me"], None),
        (["held_out/rank_me", "held_out/loss"], "Held-out loss"),
        (["coco/bbox_mAP"], "Box mAP"),
        (["coco/bbox_mAP", "coco/segm_mAP"], "Mask mAP"),
        (["aAcc", "mIoU"], "mIoU"),
    ):
        found = headline(measures_in(names))
        assert (found and found.title) == title


def test_titles_and_names_are_told_apart():
    assert len({measure.title for measure in MEASURES}) == len(MEASURES)
    assert all(measure.reading.endswith(".") for measure in MEASURES)


def test_parts_of_a_loss():
    names = ["lr", "loss", "loss_cls", "decode.loss_ce", "decode.acc_seg", "held_out/loss", "acc"]
    assert loss_parts(names) == ["loss_cls", "decode.loss_ce"]
    assert loss_parts(["loss", "loss_cls"]) == []
