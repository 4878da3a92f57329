"""A loss that is not finite ends a real training, with its cause, and checkpoints stay good."""

import json
import re
import subprocess
import sys

import pytest
import tifffile
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper

from cnxv2_mm.checkpoints import allow_checkpoint_types
from cnxv2_mm.training.finite_check import FiniteCheckHook
from cnxv2_mm.training.runner import build_runner
from tests.test_structure import ROOT
from tests.tools.conftest import CONFIG as DIGITS
from tests.tools.conftest import load_tool
from tests.tools.toy_folder import write_config, write_folder

run_training = load_tool("train").main


def digits(tmp_path, **changes):
    """A runner of eight steps, four to a checkpoint, of which one is kept."""
    file = tmp_path / "toy.py"
    file.write_text(DIGITS)
    config = Config.fromfile(file)
    options = {
        "work_dir": str(tmp_path / "run"),
        "train_cfg.max_iters": 8,
        "train_cfg.val_interval": 100,
        "default_hooks.checkpoint.interval": 4,
        "default_hooks.checkpoint.max_keep_ckpts": 1,
        "experiment_name": re.sub(r"\W", "_", str(tmp_path)),
    }
    config.merge_from_dict({**options, **changes})
    return build_runner(config)


def saved(folder):
    """Every checkpoint of a folder, each of finite weights."""
    allow_checkpoint_types()
    files = sorted(folder.glob("*.pth"))
    for file in files:
        weights = torch.load(file, weights_only=True)["state_dict"]
        assert all(tensor.isfinite().all() for tensor in weights.values())
    return [file.name for file in files]


class At(Hook):
    """Calls a function in front of the given steps, counted from 1."""

    priority = "VERY_HIGH"

    def __init__(self, steps, action):
        self.steps, self.action = steps, action

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter + 1 in self.steps:
            self.action(runner, data_batch)


def poison_weights(runner, data_batch):
    runner.model.fc.weight.data[3, 2] = float("inf")


def poison_images(runner, data_batch):
    data_batch["inputs"][1, 0, 2, 2] = float("nan")


def test_one_nan_pixel_ends_a_training_with_the_names_of_the_files(tmp_path):
    """The tenth of twelve images, four a step: step 3 of the first epoch."""
    images = write_folder(tmp_path / "images")
    broken = tifffile.imread(images / "09.tiff")
    broken[17, 5, 1] = float("nan")
    tifffile.imwrite(images / "09.tiff", broken, photometric="rgb")
    with pytest.raises(FloatingPointError) as error:
        run_training([str(write_config(tmp_path, images)), "--work-dir", str(tmp_path / "run")])
    text = str(error.value)
    assert "\n" not in text
    assert "step 3: loss=nan" in text
    assert f"not finite in {images / '09.tiff'}:" in text
    assert text.endswith(f"Report with the files of the batch: {tmp_path / 'run' / 'nonfinite_step_3.json'}")
    report = json.loads((tmp_path / "run" / "nonfinite_step_3.json").read_text())
    assert report == {
        "step": 3,
        "process": 0,
        "losses": {"loss": "nan"},
        "learning_rate": 1e-3,
        "first_module": "data_preprocessor (ClsDataPreprocessor)",
        "cause": "its input is not finite either",
        "files": [str(images / f"{i:02d}.tiff") for i in (8, 9, 10, 11)],
        "files_not_finite": [str(images / "09.tiff")],
    }
    assert saved(tmp_path / "run") == []


def test_a_deviation_of_zero_in_the_preprocessor(tmp_path):
    config = write_config(tmp_path, write_folder(tmp_path / "images", 4))
    options = ["--cfg-options", "model.data_preprocessor.std=[1.0,0.0,1.0]"]
    with pytest.raises(FloatingPointError, match=r"step 1: loss=nan\. .*: data_preprocessor .* Look at "):
        run_training([str(config), "--work-dir", str(tmp_path / "run"), *options])
    report = json.loads((tmp_path / "run" / "nonfinite_step_1.json").read_text())
    assert report["files"][0].endswith("00.tiff")


def test_good_checkpoints_stay_when_a_later_loss_is_not_finite(tmp_path):
    runner = digits(tmp_path)
    runner.register_hook(At([6], poison_images))
    with pytest.raises(FloatingPointError, match=r"step 6: loss=nan\. .*The input itself .*image 2 of the batch"):
        runner.train()
    assert saved(tmp_path / "run") == ["iter_4.pth"]


def test_a_learning_rate_beyond_all_bounds(tmp_path):
    runner = digits(tmp_path, **{"optim_wrapper.optimizer": {"type": "SGD", "lr": 1e30}})
    with pytest.raises(FloatingPointError, match=r"lr=1e\+30"):
        runner.train()
    assert saved(tmp_path / "run") == []


@pytest.mark.parametrize("by_epoch", [False, True])
def test_weights_that_the_last_step_spoilt_replace_no_checkpoint(tmp_path, by_epoch):
    """Its own loss is still finite: the gradient alone overflows, in the step after which the checkpoint is due."""
    interval = 1 if by_epoch else 4
    hook = {"type": "CheckpointHook", "by_epoch": by_epoch, "interval": interval, "max_keep_ckpts": 1}
    changes = {"default_hooks.checkpoint": hook}
    if by_epoch:
        changes["train_cfg"] = {"_delete_": True, "by_epoch": True, "max_epochs": 2}
        changes["train_dataloader.sampler"] = {"_delete_": True, "type": "DefaultSampler", "shuffle": False}
    runner = digits(tmp_path, **changes)

    def overflow(runner, data_batch):
        runner.model.fc.weight.register_hook(lambda gradient: gradient * float("inf"))

    runner.register_hook(At([8], overflow))
    with pytest.raises(FloatingPointError, match=r"the model after step 8 has 1 tensors .*\(fc\.weight\)"):
        runner.train()
    assert saved(tmp_path / "run") == (["epoch_1.pth"] if by_epoch else ["iter_4.pth"])


