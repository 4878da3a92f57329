"""The wrapper's forward pass is in bfloat16, everything it keeps in float32."""

import torch
from mmengine.optim import build_optim_wrapper
from torch import nn


def test_the_forward_pass_alone_is_in_bfloat16():
    model = nn.Linear(4, 2)
    config = {"type": "cnxv2_mm.CpuAmpOptimWrapper", "optimizer": {"type": "SGD", "lr": 0.1}}
    wrapper = build_optim_wrapper(model, config)
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        output = model(torch.randn(3, 4))
    assert output.dtype == torch.bfloat16
    assert model(torch.randn(3, 4)).dtype == torch.float32
    wrapper.update_params(output.float().square().sum())
    assert model.weight.dtype == torch.float32
    assert not torch.equal(model.weight, before)


def test_gradients_accumulate():
    """Two half steps are one whole step: mmengine divides the loss by the count."""
    model = nn.Linear(4, 2)
    config = {"type": "cnxv2_mm.CpuAmpOptimWrapper", "optimizer": {"type": "SGD", "lr": 0.1}, "accumulative_counts": 2}
    wrapper = build_optim_wrapper(model, config)
    wrapper.initialize_count_status(model, 0, 2)
    before = model.weight.detach().clone()
    for moved in (False, True):
        with wrapper.optim_context(model):
            loss = model(torch.ones(3, 4)).float().square().mean()
        wrapper.update_params(loss)
        assert (not torch.equal(model.weight, before)) == moved
