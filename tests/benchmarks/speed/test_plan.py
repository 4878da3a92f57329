"""The runs that the page shows."""

import pytest

from benchmarks.speed.__main__ import parse_args
from benchmarks.speed.plan import CPU_RUNS, GPU_RUNS, PLAN
from benchmarks.speed.registry import PEERS
from tests.test_structure import ROOT


@pytest.mark.parametrize("run", PLAN, ids=lambda run: run.name)
def test_the_commands_of_the_page_are_understood(run):
    args = parse_args(run.argv)
    assert args.json.name == f"{run.name}.json"
    assert args.benchmark in PEERS
    # The command writes where the page looks for its results.
    assert args.json.parent == args.plot.parent
    assert (ROOT / args.json.parent).is_dir()


def test_a_run_on_a_gpu_is_named_after_the_card_that_ran_it_and_after_none_before():
    headings = [run.heading("NVIDIA A100") for run in GPU_RUNS]
    assert headings[0] == "NVIDIA A100, bfloat16: training step, tiny"
    assert all(heading.startswith("NVIDIA A100, bfloat16: ") for heading in headings)
    assert all(run.heading(None).startswith("GPU, bfloat16: ") for run in GPU_RUNS)
    assert all(run.name.startswith("gpu_") for run in GPU_RUNS)
    assert all(run.heading(None) == run.title for run in CPU_RUNS)
