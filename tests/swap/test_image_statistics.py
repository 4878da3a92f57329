"""Mean and standard deviation of a file with weights: the numbers, and where they are found."""

import json

import pytest
import timm
from timm.data.constants import (
    IMAGENET_DEFAULT_MEAN,
    IMAGENET_DEFAULT_STD,
    IMAGENET_INCEPTION_MEAN,
    IMAGENET_INCEPTION_STD,
    OPENAI_CLIP_MEAN,
    OPENAI_CLIP_STD,
)
from timm.models import save_for_hf

from cnxv2_mm.swap.image_statistics import CLIP, IMAGENET, find_statistics, of_unit_range

INCEPTION = of_unit_range(IMAGENET_INCEPTION_MEAN, IMAGENET_INCEPTION_STD)


def test_the_known_ones_are_timms():
    assert of_unit_range(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD) == IMAGENET
    assert of_unit_range(OPENAI_CLIP_MEAN, OPENAI_CLIP_STD) == CLIP
    assert IMAGENET.mean == (123.675, 116.28, 103.53)
    assert CLIP.as_unit().mean == pytest.approx(OPENAI_CLIP_MEAN, abs=1e-6)
    assert [known.owner for known in (IMAGENET, CLIP, INCEPTION)] == ["ImageNet's", "CLIP's", "the weights' own"]


def test_what_timm_writes_beside_its_weights(tmp_path):
    clip = {**timm.get_pretrained_cfg("convnext_base.clip_laion2b").to_dict(), "num_classes": 10}
    assert clip["mean"] == OPENAI_CLIP_MEAN
    model = timm.create_model("test_convnext", pretrained=False, num_classes=10, pretrained_cfg=clip)
    save_for_hf(model, tmp_path)
    images, why = find_statistics(tmp_path / "model.safetensors", ())
    assert images == CLIP
    assert "config.json beside the file" in why


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        # Old files of timm; transformers' ConvNextImageProcessor; open_clip's preprocessing.
        ("config.json", {"architecture": "convnext_tiny", "mean": [0.5] * 3, "std": [0.5] * 3}, INCEPTION),
        ("preprocessor_config.json", {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}, INCEPTION),
        ("open_clip_config.json", {"preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}, INCEPTION),
        # None of them says anything: of another library, incomplete, for other images, or impossible.
        ("config.json", {"mean": [0.5] * 3, "std": [0.5] * 3}, IMAGENET),
        ("config.json", {"architecture": "convnext_tiny", "pretrained_cfg": {"mean": [0.5] * 3}}, IMAGENET),
        ("config.json", ["architecture"], IMAGENET),
        ("preprocessor_config.json", {"image_mean": [0.5], "image_std": [0.5]}, IMAGENET),
        ("preprocessor_config.json", {"image_mean": [127.5] * 3, "image_std": [127.5] * 3}, IMAGENET),
        ("preprocessor_config.json", {"image_mean": [0.5] * 3, "image_std": [0] * 3}, IMAGENET),
        ("open_clip_config.json", {"preprocess_cfg": None}, IMAGENET),
    ],
)
def test_what_else_may_lie_beside(tmp_path, name, content, expected):
    (tmp_path / name).write_text(json.dumps(content))
    images, why = find_statistics(tmp_path / "model.pth", ["stem.0.weight"])
    assert images == expected
    assert why.startswith("as " if expected == INCEPTION else "because")


def test_a_library_whose_first_file_says_nothing_has_a_second(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "convnext", "architectures": ["ConvNextModel"]}))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}))
    assert find_statistics(tmp_path / "model.safetensors", ())[0] == INCEPTION


def test_a_tower_of_clip_is_known_by_its_names(tmp_path):
    images, why = find_statistics(tmp_path / "open_clip_model.safetensors", ["visual.trunk.stem.0.weight"])
    assert images == CLIP
    assert "tower of CLIP" in why


def test_what_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json.* no valid JSON; correct it"):
        find_statistics(tmp_path / "model.pth", ())
