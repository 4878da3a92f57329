"""``--amp``; on the CPU the forward pass is in bfloat16, everything that is kept in float32."""

from types import SimpleNamespace

import pytest
import torch
from mmengine import registry
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import Registry
from torch import nn

from cnxv2_mm.training import mixed_precision
from cnxv2_mm.training.mixed_precision import Float32OutputHook, check_amp_device, use_amp


def test_amp_where_there_is_an_accelerator(monkeypatch):
    monkeypatch.setattr(mixed_precision, "get_device", lambda: "cuda")
    config = Config({"optim_wrapper": {"type": "OptimWrapper", "optimizer": {"type": "SGD"}}})
    use_amp(config)
    assert (config.optim_wrapper.type, config.optim_wrapper.loss_scale) == ("AmpOptimWrapper", "dynamic")

    config = Config({"optim_wrapper": {"type": "AmpOptimWrapper", "dtype": "bfloat16", "loss_scale": 512.0}})
    use_amp(config)
    check_amp_device(config)
    assert config.optim_wrapper == {"type": "AmpOptimWrapper", "dtype": "bfloat16", "loss_scale": 512.0}

    with pytest.raises(ValueError, match="ApexOptimWrapper"):
        use_amp(Config({"optim_wrapper": {"type": "ApexOptimWrapper"}}))
    # Another library's wrapper of the same name does something else.
    toys = Registry("optimizer wrapper", parent=registry.OPTIM_WRAPPERS, scope="toys")
    toys.register_module(name="OptimWrapper", module=type("OptimWrapper", (OptimWrapper,), {}))
    monkeypatch.setitem(registry.OPTIM_WRAPPERS.children, "toys", toys)
    with pytest.raises(ValueError, match=r"toys\.OptimWrapper"):
        use_amp(Config({"optim_wrapper": {"type": "toys.OptimWrapper"}}))
    own = Config({"optim_wrapper": {"type": "mmengine.OptimWrapper"}})
    use_amp(own)
    assert own.optim_wrapper.type == "AmpOptimWrapper"
    with pytest.raises(ValueError, match="the config has none: add optim_wrapper"):
        use_amp(Config({}))
    check_amp_device(Config({}))  # what else is missing, the runner says


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


@pytest.mark.parametrize("part", ["neck", "neck.0"])
def test_what_a_part_returns_is_float32_until_training_ends(part):
    """mmdetection converts boxes to the type of the maps before it pools them; here they stay where they are."""
    model = nn.ModuleDict({"neck": nn.Sequential(nn.Linear(4, 2))})
    hook, runner = Float32OutputHook(part), SimpleNamespace(model=model)
    boxes = torch.tensor([[513.3, 700.7, 1023.4, 1001.5]])

    def moved():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            maps = model["neck"](torch.randn(3, 4))
        return (boxes.type_as(maps) - boxes).abs().max()

    assert 1 < moved() <= 2
    hook.before_train(runner)
    assert moved() == 0
    hook.after_train(runner)
    assert moved() > 1


def test_several_outputs_are_converted_each():
    model = nn.Module()
    model.backbone = nn.Identity()
    Float32OutputHook("backbone").before_train(SimpleNamespace(model=model))
    maps = model.backbone((torch.ones(2, dtype=torch.bfloat16), [torch.ones(1, dtype=torch.float16)]))
    assert [type(maps), type(maps[1]), maps[0].dtype, maps[1][0].dtype] == [tuple, list, torch.float32, torch.float32]


def test_a_part_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"part='nekc'.*such as neck, head\."):
        Float32OutputHook("nekc").before_train(
            SimpleNamespace(model=nn.ModuleDict({"neck": nn.Linear(1, 1), "head": nn.Linear(1, 1)}))
        )
