"""The card of a trained detector."""

import json


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
