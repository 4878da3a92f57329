"""What is decided and said before the first step."""

import pytest

from cnxv2_mm import command_line
from cnxv2_mm.recipes.pretraining.prepare import prepare, short
from cnxv2_mm.recipes.pretraining.request import Request
from cnxv2_mm.recipes.run_folder import RunFolder


def test_all_settings_are_printed_with_the_time_before_anything_is_trained(images, tmp_path, capsys):
    run = RunFolder(tmp_path / "run")
    prepare(
        run,
        Request(str(images), arch="atto", size=64, duration=60.0),
        "cnxv2 pretrain ...",
        command_line.console(width=200),
    )
    shown = capsys.readouterr().out
    for text in ("--time 1 min", "64 x 64 pixels", "left out: 1 unreadable", "It will take about", "float32"):
        assert text in shown
    assert run.config.is_file()
    assert not run.work.exists()


def test_an_unknown_size_and_a_mistake_leave_nothing(images, tmp_path):
    run = RunFolder(tmp_path / "run")
    console = command_line.console()
    for change, text in (({"arch": "big"}, "'big'"), ({"size": 100}, "--size 100"), ({"weights": "x.pth"}, "x.pth")):
        with pytest.raises((ValueError, OSError), match=text):
            prepare(run, Request(**{"images": str(images), "epochs": 1, **change}), "", console)
        assert not run.path.exists()


def test_files_of_the_user_are_never_removed(images, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    (run.path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="--size 100"):
        prepare(run, Request(str(images), size=100), "", command_line.console())
    assert [path.name for path in run.path.iterdir()] == ["mine.txt"]


def test_paths_below_the_working_folder_are_shown_short(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert short(tmp_path / "a" / "b") == "a/b"
    assert short(tmp_path.parent / "c") == str(tmp_path.parent / "c")
