"""What docs/benchmark.md shows works: its commands are understood, its links lead to files, its columns are printed."""

import re
import shlex

import pytest

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu.steps import environment_step, list_steps
from benchmarks.speed import __main__ as speed
from benchmarks.speed.registry import PEERS
from benchmarks.speed.report import HEADINGS
from benchmarks.swap import __main__ as swap
from benchmarks.traffic import __main__ as traffic
from tests.test_structure import ROOT

TEXT = (ROOT / "docs" / "benchmark.md").read_text()
BLOCKS = "\n".join(re.findall(r"```bash\n(.*?)```", TEXT, flags=re.DOTALL)).replace("\\\n", " ")
COMMANDS = [shlex.split(line, comments=True) for line in BLOCKS.splitlines() if line.strip()]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_commands_are_understood(command):
    program, *rest = command
    if program == "make":
        assert f"\n{rest[0]}:" in (ROOT / "Makefile").read_text()
        return
    assert program == "python"
    if rest[0] == "tools/benchmark.py":
        speed.parse_args(rest[1:])
    elif rest[:2] == ["-m", "benchmarks.traffic"]:
        traffic.parse_args(rest[2:])
    else:
        assert rest[:2] == ["-m", "benchmarks.swap"]
        swap.parse_args(rest[2:])


def test_the_steps_on_a_gpu_are_those_that_are_run():
    section = TEXT.split("### On a GPU")[1].split("###")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    steps = [environment_step("cuda"), *list_steps("cuda", False, ROOT)]
    assert sorted(named) == sorted(step.name for step in steps)
    for command in re.findall(r"`python3 -m benchmarks\.gpu (.*?)`", section):
        gpu.parse_args(shlex.split(command))


def test_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) >= 4
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_every_column_and_every_peer_is_explained():
    assert all(f"| `{heading}` |" in TEXT for heading in HEADINGS)
    ours = {"packed", "ours"}
    named = set().union(*PEERS.values())
    assert {name for name in named - ours if not name.endswith("channels_last")} <= set(re.findall(r"`(\w+)`", TEXT))
