"""Where configs state input channels."""

import pytest

from cnxv2_mm.swap.channels import rewritings

OLD = (64, 128, 256, 512)
NEW = (40, 80, 160, 320)


def first(config, old=OLD, new=NEW):
    return next(rewritings(config, old, new))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"in_channels": [64, 128, 256, 512]}, {"in_channels": [40, 80, 160, 320]}),
        ({"in_channels": (512, 256, 128, 64)}, {"in_channels": (320, 160, 80, 40)}),  # YOLOv3: deepest first
        ({"in_channels": [128, 256, 512]}, {"in_channels": [80, 160, 320]}),  # a neck that leaves the first map
        ({"in_channels": [64, 512], "in_index": [0, 3]}, {"in_channels": [40, 320], "in_index": [0, 3]}),
        ({"in_channels": 512}, {"in_channels": 320}),
        ({"in_channels": 256, "in_index": 2}, {"in_channels": 160, "in_index": 2}),
        ({"in_channels": 256, "in_index": 3}, {"in_channels": 256, "in_index": 3}),  # something else
        ({"in_channels": 512, "c1_in_channels": 64}, {"in_channels": 320, "c1_in_channels": 40}),
        ({"channels": 512, "out_channels": 256}, {"channels": 512, "out_channels": 256}),
        ([{"in_channels": list(OLD)}, {"in_channels": 3}], [{"in_channels": list(NEW)}, {"in_channels": 3}]),
        (
            {"kernel_generate_head": {"in_channels": 256, "in_index": 2}},
            {"kernel_generate_head": {"in_channels": 160, "in_index": 2}},
        ),
    ],
)
def test_certain_places(config, expected):
    assert first(config) == expected


@pytest.mark.parametrize(
    ("factor", "stated", "tried"),
    [
        (0.5, [256, 512, 1024], [[160, 320, 640]]),  # exact
        # 0.375 x 213.3 is 80: a class that rounds up to a multiple of 8 needs 213, one that rounds down needs 214.
        (0.375, [342, 683, 1366], [[213, 426, 853], [214, 427, 854]]),
        (1.25, [103, 205, 410], [[64, 128, 256]]),
        (1, [128, 256, 512], [[80, 160, 320]]),
    ],
)
def test_channels_that_a_part_multiplies(factor, stated, tried):
    config = {"widen_factor": factor, "in_channels": stated}
    expected = [{**config, "in_channels": channels} for channels in tried]
    assert list(rewritings(config, OLD[1:], NEW[1:])) == expected
    head = {"head_module": {"widen_factor": factor, "in_channels": stated[-1]}}
    found = [changed["head_module"]["in_channels"] for changed in rewritings(head, OLD[1:], NEW[1:])]
    assert {channels[-1] for channels in tried} <= set(found)


def test_a_number_that_is_no_channels_once_it_is_multiplied_stays():
    config = {"widen_factor": 0.5, "in_channels": [128, 256, 512]}
    assert list(rewritings(config, OLD[1:], NEW[1:])) == [config]


def test_a_nested_number_is_tried_as_it_is_first():
    """In a kernel update head 512 is the width of kernels, which only running it tells from an input."""
    config = {"update": {"in_channels": 512}}
    assert list(rewritings(config, OLD, NEW)) == [config, {"update": {"in_channels": 320}}]


def test_a_nested_number_means_the_only_map():
    config = {"extractor": {"featmap_strides": [16], "out_channels": 512}, "head": {"in_channels": 512}}
    assert first(config, (512,), (320,)) == {
        "extractor": {"featmap_strides": [16], "out_channels": 320},
        "head": {"in_channels": 320},
    }


def test_maps_that_are_passed_on_are_tried():
    config = {"in_channels": (96, 1280), "out_channels": (96, 1280, 512)}
    tried = list(rewritings(config, (96, 1280), (160, 320)))
    assert {"in_channels": (160, 320), "out_channels": (160, 320, 512)} in tried


def test_the_given_config_is_left_alone():
    config = {"in_channels": [64, 128, 256, 512]}
    first(config)["in_channels"].append(1)
    assert config == {"in_channels": [64, 128, 256, 512]}


@pytest.mark.parametrize(("old", "new"), [((2048,), (768,)), ((1024, 2048), (384, 768))])
def test_however_many_numbers_there_are_all_and_none_are_tried(old, new):
    config = {"heads": [{"inner": {"in_channels": 2048}} for _ in range(8)]}
    found = [[head["inner"]["in_channels"] for head in changed["heads"]] for changed in rewritings(config, old, new)]
    assert [768] * 8 in found
    assert [2048] * 8 in found
    assert found[0] == ([768] * 8 if len(old) == 1 else [2048] * 8)
    assert len(found) < 100


def test_of_maps_with_equal_channels_a_number_means_the_deepest():
    """ViT-like backbones and dilated ones; DETR's head reads the last map and says its channels alone."""
    config = {"in_channels": 256}
    assert first(config, (256, 256, 256), (40, 80, 160)) == {"in_channels": 160}
    assert first({"inner": config, "in_channels": 256}, (128, 256, 256), (40, 80, 160))["in_channels"] == 160
