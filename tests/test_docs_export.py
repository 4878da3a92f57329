"""What docs/export.md shows works: its options and its table are those of the code."""

import argparse
import re

import pytest

from cnxv2_mm.export import differences
from cnxv2_mm.export.export import TARGETS
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

PAGE = (ROOT / "docs" / "export.md").read_text()


def test_commands():
    lines = re.findall(r"^cnxv2 export (.*)$", PAGE, flags=re.MULTILINE)
    parse = load_tool("export").parse_args
    assert {parse(line.split()).to for line in lines} == set(TARGETS)


def test_options(monkeypatch):
    parsers = []
    parse = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", lambda *a, **k: parsers.append(a[0]) or parse(*a, **k))
    load_tool("export").parse_args(["run", "--to", "onnx"])
    offered = {option for action in parsers[0]._actions for option in action.option_strings if option.startswith("--")}
    table = PAGE.partition("| option |")[2].partition("\n\n")[0]
    shown = set(re.findall(r"^\| `(--[\w-]+)", table, flags=re.MULTILINE))
    assert shown == offered - {"--help", "--trust-pickle", "--traceback"}


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ("scores", differences._SCORE),
        ("boxes", differences._PIXELS),
        ("masks and label maps, share of the pixels", differences._SHARE),
        ("maps and logits, relative to the largest number", differences._RELATIVE),
    ],
)
def test_tolerances(row, values):
    numbers = re.search(rf"^\| {re.escape(row)} \| ([\d.]+)[^|]* \| ([\d.]+)", PAGE, flags=re.MULTILINE).groups()
    assert tuple(map(float, numbers)) == (values[False], values[True])
