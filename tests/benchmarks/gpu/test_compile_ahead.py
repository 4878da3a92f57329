"""Commands side by side, and what is thrown away afterwards."""

import os
import sys
import time

from benchmarks.gpu import compile_ahead
from benchmarks.gpu.compile_ahead import forget_choices, list_commands, run_all
from benchmarks.gpu.steps import list_steps
from benchmarks.speed import __main__ as speed
from benchmarks.speed.plan import GPU_RUNS


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_commands_run_side_by_side(tmp_path):
    """Each opens one end of a pipe, which waits for the other end."""
    os.mkfifo(tmp_path / "pipe")
    ends = [python(f"open({str(tmp_path / 'pipe')!r}, {mode!r})") for mode in "rw"]
    assert run_all(ends, seconds=60) == []


def test_what_fails_or_is_not_done_in_time_is_told():
    started = time.monotonic()
    slow = python("import time; time.sleep(1000)")
    complaints = run_all([slow, python("exit(3)"), python(""), slow], seconds=2)
    assert time.monotonic() - started < 10
    kinds = [complaint.partition(":")[0] for complaint in complaints]
    assert kinds == ["not done in 2 seconds", "exit status 3", "not done in 2 seconds"]


def test_only_choices_are_forgotten(tmp_path):
    (tmp_path / "ab").mkdir()
    for name in ("ab/x.best_config", "y.best_config", "ab/x.py"):
        (tmp_path / name).write_text("")
    assert forget_choices(tmp_path) == 2
    assert [path.name for path in tmp_path.rglob("*.*")] == ["x.py"]


def test_each_network_is_compiled_as_its_step_does():
    """The same batch, size and type of numbers: another graph would be compiled again."""
    plan = {run.name: speed.parse_args(run.argv) for run in GPU_RUNS}
    *programs, training = list_commands()
    assert len(programs) == len(compile_ahead.NETWORKS)
    for (name, peer), (_, _, *argv) in zip(compile_ahead.NETWORKS, programs, strict=True):
        args = speed.parse_args(argv)
        assert (args.peers, args.repeats, args.json) == ([peer], 1, None)
        same = ("benchmark", "arch", "batch_size", "size", "device", "dtype", "compile", "mask_ratio")
        assert [getattr(args, key) for key in same] == [getattr(plan[name], key) for key in same]
        assert peer in plan[name].peers
        assert plan[name].compile
    (step,) = (step for step in list_steps("cuda", False, compile_ahead.ROOT) if step.name == "train_compiled")
    assert training == [*(word for word in step.command if word not in ("--device", "cuda")), "--iterations", "2"]


def test_a_failure_is_the_exit_status(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    (tmp_path / "y.best_config").write_text("")
    for code in (0, 4):
        monkeypatch.setattr(compile_ahead, "list_commands", lambda code=code: [python(f"exit({code})")])
        assert compile_ahead.main([]) == int(code > 0)
    printed = capsys.readouterr().out
    assert printed.startswith("1 choices among variants")
    assert "exit status 4" in printed
