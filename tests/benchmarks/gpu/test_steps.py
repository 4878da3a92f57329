"""The steps: ten minutes in all, and commands that what they start understands."""

import importlib
import sys
from pathlib import Path

import pytest

from benchmarks.gpu.steps import TESTS, environment_step, list_steps
from benchmarks.speed import __main__ as speed
from benchmarks.speed.plan import GPU_RUNS
from tests.test_structure import ROOT

FOLDER = Path("results")
STEPS = {quick: list_steps("cpu" if quick else "cuda", quick, FOLDER) for quick in (False, True)}


def test_all_limits_together_are_ten_minutes():
    assert sum(step.limit for step in [environment_step("cuda"), *STEPS[False]]) <= 600


def test_the_compiler_runs_before_what_it_compiles_and_after_the_tests():
    names = [step.name for step in STEPS[False]]
    place = names.index("compile")
    assert names.index("cuda_tests") < place
    assert all(names.index(name) > place for name in [*(run.name for run in GPU_RUNS), "no_waiting", "train_compiled"])


@pytest.mark.parametrize("quick", [False, True])
def test_benchmarks_are_those_of_the_plan(quick):
    steps = {step.name: step for step in STEPS[quick]}
    for run in GPU_RUNS:
        python, tool, *rest = steps[run.name].command
        assert (python, tool) == (sys.executable, "tools/benchmark.py")
        args = speed.parse_args(rest)
        assert args.json == FOLDER / f"{run.name}.json"
        assert args.benchmark == run.arguments.split()[0]
        assert args.device == ("cpu" if quick else "cuda")
        planned = speed.parse_args(run.argv)
        assert args.peers == (planned.peers[:2] if quick else planned.peers)
        if not quick:
            assert steps[run.name].limit > (planned.prepare_seconds or 0)
            assert vars(args) == {**vars(planned), "json": args.json, "plot": None}


@pytest.mark.parametrize("quick", [False, True])
def test_the_other_commands_are_there(quick):
    modules = [step.command[step.command.index("-m") + 1] for step in STEPS[quick] if "-m" in step.command]
    ours = {name for name in modules if name.startswith("benchmarks")}
    assert len(ours) == 4
    assert all(hasattr(importlib.import_module(name), "main") for name in ours)
    assert all((ROOT / path).exists() for path in TESTS)


def test_a_dry_run_is_quick_and_uses_no_gpu():
    for step in STEPS[True]:
        if not step.needs_gpu:
            assert "cuda" not in step.command
            assert "--quick" in step.command or "64" in step.command
