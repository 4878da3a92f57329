"""Several processes: the same gradients and weights as one, checkpoints that resume on any number, and the scripts.

The oracle of every number is one process that sees the whole batch.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cnxv2_mm.checkpoints import allow_checkpoint_types
from cnxv2_mm.training.cpu_processes import FSDP_NEEDS_TORCH, torch_version
from tests.conftest import relative_error
from tests.test_structure import ROOT
from tests.tools.conftest import CONFIG as DIGITS
from tests.tools.toy_augmented import CONFIG as AUGMENTED
from tests.tools.toy_pictures import CONFIG

TOOLS = ROOT / "tools"


def run_script(name, *arguments, **environment):
    """A script as users start it, the interpreter being the one of the tests."""
    keep = {k: v for k, v in os.environ.items() if k not in ("NNODES", "NODE_RANK", "MASTER_ADDR", "PORT", "GPUS")}
    return subprocess.run(
        ["bash", str(TOOLS / name), *map(str, arguments)],
        env={**keep, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def run_two(config, work_dir, *arguments):
    """Two processes, each with half the batch."""
    options = ["--cfg-options", "train_dataloader.batch_size=4"]
    result = run_script("dist_train.sh", config, 2, "--work-dir", work_dir, *arguments, *options)
    assert result.returncode == 0, result.stderr[-4000:]


def read(checkpoint):
    allow_checkpoint_types()
    return torch.load(checkpoint, weights_only=True)


def largest_differences(result, expected):
    """Of the weights, and of the optimiser's first moments, which after one step are the gradients times 0.1."""
    assert result["state_dict"].keys() == expected["state_dict"].keys()
    weights = max(relative_error(result["state_dict"][k], v) for k, v in expected["state_dict"].items())
    moments, expected_moments = result["optimizer"]["state"], expected["optimizer"]["state"]
    assert moments.keys() == expected_moments.keys()
    return weights, max(relative_error(moments[i]["exp_avg"], s["exp_avg"]) for i, s in expected_moments.items())


def assert_same(result, expected):
    weights, moments = largest_differences(read(result), read(expected))
    assert moments < 2e-5
    # AdamW divides by the size of the gradient, so that tiny gradients amplify rounding.
    assert weights < 1e-4


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    file = tmp_path_factory.mktemp("pictures") / "toy.py"
    file.write_text(CONFIG)
    return file


@pytest.fixture(scope="module")
def alone(pictures, run_training):
    """The folder of one process that trained four steps with batches of eight."""
    work_dir = pictures.parent / "alone"
    run_training([str(pictures), "--work-dir", str(work_dir)])
    return work_dir


def test_two_processes_have_the_gradients_and_weights_of_one_and_one_resumes_them(pictures, alone, run_training):
    two = pictures.parent / "two"
    run_two(pictures, two, "--auto-scale-lr")  # 2 processes x 4 images are the config's base batch of 8: a factor of 1
    for step in range(1, 5):
        assert_same(two / f"iter_{step}.pth", alone / f"iter_{step}.pth")
    resumed = pictures.parent / "two_then_one"
    run_training([str(pictures), "--work-dir", str(resumed), "--resume", str(two / "iter_2.pth")])
    assert_same(resumed / "iter_4.pth", alone / "iter_4.pth")
    (log,) = resumed.glob("*/*.log")
    assert "The checkpoint is of 2 processes and this run has 1" in log.read_text()


def test_two_processes_resume_two_with_the_random_numbers_of_each(tmp_path):
    config = tmp_path / "augmented.py"
    config.write_text(AUGMENTED.replace("by_epoch=False, interval=3", "by_epoch=False, interval=4"))
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    run_two(config, whole, "--no-validate")
    run_two(config, resumed, "--no-validate", "--resume", whole / "iter_4.pth")
    ranks = [(whole / f"steps_{rank}.txt").read_text().splitlines() for rank in (0, 1)]
    assert [(resumed / f"steps_{rank}.txt").read_text().splitlines() for rank in (0, 1)] == [r[4:] for r in ranks]
    assert not set(ranks[0]) & set(ranks[1])
    result, expected = read(resumed / "iter_7.pth"), read(whole / "iter_7.pth")
    assert all(torch.equal(value, expected["state_dict"][name]) for name, value in result["state_dict"].items())


