"""The plan of a detector: its model builds, trains on its data, and has masks if the data has."""

import pytest

from cnxv2_mm.recipes.finetuning.detection import Detection
from cnxv2_mm.recipes.finetuning.task import Wishes
from tests.recipes.data.coco_folder import CocoFolder


@pytest.fixture
def plan(start, tmp_path):
    def make(masks=True, **wishes):
        folder = CocoFolder(tmp_path / "data", masks=masks)
        return Detection().plan(folder.write(), tmp_path / "out", start, Wishes(**wishes), lambda done, total: None)

    return make


def names(dataset):
    return [transform["type"] for transform in dataset["pipeline"]]


def test_masks_decide_the_detector(plan):
    with_masks, without = plan(), plan(masks=False)
    assert (with_masks.title, without.title) == ("Mask R-CNN with FPN", "Faster R-CNN with FPN")
    assert with_masks.evaluator["metric"] == ["bbox", "segm"]
    assert without.evaluator["metric"] == ["bbox"]
    assert "mask_head" not in without.model["roi_head"]


def test_flips(plan):
    assert "RandomFlip" in names(plan().train_dataset)
    assert "RandomFlip" not in names(plan(flip=False).train_dataset)
    assert "RandomFlip" not in names(plan().val_dataset)


def test_the_length_and_the_batch_follow_the_data(plan):
    small = plan()
    assert small.images_to_see == 200 * 10
    assert small.batch_sizes == (1, 2, 4)
    assert [setting.name for setting in small.settings][:2] == ["validation images", "image size"]


@pytest.mark.parametrize(
    ("wishes", "text"), [({"size": 16}, "at least 32"), ({"reduce_zero_label": True}, "label maps")]
)
def test_wishes_that_cannot_be(plan, wishes, text):
    with pytest.raises(ValueError, match=text):
        plan(**wishes)
