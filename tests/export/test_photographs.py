"""Images for the comparison: found, and of the sizes that the test pipeline gives."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from cnxv2_mm.config.load import load_config
from cnxv2_mm.export.photographs import find_photographs, pictures, pipeline_size
from cnxv2_mm.export.subject import load_subject


def test_named_ones(cat, tmp_path):
    (tmp_path / "more").mkdir()
    Image.open(cat).save(tmp_path / "more" / "dog.jpg")
    assert find_photographs([cat, tmp_path], None) == [cat, tmp_path / "more" / "dog.jpg"]
    with pytest.raises(FileNotFoundError, match=r"--images nothing.jpg does not exist"):
        find_photographs(["nothing.jpg"], None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"empty has no images"):
        find_photographs([tmp_path / "empty"], None)


def test_those_of_the_configs_tests_if_they_are_here(classifier, cat, tmp_path):
    for name in ("a/1.png", "a/2.png", "b/3.png", "b/4.png", "b/5.png", "b/6.png", "b/7.png", "b/8.png", "b/9.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.open(cat).save(tmp_path / name)
    config = load_config(classifier.config, {"test_dataloader.dataset.data_root": str(tmp_path)})
    init_default_scope("mmpretrain")
    assert [file.name for file in find_photographs([], config)] == ["1.png", "3.png", "5.png", "7.png"]
    (example,) = find_photographs([], load_config(classifier.config))
    assert example.name == "grace_hopper.jpg"
    assert Image.open(example).size == (512, 600)
    assert find_photographs([], None) == [example]


def test_sizes_of_pipelines(classifier, detector, cat):
    assert pipeline_size(load_subject(classifier).pipeline, cat) == (64, 64)
    assert pipeline_size(load_subject(detector).pipeline, cat) is None
    assert pipeline_size(None, cat) is None


def test_pictures_are_rgb_as_the_pipeline_sizes_them(detector, cat):
    """OpenCV, which the config resizes with, is the oracle."""
    subject = load_subject(detector)
    found = pictures(subject, [cat], None, 3)
    expected = cv2.resize(np.asarray(Image.open(cat).convert("RGB")), (128, 96))
    assert found[0].dtype == torch.uint8
    np.testing.assert_array_equal(found[0][0], expected)
    assert [image.shape for image in found] == [(1, 96, 128, 3), (1, 120, 192, 3)]
    assert [image.shape for image in pictures(subject, [cat], (80, 48), 3)] == [(1, 80, 48, 3)]


def test_a_second_size_is_made_of_images_of_one_size(classifier, cat):
    found = pictures(load_subject(classifier), [cat, cat], None, 3)
    assert [image.shape for image in found] == [(1, 64, 64, 3), (1, 64, 64, 3), (1, 80, 96, 3)]
    assert found[2].is_contiguous()
    assert found[2].float().mean() == pytest.approx(found[0].float().mean(), abs=1)


def test_test_time_augmentation_is_refused(detector, cat, tmp_path):
    steps = [
        {"type": "LoadImageFromFile"},
        {
            "type": "TestTimeAug",
            "transforms": [
                [{"type": "Resize", "scale": (64, 64)}, {"type": "Resize", "scale": (96, 96)}],
                [{"type": "PackDetInputs"}],
            ],
        },
    ]
    config = tmp_path / "augmented.py"
    config.write_text(f"_base_ = {detector.config!r}\ntest_dataloader = dict(dataset=dict(pipeline={steps!r}))\n")
    assert isinstance(load_config(str(config)), Config)
    subject = load_subject(type(detector)(str(config), detector.checkpoint))
    with pytest.raises(ValueError, match=r"makes 2 images of one"):
        pipeline_size(subject.pipeline, cat)
