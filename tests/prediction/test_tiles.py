"""Tiles of an image. Oracles: sahi's own prediction in tiles, and connected components of the whole image."""

import sys

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from PIL import Image
from sahi.models.torchvision import TorchVisionDetectionModel
from sahi.predict import get_sliced_prediction
from skimage import data, draw, measure

from cnxv2_mm.prediction.masks import as_array
from cnxv2_mm.prediction.model import TrainedModel
from cnxv2_mm.prediction.pipeline import ImagePipeline
from cnxv2_mm.prediction.tiles import check_sahi, predict_tiles

TILE = 96


class ComponentDetector:
    """Finds what is bright, perfectly: each connected component, its box, its mask, and its area as the score."""

    def __init__(self):
        init_default_scope("mmdet")
        steps = [{"type": "LoadImageFromFile"}, {"type": "PackDetInputs"}]
        self.pipeline = ImagePipeline(Config({"test_dataloader": {"dataset": {"pipeline": steps}}}))

    def predict(self, image, file):
        regions = measure.regionprops(measure.label(image[..., 0] > 128))
        masks = [measure.label(image[..., 0] > 128) == region.label for region in regions]
        boxes = [(r.bbox[1], r.bbox[0], r.bbox[3], r.bbox[2]) for r in regions]
        found = InstanceData(
            bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            labels=torch.zeros(len(regions), dtype=torch.long),
            scores=torch.tensor([min(1.0, region.area / 4000) for region in regions]),
            masks=torch.from_numpy(np.array(masks).reshape(-1, *image.shape[:2])),
        )
        return DetDataSample(pred_instances=found, metainfo={"ori_shape": image.shape[:2]})


@pytest.fixture
def blobs():
    """Twelve ellipses, of which some lie across the edges of tiles, and one is larger than a tile."""
    image = np.zeros((300, 400, 3), np.uint8)
    for i in range(12):
        row, column = 30 + 80 * (i // 4), 40 + 100 * (i % 4)
        image[draw.ellipse(row, column, 9 + 3 * (i % 5), 26 - 2 * i)] = 255
    image[draw.ellipse(265, 200, 22, 120)] = 255
    return image


def test_what_lies_across_tiles_is_found_whole_and_once(blobs, tmp_path):
    model = ComponentDetector()
    expected = model.predict(blobs, tmp_path).pred_instances
    found = predict_tiles(model, blobs, tmp_path, TILE, 0.0).pred_instances
    assert len(expected) == 13
    order = [int((found.bboxes - box).abs().sum(1).argmin()) for box in expected.bboxes]
    assert sorted(order) == list(range(13))
    assert torch.equal(found.bboxes[order], expected.bboxes)
    assert torch.equal(found.scores[order], expected.scores)
    assert all(np.array_equal(as_array(found.masks[i]), m.numpy()) for i, m in zip(order, expected.masks, strict=True))
    assert (found.scores.diff() <= 0).all()


def test_a_network_finds_what_sahi_finds_with_it(trained, tmp_path):
    model = TrainedModel(trained("detector"))
    rocket = np.ascontiguousarray(data.rocket()[100:260, 200:400])
    Image.fromarray(rocket).save(tmp_path / "rocket.png")

    def as_torchvision(images):
        bgr = (images[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)[..., ::-1]
        found = model.predict(np.ascontiguousarray(bgr), tmp_path / "rocket.png").pred_instances
        return [{"boxes": found.bboxes, "scores": found.scores, "labels": found.labels}]

    names = {str(i): str(i) for i in range(10)}
    wrapped = TorchVisionDetectionModel(model=torch.nn.Module(), category_mapping=names, load_at_init=False)
    wrapped.model, wrapped.confidence_threshold = as_torchvision, 0.15
    theirs = get_sliced_prediction(rocket, wrapped, TILE, TILE, verbose=0).object_prediction_list
    image = model.pipeline.load(tmp_path / "rocket.png")
    ours = predict_tiles(model, image, tmp_path / "rocket.png", TILE, 0.15).pred_instances
    theirs = sorted(((o.score.value, o.category.id, o.bbox.to_xyxy()) for o in theirs), reverse=True)
    assert len(ours) == len(theirs) > 3
    for i, (score, label, box) in enumerate(theirs):
        assert float(ours.scores[i]) == pytest.approx(score, abs=1e-5)
        assert int(ours.labels[i]) == label
        assert ours.bboxes[i].tolist() == pytest.approx(box, abs=1.01)  # sahi rounds to whole pixels


def test_a_small_image_is_one_tile(blobs, tmp_path):
    model = ComponentDetector()
    found = predict_tiles(model, blobs[:90, :90], tmp_path, TILE, 0.2).pred_instances
    expected = model.predict(blobs[:90, :90], tmp_path).pred_instances
    assert torch.equal(found.bboxes, expected[expected.scores >= 0.2].bboxes)


def test_an_image_without_anything(tmp_path):
    found = predict_tiles(ComponentDetector(), np.zeros((200, 200, 3), np.uint8), tmp_path, TILE, 0.0)
    assert len(found.pred_instances) == 0


def test_a_segmenter_is_refused(trained, photographs):
    model, file = TrainedModel(trained("segmenter")), photographs / "rocket.tif"
    with pytest.raises(ValueError, match=r"--tiles is for detectors.*mode='slide'"):
        predict_tiles(model, model.pipeline.load(file), file, TILE, 0.3)


def test_without_sahi(monkeypatch):
    check_sahi()
    monkeypatch.setitem(sys.modules, "sahi", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "cnxv2_mm\[tiles\]"'):
        check_sahi()
