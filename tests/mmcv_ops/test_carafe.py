from itertools import product

import pytest
import torch
from mmcv.ops import CARAFE, CARAFENaive, CARAFEPack, carafe, carafe_naive

# images, channels, rows, columns, kernel size, groups, scale
CASES = [
    (2, 4, 3, 5, 3, 1, 2),
    (1, 6, 4, 3, 5, 3, 2),  # the kernel is larger than the map
    (2, 2, 2, 3, 3, 2, 1),
    (1, 4, 2, 2, 5, 1, 3),
    (1, 2, 3, 2, 1, 2, 2),
]


def naive_carafe(features, masks, kernel_size, groups, scale):
    """The definition, one number at a time."""
    images, channels, height, width = features.shape
    output = features.new_zeros(images, channels, height * scale, width * scale)
    radius = kernel_size // 2
    for n, c, y, x in product(*(range(length) for length in output.shape)):
        group = c // (channels // groups)
        weights = masks[n, :, y, x].reshape(groups, kernel_size, kernel_size)[group]
        for down, right in product(range(-radius, radius + 1), repeat=2):
            row, column = y // scale + down, x // scale + right
            if 0 <= row < height and 0 <= column < width:
                output[n, c, y, x] += weights[down + radius, right + radius] * features[n, c, row, column]
    return output


def make(images, channels, height, width, kernel_size, groups, scale, device):
    features = torch.randn(images, channels, height, width, dtype=torch.float64, device=device)
    masks = torch.randn(images, kernel_size**2 * groups, height * scale, width * scale, dtype=torch.float64)
    return features.requires_grad_(), masks.to(device).requires_grad_()


@pytest.mark.parametrize("case", CASES)
class TestDefinition:
    @pytest.mark.parametrize("layer", [CARAFE, CARAFENaive])
    def test_naive_loop(self, case, layer, device):
        tensors = make(*case, device)
        torch.testing.assert_close(layer(*case[4:])(*tensors), naive_carafe(*tensors, *case[4:]))

    def test_gradcheck(self, case, device):
        assert torch.autograd.gradcheck(CARAFE(*case[4:]), make(*case, device), fast_mode=True)

    def test_gradient_of_the_naive_loop(self, case, device):
        tensors = make(*case, device)
        gradients = []
        for function in (carafe, naive_carafe):
            output = function(*tensors, *case[4:])
            gradients.append(torch.autograd.grad(output.sin().sum(), tensors))
        torch.testing.assert_close(*gradients)

    def test_naive_operator_has_the_same_gradient(self, case, device):
        """On the operator itself: mmcv's wrapper refuses this backward on a CPU."""
        from mmcv._ext import carafe_naive_backward

        tensors = make(*case, device)
        output = carafe(*tensors, *case[4:])
        grad_output = torch.randn_like(output)
        expected = torch.autograd.grad(output, tensors, grad_output)
        gradients = tuple(torch.empty_like(tensor) for tensor in tensors)
        features, masks = (tensor.detach() for tensor in tensors)
        sizes = dict(zip(("kernel_size", "group_size", "scale_factor"), case[4:], strict=True))
        carafe_naive_backward(grad_output, features, masks, *gradients, **sizes)
        torch.testing.assert_close(gradients, expected)
        if device.type == "cuda":
            naive = carafe_naive(*tensors, *case[4:])
            torch.testing.assert_close(torch.autograd.grad(naive, tensors, grad_output), expected)


