"""AdamW's fused step: the numbers of PyTorch's unfused AdamW, in every way that a run may take."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from cnxv2_mm.checkpoints import allow_checkpoint_types
from tests.conftest import relative_error
from tests.tools.toy_pictures import CONFIG

STEPS = 4


def read_config(text, work_dir):
    """The config of a run in that folder."""
    file = work_dir.with_suffix(".py")
    file.write_text(text)
    config = Config.fromfile(file)
    config.work_dir = str(work_dir)
    config.experiment_name = f"{work_dir.parent.name}_{work_dir.name}"  # mmengine wants another one for each run
    return config


def settings(work_dir, *, fused, **changes):
    config = read_config(CONFIG, work_dir)
    config.optim_wrapper.optimizer.fused = fused
    config.merge_from_dict({"log_level": "WARNING", "train_cfg.max_iters": STEPS, **changes})
    return config


def train(work_dir, **options):
    runner = Runner.from_cfg(settings(work_dir, **options))
    runner.train()
    return runner


def read(file):
    allow_checkpoint_types()
    return torch.load(file, weights_only=True)


def assert_same_weights(result, expected):
    assert result.keys() == expected.keys()
    for name, value in expected.items():
        assert relative_error(result[name], value) < 1e-5, name


WAYS = {
    "plain": {},
    "accumulated": {"optim_wrapper.accumulative_counts": 2},
    "clipped": {"optim_wrapper.clip_grad": {"max_norm": 0.1}},
    "averaged": {"custom_hooks": [{"type": "EMAHook", "momentum": 0.3}]},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_has_the_weights_of_an_unfused_one(way, tmp_path):
    """With layer decay, as in the recipes: several groups, the first one without parameters."""
    ours = train(tmp_path / "fused", fused=True, **WAYS[way])
    expected = train(tmp_path / "unfused", fused=False, **WAYS[way])
    assert all(group["fused"] for group in ours.optim_wrapper.optimizer.param_groups)
    assert_same_weights(ours.model.state_dict(), expected.model.state_dict())
    if way == "averaged":
        averages = [
            next(hook for hook in runner.hooks if isinstance(hook, EMAHook)).ema_model.state_dict()
            for runner in (ours, expected)
        ]
        assert_same_weights(*averages)


@pytest.mark.parametrize("old", [None, False])
def test_a_checkpoint_of_an_unfused_run_resumes_fused(old, tmp_path):
    """What was written before the recipes had ``fused=True``, or by a config that has it not."""
    expected = train(tmp_path / "unfused", fused=old)
    checkpoint = tmp_path / "unfused" / "iter_2.pth"
    assert {group["fused"] for group in read(checkpoint)["optimizer"]["param_groups"]} == {old}
    resumed = train(tmp_path / "resumed", fused=True, resume=True, load_from=str(checkpoint))
    assert all(group["fused"] is True for group in resumed.optim_wrapper.optimizer.param_groups)
    assert_same_weights(resumed.model.state_dict(), expected.model.state_dict())
    # And back: a config without it goes on from what the fused run has written.
    back = train(tmp_path / "back", fused=old, resume=True, load_from=str(tmp_path / "resumed" / "iter_3.pth"))
    assert {group["fused"] for group in back.optim_wrapper.optimizer.param_groups} == {old}
    assert_same_weights(back.model.state_dict(), expected.model.state_dict())


class ScaledWrapper(OptimWrapper):
    """What mmengine's ``AmpOptimWrapper`` does with its scaler, on the CPU: unscale if it clips, step, update."""

    loss_scaler: torch.amp.GradScaler

    def step(self, **kwargs):
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update()

    def backward(self, loss, **kwargs):
        self.loss_scaler.scale(loss).backward(**kwargs)
        self._inner_count += 1


def test_under_loss_scaling_a_loaded_state_keeps_the_step_fused(tmp_path):
    """Without it, PyTorch's unfused step would be handed the scale, and refuse it."""
    state = read_state_of_unfused(tmp_path)
    runner = Runner.from_cfg(settings(tmp_path / "scaled", fused=True))
    wrapper = runner.build_optim_wrapper(runner.cfg.optim_wrapper)
    wrapper.load_state_dict(copy.deepcopy(state))
    scaled = ScaledWrapper(wrapper.optimizer)
    scaled.loss_scaler = torch.amp.GradScaler("cpu", init_scale=512.0)
    before = copy.deepcopy(runner.model.state_dict())
    scaled.update_params(sum(p.square().sum() for p in runner.model.parameters()))
    moved = [name for name, value in runner.model.state_dict().items() if not torch.equal(value, before[name])]
    assert moved
    # The gradient of a sum of squares is twice the number; a scaled one would show in the moments.
    parameter = wrapper.optimizer.param_groups[1]["params"][0]
    names = {id(p): name for name, p in runner.model.named_parameters()}
    old = state["state"][next(i for i, p in enumerate(all_parameters(wrapper)) if p is parameter)]["exp_avg"]
    expected = 0.9 * old + 0.1 * 2 * before[names[id(parameter)]]
    assert relative_error(wrapper.optimizer.state[parameter]["exp_avg"], expected) < 1e-5


def all_parameters(wrapper):
    return [p for group in wrapper.optimizer.param_groups for p in group["params"]]


def read_state_of_unfused(tmp_path):
    train(tmp_path / "unfused", fused=False)
    return read(tmp_path / "unfused" / "iter_2.pth")["optimizer"]
