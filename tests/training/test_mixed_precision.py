"""``--amp``; on the CPU the forward pass is in bfloat16, everything that is kept in float32."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine import registry
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import Registry
from torch import nn

from cnxv2_mm.training import mixed_precision
from cnxv2_mm.training.mixed_precision import (
    Float32OutputHook,
    check_amp_device,
    cpu_computes_bfloat16,
    use_amp,
)


@pytest.fixture
def card(monkeypatch):
    """A CUDA device of a compute capability, as far as ``torch.cuda`` is asked about one."""

    def card(major):
        monkeypatch.setattr(mixed_precision, "get_device", lambda: "cuda")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(major=major))

    return card


@pytest.fixture
def logged(monkeypatch):
    lines = []
    monkeypatch.setattr(mixed_precision, "print_log", lambda text, **kwargs: lines.append(text))
    return lines


@pytest.mark.parametrize(
    ("major", "dtype", "scale"), [(7, "float16", "dynamic"), (8, "bfloat16", {"enabled": False}), (9, "bfloat16", ...)]
)
def test_the_data_type_is_the_best_that_the_card_computes(major, dtype, scale, card, logged):
    """Cards below capability 8.0 multiply bfloat16 as float32; those have float16, whose range needs loss scaling."""
    card(major)
    scale = {"enabled": False} if scale is ... else scale
    config = Config({"optim_wrapper": {"type": "OptimWrapper", "optimizer": {"type": "SGD"}}})
    use_amp(config)
    expected = {"type": "AmpOptimWrapper", "dtype": dtype, "loss_scale": scale, "optimizer": {"type": "SGD"}}
    assert config.optim_wrapper == expected
    assert logged == [f"--amp: autocast to dtype={dtype!r}, loss_scale={scale!r}."]
    assert torch.amp.GradScaler("cpu", **(scale if isinstance(scale, dict) else {})).is_enabled() == (major == 7)


def test_a_config_that_states_its_type_keeps_it(card, logged):
    card(9)
    stated = Config({"optim_wrapper": {"type": "OptimWrapper", "dtype": "float16"}})
    use_amp(stated)
    assert stated.optim_wrapper == {"type": "AmpOptimWrapper", "dtype": "float16", "loss_scale": "dynamic"}
    mmdets = Config({"optim_wrapper": {"type": "AmpOptimWrapper"}})  # as mmdetection's configs have it
    use_amp(mmdets)
    assert mmdets.optim_wrapper == {"type": "AmpOptimWrapper"}
    assert logged == ["--amp: autocast to dtype='float16', loss_scale='dynamic'."] * 2


@pytest.mark.parametrize("fast", [False, True])
def test_a_processor_without_bfloat16_is_warned_of(fast, monkeypatch, logged):
    monkeypatch.setattr(mixed_precision, "get_device", lambda: "cpu")
    monkeypatch.setattr(mixed_precision, "cpu_computes_bfloat16", lambda: fast)
    use_amp(Config({"optim_wrapper": {"type": "OptimWrapper"}}))
    assert len([line for line in logged if "no instructions for bfloat16 (AVX512-BF16, AMX)" in line]) == (not fast)


def test_what_the_processor_computes_is_what_the_kernel_lists():
    """The oracle are Linux's flags; other systems have none."""
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").is_file() else []
    if "flags" in flags:  # an x86 processor
        assert cpu_computes_bfloat16() == ("avx512_bf16" in flags or "amx_tile" in flags)
    assert isinstance(cpu_computes_bfloat16(), bool)


def test_amp_where_there_is_an_accelerator(monkeypatch, card):
    card(8)
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