class TestEdges:
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_is_computed_in_float32(self, dtype, device):
        half = [tensor.detach().to(dtype).requires_grad_() for tensor in make(*CASES[1], device)]
        full = [tensor.detach().float().requires_grad_() for tensor in half]
        outputs = [carafe(*tensors, *CASES[1][4:]) for tensors in (half, full)]
        assert outputs[0].dtype == dtype
        assert outputs[0].equal(outputs[1].to(dtype))
        for output in outputs:
            output.float().sum().backward()
        for leaf, reference in zip(half, full, strict=True):
            torch.testing.assert_close(leaf.grad, reference.grad.to(dtype))

    def test_features_and_masks_of_two_types(self, device):
        """Autocast: the features come from an addition in float32, the masks from a convolution in half precision."""
        features, masks = (tensor.detach().float() for tensor in make(*CASES[0], device))
        masks = masks.bfloat16()
        mixed = [features.clone().requires_grad_(), masks.clone().requires_grad_()]
        full = [features.clone().requires_grad_(), masks.float().requires_grad_()]
        outputs = [carafe(*tensors, *CASES[0][4:]) for tensors in (mixed, full)]
        assert outputs[0].equal(outputs[1])
        for output in outputs:
            output.square().sum().backward()
        assert mixed[0].grad.equal(full[0].grad)
        assert mixed[1].grad.equal(full[1].grad.bfloat16())

    def test_memory_layout_does_not_matter(self, device):
        features, masks = make(*CASES[0], device)
        expected = carafe(features, masks, *CASES[0][4:])
        grad = torch.randn_like(expected)
        gradients = torch.autograd.grad(expected, (features, masks), grad)
        last = [t.detach().contiguous(memory_format=torch.channels_last).requires_grad_() for t in (features, masks)]
        output = carafe(*last, *CASES[0][4:])
        torch.testing.assert_close(output, expected)
        grad = grad.transpose(2, 3).contiguous().transpose(2, 3)
        torch.testing.assert_close(torch.autograd.grad(output, last, grad), gradients)

    def test_no_images(self, device):
        """A mask head in training where no region holds an object."""
        features, masks = (tensor.detach()[:0].requires_grad_() for tensor in make(*CASES[0], device))
        output = carafe(features, masks, *CASES[0][4:])
        assert output.shape == (0, 4, 6, 10)
        output.sum().backward()
        assert features.grad.shape == features.shape
        assert masks.grad.shape == masks.shape

    def test_a_changed_input_is_noticed(self, device):
        features, masks = make(*CASES[0], device)
        features = features * 1
        output = carafe(features, masks, *CASES[0][4:])
        features += 1
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            output.sum().backward()


class TestModels:
    @pytest.mark.parametrize("groups", [1, 2])
    def test_carafe_pack(self, groups, device):
        layer = CARAFEPack(channels=8, scale_factor=2, up_kernel=3, up_group=groups, compressed_channels=4).to(device)
        features = torch.randn(2, 8, 5, 7, device=device, requires_grad=True)
        output = layer(features)
        masks = layer.kernel_normalizer(layer.content_encoder(layer.channel_compressor(features)))
        torch.testing.assert_close(output, naive_carafe(features, masks, 3, groups, 2))
        output.square().sum().backward()
        assert features.grad.any()
        assert all(parameter.grad.any() for parameter in layer.parameters())

    def test_carafe_pack_keeps_a_constant_away_from_the_border(self, device):
        """Its weights sum to one."""
        layer = CARAFEPack(channels=4, scale_factor=2).to(device)
        output = layer(torch.full((1, 4, 8, 9), 3.0, device=device))
        torch.testing.assert_close(output[..., 4:-4, 4:-4], torch.full_like(output[..., 4:-4, 4:-4], 3.0))
        assert (output[..., 0, 0] < 3).all()

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_carafe_pack_under_autocast(self, dtype, device):
        layer = CARAFEPack(channels=8, scale_factor=2, compressed_channels=4).to(device)
        features = torch.randn(2, 8, 5, 7, device=device, requires_grad=True)
        with torch.autocast(device.type, dtype):
            output = layer(features)
        torch.testing.assert_close(output.float(), layer(features), rtol=0.02, atol=0.02)
        output.float().square().sum().backward()
        assert features.grad.isfinite().all()
        assert all(parameter.grad.any() for parameter in layer.parameters())

    def test_neck_of_mmdet(self, device):
        from mmdet.models.necks import FPN_CARAFE

        neck = FPN_CARAFE([4, 8], 8, 2).to(device)
        neck.init_weights()
        maps = [torch.randn(1, 4, 6, 10, device=device), torch.randn(1, 8, 3, 5, device=device)]
        outputs = neck(maps)
        assert [output.shape[2:] for output in outputs] == [(6, 10), (3, 5)]
        sum(output.square().sum() for output in outputs).backward()
        assert all(parameter.grad.isfinite().all() for parameter in neck.parameters())
        assert all(parameter.grad.any() for parameter in neck.upsample_modules.parameters())
