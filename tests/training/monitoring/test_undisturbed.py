"""Inside a model evaluates; outside everything is as it was, also after an error."""

import pytest
import torch
from torch import nn

from cnxv2_mm.training.monitoring.undisturbed import undisturbed


def test_modes_gradients_and_random_numbers():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout())
    model[1].eval()  # frozen
    model(torch.randn(3, 2)).sum().backward()
    before = {name: x.clone() for name, x in model.state_dict().items()}
    gradient = model[0].weight.grad.clone()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with pytest.raises(AssertionError), undisturbed(model):
        assert model(torch.randn(3, 2)).requires_grad
    assert torch.equal(torch.rand(2), expected)
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())
    assert torch.equal(model[0].weight.grad, gradient)
    assert torch.is_grad_enabled()
    with undisturbed(model):
        assert not any(module.training for module in model.modules())
