"""Pictures of predictions and labels. Oracle for masks and boxes: torchvision's own drawing."""

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmengine.structures import InstanceData, PixelData
from mmpretrain.structures import DataSample
from mmseg.structures import SegDataSample
from sklearn.datasets import load_sample_image
from torchvision.utils import draw_bounding_boxes, draw_segmentation_masks

from cnxv2_mm.prediction.drawing import colour, draw_prediction, draw_truth

PHOTOGRAPH = load_sample_image("china.jpg")[:400, :600]
CLASSES = ("temple", "lake", "sky")
BOX = (100, 120, 300, 340)


def detection(masks=None, boxes=(BOX,), labels=(1,), scores=(0.8,), name="pred_instances"):
    found = InstanceData(bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), labels=torch.tensor(labels))
    if scores is not None:
        found.scores = torch.tensor(scores)
    if masks is not None:
        found.masks = masks
    return DetDataSample(**{name: found})


def rectangle(box=(110, 130, 290, 330), size=(400, 600)):
    mask = torch.zeros(1, *size, dtype=torch.bool)
    mask[:, box[1] : box[3], box[0] : box[2]] = True
    return mask


def as_torchvision(image):
    return torch.from_numpy(image.copy()).permute(2, 0, 1)


def test_masks_and_boxes_are_torchvisions():
    picture = draw_prediction(PHOTOGRAPH, detection(rectangle()), CLASSES)
    masked = draw_segmentation_masks(as_torchvision(PHOTOGRAPH), rectangle(), alpha=115 / 255, colors=[colour(1)])
    boxed = draw_bounding_boxes(masked, torch.tensor([BOX]), colors=[colour(1)], width=2)
    difference = np.abs(picture.astype(int) - boxed.permute(1, 2, 0).numpy())
    assert difference[BOX[1] + 2 :].max() <= 1  # rounding; above is the text
    assert difference[: BOX[1] - 40].max() == 0
    text = picture[BOX[1] - 16 : BOX[1] - 2, BOX[0] + 2 : BOX[0] + 60]
    assert (text == colour(1)).all(axis=2).mean() > 0.4  # the ground
    assert (text == 255).all(axis=2).any()  # and letters


@pytest.mark.parametrize("form", ["bitmaps", "polygons", "boxes of mmdet"])
def test_forms_of_masks_and_boxes(form):
    sample = detection(rectangle(), scores=None, name="gt_instances")
    expected = draw_truth(PHOTOGRAPH, sample, CLASSES)
    if form == "bitmaps":
        sample.gt_instances.masks = BitmapMasks(rectangle().numpy().astype(np.uint8), 400, 600)
    elif form == "polygons":
        corners = np.array([110, 130, 289, 130, 289, 329, 110, 329], np.float32)
        sample.gt_instances.masks = PolygonMasks([[corners]], 400, 600)
    else:
        sample.gt_instances.bboxes = HorizontalBoxes(sample.gt_instances.bboxes)
    picture = draw_truth(PHOTOGRAPH, sample, CLASSES)
    assert (picture != expected).any(axis=2).mean() < 0.01  # a polygon's edge may lie a pixel further


def test_low_scores_are_left_out():
    sample = detection(boxes=(BOX, (10, 50, 60, 90)), labels=(1, 2), scores=(0.8, 0.29))
    assert np.array_equal(
        draw_prediction(PHOTOGRAPH, sample, CLASSES), draw_prediction(PHOTOGRAPH, detection(), CLASSES)
    )
    assert not np.array_equal(
        draw_prediction(PHOTOGRAPH, sample, CLASSES, 0.2), draw_prediction(PHOTOGRAPH, sample, CLASSES)
    )
    assert np.array_equal(draw_prediction(PHOTOGRAPH, sample, CLASSES, 0.9), PHOTOGRAPH)


