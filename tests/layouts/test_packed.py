"""The packed layout: its contract, and the order of its cells."""

import torch

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.layouts import Packed
from cnxv2_mm.masking import enlarge, random_visible
from tests.conftest import photographs
from tests.layouts.contract import ARCH, MaskedLayoutContract


class TestPacked(MaskedLayoutContract):
    layout = "packed"


def test_each_stage_holds_exactly_the_visible_cells():
    visible = random_visible(3, (3, 2), 2)
    tiles = Packed.of_patches(visible, 2, 64).tiles
    for cells_per_patch in (16, 8, 4, 2):
        expected = enlarge(visible, cells_per_patch).flatten().nonzero().flatten()
        assert torch.equal(Packed(tiles).places.sort().values, expected)
        tiles = tiles.halved()


def test_the_children_of_a_cell_follow_one_another():
    tiles = Packed.of_patches(random_visible(2, (3, 3), 4), 4, 32).tiles
    for width in (24, 12, 6):
        fine, coarse = tiles.places().view(-1, 4), tiles.halved().places()
        tiles = tiles.halved()
        height = width
        image, row, column = (
            coarse // (height * width // 4),
            coarse // (width // 2) % (height // 2),
            coarse % (width // 2),
        )
        corner = (image * height + 2 * row) * width + 2 * column
        assert torch.equal(fine, torch.stack([corner, corner + 1, corner + width, corner + width + 1], dim=1))


def test_only_visible_cells_are_computed():
    """Every pointwise layer sees K of the L patches, and no more."""
    backbone = ConvNeXtV2(ARCH, out_indices=())
    seen = []
    for stage in backbone.stages:
        stage[0].pwconv1.register_forward_hook(lambda module, inputs, output: seen.append(output.shape[:-1].numel()))
    backbone.encode_visible(photographs(2), random_visible(2, (3, 2), 2))
    assert seen == [2 * 2 * cells for cells in (64, 16, 4, 1)]


def test_nothing_asks_the_device_for_a_number():
    """On the meta device any such question raises; with the number of visible patches given there is none."""
    with torch.device("meta"):
        backbone = ConvNeXtV2(ARCH, out_indices=())
        images, visible = torch.empty(2, 3, 96, 64), torch.ones(2, 3, 2, dtype=torch.bool)
        features = backbone.encode_visible(images, visible, "packed", num_visible=2)
        features.sum().backward()
    assert features.shape == (2, 32, 3, 2)
