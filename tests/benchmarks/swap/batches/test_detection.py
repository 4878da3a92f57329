"""Batches for mmdet."""

from mmengine.config import Config

from benchmarks.swap.batches.detection import SIDE, detection_batch, pictures_to_detect


def config_of(**model):
    return Config({"default_scope": "mmdet", "model": {"type": "FasterRCNN", "roi_head": {"num_classes": 4}, **model}})


def test_boxes_lie_in_the_picture_and_masks_fill_them():
    batch = detection_batch(config_of())
    assert [tuple(picture.shape) for picture in batch["inputs"]] == [(3, SIDE, SIDE)] * 2
    for sample in batch["data_samples"]:
        objects = sample.gt_instances
        assert objects.labels.tolist() == [0, 1, 2]
        for (x1, y1, x2, y2), mask in zip(objects.bboxes.tolist(), objects.masks.masks, strict=True):
            assert 0 <= x1 < x2 <= SIDE
            assert 0 <= y1 < y2 <= SIDE
            rows, columns = mask.nonzero()
            assert abs(columns.min() - x1) <= 1
            assert abs(columns.max() + 1 - x2) <= 1
            assert abs(rows.min() - y1) <= 1
            assert abs(rows.max() + 1 - y2) <= 1
        assert len(sample.proposals) == 50


def test_a_prediction_takes_proposals_only_where_the_model_makes_none():
    (sample,) = pictures_to_detect(config_of())["data_samples"]
    assert len(sample.proposals) == 50
    (sample,) = pictures_to_detect(config_of(rpn_head={"type": "RPNHead"}))["data_samples"]
    assert "proposals" not in sample


def test_trackers_get_videos():
    tracker = config_of(data_preprocessor={"type": "TrackDataPreprocessor"})
    for batch, number in ((detection_batch(tracker), 2), (pictures_to_detect(tracker), 1)):
        assert [tuple(video.shape) for video in batch["inputs"]] == [(2, 3, SIDE, SIDE)] * number
        assert all(len(video.video_data_samples) == 2 for video in batch["data_samples"])


def test_semi_supervised_models_get_three_branches():
    batch = detection_batch(config_of(semi_train_cfg={}))
    assert list(batch["inputs"]) == list(batch["data_samples"]) == ["sup", "unsup_teacher", "unsup_student"]
    # Two pictures, the first labelled: each branch has its own at its place.
    assert [[one is not None for one in branch] for branch in batch["inputs"].values()] == [
        [True, False],
        [False, True],
        [False, True],
    ]


def test_persons_come_twice_each():
    persons = config_of(type="BaseReID", head={"num_classes": 380})
    batch = detection_batch(persons)
    assert [tuple(crops.shape) for crops in batch["inputs"]] == [(4, 3, 256, 128)]
    assert [int(sample.gt_label.label) for sample in batch["data_samples"]] == [0, 0, 1, 1]
    assert len(pictures_to_detect(persons)["inputs"]) == 4


def test_stuff_has_the_classes_of_the_head_that_reads_it():
    panoptic = config_of(panoptic_head={"num_things_classes": 3, "num_stuff_classes": 2})
    (first, _) = detection_batch(panoptic)["data_samples"]
    assert first.gt_sem_seg.sem_seg.unique().tolist() == [0, 1, 2, 3, 4]
    rescaled = config_of(semantic_head={"num_classes": 6})
    rescaled.train_pipeline = [{"type": "SegRescale", "scale_factor": 0.125}]
    (first, _) = detection_batch(rescaled)["data_samples"]
    assert first.gt_sem_seg.sem_seg.shape == (1, SIDE // 8, SIDE // 8)
