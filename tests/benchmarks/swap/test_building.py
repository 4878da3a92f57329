"""Models of published configs, without a download and for small images."""

import pytest
import torch
from mmengine.config import Config
from torch import nn

from benchmarks.swap.building import build_model, build_without_numbers
from benchmarks.swap.small_bert import small_bert


class Toy(nn.Module):
    """Remembers what it is given."""

    def __init__(self, **options):
        super().__init__()
        self.options = options
        self.layer = nn.SyncBatchNorm(2) if options.get("synchronised") else nn.Linear(2, 2)
        if options.get("looks"):
            self.layer.weight.sum().item()
        if options.get("fails"):
            raise ValueError("this config is wrong")

    def init_weights(self):
        self.initialised = True


@pytest.fixture
def toy(monkeypatch):
    """The type of the toy in mmengine's registry, for one test."""
    from mmengine.registry import MODELS as ROOT_MODELS

    monkeypatch.setitem(ROOT_MODELS._module_dict, "WalkedToy", Toy)
    return lambda **options: Config({"model": {"type": "WalkedToy", **options}})


def test_nothing_is_downloaded(toy):
    weights = {"type": "Pretrained", "checkpoint": "torchvision://resnet50"}
    config = toy(pretrained="torchvision://x", part=[{"init_cfg": weights}], init_cfg={"type": "Kaiming"}, num_cp=4)
    model = build_without_numbers(config)
    assert model.options["pretrained"] is None
    assert model.options["part"] == [{"init_cfg": None}]
    assert model.options["init_cfg"] == {"type": "Kaiming"}
    assert model.options["num_cp"] == 0  # of layers that fairscale would recompute
    assert config.model.pretrained == "torchvision://x"


def test_bert_is_a_small_one(toy):
    model = build_without_numbers(toy(part={"type": "mmdet.BertModel", "name": "bert-base-uncased"}))
    assert model.options["part"]["name"] == small_bert()


@pytest.mark.parametrize("looks", [False, True])
def test_a_model_has_no_numbers_even_if_its_constructor_looks_at_some(looks, toy):
    assert build_without_numbers(toy(looks=looks)).layer.weight.is_meta


def test_what_is_wrong_with_a_config_is_raised(toy):
    with pytest.raises(ValueError, match="this config is wrong"):
        build_without_numbers(toy(fails=True))


def test_a_model_is_built_for_one_process_and_small_images(toy):
    augments = [{"type": "BatchSyncRandomResize"}, {"type": "Mixup"}]
    preprocessor = {"size": (512, 1024), "batch_augments": augments}
    config = toy(synchronised=True)
    config.data_preprocessor = preprocessor
    model = build_model(config)
    assert model.initialised
    assert isinstance(model.layer, nn.Module)
    assert not isinstance(model.layer, nn.SyncBatchNorm)
    assert model.options["data_preprocessor"]["size"] == (64, 64)
    assert model.options["data_preprocessor"]["batch_augments"] == [{"type": "Mixup"}]
    assert torch.isfinite(model.layer.weight).all()
