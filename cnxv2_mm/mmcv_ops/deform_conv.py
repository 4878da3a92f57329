"""Deformable convolutions, version 1 (offsets) and version 2 (offsets and modulation), through torchvision's operator.

mmcv and torchvision lay out offsets alike, ``y, x`` per kernel element and deformable group, and sample alike:
bilinearly, zero outside. ``im2col_step`` and the buffers ``columns`` and ``ones`` only shape how the compiled
operators spend memory; they are accepted and left alone.

Sources: Dai et al., "Deformable Convolutional Networks", https://arxiv.org/abs/1703.06211; Zhu et al., "Deformable
ConvNets v2", https://arxiv.org/abs/1811.11168.
"""

import torch
import torchvision  # noqa: F401  registers torch.ops.torchvision
from torch import Tensor
from torch.nn.functional import pad

from cnxv2_mm.mmcv_ops.precision import compute_dtype


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Convolve with every kernel element moved by its offset.

    Args:
        input: (N, C, H, W).
        weight: (O, C / group, kH, kW).
        offset: (N, 2 * deformable_group * kH * kW, P, Q), in input cells.
        output: (N, O, P, Q), overwritten.
        columns: unused.
        ones: unused.
        kW: kernel columns; kH its rows.
        kH: see kW.
        dW: stride along x; dH along y.
        dH: see dW.
        padW: zero padding along x; padH along y.
        padH: see padW.
        dilationW: distance of kernel elements along x; dilationH along y.
        dilationH: see dilationW.
        group: groups of channels that do not see each other.
        deformable_group: groups of channels with offsets of their own.
        im2col_step: unused.
    """
    geometry = (dH, dW, padH, padW, dilationH, dilationW, group, deformable_group)
    output.copy_(_forward(input, weight, offset, None, None, geometry))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradInput: Tensor,
    gradOffset: Tensor,
    weight: Tensor,
    columns: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Add to ``gradInput`` and overwrite ``gradOffset``, shaped like input and offset; see the forward for the rest."""
    geometry = (dH, dW, padH, padW, dilationH, dilationW, group, deformable_group)
    grad_input, _, grad_offset, _, _ = _backward(gradOutput, input, weight, offset, None, None, geometry)
    gradInput.add_(grad_input)
    gradOffset.copy_(grad_offset)


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradWeight: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    scale: float,
    im2col_step: int,
) -> None:
    """Add ``scale`` times the gradient of the weight to ``gradWeight``; see the forward for the rest.

    mmcv asks for this apart from the other gradients, and torchvision computes all at once: version 1 therefore pays
    for two backward passes, version 2 for one.
    """
    geometry = (dH, dW, padH, padW, dilationH, dilationW, group, deformable_group)
    # torchvision needs a weight for the other gradients, which are not used here
    weight = torch.zeros_like(gradWeight)
    _, grad_weight, _, _, _ = _backward(gradOutput, input, weight, offset, None, None, geometry)
    gradWeight.add_(grad_weight, alpha=scale)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Convolve with every kernel element moved by its offset and multiplied by its modulation.

    Args:
        input: (N, C, H, W).
        weight: (O, C / group, kernel_h, kernel_w).
        bias: (O,); ignored, and then empty, unless ``with_bias``.
        ones: unused.
        offset: (N, 2 * deformable_group * kernel_h * kernel_w, P, Q), in input cells. Of more cells than the
            output's, the first numbers of each image are read as if they were in that shape, as the compiled operator
            does, which checks nothing: DyHead was trained with it.
        mask: (N, deformable_group * kernel_h * kernel_w, P, Q), the modulation; likewise.
        output: (N, O, P, Q), overwritten.
        columns: unused.
        kernel_h: kernel rows.
        kernel_w: kernel columns.
        stride_h: stride along y.
        stride_w: stride along x.
        pad_h: zero padding along y.
        pad_w: zero padding along x.
        dilation_h: distance of kernel elements along y.
        dilation_w: distance of kernel elements along x.
        group: groups of channels that do not see each other.
        deformable_group: groups of channels with offsets and modulation of their own.
        with_bias: whether to add ``bias``.
    """
    geometry = (stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, group, deformable_group)
    offset, mask = (_leading(values, output.shape[2:]) for values in (offset, mask))
    output.copy_(_forward(input, weight, offset, mask, bias if with_bias else None, geometry))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Write the gradients into the ``grad_`` tensors, shaped like their originals; see the forward for the rest.

    As by the compiled operator, those of input, weight and bias are added to what is there, and those of offset and
    mask overwrite it.
    """
    geometry = (stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, group, deformable_group)
    offset, mask = (_leading(values, grad_output.shape[2:]) for values in (offset, mask))
    gradients = _backward(grad_output, input, weight, offset, mask, bias if with_bias else None, geometry)
    grad_input.add_(gradients[0])
    grad_weight.add_(gradients[1])
    grad_offset.copy_(_filled_up(gradients[2], grad_offset.shape))
    grad_mask.copy_(_filled_up(gradients[3], grad_mask.shape))
    if with_bias:
        grad_bias.add_(gradients[4])


def _leading(values: Tensor, size: torch.Size) -> Tensor:
    """Return the first numbers of each image as (N, K, *size); (N, K, P, Q) as they are if they have that size."""
    if values.shape[2:] == size or values.shape[2:].numel() < size.numel():  # the latter is refused by torchvision
        return values
    images, channels = values.shape[:2]
    return values.flatten(1)[:, : channels * size.numel()].reshape(images, channels, *size)


def _filled_up(gradient: Tensor, shape: torch.Size) -> Tensor:
    """Return the reverse: zeros behind the numbers of each image."""
    if gradient.shape == shape:
        return gradient
    return pad(gradient.flatten(1), (0, shape[1:].numel() - gradient.shape[1:].numel())).view(shape)


def _forward(
    input: Tensor, weight: Tensor, offset: Tensor, mask: Tensor | None, bias: Tensor | None, geometry: tuple[int, ...]
) -> Tensor:
    tensors = _operands(input, weight, offset, mask, bias)
    return torch.ops.torchvision.deform_conv2d(*tensors, *geometry, mask is not None)


def _backward(
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    geometry: tuple[int, ...],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of input, weight, offset, mask and bias."""
    tensors = _operands(input, weight, offset, mask, bias)
    grad_output = grad_output.to(tensors[0].dtype).contiguous()
    return torch.ops.torchvision._deform_conv2d_backward(grad_output, *tensors, *geometry, mask is not None)


def _operands(
    input: Tensor, weight: Tensor, offset: Tensor, mask: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return what torchvision's operator takes.

    One type for all, an unused mask of the batch's size, a zero bias for none.
    """
    dtype = compute_dtype(input)
    if mask is None:
        mask = input.new_zeros(input.size(0), 1)
    if bias is None:
        bias = input.new_zeros(weight.size(0))
    return tuple(tensor.to(dtype).contiguous() for tensor in (input, weight, offset, mask, bias))
