"""What the README shows works, and what it counts is what was counted."""

import json
import re
import shlex

import pytest

import cnxv2_mm
from cnxv2_mm.__main__ import COMMANDS
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
SHELL = "\n".join(re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL))


def test_the_first_lines_print_the_shapes_that_they_say(capsys):
    exec(BLOCKS[0], {})
    assert f"# {capsys.readouterr().out.strip()}" in BLOCKS[0]


def test_a_stranger_reads_it_in_one_go():
    assert len(README.splitlines()) <= 150


def test_its_commands_take_the_arguments_that_it_shows():
    lines = re.findall(r"^cnxv2 (\w+) (.*?)(?:  #.*)?$", SHELL, flags=re.MULTILINE)
    assert {"pretrain", "finetune", "predict", "embed", "swap", "train", "test", "export", "zoo", "convert"} <= {
        command for command, _ in lines
    }
    for command, arguments in lines:
        tool = load_tool(COMMANDS[command][0].removesuffix(".py"))
        tool.parse_args(shlex.split(arguments))  # exits where it does not know one
    listed = re.search(r"^cnxv2 --help +# (.*): in any folder", SHELL, flags=re.MULTILINE)[1]
    assert listed.split(", ") == list(COMMANDS)


def test_its_make_targets_exist():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"^make ([\w-]+)", SHELL, flags=re.MULTILINE)
    assert {"demo", "test"} <= set(named) <= set(targets)


def test_the_wheel_that_it_names_is_that_of_this_version():
    assert f"cnxv2_mm-{cnxv2_mm.__version__}-py3-none-any.whl[onedl]" in SHELL
    projects = (ROOT / "pyproject.toml").read_text()
    assert all(f"\n{extra} = [" in projects for extra in re.findall(r"`\[(\w+)\]`", README))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", path.read_text()):
        if target.startswith("https://"):
            continue
        page = path.parent / target if target else path
        assert page.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_the_coverage_of_the_swap_is_the_one_that_was_measured():
    report = json.loads((ROOT / "benchmarks" / "swap" / "coverage.json").read_text())
    three = ("mmdet::", "mmseg::", "mmpretrain::")  # what `make install` installs; others have rows of their own
    configs = [config for config in report["configs"] if config["config"].startswith(three)]
    states = [config["state"] for config in configs]
    swapped = states.count("swapped")
    build = sum(state not in ("other", "unreadable", "unbuilt") for state in states)
    text = " ".join(README.split())
    assert f"{swapped} ({swapped / build:.1%}) of the {build} published configs".replace("%", " %") in text
    trained = [c["training"] for c in configs if c["training"] != "not asked"]
    predicted = [c["prediction"] for c in configs if c["prediction"] != "not asked"]
    ran = f"{trained.count('trained')} of them ran a training step and {predicted.count('predicted')} a prediction"
    assert f"{len(trained)} kinds of model: {ran}" in text
    assert "failed" not in trained + predicted
