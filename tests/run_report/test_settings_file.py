"""What recipes write down is read back, and what is something else is refused."""

import json

import pytest

from cnxv2_mm.run_report.settings_file import Settings, read_settings


def test_a_whole_file(tmp_path):
    rows = [
        {"name": "lr", "value": 1e-3, "why": "the paper's"},
        {"name": "mean", "value": [1.5, 2, 3]},
        {"name": "labels", "value": True, "why": None},
        {"name": "weights", "value": None, "why": "ä"},
    ]
    content = {"task": "detect", "command": "cnxv2 finetune", "settings": rows, "machine": {"cores": 2}}
    content |= {"versions": {"torch": "2.14"}, "next": ["a", "b"]}
    (tmp_path / "settings.json").write_text(json.dumps(content))
    found = read_settings(tmp_path)
    expected = [("lr", "0.001", "the paper's"), ("mean", "1.5, 2, 3", ""), ("labels", "true", ""), ("weights", "", "ä")]
    assert found.settings == expected
    assert (found.task, found.command, found.next) == ("detect", "cnxv2 finetune", ["a", "b"])
    assert (found.machine, found.versions) == ({"cores": "2"}, {"torch": "2.14"})


def test_nothing(tmp_path):
    assert read_settings(tmp_path) == Settings()
    (tmp_path / "settings.json").write_text("{}")
    assert read_settings(tmp_path) == Settings(settings=[], next=[])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "settings.json is not a JSON file"),
        ("[]", "must have the form"),
        ('{"settings": [{"name": "lr"}]}', "must have the form"),
        ('{"settings": 3}', "must have the form"),
    ],
)
def test_other_files(tmp_path, text, message):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_settings(tmp_path)
