"""What backward operators do with numbers that are in a gradient's buffer already: add to them, or overwrite them.

mmcv's own functions pass zeros, other callers need not. The oracle is the compiled code, in mmcv/ops/csrc:
``atomicAdd`` and ``addmm_`` with a factor of 1 add, plain assignments overwrite. All is called through mmcv's
functions, whose buffers are filled on the way.
"""

import inspect

import mmcv._ext
import pytest
import torch
from mmcv.ops import (
    active_rotated_filter,
    carafe,
    chamfer_distance,
    deform_conv2d,
    modulated_deform_conv2d,
    riroi_align_rotated,
    roi_align,
    roi_align_rotated,
    roi_pool,
    rotated_feature_align,
)
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction
from mmcv.ops.psa_mask import PSAMaskFunction

ADDS, OVERWRITES = 1.0, 0.0
ROIS = torch.tensor([[0.0, 1, 1, 5, 4], [1, 0, 2, 3, 6]])
ROTATED_ROIS = torch.tensor([[0.0, 3, 3, 4, 2, 0.4], [1, 2, 4, 3, 5, -0.9]]).double()
BOXES = torch.tensor([2.0, 3, 4, 2, 0.4]).double().expand(2, 6, 7, 5)
TURNS = torch.tensor([1, 2, 3, 4, 2, 1, 4, 3]).int().view(2, 2, 2).permute(1, 2, 0)[None].contiguous()


GENERATOR = torch.Generator().manual_seed(0)


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=GENERATOR)


def attend(value, locations, weights):
    shapes, starts = torch.tensor([(3, 2), (2, 2)]), torch.tensor([0, 6])
    return MultiScaleDeformableAttnFunction.apply(value, shapes, starts, locations, weights, 64)


# A backward operator of mmcv._ext; a function of mmcv that calls it, with its arguments; what is done in each buffer,
# in the order of the arguments.
CASES = {
    "roi_align_backward, average": (
        lambda x: roi_align(x, ROIS.double(), (2, 2), 1.0, 2, "avg", True),
        [noise(2, 3, 6, 7)],
        {"grad_input": ADDS},
    ),
    "roi_align_backward, maximum": (
        lambda x: roi_align(x, ROIS.double(), (2, 2), 1.0, 2, "max", True),
        [noise(2, 3, 6, 7)],
        {"grad_input": ADDS},
    ),
    "roi_pool_backward": (
        lambda x: roi_pool(x, ROIS.double(), (2, 2), 1.0),
        [noise(2, 3, 6, 7)],
        {"grad_input": ADDS},
    ),
    "deform_conv_backward_input": (
        lambda x, offset: deform_conv2d(x, offset, torch.ones(2, 3, 3, 3).double(), 1, 1),
        [noise(2, 3, 4, 5), noise(2, 18, 4, 5)],
        {"gradInput": ADDS, "gradOffset": OVERWRITES},
    ),
    "deform_conv_backward_parameters": (
        lambda weight: deform_conv2d(noise(2, 3, 4, 5).fill_(2), torch.zeros(2, 18, 4, 5).double(), weight, 1, 1),
        [noise(2, 3, 3, 3)],
        {"gradWeight": ADDS},
    ),
    "modulated_deform_conv_backward": (
        lambda x, offset, mask, weight, bias: modulated_deform_conv2d(x, offset, mask, weight, bias, 1, 1),
        [noise(2, 3, 4, 5), noise(2, 18, 4, 5), noise(2, 9, 4, 5), noise(2, 3, 3, 3), noise(2)],
        {
            "grad_input": ADDS,
            "grad_offset": OVERWRITES,
            "grad_mask": OVERWRITES,
            "grad_weight": ADDS,
            "grad_bias": ADDS,
        },
    ),
    "ms_deform_attn_backward": (  # of the last two, some compiled kernels add and some overwrite
        attend,
        [noise(2, 10, 2, 4), noise(2, 3, 2, 2, 2, 2).sigmoid(), noise(2, 3, 2, 2, 2)],
        {"grad_value": ADDS, "grad_sampling_loc": ADDS, "grad_attn_weight": ADDS},
    ),
    "roi_align_rotated_backward": (
        lambda x: roi_align_rotated(x, ROTATED_ROIS, (2, 2), 1.0, 2, True),
        [noise(2, 3, 6, 7)],
        {"grad_input": ADDS},
    ),
    "riroi_align_rotated_backward": (
        lambda x: riroi_align_rotated(x, ROTATED_ROIS, (2, 2), 1.0, 2, 3),
        [noise(2, 3, 6, 7)],
        {"grad_input": ADDS},
    ),
    "rotated_feature_align_backward": (
        lambda x: rotated_feature_align(x, BOXES, 1.0, 5),
        [noise(2, 3, 6, 7)],
        {"grad_input": ADDS},
    ),
    "active_rotated_filter_backward": (
        lambda x: active_rotated_filter(x, TURNS),
        [noise(2, 3, 1, 2, 2)],
        {"grad_in": OVERWRITES},
    ),
    "chamfer_distance_backward": (
        lambda x, y: chamfer_distance(x, y)[0],
        [noise(2, 5, 2), noise(2, 4, 2)],
        {"grad_xyz1": ADDS, "grad_xyz2": ADDS},
    ),
    "psamask_backward": (
        lambda x: PSAMaskFunction.apply(x, 0, (3, 3)),
        [noise(2, 9, 4, 5)],
        {"grad_input": OVERWRITES},
    ),
    "carafe_backward": (
        lambda x, masks: carafe(x, masks, 3, 1, 2),
        [noise(2, 4, 3, 3), noise(2, 9, 6, 6)],
        {"grad_input": OVERWRITES, "grad_masks": OVERWRITES},
    ),
}


def gradients(function, arguments):
    leaves = [argument.clone().requires_grad_() for argument in arguments]
    output = function(*leaves)
    weights = torch.arange(output.numel(), dtype=output.dtype).view_as(output).sin()
    return torch.autograd.grad((output * weights).sum(), leaves)


@pytest.fixture
def changing(monkeypatch):
    """Has an operator called with other arguments than mmcv's function gives it."""

    def changing(name, change):
        operator = getattr(mmcv._ext, name)

        def changed(*args, **kwargs):
            bound = inspect.signature(operator).bind(*args, **kwargs)
            change(bound.arguments)
            return operator(*bound.args, **bound.kwargs)

        monkeypatch.setattr(mmcv._ext, name, changed)

    return changing


@pytest.mark.parametrize("case", CASES)
def test_as_by_the_compiled_operator(changing, case):
    function, arguments, buffers = CASES[case]
    expected = gradients(function, arguments)
    changing(case.split(",")[0], lambda given: [given[name].fill_(7) for name in buffers])
    result = gradients(function, arguments)
    for now, plain, adds in zip(result, expected, buffers.values(), strict=True):
        torch.testing.assert_close(now, plain + 7 * adds)


def test_the_weights_gradient_is_scaled(changing):
    function, arguments, _ = CASES["deform_conv_backward_parameters"]
    (expected,) = gradients(function, arguments)
    changing("deform_conv_backward_parameters", lambda given: given.update(scale=0.25))
    torch.testing.assert_close(gradients(function, arguments)[0], 0.25 * expected)
