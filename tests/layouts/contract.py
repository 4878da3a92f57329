"""The promises of ``cnxv2_mm.layouts.base``, for any layout that hides patches to inherit.

Oracle for numbers: the dense backbone where nothing is hidden, and masked_dense, the specification, elsewhere.
"""

import copy

import pytest
import torch
from torch import Tensor, nn

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.layouts import MaskedLayout, find_masked_layout
from cnxv2_mm.masking import enlarge, random_visible
from tests.conftest import photographs, relative_error, wake_grn

ARCH = {"depths": (1, 1, 2, 1), "channels": (8, 16, 24, 32)}
CASES = [
    # channels of the images, size, patch size, visible patches
    (3, (96, 64), 32, 2),
    (1, (64, 160), 32, 7),
    (4, (128, 128), 64, 1),
    (8, (64, 192), 64, 2),
    (3, (96, 96), 96, 1),
    (2, (32, 128), 32, 1),
]
# What may stand in the place of GRN: everything that is asked of a layout, and in training mode.
FEATURE_NORMS = [
    {"aggregation": "mean", "normalisation": "standardise"},
    {"aggregation": "l1", "normalisation": "sum", "residual": False},
    {"aggregation": "none"},
    "lrn",
    "bn",
    "ln",
    "se",
    "cbam",
]


def wake_feature_norms(backbone: ConvNeXtV2) -> ConvNeXtV2:
    """Gives what stands in the place of GRN something to do, whatever its parameters are called."""
    with torch.no_grad():
        for name, parameter in backbone.named_parameters():
            if ".grn." in name:
                parameter.normal_(0.3, 0.5)
    return backbone


