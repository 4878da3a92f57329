"""Real trainings by ``tools/train.py``, and what it says about wrong input before they start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from cnxv2_mm.checkpoints import allow_checkpoint_types
from cnxv2_mm.checkpoints.files import TRUST
from tests.checkpoints.hostile import write_hostile
from tests.tools.toy_digits import DigitClassifier
from tests.tools.toy_folder import write_config, write_folder


def read(checkpoint):
    """A checkpoint of mmengine under torch's restricted unpickling."""
    allow_checkpoint_types()
    return torch.load(checkpoint, weights_only=True)


def optimizer_steps(checkpoint):
    """AdamW counts its steps per parameter."""
    return {int(state["step"]) for state in checkpoint["optimizer"]["state"].values()}


def test_trains_and_resumes_where_it_stopped(run_training, config, tmp_path):
    work_dir = tmp_path / "run"
    run_training([str(config), "--work-dir", str(work_dir)])
    first = read(work_dir / "iter_4.pth")
    assert first["meta"]["iter"] == 4

    run_training([str(config), "--work-dir", str(work_dir), "--resume", "--cfg-options", "train_cfg.max_iters=6"])
    resumed = read(work_dir / "iter_6.pth")
    assert resumed["meta"]["iter"] == 6
    assert optimizer_steps(resumed) == {6}

    # By name, into another folder; one more step than the file has.
    other = tmp_path / "other"
    options = ["--cfg-options", "train_cfg.max_iters=5", "default_hooks.checkpoint.interval=1"]
    run_training([str(config), "--work-dir", str(other), "--resume", str(work_dir / "iter_4.pth"), *options])
    assert optimizer_steps(read(other / "iter_5.pth")) == {5}
    assert not (other / "iter_4.pth").exists()


def test_resume_follows_a_moved_folder_and_starts_afresh_in_an_empty_one(run_training, config, tmp_path):
    run_training([str(config), "--work-dir", str(tmp_path / "run"), "--resume", "auto"])
    assert optimizer_steps(read(tmp_path / "run" / "iter_4.pth")) == {4}
    (tmp_path / "run").rename(tmp_path / "moved")
    options = ["--cfg-options", "train_cfg.max_iters=6"]
    run_training([str(config), "--work-dir", str(tmp_path / "moved"), "--resume", "auto", *options])
    assert optimizer_steps(read(tmp_path / "moved" / "iter_6.pth")) == {6}


def test_a_folder_with_checkpoints_is_not_trained_in_again_unasked(run_training, config, tmp_path):
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--cfg-options"]
    run_training([*arguments, "train_cfg.max_iters=2"])
    first = (tmp_path / "run" / "iter_2.pth").read_bytes()
    with pytest.raises(ValueError, match=r"--resume, give another --work-dir, or start over with --overwrite"):
        run_training([*arguments, "train_cfg.max_iters=2"])
    assert (tmp_path / "run" / "iter_2.pth").read_bytes() == first
    # A kill has left the note of the last checkpoint empty; the config asks to resume, as mmengine's own do.
    (tmp_path / "run" / "last_checkpoint").write_text("")
    run_training([*arguments, "train_cfg.max_iters=3", "resume=True"])
    assert optimizer_steps(read(tmp_path / "run" / "iter_3.pth")) == {3}
    run_training([*arguments, "train_cfg.max_iters=1", "--overwrite"])
    assert optimizer_steps(read(tmp_path / "run" / "iter_1.pth")) == {1}


@pytest.mark.parametrize("entrance", ["--resume={}", "--cfg-options=load_from={}"])
def test_a_checkpoint_that_runs_code_is_refused(entrance, run_training, config, tmp_path, monkeypatch):
    monkeypatch.setenv(TRUST, "0")
    state = DigitClassifier().state_dict()
    hub = {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}}
    hostile, trace = write_hostile(tmp_path, state_dict=state, message_hub=hub, meta={"epoch": 0, "iter": 1})
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), entrance.format(hostile)]
    with pytest.raises(ValueError, match=r"hostile\.pth' holds more than tensors.*--trust-pickle"):
        run_training(arguments)
    assert not trace.exists()
    run_training([*arguments[:3], "--trust-pickle", arguments[3]])
    assert trace.exists()