def test_two_processes_resume_one(pictures, alone):
    resumed = pictures.parent / "one_then_two"
    run_two(pictures, resumed, "--resume", alone / "iter_2.pth")
    assert not (resumed / "iter_2.pth").exists()
    assert_same(resumed / "iter_4.pth", alone / "iter_4.pth")


def test_fsdp_trains_as_one_process_does_and_its_checkpoints_are_the_same(pictures, alone, run_training):
    """Resumes one process, with layer decay and activation checkpointing, and is resumed by one process."""
    config = pictures.parent / "fsdp.py"
    base = f'_base_ = ["{ROOT}/configs/_base_/fsdp.py"]\n'
    config.write_text(base + CONFIG + 'custom_hooks = [dict(type="ReportSharding")]\n')
    sharded = pictures.parent / "fsdp"
    if torch_version() < FSDP_NEEDS_TORCH:  # in `make test-lowest`: it would crash, and is refused
        with pytest.raises(AssertionError, match="crashes when FSDP saves a checkpoint on CPUs: install torch"):
            run_two(config, sharded)
        return
    run_two(config, sharded, "--resume", alone / "iter_2.pth")
    assert_same(sharded / "iter_3.pth", alone / "iter_3.pth")
    assert_same(sharded / "iter_4.pth", alone / "iter_4.pth")
    stored, expected = (read(d / "iter_4.pth")["optimizer"] for d in (sharded, alone))
    assert stored["param_groups"] == expected["param_groups"]

    reports = [json.loads((sharded / f"sharding_{rank}.json").read_text()) for rank in (0, 1)]
    blocks = 1 + 1 + 2 + 1 + 1  # stages and decoder
    for report in reports:
        assert report["CheckpointWrapper"] == report["ConvNeXtV2Block"] == blocks
        assert report["FullyShardedDataParallel"] + report["MMFullyShardedDataParallel"] == blocks + 1
    parameters = sum(v.numel() for v in read(alone / "iter_4.pth")["state_dict"].values())
    held = [report["numbers"] for report in reports]
    assert sum(held) == parameters
    assert max(held) < 0.51 * parameters

    resumed = pictures.parent / "fsdp_then_one"
    run_training([str(pictures), "--work-dir", str(resumed), "--resume", str(sharded / "iter_3.pth")])
    assert_same(resumed / "iter_4.pth", alone / "iter_4.pth")


@pytest.mark.parametrize(("target", "sharded"), [("loss", False), ("blocks", True)])
def test_two_processes_that_compile_have_the_gradients_and_weights_of_one(target, sharded, pictures, alone):
    """Distributed data parallelism and FSDP around what is compiled; its operators are PyTorch's own."""
    if sharded and torch_version() < FSDP_NEEDS_TORCH:
        return
    two = pictures.parent / f"compiled_{target}"
    config = two.with_suffix(".py")
    base = f'_base_ = ["{ROOT}/configs/_base_/fsdp.py"]\n' if sharded else ""
    keys = f'compile = dict(target="{target}", backend="aot_eager")\ncustom_hooks = [dict(type="ReportCompiled")]\n'
    config.write_text(base + CONFIG + keys)
    run_two(config, two)
    for step in (1, 4):
        assert_same(two / f"iter_{step}.pth", alone / f"iter_{step}.pth")
    # Four stages and the decoder, or what DDP makes of one graph, whose masks come from the samples.
    graphs = [int((two / f"graphs_{rank}.txt").read_text()) for rank in (0, 1)]
    assert min(graphs) >= (5 if sharded else 1)


