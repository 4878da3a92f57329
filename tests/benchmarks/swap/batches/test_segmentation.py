"""Batches for mmseg."""

from mmengine.config import Config

from benchmarks.swap.batches.segmentation import SIDE, segmentation_batch


def test_every_pixel_has_a_class_that_every_head_knows():
    config = Config({"model": {"decode_head": {"num_classes": 19}, "auxiliary_head": [{"num_classes": 5}]}})
    batch = segmentation_batch(config)
    assert [tuple(picture.shape) for picture in batch["inputs"]] == [(3, SIDE, SIDE)] * 2
    for sample in batch["data_samples"]:
        assert sample.gt_sem_seg.data.shape == (1, SIDE, SIDE)
        assert sample.gt_sem_seg.data.unique().tolist() == [0, 1, 2, 3, 4]
        assert sample.gt_edge_map.data.unique().tolist() == [0, 1]
