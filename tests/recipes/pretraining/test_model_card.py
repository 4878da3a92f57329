"""The model card, read as a hub reads it."""

import yaml

from cnxv2_mm.recipes.pretraining.measures import Measures
from cnxv2_mm.recipes.pretraining.model_card import write_model_card
from cnxv2_mm.recipes.run_folder import RunFolder


def test_its_head_is_yaml_and_its_numbers_are_those_of_the_run(trained):
    text = (trained.config.parent / "README.md").read_text()
    _, head, body = text.split("---\n", maxsplit=2)
    assert yaml.safe_load(head)["license"] == "other"
    assert "fill in" in head
    assert f"| {trained.loss_first:.3g} | {trained.loss_last:.3g} |" in body
    assert "20 images of 80 x 64 to 80 x 73 pixels; left out: 1 unreadable" in body
    assert "\ncnxv2 pretrain photographs\n" in body
    assert "\nIt started from random weights.\n" in body


def test_the_licence_of_the_start_is_named(tmp_path):
    numbers = {"loss": 0.9, "patch_mean_loss": 0.99, "rank_me": 3.0}
    run = RunFolder(tmp_path)
    write_model_card(
        run, "Tiny", "2 images", "CC-BY-NC 4.0: no commercial use", [], Measures(numbers, numbers), "c", []
    )
    text = run.card.read_text()
    assert text.count("the weights it started from: CC-BY-NC 4.0: no commercial use") == 2
    assert yaml.safe_load(text.split("---\n")[1])["license"] == "other"