def test_two_processes_test_as_one(config, run_training, run_test, tmp_path):
    config.write_text(DIGITS)
    run_training([str(config), "--work-dir", str(tmp_path / "run")])
    checkpoint = str(tmp_path / "run" / "iter_4.pth")
    metrics = run_test([str(config), checkpoint, "--work-dir", str(tmp_path / "one")])
    result = run_script("dist_test.sh", config, checkpoint, 2, "--work-dir", tmp_path / "two")
    assert result.returncode == 0, result.stderr[-4000:]
    (log,) = (tmp_path / "two").glob("*/*.log")
    assert f"digits/accuracy: {metrics['digits/accuracy']:.4f}  digits/count: 32" in log.read_text()


@pytest.fixture
def recorder(tmp_path):
    """A command that writes its arguments and the environment that matters into a file, and the folder it is in."""
    command = tmp_path / "bin" / "srun"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\n{{ printf "%s\\n" "$@"; echo "MASTER_PORT=$MASTER_PORT"; }} > {tmp_path}/said\n')
    command.chmod(0o755)
    return command


def said(recorder: Path):
    return (recorder.parents[1] / "said").read_text().splitlines()


def test_several_machines(recorder):
    result = run_script("dist_train.sh", "c.py", 8, NNODES="2", PYTHON=str(recorder))
    assert result.returncode == 2
    assert "MASTER_ADDR" in result.stderr
    place = {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "10.0.0.1", "PORT": "4321"}
    assert run_script("dist_train.sh", "c.py", 8, "--amp", PYTHON=str(recorder), **place).returncode == 0
    where = ["--nnodes=2", "--nproc_per_node=8", "--node_rank=1", "--master_addr=10.0.0.1", "--master_port=4321"]
    arguments = ["-m", "torch.distributed.run", *where, f"{TOOLS}/train.py", "c.py", "--amp", "--launcher", "pytorch"]
    assert said(recorder)[:-1] == arguments
    assert run_script("dist_test.sh", "c.py", "c.pth", 4, "--tta", PYTHON=str(recorder)).returncode == 0
    arguments = ["--standalone", f"{TOOLS}/test.py", "c.py", "c.pth", "--tta", "--launcher", "pytorch"]
    assert said(recorder)[4:-1] == arguments


def test_slurm(recorder):
    environment = {"PATH": f"{recorder.parent}:{os.environ['PATH']}", "PYTHON": "python3.11", "PORT": "1234"}
    arguments = ["part", "job", "c.py", "work dir", "--amp"]
    options = {"GPUS": "16", "CPUS_PER_TASK": "12", "SRUN_ARGS": "--exclude=n1 --time=5"}
    result = run_script("slurm_train.sh", *arguments, **environment, **options)
    assert result.returncode == 0, result.stderr
    assert said(recorder) == [
        *("--partition=part", "--job-name=job", "--gres=gpu:8", "--ntasks=16", "--ntasks-per-node=8"),
        *("--cpus-per-task=12", "--kill-on-bad-exit=1", "--exclude=n1", "--time=5"),
        *("python3.11", "-u", f"{TOOLS}/train.py", "c.py", "--work-dir", "work dir", "--launcher", "slurm", "--amp"),
        "MASTER_PORT=1234",
    ]
    # One machine with fewer GPUs than usual; a number that no set of equal machines has.
    run_script("slurm_train.sh", *arguments, **environment, GPUS="4")
    assert said(recorder)[2:5] == ["--gres=gpu:4", "--ntasks=4", "--ntasks-per-node=4"]
    assert "not a multiple" in run_script("slurm_train.sh", *arguments, **environment, GPUS="12").stderr


@pytest.mark.parametrize("script", ["dist_train.sh", "dist_test.sh", "slurm_train.sh"])
def test_a_script_without_arguments_says_how_to_use_it(script):
    result = run_script(script)
    assert result.returncode == 2
    assert result.stderr.startswith(f"usage: bash tools/{script}")
