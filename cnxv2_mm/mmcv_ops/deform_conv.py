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
        input: The map, (N, C, H, W).
        weight: The kernels, (O, C / group, kH, kW).
        offset: The offset of each kernel element, (N, 2 * deformable_group * kH * kW, P, Q), in input cells.
        output: The result, (N, O, P, Q), overwritten.
        columns: Unused.
        ones: Unused.
        kW: Columns of the kernel.
        kH: Rows of the kernel.
        dW: Stride along x.
        dH: Stride along y.
        padW: Number of zeros added on each side along x.
        padH: Number of zeros added on each side along y.
        dilationW: Distance between kernel elements along x, in input cells.
        dilationH: Distance between kernel elements along y, in input cells.
        group: Number of groups of channels that do not see each other.
        deformable_group: Number of groups of channels that have offsets of their own.
        im2col_step: Unused.
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
    """Add to ``gradInput`` and overwrite ``gradOffset``, which have the shapes of ``input`` and ``offset``.

    ``gradOutput`` is (N, O, P, Q); for the other arguments see :func:`deform_conv_forward`.
    """
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
    """Add ``scale`` times the gradient of the weight to ``gradWeight``, (O, C / group, kH, kW).

    ``gradOutput`` is (N, O, P, Q); for the other arguments see :func:`deform_conv_forward`. mmcv asks for this gradient
    apart from the others, and torchvision computes all at once: so version 1 takes two backward passes, version 2 one.
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
        input: The map, (N, C, H, W).
        weight: The kernels, (O, C / group, kernel_h, kernel_w).
        bias: What is added to each channel, (O,); empty and not read unless ``with_bias``.
        ones: Unused.
        offset: The offset of each kernel element, (N, 2 * deformable_group * kernel_h * kernel_w, P, Q), in input
            cells. If it has more cells than the output, the first numbers of each image are read as if they had that
            shape. The compiled operator, which checks nothing, does so too, and DyHead was trained with it.
        mask: The modulation of each kernel element, (N, deformable_group * kernel_h * kernel_w, P, Q); if it has more
            cells than the output, it is read as ``offset`` is.
        output: The result, (N, O, P, Q), overwritten.
        columns: Unused.
        kernel_h: Rows of the kernel.
        kernel_w: Columns of the kernel.
        stride_h: Stride along y.
        stride_w: Stride along x.
        pad_h: Number of zeros added on each side along y.
        pad_w: Number of zeros added on each side along x.
        dilation_h: Distance between kernel elements along y, in input cells.
        dilation_w: Distance between kernel elements along x, in input cells.
        group: Number of groups of channels that do not see each other.
        deformable_group: Number of groups of channels that have offsets and modulation of their own.
        with_bias: Whether to add ``bias``.
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
    """Write the gradients into the ``grad_`` tensors, which have the shapes of their originals.

    As with the compiled operator, those of input, weight and bias are added to what is there, and those of offset and
    mask overwrite it. ``grad_output`` is (N, O, P, Q); for the other arguments see
    :func:`modulated_deform_conv_forward`.
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
    """Return the first numbers of each image, of (N, K, P, Q), as (N, K, *size); all if they have that size."""
    if values.shape[2:] == size or values.shape[2:].numel() < size.numel():  # the latter is refused by torchvision
        return values
    images, channels = values.shape[:2]
    return values.flatten(1)[:, : channels * size.numel()].reshape(images, channels, *size)


def _filled_up(gradient: Tensor, shape: torch.Size) -> Tensor:
    """Reverse :func:`_leading`: return the gradient in ``shape``, with zeros behind the numbers of each image."""
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
    """Return the gradients of input, weight, offset, mask and bias."""
    tensors = _operands(input, weight, offset, mask, bias)
    grad_output = grad_output.to(tensors[0].dtype).contiguous()
    return torch.ops.torchvision._deform_conv2d_backward(grad_output, *tensors, *geometry, mask is not None)


def _operands(
    input: Tensor, weight: Tensor, offset: Tensor, mask: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the tensors as torchvision's operator takes them.

    All have one type; without modulation there is a mask that is not read, and without bias one of zeros.
    """
    dtype = compute_dtype(input)
    if mask is None:
        mask = input.new_zeros(input.size(0), 1)
    if bias is None:
        bias = input.new_zeros(weight.size(0))
    input, weight, offset, mask, bias = (t.to(dtype).contiguous() for t in (input, weight, offset, mask, bias))
    return input, weight, offset, mask, bias
