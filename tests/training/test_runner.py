"""What every run has, whatever its config says, and its end. Each part has its own tests beside this file."""

import multiprocessing
import time

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.runner import FlexibleRunner, Runner
from mmengine.visualization import Visualizer

from cnxv2_mm.training.data_check.samples import CheckedPipeline
from cnxv2_mm.training.finite_check import FiniteCheckHook
from cnxv2_mm.training.runner import build_runner, leave_processes, train
from cnxv2_mm.training.saving import WholeCheckpointHook
from cnxv2_mm.training.seeding import SeedSteps
from tests.tools.toy_folder import write_config, write_folder


@pytest.fixture
def config(tmp_path):
    file = write_config(tmp_path, write_folder(tmp_path / "images", 4))
    config = Config.fromfile(file)
    config.work_dir = str(tmp_path / "run")
    return config


def test_a_runner_has_our_checks_and_mmengines_class(config):
    runner = build_runner(config)
    assert type(runner) is Runner
    kinds = [type(hook) for hook in runner.hooks]
    assert all(kinds.count(kind) == 1 for kind in (FiniteCheckHook, WholeCheckpointHook, SeedSteps))
    loader = runner.build_dataloader(runner._train_dataloader)
    assert isinstance(loader.dataset.pipeline, CheckedPipeline)


def test_another_runner_may_be_named(config):
    """By ``runner_type``, which mmengine's ``from_cfg`` does not read; ``env_cfg`` need not be there."""
    config.runner_type = "FlexibleRunner"
    assert "env_cfg" not in config
    runner = build_runner(config)
    assert type(runner) is FlexibleRunner
    assert any(isinstance(hook, FiniteCheckHook) for hook in runner.hooks)


@pytest.mark.parametrize("visualizer", [None, {"type": "Visualizer", "name": "visualizer"}])
def test_runs_of_one_second_do_not_share_what_mmengine_keeps_by_name(config, tmp_path, monkeypatch, visualizer):
    """By its name mmengine would give the second run the log file, the numbers and the scope of the first."""
    now = time.localtime()
    monkeypatch.setattr(time, "localtime", lambda seconds=None: now)
    Visualizer.get_instance("a user's")
    config.model = {"type": "torch.nn.Identity"}
    runners = []
    for scope in ("mmpretrain", "mmengine"):
        config.update(work_dir=str(tmp_path / scope), default_scope=scope)
        if visualizer is not None:
            config.visualizer = {**visualizer, "vis_backends": [{"type": "LocalVisBackend"}]}
        runners.append(build_runner(config))
        runners[-1].message_hub.update_info("scope", scope)
        runners[-1].visualizer.add_scalar("number", 1.0)
        runners[-1].logger.info("from %s", scope)
    first, second = runners
    assert first.experiment_name == second.experiment_name
    for run, scope in zip(runners, ("mmpretrain", "mmengine"), strict=True):
        (log,) = (tmp_path / scope).glob("*/*.log")
        assert f"from {scope}" in log.read_text()
        assert len(next((tmp_path / scope).glob("*/vis_data/scalars.json")).read_text().splitlines()) == 1
        assert run.message_hub.get_info("scope") == scope
        assert run.default_scope.scope_name == scope
    assert DefaultScope.get_current_instance() is second.default_scope
    for kind, own in ((MMLogger, second.logger), (MessageHub, second.message_hub), (Visualizer, second.visualizer)):
        assert kind.get_current_instance() is own
    assert Visualizer.check_instance_created("a user's")


def test_the_processes_of_a_run_part(tmp_path):
    leave_processes()  # one process that has joined nobody
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    leave_processes()
    assert not torch.distributed.is_initialized()


def test_the_processes_that_load_data_end_with_the_training(config):
    config.train_dataloader.update(num_workers=1, persistent_workers=True)
    config.train_cfg = {"by_epoch": False, "max_iters": 2}
    before = set(multiprocessing.active_children())
    runner = train(config)
    assert runner.iter == 2
    assert set(multiprocessing.active_children()) <= before
