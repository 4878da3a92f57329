"""Depths of parameters against the official rules, written out as data or by counting.

Oracle: ``optim_factory.py`` of facebookresearch/ConvNeXt-V2 @ 2553895.
"""

import pytest

from cnxv2_mm.layer_depth import convnext_layer_depth

DEPTHS = {
    "atto": (2, 2, 6, 2),
    "nano": (2, 2, 8, 2),
    "tiny": (3, 3, 9, 3),
    "base": (3, 3, 27, 3),
}


def single_table(depths):
    """The official 'single' rule by counting: walk the network and step once per block."""
    table, step = {}, 0
    for stage, blocks in enumerate(depths):
        table[f"downsample_layers.{stage}.0.weight"] = step + 1
        for block in range(blocks):
            step += 1
            table[f"stages.{stage}.{block}.grn.gamma"] = step
    table.update(dict.fromkeys(("norm0.weight", "norm3.bias", "norm.weight", "head.weight"), step + 1))
    return table, step + 2


# get_num_layer(..., 'group') of the official code, which knows 3, 3, 27, 3 only.
BASE_GROUP_DOWNSAMPLE = [0, 2, 3, 12]
BASE_GROUP_BLOCKS = [
    [1, 1, 1],
    [2, 2, 2],
    [3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 11],
    [12, 12, 12],
]


@pytest.mark.parametrize("size", DEPTHS)
def test_single_gives_every_block_its_step(size):
    table, number = single_table(DEPTHS[size])
    for name, depth in table.items():
        assert convnext_layer_depth(name, DEPTHS[size], "single") == (depth, number), name


@pytest.mark.parametrize(("size", "exponent"), [("atto", 12), ("tiny", 18), ("base", 36)])
def test_single_stem_scale_is_rate_to_the_number_of_blocks(size, exponent):
    depth, number = convnext_layer_depth("downsample_layers.0.0.weight", DEPTHS[size], "single")
    assert 0.9 ** (number - 1 - depth) == 0.9**exponent


def test_group_is_the_official_table_for_base():
    for stage, depth in enumerate(BASE_GROUP_DOWNSAMPLE):
        assert convnext_layer_depth(f"downsample_layers.{stage}.1.weight", DEPTHS["base"], "group") == (depth, 14)
    for stage, blocks in enumerate(BASE_GROUP_BLOCKS):
        for block, depth in enumerate(blocks):
            name = f"stages.{stage}.{block}.pwconv1.weight"
            assert convnext_layer_depth(name, DEPTHS["base"], "group") == (depth, 14), name
    assert convnext_layer_depth("norm3.weight", DEPTHS["base"], "group") == (13, 14)


def test_group_stem_scale_of_base_is_the_thirteenth_power():
    depth, number = convnext_layer_depth("downsample_layers.0.0.weight", DEPTHS["base"], "group")
    assert 0.6 ** (number - 1 - depth) == 0.6**13


@pytest.mark.parametrize(("size", "last"), [("atto", 5), ("nano", 6), ("tiny", 6), ("base", 12)])
def test_group_ends_at_three_plus_a_third_of_the_third_stage(size, last):
    blocks = DEPTHS[size][2]
    assert convnext_layer_depth("stages.3.0.norm.bias", DEPTHS[size], "group") == (last, last + 2)
    # The last block of the third stage sits directly below: no depth is left empty.
    assert convnext_layer_depth(f"stages.2.{blocks - 1}.norm.bias", DEPTHS[size], "group")[0] == last - 1


@pytest.mark.parametrize(("size", "layers"), [("tiny", 6), ("base", 12)])
def test_stage_has_a_depth_for_each_stage_below_those_of_group(size, layers):
    """``stage_wise`` of V1 and mmseg: with ``num_layers`` there are two depths more, the last of them for heads."""
    depths = DEPTHS[size]
    for stage in range(4):
        assert convnext_layer_depth(f"downsample_layers.{stage}.1.weight", depths, "stage") == (0, layers + 2)
        for block in range(depths[stage]):
            name = f"stages.{stage}.{block}.pwconv1.weight"
            assert convnext_layer_depth(name, depths, "stage") == (stage + 1, layers + 2), name
    assert convnext_layer_depth("norm3.weight", depths, "stage") == (layers + 1, layers + 2)


@pytest.mark.parametrize(
    ("name", "depths", "strategy", "message"),
    [
        ("norm0.weight", (1, 1, 1, 1), "layer_wise", "'layer_wise' is unknown.*single, group, stage"),
        ("stages.0.3.norm.weight", (3, 3, 9, 3), "single", r"stages\.0\.3.*overrides get_layer_depth"),
        ("downsample_layers.4.0.weight", (3, 3, 9, 3), "group", "downsample_layers.4"),
        ("stages_extra.weight", (3, 3, 9, 3), "single", "stages_extra"),
        ("norm0.weight", (3, 3, 9), "group", "'group'.*four stages.*strategy='single'"),
        ("norm0.weight", (3, 3, 9), "stage", "'stage'.*four stages.*strategy='single'"),
    ],
)
def test_names_and_strategies_that_do_not_exist_are_refused(name, depths, strategy, message):
    with pytest.raises(ValueError, match=message):
        convnext_layer_depth(name, depths, strategy)
