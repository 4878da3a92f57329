"""The training step of the walk."""

import pytest
import torch
from torch import nn

from benchmarks.swap.training import StepFailed, check_gradients


def test_parameters_without_gradients_are_noticed():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    for used, message in ((model[:1], "2 of 4 parameters"), (model, None)):
        model.zero_grad()
        used(torch.ones(1, 2)).sum().backward()
        if message is None:
            check_gradients(model, "Sequential")
        else:
            with pytest.raises(StepFailed, match=message):
                check_gradients(model, "Sequential")
    model[0].weight.grad.fill_(float("nan"))
    with pytest.raises(StepFailed, match="not finite"):
        check_gradients(model, "Sequential")
    with pytest.raises(StepFailed, match="no ConvNeXtV2 with trainable"):
        check_gradients(model, "ConvNeXtV2")
