"""What the keys of necks and heads mean to the swap, and that a new rule touches this file alone."""

import pytest
from mmengine.config import ConfigDict
from mmengine.registry import MODELS

from cnxv2_mm.swap import config_keys
from cnxv2_mm.swap.config_keys import (
    arguments_besides_maps,
    heads,
    keep_maps,
    maps_named,
    may_be_run,
    necks,
    new_channels,
    prediction_settings,
    readers,
    set_necks,
    settings_in,
)
from cnxv2_mm.swap.necks_and_heads import adapt
from cnxv2_mm.swap.old_backbone import NUM_IMAGES, Maps
from cnxv2_mm.swap.refusal import SwapRefused
from tests.swap import toys  # noqa: F401  registers

OLD, NEW = (64, 128, 256, 512), (40, 80, 160, 320)
A, B, C = ({"type": name} for name in "ABC")


def test_heads_are_what_is_behind_backbone_and_neck():
    model = {
        "type": "Model",
        "backbone": {"type": "ResNet"},
        "neck": A,
        "data_preprocessor": {"type": "Normalize"},
        "teacher_backbone": {"type": "ResNet"},
        "decode_head": B,
        "auxiliary_head": [B, C],
        "train_cfg": {"type": "Loop"},
        "settings": {"no": "type"},
        "empty": [],
    }
    assert {part.name: part.config for part in heads(model)} == {
        "decode_head": B,
        "auxiliary_head[0]": B,
        "auxiliary_head[1]": C,
    }


def test_the_first_neck_reads_the_maps_or_else_all_heads():
    for neck in (A, [A, B]):
        model = {"neck": neck, "head": C}
        (part,) = readers(model)
        assert part.config is A
        part.replace(C)
        assert necks(model)[0] is C
    for neck in (None, []):
        assert [part.name for part in readers({"neck": neck, "head": C})] == ["head"]
    assert [part.name for part in readers({"head": C})] == ["head"]


def test_one_neck_stays_a_dictionary_and_several_are_a_list():
    model = {}
    set_necks(model, [A])
    assert model["neck"] is A
    set_necks(model, [B, A])
    assert model["neck"] == necks(model) == [B, A]
    set_necks(model, [C])
    assert model["neck"] == [C]


@pytest.mark.parametrize(
    ("settings", "key", "nested", "expected"),
    [
        ({"in_channels": 512}, "in_channels", False, (320, True)),
        ({"in_channels": 512}, "in_channels", True, (320, False)),
        ({"in_channels": 512, "in_index": 3}, "in_channels", True, (320, True)),
        ({"in_channels": 512.0}, "in_channels", False, None),
        ({"in_channels": True}, "in_channels", False, None),
        ({"c1_in_channels": 64}, "c1_in_channels", True, (40, True)),
        ({"feature_channels": [64, 128]}, "feature_channels", True, ([40, 80], True)),
        ({"in_dims": (512, 256, 128, 64)}, "in_dims", False, ((320, 160, 80, 40), True)),
        ({"out_channels": (64, 128, 256, 512, 99)}, "out_channels", False, ((40, 80, 160, 320, 99), False)),
        ({"out_channels": 512, "featmap_strides": [32]}, "out_channels", True, (320, False)),
        ({"out_channels": 512}, "out_channels", False, None),
        ({"channels": [64, 128]}, "channels", False, None),
    ],
)
def test_new_channels(settings, key, nested, expected):
    assert new_channels(settings, key, OLD, NEW, nested) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"in_index": -1}, {3}),
        ({"in_index": (0, 2)}, {0, 2}),
        ({"inner": [{"in_index": 1}, {"in_index": [3]}]}, {1, 3}),
        ({"start_level": 2}, {2, 3}),
        ({}, {0, 1, 2, 3}),
    ],
)
def test_the_maps_that_a_config_names(config, expected):
    assert maps_named(config, 4) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"in_channels": [64, 128, 256, 512], "start_level": 1}, {"in_channels": [128, 512], "start_level": 0}),
        ({"start_level": 2, "end_level": 3}, {"start_level": 1, "end_level": 1}),
        ({"end_level": -1}, {"end_level": -1}),
        ({"end_level": 2}, {"end_level": -1}),  # the last map is gone
        ({"in_index": -1}, {"in_index": 1}),
        ({"in_index": (0, 1, 3), "in_channels": (64, 128, 512)}, {"in_index": (0, 1), "in_channels": (128, 512)}),
        ({"in_channels": [1, 2]}, {"in_channels": [1, 2]}),
    ],
)
def test_settings_count_the_maps_that_are_left(before, after):
    """Of four maps the second and the last are kept."""
    keep_maps(before, (1, 3), OLD)
    assert before == after


def test_settings_inside_a_part():
    inner = {"a": 1}
    config = {"type": "A", "list": [inner, 2], "tuple": ({"b": 2},)}
    assert list(settings_in(config)) == [config, inner, {"b": 2}]


@pytest.mark.parametrize(
    ("scope", "kind", "method", "expected"),
    [
        ("mmseg", "FCNHead", "forward", set()),
        ("mmseg", "FCNHead", "predict", {"batch_img_metas", "test_cfg"}),
        ("mmdet", "CenterNetHead", "predict", {"batch_data_samples"}),
        ("mmseg", "OCRHead", "forward", None),  # it also takes what the head before it made
        ("mmdet", "StandardRoIHead", "predict", None),  # and this one takes proposals
    ],
)
def test_what_heads_of_the_libraries_take_besides_maps(scope, kind, method, expected):
    with MODELS.switch_scope_and_registry(scope) as registry:
        function = getattr(registry.get(kind), method)
    given = arguments_besides_maps(function, {"test_cfg": {"mode": "whole"}}, (256, 128), NUM_IMAGES)
    assert (given if given is None else set(given)) == expected
    for description in (given or {}).get("batch_img_metas", ()):
        assert description["img_shape"] == description["pad_shape"] == (256, 128)


def test_a_method_that_takes_no_maps_is_not_called():
    assert arguments_besides_maps(None, {}, (256, 128), NUM_IMAGES) is None
    assert arguments_besides_maps(lambda self: None, {}, (256, 128), NUM_IMAGES) is None


def test_a_proposal_network_has_settings_of_its_own():
    model = {"test_cfg": {"rpn": {"nms_pre": 1000}, "rcnn": {"score_thr": 0.05}}}
    assert prediction_settings("rpn_head", model) == {"nms_pre": 1000}
    assert prediction_settings("bbox_head", model) == model["test_cfg"]
    assert prediction_settings("bbox_head", {}) == {}


def test_encoders_and_language_models_are_not_run():
    assert may_be_run("decode_head")
    assert may_be_run("auxiliary_head[1]")
    assert not may_be_run("language_model")


def test_a_new_key_is_a_rule_of_this_file_alone(monkeypatch):
    """A head that states its channels under a key of its own is refused, until the key is known."""

    def maps(channels):
        return Maps(tuple((NUM_IMAGES, c, 64 >> i, 32 >> i) for i, c in enumerate(channels)))

    model = ConfigDict(aux={"type": "ToyPickyHead", "width": 512})
    with pytest.raises(SwapRefused, match="no key of it states these numbers"):
        adapt(model, maps(OLD), maps(NEW), "mmengine")
    monkeypatch.setattr(config_keys, "INPUT_CHANNELS", (*config_keys.INPUT_CHANNELS, "width"))
    assert adapt(model, maps(OLD), maps(NEW), "mmengine") == []
    assert model.aux.width == 320
