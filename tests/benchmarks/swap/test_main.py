"""The command."""

import json

import pytest

from benchmarks.swap.__main__ import main
from tests.benchmarks.swap.examples import RETINANET


def test_the_command_walks_a_config(tmp_path, capsys):
    only = ["--only", "mmdet/retinanet/retinanet_r18_fpn_1x_coco.py", "--processes", "1"]
    assert main([*only, "--json", str(tmp_path / "r.json")]) == 0
    (found,) = json.loads((tmp_path / "r.json").read_text())["configs"]
    assert [found[key] for key in ("config", "state", "training", "prediction")] == [
        RETINANET,
        "swapped",
        "trained",
        "predicted",
    ]
    assert "1 of 1 models train; 1 of 1 models predict." in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"--sample 3 must lie in 1 \.\.\. 1"):
        main([*only, "--sample", "3"])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--update"], "--update needs --json with a file that an earlier walk wrote"),
        (["--update", "--json", "{}", "--sample", "1"], "--update is for whole libraries"),
        (["--update", "--json", "{}", "--only", "mmdet/retinanet"], "--update is for whole libraries"),
    ],
)
def test_what_is_known_is_updated_by_whole_libraries(options, why, tmp_path):
    (tmp_path / "r.json").write_text("{}")
    with pytest.raises(ValueError, match=why):
        main([option.format(tmp_path / "r.json") for option in options])
