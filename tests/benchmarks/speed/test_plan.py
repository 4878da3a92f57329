"""The runs that the page shows."""

import pytest

from benchmarks.speed.__main__ import parse_args
from benchmarks.speed.plan import PLAN
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
