"""Maps that nothing reads are not asked of the new backbone; what remains computes what it did."""

from copy import deepcopy

import torch
from mmengine.registry import MODELS

from cnxv2_mm.swap.old_backbone import Maps
from cnxv2_mm.swap.unused_maps import drop_unused_maps

MAPS = Maps(((2, 8, 64, 32), (2, 16, 32, 16), (2, 24, 16, 8), (2, 32, 8, 4)))
FPN = {"type": "FPN", "in_channels": [8, 16, 24, 32], "out_channels": 4, "start_level": 1, "num_outs": 5}
FCN = {
    "type": "FCNHead",
    "in_channels": 32,
    "in_index": 3,
    "channels": 4,
    "num_convs": 1,
    "num_classes": 3,
    "norm_cfg": {"type": "BN"},
}


def build(config, scope):
    with MODELS.switch_scope_and_registry(scope) as registry:
        return registry.build(deepcopy(config)).eval()


def assert_same_results(before, after, maps, scope):
    """With the same weights and the maps that are left, the same numbers."""
    old, new = build(before, scope), build(after, scope)
    new.load_state_dict(old.state_dict())
    numbers = [torch.randn(shape) for shape in MAPS.shapes]
    kept = [x for x, shape in zip(numbers, MAPS.shapes, strict=True) if shape in maps.shapes]
    torch.testing.assert_close(new(kept), old(numbers))


def test_a_neck_that_starts_later_gets_fewer_maps():
    for extra in (False, "on_input", "on_output"):
        model = {"neck": {**FPN, "add_extra_convs": extra}}
        maps, _ = drop_unused_maps(model, MAPS, "mmdet")
        assert maps.channels == (16, 24, 32)
        assert model["neck"] == {**FPN, "add_extra_convs": extra, "in_channels": [16, 24, 32], "start_level": 0}
        assert_same_results({**FPN, "add_extra_convs": extra}, model["neck"], maps, "mmdet")


def test_a_neck_that_ends_earlier_gets_fewer_maps():
    before = {**FPN, "start_level": 0, "end_level": 2, "num_outs": 3}
    model = {"neck": before}
    maps, _ = drop_unused_maps(model, MAPS, "mmdet")
    assert maps.channels == (8, 16, 24)
    assert_same_results(before, model["neck"], maps, "mmdet")


def test_a_neck_between_two_levels_counts_from_the_maps_that_are_left():
    before = {**FPN, "start_level": 1, "end_level": 2, "num_outs": 2}
    model = {"neck": before}
    maps, _ = drop_unused_maps(model, MAPS, "mmdet")
    assert maps.channels == (16, 24)
    assert (model["neck"]["start_level"], model["neck"]["end_level"]) == (0, 1)
    assert_same_results(before, model["neck"], maps, "mmdet")


def test_of_a_chain_of_necks_the_first_reads_the_maps():
    last = {"type": "BFP", "in_channels": 4, "num_levels": 5}
    model = {"neck": [FPN, last], "bbox_head": {"type": "Anything"}}
    assert drop_unused_maps(model, MAPS, "mmdet")[0].channels == (16, 24, 32)
    assert model["neck"][1] == last


def test_heads_count_the_maps_that_are_left():
    auxiliary = [{**FCN, "in_channels": 16, "in_index": 1}, {**FCN, "in_index": -1}]
    model = {"decode_head": FCN, "auxiliary_head": list(auxiliary)}
    maps, _ = drop_unused_maps(model, MAPS, "mmseg")
    assert maps.channels == (16, 32)
    assert [model["decode_head"]["in_index"], *(head["in_index"] for head in model["auxiliary_head"])] == [1, 0, 1]
    for before, after in zip((FCN, *auxiliary), (model["decode_head"], *model["auxiliary_head"]), strict=True):
        assert_same_results(before, after, maps, "mmseg")


def test_a_map_that_a_head_takes_besides_its_index_stays():
    """DeepLabV3+ reads the first map for detail, whatever ``in_index`` says."""
    head = {
        "type": "DepthwiseSeparableASPPHead",
        "in_channels": 32,
        "in_index": 3,
        "channels": 4,
        "dilations": (1, 2),
        "c1_in_channels": 8,
        "c1_channels": 4,
        "num_classes": 3,
        "norm_cfg": {"type": "BN"},
    }
    model = {"decode_head": head}
    maps, _ = drop_unused_maps(model, MAPS, "mmseg")
    assert maps.channels == (8, 32)
    assert_same_results(head, model["decode_head"], maps, "mmseg")


def test_nothing_changes_where_all_maps_are_read_or_a_part_does_not_tell():
    whole = {"neck": {**FPN, "start_level": 0}}
    needs_more_than_maps = {"decode_head": FCN, "seg_head": {"type": "mmdet.MaskRCNN"}}
    for model, scope in ((whole, "mmdet"), (needs_more_than_maps, "mmseg")):
        before = deepcopy(model)
        assert drop_unused_maps(model, MAPS, scope) == (MAPS, False)
        assert model == before


def test_a_map_that_is_taken_and_not_used_is_told():
    """NASFCOS's neck asks the second map to the fourth for their sizes, wherever it starts."""
    neck = {"type": "NASFCOS_FPN", "in_channels": [8, 16, 24, 32], "out_channels": 8, "start_level": 1, "num_outs": 5}
    model = {"neck": neck}
    assert drop_unused_maps(model, MAPS, "mmdet") == (MAPS, True)
    assert model["neck"] is neck


def test_heads_that_need_more_than_maps_are_believed_their_indices():
    """OCRNet's second head also takes what the first one found."""
    ocr = {
        "type": "OCRHead",
        "in_channels": 32,
        "in_index": 3,
        "channels": 4,
        "ocr_channels": 4,
        "num_classes": 3,
        "norm_cfg": {"type": "BN"},
    }
    model = {"decode_head": [{**FCN, "in_channels": 24, "in_index": 2}, ocr]}
    maps, unused = drop_unused_maps(model, MAPS, "mmseg")
    assert (maps.channels, unused) == ((24, 32), False)
    assert [head["in_index"] for head in model["decode_head"]] == [0, 1]


def test_indices_that_a_head_never_reads_are_dropped():
    """EncNet's, without lateral connections."""
    encoding = {
        "type": "EncHead",
        "in_channels": (16, 24, 32),
        "in_index": (1, 2, 3),
        "channels": 4,
        "num_codes": 2,
        "use_se_loss": True,
        "num_classes": 3,
        "norm_cfg": {"type": "BN"},
    }
    model = {"decode_head": encoding, "auxiliary_head": {**FCN, "in_channels": 24, "in_index": 2}}
    maps, _ = drop_unused_maps(model, MAPS, "mmseg")
    assert maps.channels == (24, 32)
    assert (model["decode_head"]["in_index"], model["decode_head"]["in_channels"]) == ((0, 1), (24, 32))
    assert_same_results(encoding, model["decode_head"], maps, "mmseg")