def test_no_score_is_taken_of_weights_that_are_not_finite(tmp_path):
    runner = digits(tmp_path, **{"train_cfg.val_interval": 3})

    def overflow(runner, data_batch):
        runner.model.conv.bias.register_hook(lambda gradient: gradient * float("nan"))

    runner.register_hook(At([3], overflow))
    with pytest.raises(FloatingPointError, match=r"\(conv\.bias\)"):
        runner.train()


def test_whoever_saves_is_stopped(tmp_path):
    runner = digits(tmp_path)

    def save(runner, data_batch):
        poison_weights(runner, data_batch)
        runner.save_checkpoint(str(tmp_path / "run"), "mine.pth")

    runner.register_hook(At([2], save))
    with pytest.raises(FloatingPointError, match=r"the checkpoint's state_dict .*fc\.weight"):
        runner.train()
    assert saved(tmp_path / "run") == []


def test_what_is_infinite_by_design_is_let_alone(tmp_path):
    runner = digits(tmp_path)
    runner.model.register_buffer("mask", torch.tensor([0.0, float("-inf")]))
    runner.train()
    assert (tmp_path / "run" / "iter_8.pth").exists()


class ScaledSteps(OptimWrapper):
    """Loss scaling without a GPU: as GradScaler does, it takes no step whose gradients are not finite."""

    loss_scaler = torch.amp.GradScaler("cpu")

    def step(self, **kwargs):
        gradients = [p.grad for group in self.optimizer.param_groups for p in group["params"]]
        if all(gradient.isfinite().all() for gradient in gradients):
            super().step(**kwargs)


@pytest.mark.parametrize(("steps", "last"), [((2, 4, 5, 6, 7, 8), 8), ((2, 3, 4, 5, 6, 7), 7)])
def test_loss_scaling_may_skip_five_steps_in_a_row(tmp_path, steps, last):
    runner = digits(tmp_path)
    runner.optim_wrapper = ScaledSteps(torch.optim.SGD(runner.model.parameters(), lr=0.1))
    runner.register_hook(At(steps, poison_images))
    if last == 8:  # one, then five
        runner.train()
        assert saved(tmp_path / "run") == ["iter_8.pth"]
    else:
        with pytest.raises(FloatingPointError, match="step 7: loss=nan"):
            runner.train()
    log = next((tmp_path / "run").glob("*/*.log")).read_text()
    assert "step 2: loss=nan; loss scaling skips the step (1 in a row, 5 are allowed)" in log


def test_a_scaler_that_is_switched_off_skips_nothing(tmp_path):
    """bfloat16 has ``loss_scale=dict(enabled=False)``: its first such step makes the weights NaN."""
    runner = digits(tmp_path)
    runner.optim_wrapper = ScaledSteps(torch.optim.SGD(runner.model.parameters(), lr=0.1))
    runner.optim_wrapper.loss_scaler = torch.amp.GradScaler("cpu", enabled=False)
    runner.register_hook(At([2], poison_images))
    with pytest.raises(FloatingPointError, match="step 2: loss=nan"):
        runner.train()


def test_a_config_may_name_the_hook_itself(tmp_path):
    runner = digits(tmp_path, custom_hooks=[{"type": "cnxv2_mm.FiniteCheckHook"}])
    assert sum(isinstance(hook, FiniteCheckHook) for hook in runner.hooks) == 1


TWO = """
import sys
import torch.distributed as torch_dist
from mmengine.config import Config
from cnxv2_mm import command_line
from cnxv2_mm.training.runner import build_runner
from tests.training.test_finite_check import At, poison_images

file, rank, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def main():
    torch_dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    config = Config.fromfile(file)
    config.merge_from_dict({
        "launcher": "pytorch", "work_dir": folder, "train_cfg.max_iters": 30, "train_cfg.val_interval": 100,
        "default_hooks.checkpoint.interval": 12, "model_wrapper_cfg.device_ids": None,
        "model_wrapper_cfg.type": "MMDistributedDataParallel"})
    runner = build_runner(config)
    if rank == 1:
        runner.register_hook(At([11], poison_images))
    try:
        runner.train()
    finally:
        print(runner.iter + 1)

command_line.run("train", main)
"""


def test_two_processes_stop_together(tmp_path):
    """The second one meets a NaN in step 11; both know it before the checkpoint of step 12."""
    config = tmp_path / "toy.py"
    config.write_text(DIGITS)
    program = tmp_path / "two.py"
    program.write_text(TWO)
    command = [sys.executable, str(program), str(config)]
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "LOCAL_RANK": "0", "CUDA_VISIBLE_DEVICES": ""}
    environment["WORLD_SIZE"] = "2"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([*command, str(rank), str(tmp_path)], env=environment, **pipes) for rank in (0, 1)]
    outputs = [process.communicate(timeout=100) for process in processes]
    assert [process.returncode for process in processes] == [1, 1], outputs
    for output, errors in outputs:
        assert output.splitlines()[-1] == "12"
        line = errors.splitlines()[-2]
        assert line.startswith("train: the loss is not finite any more: step 11: loss=nan. First module ")
        assert line.endswith(str(tmp_path / "nonfinite_step_11.json"))
    report = json.loads((tmp_path / "nonfinite_step_11.json").read_text())
    assert (report["process"], report["first_module"]) == (1, "data_preprocessor (BaseDataPreprocessor)")
    assert not (tmp_path / "iter_12.pth").exists()
