"""What ``tools/test.py`` makes of configs that ship with mmdet, mmseg and mmpretrain. The runs are in tests/tools."""

import pytest
from mmengine.config import Config

from cnxv2_mm.config.load import load_config
from cnxv2_mm.training.testing import draw_predictions, use_tta

RETINANET = "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py"
UPERNET = "mmseg::convnext/convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512.py"
CONVNEXT = "mmpretrain::convnext_v2/convnext-v2-atto_32xb32_in1k.py"


def test_drawing_is_switched_on_as_each_library_wants_it():
    options = {"show": True, "show_dir": "pictures", "wait_time": 0.5}
    config = load_config(RETINANET)
    draw_predictions(config, **options)
    hook = config.default_hooks.visualization
    assert (hook.type, hook.draw, hook.show, hook.wait_time) == ("DetVisualizationHook", True, True, 0.5)
    assert hook.test_out_dir == "pictures"

    config = load_config(UPERNET)
    draw_predictions(config, **options)
    hook = config.default_hooks.visualization
    assert (hook.draw, hook.interval, hook.show, hook.wait_time) == (True, 1, True, 0.5)
    assert config.visualizer.save_dir == "pictures"

    config = load_config(CONVNEXT)
    draw_predictions(config, show=False, show_dir="pictures", wait_time=0.5)
    hook = config.default_hooks.visualization
    assert (hook.enable, hook.interval, hook.out_dir, "wait_time" in hook) == (True, 1, "pictures", False)

    bare = Config({"default_scope": "mmseg"})
    draw_predictions(bare, **options)
    assert bare.default_hooks.visualization.type == "SegVisualizationHook"
    assert bare.visualizer.type == "SegLocalVisualizer"
    with pytest.raises(ValueError, match=r"mmdet, mmseg, mmpretrain.*'mmengine'"):
        draw_predictions(Config({"default_scope": "mmengine"}), **options)


def test_augmentation_comes_from_the_config_or_mirrors():
    config = load_config(UPERNET)
    own = config.tta_pipeline
    use_tta(config)
    assert (config.model.type, config.model.module.type) == ("SegTTAModel", "EncoderDecoder")
    assert config.test_dataloader.dataset.pipeline == own

    config = load_config("mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py")
    steps = [step.type for step in config.test_dataloader.dataset.pipeline]
    use_tta(config)
    pipeline = config.test_dataloader.dataset.pipeline
    assert config.model.type == "mmdet.DetTTAModel"
    assert [step.type for step in pipeline] == [*steps[:-1], "TestTimeAug"]
    flips, (pack,) = pipeline[-1].transforms
    assert sorted(flip.prob for flip in flips) == [0.0, 1.0]
    # The merge needs to know which images were mirrored.
    assert {"flip", "flip_direction"} <= set(pack.meta_keys)

    with pytest.raises(ValueError, match="no tta_model and no tta_pipeline"):
        use_tta(Config({"default_scope": "mmengine", "test_dataloader": {"dataset": {}}}))
