"""Region proposals: those of mmdet's RPNHead."""

import pytest
import torch
from mmdet.models.dense_heads import RPNHead
from mmdet.structures import DetDataSample

from cnxv2_mm.export.models.region_proposals import RegionProposals
from tests.export.models.small_two_stage import FASTER, random_maps, small_detector

SIZE = (150, 200)


def softmax(model):
    model.rpn_head.loss_cls.use_sigmoid = False


def large_boxes(model):
    model.test_cfg.rpn.min_bbox_size = 30


def huge_boxes(model):
    model.test_cfg.rpn.min_bbox_size = 500


def tiny_boxes_too(model):
    model.test_cfg.rpn.min_bbox_size = -1


def all_candidates(model):
    model.test_cfg.rpn.update(nms_pre=-1, max_per_img=10000)


CHANGES = [lambda model: None, softmax, large_boxes, huge_boxes, tiny_boxes_too, all_candidates]


@pytest.mark.parametrize("change", CHANGES)
@torch.no_grad()
def test_proposals_are_those_of_mmdet(change):
    head = small_detector(FASTER, change).rpn_head
    maps = random_maps(*SIZE)
    expected = head.predict(maps, [DetDataSample(metainfo={"img_shape": SIZE})])[0].bboxes
    assert (len(expected) == 0) == (change is huge_boxes)
    assert torch.equal(RegionProposals(head)(maps, SIZE), expected)


class OwnProposals(RPNHead):
    def _predict_by_feat_single(self, *args, **kwargs):
        return super()._predict_by_feat_single(*args, **kwargs)


def test_a_head_with_proposals_of_its_own_is_refused():
    head = small_detector(FASTER).rpn_head
    head.__class__ = OwnProposals
    with pytest.raises(
        ValueError, match="OwnProposals cannot be exported: its _predict_by_feat_single is not that of RPNHead"
    ):
        RegionProposals(head)


def test_another_suppression_is_refused():
    head = small_detector(FASTER, lambda model: model.test_cfg.rpn.nms.update(type="soft_nms")).rpn_head
    with pytest.raises(ValueError, match="soft_nms"):
        RegionProposals(head)
