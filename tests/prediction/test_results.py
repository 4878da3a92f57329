"""Results as JSON. Oracles: pycocotools reads and scores the file; NumPy counts the pixels of a label map."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData, PixelData
from mmpretrain.structures import DataSample
from mmseg.structures import SegDataSample
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cnxv2_mm.prediction.results import results_for

CLASSES = ("cat", "dog")


def found(seed, masks=True, number=6):
    """Boxes with the ellipses in them, scores 0.95, 0.85, ..."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(number, 2, generator=generator) * 40
    boxes = torch.cat([corners, corners + 8 + torch.rand(number, 2, generator=generator) * 10], dim=1)
    instances = InstanceData(
        bboxes=boxes, labels=torch.arange(number) % 2, scores=0.95 - 0.1 * torch.arange(number).float()
    )
    if masks:
        y, x = torch.arange(60)[:, None] + 0.5, torch.arange(80) + 0.5
        middle, radii = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
        ellipses = [((x - m[0]) / r[0]) ** 2 + ((y - m[1]) / r[1]) ** 2 < 1 for m, r in zip(middle, radii, strict=True)]
        instances.masks = torch.stack(ellipses)
    return DetDataSample(pred_instances=instances, metainfo={"ori_shape": (60, 80)})


def write(folder, samples, min_score=0.0, classes=CLASSES):
    results = results_for(samples[0], classes, min_score, folder)
    for i, sample in enumerate(samples):
        results.add(f"{i}.png", sample, Path("maps", f"{i}.png"))
    (folder / "found.json").write_text(json.dumps(results.as_json()))
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_coco_reads_and_scores_detections(tmp_path, kind):
    """As their own truth they are perfect, and every image and class is there."""
    samples = [found(seed, masks=kind == "segm") for seed in range(3)]
    write(tmp_path, samples)
    truth = COCO(str(tmp_path / "found.json"))
    results = truth.loadRes(json.loads((tmp_path / "found.json").read_text())["annotations"])
    scores = COCOeval(truth, results, kind)
    scores.evaluate()
    scores.accumulate()
    scores.summarize()
    assert scores.stats[0] == pytest.approx(1.0)
    assert [truth.imgs[i]["file_name"] for i in truth.getImgIds()] == ["0.png", "1.png", "2.png"]
    assert {c["name"] for c in truth.cats.values()} == {"cat", "dog"}
    for i, annotation in enumerate(truth.loadAnns(truth.getAnnIds(imgIds=[2]))):
        instances = samples[1].pred_instances
        left, top, width, height = annotation["bbox"]
        assert [left, top, left + width, top + height] == pytest.approx(instances.bboxes[i].tolist(), abs=2e-3)
        assert annotation["category_id"] == int(instances.labels[i]) + 1
        assert annotation["score"] == pytest.approx(float(instances.scores[i]))
        if kind == "segm":
            assert np.array_equal(truth.annToMask(annotation), instances.masks[i].numpy())
            assert annotation["area"] == int(instances.masks[i].sum())
        else:
            assert annotation["area"] == pytest.approx(width * height, abs=0.05)


def test_run_length_codes_are_taken_as_they_are(tmp_path):
    sample = found(0)
    expected = write(tmp_path, [sample])
    masks = sample.pred_instances.masks.numpy()
    del sample.pred_instances.masks
    sample.pred_instances.masks = [coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)) for mask in masks]
    assert write(tmp_path, [sample]) == expected


def test_low_scores_and_classes_without_a_name(tmp_path):
    content = write(tmp_path, [found(0)], min_score=0.8, classes=("cat",))
    assert len(content["annotations"]) == 2
    assert content["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "class 1"}]


def test_an_image_without_anything_is_in_the_file(tmp_path):
    content = write(tmp_path, [found(0)], min_score=0.99)
    assert content["annotations"] == []
    assert [image["file_name"] for image in content["images"]] == ["0.png"]
    assert COCO(str(tmp_path / "found.json")).getImgIds() == [1]


@pytest.mark.parametrize("largest", [1, 300])
def test_label_maps(tmp_path, largest):
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, largest + 1, (60, 80)))
    content = write(tmp_path, [SegDataSample(pred_sem_seg=PixelData(data=labels[None]))])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "maps" / "0.png")), labels.numpy())
    (image,) = content["images"]
    assert (image["width"], image["height"]) == (80, 60)
    assert image["shares"]["dog"] == pytest.approx((labels == 1).float().mean().item(), abs=1e-6)
    assert sum(image["shares"].values()) == pytest.approx(1.0, abs=1e-3)
    assert ("class 300" in image["shares"]) == (largest == 300)
    assert content["classes"] == {"0": "cat", "1": "dog"}
    assert image["label_map"] == "maps/0.png"


def test_classes(tmp_path):
    scores = torch.tensor([0.05, 0.2, 0.4, 0.15, 0.12, 0.08])
    content = write(tmp_path, [DataSample().set_pred_score(scores)])
    (image,) = content["images"]
    assert image["class"] == "class 2"
    assert image["probability"] == pytest.approx(0.4)
    assert [one["class"] for one in image["top_five"]] == ["class 2", "dog", "class 3", "class 4", "class 5"]
    assert [one["probability"] for one in image["top_five"]] == pytest.approx([0.4, 0.2, 0.15, 0.12, 0.08])


def test_models_of_other_kinds():
    with pytest.raises(ValueError, match="the model gives loss, and only detectors, segmenters and classifiers"):
        results_for(DataSample(loss=torch.zeros(1)), CLASSES, 0.3, Path())
