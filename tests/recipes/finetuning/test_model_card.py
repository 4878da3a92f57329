"""The card of a trained detector."""

import json
from dataclasses import replace

import yaml

from cnxv2_mm.recipes.finetuning.model_card import write_model_card
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.settings import Setting


def test_the_card(ended):
    text = ended.config.with_name("README.md").read_text()
    front, body = text.removeprefix("---\n").split("---\n", 1)
    assert [line.split(":")[0] for line in front.splitlines()] == ["license", "library_name"]
    assert body.startswith("\n# Mask R-CNN with FPN\n\nTrained on 10 images with 20 objects of 2 classes of ")
    content = json.loads(ended.config.with_name("settings.json").read_text())
    for setting in content["settings"]:
        assert f"| {setting['name']} | {setting['value']} | {setting['why']} |" in body
    for name, score in ended.scores.items():
        assert f"| {name} | {score:.3f} |" in body
    assert all(line in body for line in content["next"])


def test_the_licence_of_the_start_is_named(ended, tmp_path):
    """A detector made from weights for research alone must not look free."""
    content = json.loads(ended.config.with_name("settings.json").read_text())
    settings = [Setting(**setting) for setting in content["settings"]]
    changed = [replace(one, value="CC-BY-NC 4.0") if one.name == "licence" else one for one in settings]
    run = RunFolder(tmp_path)
    write_model_card(run, changed, ended.scores, [])
    _, front, body = run.card.read_text().split("---\n", 2)
    assert yaml.safe_load(front) == {"license": "other", "library_name": "cnxv2_mm"}
    assert "the weights it started from: CC-BY-NC 4.0" in front
    assert "Licence of the weights it started from: CC-BY-NC 4.0." in body
