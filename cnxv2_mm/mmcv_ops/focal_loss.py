"""Focal losses over logits (sigmoid) and over probabilities (softmax), with their gradients.

With ``q`` the probability given to the truth, the loss is ``-a (1 - q)^gamma log q`` (Lin et al., "Focal Loss for
Dense Object Detection", https://arxiv.org/abs/1708.02002, equation 5).

Deliberate differences from mmcv's compiled operators, which exist on GPUs only: the sigmoid loss takes ``log q`` from
the logit rather than from a rounded ``q``, so a confidently wrong float32 logit of 20 costs 20 instead of 87; labels
that the compiled operators would read outside a tensor raise ``ValueError``.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cnxv2_mm.mmcv_ops.precision import compute_dtype


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Write the loss of every class of every sample.

    Args:
        input: The logits, (N, C).
        target: The class of each sample, (N,); a negative number or C means background: every class is a negative.
        weight: A factor for the samples of each class, (C,), or empty. With it, each target must be one of the C
            classes.
        output: The losses, (N, C), overwritten.
        gamma: The exponent of ``1 - q``.
        alpha: The factor of the positives; the negatives have ``1 - alpha``.

    Raises:
        ValueError: A target is larger than C, or with ``weight`` none of the C classes.
    """
    _check_labels(target, classes=input.size(1), weighted=weight.numel() > 0, background=True)
    positive, logit = _signed_logits(input, target)
    loss = -(torch.sigmoid(-logit) ** gamma) * F.logsigmoid(logit)
    loss = torch.where(positive, alpha * loss, (1 - alpha) * loss)
    output.copy_(_weigh(loss, target, weight))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Write the derivative of each loss by its logit into ``grad_input``, (N, C).

    For the other arguments see :func:`sigmoid_focal_loss_forward`.
    """
    positive, logit = _signed_logits(input, target)
    q = torch.sigmoid(logit)
    rest = torch.sigmoid(-logit)  # 1 - q without cancellation
    gradient = rest**gamma * (rest - gamma * q * F.logsigmoid(logit))
    gradient = torch.where(positive, -alpha * gradient, (1 - alpha) * gradient)  # the sign undoes that of the logit
    grad_input.copy_(_weigh(gradient, target, weight))


def softmax_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Write the loss of every sample.

    Args:
        input: The probabilities, (N, C).
        target: The class of each sample, (N,); samples with a negative number are ignored: their loss is zero.
        weight: A factor for the samples of each class, (C,), or empty.
        output: The losses, (N,), overwritten.
        gamma: The exponent of ``1 - q``.
        alpha: The factor of all classes.

    Raises:
        ValueError: A target is C or larger.
    """
    _check_labels(target, classes=input.size(1), weighted=False, background=False)
    q, rest = _truth(input, target)
    loss = -alpha * rest**gamma * q.log()
    output.copy_(torch.where(target >= 0, _weigh(loss, target.clamp(min=0), weight), 0))


def softmax_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    buff: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Write the derivative of each loss by the logits behind the probabilities.

    Args:
        input: The probabilities, (N, C).
        target: The class of each sample, (N,); samples with a negative number have no gradient.
        weight: A factor for the samples of each class, (C,), or empty.
        buff: (N,), overwritten with ``q`` times the derivative of the loss by ``q``.
        grad_input: The derivatives, (N, C), overwritten.
        gamma: The exponent of ``1 - q``.
        alpha: The factor of all classes.
    """
    q, rest = _truth(input, target)
    label = target.clamp(min=0)
    scale = alpha * (gamma * rest ** (gamma - 1) * q * q.log() - rest**gamma)
    scale = torch.where(target >= 0, _weigh(scale, label, weight), 0)
    buff.copy_(scale)
    # d log q / d logit_c = [c is the truth] - softmax_c
    gradient = -scale[:, None] * input
    gradient.scatter_add_(1, label[:, None], scale[:, None])
    grad_input.copy_(gradient)


def _signed_logits(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return which entries are positives, (N, C), and the logits of the truth, (N, C): negated for the negatives."""
    positive = target[:, None] == torch.arange(input.size(1), device=input.device)
    logit = input.to(compute_dtype(input))
    return positive, torch.where(positive, logit, -logit)


def _truth(probabilities: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the probability of each sample's class and that of all others, (N,) each, kept above zero.

    Logarithms and powers of them are finite then.
    """
    probabilities = probabilities.to(compute_dtype(probabilities))
    q = probabilities.gather(1, target.clamp(min=0)[:, None])[:, 0]
    tiny = torch.finfo(torch.float32).tiny
    return q.clamp(min=tiny), (1 - q).clamp(min=tiny)


def _weigh(values: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Multiply each sample's values, (N,) or (N, C), by the weight of its class, if there are weights."""
    if weight.numel() == 0:
        return values
    return values * weight.to(values.dtype)[target].view(-1, *[1] * (values.dim() - 1))


def _check_labels(target: Tensor, classes: int, weighted: bool, background: bool) -> None:
    if target.numel() == 0:
        return
    lowest, highest = (bound.item() for bound in target.aminmax())
    if highest > (classes if background and not weighted else classes - 1):
        raise ValueError(
            f"target has label {highest}, but the input has {classes} classes, numbered 0 to {classes - 1}"
            + (f" ({classes} is allowed as background when there is no class weight)" if background else "")
            + "; check num_classes of the head"
        )
    if weighted and lowest < 0:
        raise ValueError(f"target has label {lowest}, which has no class weight; pass weight=None or labels from 0 on")
