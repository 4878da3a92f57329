"""Names of tensors inside of the wrappers that PyTorch has."""

import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.optim.swa_utils import AveragedModel

from cnxv2_mm.checkpoints.wrappers import as_in_state_dict, without_wrappers

WRAPPERS = [nn.DataParallel, AveragedModel, torch.compile, checkpoint_wrapper]
IDS = ["data parallel", "average", "compiled", "recomputed"]


def network():
    return nn.Sequential(nn.Sequential(nn.Linear(2, 2)), nn.Linear(2, 2))


@pytest.mark.parametrize("inner", WRAPPERS, ids=IDS)
@pytest.mark.parametrize("outer", WRAPPERS, ids=IDS)
def test_wrapped_networks_have_the_names_of_the_network(outer, inner):
    """Oracle: the same network without wrappers."""
    plain, wrapped = network(), network()
    wrapped[0] = inner(wrapped[0])
    wrapped = outer(wrapped)
    assert [without_wrappers(name) for name, _ in wrapped.named_parameters()] == list(plain.state_dict())
    assert {without_wrappers(name) for name in wrapped.state_dict()} - set(plain.state_dict()) <= {"n_averaged"} | {
        "0.n_averaged"
    }


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=IDS)
def test_the_name_in_a_state_dict_follows_from_the_name_of_the_parameter(wrapper):
    """Oracle: PyTorch's state dict."""
    wrapped = network()
    wrapped[0] = wrapper(wrapped[0])
    names = [as_in_state_dict(name) for name, _ in wrapped.named_parameters()]
    assert names == [name for name in wrapped.state_dict() if "n_averaged" not in name]


def test_fsdps_level_is_left_out():
    """Its own test, on processes, is in tests/training/test_fsdp.py."""
    name = "backbone._fsdp_wrapped_module.stages.0._fsdp_wrapped_module._checkpoint_wrapped_module.gamma"
    assert without_wrappers(name) == as_in_state_dict(name) == "backbone.stages.0.gamma"


@pytest.mark.parametrize("name", ["submodule.norm.bias", "module_orig_mod.bias", "norm.module"])
def test_levels_that_only_look_like_wrappers_stay(name):
    assert without_wrappers(name) == as_in_state_dict(name) == name
