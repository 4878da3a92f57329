"""mmyolo's batches: the walk trains and predicts with configs of both ways to collate, and with masks."""

import pytest

from tests.libraries.walking import walk


@pytest.mark.libraries
@pytest.mark.parametrize(
    "config",
    [
        "mmyolo::yolov5/yolov5_n-v61_syncbn_fast_8xb16-300e_coco.py",
        "mmyolo::ppyoloe/ppyoloe_plus_s_fast_8xb8-80e_coco.py",
        "mmyolo::yolov5/ins_seg/yolov5_ins_n-v61_syncbn_fast_8xb16-300e_coco_instance.py",
    ],
)
def test_models_train_and_predict(config, tmp_path):
    found = walk(config, tmp_path)
    assert [found[key] for key in ("state", "training", "prediction")] == ["swapped", "trained", "predicted"]
