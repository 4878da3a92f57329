"""What a file says of itself."""

import json

import pytest
import torch
from mmengine.config import Config

from cnxv2_mm.export.metadata import describe, resize_steps
from cnxv2_mm.export.subject import load_subject
from cnxv2_mm.version import __version__


def config(*steps):
    return Config({"test_dataloader": {"dataset": {"pipeline": [{"type": "LoadImageFromFile"}, *steps]}}})


def test_steps_that_change_the_size():
    steps = [
        {"type": "mmpretrain.ResizeEdge", "scale": 72, "edge": "short", "backend": "pillow"},
        {"type": "CenterCrop", "crop_size": (64, 48)},
        {"type": "mmdet.Pad", "size": (96, 96), "pad_val": {"img": (114, 114, 114)}},
        {"type": "LoadAnnotations", "with_bbox": True},
        {"type": "PackInputs"},
    ]
    assert resize_steps(config(*steps)) == [
        {"type": "ResizeEdge", "scale": 72, "edge": "short", "backend": "pillow"},
        {"type": "CenterCrop", "crop_size": [64, 48]},
        {"type": "Pad", "size": [96, 96], "pad_val": {"img": [114, 114, 114]}},
    ]
    assert resize_steps(None) == []


@pytest.mark.parametrize("name", ["Normalize", "mmseg.CLAHE", "TestTimeAug"])
def test_a_step_that_the_file_would_not_do_is_refused(name):
    with pytest.raises(ValueError, match=f"the step {name.rpartition('.')[2]} of the config's test pipeline cannot be"):
        resize_steps(config({"type": name}))


def test_all_of_it(classifier):
    subject = load_subject(classifier)
    image = torch.zeros(1, 64, 80, 3, dtype=torch.uint8)
    fixed = describe(subject, image, [(64, 64), (80, 80)], dynamic=False, fp16=True)
    said = {key: json.loads(value) for key, value in fixed.items()}
    assert said["cnxv2_mm"] == __version__
    assert said["task"] == "classifier"
    assert said["classes"] == ["ant", "bee", "cat", "dog"]
    sides = {"height": [64, 64], "width": [80, 80]}
    expected = {"name": "image", "shape": [1, 64, 80, 3], "type": "uint8", "channels": "RGB", "sides": sides}
    assert said["input"] == expected
    (output,) = said["outputs"]
    assert output["name"] == "scores"
    assert output["axes"] == ["images", 4]
    assert [step["type"] for step in said["resize"]] == ["ResizeEdge", "CenterCrop"]
    assert said["source"] == {"config": classifier.config, "checkpoint": classifier.checkpoint}
    assert said["fp16"] is True
    free = json.loads(describe(subject, image, [(33, None), (1, 500)], dynamic=True, fp16=False)["input"])
    assert free["shape"] == ["images", "height", "width", 3]
    assert free["sides"] == {"height": [33, None], "width": [1, 500]}
