"""What docs/analyze.md says of options, columns and files is what the command has."""

import re

from cnxv2_mm.analysis.report.results import LAYER_COLUMNS
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

PAGE = (ROOT / "docs" / "analyze.md").read_text()


def test_commands_and_defaults():
    parse_args = load_tool("analyze").parse_args
    commands = re.findall(r"^cnxv2 analyze (.*)$", PAGE, flags=re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        args = parse_args(command.split())
    assert len(args.checkpoints) == 3
    defaults = parse_args(["x.pth", "--data", "images"])
    for option, value in re.findall(r"^\| `--([\w-]+)` \| (\d+) \|", PAGE, flags=re.MULTILINE):
        assert getattr(defaults, option.replace("-", "_")) == int(value)
    options = {name for name in re.findall(r"`--([\w-]+)`", PAGE) if name != "out"}
    assert options <= {name.replace("_", "-") for name in vars(defaults)}
    assert f"`--out` (`{defaults.out}`" in PAGE
    assert "`always_dead` in `layers.csv`" in PAGE
    assert "always_dead" in LAYER_COLUMNS
