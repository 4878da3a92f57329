"""The demo's scores: the reading of logs, the table, the JSON."""

import json

import pytest
from rich.console import Console

from demo.scores import Score, make_score, print_table, read_metric, read_value, write_json
from demo.tasks import Metric, Task


def test_read_value_takes_the_last_value_of_the_newest_run(tmp_path):
    for run, lines in {
        "20260101_000000": ['{"mIoU": 9.0}'],
        "20260102_000000": ['{"loss": 2.0}', '{"mIoU": 50.0}'],
    }.items():
        (tmp_path / "run" / run / "vis_data").mkdir(parents=True)
        (tmp_path / "run" / run / "vis_data/scalars.json").write_text("\n".join(lines) + "\n")
    assert read_value(tmp_path / "run", "mIoU") == 50.0
    assert read_metric(tmp_path, Metric("mIoU", "mIoU", target=None)) == 50.0
    with pytest.raises(KeyError, match=r"'accuracy/top1' is in no line of .*20260102_000000"):
        read_value(tmp_path / "run", "accuracy/top1")
    with pytest.raises(KeyError, match="is in no line of"):
        read_value(tmp_path / "never_run", "mIoU")


def test_a_detector_that_finds_nothing_has_an_ap_of_0(tmp_path):
    """As pycocotools would say; mmdet's metric logs nothing then."""
    (tmp_path / "run/20260101_000000/vis_data").mkdir(parents=True)
    (tmp_path / "run/20260101_000000/vis_data/scalars.json").write_text('{"loss": 2.0}\n')
    box = Metric("box AP50", "coco/bbox_mAP_50", target=None)
    assert read_metric(tmp_path, box) == 0.0
    with pytest.raises(KeyError, match="is in no line of"):
        read_metric(tmp_path / "never_run", box)


@pytest.mark.parametrize(
    ("value", "target", "higher_is_better", "reached"),
    [
        (60.0, 0.6, True, True),
        (59.9, 0.6, True, False),
        (60.0, 0.1, True, True),
        (20.0, 0.1, True, False),  # above its target, but a trivial predictor gets 0.3
        (29.0, None, False, True),
        (30.0, None, False, False),  # as good as the trivial predictor is not better
    ],
)
def test_a_score_has_to_reach_its_target_and_beat_the_trivial_predictor(value, target, higher_is_better, reached):
    metric = Metric("name", "key", target, unit=100.0, higher_is_better=higher_is_better)
    task = Task("name", "Title", (), 1, (metric,))
    assert make_score(task, metric, value, trivial=0.3, seconds=1.0).reached is reached


LINES = [
    Score("FCMAE pre-training", "reconstruction loss", 0.7, 1.0, 1.0, False, 100.4),
    Score("Mask R-CNN", "box AP50", 0.71, 0.02, 0.6, True, 120.0),
    Score("Mask R-CNN", "mask AP50", 0.41, 0.01, 0.55, True, 120.0),
]


def test_the_table_shows_every_score_and_which_is_too_low():
    console = Console(record=True, width=120)
    print_table(console, LINES)
    rows = [line for line in console.export_text().splitlines() if "│" in line]
    assert len(rows) == 3
    assert all(text in rows[0] for text in ("FCMAE pre-training", "reconstruction loss", "0.700", "1.000", "100"))
    assert "NOT REACHED" not in rows[0] + rows[1]
    assert all(text in rows[2] for text in ("mask AP50", "0.410", "0.010", "≥ 0.55", "NOT REACHED"))


def test_the_json_holds_what_the_table_shows(tmp_path):
    write_json(tmp_path / "scores.json", LINES, total_seconds=401.26)
    report = json.loads((tmp_path / "scores.json").read_text())
    assert report["total_seconds"] == 401.3
    assert report["all_reached"] is False
    assert [one["reached"] for one in report["scores"]] == [True, True, False]
    assert report["scores"][2] | {"reached": None} == {
        "task": "Mask R-CNN",
        "metric": "mask AP50",
        "score": 0.41,
        "trivial": 0.01,
        "target": 0.55,
        "higher_is_better": True,
        "seconds": 120.0,
        "reached": None,
    }
