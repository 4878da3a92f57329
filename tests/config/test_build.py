"""Models built from configs without numbers."""

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from cnxv2_mm.config.build import build_on_cpu, build_on_meta, on_meta


@MODELS.register_module()
class MetaRates(nn.Module):
    """Reads drop rates while it is built, as every transformer does, and changes the config that it is given."""

    def __init__(self, options):
        super().__init__()
        self.width = options.pop("width")
        self.rates = [rate.item() for rate in torch.linspace(0, 1, 3)]
        self.register_buffer("table", torch.tensor([1.0, 2.0]))
        self.layer = nn.Linear(2, self.width)


@MODELS.register_module()
class MetaThreshold(MetaRates):
    """Reads a number that only a real tensor has, with each of torch's two errors if it has none."""

    def __init__(self, options, as_array):
        super().__init__(options)
        value = self.layer.bias.detach()
        self.threshold = value.numpy()[0] if as_array else value[0].item()


@pytest.mark.parametrize(
    "config",
    [{"type": "MetaRates"}, *({"type": "MetaThreshold", "as_array": as_array} for as_array in (False, True))],
    ids=["rates", "item", "array"],
)
def test_a_model_has_shapes_and_no_numbers(config):
    config["options"] = {"width": 3}
    random_state = torch.get_rng_state()
    model = build_on_meta(config)
    assert config["options"] == {"width": 3}
    assert torch.equal(torch.get_rng_state(), random_state)
    assert model.rates == [0, 0.5, 1]
    assert {name: tuple(x.shape) for name, x in model.state_dict().items()} == {
        "table": (2,),
        "layer.weight": (3, 2),
        "layer.bias": (3,),
    }
    assert all(x.is_meta for x in model.state_dict().values())


def test_numbers_on_request():
    random_state = torch.get_rng_state()
    model = build_on_cpu({"type": "MetaRates", "options": {"width": 3}})
    assert model.layer.weight.device.type == "cpu"
    assert torch.equal(torch.get_rng_state(), random_state)


def test_names_are_looked_up_in_the_given_library_or_else_in_the_default_one():
    """mmdet and mmseg both have an FPN."""
    fpn = {"type": "FPN", "in_channels": [4, 8], "out_channels": 2, "num_outs": 2}
    assert type(build_on_meta(fpn, "mmdet")).__module__.startswith("mmdet.")
    assert type(build_on_meta(fpn, "mmseg")).__module__.startswith("mmseg.")
    init_default_scope("mmseg")
    assert type(build_on_meta(fpn)).__module__.startswith("mmseg.")


def test_a_mistake_in_the_config_is_told_as_it_is():
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        build_on_meta({"type": "FPN", "in_channels": [4], "out_channels": 2, "num_outs": 1, "colour": 1}, "mmdet")


def test_the_device_is_meta_inside_alone():
    with on_meta():
        assert torch.empty(1).is_meta
        assert torch.tensor(1.0).item() == 1.0
    assert not torch.empty(1).is_meta
