"""The form of a model card, read with a YAML and a Markdown reader."""

import yaml

from cnxv2_mm.recipes.model_card import commands, settings_table, table, write_model_card
from cnxv2_mm.recipes.run_folder import RunFolder
from cnxv2_mm.recipes.settings import Setting


def test_the_head_is_yaml_and_the_parts_are_paragraphs(tmp_path):
    folder = RunFolder(tmp_path)
    write_model_card(folder, "A title", "MIT", ["tags: [one, two]"], ["First.", "Second."])
    _, head, body = folder.card.read_text().split("---\n")
    assert yaml.safe_load(head) == {"license": "other", "library_name": "cnxv2_mm", "tags": ["one", "two"]}
    assert "the weights it started from: MIT" in head
    assert body == "\n# A title\n\nFirst.\n\nSecond.\n"


def test_without_a_licence_none_is_named(tmp_path):
    folder = RunFolder(tmp_path)
    write_model_card(folder, "A title", None, [], [])
    assert "started from" not in folder.card.read_text()


def test_tables_and_commands():
    assert table(("a", "b"), [("1", "2"), ("3", "4")], numbers=(1,)).splitlines() == [
        "| a | b |",
        "|---|---:|",
        "| 1 | 2 |",
        "| 3 | 4 |",
    ]
    assert settings_table([Setting("size", "224", "--size")]).endswith("\n| size | 224 | --size |")
    assert commands(["cnxv2 zoo list"]) == "```bash\ncnxv2 zoo list\n```"
