"""The table, the JSON and the CSV say what was measured."""

import csv
import io
import json

import pytest

from cnxv2_mm.analysis.report.results import as_csv, as_json, as_table, layer_rows, summary


def test_json_holds_all_numbers(results, images, checkpoints):
    data = json.loads(as_json(results, images, 64))
    assert data["data"]["classes"] == ["astronaut", "chelsea"]
    assert (data["data"]["images"], data["data"]["held_out"], data["data"]["size"]) == (11, 2, 64)
    assert [entry["checkpoint"] for entry in data["checkpoints"]] == checkpoints
    v1, v2 = data["checkpoints"]
    assert (v1["label"], v1["dialect"]) == ("V1 <$x$>", "ours")
    assert "no GRN, layer scale" in v1["architecture"]
    assert (v1["features"], v2["features"]) == (
        {"dim": 20, "behind_final_norm": True},
        {"dim": 20, "behind_final_norm": False},
    )
    assert v1["reconstruction_loss"] is None
    assert v2["reconstruction_loss"] == results[1].reconstruction_loss
    for entry, result in zip((v1, v2), results, strict=True):
        assert entry["singular_values"] == result.singular_values.tolist()
        assert (entry["rank_me"], entry["knn"], entry["linear_probe"]) == (
            result.rank_me,
            result.knn,
            result.linear_probe,
        )
        for numbers, layer in zip(entry["layers"], result.layers, strict=True):
            assert numbers["cosine_distance"] == layer.cosine_distance
            assert (numbers["dead"], numbers["saturated"]) == (layer.activity.dead, layer.activity.saturated)
            assert numbers["selectivity"] == pytest.approx(sum(layer.selectivity.tolist()) / len(layer.selectivity))


def test_csv_has_a_line_for_each_block(results):
    lines = list(csv.DictReader(io.StringIO(as_csv(results))))
    assert [line["checkpoint"] for line in lines] == ["V1 <$x$>"] * 5 + ["V2"] * 5
    assert float(lines[7]["cosine_distance"]) == results[1].layers[2].cosine_distance
    assert (lines[8]["stage"], lines[8]["block"], lines[8]["channels"]) == ("3", "2", "64")
    assert len(layer_rows(results)) == 10


def test_the_table_averages_over_blocks_and_leaves_out_empty_columns(results):
    columns, (v1, v2) = summary(results)
    stage3 = [layer.cosine_distance for layer in results[1].layers[2:4]]
    assert v2[columns.index("distance 3")] == f"{sum(stage3) / 2:.3f}"
    assert v1[columns.index("loss")] == "-"
    assert v2[columns.index("loss")] == f"{results[1].reconstruction_loss:.3f}"
    dead = [layer.activity.dead for layer in results[0].layers]
    assert v1[columns.index("dead")] == f"{100 * sum(dead) / 5:.1f} %"
    assert v1[columns.index("RankMe")] == f"{results[0].rank_me:.1f} / 11"
    assert "loss" not in summary(results[:1])[0]
    assert as_table(results, "title").row_count == 2
