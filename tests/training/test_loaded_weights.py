"""What a checkpoint of another network does to load_from and --resume, by real trainings."""

import tempfile
from pathlib import Path

import pytest
import torch

from cnxv2_mm.training.loaded_weights import filled_parameters
from tests.tools.conftest import CONFIG, load_tool
from tests.tools.toy_digits import DigitClassifier

run_training = load_tool("train").main


@pytest.fixture
def train(tmp_path):
    """Trains two steps from a file that holds these weights, each time anew, and returns what was logged."""

    def train(weights, *options, resume=False):
        # What is resumed has the state of a training too.
        state = {"optimizer": {}, "meta": {"iter": 1, "epoch": 0}, "message_hub": {}} if resume else {}
        torch.save({"state_dict": weights, **state}, tmp_path / "weights.pth")
        (tmp_path / "toy.py").write_text(CONFIG + f'load_from = "{tmp_path}/weights.pth"\n')
        extra = ["--resume", f"{tmp_path}/weights.pth"] if resume else []
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        # mmengine tells runs apart by their names, which end in the second of their start.
        changes = ["train_cfg.max_iters=2", f"experiment_name={folder.name}", *options]
        run_training([str(tmp_path / "toy.py"), "--work-dir", str(folder), *extra, "--cfg-options", *changes])
        return "".join(log.read_text() for log in folder.glob("*/*.log"))

    return train


def test_nothing_is_filled(train):
    """The names of another library."""
    weights = {f"model.{name}": value for name, value in DigitClassifier().state_dict().items()}
    text = r"load_from fills 0 of the model's 4 parameters \(conv 0 of 2, fc 0 of 2\).* holds model\.conv\.weight,"
    with pytest.raises(ValueError, match=text) as error:
        train(weights)
    assert "cnxv2_mm.Pretrained" in str(error.value)


def test_another_head_is_said_and_trained(train):
    weights = DigitClassifier().state_dict()
    assert "load_from fills" not in train(weights)
    del weights["fc.bias"]
    assert "INFO - load_from fills 3 of 4 parameters: conv 2 of 2, fc 1 of 2." in train(weights)
    weights["fc.weight"] = torch.zeros(5, 8)
    assert "WARNING - load_from fills 2 of 4 parameters: conv 2 of 2, fc 0 of 2." in train(weights)


def test_a_backbone_that_fits_by_chance(train):
    """mmpretrain's names differ from ours in six of the ten parameters of a block."""
    from mmengine.registry import MODELS

    @MODELS.register_module(force=True)
    class DigitsBehindABackbone(DigitClassifier):
        def __init__(self):
            super().__init__()
            self.backbone = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))

        def forward(self, *args, **kwargs):
            return super().forward(*args, **kwargs)

    model = DigitsBehindABackbone().state_dict()
    options = ["model.type=DigitsBehindABackbone"]
    del model["backbone.0.weight"]
    with pytest.raises(ValueError, match=r"fills 7 of the model's 8 .*backbone 3 of 4"):
        train(model, *options)
    for name in ("backbone.0.bias", "backbone.1.weight", "backbone.1.bias"):
        del model[name]
    assert "backbone 0 of 4" in train(model, *options)


def test_resuming_needs_every_parameter(train):
    weights = DigitClassifier().state_dict()
    del weights["conv.bias"]
    with pytest.raises(ValueError, match=r"lacks 1 of the model's 4 parameters.*\(conv\.bias\)"):
        train(weights, resume=True)


def test_a_compiled_part_is_filled_by_what_a_run_with_it_saved():
    """Oracle: PyTorch's strict loading, which takes the first file and refuses the second."""
    model = torch.nn.ModuleDict({"backbone": torch.compile(torch.nn.Linear(2, 2)), "head": torch.nn.Linear(2, 2)})
    saved = model.state_dict()
    model.load_state_dict(saved)
    assert all(filled_parameters(model, {"state_dict": saved}).values())
    plain = {name.replace("_orig_mod.", ""): tensor for name, tensor in saved.items()}
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict(plain)
    assert sum(filled_parameters(model, {"state_dict": plain}).values()) == 2
