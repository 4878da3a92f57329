"""What docs/finetune.md shows works: its commands are understood, its options are all, its trees are found."""

import argparse
import re
import shlex

import pytest

from cnxv2_mm.recipes.data.coco_files import find_files
from cnxv2_mm.recipes.finetuning.detector_sizes import choose_sizes
from cnxv2_mm.recipes.finetuning.start import find_start
from tests.recipes.finetuning.test_detector_sizes import data_of
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

PAGE = (ROOT / "docs" / "finetune.md").read_text()
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_are_understood(line):
    program, name, *words = shlex.split(line)
    assert program == "cnxv2"
    load_tool(name).parse_args(words)


def test_all_options_are_listed():
    section = PAGE.split("## Options")[1].split("\n## ")[0]
    parser = argparse.ArgumentParser()
    load_tool("finetune").add_arguments(parser, "detect")
    known = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    listed = set(re.findall(r"^\| `(--[a-z-]+)", section, flags=re.MULTILINE))
    assert listed == known - {"--help", "--from", "--traceback"}


def test_the_trees_of_coco_files_are_found(tmp_path):
    section = PAGE.split("## Detection")[1].split("\n## ")[0]
    trees = re.findall(r"```text\n(my_data.*?)```", section, flags=re.DOTALL)
    assert len(trees) == 3
    for number, tree in enumerate(trees):
        root = tmp_path / str(number)
        files = [root / line.split()[0].removeprefix("my_data/") for line in tree.splitlines()]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text('{"images": [], "annotations": [], "categories": []}')
        expected = (files[0], files[1] if files[1].suffix == ".json" else None)
        assert find_files(root) == expected


def test_the_limits_of_the_anchors():
    """'If a tenth of the objects is smaller than 23 pixels ...; larger than 724'."""
    limits = re.search(r"smaller than (\d+) pixels.*larger than (\d+)", PAGE, re.DOTALL)
    first, last = (int(number) for number in limits.groups())
    start = find_start("convnextv2_atto_fcmae")

    def scales(smallest, largest):
        return choose_sizes(data_of((1333, 800), smallest, largest), start).anchor_scales

    assert scales(first, last) == (8,)
    assert scales(first - 1, first - 1)[0] == 4
    assert scales(last + 2, last + 2)[-1] == 16
