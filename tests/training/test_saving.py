"""Real faults in the middle of a save: the process is killed, the disk is full, the folder is read-only."""

import os
import resource
import signal
import subprocess
import sys
from collections import deque
from contextlib import contextmanager
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.fileio import put_text
from mmengine.hooks import CheckpointHook

from cnxv2_mm.checkpoints import is_whole
from cnxv2_mm.training.resuming import _last_checkpoint
from cnxv2_mm.training.runner import build_runner
from cnxv2_mm.training.saving import write_whole
from tests.tools.conftest import CONFIG


@contextmanager
def small_disk(folder):
    """A file system of 200 kB, where that may be mounted; elsewhere files of at most 100 kB."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], stderr=subprocess.DEVNULL
    )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if not mounted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        yield mounted
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        if mounted:
            subprocess.check_call(["umount", "-l", str(folder)])


def test_a_full_disk_leaves_what_was_there(tmp_path):
    with small_disk(tmp_path / "disk"):
        file = tmp_path / "disk" / "iter_2.pth"
        write_whole(b"good", file)
        with pytest.raises(
            OSError, match=r"iter_2\.pth could not be written \(.*\): nothing .* is lost.*--resume"
        ) as e:
            write_whole(bytes(300_000), file)
        assert "\n" not in str(e.value)
        assert file.read_bytes() == b"good"
        assert os.listdir(file.parent) == ["iter_2.pth"]  # and the room is free again


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """Read-only, for root too where a file system may be mounted; and below a file, where there is no folder."""
    with small_disk(tmp_path / "disk") as mounted:
        file = tmp_path / "disk" / "iter_2.pth"
        write_whole(b"good", file)
        if mounted:
            subprocess.check_call(["mount", "-o", "remount,ro", str(file.parent)])
        else:
            file.parent.chmod(0o500)
        if mounted or os.geteuid():
            with pytest.raises(OSError, match=r"iter_2\.pth could not be written \((Read-only|Permission)"):
                write_whole(b"new", file)
        assert file.read_bytes() == b"good"
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file/iter_2\.pth could not be written \(File exists\)"):
        write_whole(b"new", tmp_path / "file" / "iter_2.pth")


def test_links_and_devices_stay_what_they_are(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    build_runner(Config({"model": {"type": "torch.nn.Identity"}, "work_dir": str(tmp_path / "run")}))
    put_text("text", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_text() == "text"
    put_text("text", os.devnull)
    assert not Path(os.devnull).is_file()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A runner that has saved iter_2.pth and may keep one checkpoint."""
    folder = tmp_path_factory.mktemp("saving")
    config = Config.fromstring(CONFIG, ".py")
    config.work_dir = str(folder / "run")
    config.default_hooks.checkpoint.update(max_keep_ckpts=1, save_best="digits/accuracy")
    config.train_cfg.update(max_iters=2, val_interval=2)
    runner = build_runner(config)
    runner.train()
    return runner


def checkpoint_hook(runner):
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, CheckpointHook))
    return hook


def killed_while_saving(runner, at):
    """Saves iteration 4 and a new best in a copy of this process; it dies at its ``at``-th change of a file.

    That is before a file is renamed or removed, or just after it was opened for writing, which empties it.

    Returns:
        Whether it was killed; False: there are fewer changes.
    """
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    count = 0

    def watch(event, arguments):
        nonlocal count
        writes = event == "open" and isinstance(arguments[1], str) and "w" in arguments[1]
        if not (writes or event in ("os.rename", "os.remove")) or runner.work_dir not in str(arguments[0]):
            return
        count += 1
        if count == at:
            if writes:
                os.close(os.open(arguments[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(watch)
        hook = checkpoint_hook(runner)
        runner.train_loop._iter = 4
        hook._save_checkpoint_with_step(runner, 4, {"epoch": 0, "iter": 4})
        hook._save_best_checkpoint(runner, {"digits/accuracy": 2.0})
    finally:
        os._exit(0)


def test_a_run_killed_at_any_moment_of_a_save_can_be_resumed(trained):
    work_dir = Path(trained.work_dir)
    before = {path: path.read_bytes() for path in work_dir.iterdir() if path.is_file()}
    (best,) = work_dir.glob("best_*.pth")
    survived = []
    for at in range(1, 30):
        killed = killed_while_saving(trained, at)
        # All that has the name of a checkpoint is one.
        assert all(map(is_whole, work_dir.glob("*.pth"))), at
        assert list(work_dir.glob("best_*.pth")), at
        assert (work_dir / "last_checkpoint").read_text(), at
        survived.append(_last_checkpoint(trained.cfg).name)
        if not killed:
            break
        for path in set(work_dir.iterdir()) - before.keys():
            if path.is_file():
                path.unlink()
        for path, content in before.items():
            path.write_bytes(content)
    assert len(survived) > 8  # three files to write, twice, and the old to remove
    assert survived == sorted(survived)
    assert {survived[0], survived[-1]} == {"iter_2.pth", "iter_4.pth"}
    # The whole save keeps one checkpoint and one best.
    assert [path.name for path in work_dir.glob("iter_*")] == ["iter_4.pth"]
    assert [path.name for path in work_dir.glob("best_*")] != [best.name]
    assert len(list(work_dir.glob("best_*"))) == 1


def test_a_copied_folder_does_not_reach_into_the_first(trained, tmp_path):
    """mmengine notes whole paths of what it will remove later."""
    hook = checkpoint_hook(trained)
    first = hook.best_ckpt_path
    trained.message_hub.update_info("best_ckpt", "/elsewhere/best.pth")
    hook.before_train(trained)
    assert hook.best_ckpt_path == str(Path(trained.work_dir) / "best.pth")
    trained.message_hub.update_info("best_ckpt", first)


def test_a_name_that_is_written_again_is_not_removed(trained):
    hook = checkpoint_hook(trained)
    hook.filename_tmpl, hook.keep_ckpt_ids = "weights.pth", deque([1], 1)
    hook._save_checkpoint_with_step(trained, 2, {"epoch": 0, "iter": 2})
    assert is_whole(Path(trained.work_dir) / "weights.pth")
