"""When a run measures, and what it needs for that."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from cnxv2_mm.training.monitoring.periodic import PeriodicHook
from tests.tools.conftest import CONFIG as DIGITS


class Steps(PeriodicHook):
    """Notes when it measures, and whether the model evaluates then; it draws random numbers besides."""

    def __init__(self, interval=4):
        super().__init__(interval, num_images=1)
        self.steps = []

    def measure(self, runner, step):
        torch.rand(5)
        assert not any(module.training for module in runner.model.modules())
        assert not torch.is_grad_enabled()
        self.steps.append(step)


@pytest.mark.parametrize(("interval", "steps"), [(4, [0, 4, 8, 10]), (5, [0, 5, 10]), (1000, [0, 10])])
def test_at_the_start_at_the_interval_and_at_the_end(runner, interval, steps):
    run = runner()
    hook = Steps(interval)
    run.register_hook(hook)
    run.train()
    assert hook.steps == steps


def test_a_resumed_run_has_its_start_behind_it(runner):
    first = runner(**{"default_hooks.checkpoint.interval": 1, "default_hooks.checkpoint.max_keep_ckpts": 3})
    first.train()
    run = runner("resumed", resume=True, load_from=f"{first.work_dir}/epoch_1.pth")
    hook = Steps()
    run.register_hook(hook)
    run.train()
    assert hook.steps == [8, 10]


def test_another_model(tmp_path):
    config = Config.fromstring(DIGITS, ".py")
    config.work_dir = str(tmp_path)
    run = Runner.from_cfg(config)
    run.register_hook(Steps())
    with pytest.raises(ValueError, match="measures FCMAE, and the model is DigitClassifier: remove it"):
        run.train()
