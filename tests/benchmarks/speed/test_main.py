"""The command: what it prints, its JSON and its exit status, as `python tools/benchmark.py` runs it."""

import json
import subprocess
import sys

import pytest
from matplotlib import pyplot as plt

from benchmarks.speed import __main__ as command
from benchmarks.speed.result import NotTimed, Result
from tests.benchmarks.speed.examples import result, table
from tests.test_structure import ROOT


def test_a_run_writes_everything_that_it_measured(tmp_path, capsys):
    argv = [
        "pretrain",
        "--arch",
        "atto",
        "--size",
        "64",
        "--batch-size",
        "1",
        "--repeats",
        "3",
        "--warm-up",
        "1",
        "--least-seconds",
        "0.05",
    ]
    argv += ["--peers", "packed", "masked_dense", "minkowski", "--mask-ratio", "0.5", "0.75"]
    argv += ["--json", str(tmp_path / "a/run.json"), "--plot", str(tmp_path / "b/run.png")]
    assert command.main(argv) == 0
    printed = capsys.readouterr().out
    assert "forward and backward, 1 image of 64 x 64, 2 of 4 patches visible" in printed
    assert "packed" in printed

    content = json.loads((tmp_path / "a/run.json").read_text())
    assert content["command"] == f"python tools/benchmark.py {' '.join(argv)}"
    assert content["settings"]["mask_ratio"] == [0.5, 0.75]
    assert content["machine"]["threads"] >= 1
    assert content["machine"]["cpu"]
    assert {"torch", "timm", "mmpretrain", "python", "commit"} <= content["versions"].keys()
    assert [t["num_visible"] for t in content["tables"]] == [2, 1]
    for one in content["tables"]:
        named = [line["peer"] for line in one["rows"] + one["missing"]]
        assert sorted(named) == ["masked_dense", "minkowski", "packed"]
        for line in one["rows"]:
            assert len(line["seconds"]) == 3
            assert line["peak_bytes"] > line["saved_bytes"] > 0
            assert line["output_error"] < 1e-5
            assert line["derived"]["images_per_second"] == pytest.approx(1 / line["derived"]["seconds"]["median"])
        assert one["rows"][0]["derived"]["ratio_to_first"] == 1
    assert plt.imread(tmp_path / "b/run.png").std() > 0
    assert Result.read(tmp_path / "a/run.json").tables[0].rows[0].peer == "packed"


def test_a_failing_peer_is_the_exit_status(monkeypatch, capsys):
    failed = NotTimed("timm", False, "its outputs differ by 0.3", failed=True)
    monkeypatch.setattr(command, "measure", lambda args, text: result(table(packed=[1.0], missing=[failed])))
    assert command.main(["pretrain"]) == 1
    assert "differ by 0.3" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        ["pretrain", "--size", "64", "96", "--batch-size", "1", "2", "3"],
        ["backbone", "--repeats", "0"],
        ["backbone", "--mask-ratio", "0.6"],
        ["step", "--peers", "timm"],
    ],
)
def test_impossible_arguments_are_refused(argv, capsys):
    with pytest.raises(SystemExit) as status:
        command.parse_args(argv)
    assert status.value.code == 2
    capsys.readouterr()


def test_the_tool_finds_its_code_from_any_folder(tmp_path):
    """Also beside other folders of that name, and without the checkout on Python's path."""
    (tmp_path / "benchmarks").mkdir()
    tool = [sys.executable, "-I", str(ROOT / "tools" / "benchmark.py")]
    printed = subprocess.run([*tool, "step", "--help"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "--mask-ratio" in printed
