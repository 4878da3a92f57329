"""The demo's configs in the libraries' own inferencers, which ask for a test loader and a visualizer."""

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from skimage import data

from tests.configs.common import ROOT  # first: it imports cnxv2_mm, whose operators the libraries look for

# isort: split
from mmdet.apis import DetInferencer
from mmseg.apis import MMSegInferencer


@pytest.fixture
def photograph():
    return np.ascontiguousarray(data.chelsea()[:128, :160, ::-1])  # as BGR


def test_detection(photograph):
    inferencer = DetInferencer(str(ROOT / "configs/demo/mask_rcnn.py"), device="cpu", show_progress=False)
    (found,) = inferencer(photograph, return_vis=True)["predictions"]
    assert {len(found[key]) for key in ("labels", "scores", "bboxes", "masks")} == {20}  # max_per_img


def test_segmentation(photograph):
    inferencer = MMSegInferencer(str(ROOT / "configs/demo/upernet.py"), device="cpu", show_progress=False)
    assert inferencer(photograph, return_vis=True)["predictions"].shape == (128, 160)


def test_classification(photograph):
    from mmpretrain import ImageClassificationInferencer

    init_default_scope("mmpretrain")  # it takes the scope that is there, which another test may have left
    config = str(ROOT / "configs/demo/classification.py")
    (found,) = ImageClassificationInferencer(config, pretrained=False, device="cpu")(photograph)
    assert found["pred_scores"].sum() == pytest.approx(1)
