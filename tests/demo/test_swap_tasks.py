"""Published configs as they train on the demo's data."""

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from benchmarks.swap.search import values_of
from cnxv2_mm.registry import MODELS
from demo.swap_tasks import SWAP_TASKS, on_demo_data
from tests.tools.conftest import load_tool


@pytest.mark.parametrize("task", SWAP_TASKS, ids=lambda task: task.name)
def test_a_published_config_is_swapped_and_fitted_to_the_demo(task, tmp_path):
    swapped = tmp_path / "swapped.py"
    assert (
        load_tool("swap_backbone").main([task.config, "--arch", "atto", "--weights", "none", "-o", str(swapped)]) == 0
    )
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