def test_instances_of_a_single_class_differ_in_colour():
    boxes = ((20, 60, 90, 150), (200, 60, 300, 150))
    sample = detection(boxes=boxes, labels=(0, 0), scores=(0.8, 0.9))
    one = draw_prediction(PHOTOGRAPH, sample, ["cell"])
    assert tuple(one[100, 20]) == colour(0)
    assert tuple(one[100, 200]) == colour(1)
    several = draw_prediction(PHOTOGRAPH, sample, CLASSES)
    assert tuple(several[100, 20]) == tuple(several[100, 200]) == colour(0)


def test_a_small_image_is_enlarged_and_a_large_one_gets_larger_text():
    small = draw_prediction(PHOTOGRAPH[:48, :64], detection(boxes=((8, 10, 30, 40),)), CLASSES)
    assert small.shape == (384, 512, 3)
    assert tuple(small[200, 64]) == colour(1)
    large = draw_prediction(PHOTOGRAPH.repeat(6, 0).repeat(6, 1), detection(boxes=((900, 900, 1800, 1800),)), CLASSES)
    assert large.shape == (2400, 3600, 3)
    ground = (large == colour(1)).all(axis=2)
    assert ground[820:899, 910].sum() > 70  # pixels of height of the text's ground
    assert ground[1200, 890:920].sum() == 9  # of width of the line


def test_a_label_map_has_a_legend_of_its_classes():
    cells = torch.zeros(1, 400, 600, dtype=torch.long)
    cells[:, 200:] = 2
    cells[:, :, 500:] = 255  # no class
    for name, draw in (("pred_sem_seg", draw_prediction), ("gt_sem_seg", draw_truth)):
        picture = draw(PHOTOGRAPH, SegDataSample(**{name: PixelData(data=cells)}), CLASSES)
        image, legend = picture[:400], picture[400:]
        masks = torch.cat([cells == 0, cells == 2])
        oracle = draw_segmentation_masks(
            as_torchvision(PHOTOGRAPH), masks, alpha=115 / 255, colors=[colour(0), colour(2)]
        )
        assert np.abs(image.astype(int) - oracle.permute(1, 2, 0).numpy()).max() <= 1
        assert np.array_equal(image[:, 500:], PHOTOGRAPH[:, 500:])
        assert [(legend == colour(i)).all(axis=2).any() for i in range(3)] == [True, False, True]
        assert 10 < len(legend) < 40


def test_a_legend_of_many_classes_wraps():
    cells = torch.arange(400)[:, None].expand(400, 600) // 4
    picture = draw_prediction(
        PHOTOGRAPH, SegDataSample(pred_sem_seg=PixelData(data=cells)), [str(i) for i in range(90)]
    )
    legend = picture[400:]
    assert picture.shape[1] == 600
    assert all((legend == colour(i)).all(axis=2).sum() > 30 for i in range(100))  # ten of them have no name


def test_a_class_stands_below_the_image():
    sample = DataSample().set_pred_score(torch.tensor([0.1, 0.7, 0.2])).set_pred_label(1).set_gt_label(2)
    picture = draw_prediction(PHOTOGRAPH, sample, CLASSES)
    assert np.array_equal(picture[:400], PHOTOGRAPH)
    assert (picture[400:] == colour(1)).all(axis=2).any()
    assert (draw_truth(PHOTOGRAPH, sample, CLASSES)[400:] == colour(2)).all(axis=2).any()


def test_colours_differ():
    colours = np.array([colour(i) for i in range(256)])
    assert len(np.unique(colours, axis=0)) == 256
    near = np.abs(colours[:20, None] - colours[None, :20]).sum(-1) + 1000 * np.eye(20)
    assert near.min() > 60


def test_a_sample_without_anything_to_draw():
    with pytest.raises(ValueError, match="has no prediction to draw"):
        draw_prediction(PHOTOGRAPH, SegDataSample(), CLASSES)
    with pytest.raises(ValueError, match="pred_instances has no labels to draw"):
        draw_truth(PHOTOGRAPH, detection(), CLASSES)
