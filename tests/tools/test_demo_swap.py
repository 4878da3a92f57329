"""The demo of the swap: published configs as they train on the demo's data."""

import json

import demo_swap
import pytest
import swap_backbone
from mmengine.config import Config
from mmengine.registry import init_default_scope

from cnxv2_mm.registry import MODELS
from coverage_parts.search import values_of
from demo_parts.swapping import SWAP_TASKS, on_demo_data


@pytest.mark.parametrize("task", SWAP_TASKS, ids=lambda task: task.name)
def test_a_published_config_is_swapped_and_fitted_to_the_demo(task, tmp_path):
    swapped = tmp_path / "swapped.py"
    assert swap_backbone.main([task.config, "--arch", "atto", "--weights", "none", "-o", str(swapped)]) == 0
    on_demo_data(swapped, task, iterations=7).dump(tmp_path / "demo.py")
    config = Config.fromfile(tmp_path / "demo.py")
    assert config.model.backbone.type == "cnxv2_mm.ConvNeXtV2"
    assert set(values_of(config.model.to_dict(), "num_classes")) == {task.num_classes}
    assert config.train_cfg == {"by_epoch": False, "max_iters": 7}
    assert "data/demo" in str(config.train_dataloader.dataset)
    assert config.val_dataloader is None
    init_default_scope(config.default_scope)
    model = MODELS.build(config.model)
    assert model.backbone.channels == (40, 80, 160, 320)


def test_losses_are_those_of_the_latest_training(tmp_path):
    for day, losses in (("20260101_000000", [9.0]), ("20260102_000000", [2.0, 1.0])):
        folder = tmp_path / day / "vis_data"
        folder.mkdir(parents=True)
        lines = [{"lr": 0.1, "loss": loss, "iter": i} for i, loss in enumerate(losses)] + [{"mIoU": 3.0}]
        (folder / "scalars.json").write_text("\n".join(map(json.dumps, lines)))
    assert demo_swap.read_losses(tmp_path) == [2.0, 1.0]


def test_without_data_it_says_what_writes_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # where it goes; undone after the test
    monkeypatch.setattr(demo_swap, "ROOT", tmp_path)
    assert demo_swap.main([]) == 1
    assert "make demo-quick" in capsys.readouterr().out
