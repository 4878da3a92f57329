"""mmpose's batches: the walk trains and predicts with one config of each kind of target."""

import pytest

from tests.libraries.walking import walk

TOPDOWN = "mmpose::body_2d_keypoint"


@pytest.mark.libraries
@pytest.mark.parametrize(
    "config",
    [
        f"{TOPDOWN}/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py",
        f"{TOPDOWN}/topdown_regression/coco/td-reg_res50_rle-8xb64-210e_coco-256x192.py",
        f"{TOPDOWN}/simcc/coco/simcc_res50_8xb64-210e_coco-256x192.py",
    ],
)
def test_models_train_and_predict(config, tmp_path):
    found = walk(config, tmp_path)
    assert [found[key] for key in ("state", "training", "prediction")] == ["swapped", "trained", "predicted"]
