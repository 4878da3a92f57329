"""RGB images with ImageNet's mean and deviation, wherever a config normalises."""

import pytest
from mmengine.config import Config

from cnxv2_mm.swap.image_statistics import CLIP, IMAGENET
from cnxv2_mm.swap.preprocessing import normalise_images, pad_to_cells

MEAN, STD = list(IMAGENET.mean), list(IMAGENET.std)
CAFFE = {"mean": [103.53, 116.28, 123.675], "std": [1.0, 1.0, 1.0], "bgr_to_rgb": False}
RGB = {"mean": MEAN, "std": STD, "bgr_to_rgb": True}


def test_the_values_are_torchvisions():
    """Those of torchvision's weights, which are for images between 0 and 1."""
    from torchvision.models import ResNet50_Weights

    transform = ResNet50_Weights.DEFAULT.transforms()
    assert pytest.approx([255 * x for x in transform.mean]) == MEAN
    assert pytest.approx([255 * x for x in transform.std]) == STD


def test_preprocessors_inside_others_are_changed_too():
    inner = {"type": "DetDataPreprocessor", **CAFFE, "pad_size_divisor": 32}
    outer = {"type": "MultiBranchDataPreprocessor", "data_preprocessor": inner}
    config = Config({"model": {"detector": {"data_preprocessor": inner}, "data_preprocessor": outer}})
    notes = normalise_images(config, IMAGENET)
    expected = {"type": "DetDataPreprocessor", **RGB, "pad_size_divisor": 32}
    assert config.model.data_preprocessor.data_preprocessor == expected
    assert config.model.detector.data_preprocessor == expected
    assert len(notes) == 1
    assert "bgr_to_rgb=False" in notes[0]


def test_images_that_were_not_normalised_are():
    config = Config({"model": {"data_preprocessor": {"type": "DetDataPreprocessor", "pad_size_divisor": 32}}})
    normalise_images(config, IMAGENET)
    assert config.model.data_preprocessor == {"type": "DetDataPreprocessor", "pad_size_divisor": 32, **RGB}


def test_mmpretrain_spells_the_order_its_own_way():
    part = {"mean": [127.5] * 3, "std": [127.5] * 3, "rgb_to_bgr": True}
    config = Config({"default_scope": "mmpretrain", "data_preprocessor": part})
    normalise_images(config, IMAGENET)
    assert config.data_preprocessor == {"mean": MEAN, "std": STD, "to_rgb": True, "rgb_to_bgr": False}


def test_a_preprocessor_of_another_library_keeps_its_words():
    """DeepSORT's re-identification inside a detector's config."""
    reid = {"data_preprocessor": {"type": "mmpretrain.ClsDataPreprocessor"}}
    config = Config({"default_scope": "mmdet", "model": {"reid": reid}})
    normalise_images(config, IMAGENET)
    assert config.model.reid.data_preprocessor == {
        **reid["data_preprocessor"],
        "mean": MEAN,
        "std": STD,
        "to_rgb": True,
    }


def test_steps_of_pipelines():
    raw = {"type": "Normalize", "mean": [0.0, 0.0, 0.0], "std": [255.0] * 3}
    unit = {"type": "torchvision/Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    caffe = {"type": "mmcv.Normalize", "mean": [103.53, 116.28, 123.675], "std": [1.0] * 3, "to_rgb": False}
    config = Config({"train_pipeline": [{"type": "Load"}, caffe, unit, raw]})
    normalise_images(config, IMAGENET)
    assert config.train_pipeline[1] == {"type": "mmcv.Normalize", "mean": MEAN, "std": STD, "to_rgb": True}
    assert config.train_pipeline[2] == unit


def test_what_is_right_or_has_other_channels_stays():
    eight = {"mean": [1.0] * 8, "std": [1.0] * 8}
    config = Config({"data_preprocessor": dict(RGB), "model": {"data_preprocessor": eight}})
    before = config.to_dict()
    assert normalise_images(config, IMAGENET) == []
    assert config.to_dict() == before


def test_a_step_without_an_order_gets_its_own_word_for_it_and_images_are_normalised_once():
    step = {"type": "mmcv.Normalize", "mean": [0.0, 0.0, 1.5], "std": [1.0] * 3}
    pipeline = {"default_scope": "mmdet", "train_pipeline": [step]}
    config = Config({**pipeline, "model": {"data_preprocessor": {"type": "DetDataPreprocessor"}}})
    normalise_images(config, IMAGENET)
    assert config.train_pipeline[0] == {"type": "mmcv.Normalize", "mean": MEAN, "std": STD, "to_rgb": True}
    assert config.model.data_preprocessor == {"type": "DetDataPreprocessor"}


def test_images_as_clip_has_them():
    """mmpretrain's CLIP configs state the numbers in 0 ... 255, transformers' processors those in 0 ... 1."""
    mean, std = [122.770938, 116.7460125, 104.09373615], [68.5005327, 66.6321579, 70.32316305]
    unit = {"type": "torchvision/Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    config = Config({"train_pipeline": [dict(unit)], "data_preprocessor": dict(RGB)})
    (note,) = normalise_images(config, CLIP)
    assert config.data_preprocessor.mean == pytest.approx(mean, abs=1e-5)
    assert config.data_preprocessor.std == pytest.approx(std, abs=1e-5)
    (step,) = config.train_pipeline
    assert step.mean == pytest.approx([0.48145466, 0.4578275, 0.40821073], abs=1e-6)
    assert set(step) == set(unit)  # torchvision's knows no order of channels
    assert "RGB with CLIP's mean" in note


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "DetDataPreprocessor"}, 32),
        ({"type": "mmdet.DetDataPreprocessor", "pad_size_divisor": 1}, 32),
        ({"type": "YOLOXDetDataPreprocessor", "pad_size_divisor": 24}, 96),
        ({"type": "DetDataPreprocessor", "pad_size_divisor": 64}, 64),
        ({"type": "SegDataPreProcessor", "size": (64, 64)}, None),
    ],
)
def test_detectors_pad_to_whole_cells(part, expected):
    outer = {"type": "MultiBranchDataPreprocessor", "data_preprocessor": part}
    config = Config({"model": {"data_preprocessor": outer}})
    notes = pad_to_cells(config)
    assert config.model.data_preprocessor.data_preprocessor.get("pad_size_divisor") == expected
    assert "pad_size_divisor" not in config.model.data_preprocessor
    assert len(notes) == (expected not in (None, part.get("pad_size_divisor")))
