"""Random weights whose scores are spread like those of a trained model: a few are high, and most are low."""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

# The last layers of heads whose scores are sigmoids, each class for itself: most are near 0 after a training.
_SIGMOID = re.compile(r"(retina_cls|conv_cls|rtm_cls\.\d+|cls_branches\.\d+)$")
# Those of softmaxes, where one class wins, and of proposals, whose best are taken whatever they are.
_SOFTMAX = re.compile(r"(fc_cls|rpn_cls|conv_seg|head\.fc)$")
_SPREAD = 1.5  # standard deviation of the logits
_LOW = -6.0  # mean of the logits of sigmoids: of 100 scores two are above 0.05


@torch.no_grad()
def spread_scores(model: nn.Module, run: Callable[[], Any]) -> None:
    """Draw a model's weights anew, and scale the last layers of its heads by what they give for a picture.

    Args:
        model: A model of mmdet, mmseg or mmpretrain; changed in place.
        run: Predicts a picture with it.
    """
    for parameter in model.parameters():
        if parameter.ndim > 1:  # the libraries' start is almost linear, and all places are alike
            nn.init.kaiming_normal_(parameter, nonlinearity="linear")
    for name, layer in model.named_modules():
        if _SIGMOID.search(name):
            _scale_at_next_call(layer, _LOW)
        elif _SOFTMAX.search(name):
            _scale_at_next_call(layer, 0.0)
    run()


def _scale_at_next_call(layer: Any, mean: float) -> None:
    """Make the next outputs of a linear layer or convolution, and those that follow, of a mean and of our spread."""
    handles: list[RemovableHandle] = []

    def scale(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        handles.pop().remove()
        factor = _SPREAD / output.std()
        layer.weight.mul_(factor)
        layer.bias.mul_(factor).add_(mean - output.mean() * factor)
        return output * factor + (mean - output.mean() * factor)

    handles.append(layer.register_forward_hook(scale))
