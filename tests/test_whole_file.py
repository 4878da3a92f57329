import os

import pytest

from cnxv2_mm.whole_file import whole_file, whole_files


def test_the_target_has_its_old_content_until_the_end(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")
    with whole_file(target) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(error, tmp_path):
    target = tmp_path / "file"
    target.write_text("old")

    def write_half():
        with whole_file(target) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_left_is_replaced(tmp_path):
    child = os.fork()
    if not child:
        with whole_file(tmp_path / "file") as part:
            part.write_text("half")
            os._exit(0)
    os.waitpid(child, 0)
    assert [path.name for path in tmp_path.iterdir()] == [".file.part"]
    with whole_file(tmp_path / "file") as part:
        part.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "whole"


def test_a_link_stays_one(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    with whole_file(tmp_path / "link") as part:
        part.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_text() == "new"


def test_the_longest_names(tmp_path):
    target = tmp_path / ("é" * 127)  # of two bytes each
    with whole_file(target) as part:
        part.write_text("new")
    assert target.read_text() == "new"


def test_processes_of_one_run_write_the_same_file_at_once(tmp_path, monkeypatch):
    """The second begins and ends while the first one writes."""
    target = tmp_path / "file"
    monkeypatch.setenv("RANK", "0")
    with whole_file(target) as first:
        first.write_text("first")
        monkeypatch.setenv("RANK", "1")
        with whole_file(target) as second:
            second.write_text("second")
        assert target.read_text() == "second"
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


def test_several_files_get_their_places_at_the_end(tmp_path):
    target = tmp_path / "model.xml"
    target.write_text("old")
    with whole_files(target) as folder:
        (folder / "model.xml").write_text("new")
        (folder / "model.bin").write_text("weights")
        assert target.read_text() == "old"
        assert not (tmp_path / "model.bin").exists()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"model.xml": "new", "model.bin": "weights"}


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_a_failure_leaves_none_of_several_files(error, tmp_path):
    def write_half():
        with whole_files(tmp_path / "model.xml") as folder:
            (folder / "model.bin").write_text("weights")
            raise error

    with pytest.raises(error):
        write_half()
    assert list(tmp_path.iterdir()) == []
