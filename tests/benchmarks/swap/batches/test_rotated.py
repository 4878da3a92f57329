"""Batches for mmrotate, as far as they can be made without it."""

from mmengine.config import Config

from benchmarks.swap.batches.rotated import SIDE, box_types, object_boxes
from cnxv2_mm.mmcv_ops.convex_polygons import rotated_corners


def config_of(*transforms):
    loader = {"dataset": {"dataset": {"pipeline": list(transforms)}}}
    return Config({"default_scope": "mmrotate", "model": {"type": "RetinaNet"}, "train_dataloader": loader})


def test_turned_boxes_lie_in_the_picture():
    corners = rotated_corners(object_boxes(seed=0))
    assert corners.shape == (3, 4, 2)
    assert corners.min() >= 0
    assert corners.max() <= SIDE
    assert not object_boxes(seed=0).equal(object_boxes(seed=1))


def test_boxes_take_the_types_of_the_pipeline_one_after_another():
    load = {"type": "mmdet.LoadAnnotations", "with_bbox": True, "box_type": "qbox"}
    convert = [{"type": "ConvertBoxType", "box_type_mapping": {"gt_bboxes": name}} for name in ("hbox", "rbox")]
    assert box_types(config_of(load)) == ["qbox"]
    assert box_types(config_of(load, *convert)) == ["qbox", "hbox", "rbox"]
    assert box_types(config_of()) == ["rbox"]
