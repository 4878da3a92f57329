"""The precision of float32 products: set for a run on CUDA, left alone elsewhere, and stated in the recipes."""

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from cnxv2_mm.training import matmul_precision
from cnxv2_mm.training.matmul_precision import MatmulPrecisionHook
from tests.configs.common import CONFIGS, is_pre_training, load
from tests.tools.conftest import CONFIG
from tests.training.test_fused_step import read_config


class Note(Hook):
    """Notes the precision in every step."""

    def __init__(self):
        self.seen = set()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen.add(torch.get_float32_matmul_precision())


@pytest.mark.parametrize(("precision", "cuda", "expected"), [("high", True, "high"), ("medium", False, "highest")])
def test_it_is_set_during_a_run_on_cuda_alone(precision, cuda, expected, tmp_path, monkeypatch):
    """With mmengine's own Runner, from the key of a config that merges."""
    hook = f'default_hooks["matmul_precision"] = dict(type="cnxv2_mm.MatmulPrecisionHook", precision="{precision}")\n'
    config = read_config(CONFIG + hook, tmp_path / "run")
    runner, note = Runner.from_cfg(config), Note()
    runner.register_hook(note)
    monkeypatch.setattr(matmul_precision, "get_device", lambda: "cuda" if cuda else "cpu")
    runner.train()
    assert note.seen == {expected}
    assert torch.get_float32_matmul_precision() == "highest"
    log = next((tmp_path / "run").glob("*/*.log")).read_text()
    assert ("Matrix products in float32: precision 'high'." in log) == cuda


def test_another_precision_is_refused():
    with pytest.raises(ValueError, match=r"precision='tf32'\): set precision to one of highest, high, medium"):
        MatmulPrecisionHook("tf32")


@pytest.mark.parametrize("path", [path for path in CONFIGS if is_pre_training(path) or "/imagenet/" in path])
def test_the_recipes_state_it(path):
    hook = load(path).default_hooks.matmul_precision
    assert hook == {"type": "cnxv2_mm.MatmulPrecisionHook", "precision": "high"}
