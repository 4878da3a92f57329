from itertools import product

import pytest
import torch
from mmcv.ops import PSAMask
from mmengine.registry import init_default_scope

TYPES = ["collect", "distribute"]
# map, window: smaller, larger, of the full reach, even, thin
SIZES = [((4, 5), (3, 3)), ((3, 2), (7, 9)), ((3, 4), (5, 7)), ((4, 3), (2, 4)), ((3, 5), (1, 9)), ((5, 5), (9, 3))]


def naive_mask(input, psa_type, size):
    """The definition, one weight at a time: each cell's window laid over the map, centred on the cell."""
    images, _, height, width = input.shape
    rows, columns = size
    output = input.new_zeros(images, height, width, height, width)
    for n, h, w, a, b in product(*(range(length) for length in (images, height, width, rows, columns))):
        y, x = h + a - (rows - 1) // 2, w + b - (columns - 1) // 2
        if 0 <= y < height and 0 <= x < width:
            weight = input[n, a * columns + b, h, w]
            if psa_type == "collect":  # what the cell (h, w) takes from the cell (y, x)
                output[n, y, x, h, w] = weight
            else:  # what it gives to it
                output[n, h, w, y, x] = weight
    return output.flatten(1, 2)


def make(shape, size, device, images=2):
    return torch.randn(images, size[0] * size[1], *shape, dtype=torch.float64, device=device, requires_grad=True)


@pytest.mark.parametrize("psa_type", TYPES)
@pytest.mark.parametrize(("shape", "size"), SIZES)
class TestDefinition:
    def test_naive_loop(self, shape, size, psa_type, device):
        input = make(shape, size, device)
        assert PSAMask(psa_type, size)(input).equal(naive_mask(input, psa_type, size))

    def test_gradient_of_the_naive_loop(self, shape, size, psa_type, device):
        input = make(shape, size, device)
        gradients = []
        for output in (PSAMask(psa_type, size)(input), naive_mask(input, psa_type, size)):
            gradients += torch.autograd.grad(output.sin().sum(), input)
        assert gradients[0].equal(gradients[1])

    def test_gradcheck(self, shape, size, psa_type, device):
        assert torch.autograd.gradcheck(PSAMask(psa_type, size), make(shape, size, device, images=1))

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
    def test_every_type_is_exact(self, shape, size, psa_type, dtype, device):
        leaf = make(shape, size, device).detach().to(dtype).requires_grad_()
        output = PSAMask(psa_type, size)(leaf)
        assert output.dtype == dtype
        assert output.equal(naive_mask(leaf, psa_type, size))
        grad = torch.randn_like(output)
        output.backward(grad)
        reference = make(shape, size, device)
        naive_mask(reference, psa_type, size).backward(grad.double())
        assert leaf.grad.equal(reference.grad.to(dtype))


@pytest.mark.parametrize("psa_type", TYPES)
class TestEdges:
    def test_memory_layout_does_not_matter(self, psa_type, device):
        layer = PSAMask(psa_type, (3, 5))
        input = make((4, 3), (3, 5), device)
        last = input.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
        outputs = [layer(leaf) for leaf in (input, last)]
        assert outputs[0].equal(outputs[1])
        grad = torch.randn(2, 3, 4, 12, dtype=torch.float64, device=device).permute(0, 3, 2, 1)
        outputs[0].backward(grad.contiguous())
        outputs[1].backward(grad)
        assert input.grad.equal(last.grad)

    def test_infinite_weights_outside_of_the_map_do_not_spread(self, psa_type, device):
        """What the window does not reach is zero; infinity times zero would not be."""
        input = torch.full((1, 9, 2, 2), torch.inf, device=device)
        assert not PSAMask(psa_type, (3, 3))(input).isnan().any()

    def test_no_images(self, psa_type, device):
        input = make((4, 3), (3, 5), device, images=0)
        output = PSAMask(psa_type, (3, 5))(input)
        assert output.shape == (0, 12, 4, 3)
        output.sum().backward()
        assert input.grad.shape == input.shape


@pytest.mark.parametrize("name", ["psamask_forward", "psamask_backward"])
def test_unknown_type(name):
    import mmcv._ext

    with pytest.raises(ValueError, match="psa_type=2"):
        getattr(mmcv._ext, name)(torch.zeros(1, 9, 2, 2), torch.zeros(1, 4, 2, 2), 2, 1, 2, 2, 3, 3, 1, 1)


@pytest.mark.parametrize("psa_type", [*TYPES, "bi-direction"])
@pytest.mark.parametrize("mask_size", [(3, 3), (7, 9)])
def test_head_of_mmseg(psa_type, mask_size, device):
    from mmseg.models.decode_heads import PSAHead

    init_default_scope("mmseg")  # its loss is found by name
    head = PSAHead(
        mask_size,
        psa_type=psa_type,
        psa_softmax=True,
        shrink_factor=2,
        in_channels=8,
        channels=4,
        num_classes=3,
        norm_cfg={"type": "BN"},
    ).to(device)
    head.init_weights()
    features = torch.randn(2, 8, 8, 10, device=device, requires_grad=True)
    output = head([features])
    assert output.shape == (2, 3, 8, 10)
    output.square().sum().backward()
    assert features.grad.isfinite().all()
    attentions = [head.attention, head.attention_p] if psa_type == "bi-direction" else [head.attention]
    for attention in attentions:
        assert all(parameter.grad.any() for parameter in attention.parameters())


def test_head_of_mmseg_collects_and_distributes(device):
    """The head multiplies maps by the masks; here each cell's sum over all cells is written out."""
    height, width, size = 2, 3, (3, 5)
    features = torch.randn(1, 4, height, width, dtype=torch.float64, device=device)
    windows = make((height, width), size, device, images=1)
    for psa_type in TYPES:
        attention = PSAMask(psa_type, size)(windows).view(1, height * width, height * width)
        output = torch.bmm(features.flatten(2), attention).view_as(features)  # as PSAHead does
        for y, x in product(range(height), range(width)):
            expected = 0
            for h, w in product(range(height), range(width)):
                # the window belongs to the cell that collects, (y, x), or to the one that distributes, (h, w)
                owner, (down, right) = ((y, x), (h - y, w - x)) if psa_type == "collect" else ((h, w), (y - h, x - w))
                weight = windows[0].unflatten(0, size)[down + 1, right + 2][owner]
                expected = expected + weight * features[0, :, h, w]
            torch.testing.assert_close(output[0, :, y, x], expected)
