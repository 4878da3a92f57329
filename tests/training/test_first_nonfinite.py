"""The module that a mistake was planted in is the one that a real training names, whatever comes behind it."""

import json
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from torch import nn

from cnxv2_mm.training.runner import build_runner
from tests.tools.toy_folder import CONFIG, write_folder


class Poison(nn.Module):
    """Passes on what it gets, in its ``number``-th training step with one NaN, which may be drawn by chance."""

    def __init__(self, number: int, chance: float = 1.0) -> None:
        super().__init__()
        self.number, self.chance, self.calls = number, chance, 0

    def forward(self, x):
        self.calls += torch.is_grad_enabled()
        if self.calls >= self.number and torch.rand(()) < self.chance:
            x = x.clone()
            x.view(-1)[5] = float("nan")
        return x


@MODELS.register_module(force=True)
class ManyLosses(BaseModel):
    """An encoder and two heads with three losses, one of them a list."""

    def __init__(self, planted: str, number: int = 3, chance: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encoder = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.BatchNorm2d(4), nn.ReLU())
        self.heads = nn.ModuleDict({"cls": nn.Linear(4, 2), "box": nn.Linear(4, 4)})
        self.outside = planted == "outside"
        self.calls, self.number = 0, number
        if planted != "outside":
            parent, name = planted.rsplit(".", 1)
            old = self.get_submodule(planted)
            self.get_submodule(parent).register_module(name, nn.Sequential(old, Poison(number, chance)))

    def forward(self, inputs, data_samples=None, mode="tensor"):
        x = self.encoder(inputs).mean((2, 3))
        scores, boxes = self.heads["cls"](x), self.heads["box"](x)
        self.calls += torch.is_grad_enabled()
        bad = (scores - scores).log().mean() if self.outside and self.calls >= self.number else 0.0
        return {
            "loss_cls": scores.square().mean() + bad,
            "loss_box": [boxes.abs().mean(), boxes.square()],
            "acc": scores.sum(),
        }


def train(tmp_path, **changes):
    config = Config.fromstring(CONFIG, ".py")
    config.train_dataloader.dataset.data_root = str(write_folder(tmp_path / "images"))
    config.merge_from_dict({"work_dir": str(tmp_path / "run"), "experiment_name": tmp_path.name, **changes})
    with pytest.raises(FloatingPointError) as error:
        build_runner(config).train()
    (file,) = (tmp_path / "run").glob("nonfinite_step_*.json")
    assert str(error.value).endswith(str(file))
    report = json.loads(file.read_text())
    assert f"First module with such an output: {report['first_module']}" in str(error.value)
    return report


def many_losses(planted, **options):
    preprocessor = {"type": "ClsDataPreprocessor", "mean": [0.0] * 3, "std": [1.0] * 3}
    return {"_delete_": True, "type": "ManyLosses", "planted": planted, "data_preprocessor": preprocessor, **options}


@pytest.mark.parametrize(
    ("planted", "losses"), [("encoder.1", {"loss_cls", "loss_box", "loss"}), ("heads.box", {"loss_box", "loss"})]
)
def test_the_planted_module_of_a_model_with_several_losses(tmp_path, planted, losses):
    report = train(tmp_path, model=many_losses(planted))
    assert report["first_module"] == f"{planted}.1 (Poison)"
    assert report["cause"] == "its input is finite"
    assert (report["step"], set(report["losses"])) == (3, losses)
    assert [file[-7:] for file in report["files"]] == ["08.tiff", "09.tiff", "10.tiff", "11.tiff"]
    assert report["files_not_finite"] == []


def test_the_second_run_draws_the_numbers_of_the_first(tmp_path):
    """One step in ten is poisoned, by chance."""
    changes = {"model": many_losses("heads.cls", number=1, chance=0.1), "train_cfg.max_epochs": 30}
    report = train(tmp_path, **changes)
    assert report["first_module"] == "heads.cls.1 (Poison)"
    assert report["step"] > 1


def test_what_no_module_has_computed(tmp_path):
    report = train(tmp_path, model=many_losses("outside"))
    assert report["first_module"] == "the model itself (ManyLosses)"


def test_a_weight_of_a_network_that_runs_by_fused_operations(tmp_path):
    """They step aside in the second run, in which the block's modules are called one by one."""
    config = Config.fromstring(CONFIG, ".py")
    config.train_dataloader.dataset.data_root = str(write_folder(tmp_path / "images", 4))
    config.merge_from_dict({"work_dir": str(tmp_path / "run"), "experiment_name": tmp_path.name})
    runner = build_runner(config)
    runner.model.backbone.stages[2][0].grn.gamma.data[7] = float("inf")
    with pytest.raises(FloatingPointError, match=r"backbone\.stages\.2\.0\.grn \(GRN\), and its gamma is not finite"):
        runner.train()


def test_accumulated_gradients(tmp_path):
    """The loss is met where the optimiser makes no step."""
    changes = {"optim_wrapper.accumulative_counts": 4, "train_cfg.max_epochs": 4, "model": many_losses("encoder.0")}
    assert train(tmp_path, **changes)["first_module"] == "encoder.0.1 (Poison)"
