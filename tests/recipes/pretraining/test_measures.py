"""The measures of a run whose log lies in two files."""

import json

import pytest

from cnxv2_mm.recipes.pretraining.measures import read_measures


def write(folder, steps):
    folder.mkdir(parents=True)
    lines = [
        {"loss": 1.0, "step": 1},
        *({"held_out/loss": 1 - s / 10, "held_out/rank_me": 2.0, "step": s} for s in steps),
    ]
    (folder / "scalars.json").write_text("\n".join(map(json.dumps, lines)) + '\n{"held_out/lo')


def test_first_and_last_of_all_logs(tmp_path):
    write(tmp_path / "20260102" / "vis_data", [4, 6])
    write(tmp_path / "20260101" / "vis_data", [0, 2, 4])
    found = read_measures(tmp_path)
    assert found.first == {"loss": 1.0, "rank_me": 2.0}
    assert found.last == {"loss": 0.4, "rank_me": 2.0}


def test_a_run_without_measures_is_an_error(tmp_path):
    with pytest.raises(
        ValueError, match=r"no measures of held-out images: the config needs cnxv2_mm\.FeatureProbeHook"
    ):
        read_measures(tmp_path)
