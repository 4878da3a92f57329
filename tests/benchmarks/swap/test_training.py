"""The training step of the walk."""

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import nn

from benchmarks.swap import training
from benchmarks.swap.training import StepFailed, check_gradients, train_one_step


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


class Backbone(nn.Linear):
    """Two numbers from two."""


class Detector(BaseModel):
    """Its head begins at zero, as PPYOLOE's does; it may stay there."""

    def __init__(self, stays):
        super().__init__()
        self.backbone, self.head = Backbone(2, 2), nn.Linear(2, 1)
        nn.init.zeros_(self.head.weight)
        self.head.weight.requires_grad_(not stays)

    def forward(self, inputs, data_samples=None, mode="loss"):
        return {"loss": (self.head(self.backbone(inputs)) - 1).square().mean()}


@pytest.mark.parametrize("stays", [False, True])
def test_a_head_that_begins_at_zero_is_given_a_second_step(stays, monkeypatch):
    monkeypatch.setattr(training, "build_model", lambda config: Detector(stays))
    monkeypatch.setattr(training, "make_batch", lambda config: {"inputs": torch.ones(3, 2)})
    if stays:
        with pytest.raises(StepFailed, match="all gradients of the backbone are zero"):
            train_one_step(Config(), "Backbone")
    else:
        train_one_step(Config(), "Backbone")
