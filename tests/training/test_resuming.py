"""Work folders as accidents leave them, and what a run makes of each; tests/tools/test_train.py runs some."""

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from cnxv2_mm.training import resuming
from tests.checkpoints.hostile import write_hostile


def save(path, iteration, **others):
    meta = {"epoch": 0, "iter": iteration, "time": f"20260101_{iteration:06d}", "seed": 11}
    torch.save({"state_dict": {"w": torch.ones(3)}, "optimizer": {}, "meta": meta, **others}, path)


@pytest.fixture
def config(tmp_path):
    """The config of a run that has saved iterations 2, 4 and 10."""
    work_dir = tmp_path / "run"
    work_dir.mkdir()
    for iteration in (2, 4, 10):
        save(work_dir / f"iter_{iteration}.pth", iteration)
    (work_dir / "last_checkpoint").write_text(str(work_dir / "iter_10.pth"))
    hooks = {"checkpoint": {"type": "CheckpointHook", "by_epoch": False}}
    return Config({"work_dir": str(work_dir), "default_hooks": hooks, "load_from": "weights.pth"})


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(resuming, "print_log", lambda text, **options: lines.append(text))
    return lines


def test_the_noted_checkpoint_is_resumed_with_its_seed(config, said):
    (Path(config.work_dir) / "last_checkpoint").write_text(str(Path(config.work_dir) / "iter_4.pth"))
    resuming.resume(config, "auto")
    assert config.load_from == str(Path(config.work_dir) / "iter_4.pth")
    assert config.resume is True
    assert config.randomness.seed == 11
    assert said == []


@pytest.mark.parametrize("note", ["", None, "/other/iter_99.pth"], ids=["empty", "absent", "of another folder"])
def test_without_a_usable_note_the_newest_whole_checkpoint_is_resumed(note, config, said):
    file = Path(config.work_dir) / "last_checkpoint"
    file.unlink() if note is None else file.write_text(note)
    # Half a checkpoint, one of another kind, and copying, which changes the files' times.
    (Path(config.work_dir) / "iter_12.pth").write_bytes((Path(config.work_dir) / "iter_10.pth").read_bytes()[:900])
    save(Path(config.work_dir) / "best_iter_14.pth", 14)
    (Path(config.work_dir) / "iter_2.pth").touch()
    resuming.resume(config, "auto")
    assert Path(config.load_from).name == "iter_10.pth"
    (line,) = said
    assert "taking iter_10.pth, the newest whole checkpoint" in line
    assert (note or "nothing") in line


def test_a_damaged_last_checkpoint_is_said_and_the_one_before_it_resumed(config, said):
    newest = Path(config.work_dir) / "iter_10.pth"
    content = bytearray(newest.read_bytes())
    content[content.index(torch.ones(3).numpy().tobytes())] ^= 1
    newest.write_bytes(content)
    resuming.resume(config, "auto")
    assert Path(config.load_from).name == "iter_4.pth"
    assert "iter_10.pth', which is damaged: taking iter_4.pth" in said[0]


def test_a_copied_folder_resumes_its_own_checkpoint(config):
    copied = Path(config.work_dir).with_name("copied")
    shutil.copytree(config.work_dir, copied)
    config.work_dir = str(copied)
    resuming.resume(config, "auto")
    assert config.load_from == str(copied / "iter_10.pth")


def test_a_folder_without_any_starts_from_the_beginning(config, tmp_path, said):
    config.work_dir = str(tmp_path / "new")
    resuming.resume(config, "auto")
    resuming.check_work_dir(config)
    assert (config.resume, config.load_from) == (False, "weights.pth")
    assert "starts from the beginning" in said[0]


def test_checkpoints_of_an_earlier_run_are_not_overwritten(config):
    with pytest.raises(ValueError, match=r"run has checkpoints .*\(iter_10\.pth, iter_2.*--resume.*--work-dir.*--over"):
        resuming.check_work_dir(config)
    # Nor where none of them can be resumed.
    for path in Path(config.work_dir).iterdir():
        path.write_bytes(b"")
    resuming.resume(config, "auto")
    assert config.resume is False
    with pytest.raises(ValueError, match="--overwrite"):
        resuming.check_work_dir(config)
    # Files with other names are not in the way.
    config.default_hooks.checkpoint = {"type": "CheckpointHook"}
    resuming.check_work_dir(config)


def test_the_checkpoint_hook_says_where_and_under_which_names(config, tmp_path):
    folder = tmp_path / "out" / "run"
    folder.mkdir(parents=True)
    save(folder / "step[1]_3.pth", 3)
    config.default_hooks.checkpoint.update(out_dir=str(tmp_path / "out"), filename_tmpl="step[1]_{}.pth")
    with pytest.raises(ValueError, match=r"out/run has checkpoints"):
        resuming.check_work_dir(config)
    resuming.resume(config, "auto")
    assert config.load_from == str(folder / "step[1]_3.pth")


def test_what_cannot_be_resumed_is_refused_before_anything_is_built(config, tmp_path, said):
    torch.save({"state_dict": {"w": torch.ones(3)}, "meta": {}}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"has weights but no state of a training.*load_from="):
        resuming.resume(config, str(tmp_path / "weights.pth"))
    with pytest.raises(FileNotFoundError, match="absent"):
        resuming.resume(config, str(tmp_path / "absent.pth"))
    hostile, trace = write_hostile(tmp_path, meta={"epoch": 0, "iter": 1})
    with pytest.raises(ValueError, match="--trust-pickle"):
        resuming.resume(config, str(hostile))
    assert not trace.exists()
    torch.save({"meta": {"epoch": 0, "iter": 1}}, tmp_path / "bare.pth")
    resuming.resume(config, str(tmp_path / "bare.pth"))
    assert "without the optimiser's state" in said[0]
