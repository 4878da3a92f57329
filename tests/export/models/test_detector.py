"""What all detectors of mmdet give: how mmdet itself computes it."""

import torch
from mmdet.structures import DetDataSample

from cnxv2_mm.export.models.dense_detector import DenseDetector
from tests.export.models.small_detectors import detector, photograph


def test_the_reference_is_what_mmdet_predicts_in_pixels_of_the_image():
    model = detector("retinanet/retinanet_r50_fpn_1x_coco.py")
    inputs = photograph(203, 300).permute(0, 3, 1, 2)
    exported = DenseDetector(model)
    boxes, scores, labels = exported.reference(inputs)
    # mmdet's own way to a batch of one: a sample whose picture was enlarged by 2 before, which it undoes.
    meta = {"img_shape": (203, 300), "ori_shape": (101, 150), "scale_factor": (2.0, 2.0)}
    data = {"inputs": [inputs[0]], "data_samples": [DetDataSample(metainfo=meta)]}
    with torch.no_grad():
        found = model.test_step(data)[0].pred_instances
    torch.testing.assert_close(boxes, found.bboxes * 2)
    torch.testing.assert_close(scores, found.scores)
    torch.testing.assert_close(labels, found.labels)
    assert [output.name for output in exported.outputs] == ["boxes", "scores", "labels"]
    assert not exported.takes_batches
