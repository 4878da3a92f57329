"""``cnxv2 analyze``: files, table, and mistakes as one line."""

import json
import re
import sys

import pytest

from cnxv2_mm import command_line
from cnxv2_mm.analysis.report.results import summary
from tests.analysis.report import toy
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return toy.write_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return toy.write_photographs(tmp_path_factory.mktemp("photographs"))


def test_files_and_table(checkpoints, folder, tmp_path, capsys):
    out = tmp_path / "new" / "out"
    small = ["--size", "64", "--batch-size", "6", "--max-images", "8"]
    results = load_tool("analyze").main([*checkpoints, "--data", str(folder), "--out", str(out), *small])
    shown = capsys.readouterr().out
    assert "8 of 11 images" in shown
    data = json.loads((out / "analysis.json").read_text())
    assert [entry["label"] for entry in data["checkpoints"]] == ["v1/last", "v2/last"]
    for entry, result in zip(data["checkpoints"], results, strict=True):
        assert f"│ {entry['label']} " in shown
        assert f"{result.rank_me:.1f} / 8" in shown
        assert entry["layers"][2]["cosine_distance"] == result.layers[2].cosine_distance
    assert "v1/last" in (out / "page.html").read_text()
    page = (ROOT / "docs" / "analyze.md").read_text()
    assert {path.name for path in out.iterdir()} == set(re.findall(r"`([a-z_]+\.(?:html|json|csv|svg|png))`", page))
    explained = set(re.findall(r"`([\w -]+)`", page[page.index("## What the numbers mean") :]))
    columns, _ = summary(results)
    assert set(columns[1:]) - {"distance 2", "distance 3"} <= explained


def test_mistakes_are_one_line_and_write_nothing(checkpoints, folder, tmp_path, capsys, monkeypatch):
    analyze = load_tool("analyze")
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    start = ["analyze", checkpoints[0], "--out", str(out)]
    data = ["--data", str(folder)]
    for arguments, message in (
        ([*start, *data, "--size", "100"], "--size=100 must be a multiple of 32"),
        ([*start, *data, "--size", "32"], "--size=32 must be"),
        ([*start, *data, "--max-images", "0"], "--max-images=0 must be"),
        ([*start, *data, "--batch-size", "0"], "--batch-size=0 must be"),
        ([*start, *data, "--mean", "1", "2"], "--mean has 2 numbers"),
        ([*start, "--data", str(tmp_path / "none")], f"--data {tmp_path / 'none'} is no folder"),
        ([*start, "--data", str(tmp_path / "empty")], f"--data {tmp_path / 'empty'} has no images"),
        (["analyze", "none.pth", *data, *start[2:]], "checkpoint='none.pth' does not exist"),
    ):
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as stop:
            command_line.run("analyze", analyze.main)
        assert stop.value.code.startswith(f"analyze: {message}")
        assert len(stop.value.code.splitlines()) == 2  # with the hint at --traceback
    monkeypatch.setattr(sys, "argv", start)
    with pytest.raises(SystemExit):
        analyze.main()
    assert "required: --data" in capsys.readouterr().err
    assert not out.exists()