class HiddenPixelsContract:
    """What holds for every layout that hides patches. Inherit, and set ``layout`` to its name."""

    layout: str

    @pytest.fixture
    def backbone(self) -> ConvNeXtV2:
        return self.build()

    def build(self, **options: object) -> ConvNeXtV2:
        return wake_grn(ConvNeXtV2(ARCH, out_indices=(), **options))

    def encode(self, backbone: ConvNeXtV2, images: Tensor, visible: Tensor) -> Tensor:
        return backbone.encode_visible(images, visible, self.layout)

    @pytest.mark.parametrize("grn", FEATURE_NORMS, ids=str)
    def test_what_stands_in_the_place_of_grn_sees_visible_cells_of_one_image(self, grn):
        """Batch norm in training is the exception: it sees those of all images, as it is meant to."""
        backbone = wake_feature_norms(self.build(grn=grn)).double()
        images, visible = photographs(3).double(), random_visible(3, (3, 2), 3)
        noise = images.masked_fill(~enlarge(visible, 32).unsqueeze(1), 1e4)
        together = self.encode(backbone, images, visible)
        assert torch.equal(together, self.encode(backbone, noise, visible))
        if grn == "bn":
            backbone.eval()
            together = self.encode(backbone, images, visible)
        alone = torch.cat([self.encode(backbone, images[i : i + 1], visible[i : i + 1]) for i in range(3)])
        assert relative_error(alone, together) < 1e-8

    @pytest.mark.parametrize("grn", FEATURE_NORMS, ids=str)
    def test_what_stands_in_the_place_of_grn_is_that_of_the_dense_backbone(self, grn):
        backbone = wake_feature_norms(ConvNeXtV2(ARCH, out_indices=(3,), grn=grn)).double()
        images, visible = photographs(2).double(), torch.ones(2, 3, 2, dtype=torch.bool)
        (dense,) = backbone(images)
        features = backbone.norm3(self.encode(backbone, images, visible).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        assert relative_error(features, dense) < 1e-8

    @pytest.mark.parametrize("content", [1e4, float("nan"), float("inf")])
    def test_hidden_pixels_change_nothing(self, backbone, content):
        images = photographs(2)
        visible = random_visible(2, (3, 2), 3)
        before = self.encode(backbone, images, visible)
        before.sum().backward()
        gradients = [p.grad.clone() for p in backbone.parameters()]
        backbone.zero_grad()
        hidden = ~enlarge(visible, 32).unsqueeze(1)
        after = self.encode(backbone, images.masked_fill(hidden, content), visible)
        after.sum().backward()
        assert torch.equal(before, after)
        for gradient, parameter in zip(gradients, backbone.parameters(), strict=True):
            assert torch.equal(gradient, parameter.grad)

    def test_visible_pixels_do_change_something(self, backbone):
        images = photographs(1)
        visible = random_visible(1, (3, 2), 3)
        changed = torch.where(enlarge(visible, 32).unsqueeze(1), images + torch.randn_like(images), images)
        before, after = (self.encode(backbone, each, visible) for each in (images, changed))
        assert ((before != after).any(dim=1) == visible).all()

    def test_an_image_does_not_depend_on_its_batch(self, backbone):
        images = photographs(4)
        visible = random_visible(4, (3, 2), 2)
        together = self.encode(backbone, images, visible)
        for i in range(4):
            alone = self.encode(backbone, images[i : i + 1], visible[i : i + 1])
            assert relative_error(alone, together[i : i + 1]) < 1e-5

    @pytest.mark.parametrize("patch", [32, 64])
    def test_with_every_patch_visible_it_is_the_dense_backbone(self, patch):
        backbone = wake_grn(ConvNeXtV2(ARCH, out_indices=(3,)))
        images = photographs(2, size=(128, 64))
        visible = torch.ones(2, 128 // patch, 64 // patch, dtype=torch.bool)
        (dense,) = backbone(images)
        features = backbone.norm3(self.encode(backbone, images, visible).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        assert relative_error(features, dense) < 1e-5

    def test_the_result_is_zero_where_hidden_and_nowhere_else(self, backbone):
        visible = random_visible(3, (3, 2), 4)
        features = self.encode(backbone, photographs(3), visible)
        assert torch.equal((features != 0).any(dim=1), visible)

    def test_a_hidden_last_row_does_not_shrink_the_map(self, backbone):
        visible = torch.tensor([[[True, False], [True, False], [False, False]]])
        assert self.encode(backbone, photographs(1), visible).shape == (1, 32, 3, 2)

    def test_permuted_images_give_permuted_results(self, backbone):
        images, visible = photographs(3), random_visible(3, (3, 2), 2)
        order = torch.tensor([2, 0, 1])
        straight = self.encode(backbone, images, visible)
        assert relative_error(self.encode(backbone, images[order], visible[order]), straight[order]) < 1e-5

    def test_bfloat16_autocast_stays_within_its_rounding(self, backbone, device):
        """bfloat16 has 8 significant bits; the error of some thirty roundings stays below a few per cent."""
        backbone = backbone.to(device)
        images, visible = photographs(2).to(device), random_visible(2, (3, 2), 3, device=device)
        exact = self.encode(backbone, images, visible)
        with torch.autocast(device, dtype=torch.bfloat16):
            rounded = self.encode(backbone, images, visible)
        difference = (rounded.float() - exact).norm() / exact.norm()
        assert difference < 0.03
        rounded.float().square().sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in backbone.parameters())

    def test_checkpointed_blocks_have_the_same_gradients(self):
        plain = self.build()
        saving = self.build(with_cp=True)
        saving.load_state_dict(plain.state_dict())
        images, visible = photographs(2), random_visible(2, (3, 2), 3)
        for backbone in (plain, saving):
            self.encode(backbone, images, visible).square().sum().backward()
        for a, b in zip(plain.parameters(), saving.parameters(), strict=True):
            assert torch.equal(a.grad, b.grad)

    def test_every_parameter_gets_a_gradient(self, backbone):
        self.encode(backbone, photographs(2), random_visible(2, (3, 2), 3)).square().sum().backward()
        silent = [n for n, p in backbone.named_parameters() if p.grad is None or not p.grad.any()]
        assert silent == []

    def test_stochastic_depth_drops_images_not_cells(self):
        """With a rate close to 1 nearly every branch is dropped, whole: what stays is the stem and downsampling."""
        backbone = self.build(drop_path_rate=0.999).train()
        bare = self.build().train()
        bare.load_state_dict(backbone.state_dict())
        for stage in bare.stages:
            for block in stage:
                torch.nn.init.zeros_(block.pwconv2.weight)
                torch.nn.init.zeros_(block.pwconv2.bias)
        for stage in backbone.stages:
            for block in stage:
                block.drop_path.rate = 0.999
        images, visible = photographs(3), random_visible(3, (3, 2), 3)
        assert relative_error(self.encode(backbone, images, visible), self.encode(bare, images, visible)) < 1e-5

    def cells(self) -> tuple[MaskedLayout, Tensor]:
        """The first stage's layout of three images, and cells that it stores."""
        layout = find_masked_layout(self.layout).of_patches(random_visible(3, (3, 2), 2), 2, 32)
        return layout, layout.embed(photographs(3), nn.Conv2d(3, 8, 4, stride=4)).detach()

    def test_a_value_for_each_image_reaches_its_cells_alone(self):
        layout, x = self.cells()
        for values in (torch.tensor([[0.0], [1.0], [-2.0]]), torch.randn(3, x.shape[-1])):  # one, or one per channel
            expected = layout.to_dense(x) * values[:, None, None]
            assert torch.equal(layout.to_dense(x * layout.per_image(values)), expected)


class MaskedLayoutContract(HiddenPixelsContract):
    """What holds, besides, for the layouts to which hidden cells do not exist. Inherit, and set ``layout``."""

    @pytest.mark.parametrize(("channels", "size", "patch", "num_visible"), CASES)
    def test_values_and_gradients_are_those_of_the_specification(self, channels, size, patch, num_visible, device):
        ours = self.build(in_channels=channels).to(device)
        specification = copy.deepcopy(ours)
        images = photographs(3, channels, size).to(device)
        visible = random_visible(3, (size[0] // patch, size[1] // patch), num_visible, device=device)
        features = self.encode(ours, images, visible)
        expected = specification.encode_visible(images, visible, "masked_dense")
        assert features.shape == (3, 32, size[0] // 32, size[1] // 32)
        assert relative_error(features, expected) < 1e-5
        weights = torch.randn_like(expected)
        (features * weights).sum().backward()
        (expected * weights).sum().backward()
        for (name, parameter), reference in zip(ours.named_parameters(), specification.parameters(), strict=True):
            assert relative_error(parameter.grad, reference.grad) < 2e-5, name

    @pytest.mark.parametrize("grn", FEATURE_NORMS, ids=str)
    def test_what_stands_in_the_place_of_grn_computes_the_same_everywhere(self, grn):
        """In float64, since the mean over channels that 'none' divides by may be close to 0."""
        ours = wake_feature_norms(self.build(grn=grn)).double()
        specification = copy.deepcopy(ours)
        images, visible = photographs(3).double(), random_visible(3, (3, 2), 3)
        features = self.encode(ours, images, visible)
        expected = specification.encode_visible(images, visible, "masked_dense")
        assert relative_error(features, expected) < 1e-8
        weights = torch.randn_like(expected)
        (features * weights).sum().backward()
        (expected * weights).sum().backward()
        for (name, parameter), reference in zip(ours.named_parameters(), specification.parameters(), strict=True):
            assert relative_error(parameter.grad, reference.grad) < 1e-8, name
        for ours_after, reference in zip(ours.buffers(), specification.buffers(), strict=True):
            assert relative_error(ours_after, reference) < 1e-8

    def test_it_says_whether_x_is_a_batch_of_visible_cells(self):
        """Oracle: the sums over each row of x are those over each image's map, and hidden cells count nothing there."""
        layout, x = self.cells()
        assert isinstance(layout, MaskedLayout)
        is_batch = x.ndim > 2 and len(x) == layout.num_images
        is_batch = is_batch and torch.allclose(x.flatten(1, -2).sum(1), layout.to_dense(x).sum((1, 2)), atol=1e-4)
        assert layout.is_batch_of_visible_cells == is_batch

    def test_the_visible_cells_of_an_image_are_those_of_its_map(self):
        layout, x = self.cells()
        cells = layout.visible_cells(x)
        assert cells.shape == (3, 2 * 64, 8)
        dense = layout.to_dense(x).flatten(1, 2)
        for image, its_map in zip(cells, dense, strict=True):
            expected = its_map[its_map.abs().sum(1) > 0]
            assert torch.equal(image[image[:, 0].argsort()], expected[expected[:, 0].argsort()])

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_norms_of_large_half_precision_numbers_are_float32(self, dtype):
        """Oracle: the definition in float64. The norms exceed float16's 65504; bfloat16 would be off by some 1e-3."""
        layout, x = self.cells()
        x = (10000 + 30000 * torch.rand(x.shape)).to(dtype)
        norm = layout.image_norm(x)
        assert norm.dtype == torch.float32
        dense = layout.to_dense(x).double()
        expected = dense.square().sum((1, 2), keepdim=True).sqrt() * (dense != 0)
        assert relative_error(layout.to_dense(torch.ones_like(x, dtype=torch.float32) * norm), expected) < 1e-5
