"""`tools/benchmark.py loading` from its options to its files."""

import json

import pytest

from benchmarks.speed import __main__ as command


def test_a_run_writes_what_it_measured(tmp_path, capsys):
    argv = ["loading", "--images", "4", "--size", "32", "--peers", "ours", "mmcv_pillow", "--repeats", "1"]
    argv += ["--least-seconds", "0", "--json", str(tmp_path / "a.json"), "--markdown", str(tmp_path / "a.md")]
    assert command.main(argv) == 0
    assert "mmcv_pillow" in capsys.readouterr().out
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["command"] == f"python tools/benchmark.py {' '.join(argv)}"
    assert content["machine"]["threads"] == 1
    assert {"torchvision", "pillow", "opencv", "mmcv"} <= content["versions"].keys()
    assert [table["way"] for table in content["tables"]] == [
        "a batch in one process",
        "the same, and what the device does",
    ]
    assert (tmp_path / "a.md").read_text().startswith("# Images a second\n")


@pytest.mark.parametrize(
    "options", [["--repeats", "0"], ["--images", "0"], ["--workers", "-1"], ["--peers", "timm"]], ids=" ".join
)
def test_impossible_options_are_refused(options, capsys):
    with pytest.raises(SystemExit) as status:
        command.parse_args(["loading", *options])
    assert status.value.code == 2
    capsys.readouterr()
