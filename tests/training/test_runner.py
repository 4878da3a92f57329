"""What every run has, whatever its config says, and its end. Each part has its own tests beside this file."""

import multiprocessing

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import FlexibleRunner, Runner

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
