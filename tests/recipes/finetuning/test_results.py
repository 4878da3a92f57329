"""The best scores and weights: the log and the checkpoints of a real run are the oracle."""

import json

import pytest
import torch

from cnxv2_mm.checkpoints import allow_checkpoint_types
from cnxv2_mm.recipes.finetuning.detection import Detection
from cnxv2_mm.recipes.finetuning.results import best_scores, write_model
from cnxv2_mm.recipes.run_folder import RunFolder


def test_the_model_file_has_weights_and_classes_alone(ended):
    allow_checkpoint_types()
    content = torch.load(ended.model, weights_only=True)
    assert content.keys() == {"meta", "state_dict"}
    assert content["meta"]["dataset_meta"]["classes"] == ("roof", "petal")
    (saved,) = [*ended.model.parent.glob("run/best_*.pth")] or ended.model.parent.glob("run/iter_*.pth")
    expected = torch.load(saved, weights_only=True)["state_dict"]
    assert content["state_dict"].keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in content["state_dict"].items())
    assert ended.model.stat().st_size < 0.6 * saved.stat().st_size


def write_scalars(folder, run, *lines):
    file = folder.work / run / "vis_data" / "scalars.json"
    file.parent.mkdir(parents=True)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_the_best_scores_of_all_parts_of_a_run(tmp_path):
    folder = RunFolder(tmp_path)
    assert best_scores(folder, Detection.scores) == {}
    write_scalars(folder, "1", {"loss": 3.0}, {"coco/bbox_mAP": 0.4, "coco/bbox_mAP_50": 0.9, "coco/segm_mAP": 0.1})
    write_scalars(folder, "2", {"coco/bbox_mAP": 0.5, "coco/bbox_mAP_50": 0.8}, {"coco/bbox_mAP": 0.3})
    assert best_scores(folder, Detection.scores) == {"box AP": 0.5, "box AP50": 0.8}


def test_a_run_without_checkpoints(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no checkpoint"):
        write_model(RunFolder(tmp_path), Detection.scores[0])