def test_options_change_the_config_and_validation_can_be_dropped(run_training, config, tmp_path):
    work_dir = tmp_path / "run"
    options = ["model.width=3", "optim_wrapper.optimizer.lr=0.5", "train_cfg.max_iters=2"]
    run_training([str(config), "--work-dir", str(work_dir), "--no-validate", "--cfg-options", *options])
    checkpoint = read(work_dir / "iter_2.pth")
    assert checkpoint["state_dict"]["conv.weight"].shape[0] == 3
    assert [group["lr"] for group in checkpoint["optimizer"]["param_groups"]] == [0.5]
    written = Config.fromfile(work_dir / "toy.py")
    assert written.val_dataloader is None
    assert written.val_cfg is None


def test_amp_on_the_cpu_computes_in_bfloat16_and_keeps_float32_weights(run_training, config, tmp_path):
    DigitClassifier.output_dtypes.clear()
    run_training([str(config), "--work-dir", str(tmp_path / "plain"), "--no-validate"])
    assert set(DigitClassifier.output_dtypes) == {torch.float32}

    DigitClassifier.output_dtypes.clear()
    run_training([str(config), "--work-dir", str(tmp_path / "amp"), "--no-validate", "--amp"])
    assert set(DigitClassifier.output_dtypes) == {torch.bfloat16}
    weights = read(tmp_path / "amp" / "iter_4.pth")["state_dict"]
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    plain = read(tmp_path / "plain" / "iter_4.pth")["state_dict"]
    assert any(not torch.equal(plain[name], weights[name]) for name in weights)

    # A config that asks for mixed precision by itself works too, whatever its data type and loss scale.
    wrapper = [f"optim_wrapper.{key}" for key in ("type=AmpOptimWrapper", "dtype=float16", "loss_scale=dynamic")]
    with pytest.raises(ValueError, match="add --amp"):
        run_training([str(config), "--work-dir", str(tmp_path / "gpu"), "--cfg-options", *wrapper])
    run_training([str(config), "--work-dir", str(tmp_path / "cpu"), "--amp", "--cfg-options", *wrapper])
    assert (tmp_path / "cpu" / "iter_4.pth").exists()


def test_auto_scale_lr_scales_by_the_batch(run_training, config, tmp_path):
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--auto-scale-lr"]
    with pytest.raises(ValueError, match=r"auto_scale_lr\.base_batch_size=32"):
        run_training(arguments)
    run_training([*arguments, "--cfg-options", "auto_scale_lr.base_batch_size=32"])
    groups = read(tmp_path / "run" / "iter_4.pth")["optimizer"]["param_groups"]
    # lr * batch / base batch = 1e-3 * 8 / 32.
    assert [group["lr"] for group in groups] == pytest.approx([1e-3 * 8 / 32])


def test_what_is_missing_is_named_before_anything_is_built(run_training, config, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config .*absent\.py"):
        run_training([str(tmp_path / "absent.py")])
    with pytest.raises(FileNotFoundError, match=r"checkpoint .*absent\.pth"):
        run_training([str(config), "--work-dir", str(tmp_path / "run"), "--resume", str(tmp_path / "absent.pth")])
    options = ["--cfg-options", "train_dataloader.dataset.data_root=no/such/folder"]
    with pytest.raises(FileNotFoundError, match=r"train_dataloader\.dataset: DigitScans needs no/such/folder"):
        run_training([str(config), "--work-dir", str(tmp_path / "run"), *options])
    with pytest.raises(ValueError, match=r"toy\.py: mmengine reads no 'randomnes', did you mean 'randomness'"):
        run_training([str(config), "--work-dir", str(tmp_path / "run"), "--cfg-options", "randomnes.seed=1"])
    assert not (tmp_path / "run").exists()


def test_what_the_data_check_remarks_is_in_the_log(run_training, tmp_path):
    images = write_folder(tmp_path / "images", 4)
    (images / "extra.webp").touch()
    config = write_config(tmp_path, images)
    options = ["--cfg-options", "train_cfg.max_epochs=1"]
    run_training([str(config), "--work-dir", str(tmp_path / "run"), *options])
    (log,) = (tmp_path / "run").glob("*/*.log")
    assert f"WARNING - train_dataloader.dataset: 1 .webp in {images} are left out" in log.read_text()


def test_command_line(config, tmp_path):
    """The command as users type it, from another folder, with the default work folder."""
    tool = Path(__file__).parents[2] / "tools" / "train.py"
    # The toy modules, and this very package even where another copy is installed.
    paths = os.pathsep.join([str(Path(__file__).parent), str(tool.parents[1])])
    result = subprocess.run(
        [sys.executable, str(tool), str(config), "--cfg-options", "train_cfg.max_iters=2"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert optimizer_steps(read(tmp_path / "work_dirs" / "toy" / "iter_2.pth")) == {2}
